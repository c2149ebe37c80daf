"""Operators that keep poses of a matched camera, to go back to."""

from __future__ import annotations

import bpy
from bpy.props import IntProperty

from ...inference.errors import PoseError
from ..blender import cameras
from ..blender.match_record import lens_of, sphere_of, standing, write_distortion, write_lens, write_pose
from .take_candidate import MatchedCameraOperator


class PHOTOPOSE_OT_add_snapshot(MatchedCameraOperator, bpy.types.Operator):
    bl_idname = "photopose.add_snapshot"
    bl_label = "Add Snapshot"
    bl_description = "Keep the pose and lens of the active camera, to go back to"
    moves = False

    def change(self, context: bpy.types.Context, camera_object: bpy.types.Object) -> None:
        match = camera_object.data.photo_pose
        camera = cameras.read_camera(context.scene, camera_object, tuple(match.size))
        sphere = sphere_of(context.scene, match.model)
        known = standing(context.scene, camera_object)
        score, lens = known.score if known else 0.0, lens_of(match, camera.focal)
        item = match.snapshots.add()
        write_pose(item, match.model, camera, sphere)
        write_lens(item, lens)
        write_distortion(item, camera_object)
        item.score = score
        number = len(match.snapshots)
        while f"Snapshot {number}" in match.snapshots:
            number += 1
        item.name = f"Snapshot {number}"


class PHOTOPOSE_OT_take_snapshot(MatchedCameraOperator, bpy.types.Operator):
    bl_idname = "photopose.take_snapshot"
    bl_label = "Take Snapshot"
    bl_description = "Give the active camera back the pose and lens that it had"

    index: IntProperty(name="Snapshot", min=0, description="Its number, from 0")

    def change(self, context: bpy.types.Context, camera_object: bpy.types.Object) -> None:
        self.take(context, snapshot(camera_object, self.index))


class PHOTOPOSE_OT_remove_snapshot(MatchedCameraOperator, bpy.types.Operator):
    bl_idname = "photopose.remove_snapshot"
    bl_label = "Remove Snapshot"
    bl_description = "Forget this snapshot; the camera stays as it is"
    moves = False

    index: IntProperty(name="Snapshot", min=0, description="Its number, from 0")

    def change(self, _context: bpy.types.Context, camera_object: bpy.types.Object) -> None:
        snapshot(camera_object, self.index)
        camera_object.data.photo_pose.snapshots.remove(self.index)


def snapshot(camera_object: bpy.types.Object, index: int) -> bpy.types.PropertyGroup:
    snapshots = camera_object.data.photo_pose.snapshots
    if index >= len(snapshots):
        raise PoseError(f"There is no snapshot {index + 1}.")
    return snapshots[index]


classes = (PHOTOPOSE_OT_add_snapshot, PHOTOPOSE_OT_take_snapshot, PHOTOPOSE_OT_remove_snapshot)
