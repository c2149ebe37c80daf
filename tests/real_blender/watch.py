"""Runs in the Blender that is driven: tells many times a second, in a file, what the driver waits for.

blender scene.blend --python watch.py -- STATE.json
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

import bpy
from bpy_extras.view3d_utils import location_3d_to_region_2d

STATE, PAUSE = Path(sys.argv[-1]), 0.05  # s
READY = 25  # ticks
_ticks = 0


def view_area() -> bpy.types.Area:
    return next(area for area in bpy.context.window_manager.windows[0].screen.areas if area.type == "VIEW_3D")


def rectangle(region: bpy.types.Region) -> list[int]:
    """Left, top, right and bottom on screen, whose window begins at its top left corner."""
    top = bpy.context.window_manager.windows[0].height - region.y
    return [region.x, top - region.height, region.x + region.width, top]


def under_mouse(area: bpy.types.Area, region: bpy.types.Region) -> str:
    """The button of the sidebar that the mouse is over: its operator as Python, or the path of its property."""
    manager = bpy.context.window_manager
    for copy in (bpy.ops.ui.copy_python_command_button, bpy.ops.ui.copy_data_path_button):
        with bpy.context.temp_override(window=manager.windows[0], area=area, region=region):
            if copy.poll() and copy() == {"FINISHED"}:
                return manager.clipboard
    return ""


def frame(area: bpy.types.Area, region: bpy.types.Region, camera: bpy.types.Object) -> list[float]:
    """Of the camera's view on screen; empty as long as the view has not followed the camera."""
    corners = [camera.matrix_world.normalized() @ corner for corner in camera.data.view_frame(scene=bpy.context.scene)]
    seen = [location_3d_to_region_2d(region, area.spaces.active.region_3d, corner) for corner in corners]
    if any(point is None for point in seen):
        return []
    left, top, _right, bottom = rectangle(region)
    xs, ys = zip(*seen, strict=True)
    return [left + min(xs), bottom - max(ys), left + max(xs), bottom - min(ys)]


def scene_state(scene: bpy.types.Scene) -> dict[str, object]:
    """What Esc, undo and redo have to restore."""
    camera, render = scene.camera, scene.render
    return {
        "camera": camera.name,
        "matrix": [value for row in camera.matrix_world for value in row],
        "lens": [camera.data.lens, camera.data.sensor_width, camera.data.shift_x, camera.data.shift_y],
        "backgrounds": len(camera.data.background_images),
        "candidates": len(camera.data.photo_pose.candidates),
        "pictures": sum(one.icon > 0 for one in camera.data.photo_pose.candidates),
        "pins": len(camera.data.photo_pose.pins),
        "without_lines": len(camera.data.photo_pose.without_lines),
        "result": scene.photo_pose.result,
        "box": list(scene.photo_pose.box),
        "models": [item.object.name for item in scene.photo_pose.models],
        "counts": [len(bpy.data.objects), len(bpy.data.cameras), len(bpy.data.meshes)],
        "render": [render.resolution_x, render.resolution_y],
    }


def state() -> dict[str, object]:
    area, scene = view_area(), bpy.context.scene
    view, sidebar = (next(region for region in area.regions if region.type == kind) for kind in ("WINDOW", "UI"))
    manager = bpy.context.window_manager
    return {
        "tick": _ticks,
        "scene": scene_state(scene),
        "photo": scene.photo_pose.photo,
        "answers": [item.name for item in scene.photo_pose.library_answers],
        "selected": len(bpy.context.view_layer.objects.selected),
        "why": scene.camera.data.photo_pose.why,
        "confidence": scene.camera.data.photo_pose.confidence,
        "stage": manager.photo_pose.stage,
        "progress": manager.photo_pose.progress,
        "modal": [operator.bl_idname for operator in manager.windows[0].modal_operators],
        "compare": manager.photo_pose_compare.view,
        "fit": manager.photo_pose_compare.told,
        "adjusted": scene.camera.photo_pose_adjusted,
        "taken": scene.camera.data.photo_pose.active_candidate,
        "wipe": manager.photo_pose_compare.wipe,
        "perspective": area.spaces.active.region_3d.view_perspective,
        "view": rectangle(view),
        "sidebar": rectangle(sidebar),
        "frame": frame(area, view, scene.camera),
        "hovered": under_mouse(area, sidebar),
        "dirty": bpy.data.is_dirty,
    }


def set_up() -> None:
    """The 3D view on the whole window, in its sidebar our tab, one after the other: each needs the one before drawn."""
    area = view_area()
    window, sidebar = (next(region for region in area.regions if region.type == kind) for kind in ("WINDOW", "UI"))
    if _ticks == 5 and len(bpy.context.window_manager.windows[0].screen.areas) > 1:
        with bpy.context.temp_override(window=bpy.context.window_manager.windows[0], area=area, region=window):
            bpy.ops.screen.screen_full_area()
    if _ticks == 15:
        area.spaces.active.show_region_ui = True
    if _ticks == READY:
        bpy.context.scene.photo_pose.subdivisions = 2  # fewer training views, for slow processors
        sidebar.active_panel_category = "Photo Pose"
    area.tag_redraw()


def tell() -> float:
    global _ticks
    _ticks += 1
    if _ticks <= READY:
        set_up()
    else:
        STATE.with_suffix(".new").write_text(json.dumps(state()))
        os.replace(STATE.with_suffix(".new"), STATE)
    return PAUSE


bpy.context.preferences.use_preferences_save = False
bpy.context.preferences.view.show_splash = False
bpy.context.preferences.system.use_region_overlap = False  # a move in the sidebar would draw the view below it anew
keymap = bpy.context.window_manager.keyconfigs.addon.keymaps.new("3D View", space_type="VIEW_3D")
keymap.keymap_items.new("photopose.browse_views", "F6", "PRESS")  # as users give themselves keys
bpy.app.timers.register(tell, first_interval=1.0, persistent=True)
