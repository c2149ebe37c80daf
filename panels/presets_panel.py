"""Lists of presets: how to match, and the sensors of Blender's cameras."""

from __future__ import annotations

import bpy
from bl_ui.utils import PresetPanel


class PHOTOPOSE_PT_presets(PresetPanel, bpy.types.Panel):
    bl_label = "Match Presets"
    preset_subdir = "photo_pose"
    preset_operator = "script.execute_preset"
    preset_add_operator = "photopose.preset_add"


class PHOTOPOSE_PT_sensors(PresetPanel, bpy.types.Panel):
    bl_label = "Sensors"
    preset_subdir = "camera"
    preset_operator = "photopose.use_sensor"


classes = (
    PHOTOPOSE_PT_presets,
    PHOTOPOSE_PT_sensors,
)
