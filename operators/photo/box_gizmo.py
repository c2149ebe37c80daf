"""The photo's box as a gizmo in the view of its camera: edges, corners and centre can be dragged there at any time."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

import bpy
import numpy as np

from ...inference.geometry import Box
from ..blender.photo_files import located, path_of
from ..pictures.camera_view import camera_seen, photo_in_view, to_photo, to_region
from ..running.long_operator import StepsOperator

TAB = "Photo Pose"  # of the sidebar, while which is open the box is shown
SMALLEST = 1.0  # px of the photo
LINE, ALPHA, ALPHA_HELD = 1.5, 0.5, 0.8
COLOR = (1.0, 1.0, 1.0)  # calm beside the orange and blue of Edges
HANDLE = 80.0  # by Blender's measure, of whose gizmos a handle is 0.15: 12 px at scale 1


class PHOTOPOSE_GGT_box(bpy.types.GizmoGroup):
    bl_idname = "PHOTOPOSE_GGT_box"
    bl_label = "Box of the Photo"
    bl_space_type = "VIEW_3D"
    bl_region_type = "WINDOW"
    bl_options = {"PERSISTENT", "SCALE"}  # in px of the screen

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        settings = context.scene.photo_pose
        camera_object = camera_seen(context.scene, context.space_data, context.region_data)
        if camera_object is None or camera_object != context.scene.camera or not any(settings.box):
            return False
        match = camera_object.data.photo_pose
        if not all(match.size) or any(match.distortion) or not tab_is_open(context.area) or _is_used(context):
            return False
        return bool(settings.photo) and path_of(camera_object) == located(settings.photo)

    def setup(self, context: bpy.types.Context) -> None:
        self._read(context)
        self._cage = self.gizmos.new("GIZMO_GT_cage_2d")
        self._cage.draw_style = "BOX_TRANSFORM"
        self._cage.transform = {"TRANSLATE", "SCALE"}
        self._cage.line_width, self._cage.scale_basis = LINE, HANDLE
        self._cage.target_set_handler("matrix", get=self._placed, set=self._place)
        self._dragged = False

    def draw_prepare(self, context: bpy.types.Context) -> None:
        """Blender calls it before each redraw, and so after a drag, which is one undo step then."""
        self._read(context)
        settings = context.scene.photo_pose
        self._cage.color_highlight = context.preferences.themes[0].user_interface.gizmo_hi
        self._cage.color, self._cage.alpha, self._cage.alpha_highlight = COLOR, ALPHA, ALPHA_HELD
        if self._cage.is_modal:
            self._dragged = True
            return
        if self._dragged:
            bpy.app.timers.register(partial(_settle, context.scene.name, *self._before))
        self._dragged, self._before = False, (tuple(settings.box), settings.box_found)

    def _read(self, context: bpy.types.Context) -> None:
        """No data-block is kept: it may be gone before the next redraw, after an undo or in another file."""
        camera_object = context.scene.camera
        self._size = tuple(camera_object.data.photo_pose.size)
        self._frame = photo_in_view(camera_object, self._size, context.scene, context.region, context.region_data)

    def _placed(self) -> list[float]:
        return as_matrix(bpy.context.scene.photo_pose.box, self._frame, self._size)

    def _place(self, matrix: tuple[float, ...]) -> None:
        bpy.context.scene.photo_pose.box = as_box(matrix, self._frame, self._size)


def as_matrix(box: Sequence[float], frame: Box, size: tuple[int, int]) -> list[float]:
    """(16,), column by column: makes a unit square the box, px of a photo of size that is shown in frame."""
    corners = to_region(np.reshape(box, (2, 2)), frame, size)
    matrix = np.eye(4)
    matrix[[0, 1], [0, 1]], matrix[3, :2] = np.abs(corners[1] - corners[0]), corners.mean(0)
    return matrix.ravel().tolist()


def as_box(matrix: Sequence[float], frame: Box, size: tuple[int, int]) -> Box:
    """The inverse of as_matrix, as far as it lies in the photo and no less than SMALLEST."""
    columns = np.reshape(matrix, (4, 4))
    half = np.array([columns[0, 0], -columns[1, 1]]) / 2  # the photo's rows go down
    top_left, low_right = (to_photo(columns[3, :2] + side * half, frame, size) for side in (-1, 1))
    start = np.clip(top_left, 0, np.array(size) - SMALLEST)
    return Box(*start.tolist(), *np.clip(low_right, start + SMALLEST, size).tolist())


def tab_is_open(area: bpy.types.Area) -> bool:
    """Whether a 3D view shows our tab of its sidebar."""
    sidebar = next(region for region in area.regions if region.type == "UI")
    return sidebar.width > 1 and sidebar.active_panel_category == TAB


def _is_used(context: bpy.types.Context) -> bool:
    """Whether an operator of ours has the view, as long work has not."""
    names = [operator.bl_idname for operator in context.window.modal_operators]
    kinds = [getattr(bpy.types, name) for name in names if name.startswith("PHOTOPOSE_OT_")]
    return any(not issubclass(kind, StepsOperator) for kind in kinds)


def _settle(scene: str, box: tuple[float, ...], found: bool) -> None:
    """After a drag, before which these were the box and whether it was found."""
    settings = bpy.data.scenes[scene].photo_pose
    if np.allclose(settings.box, box, atol=SMALLEST / 10):  # Esc, which puts it back nearly
        settings.box = box
        settings.box_found = found
    else:
        bpy.ops.ed.undo_push(message="Drag Box")


classes = (PHOTOPOSE_GGT_box,)
