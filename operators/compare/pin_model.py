"""The operator that lets the user drag points of the model to where the photo shows them."""

from __future__ import annotations

import bpy
import numpy as np
from bpy.app.translations import pgettext_tip as tip_
from mathutils.bvhtree import BVHTree

from ...inference.geometry import Box, Camera, in_unit_sphere
from ..blender import cameras
from ..blender.match_record import keep_score
from ..blender.models import evaluated
from ..photo.drag_box import GRIP, PRECISE, draw_rectangle
from ..pictures.camera_view import ViewOperator, photo_in_view, to_photo, to_region
from ..pictures.flat_paint import shape
from .camera_and_model import Subject

MARK = 4  # px at scale 1, half a pin's side


class Pins:
    """Points on a subject's model, and where they belong in the picture."""

    def __init__(self, subject: Subject) -> None:
        self.subject, self.camera = subject, subject.camera
        self.points: list[np.ndarray] = []  # (3,) in the model's unit sphere
        self.targets: list[np.ndarray] = []  # (2,) px of the photo
        with evaluated(subject.root) as model:
            self.surface = BVHTree.FromPolygons(*(part.tolist() for part in shape(model)))

    def under(self, at: np.ndarray) -> np.ndarray | None:
        """The point (3,) of the model that the camera sees at px (2,) of the photo."""
        camera = in_unit_sphere(self.camera, self.subject.sphere)
        ray = camera.camera_to_world[:3, :3] @ camera.ray(at)
        point, *_rest = self.surface.ray_cast(camera.position.tolist(), ray.tolist())
        return None if point is None else np.array(point)

    def hold(self, at: np.ndarray, reach: float) -> int | None:
        """The number of the pin within reach of px (2,) of the photo, or of a new one there; None beside the model."""
        near = [number for number, target in enumerate(self.targets) if np.abs(target - at).max() < reach]
        point = None if near else self.under(at)
        if point is not None:
            self.points.append(point)
            self.targets.append(at)
            near = [len(self.points) - 1]
        return near[-1] if near else None

    def pull(self) -> Camera:
        """The camera that sees the points where they belong."""
        from ...inference.pose.pins import pinned
        from ...inference.pose.pose import placed, relative

        sphere = self.subject.sphere
        self.camera = placed(self.camera, pinned(relative(self.camera, sphere), self.points, self.targets), sphere)
        return self.camera


class PHOTOPOSE_OT_pin_model(ViewOperator, bpy.types.Operator):
    bl_idname = "photopose.pin_model"
    bl_label = "Pin Model"
    bl_description = "Drag two to four points of the model to where the photo shows them; the active camera follows"
    bl_options = {"REGISTER", "UNDO", "BLOCKING"}
    hint = "Drag points of the model   Shift: precise   Backspace: remove the last pin   Enter: keep   Esc: put back"
    through_camera = True
    elsewhere = "Points can only be dragged in a 3D view"

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        possible = context.scene.camera is not None and context.space_data is not None
        if not possible:
            cls.poll_message_set(tip_, "Use this in a 3D view of a scene with an active camera")
        return possible

    def begin(self, context: bpy.types.Context) -> None:
        self._pins, self._held = Pins(Subject.read(context.scene)), None
        self.put_back = cameras.restorer(context.scene.camera)

    def follow(self, context: bpy.types.Context, event: bpy.types.Event) -> set[str]:
        if event.type in {"ESC", "RIGHTMOUSE"}:
            self.cancel(context)
            return {"CANCELLED"}
        if event.type in {"RET", "NUMPAD_ENTER"} and event.value == "PRESS":
            self.end()
            keep_score(context.scene, self._pins.subject.root, self._pins.camera, self._pins.subject.sphere)
            return {"FINISHED"}
        frame, size = self._frame(context.scene), self._pins.subject.camera.size
        mouse = np.array([event.mouse_x - self._region.x, event.mouse_y - self._region.y])
        at = to_photo(mouse, frame, size)
        if event.type == "LEFTMOUSE" and event.value == "PRESS":
            reach = GRIP * context.preferences.system.ui_scale * size[0] / frame.width
            self._held, self._mouse = self._pins.hold(at, reach), at
        elif event.type == "LEFTMOUSE" and event.value == "RELEASE":
            self._held = None
        elif event.type == "MOUSEMOVE" and self._held is not None:
            way, self._mouse = (at - self._mouse) * (PRECISE if event.shift else 1.0), at
            self._pins.targets[self._held] = self._pins.targets[self._held] + way
            self._pins.subject.write(context.scene, self._pins.pull())
        elif event.type == "BACK_SPACE" and event.value == "PRESS" and self._pins.points:
            self._held = None
            self._pins.points.pop()
            self._pins.targets.pop()
        return {"RUNNING_MODAL"}

    def _frame(self, current: bpy.types.Scene) -> Box:
        size = self._pins.subject.camera.size
        return photo_in_view(current.camera, size, current, self._region, self._region.data)

    def draw_over(self) -> None:
        size, frame = self._pins.subject.camera.size, self._frame(bpy.context.scene)
        half = MARK * bpy.context.preferences.system.ui_scale
        for target in self._pins.targets:
            middle = to_region(target, frame, size)
            draw_rectangle((middle - half).tolist(), (middle + half).tolist())


classes = (PHOTOPOSE_OT_pin_model,)
