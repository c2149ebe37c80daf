"""The operator that frees the networks' memory, and what the panel tells of it."""

from __future__ import annotations

import sys

import bpy
from bpy.app.translations import pgettext_iface as iface_
from bpy.app.translations import pgettext_rpt as rpt_
from bpy.app.translations import pgettext_tip as tip_
from bpy.props import StringProperty


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
    """0 also before a network was loaded; what loads them is not imported for this."""
    if f"{__package__.rpartition('.operators')[0]}.inference.networks.loading" not in sys.modules:
        return 0
    from ...inference.networks.memory import network_bytes

    return network_bytes()


def _told(_manager: bpy.types.WindowManager) -> str:
    return iface_("Networks: {size:.1f} MB").format(size=_network_bytes() / 1e6)


classes = (PHOTOPOSE_OT_unload_networks,)


def register() -> None:
    bpy.types.WindowManager.photo_pose_networks = StringProperty(
        name="Networks", get=_told, description="What they take of the memory"
    )


def unregister() -> None:
    del bpy.types.WindowManager.photo_pose_networks
