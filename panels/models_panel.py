"""The panel "Models"."""

from __future__ import annotations

import bpy
from bpy.app.translations import pgettext_iface as iface_

from .sidebar import SidebarPanel, draw_list, draw_missing


class PHOTOPOSE_UL_models(bpy.types.UIList):
    def draw_item(self, _context, layout, _data, item, _icon, _active_data, _active_property) -> None:
        if item.object and not item.present:  # the list alone keeps it
            layout.label(text=iface_("{name}: not in this scene").format(name=item.object.name), icon="ERROR")
        elif item.object and item.object.library:  # its name can be changed nowhere but there
            layout.label(text=item.object.name_full, icon="LIBRARY_DATA_DIRECT")
        elif item.object:
            layout.prop(item.object, "name", text="", emboss=False, icon="OBJECT_DATA")
        else:
            layout.label(text="Deleted object", icon="ERROR")


class VIEW3D_MT_photo_pose_models(bpy.types.Menu):
    bl_label = "More Models"

    def draw(self, _context: bpy.types.Context) -> None:
        self.layout.operator("photopose.add_scene_models", icon="SCENE_DATA")
        self.layout.operator("photopose.add_folder", icon="FILE_FOLDER")


class VIEW3D_PT_photo_pose_models(SidebarPanel, bpy.types.Panel):
    bl_label = "Models"

    def draw(self, context: bpy.types.Context) -> None:
        settings, layout = context.scene.photo_pose, self.layout
        draw_missing(layout, context.preferences)
        buttons = draw_list(layout, settings, "models", 2, "photopose.add_models", "photopose.remove_model")
        buttons.menu("VIEW3D_MT_photo_pose_models", icon="DOWNARROW_HLT", text="")
        if not settings.models:
            layout.label(text="Empty list: all models of the scene")


classes = (
    PHOTOPOSE_UL_models,
    VIEW3D_MT_photo_pose_models,
    VIEW3D_PT_photo_pose_models,
)
