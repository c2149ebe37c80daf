"""The operator that scores a matched camera as it stands now."""

from __future__ import annotations

import bpy
from bpy.app.translations import pgettext_tip as tip_

from ...inference.steps import Steps
from ..blender.match_record import box_of, keep_score, read_pose
from ..compare.camera_and_model import Subject, judged
from ..running.long_operator import MATCHING, StepsOperator


class PHOTOPOSE_OT_score_camera(StepsOperator, bpy.types.Operator):
    bl_idname = "photopose.score_camera"
    bl_label = "Score Camera"
    bl_description = "Measure how well the model, as the active camera sees it now, agrees with the photo"
    phases = MATCHING

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        camera = context.scene.camera
        possible = bool(camera and camera.type == "CAMERA" and camera.data.photo_pose.candidates)
        if not possible:
            cls.poll_message_set(tip_, "The active camera was not matched to a photo")
        return possible

    def steps(self, context: bpy.types.Context) -> Steps[None]:
        match, subject = context.scene.camera.data.photo_pose, Subject.read(context.scene, to_change=False)
        views = subject.views(context.scene.photo_pose)
        known = next((item for item in match.candidates if item.model == subject.root), match.candidates[0])
        cameras, score = [subject.camera, read_pose(known, match.size)], known.score
        box = box_of(context.scene.camera, subject.camera)
        now, then = yield from judged(views, subject, box, cameras)
        keep_score(context.scene, subject.root, subject.camera, subject.sphere, score + now.score - then.score)
        self.report({"INFO"}, context.scene.photo_pose.result)


classes = (PHOTOPOSE_OT_score_camera,)
