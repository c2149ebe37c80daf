"""A hash of what a model looks like, under which its training views are cached."""

from __future__ import annotations

import hashlib
import re
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import bpy
import numpy as np

from .render_graph import world_matrix

if TYPE_CHECKING:
    from .models import Part


def looks(parts: Sequence[Part], world_from_model: np.ndarray, radius: float) -> str:
    """Hash of geometry, materials and orientation of parts, in any order.

    Relative to the root at world_from_model (4, 4), so moving a model or scaling all of it changes nothing, nor do
    names; radius is its size, against which float noise in places is rounded away.
    """
    scale = np.abs(world_from_model[:3, :3]).max()

    def place(matrix: np.ndarray) -> bytes:
        return _rounded(matrix[:3, :3] / scale) + _rounded((matrix[:3, 3] - world_from_model[:3, 3]) / radius)

    materials = _Materials(place)
    meshes = {mesh: _mesh_hash(mesh, materials) for mesh in {part.mesh for part in parts}}
    infos = {mesh: any(materials.ask_for_object(one) for one in mesh.materials) for mesh in meshes}
    pieces = sorted(
        meshes[part.mesh] + place(part.matrix) + (f"{part.color} {part.index}".encode() if infos[part.mesh] else b"")
        for part in parts
    )
    return _hash(_rounded(world_from_model[:3, :3] / scale), *pieces).hex()


def _hash(*values: bytes) -> bytes:
    return hashlib.sha256(b"".join(values)).digest()


def _rounded(values: np.ndarray) -> bytes:
    """Four decimals: more than float noise, less than the eye sees."""
    return (np.round(values, 4) + 0.0).tobytes()


def _mesh_hash(mesh: bpy.types.Mesh, materials: _Materials) -> bytes:
    """Of its faces, with their normals, which are those of sharp edges and custom ones, too, and materials."""
    corners = np.frombuffer(_array(mesh.loops, "vertex_index"), np.int32)
    used, corners = np.unique(corners, return_inverse=True)
    vertices = np.frombuffer(_array(mesh.vertices, "co"), np.float32).reshape(-1, 3)[used]
    slots = list(mesh.materials) or [None]
    chosen = np.frombuffer(_array(mesh.polygons, "material_index"), np.int32).clip(0, len(slots) - 1)
    hashes = {slot: materials.hash_on(slots[slot], mesh) for slot in np.unique(chosen)}
    different = sorted(set(hashes.values()))  # whichever slots they are in
    paint = np.array([different.index(hashes[slot]) for slot in chosen], np.int32)
    sharp = np.frombuffer(_array(mesh.edges, "use_edge_sharp"), bool)
    sharp = sharp[np.frombuffer(_array(mesh.loops, "edge_index"), np.int32)]
    faces = _array(mesh.polygons, "loop_total") + sharp.tobytes() + _array(mesh.corner_normals, "vector")
    return _hash(vertices.tobytes(), corners.astype(np.int32).tobytes(), faces, paint.tobytes(), *different)


def _array(collection, attribute: str) -> bytes:
    if not len(collection):
        return b""
    value = getattr(collection[0], attribute)
    width = len(value) if hasattr(value, "__len__") else 1
    kind = {bool: bool, int: np.int32}.get(type(value), np.float32)
    array = np.empty(len(collection) * width, kind)
    collection.foreach_get(attribute, array)
    return array.tobytes()


def _layer_hash(mesh: bpy.types.Mesh, name: str) -> bytes:
    """Of the UV map, colours or other values that a material finds under this name."""
    layer = mesh.attributes.get(name)
    if layer is None or not len(layer.data):
        return b"none"
    field = next(field for field in ("value", "vector", "color") if hasattr(layer.data[0], field))
    if layer.data_type == "STRING":
        return _hash(*(item.value for item in layer.data))
    return _hash(layer.domain.encode(), _array(layer.data, field))


NO_LOOKS = {"name", "label", "location", "location_absolute", "width", "height", "dimensions", "parent", "color"} | {
    *("select", "hide", "show_options", "show_preview", "show_texture", "use_custom_color", "color_tag"),
    *("warning_propagation", "image_user"),  # the latter belongs to the image
}
READ_ONLY_LOOKS = {"color_ramp", "mapping", "type", "texture_mapping", "color_mapping"}
LAYERS = {"uv_map", "attribute_name", "layer_name"}  # settings of nodes that name a layer of the mesh


class _Materials:
    """Describes materials by what their nodes do; `place` (matrix (4, 4) in the world -> bytes) tells where it is."""

    def __init__(self, place) -> None:
        self.place = place
        self.texts: dict[bpy.types.Material | None, tuple[str, list[str]]] = {}
        self.images: dict[tuple[bpy.types.Image, int], str] = {}  # to read each file once

    def hash_on(self, material: bpy.types.Material | None, mesh: bpy.types.Mesh) -> bytes:
        """With the layers of the mesh that it shows."""
        if material not in self.texts:
            layers: list[str] = []
            self.texts[material] = self._material(material, layers), layers
        text, layers = self.texts[material]
        uv_map = next((layer.name for layer in mesh.uv_layers if layer.active_render), "")
        unnamed = (uv_map, mesh.color_attributes.default_color_name if mesh.color_attributes else "")
        return _hash(text.encode(), *(_layer_hash(mesh, name) for name in (*unnamed, *layers)))

    def ask_for_object(self, material: bpy.types.Material | None) -> bool:
        """Whether it looks different on objects of another color or index; of those of `hash_on`."""
        text = self.texts.get(material, ("",))[0]
        return "type=OBJECT_INFO" in text or "attribute_type=OBJECT" in text

    def _material(self, material: bpy.types.Material | None, layers: list[str]) -> str:
        if material is None:
            return "none"
        tree = material.node_tree
        if not (tree and material.use_nodes):
            return str(tuple(material.diffuse_color))
        settings = f"{material.pass_index} {getattr(material, 'displacement_method', '')}"
        return settings + self._tree(tree, tree.get_output_node("CYCLES"), layers)

    def _tree(self, tree: bpy.types.NodeTree, end: bpy.types.Node | None, layers: list[str]) -> str:
        """All nodes that lead to the end, numbered as they are met."""
        numbers = {end: 0} if end else {}
        lines = []
        for node in _met(numbers):
            lines.append(self._settings(node, layers))
            for socket in node.inputs:
                if socket.is_linked:
                    for link in socket.links:
                        number = numbers.setdefault(link.from_node, len(numbers))
                        lines.append(f"{socket.identifier}<{number}.{link.from_socket.identifier} {link.is_muted}")
                elif hasattr(socket, "default_value"):
                    lines.append(f"{socket.identifier}={self._value(socket.default_value, layers)}")
            lines += [
                f":{socket.identifier}={self._value(socket.default_value, layers)}"
                for socket in node.outputs
                if hasattr(socket, "default_value")
            ]
        return "\n".join(lines)

    def _settings(self, node: bpy.types.bpy_struct, layers: list[str]) -> str:
        """All settings of a node that may change its output."""
        values = []
        for prop in node.bl_rna.properties:
            name = prop.identifier
            if name in NO_LOOKS or prop.type == "COLLECTION" or (prop.is_readonly and name not in READ_ONLY_LOOKS):
                continue
            value = getattr(node, name)
            if name in LAYERS:
                layers.append(value)
            elif isinstance(value, bpy.types.Image):
                values.append(self._image(value, node.image_user))
            else:
                values.append(f"{name}={self._value(value, layers)}")
        return " ".join(values)

    def _value(self, value, layers: list[str]) -> str:
        if isinstance(value, bpy.types.NodeTree):
            ends = (node for node in value.nodes if node.type == "GROUP_OUTPUT" and node.is_active_output)
            return self._tree(value, next(ends, None), layers)
        if isinstance(value, bpy.types.Object):
            return self.place(world_matrix(value)).hex()
        if isinstance(value, bpy.types.Text):
            return value.as_string()
        if isinstance(value, bpy.types.ColorRamp):
            ramp = [(e.position, tuple(e.color)) for e in value.elements]
            return f"{ramp} {value.interpolation} {value.color_mode} {value.hue_interpolation}"
        if isinstance(value, bpy.types.CurveMapping):
            curves = [[(*point.location, point.handle_type) for point in curve.points] for curve in value.curves]
            return f"{curves} {self._settings(value, layers)}"
        if isinstance(value, bpy.types.ID):
            return value.name
        if isinstance(value, bpy.types.bpy_struct):
            return self._settings(value, layers)
        return str(tuple(value)) if hasattr(value, "__len__") and not isinstance(value, str) else str(value)

    def _image(self, image: bpy.types.Image, user: bpy.types.ImageUser) -> str:
        frame = _frame(user) if image.source in {"SEQUENCE", "MOVIE"} else 0
        if (image, frame) not in self.images:
            self.images[image, frame] = _image_text(image, frame)
        return self.images[image, frame]


def _met(numbers: dict[bpy.types.Node, int]) -> Iterator[bpy.types.Node]:
    """The nodes in their order, those that are added meanwhile, too."""
    done = 0
    while done < len(numbers):
        yield list(numbers)[done]
        done += 1


def _frame(user: bpy.types.ImageUser) -> int:
    """Which picture of a sequence or movie shows at the scene's frame, as Blender counts."""
    number = bpy.context.scene.frame_current - user.frame_start + 1
    if user.use_cyclic and user.frame_duration:
        number = (number - 1) % user.frame_duration + 1
    return min(max(number, 0), user.frame_duration) + user.frame_offset


def _image_text(image: bpy.types.Image, frame: int) -> str:
    text = f"{image.source} {tuple(image.size)} {image.colorspace_settings.name} {image.alpha_mode} {frame} "
    return text + _hash(*_content(image, frame)).hex()


def _content(image: bpy.types.Image, frame: int) -> Iterator[bytes]:
    """Hashes of what an image shows: as it is painted now, packed or in its files."""
    path = bpy.path.abspath(image.filepath, library=image.library)
    if image.source == "TILED":
        yield from _tiles(image, path)
    elif image.is_dirty or image.source == "GENERATED":
        yield _pixels_hash(image)
    elif image.packed_files:
        yield from (_hash(packed.packed_file.data) for packed in image.packed_files)
    else:
        yield _file_hash(_numbered(path, frame) if image.source == "SEQUENCE" else path)


def _pixels_hash(image: bpy.types.Image) -> bytes:
    pixels = np.empty(len(image.pixels), np.float32)
    image.pixels.foreach_get(pixels)
    return _hash(pixels.tobytes())


def _tiles(image: bpy.types.Image, path: str) -> Iterator[bytes]:
    for tile in image.tiles:
        yield f"{tile.number} {tuple(tile.size)} {tuple(tile.generated_color)} {tile.generated_type}".encode()
    if image.is_dirty and "save_copy" not in image.bl_rna.functions["save"].parameters:  # Blender 4.2
        yield _pixels_hash(image)
    elif image.is_dirty:  # of its pixels, Blender tells those of the first tile alone
        with tempfile.TemporaryDirectory() as folder:
            image.save(filepath=str(Path(folder, "tile.<UDIM>.exr")), save_copy=True)
            yield from (_file_hash(str(file)) for file in sorted(Path(folder).iterdir()))
    elif image.packed_files:
        yield from (_hash(packed.packed_file.data) for packed in image.packed_files)
    else:
        for tile in image.tiles:
            column, row = (tile.number - 1001) % 10 + 1, (tile.number - 1001) // 10 + 1
            named = path.replace("<UDIM>", str(tile.number)).replace("<UVTILE>", f"u{column}_v{row}")
            yield _file_hash(named)


def _numbered(path: str, frame: int) -> str:
    """The file of a sequence with this number, of as many digits as there are in the name of any of them."""
    folder, name = Path(path).parent, Path(path).name
    digits = list(re.finditer(r"\d+", Path(name).stem))
    if not digits:
        return path
    start, end = digits[-1].span()
    return str(folder / f"{name[:start]}{frame:0{end - start}d}{name[end:]}")


def _file_hash(path: str) -> bytes:
    try:
        with open(path, "rb") as file:
            return hashlib.file_digest(file, "sha256").digest()
    except OSError:
        return f"missing {path}".encode()
