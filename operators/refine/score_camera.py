"""The operator that scores a matched camera as it stands now."""

from __future__ import annotations

from typing import TYPE_CHECKING

import bpy
from bpy.app.translations import pgettext_tip as tip_

from ...inference.geometry import Box, Camera
from ...inference.steps import Steps, all_aside, shares, within
from ..blender.match_record import keep_score, read_pose
from ..compare.camera_and_model import Subject
from ..running.long_operator import MATCHING, StepsOperator

if TYPE_CHECKING:
    from ...inference.views.view_options import ViewOptions


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
        match, subject = context.scene.camera.data.photo_pose, Subject.read(context.scene)
        views = subject.views(context.scene.photo_pose)
        known = next((item for item in match.candidates if item.model == subject.root), match.candidates[0])
        cameras, score, box = [subject.camera, read_pose(known, match.size)], known.score, tuple(match.box)
        now, then = yield from scores(views, subject, box, cameras)
        keep_score(context.scene, subject.root, subject.camera, subject.sphere, score + now - then)
        self.report({"INFO"}, context.scene.photo_pose.result)


def scores(views: ViewOptions, subject: Subject, box: tuple[float, ...], cameras: list[Camera]) -> Steps[list[float]]:
    """How well what each of the cameras sees of the subject's model agrees with its photo: comparable numbers."""
    from ...inference.matching import aligner, crops_for, extractor
    from ...inference.verify.candidates import judge
    from ..pictures.model_targets import prepare, target_renderer
    from ..pictures.view_cache import cache_folder

    (target,) = yield from within(prepare([subject.root], views, cache_folder()), 0.0, 0.5)
    extract, see, found = extractor(views.network, views.device), aligner(views.device), []
    with target_renderer() as renderer:
        for camera, part in shares(cameras, 0.5, 1.0):
            crops = crops_for(subject.photo, camera, Box(*box) if any(box) else None, extract)
            seen = yield from within(all_aside(judge)(crops, target, camera, renderer, see), *part)
            found.append(seen.score)
    return found


classes = (PHOTOPOSE_OT_score_camera,)
