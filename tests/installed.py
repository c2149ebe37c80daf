"""Installs the zip in this Blender, enables and disables it repeatedly, prints what that left behind."""

from __future__ import annotations

import json
import logging
import sys
from collections.abc import Iterator

import bpy

MODULE = "bl_ext.user_default.photo_pose"


def subclasses(parent: type) -> Iterator[type]:
    for child in parent.__subclasses__():
        yield child
        yield from subclasses(child)


def registered() -> set[str]:
    """What the extension may leave: classes, properties, handlers, menu entries, a log, places of modules."""
    types = [t for t in subclasses(bpy.types.bpy_struct) if getattr(t, "is_registered", False)]
    owners = [bpy.types.WindowManager, *subclasses(bpy.types.ID)]
    properties = {f"{owner.__name__}.{name}" for owner in owners for name in owner.bl_rna.properties.keys()}
    events = {name: getattr(bpy.app.handlers, name) for name in dir(bpy.app.handlers)}
    handlers = {f"{name} {f}" for name, event in events.items() if isinstance(event, list) for f in event}
    menus = bpy.types.TOPBAR_MT_file_import, bpy.types.TOPBAR_MT_file_export
    handlers |= {f"{menu.__name__} {draw.__name__}" for menu in menus for draw in menu._dyn_ui_initialize()}
    log = {f"log to {type(handler).__name__}" for handler in logging.getLogger("photo_pose").handlers}
    return {t.__name__ for t in types} | properties | handlers | log | {f"path {entry}" for entry in sys.path}


def poll_operators() -> None:
    for operator in bpy.types.Operator.__subclasses__():
        if operator.__module__.startswith(MODULE):
            module, name = operator.bl_idname.split(".")
            getattr(getattr(bpy.ops, module), name).poll()


before = registered()
bpy.ops.extensions.package_install_files(filepath=sys.argv[-1], repo="user_default", enable_on_install=True)
enabled = registered() - before
poll_operators()
left = set()
for _ in range(5):
    bpy.ops.preferences.addon_disable(module=MODULE)
    left |= registered() - before
    bpy.ops.preferences.addon_enable(module=MODULE)
    assert registered() - before == enabled
bpy.ops.preferences.addon_disable(module=MODULE)  # bpy 4.x does not end while a class is registered

imported = {"torch", "torchvision", "PIL"} & sys.modules.keys()
print("REPORT", json.dumps({"enabled": sorted(enabled), "left": sorted(left), "imported": sorted(imported)}))
