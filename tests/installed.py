"""Installs the zip in this Blender, enables and disables it repeatedly, prints what that left behind."""

from __future__ import annotations

import json
import sys

import bpy
from registered import registered

MODULE = "bl_ext.user_default.photo_pose"


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
