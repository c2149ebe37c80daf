"""What the user prefers on this computer, in Blender's preferences; the extension works without any of it."""

from __future__ import annotations

import os
from typing import NamedTuple

import bpy
from bpy.props import EnumProperty, IntProperty, StringProperty

DEVICE_ITEMS = (
    ("auto", "Automatic", "A graphics card where PyTorch can use one, else the processor"),
    ("cpu", "Processor", "Works everywhere, and is fast enough"),
    ("cuda", "CUDA", "A graphics card of NVIDIA, or of AMD with PyTorch for ROCm"),
    ("mps", "Metal", "The graphics processor of a Mac"),
)
ENGINE_ITEMS = (
    ("AUTO", "Automatic", "The graphics card where it shows the model as Cycles does, else Cycles"),
    ("GPU", "Graphics Card", "The graphics card, also for materials that it shows only in their plain colour"),
    ("CYCLES", "Cycles", "Slower; right for every material, and needs no graphics card"),
)
LOG_ITEMS = (
    ("DEBUG", "Everything", "Also the steps of every match"),
    ("INFO", "Results", "What was found, and how long that took"),
    ("WARNING", "Problems", "Only what went wrong"),
)


class Preferences(NamedTuple):
    """Their values; as they stand here, the defaults."""

    device: str = "auto"
    threads: int = 0
    engine: str = "AUTO"
    cache: str = ""
    packages: str = ""
    log_level: str = "WARNING"


DEFAULTS = Preferences()


class PhotoPosePreferences(bpy.types.AddonPreferences):
    bl_idname = __package__

    device: EnumProperty(name="Device", items=DEVICE_ITEMS, default=DEFAULTS.device, description="What networks run on")
    threads: IntProperty(
        name="Threads",
        default=DEFAULTS.threads,
        min=0,
        max=1024,
        description="Processor threads for the networks; 0: as many as PyTorch thinks best",
    )
    engine: EnumProperty(
        name="Verify With",
        items=ENGINE_ITEMS,
        default=DEFAULTS.engine,
        description="What renders the views by which poses are judged",
    )
    cache: StringProperty(
        name="Training Views",
        default=DEFAULTS.cache,
        subtype="DIR_PATH",
        description="Folder that keeps rendered training views; empty: the extension's own folder",
    )
    packages: StringProperty(
        name="Packages",
        default=DEFAULTS.packages,
        subtype="DIR_PATH",
        description="Folder with PyTorch and Pillow for Blender's Python; looked into only where they are missing",
    )
    log_level: EnumProperty(
        name="Log Level",
        items=LOG_ITEMS,
        default=DEFAULTS.log_level,
        description="What is written to the terminal",
    )

    def draw(self, _context: bpy.types.Context) -> None:
        layout = self.layout
        layout.use_property_split = True
        for name in Preferences._fields:
            layout.prop(self, name)
            if name == "cache" and not self.cache and __package__.startswith("bl_ext."):
                layout.label(text=bpy.utils.extension_path_user(__package__, path="cache"), icon="FILE_FOLDER")
        row = layout.row()
        row.operator("photopose.self_test", icon="CHECKMARK")
        row.operator("photopose.copy_diagnostics", icon="COPYDOWN")


def preferred() -> Preferences:
    """The user's, whatever repository the extension is from; the defaults where it is not enabled. Paths absolute."""
    name = __package__.rpartition(".")[2]
    addons = bpy.context.preferences.addons
    found = next((addon.preferences for addon in addons if addon.module.rpartition(".")[2] == name), None)
    if found is None:
        return DEFAULTS
    chosen = Preferences(*(getattr(found, field) for field in Preferences._fields))
    return chosen._replace(cache=_absolute(chosen.cache), packages=_absolute(chosen.packages))


def _absolute(path: str) -> str:
    return os.path.abspath(bpy.path.abspath(path)) if path else ""


register, unregister = bpy.utils.register_classes_factory((PhotoPosePreferences,))
