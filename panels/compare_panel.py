"""The panel "Compare": how the photo is laid over the model in the camera's view."""

from __future__ import annotations

import bpy

from .sidebar import SidebarPanel, draw_text

COLUMNS = 4  # of the first row, whose words are short


class VIEW3D_PT_photo_pose_compare(SidebarPanel, bpy.types.Panel):
    bl_label = "Compare"

    def draw(self, context: bpy.types.Context) -> None:
        layout, shown = self.layout, context.window_manager.photo_pose_compare
        self._draw_views(shown)
        self._draw_setting(context, shown)
        by_hand = layout.row(align=True)
        by_hand.operator("photopose.nudge", icon="VIEW_PAN")
        by_hand.operator("photopose.pin_model", icon="PINNED")

    def _draw_views(self, shown) -> None:
        items, column = shown.bl_rna.properties["view"].enum_items, self.layout.column(align=True)
        for some in items[:COLUMNS], items[COLUMNS:]:
            row = column.row(align=True)
            for item in some:
                chosen = item.identifier == shown.view
                button = row.operator("photopose.compare", text=item.name, text_ctxt="Photo Pose", depress=chosen)
                button.view = item.identifier

    def _draw_setting(self, context: bpy.types.Context, shown) -> None:
        """Of the view that is shown: one row at least, so that nothing below moves."""
        column, slots = self.layout.column(), _photos(context.scene.camera)
        if shown.view == "WIPE":
            column.prop(shown, "wipe", slider=True)
        elif shown.view == "LINES":
            column.operator("photopose.switch_lines", icon="RESTRICT_SELECT_OFF")
        elif shown.view == "PHOTO" and slots:
            for slot in slots:
                column.prop(slot, "alpha", text="Opacity", slider=True)
        elif not shown.told:
            column.label(text="")
        draw_text(context, column, shown.told)


def _photos(camera: bpy.types.Object | None) -> list[bpy.types.CameraBackgroundImage]:
    """The photos that Blender itself lays over the camera's view."""
    data = camera.data if camera and camera.type == "CAMERA" else None
    shown = data.background_images if data and data.show_background_images else ()
    return [slot for slot in shown if slot.show_background_image]


classes = (VIEW3D_PT_photo_pose_compare,)
