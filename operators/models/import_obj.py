"""Imports .obj files; what has no material in their .mtl files, or these are missing, shows the file's colours."""

from __future__ import annotations

import re
from pathlib import Path

import bpy
from bpy_extras.image_utils import load_image

from .import_materials import painted, shown_colors
from .import_options import imported_mesh

_KEPT = 59  # bytes: names have 63, of which a number takes four


def import_obj(path: str, **axes: str) -> None:
    """The file's mesh, selected as by Blender's own importer, which knows these axes."""
    before = set(bpy.data.materials)
    # one object a file, so that its local coordinates are the file's numbers
    mesh = imported_mesh(bpy.ops.wm.obj_import, path, use_split_objects=False, use_split_groups=False, **axes)
    file = Path(path)
    if mesh and any(mesh.materials):
        libraries = material_libraries(file)
        defined = {_key(name) for one in libraries for name in _names(one, "newmtl")}
        lacking = next((one for one in libraries[:-1] if not one.is_file()), None)
        told = {one: re.sub(r"\.\d{3}$", "", one.name) for one in mesh.materials if one}  # without Blender's number
        made_up = {one for one, name in told.items() if not {_key(name), _key(one.name)} & defined}
        _replace(mesh, made_up - before, lacking)


def material_libraries(file: Path) -> list[Path]:
    """The .mtl files that it names, and at last the one that Blender reads beside it without being told."""
    return [*(file.parent / name.strip("\"'") for name in _names(file, "mtllib")), file.with_suffix(".mtl")]


def _names(file: Path, word: str) -> list[str]:
    """What stands behind a word at the beginning of lines; of a missing file nothing."""
    data = file.read_bytes() if file.is_file() else b""
    names = re.findall(rb"^[ \t]*%b[ \t]+([^\r\n]*)" % word.encode(), data, re.MULTILINE)
    return [name.strip().decode("utf-8", "replace") for name in names]


def _key(name: str) -> bytes:
    """What Blender surely keeps of a long name."""
    return name.encode()[:_KEPT]


def _replace(mesh: bpy.types.Mesh, materials: set[bpy.types.Material], lacking: Path | None) -> None:
    """Instead of them, the mesh gets its colours, and a picture that tells which file is missing."""
    colors = shown_colors(mesh)
    if not (materials and (colors or lacking)):
        return
    picture = load_image(lacking.name, str(lacking.parent), place_holder=True) if lacking else None
    shown = painted(mesh.name, colors, picture)
    for index, material in enumerate(mesh.materials):
        if material in materials:
            mesh.materials[index] = shown
    bpy.data.batch_remove(materials)
