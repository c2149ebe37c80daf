"""Of several listed models only the one that the photo shows stays in the view; what was hidden for it comes back."""

from __future__ import annotations

from collections.abc import Collection

import bpy

from .models import families


def show_only(current: bpy.types.Scene, layer: bpy.types.ViewLayer, model: bpy.types.Object) -> bool:
    """Hides the other listed models in the view layer, and shows this one if they were shown in its place.

    Whether others are hidden because of that; what the user has hidden stays so, and does not count.
    """
    hidden = current.photo_pose.hidden
    listed = [item.object for item in current.photo_pose.models if item.object]
    others = families(listed) - families([model]) if model in listed else set()
    bring_back(current, layer, {item.object for item in hidden} - others)
    for obj in others & set(layer.objects):
        if not obj.hide_get(view_layer=layer):
            obj.hide_set(True, view_layer=layer)
            hidden.add().object = obj
    return len(hidden) > 0


def bring_back(
    current: bpy.types.Scene, layer: bpy.types.ViewLayer, objects: Collection[bpy.types.Object | None]
) -> None:
    """Those of the objects that were hidden here."""
    hidden, present = current.photo_pose.hidden, set(layer.objects)
    for index, item in reversed([*enumerate(hidden)]):
        if item.object in objects:
            if item.object in present:
                item.object.hide_set(False, view_layer=layer)
            hidden.remove(index)
