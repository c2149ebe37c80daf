"""A comparable copy of everything in Blender's data, for tests that nothing of it was changed."""

from __future__ import annotations

import bpy

SIMPLE = {"BOOLEAN", "INT", "FLOAT", "STRING", "ENUM"}
INTERFACE = {"window_managers", "screens", "workspaces"}  # not the user's data
TWICE = {"all_ids"}  # in Blender 5.2, everything once more
VOLATILE = {"session_uid", "is_evaluated", "is_updated", "is_updated_data", "is_runtime_data", "tag"} | {
    "is_library_indirect"  # whoever uses linked data for a moment makes it direct
}
if bpy.app.version < (4, 5):  # they count what a removed copy used until the file is opened again
    VOLATILE.add("users")
UNREADABLE = {"stereo_3d_format", "uv_sculpt"}  # reading the latter crashes Blender 4.2


def snapshot() -> dict[str, object]:
    """Every simple property of every data-block, its users, and what is selected, active and in which mode."""
    state: dict[str, object] = {}
    for prop in bpy.data.bl_rna.properties:
        if prop.type != "COLLECTION" or prop.identifier in INTERFACE | TWICE:
            continue
        for block in getattr(bpy.data, prop.identifier):
            path = f"{prop.identifier}[{block.name_full}]"  # with the library's name where it is linked
            _collect(block, path, state, 3)
    layer = bpy.context.view_layer
    state["active"] = layer.objects.active.name if layer.objects.active else None
    state["selected"] = sorted(obj.name for obj in bpy.context.selected_objects)
    state["mode"] = bpy.context.mode
    state["scene"] = bpy.context.scene.name
    return state


def differences(before: dict[str, object], after: dict[str, object]) -> dict[str, tuple[object, object]]:
    keys = before.keys() | after.keys()
    return {k: (before.get(k, "absent"), after.get(k, "absent")) for k in keys if before.get(k) != after.get(k)}


def _collect(block, path: str, state: dict[str, object], depth: int) -> None:
    for prop in block.bl_rna.properties:
        if prop.identifier in VOLATILE | UNREADABLE | {"rna_type"}:
            continue
        value = getattr(block, prop.identifier, None)
        name = f"{path}.{prop.identifier}"
        if prop.type in SIMPLE:
            state[name] = _plain(value)
        elif prop.type == "POINTER" and isinstance(value, bpy.types.ID):
            state[name] = value.name
        elif prop.type == "POINTER" and value is not None and depth:
            _collect(value, name, state, depth - 1)
        elif prop.type == "COLLECTION" and value is not None:
            state[name] = [item.name if isinstance(item, bpy.types.ID) else "" for item in value[:50]]


def _plain(value):
    if isinstance(value, bpy.types.bpy_prop_array):
        return value[:] if len(value) < 100 else hash(value[:])  # an image's pixels
    if isinstance(value, (str, int, float, bool)) or value is None:
        return value
    return [_plain(item) for item in value] if hasattr(value, "__iter__") else str(value)
