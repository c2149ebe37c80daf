"""The line of Compare's Wipe as a gizmo: it is dragged in the view."""

from __future__ import annotations

import bpy
from mathutils import Matrix

from .compare_views import wiped

REACH, ARROW = 8, 7  # px at scale 1: from the line, within which it is taken hold of; half the handle's height
LOW = 0.1  # of the photo's height, below which the handle is: beside the object, mostly
ARROWS = [(0.5, -1, 0), (0.5, 1, 0), (1.5, 0, 0), (-0.5, -1, 0), (-0.5, 1, 0), (-1.5, 0, 0)]  # left and right of it


class PHOTOPOSE_GT_wipe(bpy.types.Gizmo):
    """Its group gives it the place of the photo in the region."""

    bl_idname = "PHOTOPOSE_GT_wipe"
    __slots__ = ("arrows", "before", "place")

    def setup(self) -> None:
        self.arrows = self.new_custom_shape("TRIS", ARROWS)

    def draw(self, context: bpy.types.Context) -> None:
        handle = (self._x(context), self.place.top + LOW * self.place.height, 0)
        size = ARROW * context.preferences.system.ui_scale
        self.draw_custom_shape(self.arrows, matrix=Matrix.Translation(handle) @ Matrix.Scale(size, 4))

    def test_select(self, context: bpy.types.Context, location: tuple[float, float]) -> int:
        x, y = location
        near = abs(x - self._x(context)) < REACH * context.preferences.system.ui_scale
        return 0 if near and self.place.top <= y <= self.place.bottom else -1

    def invoke(self, context: bpy.types.Context, _event: bpy.types.Event) -> set[str]:
        self.before = context.window_manager.photo_pose_compare.wipe
        return {"RUNNING_MODAL"}

    def modal(self, context: bpy.types.Context, event: bpy.types.Event, _tweak: set[str]) -> set[str]:
        along = (event.mouse_region_x - self.place.left) / self.place.width
        context.window_manager.photo_pose_compare.wipe = along  # which its limits clip
        return {"RUNNING_MODAL"}

    def exit(self, context: bpy.types.Context, cancel: bool) -> None:
        if cancel:
            context.window_manager.photo_pose_compare.wipe = self.before

    def _x(self, context: bpy.types.Context) -> float:
        return self.place.left + context.window_manager.photo_pose_compare.wipe * self.place.width


class PHOTOPOSE_GGT_wipe(bpy.types.GizmoGroup):
    bl_idname = "PHOTOPOSE_GGT_wipe"
    bl_label = "Wipe"
    bl_space_type = "VIEW_3D"
    bl_region_type = "WINDOW"
    bl_options = {"PERSISTENT"}

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        return wiped(context) is not None

    def setup(self, context: bpy.types.Context) -> None:
        self._line = self.gizmos.new(PHOTOPOSE_GT_wipe.bl_idname)
        self.draw_prepare(context)

    def draw_prepare(self, context: bpy.types.Context) -> None:
        theme, self._line.place = context.preferences.themes[0].user_interface, wiped(context)
        self._line.color, self._line.color_highlight = theme.gizmo_primary, theme.gizmo_hi
        self._line.alpha = self._line.alpha_highlight = 1.0


classes = (PHOTOPOSE_GT_wipe, PHOTOPOSE_GGT_wipe)
