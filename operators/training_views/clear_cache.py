"""Operators that delete the cached training views and free the networks' memory, and what the panel tells of both."""

from __future__ import annotations

import sys

import bpy
from bpy.app.translations import pgettext_iface as iface_
from bpy.app.translations import pgettext_rpt as rpt_
from bpy.app.translations import pgettext_tip as tip_
from bpy.props import StringProperty

from ...inference.errors import PoseError


class PHOTOPOSE_OT_clear_cache(bpy.types.Operator):
    bl_idname = "photopose.clear_cache"
    bl_label = "Clear Cache"
    bl_description = "Delete the cached training views of all models; they are rendered again when they are needed"

    def invoke(self, context: bpy.types.Context, event: bpy.types.Event) -> set[str]:
        manager = context.window_manager
        message = f"{iface_('Training Views')}: {manager.photo_pose_cache}"
        return manager.invoke_confirm(self, event, message=message)

    def execute(self, _context: bpy.types.Context) -> set[str]:
        try:
            from ..pictures.training_views import cache_folder, clear_cache

            count = clear_cache(cache_folder())
        except PoseError as error:
            self.report({"ERROR"}, str(error))
            return {"CANCELLED"}
        self.report({"INFO"}, rpt_("Training views of {count} models deleted").format(count=count))
        return {"FINISHED"}


class PHOTOPOSE_OT_unload_networks(bpy.types.Operator):
    bl_idname = "photopose.unload_networks"
    bl_label = "Unload Networks"
    bl_description = "Free the memory that networks take; the next match loads them again, which takes a moment"

    @classmethod
    def poll(cls, _context: bpy.types.Context) -> bool:
        possible = _network_bytes() > 0
        if not possible:
            cls.poll_message_set(tip_, "No network is in memory")
        return possible

    def execute(self, _context: bpy.types.Context) -> set[str]:
        from ...inference.networks.memory import unload_networks

        self.report({"INFO"}, rpt_("Networks of {size:.1f} MB unloaded").format(size=unload_networks() / 1e6))
        return {"FINISHED"}


def _network_bytes() -> int:
    """0 also before PyTorch was imported, which this does not do."""
    if f"{__package__.rpartition('.')[0]}.inference.networks" not in sys.modules:
        return 0
    from ...inference.networks.memory import network_bytes

    return network_bytes()


def _networks_told(_manager: bpy.types.WindowManager) -> str:
    return f"Networks: {_network_bytes() / 1e6:.1f} MB"


def _told(_manager: bpy.types.WindowManager) -> str:
    from ..pictures.training_views import cache_folder, cache_size

    count, size = cache_size(cache_folder())
    return iface_("{count} cached, {size:.1f} MB").format(count=count, size=size / 1e6)


classes = (PHOTOPOSE_OT_clear_cache, PHOTOPOSE_OT_unload_networks)


def register() -> None:
    bpy.types.WindowManager.photo_pose_cache = StringProperty(name="Cache", get=_told, description="Training views")
    bpy.types.WindowManager.photo_pose_networks = StringProperty(
        name="Networks", get=_networks_told, description="What they take of the memory"
    )


def unregister() -> None:
    del bpy.types.WindowManager.photo_pose_networks
    del bpy.types.WindowManager.photo_pose_cache
