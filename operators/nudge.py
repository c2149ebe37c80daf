"""The operator that lets the user move the active camera about its model by hand, and says what the score becomes."""

from __future__ import annotations

from math import degrees, exp, radians
from typing import TYPE_CHECKING, NamedTuple

import bpy
import numpy as np
from bpy.props import FloatProperty, FloatVectorProperty

from ..inference.errors import PoseError
from ..inference.geometry import Box, Camera, Sphere
from ..inference.nudging import Nudge, nudged
from . import scene
from .camera_view import photo_in_view, shown_model
from .live_score import score_texts
from .models import evaluated
from .perspective import strengthened
from .steps import require_packages

if TYPE_CHECKING:
    from ..inference.image import Photo

MODES = {"O": "Orbit", "G": "Pan", "S": "Distance", "R": "Roll", "L": "Lens", "P": "Perspective"}  # by their keys
HINTS = "Wheel: distance   Shift: precise   Enter, Left Mouse: keep   Esc, Right Mouse: put back"
TURN, GROWTH = radians(0.2), 0.002  # of one px that the mouse moves
FACTORS = {"S": ("distance", -GROWTH), "L": ("lens", GROWTH), "P": ("strength", GROWTH)}
WHEEL = {"WHEELUPMOUSE": 10.0, "WHEELDOWNMOUSE": -10.0}  # px that a step of it counts for
PRECISE = 0.1  # of all that, with Shift
PAUSE = 0.25  # s, between two scores
FACTOR = {"default": 1.0, "min": 0.01, "max": 100.0, "soft_min": 0.25, "soft_max": 4.0, "options": {"SKIP_SAVE"}}
ANGLE = {"subtype": "ANGLE", "options": {"SKIP_SAVE"}}


class Subject(NamedTuple):
    """A camera as it was, in px of its photo if it has one, and the model that it looks at."""

    photo: Photo | None
    camera: Camera
    sensor: float  # mm
    root: bpy.types.Object
    sphere: Sphere
    vertices: np.ndarray

    @classmethod
    def read(cls, current: bpy.types.Scene) -> Subject:
        require_packages("PIL")
        from ..inference.image import load_photo

        camera_object = scene.active_camera(current)
        photo = load_photo(camera_object[scene.PHOTO]) if scene.PHOTO in camera_object else None
        camera = scene.read_camera(current, camera_object, photo.size if photo else None)
        root = shown_model(current, camera_object, camera)
        with evaluated(root) as model:
            return cls(photo, camera, scene.sensor_of(current, camera_object), root, model.sphere, model.vertices)

    def changed(self, nudge: Nudge, strength: float) -> Camera:
        camera = self.camera
        if strength != 1:
            camera = strengthened(camera, strength, self.sphere, self.vertices)
        return nudged(camera, self.sphere.center, nudge)


class PHOTOPOSE_OT_nudge(bpy.types.Operator):
    bl_idname = "photopose.nudge"
    bl_label = "Nudge Camera"
    bl_description = "Turn, move and zoom the active camera about its model with the mouse; Esc puts it back"
    bl_options = {"REGISTER", "UNDO", "GRAB_CURSOR", "BLOCKING"}

    azimuth: FloatProperty(name="Azimuth", description="Round the model, counter-clockwise from above", **ANGLE)
    elevation: FloatProperty(name="Elevation", description="Up over the model", **ANGLE)
    roll: FloatProperty(name="Roll", description="About the line to the model, counter-clockwise", **ANGLE)
    distance: FloatProperty(name="Distance", description="As a part of what it was", **FACTOR)
    lens: FloatProperty(name="Lens", description="Focal length as a part of what it was", **FACTOR)
    strength: FloatProperty(name="Perspective", description="2: half the focal length from half as far", **FACTOR)
    pan: FloatVectorProperty(
        name="Pan", size=2, description="Of the model, right and down, pixels of the photo", options={"SKIP_SAVE"}
    )

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        cls.poll_message_set("The scene has no active camera")
        return context.scene.camera is not None

    def execute(self, context: bpy.types.Context) -> set[str]:
        try:
            self._subject = Subject.read(context.scene)
            self._write(context.scene)
        except PoseError as error:
            self.report({"ERROR"}, str(error))
            return {"CANCELLED"}
        return {"FINISHED"}

    def invoke(self, context: bpy.types.Context, _event: bpy.types.Event) -> set[str]:
        if context.area is None or context.area.type != "VIEW_3D":
            return self.execute(context)
        try:
            self._subject = Subject.read(context.scene)
        except PoseError as error:
            self.report({"ERROR"}, str(error))
            return {"CANCELLED"}
        self._restore = scene.restorer(context.scene.camera)
        self._camera, self._mode, self._area = self._subject.camera, "O", context.area
        self._scores = self._live_scores(context.scene)
        self._text = next(self._scores)
        self._timer = context.window_manager.event_timer_add(PAUSE, window=context.window)
        scene.view_through_camera(context)
        context.window_manager.modal_handler_add(self)
        self._show(context)
        return {"RUNNING_MODAL"}

    def modal(self, context: bpy.types.Context, event: bpy.types.Event) -> set[str]:
        if event.type in {"ESC", "RIGHTMOUSE"}:
            self.cancel(context)
            return {"CANCELLED"}
        if event.type in {"LEFTMOUSE", "RET", "NUMPAD_ENTER"} and event.value == "PRESS":
            self._end(context)
            return {"FINISHED"}
        if event.type == "TIMER":
            self._text = self._scores.send(self._camera)
        elif event.type in MODES and event.value == "PRESS":
            self._mode = event.type
        elif event.type == "MOUSEMOVE" or event.type in WHEEL:
            self._follow(context, event)
        self._show(context)
        return {"RUNNING_MODAL"}

    def cancel(self, context: bpy.types.Context) -> None:
        self._end(context)
        self._restore()

    def _end(self, context: bpy.types.Context) -> None:
        self._scores.close()
        context.window_manager.event_timer_remove(self._timer)
        context.workspace.status_text_set(None)
        self._area.header_text_set(None)

    def _live_scores(self, current: bpy.types.Scene):
        from .views import ViewOptions

        settings, box = current.photo_pose, tuple(current.camera.data.photo_pose.box)
        views = ViewOptions(settings.sphere, settings.subdivisions)
        photo, camera, _sensor, root, *_model = self._subject
        return score_texts(photo, camera, Box(*box) if any(box) else None, root, views)

    def _follow(self, context: bpy.types.Context, event: bpy.types.Event) -> None:
        fine = PRECISE if event.shift else 1.0
        if event.type in WHEEL:
            self._scale("S", fine * WHEEL[event.type])
        else:
            right, up = event.mouse_x - event.mouse_prev_x, event.mouse_y - event.mouse_prev_y
            self._drag(context.scene, fine * right, fine * up)
        try:
            self._write(context.scene)
        except PoseError as error:  # nothing but perspective is ever refused
            self.strength = 1.0
            self.report({"WARNING"}, str(error))

    def _drag(self, current: bpy.types.Scene, right: float, up: float) -> None:
        """The mouse has moved by px of the view; the model follows it."""
        if self._mode == "O":
            self.azimuth, self.elevation = self.azimuth - TURN * right, self.elevation - TURN * up
        elif self._mode == "R":
            self.roll += TURN * right
        elif self._mode == "G":
            scale = self._photo_pixels(current)
            self.pan = self.pan[0] + scale * right, self.pan[1] - scale * up
        else:
            self._scale(self._mode, right)

    def _scale(self, mode: str, right: float) -> None:
        name, rate = FACTORS[mode]
        setattr(self, name, getattr(self, name) * exp(rate * right))

    def _photo_pixels(self, current: bpy.types.Scene) -> float:
        """Of one px of the view."""
        size = self._subject.camera.size
        region = next(region for region in self._area.regions if region.type == "WINDOW")
        return size[0] / photo_in_view(current.camera, size, current, region, self._area.spaces.active.region_3d).width

    def _write(self, current: bpy.types.Scene) -> None:
        nudge = Nudge(self.azimuth, self.elevation, self.roll, self.distance, self.lens, tuple(self.pan))
        self._camera, subject = self._subject.changed(nudge, self.strength), self._subject
        scene.write_camera(current, current.camera, self._camera, model=subject.sphere, sensor_width=subject.sensor)

    def _show(self, context: bpy.types.Context) -> None:
        angles = (f"{name} {degrees(getattr(self, name.lower())):+.1f}°" for name in ("Azimuth", "Elevation", "Roll"))
        factors = (f"{name} {getattr(self, name.lower()):.1%}" for name in ("Distance", "Lens"))
        values = (
            *angles,
            *factors,
            f"Perspective {self.strength:.2f}",
            f"Pan {self.pan[0]:+.1f}, {self.pan[1]:+.1f} px",
        )
        self._area.header_text_set("   ".join((self._text, *values)))
        keys = (f"[{key}: {name}]" if key == self._mode else f"{key}: {name}" for key, name in MODES.items())
        context.workspace.status_text_set("   ".join((*keys, HINTS)))


classes = (PHOTOPOSE_OT_nudge,)
