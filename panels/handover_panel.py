"""The sub-panel that hands matched cameras over, and the entries in File > Import and Export."""

from __future__ import annotations

import bpy

from .sidebar import SidebarPanel


class VIEW3D_PT_photo_pose_handover(SidebarPanel, bpy.types.Panel):
    bl_label = "Hand Over"
    bl_parent_id = "VIEW3D_PT_photo_pose"
    bl_options = {"DEFAULT_CLOSED"}

    def draw(self, context: bpy.types.Context) -> None:
        layout = self.layout
        layout.operator("photopose.project_photo", icon="MOD_UVPROJECT")
        mark, current = "photo_pose_catcher", context.scene  # of planes, which can be deleted, and of scenes
        caught = mark in current and any(mark in obj for obj in current.objects)
        layout.operator("photopose.shadow_catcher", icon="MOD_MASK", depress=caught)
        column = layout.column(align=True)
        column.operator("photopose.export_cameras", icon="EXPORT")
        column.operator("photopose.import_cameras", icon="IMPORT")


def draw_import(menu: bpy.types.Menu, _context: bpy.types.Context) -> None:
    menu.layout.operator("photopose.import_cameras", text="Photo Cameras (.fspy, COLMAP)")


def draw_export(menu: bpy.types.Menu, _context: bpy.types.Context) -> None:
    menu.layout.operator("photopose.export_cameras", text="Photo Cameras (JSON, COLMAP, BOP)")


def add_to_menus() -> None:
    bpy.types.TOPBAR_MT_file_import.append(draw_import)
    bpy.types.TOPBAR_MT_file_export.append(draw_export)


def remove_from_menus() -> None:
    bpy.types.TOPBAR_MT_file_import.remove(draw_import)
    bpy.types.TOPBAR_MT_file_export.remove(draw_export)


classes = (VIEW3D_PT_photo_pose_handover,)
