"""Imports .ply files with what Blender's importer leaves out: textures, their coordinates, colours by other names."""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import bpy
import numpy as np
from bpy_extras.image_utils import load_image

from ...inference.formats.ply import Columns, Header, Lists, read_elements, read_header
from ..blender.mesh_arrays import read_values
from .import_materials import found_file, painted, shown_colors
from .import_options import imported_mesh

_CORNERS = ("vertex_indices", "vertex_index")
_COORDINATES = (("texture_u", "texture_v"), ("texture_s", "texture_t"), ("s", "t"), ("u", "v"))
_COLORS = (("red", "green", "blue"), ("diffuse_red", "diffuse_green", "diffuse_blue"), ("r", "g", "b"))
_WIDE = {"u2", "i2", "u4", "i4"}  # integers that count to 255 in some files, to their largest in others
_WHITE = 255


def import_ply(path: str, **axes: str) -> None:
    """The file's mesh, selected as by Blender's own importer, which knows these axes.

    ValueError or OSError where it cannot be read.
    """
    mesh, file = imported_mesh(bpy.ops.wm.ply_import, path, **axes), Path(path)
    if not mesh:
        return
    header = read_header(file)
    textures = [found_file(name, file.parent) for name in _texture_names(header.comments)]
    colored = _misses_colors(mesh, header)
    if not (mesh.polygons and header.names("face") and (textures or colored)):
        return
    elements = read_elements(file, header)
    faces = elements["face"]
    corners = next(faces[name] for name in _CORNERS if name in faces)
    kept = _kept_faces(mesh, corners)
    if colored:
        _add_colors(mesh, elements["vertex"], faces, kept)
    if textures and _unwrap(mesh, elements["vertex"], faces, corners, kept):
        _texture(mesh, textures, faces, kept)


def _texture_names(comments: list[str]) -> Iterator[str]:
    for comment in comments:
        found = re.match(r"texturefile[\s:]+(.+)", comment, re.IGNORECASE)
        if found:
            yield found[1].strip(" \t\"'")


def _misses_colors(mesh: bpy.types.Mesh, header: Header) -> bool:
    """Whether the file has colours that Blender leaves out or takes for others: of faces, or in wide integers."""
    vertices, faces = header.names("vertex"), header.names("face")
    if not mesh.color_attributes or any(faces >= set(color) for color in _COLORS):
        return any(vertices | faces >= set(color) for color in _COLORS)
    return any(prop.name == "red" and prop.kind in _WIDE for one in header.elements for prop in one.properties)


def _kept_faces(mesh: bpy.types.Mesh, corners: Lists) -> np.ndarray:
    """(F,) bool, which of the file's faces the mesh has: Blender drops broken ones and keeps the others in order."""
    lengths = read_values(mesh.polygons, "loop_total", np.int32)
    loops = read_values(mesh.loops, "vertex_index", np.int32)
    if np.array_equal(lengths, corners.lengths) and np.array_equal(loops, corners.values):
        return np.ones(len(lengths), bool)
    wanted = iter(_split(loops, lengths))
    kept, face = [], next(wanted, None)
    for found in _split(corners.values, corners.lengths):
        kept.append(found == face)
        if found == face:
            face = next(wanted, None)
    if face is not None:
        raise ValueError("Blender reads other faces than there are")
    return np.array(kept)


def _split(values: np.ndarray, lengths: np.ndarray) -> list[list]:
    flat = values.tolist()
    return [flat[start:end] for start, end in pairwise([0, *np.cumsum(lengths).astype(int).tolist()])]


def _add_colors(mesh: bpy.types.Mesh, vertices: Columns, faces: Columns, kept: np.ndarray) -> None:
    """Those of the vertices; else, or where these have all the same, those of the faces, for all corners of a face."""
    colors, of_faces = _columns(vertices, _COLORS), _columns(faces, _COLORS)
    domain = "POINT"
    if of_faces is not None and (colors is None or (colors == colors[0]).all()):
        domain, colors = "CORNER", of_faces[kept]
        colors = np.repeat(colors, read_values(mesh.polygons, "loop_total", np.int32), axis=0)
    if colors.dtype.kind in "iu":
        colors = colors / (_WHITE if colors.max(initial=0) <= _WHITE else np.iinfo(colors.dtype).max)
    opaque = np.column_stack([colors, np.ones(len(colors))])
    for wrong in mesh.color_attributes[:]:
        mesh.color_attributes.remove(wrong)
    layer = mesh.color_attributes.new("Col", "FLOAT_COLOR", domain)
    layer.data.foreach_set("color_srgb", opaque.astype(np.float32).ravel())


def _columns(element: Columns, choices: tuple[tuple[str, ...], ...]) -> np.ndarray | None:
    """(N, names): the first of the choices that the element has."""
    for names in choices:
        if all(name in element for name in names):
            return np.column_stack([element[name] for name in names])
    return None


def _unwrap(mesh: bpy.types.Mesh, vertices: Columns, faces: Columns, corners: Lists, kept: np.ndarray) -> bool:
    """Adds the UV map, that of the faces' corners or else of the vertices; False where there are no coordinates."""
    if "texcoord" in faces:
        given = faces["texcoord"]
        full = given.lengths == 2 * corners.lengths
        uvs = np.zeros((len(corners.values), 2))
        uvs[_each(full, corners.lengths)] = given.values[_each(full, given.lengths)].reshape(-1, 2)
        uvs = uvs[_each(kept, corners.lengths)]
    else:
        uvs = _columns(vertices, _COORDINATES)
        if uvs is None:
            return False
        uvs = uvs[read_values(mesh.loops, "vertex_index", np.int32)]
    layer = mesh.uv_layers[0] if mesh.uv_layers else mesh.uv_layers.new(name="UVMap")
    layer.data.foreach_set("uv", uvs.astype(np.float32).ravel())
    return True


def _each(chosen: np.ndarray, lengths: np.ndarray) -> np.ndarray:
    """For every value of the rows' lists, whether the row is chosen."""
    return np.repeat(chosen, lengths.astype(int))


def _texture(mesh: bpy.types.Mesh, files: list[Path], faces: Columns, kept: np.ndarray) -> None:
    """A material for each file; one that is missing leaves the vertices' colours, if there are any."""
    colors = shown_colors(mesh)
    for file in files:
        image = load_image(file.name, str(file.parent), place_holder=True)
        mesh.materials.append(painted(file.stem, "" if file.is_file() else colors, image))
    if "texnumber" in faces:
        numbers = faces["texnumber"][kept].clip(0, len(files) - 1).astype(np.int32)
        mesh.polygons.foreach_set("material_index", numbers)
