"""The one place that renders: a private scene with copies of a model, looked at by any Camera."""

from __future__ import annotations

import struct
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from functools import cache
from pathlib import Path

import bpy
import numpy as np
from mathutils import Matrix

from ...inference.geometry import Camera, blender_axes, nearby
from ...inference.views.templates import Render, Rendering
from ..blender.cameras import blender_lens, blender_scale
from ..blender.models import Model
from ..blender.own_data_blocks import remove, render_result_kept
from ..blender.render_graph import world_matrix
from ..running.quiet_blender import fast_folder, quiet

CYCLES_SAMPLES = 2  # of Cycles: enough to look at
SKY = "studiolights/world/studio.exr"  # one of Blender's own


@contextmanager
def studio(model: Model, background: str = "WHITE", samples: int = CYCLES_SAMPLES) -> Iterator[Render]:
    """Gives a function that renders the model, moved to centre 0 and scaled to radius 1, from a Camera.

    Works in a scene of its own and removes all it made, also after an error; the user's scene stays untouched.
    background: WHITE or TRANSPARENT (even white light), or HDRI (one of Blender's skies).
    """
    made: list[bpy.types.ID] = []
    try:
        scene = bpy.data.scenes.new("Photo Pose Studio")
        made.append(scene)
        _furnish(made, scene, model)
        _light(made, scene, background == "HDRI")
        _set_up(scene, samples, background == "HDRI")
        with tempfile.TemporaryDirectory(dir=fast_folder()) as folder:
            yield lambda view: _render(scene, view, Path(folder) / "view.exr")
    finally:
        remove(made)


def _furnish(made: list[bpy.types.ID], scene: bpy.types.Scene, model: Model) -> None:
    """All new data-blocks go into made, here as below, at once: what follows may fail."""
    lens = bpy.data.cameras.new("Photo Pose Camera")
    made.append(lens)
    lens.clip_start, lens.clip_end = 0.01, 1000.0
    scene.camera = bpy.data.objects.new("Photo Pose Camera", lens)
    made.append(scene.camera)
    scene.collection.objects.link(scene.camera)
    normalise = np.diag([1 / model.sphere.radius] * 3 + [1.0])
    normalise[:3, 3] = -np.asarray(model.sphere.center) / model.sphere.radius
    stand = bpy.data.objects.new("Photo Pose Stand", None)
    made.append(stand)
    anchored = _Anchored(made, stand, normalise)
    for item in model.parts:
        part = bpy.data.objects.new("Photo Pose Part", item.mesh)
        made.append(part)
        _place(part, stand, normalise @ item.matrix)
        part.color, part.pass_index = item.color, item.index
        scene.collection.objects.link(part)
        for slot in part.material_slots:
            if slot.material and _points_at_objects(slot.material.node_tree):
                original, slot.link = slot.material, "OBJECT"
                slot.material = anchored.material(original)


def _place(obj: bpy.types.Object, stand: bpy.types.Object, matrix: np.ndarray) -> None:
    """Through its parent, as an object's own location, rotation and scale cannot shear it."""
    obj.parent = stand
    obj.matrix_parent_inverse = Matrix(matrix)


def _points_at_objects(tree: bpy.types.NodeTree | None) -> bool:
    """Whether nodes, or those in groups, take the coordinates of another object."""
    nodes = tree.nodes if tree else ()
    return any(getattr(node, "object", None) or _points_at_objects(getattr(node, "node_tree", None)) for node in nodes)


class _Anchored:
    """Copies of materials that point at objects: at ones of the studio, where those are as the model is there.

    normalise (4, 4): world -> studio. All new data-blocks go into made.
    """

    def __init__(self, made: list[bpy.types.ID], stand: bpy.types.Object, normalise: np.ndarray) -> None:
        self.made, self.stand, self.normalise = made, stand, normalise
        self.material, self.anchor = cache(self._material), cache(self._anchor)

    def _material(self, original: bpy.types.Material) -> bpy.types.Material:
        material = original.copy()
        self.made.append(material)
        self._redirect(material.node_tree)
        return material

    def _redirect(self, tree: bpy.types.NodeTree) -> None:
        for node in tree.nodes:
            if getattr(node, "object", None):
                node.object = self.anchor(node.object)
            if _points_at_objects(getattr(node, "node_tree", None)):
                node.node_tree = node.node_tree.copy()
                self.made.append(node.node_tree)
                self._redirect(node.node_tree)

    def _anchor(self, original: bpy.types.Object) -> bpy.types.Object:
        anchor = bpy.data.objects.new("Photo Pose Anchor", None)
        self.made.append(anchor)
        _place(anchor, self.stand, self.normalise @ world_matrix(original))
        return anchor


def _light(made: list[bpy.types.ID], scene: bpy.types.Scene, sky: bool) -> None:
    scene.world = bpy.data.worlds.new("Photo Pose World")
    made.append(scene.world)
    scene.world.use_nodes = True
    nodes, links = scene.world.node_tree.nodes, scene.world.node_tree.links
    background = next(node for node in nodes if node.type == "BACKGROUND")  # its name is in the user's language
    background.inputs["Color"].default_value = (1, 1, 1, 1)
    if sky:
        texture = nodes.new("ShaderNodeTexEnvironment")
        path = Path(bpy.utils.system_resource("DATAFILES"), SKY)
        texture.image = bpy.data.images.load(str(path))
        made.append(texture.image)
        links.new(texture.outputs["Color"], background.inputs["Color"])


def _set_up(scene: bpy.types.Scene, samples: int, sky: bool) -> None:
    scene.frame_current = bpy.context.scene.frame_current  # materials may be animated
    render, cycles, layer = scene.render, scene.cycles, scene.view_layers[0]
    render.engine = "CYCLES"
    render.film_transparent = True
    render.use_persistent_data = True
    render.resolution_percentage = 100
    render.use_compositing = render.use_sequencer = False
    render.threads_mode, render.threads = (
        bpy.context.scene.render.threads_mode,
        bpy.context.scene.render.threads,
    )
    cycles.samples, cycles.device, cycles.seed = samples, "CPU", 0
    cycles.use_adaptive_sampling = cycles.use_denoising = False
    cycles.max_bounces = 2
    layer.use_pass_position = True
    layer.use_pass_environment = sky
    settings = render.image_settings
    if hasattr(settings, "media_type"):  # Blender 5
        settings.media_type = "MULTI_LAYER_IMAGE"
    settings.file_format = "OPEN_EXR_MULTILAYER"
    settings.color_depth, settings.exr_codec = "32", "NONE"
    if hasattr(settings, "use_exr_interleave"):  # Blender 5 writes several parts otherwise
        settings.use_exr_interleave = True


def _render(scene: bpy.types.Scene, view: Camera, path: Path) -> Rendering:
    scene.render.resolution_x, scene.render.resolution_y = view.size
    if view.is_orthographic:
        view = nearby(view, np.zeros(3))
        lens = blender_scale(view)
    else:
        lens = blender_lens(view)
    for field, value in lens._asdict().items():
        setattr(scene.camera.data, field, value)
    scene.camera.matrix_world = Matrix(blender_axes(view.camera_to_world))
    scene.render.filepath = str(path)
    with quiet() if bpy.app.background else nullcontext(), render_result_kept():
        bpy.ops.render.render(write_still=True, scene=scene.name)
    channels = read_exr(path)
    return Rendering(_straight(channels), _backdrop(channels), np.stack([channels[f"Position.{c}"] for c in "XYZ"], -1))


def _straight(channels: dict[str, np.ndarray]) -> np.ndarray:
    alpha = channels["Combined.A"].clip(0, 1)
    linear = np.stack([channels[f"Combined.{c}"] for c in "RGB"], -1)
    rgb = _srgb(linear / np.maximum(alpha, 1e-6)[..., None])
    return np.concatenate([rgb, np.round(alpha * 255).astype(np.uint8)[..., None]], -1)


def _backdrop(channels: dict[str, np.ndarray]) -> np.ndarray:
    """The sky where there is one, else white."""
    names = [name for name in channels if name.startswith(("Env.", "Environment."))]  # Blender 4, 5
    if not names:
        return np.full((*channels["Combined.R"].shape, 3), 255, np.uint8)
    return _srgb(np.stack([channels[name] for c in "RGB" for name in names if name.endswith(c)], -1))


def _srgb(linear: np.ndarray) -> np.ndarray:
    return _SRGB[(linear.clip(0, 1) * (len(_SRGB) - 1)).astype(np.uint16)]


def _srgb_table() -> np.ndarray:
    linear = np.linspace(0, 1, 1 << 14)
    curve = np.where(linear <= 0.0031308, 12.92 * linear, 1.055 * linear ** (1 / 2.4) - 0.055)
    return np.round(curve * 255).astype(np.uint8)


_SRGB = _srgb_table()


def read_exr(path: Path) -> dict[str, np.ndarray]:
    """Channels of an uncompressed single-part 32-bit scanline EXR, as Blender writes it: name -> (H, W) float32.

    Names lose the view layer's name: "Combined.R", "Position.X". Format: "OpenEXR File Layout" of its project.
    """
    data = path.read_bytes()
    header, start = _exr_header(data)
    names = _channel_names(header["channels"])
    left, top, right, bottom = struct.unpack("<4i", header["dataWindow"])
    width, height = right - left + 1, bottom - top + 1
    line = 8 + 4 * width * len(names)  # every scan line starts with its number and its length
    rows = np.frombuffer(data, np.uint8, count=line * height, offset=start + 8 * height).reshape(height, line)
    values = np.ascontiguousarray(rows[:, 8:]).view("<f4").reshape(height, len(names), width)
    return {name.split(".", 1)[1]: values[:, index] for index, name in enumerate(names)}


def _exr_header(data: bytes) -> tuple[dict[str, bytes], int]:
    """Attributes by name, and where the scan line table starts."""
    header, position = {}, 8
    while data[position]:
        end = data.index(b"\0", position)
        name, position = data[position:end].decode(), data.index(b"\0", end + 1) + 1
        (size,) = struct.unpack_from("<i", data, position)
        header[name] = data[position + 4 : position + 4 + size]
        position += 4 + size
    return header, position + 1


def _channel_names(channels: bytes) -> list[str]:
    names, position = [], 0
    while channels[position]:
        end = channels.index(b"\0", position)
        names.append(channels[position:end].decode())
        position = end + 17
    return names
