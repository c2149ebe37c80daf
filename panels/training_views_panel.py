"""The panel "Training Views", with the gallery and the cache that they are kept in."""

from __future__ import annotations

import bpy

from .sidebar import SidebarPanel, copy

VIEWS = ("stands", "subdivisions", "background")


class VIEW3D_PT_photo_pose_gallery(SidebarPanel, bpy.types.Panel):
    bl_label = "Gallery"
    bl_parent_id = "VIEW3D_PT_photo_pose_views"

    def draw(self, context: bpy.types.Context) -> None:
        layout = self.layout
        layout.operator("photopose.browse_views", icon="SPHERE")
        manager = context.window_manager
        self._draw_kept(manager.photo_pose_cache, "photopose.clear_cache", "TRASH")
        self._draw_kept(manager.photo_pose_networks, "photopose.unload_networks", "X")

    def _draw_kept(self, told: str, button: str, icon: str) -> None:
        row = self.layout.row()
        row.label(text=told)
        right = row.row()
        right.alignment = "RIGHT"  # as wide as its words
        right.operator(button, icon=icon)


class VIEW3D_PT_photo_pose_views(SidebarPanel, bpy.types.Panel):
    bl_label = "Training Views"
    bl_options = {"DEFAULT_CLOSED"}

    def draw(self, context: bpy.types.Context) -> None:
        settings, layout = context.scene.photo_pose, self.layout
        layout.use_property_split = True
        layout.use_property_decorate = False
        layout.prop(settings, "subdivisions")
        layout.prop(settings, "background")
        layout.prop(settings, "crop")
        render = layout.operator("photopose.render_views")
        save = layout.operator("photopose.save_views")
        save.crop = settings.crop
        for button in (render, save):
            copy(button, settings, *VIEWS)
        layout.operator("photopose.train_regressor").stands = settings.stands


classes = (
    VIEW3D_PT_photo_pose_views,
    VIEW3D_PT_photo_pose_gallery,
)
