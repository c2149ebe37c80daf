"""The panel that hands matched cameras over."""

from __future__ import annotations

import bpy

from .sidebar import SidebarPanel


class VIEW3D_PT_photo_pose_handover(SidebarPanel, bpy.types.Panel):
    bl_label = "Hand Over"
    bl_options = {"DEFAULT_CLOSED"}

    def draw(self, context: bpy.types.Context) -> None:
        layout = self.layout
        layout.operator("photopose.project_photo", icon="MOD_UVPROJECT")
        mark, current = "photo_pose_catcher", context.scene  # of planes, which can be deleted, and of scenes
        caught = mark in current and any(mark in obj for obj in current.objects)
        layout.operator("photopose.shadow_catcher", icon="MOD_MASK", depress=caught)
        over, camera = "photo_pose_over" in current, current.camera
        layout.operator("photopose.render_over_photo", icon="RENDER_RESULT", depress=over)
        bent = camera is not None and camera.type == "CAMERA" and camera.data.type == "CUSTOM"
        layout.operator("photopose.distorted_lens", icon="MOD_LATTICE", depress=bent)
        column = layout.column(align=True)
        column.operator("photopose.export_cameras", icon="EXPORT")
        column.operator("photopose.import_cameras", icon="IMPORT")


classes = (VIEW3D_PT_photo_pose_handover,)
