"""The operator that tells which of the models a photo shows."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import bpy
import numpy as np
from bpy.app.translations import pgettext_rpt as rpt_
from bpy.props import StringProperty

from ...inference.steps import Steps, within
from ...properties import COLLECTION
from ..blender.models import chosen_models, collection_models, with_key
from ..photo.photo_properties import PhotoProperties
from ..running.long_operator import MATCHING, StepsOperator

if TYPE_CHECKING:
    from ...inference.search.start_poses import Target
    from ...inference.verify.model_ranking import Answer


class PHOTOPOSE_OT_which_model(PhotoProperties, StepsOperator, bpy.types.Operator):
    bl_idname = "photopose.which_model"
    bl_label = "Which Model Is It?"
    bl_description = "Rank the models by how much the photo looks like each of them; the camera is not changed"
    phases = MATCHING

    collection: StringProperty(**COLLECTION)

    def steps(self, context: bpy.types.Context) -> Steps[None]:
        from ...inference.matching import which
        from ...inference.verify.model_ranking import is_strange
        from ..pictures.model_targets import prepare, target_renderer

        photo, box, camera = self.photo_box_camera(context)
        if self.collection:
            roots = collection_models(context.scene, self.collection)
        else:
            roots = chosen_models(context.scene, warn=self.warn)
        views, cache = self.views_and_cache()
        targets = yield from within(prepare(roots, views, cache, self.warn), 0.0, 0.5)
        with target_renderer() as renderer:
            asking = which(photo, camera, box, targets, renderer, self.look(), mask=photo.mask)
            _box, answers = yield from within(asking, 0.5, 1.0)
        best, strange = answers[0].candidate, is_strange([answer.likeness for answer in answers])
        _list(context.scene, answers, targets, strange)
        told = rpt_("{model} of {count} models, score {score:.2f}")
        told = told.format(model=best.model, count=len(answers), score=best.score)
        self.report({"INFO"}, told + (rpt_(", but the photo seems to show none of them") if strange else ""))


def _list(scene: bpy.types.Scene, answers: Sequence[Answer], targets: Sequence[Target], strange: bool) -> None:
    """Shows the answers in the panel; strange: the photo seems to show none of them."""
    from ...inference.geometry import seen_from

    spheres = {target.name: target.sphere for target in targets}
    settings = scene.photo_pose
    settings.answers.clear()
    settings.active_answer = 0
    for answer in answers:
        angles = seen_from(answer.candidate.camera, spheres[answer.candidate.model])
        item = settings.answers.add()
        item.object = with_key(bpy.data.objects, answer.candidate.model)
        item.score, item.verified = answer.candidate.score, answer.verified
        item.likely = answer.likely and not strange
        item.azimuth, item.elevation = np.radians([angles.azimuth, angles.elevation])


classes = (PHOTOPOSE_OT_which_model,)
