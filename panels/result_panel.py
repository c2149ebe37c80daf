"""The panel "Result": how the active camera sees the model, and how far its lens is known."""

from __future__ import annotations

import bpy
from bpy.app.translations import pgettext_iface as iface_

from .sidebar import SidebarPanel, draw_text


class VIEW3D_PT_photo_pose_result(SidebarPanel, bpy.types.Panel):
    bl_label = "Result"
    bl_options = {"DEFAULT_CLOSED"}

    def draw(self, context: bpy.types.Context) -> None:
        told = self.layout.column(align=True)
        for part in context.scene.photo_pose.result.split(", "):
            draw_text(context, told, part or iface_("Nothing was matched yet"))


classes = (VIEW3D_PT_photo_pose_result,)
