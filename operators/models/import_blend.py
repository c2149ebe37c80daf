"""Appends of a .blend what its scene renders; of an asset library, whose scene renders nothing, its assets."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator

import bpy

from ..blender.models import lineage, put_aside, showing

Objects = dict[bpy.types.Object, bool]  # in their order, and whether an eye icon hides them


def append_models(path: str) -> None:
    """Links the file's models to the scene; what they use comes along, and nothing else stays."""
    scene, before = bpy.context.scene, set(bpy.data.user_map())
    with bpy.data.libraries.load(path) as (source, target):
        target.scenes, target.objects = source.scenes, source.objects
        active = _active_scene(path, source.scenes)
    objects = [obj for obj in target.objects if obj]
    try:
        shown = _rendered(target.scenes[active]) if target.scenes else {}
        loose = [obj for obj in objects if not obj.users_scene or any(map(_is_asset, lineage(obj)))]
        if not _linked(scene, shown):
            _linked(scene, dict.fromkeys(loose, False))
    finally:
        _remove_unused(scene, before, [one for one in target.scenes if one])


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


def _is_asset(obj: bpy.types.Object) -> bool:
    return any(block.asset_data for block in (obj, *obj.users_collection))


def _linked(scene: bpy.types.Scene, shown: Objects) -> bool:
    """Puts those of models in the scene, with their parents, which stay hidden; False where there are no models."""
    objects = dict.fromkeys(one for obj in shown for one in lineage(obj))
    for obj in objects:
        if obj in shown:
            obj.hide_viewport = False
        else:
            obj.hide_render = True
        scene.collection.objects.link(obj)
    bpy.context.view_layer.update()
    aside = [obj for obj, hidden in shown.items() if hidden]
    roots = showing([obj for obj in objects if not obj.parent], objects, aside)
    models = {one for root in roots for one in (root, *root.children_recursive)}
    for obj in objects.keys() - models:  # lights, cameras
        scene.collection.objects.unlink(obj)
    return bool(roots)


def _remove_unused(scene: bpy.types.Scene, before: set[bpy.types.ID], scenes: Iterable[bpy.types.Scene]) -> None:
    """Removes what came with the file but is not used by what stays in the scene."""
    for foreign in scenes:
        foreign.user_remap(scene)  # a driver may look at it
    users = bpy.data.user_map()
    uses = defaultdict(set)
    for block, its_users in users.items():
        for user in its_users:
            uses[user].add(block)
    kept, waiting = set(before), [obj for obj in scene.objects if obj not in before]
    while waiting:
        block = waiting.pop()
        if block not in kept:
            kept.add(block)
            waiting += uses[block] | {block.library} - {None}
    bpy.data.batch_remove(users.keys() - kept)
