"""The operator that shows the photo over a 3D view and lets the user drag a box around the object."""

from __future__ import annotations

from collections.abc import Sequence

import bpy
import numpy as np
from bpy.app.translations import pgettext_tip as tip_

from ...inference.errors import PoseError
from ...inference.geometry import Box
from ...preferences import preferred
from ..blender.photo_files import located, path_of, read_photo
from ..pictures.camera_view import ViewOperator, camera_seen, fitted, free_part, photo_in_view, to_photo, to_region
from ..pictures.textures import preset_texture
from ..running.long_operator import require_packages
from .find_object import box_at

SHOWN_SIDE = 1024  # px, of the picture on screen at most
MARGIN = 0.04  # of the view, left free around the photo
CLICK = 4  # px on screen: what is dragged less far is a click
GRIP = 8  # px at scale 1 from an edge of the box, within which it is taken hold of
PRECISE = 0.1  # of the mouse's way, with Shift


class BoxDragging(ViewOperator):
    """Mixin: shows a photo over a view, in which a box is dragged or the object clicked on.

    A subclass gives `path(context)` of the photo, and `finish(context, box)`, which takes the box, None where the user
    gave none, and says what the operator returns.
    """

    elsewhere = "A box can only be dragged in a 3D view"

    def begin(self, context: bpy.types.Context) -> None:
        require_packages("PIL")
        settings = context.scene.photo_pose
        self._photo = read_photo(self.path(context))
        known = any(settings.box) and located(self.path(context)) == located(settings.photo)
        self._corners = np.reshape(settings.box, (2, 2)) if known else None  # px of the photo
        self._held = None  # (2, 2) bool, which of these coordinates follow the mouse
        self._texture = preset_texture(self._photo.image, SHOWN_SIDE)

    def follow(self, context: bpy.types.Context, event: bpy.types.Event) -> set[str]:
        if event.type in {"ESC", "RIGHTMOUSE"}:
            self.cancel(context)
            return self.finish(context, None)
        frame, at = self._frame(context), np.array([event.mouse_x - self._region.x, event.mouse_y - self._region.y])
        if event.type == "LEFTMOUSE" and event.value == "PRESS":
            self._take_hold(at, frame, GRIP * context.preferences.system.ui_scale)
        elif event.type == "MOUSEMOVE" and self._held is not None:
            way = np.subtract(*(to_photo(place, frame, self._photo.size) for place in (at, self._mouse)))
            self._corners = self._corners + self._held * way * (PRECISE if event.shift else 1.0)
            self._mouse = at
        elif event.type == "LEFTMOUSE" and event.value == "RELEASE" and self._held is not None:
            self.end()
            return self._take(context, frame)
        return {"RUNNING_MODAL"}

    def _frame(self, context: bpy.types.Context) -> Box:
        """Where the photo is shown, px from the region's bottom left: as by its own camera if nothing lies over that,
        else in the middle of what is free."""
        space, view, free = self._area.spaces.active, self._region.data, free_part(self._area, self._region)
        camera_object = camera_seen(context.scene, space, view)
        if camera_object and path_of(camera_object) == located(self._photo.path):
            place = photo_in_view(camera_object, self._photo.size, context.scene, self._region, view)
            corners = np.reshape(place, (2, 2))
            if (corners == np.clip(corners, free[:2], free[2:])).all():
                return place
        margin = MARGIN * np.array([free.width, free.height])
        return fitted(self._photo.size, Box(*(free[:2] + margin), *(free[2:] - margin)))

    def _take_hold(self, at: np.ndarray, frame: Box, reach: float) -> None:
        """Of an edge or a corner of the box, else of the corner of a new one; at: px of the region."""
        self._mouse = at
        self._held = held(self._on_screen(frame), at, reach) if self._corners is not None else np.zeros((2, 2), bool)
        if not self._held.any():
            start = to_photo(at, frame, self._photo.size)
            self._corners, self._held = np.stack([start, start]), np.array([[False, False], [True, True]])

    def _take(self, context: bpy.types.Context, frame: Box) -> set[str]:
        """Ends with what was dragged, or found where the user clicked."""
        box = None
        try:
            clicked = np.ptp(self._on_screen(frame), axis=0).max() < CLICK
            box = self._clicked(self._corners[1]) if clicked else self._dragged(self._corners)
        except PoseError as error:
            self.report({"ERROR"}, str(error))
        return self.finish(context, box)

    def _on_screen(self, frame: Box) -> np.ndarray:
        """(2, 2): the box's corners, px of the region."""
        return to_region(self._corners, frame, self._photo.size)

    def _clicked(self, at: np.ndarray) -> Box:
        require_packages()
        return box_at(self._photo, preferred().device, *at)

    def _dragged(self, corners: np.ndarray) -> Box:
        from ...inference.photo.checks import checked_box

        inside = np.clip(corners, 0, self._photo.size)
        return checked_box((*inside.min(0).tolist(), *inside.max(0).tolist()), self._photo.size)

    def draw_over(self) -> None:
        from gpu_extras.presets import draw_texture_2d

        frame = self._frame(bpy.context)
        draw_texture_2d(self._texture, (frame.left, frame.top), frame.width, frame.height)
        if self._corners is not None:
            draw_rectangle(*self._on_screen(frame).tolist())


class PHOTOPOSE_OT_drag_box(BoxDragging, bpy.types.Operator):
    bl_idname = "photopose.drag_box"
    bl_label = "Drag Box"
    bl_description = "Show the photo and drag a box around the object, or click on it; Esc keeps the box as it was"
    bl_options = {"REGISTER", "UNDO"}
    hint = "Drag a box around the object, drag an edge of its box, or click on it   Shift: precise   Esc: cancel"

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        possible = bool(context.scene.photo_pose.photo) and context.space_data is not None
        if not possible:
            cls.poll_message_set(tip_, "Choose a photo first, and use this in a 3D view")
        return possible

    def path(self, context: bpy.types.Context) -> str:
        return context.scene.photo_pose.photo

    def finish(self, context: bpy.types.Context, box: Box | None) -> set[str]:
        if box is None:
            return {"CANCELLED"}
        context.scene.photo_pose.box = box
        return {"FINISHED"}


def held(corners: np.ndarray, at: np.ndarray, reach: float) -> np.ndarray:
    """(2, 2) bool: those coordinates of a rectangle's opposite corners that are edges within reach of a point."""
    beside = (at < corners.min(0) - reach) | (at > corners.max(0) + reach)
    near = np.abs(corners - at)
    return (near < reach) & (near == near.min(0)) & ~beside.any()


def draw_rectangle(start: Sequence[float], end: Sequence[float]) -> None:
    """Its outline, from corner to corner, px of the region."""
    import gpu
    from gpu_extras.batch import batch_for_shader

    (x0, y0), (x1, y1) = start, end
    shader = gpu.shader.from_builtin("UNIFORM_COLOR")
    corners = [(x0, y0), (x1, y0), (x1, y1), (x0, y1)]
    scale = bpy.context.preferences.system.ui_scale
    for width, color in ((4.0, (0, 0, 0, 1)), (2.0, (1, 1, 1, 1))):  # visible on dark and on bright photos
        gpu.state.line_width_set(width * scale)
        shader.bind()
        shader.uniform_float("color", color)
        batch_for_shader(shader, "LINE_LOOP", {"pos": corners}).draw(shader)
    gpu.state.line_width_set(1.0)


classes = (PHOTOPOSE_OT_drag_box,)
