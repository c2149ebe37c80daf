"""Operators that take another candidate of a match, or turn the camera to where the model looks alike."""

from __future__ import annotations

from math import degrees, pi

import bpy
import numpy as np
from bpy.app.translations import pgettext_tip as tip_
from bpy.props import EnumProperty, FloatProperty, IntProperty

from ...inference.errors import PoseError
from ...inference.geometry import Camera, Sphere, turned_about
from ...inference.photo.focal_length import Lens, is_guess
from ..blender import cameras
from ..blender.match_record import lens_of, read_distortion, read_lens, read_pose, show_straight, sphere_of
from ..blender.photo_files import path_of, read_photo
from ..blender.result_text import tell
from ..blender.shown_models import show_only
from ..running.long_operator import require_packages

AXIS_ITEMS = (
    ("UP", "Up", "The camera goes around the model"),
    ("VIEW", "View", "The camera rolls"),
)


class MatchedCameraOperator:
    """Mixin: a subclass gives `change(context, camera_object)`; where that raises PoseError it has changed nothing."""

    bl_options = {"REGISTER", "UNDO"}
    moves = True  # the camera; else only what is known of it changes

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        camera = context.scene.camera
        possible = bool(camera and camera.type == "CAMERA" and camera.data.photo_pose.photo)
        if not possible:
            cls.poll_message_set(tip_, "The active camera was not matched to a photo")
        return possible

    def execute(self, context: bpy.types.Context) -> set[str]:
        try:
            require_packages("PIL")
            self.change(context, cameras.active_camera(context.scene, self.moves))
        except PoseError as error:
            self.report({"ERROR"}, str(error))
            return {"CANCELLED"}
        return {"FINISHED"}

    def look(
        self,
        context: bpy.types.Context,
        camera: Camera,
        model: bpy.types.Object,
        sphere: Sphere,
        sensor: float,
        lens: Lens,
        score: float = 0.0,
    ) -> None:
        """Sets the active camera, which sees the model in this sphere, and tells how; sensor: the photo's longer side
        in mm; score: when there is one."""
        camera_object = context.scene.camera
        cameras.write_camera(context.scene, camera_object, camera, model=sphere, sensor=sensor)
        camera_object.data.photo_pose.model = model
        show_only(context.scene, context.view_layer, model)
        cameras.view_through_camera(context)
        tell(context.scene, model, camera, sphere, lens, score)
        self.report({"INFO"}, context.scene.photo_pose.result)

    def take(self, context: bpy.types.Context, item: bpy.types.PropertyGroup) -> None:
        """Sets the active camera as in a PhotoPoseCandidate."""
        sphere = sphere_of(context.scene, item.model)  # PoseError before anything is changed
        camera_object, distortion = context.scene.camera, read_distortion(item)
        match = camera_object.data.photo_pose
        camera = read_pose(item, match.size)
        if distortion or any(match.distortion):
            show_straight(camera_object, read_photo(path_of(camera_object)), camera, distortion)
        self.look(context, camera, item.model, sphere, match.sensor, read_lens(item), item.score)

    def take_number(self, context: bpy.types.Context, index: int) -> None:
        """Of the active camera's candidates, from 0."""
        camera_object = context.scene.camera
        self.take(context, camera_object.data.photo_pose.candidates[index])
        camera_object.data.photo_pose.taken = index  # a camera that shared its data has its own now


class PHOTOPOSE_OT_take_candidate(MatchedCameraOperator, bpy.types.Operator):
    bl_idname = "photopose.take_candidate"
    bl_label = "Take Candidate"
    bl_description = "Give the active camera the pose and lens of this candidate"

    index: IntProperty(name="Candidate", min=0, description="Its number, from 0, best first")

    @classmethod
    def description(cls, context: bpy.types.Context, properties: bpy.types.OperatorProperties) -> str:
        candidates = context.scene.camera.data.photo_pose.candidates if cls.poll(context) else ()
        if properties.index >= len(candidates):
            return tip_(cls.bl_description)
        item = candidates[properties.index]
        angles = {name: round(degrees(getattr(item, name))) for name in ("azimuth", "elevation", "roll")}
        told = tip_("Candidate {number}: azimuth {azimuth}°, elevation {elevation}°, roll {roll}°, score {score:.2f}")
        alike = tip_(", looks the same as the first") if item.equivalent and properties.index else ""
        guessed = tip_(", lens guessed") if is_guess(item.lens_deviation) else ""
        return told.format(number=properties.index + 1, score=item.score, **angles) + guessed + alike

    def change(self, context: bpy.types.Context, camera_object: bpy.types.Object) -> None:
        match = camera_object.data.photo_pose
        if self.index >= len(match.candidates):
            raise PoseError(f"There is no candidate {self.index + 1}.")
        self.take_number(context, self.index)


class PHOTOPOSE_OT_next_candidate(MatchedCameraOperator, bpy.types.Operator):
    bl_idname = "photopose.next_candidate"
    bl_label = "Next Candidate"
    bl_description = "Take the candidate after the one that was taken last, the first after the last"

    step: IntProperty(name="Step", default=1, description="How many candidates on; negative: back")

    def change(self, context: bpy.types.Context, camera_object: bpy.types.Object) -> None:
        match = camera_object.data.photo_pose
        if not match.candidates:
            raise PoseError("The active camera has no candidates.")
        self.take_number(context, (match.taken + self.step) % len(match.candidates))


class PHOTOPOSE_OT_turn_candidate(MatchedCameraOperator, bpy.types.Operator):
    bl_idname = "photopose.turn_candidate"
    bl_label = "Turn Camera"
    bl_description = "Turn the active camera about the model, which stays in its place in the picture"

    axis: EnumProperty(name="Axis", items=AXIS_ITEMS, description="What the camera turns about")
    angle: FloatProperty(name="Angle", default=pi, subtype="ANGLE", description="Counter-clockwise from above, or seen")

    def change(self, context: bpy.types.Context, camera_object: bpy.types.Object) -> None:
        match = camera_object.data.photo_pose
        camera = cameras.read_camera(context.scene, camera_object, tuple(match.size))
        sphere = sphere_of(context.scene, match.model)
        axis = camera.position - sphere.center if self.axis == "VIEW" else np.array([0.0, 0.0, 1.0])
        pose = turned_about(camera.camera_to_world, sphere.center, axis, self.angle)
        sensor = cameras.sensor_of(context.scene, camera_object, camera.size)
        self.look(context, camera.placed(pose), match.model, sphere, sensor, lens_of(match, camera.focal))


classes = (PHOTOPOSE_OT_take_candidate, PHOTOPOSE_OT_next_candidate, PHOTOPOSE_OT_turn_candidate)
