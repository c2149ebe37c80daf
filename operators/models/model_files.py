"""Model files: each becomes one model of the scene (a .blend one for every root object that its scene renders)."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import bpy

from ...inference.errors import PoseError, printable
from ..blender.models import joined, scene_roots
from ..running.quiet_blender import quiet
from .import_blend import append_models
from .import_materials import find_pictures, show_colors
from .import_obj import import_obj
from .import_ply import import_ply

_IMPORTERS: dict[str, Callable[..., object]] = {
    ".obj": import_obj,
    ".ply": import_ply,
    ".stl": lambda path, **axes: bpy.ops.wm.stl_import(filepath=path, **axes),
    ".glb": lambda path: bpy.ops.import_scene.gltf(filepath=path),
    ".gltf": lambda path: bpy.ops.import_scene.gltf(filepath=path),
    ".fbx": lambda path, **axes: bpy.ops.import_scene.fbx(filepath=path, **axes),
    ".blend": append_models,
}
_AXES = {"forward_axis": {"Y": "NEGATIVE_Z", "Z": "Y"}, "up_axis": {"Y": "Y", "Z": "Z"}}  # by the one that points up
_FBX_AXES = {"axis_forward": {"Y": "-Z", "Z": "Y"}, "axis_up": {"Y": "Y", "Z": "Z"}}
_TURNED = {".obj": _AXES, ".ply": _AXES, ".stl": _AXES, ".fbx": {"use_manual_orientation": True, **_FBX_AXES}}


def model_files(path: Path) -> list[Path]:
    """The model files of a folder, by name, but for the open one; a file is given back as it is.

    PoseError where there are none.
    """
    if not path.is_dir():
        return [path]
    files = sorted((file for file in path.iterdir() if file.suffix.lower() in _IMPORTERS), key=lambda file: file.name)
    files = [file for file in files if file.resolve() != Path(bpy.data.filepath).resolve()]
    if not files:
        raise PoseError(f'Folder "{path}" has no model files ({" ".join(_IMPORTERS)}).')
    return files


def import_models(scene: bpy.types.Scene, path: Path, up: str = "") -> list[bpy.types.Object]:
    """The file's models, added to the scene. PoseError when it is missing, of another kind, damaged or empty.

    up: which axis of the file points up there, "Y" or "Z"; else as its kind has it, or where that is always one.
    """
    importer = _IMPORTERS.get(path.suffix.lower())
    if not path.is_file():
        raise PoseError(f'Model file "{path}" does not exist.')
    if importer is None:
        raise PoseError(f'Model file "{path.name}" is none of {" ".join(_IMPORTERS)}.')
    before, pictures = set(scene.objects), set(bpy.data.images)
    try:
        with quiet(errors_too=True), _selection_kept():  # what they look for in vain, too
            importer(str(path), **_axes(path, up))
    except (RuntimeError, OSError, ValueError) as error:  # operators report their errors as RuntimeError
        raise PoseError(f'Model file "{path.name}" cannot be read.') from error
    brought = [obj for obj in scene.objects if obj not in before]
    roots = scene_roots(scene, [obj for obj in brought if not obj.parent])
    if not roots:
        raise PoseError(f'Model file "{path.name}" has no faces that show in a render.')
    if path.suffix.lower() == ".blend":
        return roots
    find_pictures(set(bpy.data.images) - pictures, path.parent)
    for mesh in {obj.data for obj in brought if obj.type == "MESH"}:
        show_colors(mesh)
    return [_single_root(scene, brought, printable(path.stem))]


def _axes(path: Path, up: str) -> dict[str, object]:
    """How the file's importer is told which axis points up."""
    options = _TURNED.get(path.suffix.lower(), {}) if up else {}
    return {name: told[up] if isinstance(told, dict) else told for name, told in options.items()}


@contextmanager
def _selection_kept() -> Iterator[None]:
    """Blender's importers select what they bring, and leave Edit Mode."""
    objects, selected = bpy.context.view_layer.objects, bpy.context.selected_objects
    active = objects.active
    mode = active.mode if active else "OBJECT"
    try:
        yield
    finally:
        for obj in bpy.context.selected_objects:
            obj.select_set(False)
        for obj in selected:
            obj.select_set(True)
        objects.active = active
        if active and active.mode != mode:
            bpy.ops.object.mode_set(mode=mode)


def _single_root(scene: bpy.types.Scene, objects: list[bpy.types.Object], name: str) -> bpy.types.Object:
    roots = [obj for obj in objects if not obj.parent]
    if len(roots) == 1:
        root = roots[0]
    else:
        root = joined(scene, roots, name)
    root.name = name
    return root
