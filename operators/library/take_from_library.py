"""The operator that brings one model of a library to the scene, where the photo shows it."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from math import degrees
from pathlib import Path
from typing import TYPE_CHECKING

import bpy
import numpy as np
from bpy.app.translations import pgettext_rpt as rpt_
from bpy.app.translations import pgettext_tip as tip_
from bpy.props import IntProperty
from mathutils import Matrix

from ...inference.errors import PoseError
from ...inference.geometry import Box, Camera
from ...inference.steps import Steps
from ..blender import cameras
from ..blender.match_record import NEAR, as_seen, distortion_of
from ..blender.models import evaluated, families, key_of
from ..blender.own_data_blocks import added_to, remove, used_only_by
from ..blender.photo_files import located, path_of
from ..blender.render_graph import world_matrix
from ..photo.match_photo import Found, PhotoMatching
from ..running.long_operator import MATCHING, StepsOperator
from .library_folder import library_at

if TYPE_CHECKING:
    from ...inference.photo.image import Photo
    from ...inference.views.view_options import ViewOptions
    from ...properties import PhotoPoseSettings

TAKEN = "photo_pose_taken"  # custom property of models that a click on a thumbnail has brought: for what
SAME_OBJECT = 0.5  # intersection over union of boxes from which they are around one object of a photo


class PHOTOPOSE_OT_take_from_library(PhotoMatching, StepsOperator, bpy.types.Operator):
    bl_idname = "photopose.take_from_library"
    bl_label = "Take from Library"
    bl_description = "Append this model and match the camera with it; a camera that is to stay gets it where it belongs"
    phases = MATCHING

    index: IntProperty(name="Answer", min=0, description="Its number, from 0, best first")
    _kept: bpy.types.Object | None = None

    @classmethod
    def description(cls, context: bpy.types.Context, properties: bpy.types.OperatorProperties) -> str:
        answers = context.scene.photo_pose.library_answers
        if properties.index >= len(answers):
            return tip_(cls.bl_description)
        item = answers[properties.index]
        told = tip_("{name}: likeness {likeness:.1f}, seen from azimuth {azimuth}°, elevation {elevation}°")
        angles = {name: round(degrees(getattr(item, name))) for name in ("azimuth", "elevation")}
        verified = tip_(", score {score:.2f}").format(score=item.score) if item.verified else ""
        rights = f"; {item.licence}" if item.licence else ""
        return told.format(name=item.name, likeness=item.likeness, **angles) + verified + rights

    def steps(self, context: bpy.types.Context) -> Steps[None]:
        from ...inference.library.records import unchanged_file
        from ..models.borrowed_models import appended, borrowed

        answers = context.scene.photo_pose.library_answers
        if self.index >= len(answers):
            raise PoseError(f"There is no answer {self.index + 1}: search the library first.")
        item, folder = answers[self.index], library_at(context.scene.photo_pose.searched)
        model = unchanged_file(folder, item.file, item.name), item.up, item.number
        self._kept = self._camera_to_keep(context.scene)
        if self._kept:
            self.focal_source = "CAMERA"
        asked = self.photo_box_camera(context)
        if located(self.filepath) != located(context.scene.photo_pose.searched_photo):
            raise PoseError("These answers are for another photo: search the library again.")
        with borrowed(*model) as root:
            found = yield from self.find(context, asked, [root], *self._views_and_cache_of(root, folder))
        brought: list[bpy.types.ID] = []
        try:
            with added_to(brought):
                root = appended(context.scene, *model)
            self._take(context, root, _of(root, found))
        except BaseException:
            remove(brought)
            raise

    def photo_box_camera(self, context: bpy.types.Context) -> tuple[Photo, Box | None, Camera]:
        """As the camera that stays sees it: without its lens's distortion."""
        from ...inference.photo.distortion import straight_box

        photo, box, camera = super().photo_box_camera(context)
        distortion = distortion_of(self._kept, camera.focal) if self._kept else np.zeros(2)
        if not distortion.any():
            return photo, box, camera
        straight = as_seen(photo, self._kept, camera)
        return straight, box and straight_box(box, camera.K, distortion), camera

    def _views_and_cache_of(self, root: bpy.types.Object, folder: Path) -> tuple[ViewOptions, Path]:
        """The library's training views, where they are what is asked for, so that none are rendered."""
        from ...inference.library.records import views_folder, views_of
        from ..pictures.view_cache import cached_file

        views, cache = self.views_and_cache()
        own = None
        with suppress(PoseError):  # it is gone, or another version has written it
            own = views_of(folder)
        if own and (own.sphere, own.network) == (views.sphere, views.network):
            own = own._replace(device=views.device)
            with evaluated(root) as model:
                if cached_file(model, own, views_folder(folder)).exists():
                    return own, views_folder(folder)
        return views, cache

    def _camera_to_keep(self, current: bpy.types.Scene) -> bpy.types.Object | None:
        """The active camera, where that is fixed, or was matched to another object in this very photo: it tells where
        the photo was taken from, and the model is what has to move."""
        camera = current.camera
        if camera is None or camera.type != "CAMERA" or camera.data.type != "PERSP":
            return None
        of_photo = path_of(camera)
        if cameras.fixed_by(camera):
            return camera if of_photo in (None, located(self.filepath)) else None
        match = camera.data.photo_pose
        if of_photo != located(self.filepath) or match.model not in current.objects[:]:
            return None
        known = any(self.box) and any(match.box)
        return camera if known and not _is_same_object(self.box, match.box) else None

    def _take(self, context: bpy.types.Context, root: bpy.types.Object, found: Found) -> None:
        settings = context.scene.photo_pose
        photo = located(self.filepath)
        before = [obj for obj in context.scene.objects if _was_taken(obj, photo, found.box)]
        if self._kept:
            self._stand(context, root, found)
        if len(settings.models):  # else all models of the scene are meant
            settings.models.add().object = root
        brought = sorted(obj.name for obj in families([root]))
        root[TAKEN] = {"brought": brought, "photo": photo, "box": list(found.box)}
        if not self._kept:
            self.write(context, found)
        for obj in before:
            self._make_room(settings, obj)

    def _make_room(self, settings: PhotoPoseSettings, before: bpy.types.Object) -> None:
        """One answer takes the place of another; Undo brings that back."""
        told = rpt_('"{name}" is removed: it was taken for the same object').format(name=before.name)
        gone = used_only_by(families([before]))
        for listed in (settings.models, settings.hidden):
            for number, item in reversed([*enumerate(listed)]):
                if item.object in gone:
                    listed.remove(number)
        remove(gone)
        self.report({"INFO"}, told)

    def _stand(self, context: bpy.types.Context, root: bpy.types.Object, found: Found) -> None:
        """Moves the model in front of the camera that stays. PoseError where something else holds it."""
        from ...inference.verify.confidence import why_low

        match, best = found.match, found.match.candidates[0]
        camera = cameras.read_camera(context.scene, self._kept, best.camera.size)
        place = camera.camera_to_world @ best.camera.world_to_camera @ world_matrix(root)
        root.matrix_world = Matrix(place)
        context.view_layer.update()
        if not np.allclose(world_matrix(root), place, atol=NEAR * np.abs(place).max()):
            raise PoseError(f'"{root.name}" cannot be moved to where the photo shows it: constraints or keys hold it.')
        cameras.view_through_camera(context)
        told = rpt_('"{name}" stands where the photo shows it, score {score:.2f}; {camera} stays as it is')
        self.report({"INFO"}, told.format(name=root.name, score=best.score, camera=self._kept.name))
        evidence = found.shown.evidence._replace(of_a_kind=match.share is not None)
        if why := why_low(match.candidates, match.confidence, evidence, rpt_):
            self.warn(why)


def _is_same_object(one: Sequence[float], other: Sequence[float]) -> bool:
    """Whether these boxes in a photo are around one object."""
    from ...inference.search.detection import box_overlap

    return box_overlap(Box(*one), Box(*other)) >= SAME_OBJECT


def _was_taken(obj: bpy.types.Object, photo: str, box: Box) -> bool:
    """Whether an earlier click has brought it, for the same object of the photo, and it is as it was brought: a copy of
    it, or what other things hang on or other scenes show, is the user's."""
    told, family = obj.get(TAKEN), families([obj])
    if not told or told["photo"] != photo or not _is_same_object(told["box"], box):
        return False
    only_here = all(len(one.users_scene) == 1 for one in family)
    return only_here and sorted(one.name for one in family) == list(told["brought"])


def _of(root: bpy.types.Object, found: Found) -> Found:
    """The match of a model that was borrowed for it, as one of this model, which stands in the same place."""
    name = key_of(root)
    candidates = [one._replace(model=name) for one in found.match.candidates]
    targets = [one._replace(name=name) for one in found.targets]
    return found._replace(match=found.match._replace(candidates=candidates), targets=targets)


classes = (PHOTOPOSE_OT_take_from_library,)
