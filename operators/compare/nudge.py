"""The operator that lets the user move the active camera about its model by hand, and says what the score becomes."""

from __future__ import annotations

from collections.abc import Iterator
from math import degrees, exp, radians

import bpy
from bpy.app.translations import pgettext_iface as iface_
from bpy.app.translations import pgettext_tip as tip_
from bpy.props import FloatProperty, FloatVectorProperty

from ...inference.errors import PoseError
from ...inference.geometry import Box
from ...inference.pose.nudging import Nudge
from ...properties import OURS
from ..blender import cameras
from ..blender.match_record import box_of, keep_score, known_score
from ..pictures.camera_view import is_free, main_region, photo_in_view
from ..running.long_operator import until_undo, was_stopped
from .camera_and_model import Subject
from .live_score import LiveScore

MODES = {"O": "Orbit", "G": "Pan", "S": "Distance", "R": "Roll", "L": "Lens", "P": "Perspective"}  # by their keys
HINTS = "Drag in the view   Wheel: distance   Shift: precise   Enter: keep   Esc, Right Mouse: put back"
TURN, GROWTH = radians(0.2), 0.002  # of one px that the mouse moves
FACTORS = {"S": ("distance", -GROWTH), "L": ("lens", GROWTH), "P": ("strength", GROWTH)}
WHEEL = {"WHEELUPMOUSE": 10.0, "WHEELDOWNMOUSE": -10.0}  # px that a step of it counts for
PRECISE = 0.1  # of all that, with Shift
SCORE_PAUSE = 0.05  # s, between two looks at what the score has become
FACTOR = {"default": 1.0, "min": 0.01, "max": 100.0, "soft_min": 0.25, "soft_max": 4.0, "options": {"SKIP_SAVE"}}
ANGLE = {"subtype": "ANGLE", "options": {"SKIP_SAVE"}}


class NudgeProperties:
    """By how much the camera is changed."""

    azimuth: FloatProperty(name="Azimuth", description="Round the model, counter-clockwise from above", **ANGLE)
    elevation: FloatProperty(name="Elevation", description="Up over the model", **ANGLE)
    roll: FloatProperty(
        name="Roll",
        translation_context=OURS,
        description="About the line to the model, counter-clockwise",
        **ANGLE,
    )
    distance: FloatProperty(name="Distance", description="Factor of the distance to the model", **FACTOR)
    lens: FloatProperty(name="Lens", translation_context=OURS, description="Factor of the focal length", **FACTOR)
    strength: FloatProperty(name="Perspective", description="Doubled, it is half the lens from near by", **FACTOR)
    pan: FloatVectorProperty(
        name="Pan",
        translation_context=OURS,
        size=2,
        description="Of the model, right and down, pixels of the photo",
        options={"SKIP_SAVE"},
    )

    @property
    def nudge(self) -> Nudge:
        return Nudge(self.azimuth, self.elevation, self.roll, self.distance, self.lens, tuple(self.pan))

    def drag(self, mode: str, right: float, up: float, scale: float) -> None:
        """Follows the mouse, which has moved by px of a view that shows scale px of the photo on each."""
        if mode == "O":
            self.azimuth, self.elevation = self.azimuth - TURN * right, self.elevation - TURN * up
        elif mode == "R":
            self.roll += TURN * right
        elif mode == "G":
            self.pan = self.pan[0] + scale * right, self.pan[1] - scale * up
        else:
            name, rate = FACTORS[mode]
            setattr(self, name, getattr(self, name) * exp(rate * right))

    def described(self) -> Iterator[str]:
        """What is no more as it was."""
        for name in ("azimuth", "elevation", "roll"):
            if getattr(self, name):
                yield f"{iface_(name.title(), OURS)} {degrees(getattr(self, name)):+.1f}°"
        for name, label in (("distance", "Distance"), ("lens", "Lens"), ("strength", "Perspective")):
            if getattr(self, name) != 1:
                yield f"{iface_(label, OURS)} {getattr(self, name):.1%}"
        if any(self.pan):
            yield iface_("Pan", OURS) + " {:+.1f}, {:+.1f} px".format(*self.pan)


class PHOTOPOSE_OT_nudge(NudgeProperties, bpy.types.Operator):
    bl_idname = "photopose.nudge"
    bl_label = "Nudge Camera"
    bl_description = "Turn, move and zoom the active camera about its model by dragging in the view; Esc puts it back"
    bl_options = {"REGISTER", "UNDO", "BLOCKING"}

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        possible = context.scene.camera is not None
        if not possible:
            cls.poll_message_set(tip_, "The scene has no active camera")
        return possible

    def execute(self, context: bpy.types.Context) -> set[str]:
        try:
            subject = Subject.read(context.scene)
            camera = subject.changed(self.nudge, self.strength)
            subject.write(context.scene, camera)
        except PoseError as error:
            self.report({"ERROR"}, str(error))
            return {"CANCELLED"}
        keep_score(context.scene, subject.root, camera, subject.sphere)
        return {"FINISHED"}

    def invoke(self, context: bpy.types.Context, _event: bpy.types.Event) -> set[str]:
        if context.area is None or context.area.type != "VIEW_3D":
            return self.execute(context)
        try:
            self._subject = Subject.read(context.scene)
        except PoseError as error:
            self.report({"ERROR"}, str(error))
            return {"CANCELLED"}
        self._camera, self._mode = self._subject.camera, "O"
        self._area, self._region = context.area, main_region(context.area)
        self._mouse = None  # where it was while its button is pressed; event.mouse_prev_x leaves out what came too fast
        self._score = self._live_score(context.scene)
        self._kept, self._following = False, until_undo(self._follows(context))
        next(self._following)
        cameras.view_through_camera(context)
        context.window_manager.modal_handler_add(self)
        self._show(context)
        return {"RUNNING_MODAL"}

    def modal(self, context: bpy.types.Context, event: bpy.types.Event) -> set[str]:
        if was_stopped(self._following):
            return {"CANCELLED", "PASS_THROUGH"}
        try:
            return self._handle(context, event)
        except BaseException:
            self.cancel(context)
            raise

    def _handle(self, context: bpy.types.Context, event: bpy.types.Event) -> set[str]:
        if event.type in {"ESC", "RIGHTMOUSE"}:
            self.cancel(context)
            return {"CANCELLED"}
        if event.type in {"RET", "NUMPAD_ENTER"} and event.value == "PRESS":
            self._kept = True
            self._following.close()
            keep_score(context.scene, self._subject.root, self._camera, self._subject.sphere, self._score.score)
            return {"FINISHED"}
        if event.type == "TIMER":
            shown = self._score.text
            self._score.follow(self._camera)
            if self._score.text == shown:
                return {"RUNNING_MODAL"}
        elif event.type in MODES and event.value == "PRESS":
            self._mode = event.type
        elif event.type == "LEFTMOUSE":
            pressed = event.value == "PRESS" and is_free(self._area, self._region, event)
            self._mouse = (event.mouse_x, event.mouse_y) if pressed else None
        elif (event.type == "MOUSEMOVE" and self._mouse) or event.type in WHEEL:
            self._follow(context.scene, event)
        self._show(context)
        return {"RUNNING_MODAL"}

    def cancel(self, _context: bpy.types.Context) -> None:
        self._following.close()

    def _follows(self, context: bpy.types.Context) -> Iterator[None]:
        """Closed, it leaves no trace, unless the camera is to be kept."""
        manager, workspace, restore = context.window_manager, context.workspace, cameras.restorer(context.scene.camera)
        timer = manager.event_timer_add(SCORE_PAUSE, window=context.window)
        try:
            yield
        finally:
            self._score.close()
            manager.event_timer_remove(timer)
            workspace.status_text_set(None)
            self._area.header_text_set(None)
            if not self._kept:
                restore()

    def _live_score(self, current: bpy.types.Scene) -> LiveScore:
        views, box = self._subject.views(current.photo_pose), box_of(current.camera, self._subject.camera)
        photo, camera, _sensor, root, *_model = self._subject
        known = known_score(current, current.camera)
        return LiveScore(photo, camera, Box(*box) if any(box) else None, root, views, known)

    def _follow(self, current: bpy.types.Scene, event: bpy.types.Event) -> None:
        fine = PRECISE if event.shift else 1.0
        if event.type in WHEEL:
            self.drag("S", fine * WHEEL[event.type], 0.0, 1.0)
        else:
            (x, y), self._mouse = self._mouse, (event.mouse_x, event.mouse_y)
            right, up = fine * (event.mouse_x - x), fine * (event.mouse_y - y)
            self.drag(self._mode, right, up, self._photo_pixels(current))
        try:
            self._camera = self._subject.changed(self.nudge, self.strength)
            self._subject.write(current, self._camera)
        except PoseError as error:  # nothing but perspective is ever refused
            self.strength = 1.0
            self.report({"WARNING"}, str(error))

    def _photo_pixels(self, current: bpy.types.Scene) -> float:
        """Of one px of the view."""
        size = self._subject.camera.size
        region_3d = self._area.spaces.active.region_3d
        return size[0] / photo_in_view(current.camera, size, current, self._region, region_3d).width

    def _show(self, context: bpy.types.Context) -> None:
        self._area.header_text_set("   ".join((self._score.text, *self.described())))
        modes = {key: f"{key}: {iface_(name, OURS)}" for key, name in MODES.items()}
        modes[self._mode] = f"[{modes[self._mode]}]"
        context.workspace.status_text_set("   ".join((*modes.values(), iface_(HINTS))))


classes = (PHOTOPOSE_OT_nudge,)
