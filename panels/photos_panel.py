"""The panel with several photos of one object."""

from __future__ import annotations

import bpy
from bpy.app.translations import pgettext_iface as iface_

from .sidebar import FAIR, PHOTO, SidebarPanel, copy, draw_list, draw_text

ICONS = {"NONE": "IMAGE_DATA", "MATCHED": "CHECKMARK", "FAILED": "ERROR"}
UNSURE = "QUESTION"  # of a match whose confidence is low


class PHOTOPOSE_UL_photos(bpy.types.UIList):
    """Photos and how sure their cameras are."""

    def draw_item(self, _context, layout, _data, item, _icon, _active_data, _active_property) -> None:
        row = layout.row()
        match = item.camera.data.photo_pose if item.state == "MATCHED" and item.present else None
        unsure = match and match.verified and match.confidence < FAIR
        row.label(text=item.name, icon=UNSURE if unsure else ICONS[item.state], translate=False)
        if match:
            right = row.row()
            right.alignment = "RIGHT"
            right.alert = bool(unsure)
            sure = f"{match.confidence:.0%}" if match.verified else iface_("Not Verified")
            right.label(text="Adjusted" if item.camera.photo_pose_adjusted else sure)


class VIEW3D_PT_photo_pose_photos(SidebarPanel, bpy.types.Panel):
    bl_label = "Photos"
    bl_options = {"DEFAULT_CLOSED"}

    def draw(self, context: bpy.types.Context) -> None:
        settings, layout = context.scene.photo_pose, self.layout
        draw_list(layout, settings, "photos", 4, "photopose.add_photos", "photopose.remove_photo")
        if settings.active_photo < len(settings.photos):
            draw_text(context, layout, settings.photos[settings.active_photo].message)
        row = layout.row()
        row.active = settings.focal_source == "PHOTO"  # else the lens is known
        row.prop(settings, "shared_lens")
        if settings.shared_lens:
            column = layout.column(align=True)
            column.active = row.active
            column.prop(settings, "shared_shift")
            column.prop(settings, "shared_distortion")
        button = layout.operator("photopose.match_photos", icon="OUTLINER_OB_CAMERA")
        copy(button, settings, *PHOTO, "method", "shared_lens", "shared_shift", "shared_distortion")
        layout.operator("photopose.bind_markers", icon="MARKER_HLT")
        layout.operator("photopose.contact_sheet", icon="IMGDISPLAY")


classes = (
    PHOTOPOSE_UL_photos,
    VIEW3D_PT_photo_pose_photos,
)
