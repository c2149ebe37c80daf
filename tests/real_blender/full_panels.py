"""Runs in the Blender that is driven, before watch.py: opens all our panels and fills their lists.

blender matched.blend --python full_panels.py --python watch.py -- THEME SCALE STATE.json
"""

from __future__ import annotations

import sys
from pathlib import Path

import bpy

THEME, SCALE = sys.argv[-3], float(sys.argv[-2])  # a preset of Blender's own, and of everything


def open_panels() -> None:
    """Registers them as panels that are not closed at first, by names of which the file does not say that they are."""
    panels = next(module for name, module in sys.modules.items() if name.endswith(".photo_pose.panels"))
    panels.unregister()
    for panel in bpy.types.Panel.__subclasses__():
        if panel.__module__.startswith(panels.__name__) and panel.bl_region_type == "UI":
            panel.bl_options = getattr(panel, "bl_options", set()) - {"DEFAULT_CLOSED"}
            panel.bl_idname = f"{panel.__name__}_open"
            if hasattr(panel, "bl_parent_id"):
                panel.bl_parent_id += "_open"
    panels.register()


def fill_lists(scene: bpy.types.Scene) -> None:
    """As after a list of photos and a ranking of models; candidates without their pictures, which are no text."""
    settings, model = scene.photo_pose, scene.photo_pose.models[0].object
    settings.focal_source = "LENS"
    for name, state, message in (
        ("truck.jpg", "MATCHED", settings.result),
        ("a_photo_with_a_long_name.jpg", "FAILED", "The photo shows none of the models clearly enough."),
    ):
        photo = settings.photos.add()
        photo.name, photo.path, photo.state, photo.message = name, f"//{name}", state, message
        photo.camera = scene.camera
    settings.active_photo = 1
    for candidate in scene.camera.data.photo_pose.candidates:
        candidate.picture = ""
    for verified in (True, False):
        answer = settings.answers.add()
        answer.object, answer.verified, answer.score = model, verified, 0.87
        answer.azimuth, answer.elevation = -2.9, 0.5
    for name in ("Chair", "a_model_with_a_long_name"):
        answer = settings.library_answers.add()
        answer.name, answer.likeness, answer.verified = name, 7.0, True


def use_look() -> None:
    (folder,) = bpy.utils.preset_paths("interface_theme")[:1]
    preset = str(Path(folder, f"{THEME}.xml"))
    bpy.ops.script.execute_preset(filepath=preset, menu_idname="USERPREF_MT_interface_theme_presets")
    bpy.context.preferences.view.ui_scale = SCALE


open_panels()
fill_lists(bpy.context.scene)
use_look()
