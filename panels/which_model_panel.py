"""The panel "Which Model?"."""

from __future__ import annotations

from math import degrees

import bpy

from .sidebar import SidebarPanel, fill


class PHOTOPOSE_UL_answers(bpy.types.UIList):
    """Models that the photo may show, best first; the button matches the camera with one of them."""

    def draw_item(self, context, layout, _data, item, _icon, _active_data, _active_property) -> None:
        if not item.object:
            layout.label(text="Deleted object", icon="ERROR")
            return
        split = layout.split(factor=0.4)
        icon = "CHECKMARK" if item.likely else "QUESTION" if item.verified else "BLANK1"
        split.label(text=item.object.name_full, icon=icon, translate=False)
        split = split.split(factor=0.6)
        split.label(text=f"{round(degrees(item.azimuth))}°, {round(degrees(item.elevation))}°")
        row = split.row(align=True)
        row.label(text=f"{item.score:.2f}" if item.verified else "")
        settings = context.scene.photo_pose
        button = row.operator("photopose.match_photo", text="", icon="OUTLINER_OB_CAMERA")
        fill(button, settings, "method", "use_photo_size")
        button.model = item.object.name_full


class VIEW3D_PT_photo_pose_which(SidebarPanel, bpy.types.Panel):
    bl_label = "Which Model?"
    bl_options = {"DEFAULT_CLOSED"}

    def draw(self, context: bpy.types.Context) -> None:
        settings, layout = context.scene.photo_pose, self.layout
        layout.use_property_split = True
        layout.use_property_decorate = False
        layout.prop(settings, "collection")
        button = layout.operator("photopose.which_model", icon="VIEWZOOM")
        fill(button, settings)
        button.collection = settings.collection.name_full if settings.collection else ""
        if settings.answers:
            layout.template_list("PHOTOPOSE_UL_answers", "", settings, "answers", settings, "active_answer", rows=5)


classes = (
    PHOTOPOSE_UL_answers,
    VIEW3D_PT_photo_pose_which,
)
