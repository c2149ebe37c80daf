"""Blender scenes for the benchmark's pictures: models, clutter, floors and light; rendered as layers with masks."""

from __future__ import annotations

import colorsys
import os
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import bpy
import numpy as np
from mathutils import Matrix
from PIL import Image

from benchmark.product import import_product
from inference.geometry import Camera, blender_axes

import_product()

from photo_pose.operators.pictures.rendering import read_exr  # noqa: E402
from photo_pose.operators.running.quiet_blender import quiet  # noqa: E402

SENSOR = 36.0  # mm, along the picture's longer side
SAMPLES, SHARE = 2, 75  # a pixel, with Blender's denoiser; percentage of the picture's size: photos are soft too
FLOOR = "Floor"
OBJECT = 1  # pass index of the model, 0 of all else


class Layers(NamedTuple):
    """light (H, W, 3): linear, premultiplied by alpha (H, W); mask and silhouette (H, W) bool: the model's
    pixels that are seen, and all that would be if nothing stood in front of it."""

    light: np.ndarray
    alpha: np.ndarray
    mask: np.ndarray
    silhouette: np.ndarray


def import_obj(path: Path) -> bpy.types.Object:
    """The whole file as one object, whose local coordinates are the file's numbers."""
    with quiet():
        bpy.ops.wm.obj_import(filepath=str(path), use_split_objects=False, use_split_groups=False)
    bpy.context.view_layer.update()
    return bpy.context.selected_objects[0]


def local_vertices(obj: bpy.types.Object) -> np.ndarray:
    """(N, 3), the numbers of the file."""
    numbers = np.empty(3 * len(obj.data.vertices), np.float32)
    obj.data.vertices.foreach_get("co", numbers)
    return numbers.reshape(-1, 3).astype(float)


def world_vertices(obj: bpy.types.Object) -> np.ndarray:
    """(N, 3)."""
    matrix = np.array(obj.matrix_world)
    return local_vertices(obj) @ matrix[:3, :3].T + matrix[:3, 3]


def place(obj: bpy.types.Object, scale: float, turn: float, foot: np.ndarray) -> None:
    """Scales and turns an imported object and stands the middle of its lower side on foot (3,), in the world."""
    points = world_vertices(obj)
    low, high = points.min(0), points.max(0)
    middle = Matrix.Translation([-(low[0] + high[0]) / 2, -(low[1] + high[1]) / 2, -low[2]])
    turned = Matrix.Rotation(turn, 4, "Z") @ Matrix.Scale(scale, 4)
    obj.matrix_world = Matrix.Translation(foot) @ turned @ middle @ obj.matrix_world
    bpy.context.view_layer.update()


def light(hdri: str, turn: float, sun: float = 0.0, height: float = 0.8) -> None:
    """One of Blender's studio lights, turned about the vertical; and a sun of this strength and height, radians."""
    world = bpy.data.worlds.new("hdri")
    bpy.context.scene.world = world
    world.use_nodes = True
    world.cycles.sampling_method, world.cycles.sample_map_resolution = "MANUAL", 256
    nodes, links = world.node_tree.nodes, world.node_tree.links
    where, turned = nodes.new("ShaderNodeTexCoord"), nodes.new("ShaderNodeMapping")
    picture = nodes.new("ShaderNodeTexEnvironment")
    folder = Path(bpy.utils.system_resource("DATAFILES")) / "studiolights" / "world"
    picture.image = bpy.data.images.load(str(folder / f"{hdri}.exr"))
    turned.inputs["Rotation"].default_value[2] = turn
    links.new(where.outputs["Generated"], turned.inputs["Vector"])
    links.new(turned.outputs["Vector"], picture.inputs["Vector"])
    links.new(picture.outputs["Color"], nodes["Background"].inputs["Color"])
    if sun:
        lamp = bpy.data.lights.new("sun", "SUN")
        lamp.energy, lamp.angle = sun, 0.05
        holder = bpy.data.objects.new("sun", lamp)
        holder.rotation_euler = (np.pi / 2 - height, 0, 2 * turn)
        bpy.context.collection.objects.link(holder)


def random_colour(random: np.random.Generator, saturation: float) -> tuple[float, float, float, float]:
    """RGBA, linear, neither black nor white, at most so saturated."""
    hue, strength, value = random.uniform(0, 1), random.uniform(0, saturation), random.uniform(0.03, 0.8)
    return (*colorsys.hsv_to_rgb(hue, strength, value), 1.0)


def add_floor(center: np.ndarray, radius: float, catch_shadows: bool, random: np.random.Generator) -> None:
    """A floor below center (3,), sized for a model of this radius; one that only catches shadows lets the
    backdrop through, others are painted or patterned."""
    bpy.ops.mesh.primitive_plane_add(size=120 * radius, location=center)
    floor = bpy.context.object
    floor.name, floor.is_shadow_catcher = FLOOR, catch_shadows
    if catch_shadows:
        return
    floor.rotation_euler.z = random.uniform(0, np.pi)
    material = bpy.data.materials.new("floor")
    material.use_nodes = True
    shader = material.node_tree.nodes["Principled BSDF"]
    shader.inputs["Base Color"].default_value = random_colour(random, saturation=0.5)
    shader.inputs["Roughness"].default_value = random.uniform(0.25, 0.9)
    kinds = ("TexNoise", "TexBrick", "TexChecker", "TexWave", None)
    kind = kinds[random.integers(len(kinds))]
    if kind:
        _pattern(material.node_tree, kind, random.uniform(0.3, 1.2) * radius, random)
    floor.data.materials.append(material)


def _pattern(tree: bpy.types.NodeTree, kind: str, period: float, random: np.random.Generator) -> None:
    """Mixes two colours by a procedural texture with details of about this period, scene units."""
    where, texture = tree.nodes.new("ShaderNodeTexCoord"), tree.nodes.new(f"ShaderNode{kind}")
    mix = tree.nodes.new("ShaderNodeMixRGB")
    first = np.array(random_colour(random, saturation=0.6))
    mix.inputs["Color1"].default_value = first
    mix.inputs["Color2"].default_value = [*(first[:3] * random.uniform(0.4, 0.9)), 1.0]
    texture.inputs["Scale"].default_value = 1 / period
    tree.links.new(where.outputs["Object"], texture.inputs["Vector"])
    tree.links.new(texture.outputs["Fac"], mix.inputs["Fac"])
    tree.links.new(mix.outputs["Color"], tree.nodes["Principled BSDF"].inputs["Base Color"])


def set_up(camera: Camera, lens: float, transparent: bool, threads: int) -> None:
    """The scene's camera and its render settings: linear layers."""
    scene = bpy.context.scene
    holder = bpy.data.objects.new("camera", bpy.data.cameras.new("camera"))
    holder.data.lens, holder.data.sensor_width = lens, SENSOR
    reach = np.linalg.norm(camera.position) + 1  # the furniture is in centimetres
    holder.data.clip_start, holder.data.clip_end = 1e-3 * reach, 1e3 * reach
    holder.matrix_world = Matrix(blender_axes(camera.camera_to_world))
    bpy.context.collection.objects.link(holder)
    scene.camera = holder
    render, cycles = scene.render, scene.cycles
    render.engine, render.film_transparent, render.use_persistent_data = "CYCLES", transparent, True
    render.resolution_x, render.resolution_y = camera.size
    render.threads_mode, render.threads = "FIXED", threads
    cycles.seed, cycles.sample_clamp_indirect = 1, 4.0
    cycles.use_light_tree = cycles.use_adaptive_sampling = False
    cycles.denoiser, cycles.denoising_prefilter = "OPENIMAGEDENOISE", "FAST"
    bpy.context.view_layer.use_pass_object_index = True
    settings = render.image_settings
    settings.file_format, settings.color_depth, settings.exr_codec = "OPEN_EXR_MULTILAYER", "32", "NONE"


def render_layers(obj: bpy.types.Object, share: int = SHARE) -> Layers:
    """The scene as its camera sees it; obj is the model; share: percentage of the picture's size that is rendered."""
    channels = _rendered(share, SAMPLES)
    size = bpy.context.scene.render.resolution_x, bpy.context.scene.render.resolution_y
    red, green, blue, alpha = (_enlarged(channels[f"Combined.{c}"], size) for c in "RGBA")
    whole = silhouette(obj)
    alone = sum(other.type == "MESH" and other.name != FLOOR for other in bpy.context.scene.objects) == 1
    return Layers(np.stack([red, green, blue], -1), alpha.clip(0, 1), whole if alone else visible(), whole)


def _enlarged(channel: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    return np.asarray(Image.fromarray(channel).resize(size, Image.Resampling.BICUBIC)).clip(0)


def silhouette(obj: bpy.types.Object, percentage: int = 100) -> np.ndarray:
    """(H, W) bool: where obj is seen when nothing stands in front of it."""
    others = [other for other in bpy.context.scene.objects if other.type == "MESH" and other is not obj]
    with _hidden(others):
        return _rendered(percentage, 1)["IndexOB.X"] == OBJECT


def visible(percentage: int = 100) -> np.ndarray:
    """(H, W) bool: where the model is seen, at this percentage of the picture's size."""
    floors = [other for other in bpy.context.scene.objects if other.name == FLOOR]  # costs time, hides nothing
    with _hidden(floors):
        return _rendered(percentage, 1)["IndexOB.X"] == OBJECT


@contextmanager
def _hidden(objects: Sequence[bpy.types.Object]) -> Iterator[None]:
    for obj in objects:
        obj.hide_render = True
    yield
    for obj in objects:
        obj.hide_render = False


def _rendered(percentage: int, samples: int) -> dict[str, np.ndarray]:
    """All layers; one sample is for masks, without denoiser."""
    scene = bpy.context.scene
    scene.render.resolution_percentage = percentage
    scene.cycles.samples, scene.cycles.use_denoising = samples, samples > 1
    scene.cycles.max_bounces = 2 if samples > 1 else 0
    with tempfile.TemporaryDirectory(dir=_fast_folder()) as folder:
        scene.render.filepath = f"{folder}/layers.exr"
        with quiet():
            bpy.ops.render.render(write_still=True)
        return read_exr(Path(scene.render.filepath))


def _fast_folder() -> str | None:
    return "/dev/shm" if os.access("/dev/shm", os.W_OK) else None
