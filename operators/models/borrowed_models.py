"""Models of files in a scene of their own, for a while or until one of them comes to the user's scene."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import bpy

from ...inference.errors import PoseError
from ..blender.models import families
from ..blender.own_data_blocks import added_to, remove, used_by
from ..blender.render_graph import working_in
from .model_files import import_models

# Their importers go to Edit Mode for armatures: what is active in the window does that, whichever scene they are told.
_OF_WINDOW = {".glb", ".gltf", ".fbx"}


@contextmanager
def borrowed(path: Path, up: str = "", number: int = 0) -> Iterator[bpy.types.Object]:
    """One of the models that `import_models` gives of a file, as long as the context; the user's scene stays as it is.

    PoseError as there, and where there are not so many.
    """
    with all_borrowed(path, up) as roots:
        yield _chosen(roots, path, number)


@contextmanager
def all_borrowed(path: Path, up: str = "") -> Iterator[list[bpy.types.Object]]:
    """All models of a file, else as `borrowed`: a library of assets is read once for all of them."""
    made: list[bpy.types.ID] = []
    try:
        yield _imported(made, path, up)[1]
    finally:
        remove(made)


def appended(scene: bpy.types.Scene, path: Path, up: str = "", number: int = 0) -> bpy.types.Object:
    """Adds one of the models that `import_models` gives of a file to the current scene, and nothing else."""
    made: list[bpy.types.ID] = []
    kept: set[bpy.types.ID] = set()
    try:
        own, roots = _imported(made, path, up)
        root = _chosen(roots, path, number)
        own.user_remap(scene)  # a driver may look at it
        wanted = used_by(families([root]))
        for obj in own.objects:
            if obj in wanted:
                scene.collection.objects.link(obj)
        kept = wanted
        bpy.context.view_layer.update()
        return root
    finally:
        remove(block for block in made if block not in kept)


def _chosen(roots: list[bpy.types.Object], path: Path, number: int) -> bpy.types.Object:
    if not 0 <= number < len(roots):
        raise PoseError(f'Model file "{path.name}" has {len(roots)} models, and no number {number + 1}.')
    return roots[number]


def _imported(made: list[bpy.types.ID], path: Path, up: str) -> tuple[bpy.types.Scene, list[bpy.types.Object]]:
    """A scene of their own and the models in it; all that is new goes into made, also before an error."""
    own = _scene_alike(bpy.context.scene)
    made.append(own)
    with added_to(made):
        if path.suffix.lower() in _OF_WINDOW:
            return own, _moved(bpy.context.scene, own, path, up)
        with working_in(own):
            return own, import_models(own, path, up)


def _scene_alike(current: bpy.types.Scene) -> bpy.types.Scene:
    """Empty, at the same frame: models may be animated."""
    scene = bpy.data.scenes.new("Photo Pose Models")
    scene.frame_current, scene.frame_subframe = current.frame_current, current.frame_subframe
    return scene


def _moved(current: bpy.types.Scene, own: bpy.types.Scene, path: Path, up: str) -> list[bpy.types.Object]:
    """Imports the models into the current scene, and all that came from there into their own."""
    layer, top = bpy.context.view_layer, current.collection
    objects, children, active = set(current.objects), set(top.children), layer.active_layer_collection
    layer.active_layer_collection = layer.layer_collection  # the user's may be hidden in renders
    try:
        return import_models(current, path, up)
    finally:
        layer.active_layer_collection = active
        for group in set(top.children) - children:
            own.collection.children.link(group)
            top.children.unlink(group)
        for obj in set(current.objects) - objects:
            own.collection.objects.link(obj)
            for group in set(obj.users_collection) - {own.collection}:
                group.objects.unlink(obj)
