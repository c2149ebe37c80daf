"""Runs in the Blender that is driven: imports a file as its menu does, its parts at places of their own.

blender scene.blend --python import_parts.py -- CHAIR.obj ...
"""

from __future__ import annotations

import sys

import bpy


def bring() -> None:
    bpy.context.scene.photo_pose.models.clear()  # which the file has from earlier parts of the proof
    window = bpy.context.window_manager.windows[0]
    area = next(area for area in window.screen.areas if area.type == "VIEW_3D")
    region = next(region for region in area.regions if region.type == "WINDOW")
    with bpy.context.temp_override(window=window, area=area, region=region):
        bpy.ops.wm.obj_import("EXEC_DEFAULT", True, filepath=sys.argv[sys.argv.index("--") + 1])
    for number, obj in enumerate(bpy.context.selected_objects):  # as other kinds of files have them
        obj.location.y += 0.1 * number


bpy.app.timers.register(bring, first_interval=3)
