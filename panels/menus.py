"""Entries of File > Import and Export and the 3D view's View > Cameras; operator search (F3) finds what menus have."""

from __future__ import annotations

import bpy

from .sidebar import PHOTO, copy, fill
from .training_views_panel import VIEWS


class VIEW3D_MT_photo_pose(bpy.types.Menu):
    bl_label = "Photo Pose"

    def draw(self, context: bpy.types.Context) -> None:
        settings, layout = context.scene.photo_pose, self.layout
        layout.operator_context = "INVOKE_REGION_WIN"
        layout.operator("photopose.add_models", icon="ADD")
        layout.operator("photopose.match_photo", icon="OUTLINER_OB_CAMERA")  # takes the settings itself
        shared = "shared_lens", "shared_shift", "shared_distortion"
        copy(layout.operator("photopose.match_photos"), settings, *PHOTO, "method", *shared)
        fill(layout.operator("photopose.which_model", icon="VIEWZOOM"), settings)
        fill(layout.operator("photopose.search_library"), settings, "library")
        layout.separator()
        layout.operator("photopose.next_candidate")
        layout.operator("photopose.next_candidate", text="Previous Candidate").step = -1
        edges = layout.operator("photopose.compare", text="Compare: Edges")
        edges.view, edges.toggle = "EDGES", True
        wipe = layout.operator("photopose.compare", text="Compare: Wipe")
        wipe.view, wipe.toggle = "WIPE", True
        layout.separator()
        layout.operator("photopose.nudge", icon="VIEW_PAN")
        layout.operator("photopose.pin_model", icon="PINNED")
        layout.separator()
        copy(layout.operator("photopose.render_views"), settings, *VIEWS)
        layout.operator("photopose.browse_views", icon="SPHERE")
        layout.operator("photopose.self_test", icon="CHECKMARK")


def draw_menu(menu: bpy.types.Menu, _context: bpy.types.Context) -> None:
    menu.layout.separator()
    menu.layout.menu("VIEW3D_MT_photo_pose")


def draw_import(menu: bpy.types.Menu, _context: bpy.types.Context) -> None:
    menu.layout.operator("photopose.import_cameras", text="Photo Cameras (.fspy, COLMAP)")


def draw_export(menu: bpy.types.Menu, _context: bpy.types.Context) -> None:
    menu.layout.operator("photopose.export_cameras", text="Photo Cameras (JSON, COLMAP, BOP)")


ENTRIES = (  # of Blender's menus
    ("VIEW3D_MT_view_cameras", draw_menu),
    ("TOPBAR_MT_file_import", draw_import),
    ("TOPBAR_MT_file_export", draw_export),
)


def add_to_menus() -> None:
    for menu, draw in ENTRIES:
        getattr(bpy.types, menu).append(draw)


def remove_from_menus() -> None:
    for menu, draw in ENTRIES:
        getattr(bpy.types, menu).remove(draw)


classes = (VIEW3D_MT_photo_pose,)
