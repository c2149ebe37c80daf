"""The panel "Photo": the photo, where the object is in it, its lens, and the button that matches the camera."""

from __future__ import annotations

import bpy

from .presets_panel import PHOTOPOSE_PT_presets, PHOTOPOSE_PT_sensors
from .sidebar import LETTER, SidebarPanel, fill, width_of


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

    def _draw_box(self, settings) -> None:
        """Its numbers are for scripts and the redo panel."""
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
