"""Keys in 3D views; users change them in the preferences. None of them is one of Blender's own, in any mode but text
editing, whose keys come first."""

from __future__ import annotations

from typing import Any, NamedTuple

import bpy

KEYMAP = "3D View"


class Key(NamedTuple):
    """What a key does: an operator with these properties."""

    operator: str
    key: str
    modifiers: dict[str, bool]
    properties: dict[str, Any]


CTRL_ALT, ALT = {"ctrl": True, "alt": True}, {"alt": True}
KEYS = (
    Key("photopose.match_photo", "M", CTRL_ALT, {}),
    Key("photopose.next_candidate", "RIGHT_ARROW", ALT, {}),
    Key("photopose.next_candidate", "LEFT_ARROW", ALT, {"step": -1}),
    Key("photopose.compare", "E", CTRL_ALT, {"view": "EDGES", "toggle": True}),
    Key("photopose.compare", "V", CTRL_ALT, {"view": "WIPE", "toggle": True}),
    Key("photopose.nudge", "N", CTRL_ALT, {}),
    Key("photopose.pin_model", "P", CTRL_ALT, {}),
)
_items: list[tuple[bpy.types.KeyMap, bpy.types.KeyMapItem]] = []


def draw(layout: bpy.types.UILayout, manager: bpy.types.WindowManager) -> None:
    """The keys as the user has them, to be changed."""
    import rna_keymap_ui

    config = manager.keyconfigs.user
    keymap = config.keymaps.get(KEYMAP) if config else None  # none in the background
    column = layout.column()
    for item in reversed(keymap.keymap_items if keymap else ()):  # Blender's begin with the last one
        if item.idname in {key.operator for key in KEYS}:
            column.context_pointer_set("keymap", keymap)
            rna_keymap_ui.draw_kmi([], config, keymap, item, column, 0)


def register() -> None:
    config = bpy.context.window_manager.keyconfigs.addon
    if config is None:  # in the background
        return
    keymap = config.keymaps.new(KEYMAP, space_type="VIEW_3D")
    for key in KEYS:
        item = keymap.keymap_items.new(key.operator, key.key, "PRESS", **key.modifiers)
        for name, value in key.properties.items():
            setattr(item.properties, name, value)
        _items.append((keymap, item))


def unregister() -> None:
    while _items:
        keymap, item = _items.pop()
        keymap.keymap_items.remove(item)
