"""The panel "Photo": the photo, where the object is in it, its lens, and the button that matches the camera."""

from __future__ import annotations

import bpy
from bpy.app.translations import pgettext_iface as iface_

from .presets_panel import PHOTOPOSE_PT_presets, PHOTOPOSE_PT_sensors
from .sidebar import LETTER, SidebarPanel, draw_text, fill, width_of


class VIEW3D_PT_photo_pose_photo(SidebarPanel, bpy.types.Panel):
    bl_label = "Photo"

    def draw_header_preset(self, _context: bpy.types.Context) -> None:
        PHOTOPOSE_PT_presets.draw_panel_header(self.layout)

    def draw(self, context: bpy.types.Context) -> None:
        settings, layout = context.scene.photo_pose, self.layout
        row = layout.row(align=True)
        row.prop(settings, "photo", text="", icon="IMAGE_DATA")
        row.operator("photopose.choose_photo", text="", icon="FILE_FOLDER")
        self._draw_box(settings)
        self._draw_lens(settings)
        self._draw_button(context, settings)
        self._draw_warnings(context)

    def _draw_box(self, settings) -> None:
        """Its numbers are for scripts."""
        row = self.layout.row(align=True)
        row.operator("photopose.drag_box", icon="SELECT_SET", depress=any(settings.known_box))
        row.operator("photopose.propose_box", icon="VIEWZOOM")
        row.operator("photopose.clear_box", text="", icon="X")

    def _draw_lens(self, settings) -> None:
        column = self.layout.column()
        column.use_property_split = True
        column.use_property_decorate = False
        column.prop(settings, "focal_source")
        if settings.focal_source == "LENS":
            column.prop(settings, "lens")
            row = column.row()
            row.prop(settings, "sensor")
            PHOTOPOSE_PT_sensors.draw_panel_header(row)

    def _draw_button(self, context: bpy.types.Context, settings) -> None:
        row, status = self.layout.row(), context.window_manager.photo_pose
        row.scale_y = 1.5
        if status.stage and context.window.modal_operators:
            told = f"{status.stage}, {status.detail}"
            row.progress(factor=status.progress, text=told if len(told) * LETTER < width_of(context) else status.detail)
            return
        fill(row.operator("photopose.match_photo", icon="OUTLINER_OB_CAMERA"), settings, "method", "use_photo_size")

    def _draw_warnings(self, context: bpy.types.Context) -> None:
        if bpy.ops.photopose.fit_to_render.poll():
            cropped = self.layout.column(align=True)
            draw_text(context, cropped, iface_("The render has another shape than before and cuts the photo off"))
            cropped.operator("photopose.fit_to_render", icon="FULLSCREEN_ENTER")
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
        for name in ("stands", "method", "network", "use_photo_size"):
            layout.prop(context.scene.photo_pose, name)


classes = (
    VIEW3D_PT_photo_pose_photo,
    VIEW3D_PT_photo_pose_method,
)
