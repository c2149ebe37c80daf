"""How the model lies on the photo of the active camera, part by part, as the bundled network sees it."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import bpy
import numpy as np
from bpy.app.translations import pgettext_rpt as rpt_

from ...inference.errors import PoseError
from ...inference.geometry import Camera
from ...inference.steps import Steps, aside, within
from ..blender.match_record import box_of
from ..running.long_operator import require_packages
from .camera_and_model import Subject, judged

if TYPE_CHECKING:
    from ...inference.verify.fit_picture import FitPicture

NEAR = 1e-5  # of a camera's numbers, which Blender rounds


class CameraFit(NamedTuple):
    """A camera and how the model lay on the photo as it saw them."""

    camera: Camera
    picture: FitPicture

    def is_of(self, camera: Camera) -> bool:
        return is_same(self.camera, camera)

    @property
    def told(self) -> str:
        told = rpt_("Off by {off:.1%} of the object's size in the mean; {visible:.0%} of the model is seen")
        return told.format(off=self.picture.off, visible=self.picture.visible)


def is_same(first: Camera, second: Camera) -> bool:
    """But for what Blender rounds."""
    same = zip((first.K, first.world_to_camera), (second.K, second.world_to_camera), strict=True)
    return all(np.allclose(one, other, rtol=NEAR, atol=NEAR) for one, other in same)


def fit_of_camera(context: bpy.types.Context) -> Steps[CameraFit]:
    """Of the active camera; PoseError where it has no photo or sees no model."""
    yield from aside(require_packages)
    from ...inference.matching import aligner
    from ...inference.verify.fit_picture import fit_picture

    subject = Subject.read(context.scene, to_change=False)
    if subject.photo is None:
        raise PoseError("The active camera belongs to no photo.")
    box = box_of(context.scene.camera, subject.camera)
    views = subject.views(context.scene.photo_pose)
    (seen,) = yield from within(judged(views, subject, box, [subject.camera]), 0.0, 0.9)
    see = yield from aside(aligner, views.device)
    return CameraFit(subject.camera, (yield from aside(fit_picture, seen, see)))
