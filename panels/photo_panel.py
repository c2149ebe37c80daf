"""The sub-panel "Photo": the photo, how to look at it, and the button that matches the camera."""

from __future__ import annotations

import bpy
from bpy.app.translations import pgettext_iface as iface_

from .presets_panel import PHOTOPOSE_PT_sensors
from .sidebar import SidebarPanel, draw_text, fill


class VIEW3D_PT_photo_pose_photo(SidebarPanel, bpy.types.Panel):
    bl_label = "Photo"
    bl_parent_id = "VIEW3D_PT_photo_pose"

    def draw(self, context: bpy.types.Context) -> None:
        settings, layout = context.scene.photo_pose, self.layout
        layout.use_property_split = True
        layout.use_property_decorate = False
        layout.prop(settings, "photo")
        layout.prop(settings, "box")
        row = layout.row(align=True)
        row.operator("photopose.drag_box", icon="SELECT_SET")
        row.operator("photopose.propose_box", icon="VIEWZOOM")
        layout.prop(settings, "focal_source")
        if settings.focal_source == "LENS":
            layout.prop(settings, "lens")
            row = layout.row()
            row.prop(settings, "sensor")
            PHOTOPOSE_PT_sensors.draw_panel_header(row)
        layout.prop(settings, "stands")
        self._draw_button(context, settings)
        if bpy.ops.photopose.fit_to_render.poll():
            cropped = layout.column(align=True)
            draw_text(context, cropped, iface_("The render has another shape than before and cuts the photo off"))
            cropped.operator("photopose.fit_to_render", icon="FULLSCREEN_ENTER")
        told = layout.column(align=True)
        for part in settings.result.split(", ") if settings.result else ():
            draw_text(context, told, part)

    def _draw_button(self, context: bpy.types.Context, settings) -> None:
        row, status = self.layout.row(), context.window_manager.photo_pose
        row.scale_y = 1.5
        if status.stage and context.window.modal_operators:
            text = iface_("{stage} {progress:.0%} (Esc to cancel)")
            row.progress(factor=status.progress, text=text.format(stage=iface_(status.stage), progress=status.progress))
            return
        fill(row.operator("photopose.match_photo", icon="OUTLINER_OB_CAMERA"), settings, "method", "use_photo_size")
        if passed_over := context.scene.photo_pose_passed_over:
            draw_text(context, self.layout, passed_over, icon="INFO")


class VIEW3D_PT_photo_pose_method(SidebarPanel, bpy.types.Panel):
    bl_label = "Method"
    bl_parent_id = "VIEW3D_PT_photo_pose_photo"
    bl_options = {"DEFAULT_CLOSED"}

    def draw(self, context: bpy.types.Context) -> None:
        layout = self.layout
        layout.use_property_split = True
        layout.use_property_decorate = False
        for name in ("method", "network", "use_photo_size"):
            layout.prop(context.scene.photo_pose, name)


classes = (
    VIEW3D_PT_photo_pose_photo,
    VIEW3D_PT_photo_pose_method,
)
