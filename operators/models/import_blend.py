"""Appends of a .blend its assets, where objects or collections are marked as such, or else what its scene renders."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

import bpy

from ..blender.models import families, lineage, put_aside, showing
from ..blender.own_data_blocks import used_by

Objects = dict[bpy.types.Object, bool]  # in their order, and whether an eye icon hides them


def append_models(path: str) -> list[bpy.types.Object]:
    """The file's models, in an order that does not change, linked to the scene; what they use comes along, and nothing
    else stays.

    A marked collection is one model, an instance of it, as where it is dragged from Blender's own asset browser.
    """
    scene, before = bpy.context.scene, set(bpy.data.user_map())
    with bpy.data.libraries.load(path) as (source, target):
        target.scenes = source.scenes
        target.objects, target.collections = sorted(source.objects), sorted(source.collections)
        active = _active_scene(path, source.scenes)
    objects, collections = ([one for one in some if one] for some in (target.objects, target.collections))
    loose = [obj for obj in objects if not obj.users_scene]
    try:
        models = _linked_assets(scene, objects, collections)
        if not models and target.scenes:
            models = _linked(scene, _rendered(target.scenes[active]))
        return models or _linked(scene, dict.fromkeys(loose, False))
    finally:
        _remove_unused(scene, before, [one for one in target.scenes if one])


def _linked_assets(
    scene: bpy.types.Scene, objects: list[bpy.types.Object], collections: list[bpy.types.Collection]
) -> list[bpy.types.Object]:
    """A model for each marked object and each marked collection that is no part of another one."""
    marked = [group for group in collections if group.asset_data]
    inner = {child for group in marked for child in group.children_recursive}
    groups = [group for group in marked if group not in inner]
    held = {obj for group in groups for obj in group.all_objects}
    singles = [obj for obj in objects if obj.asset_data and held.isdisjoint(lineage(obj)) and not _is_part(obj)]
    family = families(singles)
    parts = [obj for obj in objects if obj in family]
    instances = [_instance(group) for group in groups]
    assets = [*singles, *instances]
    return _linked(scene, dict.fromkeys([*parts, *instances], False), assets) if assets else []


def _is_part(obj: bpy.types.Object) -> bool:
    return any(parent.asset_data for parent in lineage(obj.parent))


def _instance(group: bpy.types.Collection) -> bpy.types.Object:
    instance = bpy.data.objects.new(group.name, None)
    instance.instance_type, instance.instance_collection = "COLLECTION", group
    return instance


def _active_scene(path: str, names: list[str]) -> int:
    """Which of the file's scenes was open when it was saved, else the first."""
    try:
        from blend_render_info import read_blend_rend_chunk

        saved = [name for _start, _end, name in read_blend_rend_chunk(path)]
    except (ImportError, OSError, ValueError, EOFError):
        saved = []
    return next((names.index(name) for name in saved if name in names), 0)


def _rendered(scene: bpy.types.Scene) -> Objects:
    """What its view layers show in a render."""
    shown = {}
    for view_layer in [layer for layer in scene.view_layers if layer.use] or scene.view_layers[:1]:
        aside = put_aside(view_layer)
        for obj in _of_layer(view_layer.layer_collection):
            if not obj.hide_render:
                shown[obj] = shown.get(obj, True) and obj in aside
    return shown


def _of_layer(layer: bpy.types.LayerCollection) -> Iterator[bpy.types.Object]:
    if layer.collection.hide_render or layer.holdout or layer.indirect_only:
        return
    if not layer.exclude:  # those below it may be included nevertheless
        yield from layer.collection.objects
    for child in layer.children:
        yield from _of_layer(child)


def _linked(scene: bpy.types.Scene, shown: Objects, roots: Sequence[bpy.types.Object] = ()) -> list[bpy.types.Object]:
    """The models of these, in the scene, with their parents, which stay hidden; roots: those that may be models, else
    all without a parent."""
    objects = dict.fromkeys(one for obj in shown for one in lineage(obj))
    parents = [obj for obj in objects if not (obj in shown or obj.hide_render)]
    for obj in parents:
        obj.hide_render = True
    for obj in objects:
        obj.hide_viewport = obj.hide_viewport and obj not in shown
        scene.collection.objects.link(obj)
    bpy.context.view_layer.update()
    aside = [obj for obj, hidden in shown.items() if hidden]
    models = showing(roots or [obj for obj in objects if not obj.parent], objects, aside)
    kept = families(models).union(*map(lineage, models))
    for obj in objects.keys() - kept:  # lights, cameras
        scene.collection.objects.unlink(obj)
        obj.hide_render = obj.hide_render and obj not in parents
    return models


def _remove_unused(scene: bpy.types.Scene, before: set[bpy.types.ID], scenes: Iterable[bpy.types.Scene]) -> None:
    """Removes what came with the file but is not used by what stays in the scene."""
    for foreign in scenes:
        foreign.user_remap(scene)  # a driver may look at it
    kept = used_by(obj for obj in scene.objects if obj not in before)
    bpy.data.batch_remove(set(bpy.data.user_map()) - before - kept)
