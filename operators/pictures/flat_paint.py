"""What models look like in even white light: materials as simple paint, geometry as painted triangles."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

import bpy
import numpy as np

from ..blender.mesh_arrays import read_values

if TYPE_CHECKING:
    from ..blender.models import Model

REFLECTANCE = 0.19  # of Cycles' gloss at specular level 1 and roughness 0, mean over a sphere; 80 % less at 1


class Paint(NamedTuple):
    """A material's colour: the product of a linear colour, an image on a UV map and a colour attribute."""

    color: tuple[float, ...] = (1.0, 1.0, 1.0)
    image: bpy.types.Image | None = None
    uv_map: str = ""  # the one for renders
    attribute: str | None = None
    gloss: float = 0.0  # part of the light that is reflected, white, before it reaches the colour


BARE = Paint((0.8, 0.8, 0.8))  # what Cycles shows where there is no material


class Surface(NamedTuple):
    """Triangles (T, 3) int32 that share an image, and their corners in the model's unit sphere, float32."""

    triangles: np.ndarray
    positions: np.ndarray  # (N, 3)
    uvs: np.ndarray  # (N, 2)
    colors: np.ndarray  # (N, 4) linear RGB, gloss


def paint(material: bpy.types.Material | None) -> Paint | None:
    """None for a material that no paint can stand for."""
    if material is None:
        return BARE
    if not (material.use_nodes and material.node_tree):
        return Paint(tuple(material.diffuse_color)[:3])
    output = material.node_tree.get_output_node("CYCLES")
    link = _link(output.inputs["Surface"]) if output else None
    if link and link.from_node.type == "BSDF_DIFFUSE":
        return _source(link.from_node.inputs["Color"])
    if link and link.from_node.type == "BSDF_PRINCIPLED":
        return _principled(link.from_node)
    return None


def surfaces(model: Model) -> dict[bpy.types.Image | None, Surface]:
    """All of the model's triangles by their image (None: none); a material without a paint shows its plain color."""
    pieces: dict[bpy.types.Image | None, list[Surface]] = {}
    for mesh, matrix, *_info in model.parts:
        placed = _placed(mesh, matrix, model)
        mesh.calc_loop_triangles()
        materials = list(mesh.materials) or [None]
        slots = _slots(mesh.loop_triangles, materials)
        for index, material in enumerate(materials):
            chosen = slots == index
            if chosen.any():
                layers = paint(material) or Paint(tuple(material.diffuse_color)[:3])
                pieces.setdefault(layers.image, []).append(_surface(mesh, placed, layers, chosen))
    return {image: _joined(some) for image, some in pieces.items()}


def drawable(model: Model) -> bool:
    """Whether all materials that faces of the model have are simple enough to be drawn as they look."""
    return all(paint(material) for mesh in {part.mesh for part in model.parts} for material in _materials(mesh))


def _materials(mesh: bpy.types.Mesh) -> list[bpy.types.Material | None]:
    """Those that faces have."""
    slots = list(mesh.materials) or [None]
    return [slots[slot] for slot in np.unique(_slots(mesh.polygons, slots))]


def _slots(faces: bpy.types.bpy_prop_collection, slots: Sequence[bpy.types.Material | None]) -> np.ndarray:
    """Each face's or triangle's; the last one where there are fewer."""
    return read_values(faces, "material_index", np.int32).clip(0, len(slots) - 1)


def shape(model: Model) -> tuple[np.ndarray, np.ndarray]:
    """The model without its paint: vertices (V, 3) float32 in its unit sphere, triangles (T, 3) int32."""
    parts = [(_placed(mesh, matrix, model), _triangles(mesh, "vertices")) for mesh, matrix, *_info in model.parts]
    vertices, triangles = zip(*parts, strict=True)
    return np.concatenate(vertices), _renumbered(triangles, vertices)


def _link(socket: bpy.types.NodeSocket) -> bpy.types.NodeLink | None:
    return socket.links[0] if socket.is_linked else None


def _principled(node: bpy.types.Node) -> Paint | None:
    """None when light passes through it or comes from it."""
    sockets = node.inputs
    opaque = _constant(sockets["Alpha"]) == 1 and _constant(sockets["Transmission Weight"]) == 0
    glow = sockets["Emission Color"]
    dark = _constant(sockets["Emission Strength"]) == 0 or not (_link(glow) or any(glow.default_value[:3]))
    source = _source(sockets["Base Color"])
    if not (opaque and dark and source):
        return None
    level, rough, metallic = (sockets[name].default_value for name in ("Specular IOR Level", "Roughness", "Metallic"))
    return source._replace(gloss=REFLECTANCE * level * (1 - 0.8 * rough) * (1 - metallic))


def _constant(socket: bpy.types.NodeSocket) -> float | None:
    return None if _link(socket) else socket.default_value


def _source(socket: bpy.types.NodeSocket) -> Paint | None:
    """What colours a socket, where that is simple enough."""
    link = _link(socket)
    if not link:
        return Paint(tuple(socket.default_value)[:3])
    node = link.from_node
    if node.type == "RGB":
        return Paint(tuple(node.outputs[0].default_value)[:3])
    if node.type == "VERTEX_COLOR" and link.from_socket.name == "Color":
        return Paint(attribute=node.layer_name)
    if node.type == "TEX_IMAGE" and link.from_socket.name == "Color":
        return _textured(node)
    if node.type == "MIX" and (node.data_type, node.blend_type) == ("RGBA", "MULTIPLY"):
        return _product(*(s for s in node.inputs if s.enabled))
    return None


def _textured(node: bpy.types.Node) -> Paint | None:
    image, link = node.image, _link(node.inputs["Vector"])
    plain = (node.projection, node.extension) == ("FLAT", "REPEAT")
    if not (plain and image and image.source in {"FILE", "GENERATED"} and min(image.size)):
        return None
    if link is None or (link.from_node.type == "TEX_COORD" and link.from_socket.name == "UV"):
        return Paint(image=image)
    return Paint(image=image, uv_map=link.from_node.uv_map) if link.from_node.type == "UVMAP" else None


def _product(factor: bpy.types.NodeSocket, *sockets: bpy.types.NodeSocket) -> Paint | None:
    first, second = (_source(socket) for socket in sockets)
    if _constant(factor) != 1 or not (first and second):
        return None
    if (first.image and second.image) or (first.attribute, second.attribute).count(None) == 0:
        return None
    image, uv_map = first[1:3] if first.image else second[1:3]
    attribute = second.attribute if first.attribute is None else first.attribute
    return Paint(tuple(np.multiply(first.color, second.color)), image, uv_map, attribute)


def _surface(mesh: bpy.types.Mesh, placed: np.ndarray, layers: Paint, chosen: np.ndarray) -> Surface:
    """The chosen triangles of a mesh in their paint; faces share corners where one colour covers them all."""
    plain = layers.image is None and layers.attribute is None
    corners, triangles = np.unique(_triangles(mesh, "vertices" if plain else "loops")[chosen], return_inverse=True)
    vertices = corners if plain else read_values(mesh.loops, "vertex_index", np.int32)[corners]
    colors = np.tile(np.float32([*layers.color, layers.gloss]), (len(corners), 1))
    if layers.attribute is not None:
        colors[:, :3] *= _attribute(mesh, layers.attribute, vertices, corners)
    uvs = _uvs(mesh, layers.uv_map)[corners] if layers.image else np.zeros((len(corners), 2), np.float32)
    return Surface(triangles.reshape(-1, 3).astype(np.int32), placed[vertices], uvs, colors)


def _joined(some: list[Surface]) -> Surface:
    triangles, positions, uvs, colors = zip(*some, strict=True)
    return Surface(_renumbered(triangles, positions), *map(np.concatenate, (positions, uvs, colors)))


def _renumbered(triangles: Sequence[np.ndarray], rows: Sequence[np.ndarray]) -> np.ndarray:
    """Triangles of several parts, as they are numbered when the parts' rows follow one another."""
    first = np.cumsum([0, *map(len, rows[:-1])])
    return np.concatenate([some + start for some, start in zip(triangles, first, strict=True)]).astype(np.int32)


def _placed(mesh: bpy.types.Mesh, matrix: np.ndarray, model: Model) -> np.ndarray:
    """(V, 3) float32: the mesh's vertices in the model's unit sphere."""
    offset = (matrix[:3, 3] - model.sphere.center) / model.sphere.radius
    vertices = read_values(mesh.vertices, "co").reshape(-1, 3)
    return (vertices @ (matrix[:3, :3] / model.sphere.radius).T + offset).astype(np.float32)


def _triangles(mesh: bpy.types.Mesh, kind: str) -> np.ndarray:
    """(T, 3) indices of the mesh's vertices or loops."""
    mesh.calc_loop_triangles()
    return read_values(mesh.loop_triangles, kind, np.int32).reshape(-1, 3)


def _uvs(mesh: bpy.types.Mesh, name: str) -> np.ndarray:
    """(loops, 2); zero, as in Cycles, where there is no such map."""
    for layer in mesh.uv_layers:
        if layer.name == name or (layer.active_render and not name):
            return read_values(layer.data, "uv").reshape(-1, 2)
    return np.zeros((len(mesh.loops), 2), np.float32)


def _attribute(mesh: bpy.types.Mesh, name: str, vertices: np.ndarray, loops: np.ndarray) -> np.ndarray:
    """(N, 3) linear colours; black, as in Cycles, where there is no such attribute."""
    attribute = mesh.color_attributes.get(name or mesh.color_attributes.default_color_name)
    if attribute is None:
        return np.zeros((len(loops), 3), np.float32)
    return read_values(attribute.data, "color").reshape(-1, 4)[vertices if attribute.domain == "POINT" else loops, :3]
