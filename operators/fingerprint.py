"""A hash of what a model looks like, under which its training views are cached."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable

import bpy
import numpy as np


def looks(parts: Iterable[tuple[bpy.types.Mesh, np.ndarray]], world_from_model: np.ndarray, radius: float) -> str:
    """Hash of geometry, materials and orientation of parts (mesh, its matrix (4, 4) to the world).

    Relative to the root at world_from_model (4, 4), so moving a model or scaling all of it changes nothing; radius
    is its size, against which float noise in places is rounded away.
    """
    scale = np.abs(world_from_model[:3, :3]).max()
    digest = hashlib.sha256(_rounded(world_from_model[:3, :3] / scale))
    for mesh, matrix in parts:
        digest.update(_rounded(matrix[:3, :3] / scale))
        digest.update(_rounded((matrix[:3, 3] - world_from_model[:3, 3]) / radius))
        for layer in (mesh.vertices, "co"), (mesh.loops, "vertex_index"), (mesh.polygons, "loop_total"):
            digest.update(_array(*layer))
        digest.update(_array(mesh.polygons, "material_index") + _array(mesh.polygons, "use_smooth"))
        for layer in mesh.uv_layers:
            digest.update(_array(layer.data, "uv"))
        for color in mesh.color_attributes:
            digest.update(color.name.encode() + _array(color.data, "color"))
        for material in mesh.materials:
            digest.update(_material_text(material).encode())
    return digest.hexdigest()


def _rounded(values: np.ndarray) -> bytes:
    """Five decimals: more than float noise, less than the eye sees."""
    return (np.round(values, 5) + 0.0).tobytes()


def _array(collection, attribute: str) -> bytes:
    if not len(collection):
        return b""
    value = getattr(collection[0], attribute)
    width = len(value) if hasattr(value, "__len__") else 1
    kind = {bool: bool, int: np.int32}.get(type(value), np.float32)
    array = np.empty(len(collection) * width, kind)
    collection.foreach_get(attribute, array)
    return array.tobytes()


def _material_text(material: bpy.types.Material | None) -> str:
    if material is None:
        return "none"
    if not material.node_tree:
        return str(tuple(material.diffuse_color))
    return _tree_text(material.node_tree)


def _tree_text(tree: bpy.types.NodeTree) -> str:
    lines = [_settings_text(node) for node in tree.nodes]
    for node in tree.nodes:
        lines += [
            f"{node.name}.{s.identifier}={_value_text(s.default_value)}"
            for s in node.inputs
            if hasattr(s, "default_value")
        ]
        lines += [
            f"{node.name}:{s.identifier}={_value_text(s.default_value)}"
            for s in node.outputs
            if hasattr(s, "default_value")
        ]
    lines += [
        f"{link.from_node.name}.{link.from_socket.identifier}>{link.to_node.name}.{link.to_socket.identifier}"
        for link in tree.links
    ]
    return "\n".join(lines)


_ONLY_FOR_THE_EYE = {
    "location",
    "location_absolute",
    "width",
    "height",
    "select",
    "label",
    "color",
    "hide",
    "parent",
    "show_options",
}


def _settings_text(node: bpy.types.Node) -> str:
    """All settings of a node that may change its output."""
    values = []
    for prop in node.bl_rna.properties:
        if prop.identifier in _ONLY_FOR_THE_EYE or prop.type == "COLLECTION":
            continue
        if not prop.is_readonly or prop.identifier in {"color_ramp", "mapping", "type"}:
            values.append(f"{prop.identifier}={_value_text(getattr(node, prop.identifier))}")
    return " ".join(values)


def _value_text(value) -> str:
    if isinstance(value, bpy.types.Image):
        return _image_text(value)
    if isinstance(value, bpy.types.NodeTree):
        return _tree_text(value)
    if isinstance(value, bpy.types.ColorRamp):
        return str([(e.position, tuple(e.color)) for e in value.elements]) + value.interpolation
    if isinstance(value, bpy.types.CurveMapping):
        return str([[tuple(p.location) for p in curve.points] for curve in value.curves])
    if isinstance(value, bpy.types.ID):
        return value.name
    return str(tuple(value)) if hasattr(value, "__len__") and not isinstance(value, str) else str(value)


def _image_text(image: bpy.types.Image) -> str:
    text = f"{image.source} {tuple(image.size)} {image.colorspace_settings.name}"
    if image.packed_file:
        return text + hashlib.sha256(image.packed_file.data).hexdigest()
    if image.is_dirty or image.source == "GENERATED":
        pixels = np.empty(len(image.pixels), np.float32)
        image.pixels.foreach_get(pixels)
        return text + hashlib.sha256(pixels.tobytes()).hexdigest()
    return text + _file_text(bpy.path.abspath(image.filepath, library=image.library))


def _file_text(path: str) -> str:
    try:
        with open(path, "rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError:
        return f"missing {path}"
