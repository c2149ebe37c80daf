"""The operator that tells which models of a library a photo may show; none of them comes to the scene."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import bpy
import numpy as np
from bpy.app.translations import pgettext_rpt as rpt_

from ...inference.look import DEFAULT_NETWORK
from ...inference.steps import Steps, aside
from ...properties import LIBRARY
from ..blender.photo_files import kept
from ..photo.photo_properties import PhotoProperties
from ..running.long_operator import StepsOperator
from .library_folder import known_library, warn_of

if TYPE_CHECKING:
    from ...inference.library.index import Index
    from ...inference.library.records import Licence
    from ...inference.verify.model_ranking import Answer
    from ...properties import PhotoPoseSettings

BEST = 8  # models that are shown


class PHOTOPOSE_OT_search_library(PhotoProperties, StepsOperator, bpy.types.Operator):
    bl_idname = "photopose.search_library"
    bl_label = "Search Library"
    bl_description = "Show which models of the library the photo looks most like; none is imported"
    phases = ((0.0, "Searching"), (0.25, "Comparing Models"))

    library: LIBRARY

    def steps(self, context: bpy.types.Context) -> Steps[None]:
        from ...inference.library.index import read_index
        from ...inference.matching import which_of_library
        from ...inference.verify.model_ranking import any_likely
        from .library_renderer import library_renderer

        folder = known_library(self.library)
        photo, box, camera = self.photo_box_camera(context)
        index = yield from aside(read_index, folder)
        look = self.look()._replace(network=DEFAULT_NETWORK)  # of which libraries are
        with library_renderer(index) as render:
            how = {"lens": self.focal_of(photo), "mask": photo.mask}
            asking = which_of_library(photo, camera, box, index, lambda target: render(target.name), look, **how)
            _box, answers, left_out = yield from asking
        pictures = yield from aside(_pictures, index, answers[:BEST])
        _list(context.scene.photo_pose, (kept(folder), kept(self.filepath)), index, answers[:BEST], pictures)
        best = answers[0].candidate
        told = rpt_("{model} of {count} models, score {score:.2f}")
        told = told.format(model=index.by_key[best.model].name, count=len(index.models), score=best.score)
        none = "" if any_likely(answers) else rpt_(", but the photo seems to show none of them")
        self.report({"INFO"}, told + none)
        warn_of([*index.damaged, *left_out], self.warn)


def _pictures(index: Index, answers: list[Answer]) -> list[str]:
    """Their models' thumbnails as text, "" where one is gone or damaged."""
    from ...inference.library.records import thumbnail_file

    by_key = index.by_key
    return [_picture(thumbnail_file(index.folder, by_key[answer.candidate.model])) for answer in answers]


def _picture(file: Path) -> str:
    from PIL import Image

    from ...inference.photo.picture_text import as_text

    try:
        with Image.open(file, formats=["PNG"]) as picture:
            return as_text(picture)
    except (OSError, ValueError, SyntaxError):  # the last is Pillow's for some damaged files
        return ""


def _list(
    settings: PhotoPoseSettings, searched: tuple[str, str], index: Index, answers: list[Answer], pictures: list[str]
) -> None:
    """Shows the answers in the panel."""
    from ...inference.geometry import seen_from

    by_key = index.by_key
    settings.searched, settings.searched_photo = searched
    settings.library_answers.clear()
    for answer, picture in zip(answers, pictures, strict=True):
        model = by_key[answer.candidate.model]
        item = settings.library_answers.add()
        item.name, item.file, item.number, item.up = model.name, model.file, model.number, model.up
        item.licence = _in_words(model.licence)
        item.likeness, item.score, item.verified = answer.likeness, answer.candidate.score, answer.verified
        item.likely = answer.likely
        angles = seen_from(answer.candidate.camera, model.sphere)
        item.azimuth, item.elevation = np.radians([angles.azimuth, angles.elevation])
        item.picture = picture


def _in_words(licence: Licence) -> str:
    return ", ".join(filter(None, (licence.author, licence.licence, licence.copyright)))


classes = (PHOTOPOSE_OT_search_library,)
