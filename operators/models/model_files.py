"""Model files: each becomes one model of the scene (a .blend one for each of its assets, or else of the root objects
that its scene renders)."""

from __future__ import annotations

import os
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
from .import_options import imported_with
from .import_ply import import_ply
from .import_usd import import_usd


def _import_gltf(path: str) -> None:
    """The file's objects, without the shapes that Blender would draw for bones."""
    imported_with(bpy.ops.import_scene.gltf, path, disable_bone_shape=True)


_IMPORTERS: dict[str, Callable[..., object]] = {
    ".obj": import_obj,
    ".ply": import_ply,
    ".stl": lambda path, **axes: bpy.ops.wm.stl_import(filepath=path, **axes),
    **dict.fromkeys((".glb", ".gltf"), _import_gltf),
    ".fbx": lambda path, **axes: bpy.ops.import_scene.fbx(filepath=path, **axes),
    **dict.fromkeys((".usd", ".usda", ".usdc", ".usdz"), import_usd),
    ".blend": append_models,
}
_AXES = {"forward_axis": {"Y": "NEGATIVE_Z", "Z": "Y"}, "up_axis": {"Y": "Y", "Z": "Z"}}  # by the one that points up
_FBX_AXES = {"axis_forward": {"Y": "-Z", "Z": "Y"}, "axis_up": {"Y": "Y", "Z": "Z"}}
_TURNED = {".obj": _AXES, ".ply": _AXES, ".stl": _AXES, ".fbx": {"use_manual_orientation": True, **_FBX_AXES}}


def model_files(path: Path, deep: bool = False) -> list[Path]:
    """The model files of a folder, by name, but for the open one; a file is given back as it is.

    deep: also those of the folders in it, each folder's own files first; nothing hidden, and each folder once.
    PoseError where there are none.
    """
    if not path.is_dir():
        return [path]
    found = _files_below(path) if deep else sorted(path.iterdir(), key=lambda file: file.name)
    files = [file for file in found if file.suffix.lower() in _IMPORTERS]
    files = [file for file in files if file.resolve() != Path(bpy.data.filepath).resolve()]
    if not files:
        raise PoseError(f'Folder "{path}" has no model files ({" ".join(_IMPORTERS)}).')
    return files


def _files_below(folder: Path) -> Iterator[Path]:
    seen = set()
    for path, folders, names in os.walk(folder, followlinks=True):
        place = os.path.realpath(path)
        if place in seen:  # links may lead back
            folders.clear()
            continue
        seen.add(place)
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        yield from (Path(path, name) for name in sorted(names) if not name.startswith("."))


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
        with quiet(errors_too=True), _scene_kept(scene):  # what they look for in vain, too
            told = importer(str(path), **_axes(path, up))
    except PoseError:
        raise
    except (RuntimeError, OSError, ValueError) as error:  # operators report their errors as RuntimeError
        raise PoseError(f'Model file "{path.name}" cannot be read.') from error
    brought = [obj for obj in scene.objects if obj not in before]
    is_blend = path.suffix.lower() == ".blend"
    roots = told if is_blend else scene_roots(scene, [obj for obj in brought if not obj.parent])
    if not roots:
        raise PoseError(f'Model file "{path.name}" has no faces that show in a render.')
    if is_blend:
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
def _scene_kept(scene: bpy.types.Scene) -> Iterator[None]:
    """Blender's importers select what they bring, leave Edit Mode, and some set the scene's frame rate."""
    objects = bpy.context.view_layer.objects
    selected, active = _selected(objects), objects.active
    mode = active.mode if active else "OBJECT"
    rate = scene.render.fps, scene.render.fps_base
    try:
        yield
    finally:
        for obj in _selected(objects):
            obj.select_set(False)
        for obj in selected:
            obj.select_set(True)
        objects.active = active
        if active and active.mode != mode:
            bpy.ops.object.mode_set(mode=mode)
        scene.render.fps, scene.render.fps_base = rate


def _selected(objects: bpy.types.LayerObjects) -> list[bpy.types.Object]:
    return [obj for obj in objects.selected if obj]  # for a while it has gaps where objects were deleted


def _single_root(scene: bpy.types.Scene, objects: list[bpy.types.Object], name: str) -> bpy.types.Object:
    roots = [obj for obj in objects if not obj.parent]
    if len(roots) == 1:
        root = roots[0]
    else:
        root = joined(scene, roots, name)
    root.name = name
    return root
