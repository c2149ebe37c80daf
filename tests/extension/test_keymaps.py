"""Keys of ours do what they say, take none of Blender's own, and go with the extension."""

from __future__ import annotations

import importlib.util
from collections.abc import Iterator
from pathlib import Path

import pytest

bpy = pytest.importorskip("bpy")

from photo_pose import keymaps  # noqa: E402

MODIFIERS = ("ctrl", "alt", "shift", "oskey")
WRITING = "Font"  # a mode in which keys write text before any 3D view sees them


def blenders_own() -> Iterator[tuple[str, str, frozenset[str] | None]]:
    """Keymap, key and modifiers, None for any, of what a 3D view hears by default: as Blender's own file has it."""
    file = Path(bpy.utils.preset_paths("keyconfig")[0], "keymap_data", "blender_default.py")
    spec = importlib.util.spec_from_file_location(file.stem, file)
    data = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(data)
    for name, about, content in data.generate_keymaps(data.Params(select_mouse="LEFT")):
        if about["space_type"] in ("EMPTY", "VIEW_3D") and not about.get("modal") and name != WRITING:
            for _operator, event, _properties in content["items"]:
                held = frozenset(modifier for modifier in MODIFIERS if event.get(modifier))
                yield name, event["type"], None if event.get("any") else held


def ours() -> list[bpy.types.KeyMapItem]:
    config = bpy.context.window_manager.keyconfigs.addon
    keymap = config.keymaps.get(keymaps.KEYMAP)
    return [item for item in keymap.keymap_items if item.idname.startswith("photopose.")] if keymap else []


def test_no_key_is_one_of_blender_s_own() -> None:
    own = [*blenders_own()]
    assert len(own) > 1000 and ("Screen", "SPACE", frozenset({"ctrl"})) in own
    taken = {(key.key, frozenset(key.modifiers)) for key in keymaps.KEYS}
    assert len(taken) == len(keymaps.KEYS)
    assert [(name, key) for name, key, held in own for one, mine in taken if key == one and held in (None, mine)] == []


def test_keys_come_and_go_with_the_extension() -> None:
    assert len(ours()) == len(keymaps.KEYS)
    for item, key in zip(ours(), keymaps.KEYS, strict=True):
        assert (item.idname, item.type) == (key.operator, key.key)
        assert {modifier for modifier in MODIFIERS if getattr(item, modifier)} == set(key.modifiers)
        assert {name: getattr(item.properties, name) for name in key.properties} == key.properties
    keymaps.unregister()
    assert ours() == []
    keymaps.register()
    assert len(ours()) == len(keymaps.KEYS)
