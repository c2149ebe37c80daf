"""The lines of the active camera's photo, as the camera explains them, and which of them the user has switched off."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import bpy
import numpy as np
from bpy.app.translations import pgettext_rpt as rpt_

from ...inference.errors import PoseError
from ...inference.geometry import Box, Camera
from ...inference.look import ANY_WAY
from ...inference.steps import Steps, aside, within
from ..blender.match_record import lines_without
from ..running.long_operator import require_packages
from .camera_and_model import Subject, judged
from .fit_of_camera import is_same

if TYPE_CHECKING:
    from ...inference.verify.lines_picture import LinesPicture, PhotoLines


class CameraLines(NamedTuple):
    """A camera in the world, its photo's lines, and how they look with others (M, 4), px of the photo, switched
    off."""

    camera: Camera
    lines: PhotoLines
    off: np.ndarray
    picture: LinesPicture

    def is_of(self, camera: Camera) -> bool:
        return is_same(self.camera, camera)

    @property
    def told(self) -> str:
        none, *counts = np.bincount(self.picture.belongs + 1, minlength=4).tolist()
        told = rpt_("Lines: {upright} upright, {first} and {second} level, {none} others")
        return told.format(**dict(zip(("upright", "first", "second"), counts, strict=True)), none=none)

    def without(self, others: np.ndarray) -> CameraLines:
        """With these segments (N, 4), px of the photo, switched off."""
        from ...inference.verify.lines_picture import lines_picture

        return self._replace(off=others, picture=lines_picture(self.lines, others))

    def nearest(self, at: np.ndarray, reach: float) -> np.ndarray | None:
        """The segment (4,) that is nearest to px (2,) of the photo and within reach, of those that are not the
        model's; None where there is none."""
        segments = self.lines.segments[~self.lines.own]
        start, way = segments[:, :2], segments[:, 2:] - segments[:, :2]
        part = np.clip(((at - start) * way).sum(1) / np.maximum((way**2).sum(1), 1e-9), 0, 1)
        away = np.linalg.norm(start + part[:, None] * way - at, axis=1)
        near = int(away.argmin()) if len(away) else 0
        return segments[near] if len(away) and away[near] < reach else None


def lines_of_camera(context: bpy.types.Context) -> Steps[CameraLines]:
    """Of the active camera; PoseError where it has no photo, sees no model or has no vanishing points."""
    yield from aside(require_packages)
    from ...inference.matching import crops_for, extractor
    from ...inference.verify.lines_picture import lines_picture, photo_lines

    subject, settings = Subject.read(context.scene, to_change=False), context.scene.photo_pose
    if subject.photo is None:
        raise PoseError("The active camera belongs to no photo.")
    if subject.camera.is_orthographic:
        raise PoseError("The camera is orthographic: lines tell nothing of its lens.")
    match = context.scene.camera.data.photo_pose
    box, without, upright = tuple(match.box), lines_without(match), settings.stands != ANY_WAY
    views = subject.views(settings)
    (seen,) = yield from within(judged(views, subject, box, [subject.camera]), 0.0, 0.8)

    def found() -> CameraLines:
        extract = extractor(views.network, views.device)
        crops = crops_for(subject.photo, subject.camera, Box(*box) if any(box) else None, extract)
        lines = photo_lines(crops, seen, upright)
        return CameraLines(subject.camera, lines, without, lines_picture(lines, without))

    return (yield from aside(found))
