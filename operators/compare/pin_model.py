"""The operator that lets the user drag points of the model to where the photo shows them."""

from __future__ import annotations

from collections.abc import Iterable

import bpy
import numpy as np
from bpy.app.translations import pgettext_tip as tip_
from mathutils.bvhtree import BVHTree

from ...inference.geometry import Box, Camera, in_unit_sphere
from ..blender import cameras
from ..blender.match_record import keep_score
from ..blender.models import evaluated
from ..photo.drag_box import GRIP, PRECISE, draw_rectangle
from ..pictures.camera_view import ViewOperator, is_free, photo_in_view, to_photo, to_region
from ..pictures.flat_paint import shape
from .camera_and_model import Subject

MARK = 4  # px at scale 1, half a pin's side


class Pins:
    """Points on a subject's model, and where they belong in the picture; those that were kept are there again."""

    def __init__(self, subject: Subject, kept: Iterable[bpy.types.PropertyGroup] = ()) -> None:
        self.subject, self.camera = subject, subject.camera
        own = [pin for pin in kept if pin.model == subject.root]
        self.points = [np.array(pin.point) for pin in own]  # (3,) in the model's unit sphere
        self.targets = [np.array(pin.target) for pin in own]  # (2,) px of the photo
        with evaluated(subject.root) as model:
            self.surface = BVHTree.FromPolygons(*(part.tolist() for part in shape(model)))

    def under(self, at: np.ndarray) -> np.ndarray | None:
        """The point (3,) of the model that the camera sees at px (2,) of the photo."""
        camera = in_unit_sphere(self.camera, self.subject.sphere)
        ray = camera.camera_to_world[:3, :3] @ camera.ray(at)
        point, *_rest = self.surface.ray_cast(camera.position.tolist(), ray.tolist())
        return None if point is None else np.array(point)

    def near(self, at: np.ndarray, reach: float) -> int | None:
        """The number of the pin within reach of px (2,) of the photo."""
        near = [number for number, target in enumerate(self.targets) if np.abs(target - at).max() < reach]
        return near[-1] if near else None

    def hold(self, at: np.ndarray, reach: float) -> int | None:
        """The same, or the number of a new pin there; None beside the model."""
        near = self.near(at, reach)
        point = self.under(at) if near is None else None
        if point is None:
            return near
        self.points.append(point)
        self.targets.append(at)
        return len(self.points) - 1

    def remove(self, number: int | None) -> None:
        """Leaves the camera where it is."""
        if number is not None and self.points:
            del self.points[number], self.targets[number]

    def keep(self, match: bpy.types.PropertyGroup) -> None:
        for index in reversed(range(len(match.pins))):
            if match.pins[index].model in (None, self.subject.root):  # those of another candidate's model stay
                match.pins.remove(index)
        for point, target in zip(self.points, self.targets, strict=True):
            pin = match.pins.add()
            pin.model, pin.point, pin.target = self.subject.root, point, target

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
    hint = "Drag points of the model   Ctrl click, X: remove a pin   Shift: precise   Enter: keep   Esc: put back"
    through_camera = True
    elsewhere = "Points can only be dragged in a 3D view"

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        possible = context.scene.camera is not None and context.space_data is not None
        if not possible:
            cls.poll_message_set(tip_, "Use this in a 3D view of a scene with an active camera")
        return possible

    def begin(self, context: bpy.types.Context) -> None:
        self._pins = Pins(Subject.read(context.scene), context.scene.camera.data.photo_pose.pins)
        self._held, self.put_back = None, cameras.restorer(context.scene.camera)

    def follow(self, context: bpy.types.Context, event: bpy.types.Event) -> set[str]:
        if event.type in {"ESC", "RIGHTMOUSE"}:
            self.cancel(context)
            return {"CANCELLED"}
        if event.type in {"RET", "NUMPAD_ENTER"} and event.value == "PRESS":
            self.end()
            self._pins.keep(context.scene.camera.data.photo_pose)
            keep_score(context.scene, self._pins.subject.root, self._pins.camera, self._pins.subject.sphere)
            return {"FINISHED"}
        frame, size = self._frame(context.scene), self._pins.subject.camera.size
        mouse = np.array([event.mouse_x - self._region.x, event.mouse_y - self._region.y])
        at, reach = to_photo(mouse, frame, size), GRIP * context.preferences.system.ui_scale * size[0] / frame.width
        if event.type == "MOUSEMOVE" and self._held is not None:
            way, self._mouse = (at - self._mouse) * (PRECISE if event.shift else 1.0), at
            self._pins.targets[self._held] = self._pins.targets[self._held] + way
            self._pins.subject.write(context.scene, self._pins.pull())
        elif event.type == "LEFTMOUSE":
            pressed = event.value == "PRESS" and is_free(self._area, self._region, event)
            if pressed and event.ctrl:
                self._pins.remove(self._pins.near(at, reach))
            self._held = self._pins.hold(at, reach) if pressed and not event.ctrl else None
            self._mouse = at
        elif event.type in {"X", "DEL", "BACK_SPACE"} and event.value == "PRESS":
            self._held = None
            self._pins.remove(-1 if event.type == "BACK_SPACE" else self._pins.near(at, reach))
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
