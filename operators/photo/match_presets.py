"""Operators that keep how to match as presets, and take a sensor from Blender's own list of cameras."""

from __future__ import annotations

import re
from pathlib import Path

import bpy
from bl_operators.presets import AddPresetBase
from bpy.props import StringProperty

from ...inference.errors import printable

KEPT = ("focal_source", "lens", "sensor", "stands", "subdivisions", "method", "network", "use_photo_size")


class PHOTOPOSE_OT_preset_add(AddPresetBase, bpy.types.Operator):
    bl_idname = "photopose.preset_add"
    bl_label = "Add Match Preset"
    bl_description = "Keep how photos are matched, without photo and models, as a preset; or remove one"

    preset_menu = "PHOTOPOSE_PT_presets"
    preset_subdir = "photo_pose"
    preset_defines = ["settings = bpy.context.scene.photo_pose"]
    preset_values = [f"settings.{name}" for name in KEPT]


class PHOTOPOSE_OT_use_sensor(bpy.types.Operator):
    bl_idname = "photopose.use_sensor"
    bl_label = "Use Sensor"
    bl_description = "Take the size of this camera's sensor, and its lens where it has a fixed one"
    bl_options = {"REGISTER", "UNDO", "INTERNAL"}

    filepath: StringProperty(name="Camera", subtype="FILE_PATH", description="One of Blender's camera presets")

    def execute(self, context: bpy.types.Context) -> set[str]:
        settings, camera = context.scene.photo_pose, camera_preset(Path(self.filepath))
        sides = [camera[name] for name in ("sensor_width", "sensor_height") if name in camera]
        if not sides:
            self.report({"ERROR"}, printable(f'"{Path(self.filepath).name}" is no camera preset'))
            return {"CANCELLED"}
        settings.focal_source, settings.sensor = "LENS", max(sides)
        settings.lens = camera.get("lens", settings.lens)
        return {"FINISHED"}


def camera_preset(path: Path) -> dict[str, float]:
    """What a preset sets of a camera, read and not run: nothing else of Blender changes. Empty where it is none."""
    try:
        text = path.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return {}
    return {name: float(value) for name, value in re.findall(r"\.(\w+) = ([\d.]+)$", text, re.MULTILINE)}


classes = (PHOTOPOSE_OT_preset_add, PHOTOPOSE_OT_use_sensor)
