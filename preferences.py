"""What the user prefers on this computer, in Blender's preferences; the extension works without any of it."""

from __future__ import annotations

import os
import textwrap
import time
from functools import lru_cache
from typing import NamedTuple

import bpy
from bpy.app.translations import pgettext_iface as iface_
from bpy.props import EnumProperty, IntProperty, StringProperty

from . import keymaps
from .inference.networks.backends import FASTER, Found, found_torch
from .properties import OURS

WIDTH = 80  # letters in a line of the preferences

DEVICE_ITEMS = (  # those of inference/networks/backends.py
    ("auto", "Automatic", "PyTorch where there is one, on a graphics card where it can use one, else NumPy"),
    ("numpy", "NumPy", "Works everywhere, for Blender brings it"),
    ("cpu", "PyTorch CPU", "PyTorch on the processor"),
    ("cuda", "CUDA", "PyTorch on a graphics card of NVIDIA, or on one of AMD with PyTorch for ROCm"),
    ("mps", "Metal", "PyTorch on the graphics processor of a Mac"),
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
    packages: str = ""
    threads: int = 0
    engine: str = "AUTO"
    cache: str = ""
    log_level: str = "WARNING"


DEFAULTS = Preferences()


class PhotoPosePreferences(bpy.types.AddonPreferences):
    bl_idname = __package__

    device: EnumProperty(
        name="Network Runs On",
        translation_context=OURS,
        items=DEVICE_ITEMS,
        default=DEFAULTS.device,
        description="What computes the networks; PyTorch is faster than NumPy",
    )
    packages: StringProperty(
        name="Packages",
        default=DEFAULTS.packages,
        subtype="DIR_PATH",
        description="Folder with PyTorch for Blender's Python, if you like; looked into only where it is missing",
    )
    threads: IntProperty(
        name="Threads",
        default=DEFAULTS.threads,
        min=0,
        max=1024,
        description="Processor threads for the networks; 0: as many as suit the processor",
    )
    engine: EnumProperty(
        name="Render With",
        items=ENGINE_ITEMS,
        default=DEFAULTS.engine,
        description="What renders training views, and the views by which poses are judged",
    )
    cache: StringProperty(
        name="Training Views",
        default=DEFAULTS.cache,
        subtype="DIR_PATH",
        description="Folder that keeps rendered training views; empty: the extension's own folder",
    )
    log_level: EnumProperty(
        name="Log Level",
        items=LOG_ITEMS,
        default=DEFAULTS.log_level,
        description="What is written to the terminal",
    )

    def draw(self, context: bpy.types.Context) -> None:
        draw(self.layout, self, context.window_manager.photo_pose)
        self.layout.label(text="Keys in 3D Views")
        keymaps.draw(self.layout, context.window_manager)


def draw(layout: bpy.types.UILayout, chosen: PhotoPosePreferences, status: bpy.types.PropertyGroup) -> None:
    layout.use_property_split = True
    for name in Preferences._fields:
        layout.prop(chosen, name)
        if name == "device":
            _draw_torch(layout, _absolute(chosen.packages))
        if name == "cache" and not chosen.cache and __package__.startswith("bl_ext."):
            layout.label(text=bpy.utils.extension_path_user(__package__, path="cache"), icon="FILE_FOLDER")
    _draw_answer(layout, status)
    row = layout.row()
    if status.stage:
        row.progress(factor=status.progress, text=f"{status.stage}, {status.detail}")
    else:
        row.operator("photopose.self_test", icon="CHECKMARK")
    row.operator("photopose.copy_diagnostics", icon="COPYDOWN")


def _draw_answer(layout: bpy.types.UILayout, status: bpy.types.PropertyGroup) -> None:
    """Of the self-test, above its button: what it reports is seen in another window, and below this one ends."""
    for number, line in enumerate(textwrap.wrap(status.self_test, WIDTH)):
        icon = "CHECKMARK" if status.self_test_passed else "ERROR"
        layout.label(text=line, translate=False, icon="BLANK1" if number else icon)


def _draw_torch(layout: bpy.types.UILayout, folder: str) -> None:
    """Says which PyTorch there is, also in the user's folder, and how much faster it is or would be."""
    found = _torch(folder, int(time.monotonic()))
    if found is None:
        text = iface_("No PyTorch: NumPy is used; with PyTorch the networks run about {factor} times as fast")
        layout.label(text=text.format(factor=FASTER), icon="INFO")
    elif found.problem:
        for line in textwrap.wrap(found.problem, WIDTH):
            layout.label(text=line, translate=False, icon="ERROR")
    else:
        text = iface_("PyTorch {version} found: with it the networks run about {factor} times as fast as with NumPy")
        layout.label(text=text.format(version=found.version, factor=FASTER), icon="CHECKMARK")


@lru_cache(1)
def _torch(folder: str, _second: int) -> Found | None:
    """Looks for it, which may be in slow folders, once a second at most."""
    return found_torch(folder)


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
