"""The panel of the training views' gallery and of the cache that they are kept in."""

from __future__ import annotations

import bpy

from .sidebar import SidebarPanel


class VIEW3D_PT_photo_pose_gallery(SidebarPanel, bpy.types.Panel):
    bl_label = "Gallery"
    bl_parent_id = "VIEW3D_PT_photo_pose_views"

    def draw(self, context: bpy.types.Context) -> None:
        layout = self.layout
        layout.operator("photopose.browse_views", icon="SPHERE")
        row = layout.row()
        row.label(text=context.window_manager.photo_pose_cache)
        row.operator("photopose.clear_cache", icon="TRASH")
        row = layout.row()
        row.label(text=context.window_manager.photo_pose_networks)
        row.operator("photopose.unload_networks", icon="X")


classes = (VIEW3D_PT_photo_pose_gallery,)
