"""What a render of the scene shows: Blender gives that dependency graph to render engines alone, so here is one."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, nullcontext
from typing import TypeVar

import bpy
import numpy as np

from ...inference.errors import PoseError
from .own_data_blocks import remove, render_result_kept

Result = TypeVar("Result")


class PhotoPoseReader(bpy.types.RenderEngine):
    """Renders nothing, but calls `read` with what there is to render."""

    bl_idname = "PHOTO_POSE_READER"
    bl_label = "Photo Pose"
    read: Callable[[bpy.types.Depsgraph], None] | None = None

    def render(self, depsgraph: bpy.types.Depsgraph) -> None:
        if PhotoPoseReader.read:
            PhotoPoseReader.read(depsgraph)


def read_rendered(read: Callable[[bpy.types.Depsgraph], Result], objects: Iterable[bpy.types.Object]) -> Result:
    """What `read` gives of a render of the current scene with no other objects than these; it may raise errors.

    Of the objects it sees those that show in a render, as they do there: modifiers, instances, animation. It works in
    a copy of the scene, and takes as long as these objects (and what they depend on) need, not the whole scene.
    """
    return _read(read, _shown(bpy.context.view_layer, set(objects)))


def working_in(scene: bpy.types.Scene) -> AbstractContextManager[None]:
    """Makes a scene the current one for calls that end before anybody else acts; what windows show stays.

    Of Blender's context only what is asked of scene and view layer follows: `object` and the like are the window's.
    """
    if scene == bpy.context.scene:
        return nullcontext()
    return bpy.context.temp_override(scene=scene, view_layer=scene.view_layers[0])


def world_matrix(obj: bpy.types.Object) -> np.ndarray:
    """Its matrix_world (4, 4) as in a render: of what the viewport hides, Blender keeps an old one or none."""
    if obj.visible_get():
        return np.array(obj.evaluated_get(bpy.context.evaluated_depsgraph_get()).matrix_world)
    follower = bpy.data.objects.new("Photo Pose Follower", None)
    try:
        follower.parent = obj  # which is thereby brought up to date wherever it is hidden
        return _read(lambda depsgraph: np.array(follower.evaluated_get(depsgraph).matrix_world), [follower])
    finally:
        remove([follower])


def _read(read: Callable[[bpy.types.Depsgraph], Result], shown: Iterable[bpy.types.Object]) -> Result:
    """What `read` gives of a render with these objects."""
    results, made = [], []

    def answer(depsgraph: bpy.types.Depsgraph) -> None:
        try:
            results.append((read(depsgraph), None))
        except Exception as error:  # which Blender would only print
            results.append((None, error))

    bpy.utils.register_class(PhotoPoseReader)  # for no longer: it is no engine to choose
    try:
        _render(_stage(made, shown), bpy.context.view_layer.name, answer, _idle(made))
    finally:
        remove(made)
        bpy.utils.unregister_class(PhotoPoseReader)
    if not results:
        raise PoseError("Blender gives no render of the scene now; it may be rendering something else.")
    result, error = results[0]
    if error:
        raise error
    return result


def _shown(layer: bpy.types.ViewLayer, objects: set[bpy.types.Object]) -> list[bpy.types.Object]:
    """Those of the objects that a render of the view layer has and its camera sees."""
    held = [obj for obj in dict.fromkeys(_rendered(layer.layer_collection)) if obj in objects]  # in Blender's order
    return [obj for obj in held if not (obj.holdout_get(view_layer=layer) or obj.indirect_only_get(view_layer=layer))]


def _rendered(layer: bpy.types.LayerCollection) -> Iterator[bpy.types.Object]:
    """The objects of a collection and those in it, but for excluded ones and those hidden in renders."""
    if layer.collection.hide_render:
        return
    if not layer.exclude:
        yield from layer.collection.objects
    for child in layer.children:
        yield from _rendered(child)


def _stage(made: list[bpy.types.ID], objects: Iterable[bpy.types.Object]) -> bpy.types.Scene:
    """The scene, with its settings, world and physics, and only these objects; all new data-blocks go into made."""
    scene = bpy.context.scene.copy()
    made.append(scene)
    for held in scene.collection.children[:]:
        scene.collection.children.unlink(held)
    for held in scene.collection.objects[:]:
        scene.collection.objects.unlink(held)
    for obj in objects:
        scene.collection.objects.link(obj)
    if not scene.camera:  # without one, Blender does not render
        made.append(bpy.data.cameras.new("Photo Pose Reader"))
        scene.camera = bpy.data.objects.new("Photo Pose Reader", made[-1])
        made.append(scene.camera)
    return scene


def _idle(made: list[bpy.types.ID]) -> bpy.types.Scene:
    """An empty scene at the current frame.

    Before and after an operator Blender brings the context's scene up to date, which takes long for a large one; the
    frame is the context's, too.
    """
    scene, current = bpy.data.scenes.new("Photo Pose Idle"), bpy.context.scene
    made.append(scene)
    scene.frame_current, scene.frame_subframe = current.frame_current, current.frame_subframe
    return scene


def _render(
    scene: bpy.types.Scene, layer: str, answer: Callable[[bpy.types.Depsgraph], None], idle: bpy.types.Scene
) -> None:
    render = scene.render
    render.engine = PhotoPoseReader.bl_idname
    render.resolution_x = render.resolution_y = 16  # movies, should the scene be set to one, cannot be smaller
    render.resolution_percentage = 100
    render.use_compositing = render.use_sequencer = False
    render.use_border = render.use_multiview = render.use_freestyle = False
    scene.view_layers[layer].use = True
    PhotoPoseReader.read = answer
    try:
        with render_result_kept(), bpy.context.temp_override(scene=idle, view_layer=idle.view_layers[0]):
            bpy.ops.render.render(scene=scene.name, layer=layer)
    except RuntimeError as error:
        raise PoseError(f"Blender gives no render of the scene: {str(error).strip()}") from error
    finally:
        PhotoPoseReader.read = None
