"""The panel "Refine"."""

from __future__ import annotations

import bpy

from .sidebar import SidebarPanel, copy

LOCKS = ("lock_rotation", "lock_position", "lock_roll", "lock_lens", "lock_principal_point", "lock_distortion")


class VIEW3D_PT_photo_pose_refine(SidebarPanel, bpy.types.Panel):
    bl_label = "Refine"
    bl_translation_context = "Photo Pose"
    bl_options = {"DEFAULT_CLOSED"}

    def draw(self, context: bpy.types.Context) -> None:
        settings, layout = context.scene.photo_pose, self.layout
        locks = layout.grid_flow(row_major=True, columns=2, even_columns=True, align=True)
        for name in LOCKS:
            locks.prop(settings, name, toggle=True, icon="LOCKED" if getattr(settings, name) else "UNLOCKED")
        button = layout.operator("photopose.refine_camera", icon="CON_CAMERASOLVER")
        button.filepath, button.box = settings.photo, settings.known_box
        copy(button, settings, "stands", "subdivisions", *LOCKS)
        layout.operator("photopose.perspective_strength", icon="CAMERA_DATA")


classes = (VIEW3D_PT_photo_pose_refine,)
