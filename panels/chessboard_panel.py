"""The panel "Chessboard"."""

from __future__ import annotations

import bpy

from .sidebar import SidebarPanel, copy


class VIEW3D_PT_photo_pose_board(SidebarPanel, bpy.types.Panel):
    bl_label = "Chessboard"
    bl_options = {"DEFAULT_CLOSED"}

    def draw(self, context: bpy.types.Context) -> None:
        settings, layout = context.scene.photo_pose, self.layout
        layout.use_property_split = True
        layout.use_property_decorate = False
        for name in ("board_photo", "board_columns", "board_rows", "board_square", "board"):
            layout.prop(settings, name)
        button = layout.operator("photopose.label_photo", icon="VIEW_CAMERA")
        button.filepath, button.board_photo = settings.photo, settings.board_photo
        button.board = settings.board.name_full if settings.board else ""
        for name in ("columns", "rows", "square"):
            setattr(button, name, getattr(settings, f"board_{name}"))
        copy(button, settings, "focal_source", "lens", "sensor", "use_photo_size")


classes = (VIEW3D_PT_photo_pose_board,)
