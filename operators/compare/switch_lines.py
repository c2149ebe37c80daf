"""The operator by which the user clicks lines of the photo off that are not to tell of its lens."""

from __future__ import annotations

import bpy
import numpy as np
from bpy.app.translations import pgettext_tip as tip_

from ...inference.errors import PoseError
from ..blender import cameras
from ..blender.match_record import lines_without, set_lines_without, switch_line
from ..photo.drag_box import GRIP
from ..pictures.camera_view import ViewOperator, photo_in_view, to_photo
from . import compare_views


class PHOTOPOSE_OT_switch_lines(ViewOperator, bpy.types.Operator):
    bl_idname = "photopose.switch_lines"
    bl_label = "Switch Lines"
    bl_description = "Click on lines of the photo that tell nothing of its lens: the next match leaves them out"
    bl_options = {"REGISTER", "UNDO", "BLOCKING"}
    hint = "Click on a line: off, or on again   Enter: keep   Esc: put back"
    through_camera = True
    elsewhere = "Lines can only be clicked on in a 3D view"

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        shown = context.window_manager.photo_pose_compare.view == "LINES"
        possible = shown and context.scene.camera is not None and context.space_data is not None
        if not possible:
            cls.poll_message_set(tip_, "Show the photo's lines first, and use this in a 3D view")
        return possible

    def begin(self, context: bpy.types.Context) -> None:
        match = cameras.active_camera(context.scene, to_change=False).data.photo_pose
        if compare_views.lines_shown(context) is None:
            raise PoseError("Camera or model have changed: press Lines again.")
        before = lines_without(match)

        def put_back() -> None:
            set_lines_without(match, before)
            compare_views.renew_lines(context)

        self.put_back = put_back

    def follow(self, context: bpy.types.Context, event: bpy.types.Event) -> set[str]:
        if event.type in {"ESC", "RIGHTMOUSE"}:
            self.cancel(context)
            return {"CANCELLED"}
        if event.type in {"RET", "NUMPAD_ENTER"} and event.value == "PRESS":
            self.end()
            return {"FINISHED"}
        if event.type == "LEFTMOUSE" and event.value == "PRESS":
            self._switch(context, np.array([event.mouse_x - self._region.x, event.mouse_y - self._region.y]))
        return {"RUNNING_MODAL"}

    def _switch(self, context: bpy.types.Context, mouse: np.ndarray) -> None:
        """The line at px (2,) of the region."""
        shown, camera_object = compare_views.lines_shown(context), context.scene.camera
        if shown is None:
            return
        size = shown.camera.size
        frame = photo_in_view(camera_object, size, context.scene, self._region, self._region.data)
        reach = GRIP * context.preferences.system.ui_scale * size[0] / frame.width
        line = shown.nearest(to_photo(mouse, frame, size), reach)
        if line is not None:
            switch_line(camera_object.data.photo_pose, line, size)
            compare_views.renew_lines(context)

    def draw_over(self) -> None:
        """Nothing: the comparison draws the lines."""


classes = (PHOTOPOSE_OT_switch_lines,)
