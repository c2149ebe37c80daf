"""What an extension leaves in Blender, for tests that it leaves nothing."""

from __future__ import annotations

import logging
import sys
from collections.abc import Iterator

import bpy


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
