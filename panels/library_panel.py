"""The panel "Library" below "Which Model?": thumbnails of the models that a photo may show, none of them imported."""

from __future__ import annotations

import bpy
from bpy.app.translations import pgettext_iface as iface_

from .sidebar import ICON, LETTER, UNIT, SidebarPanel, copy, draw_picture, fill, width_of

TAKE = "photopose.take_from_library"
COLUMNS, FEWER = 4, 2  # of thumbnails; where the sidebar is too narrow
SMALLEST = 4  # of a thumbnail among others, in heights of a button: smaller ones tell little


class VIEW3D_PT_photo_pose_library(SidebarPanel, bpy.types.Panel):
    bl_label = "Library"
    bl_parent_id = "VIEW3D_PT_photo_pose_which"
    bl_options = {"DEFAULT_CLOSED"}

    def draw(self, context: bpy.types.Context) -> None:
        settings, layout = context.scene.photo_pose, self.layout
        layout.prop(settings, "library", text="")
        row = layout.row(align=True)
        copy(row.operator("photopose.add_to_library", text="Add Folder", icon="ADD"), settings, "library")
        copy(row.operator("photopose.update_library", text="Update", icon="FILE_REFRESH"), settings, "library")
        fill(layout.operator("photopose.search_library", icon="VIEWZOOM"), settings, "library")
        if settings.library_answers:
            self._draw_answers(context, settings)

    def _draw_answers(self, context: bpy.types.Context, settings) -> None:
        units = width_of(context) / UNIT
        columns = COLUMNS if units >= COLUMNS * SMALLEST else FEWER
        grid = self.layout.grid_flow(row_major=True, columns=columns, even_columns=True, even_rows=True)
        scale = max(units / columns, SMALLEST)
        for index, answer in enumerate(settings.library_answers):
            column = grid.column(align=True)
            if answer.icon:
                self._give(draw_picture(column, answer.icon, scale, TAKE), settings, index)
            self._give(column.operator(TAKE, text=answer.name, translate=False), settings, index)
            icon = "CHECKMARK" if answer.likely else "QUESTION" if answer.verified else "BLANK1"
            likeness = f"{answer.likeness:.1f}"
            told = f"{iface_('Likeness')} {likeness}"
            column.label(text=told if len(told) * LETTER + ICON < scale * UNIT else likeness, icon=icon)

    def _give(self, button, settings, index: int) -> None:
        fill(button, settings, "method", "use_photo_size")
        button.index = index


classes = (VIEW3D_PT_photo_pose_library,)
