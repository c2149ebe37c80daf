"""The panel "Compare": how the photo is laid over the model in the camera's view."""

from __future__ import annotations

import bpy

from .sidebar import SidebarPanel, draw_text


class VIEW3D_PT_photo_pose_compare(SidebarPanel, bpy.types.Panel):
    bl_label = "Compare"
    bl_parent_id = "VIEW3D_PT_photo_pose"

    def draw(self, context: bpy.types.Context) -> None:
        layout, shown = self.layout, context.window_manager.photo_pose_compare
        views = layout.grid_flow(row_major=True, columns=3, even_columns=True, align=True)
        for item in shown.bl_rna.properties["view"].enum_items:
            button = views.operator(
                "photopose.compare", text=item.name, text_ctxt="Photo Pose", depress=item.identifier == shown.view
            )
            button.view = item.identifier
        if shown.view == "WIPE":
            layout.prop(shown, "wipe", slider=True)
        if shown.told:
            draw_text(context, layout, shown.told)
        if shown.view == "LINES":
            layout.operator("photopose.switch_lines", icon="RESTRICT_SELECT_OFF")
        for slot in _photos(context.scene.camera) if shown.view == "PHOTO" else ():
            layout.prop(slot, "alpha", text="Opacity", slider=True)
        by_hand = layout.row(align=True)
        by_hand.operator("photopose.nudge", icon="VIEW_PAN")
        by_hand.operator("photopose.pin_model", icon="PINNED")


def _photos(camera: bpy.types.Object | None) -> list[bpy.types.CameraBackgroundImage]:
    """The photos that Blender itself lays over the camera's view."""
    data = camera.data if camera and camera.type == "CAMERA" else None
    shown = data.background_images if data and data.show_background_images else ()
    return [slot for slot in shown if slot.show_background_image]


classes = (VIEW3D_PT_photo_pose_compare,)
