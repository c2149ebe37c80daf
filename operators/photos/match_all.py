"""The operator that matches all photos of the list, a camera each."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, NamedTuple

import bpy
from bpy.app.translations import pgettext_rpt as rpt_
from bpy.app.translations import pgettext_tip as tip_
from bpy.props import BoolProperty

from ...inference.errors import PoseError, sentence_of
from ...inference.geometry import Box, Sphere
from ...inference.steps import Steps, counted, shares, within
from ...properties import METHOD, SHARED_DISTORTION, SHARED_LENS, SHARED_SHIFT
from ..blender import cameras
from ..blender.match_record import (
    Shown,
    lines_without_of,
    note,
    show_candidates,
    show_straight,
    store_match,
    straight_for,
)
from ..blender.models import chosen_models
from ..blender.photo_files import located, path_of, read_photo
from ..compare import compare_views
from ..photo.photo_properties import LookingProperties, photo_sensor
from ..pictures.camera_view import frame_camera
from ..running.long_operator import MATCHING, StepsOperator

if TYPE_CHECKING:
    from ...inference.matching import Match
    from ...inference.photo.image import Photo
    from ...inference.verify.candidates import Candidate

    Spheres = Mapping[str, Sphere]  # of the models, by their names
    Matcher = Callable[[Photo, Box | None], Steps["Shot"]]
    Sharer = Callable[[Sequence["Shot"]], Steps[list["Shot"]]]  # gives photos that were matched one lens


class Shot(NamedTuple):
    """What was found in a photo, in which box, and how that looks; sensor: the photo's longer side in mm."""

    photo: Photo
    box: Box
    found: Match
    shown: Shown
    sensor: float = 36.0

    @property
    def best(self) -> Candidate:
        return self.found.candidates[0]


class PHOTOPOSE_OT_match_photos(LookingProperties, StepsOperator, bpy.types.Operator):
    bl_idname = "photopose.match_photos"
    bl_label = "Match All"
    bl_description = (
        "Match every photo of the list, a camera each; a photo that fails says why and the others go on, "
        "Esc leaves all cameras as they were"
    )
    phases = MATCHING

    method: METHOD
    shared_lens: SHARED_LENS
    shared_shift: SHARED_SHIFT
    shared_distortion: SHARED_DISTORTION
    skip_matched: BoolProperty(name="Skip Matched", description="Only photos that have not been matched yet")

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        possible = len(context.scene.photo_pose.photos) > 0
        if not possible:
            cls.poll_message_set(tip_, "Add photos to the list first")
        return possible

    def steps(self, context: bpy.types.Context) -> Steps[None]:
        from ...inference.matching import Shown, find_and_match, share_lens
        from ..blender.result_text import new_camera
        from ..pictures.model_targets import all_around, prepare, target_renderer

        items = context.scene.photo_pose.photos
        boxes = {item.path: item.known_box for item in items if not (self.skip_matched and item.state == "MATCHED")}
        if not boxes:
            raise PoseError("All photos of the list are matched already.")
        look, (views, cache) = self.look(self.method), self.views_and_cache()
        roots = chosen_models(context.scene, warn=self.warn)
        targets = yield from within(prepare(roots, views, cache, self.warn), 0.0, 0.5)
        everywhere = all_around(roots, views, cache)
        with target_renderer() as renderer:

            def match(photo: Photo, box: Box | None) -> Steps[Shot]:
                told = {"lens": self.focal_of(photo), "mask": photo.mask, "all_around": everywhere}
                told["without_lines"] = lines_without_of(context.scene, photo.path)
                camera = self.camera_of(context, photo)
                place, found = yield from find_and_match(photo, camera, box, targets, renderer, look, **told)
                return shot(photo, place, found)

            def shot(photo: Photo, box: Box, found: Match) -> Shot:
                shown = show_candidates(
                    straight_for(photo, found.candidates[0]), box, found.candidates, targets, renderer
                )
                return Shot(photo, box, found, shown)

            def share(some: Sequence[Shot]) -> Steps[list[Shot]]:
                shown = [Shown(one.photo, one.box, one.found) for one in some]
                matches = yield from share_lens(
                    shown, targets, renderer, look, self.shared_shift, self.shared_distortion
                )
                return [shot(one.photo, one.box, found) for one, found in zip(some, matches, strict=True)]

            shots = yield from within(match_all(boxes, match, share if self.shared_lens else None), 0.5, 1.0)
        for path, shot in shots.items():
            if isinstance(shot, Shot):  # now, for the cameras that are written may take the active one's place
                shots[path] = shot._replace(sensor=photo_sensor(self, context.scene, shot.best.camera.size))
        there = [item for item in items if item.present and item.camera.type == "CAMERA"]
        fixed = [(item, item.camera, cameras.fixed_by(item.camera)) for item in there]
        failed = write_shots(context.scene, shots, {target.name: target.sphere for target in targets})
        for item, camera_object, why in fixed:
            if why and item.camera != camera_object:
                self.warn(new_camera(camera_object, why, item.camera))
        frame_camera(context)
        compare_views.show_match(context)
        matched = rpt_("{matched} of {count} photos matched").format(matched=len(shots) - len(failed), count=len(shots))
        self.report({"WARNING"} if failed else {"INFO"}, ": ".join([matched, *failed[:1]]))


def write_shots(current: bpy.types.Scene, shots: Mapping[str, Shot | PoseError], spheres: Spheres) -> list[str]:
    """A camera for each photo of the list that was matched, and what the others failed with."""
    settings, active, failed = current.photo_pose, current.camera, []
    for item in settings.photos:
        shot = shots.get(item.path)
        if isinstance(shot, Shot):
            shot = _written(current, item.path, shot, spheres)
        if shot:
            item.state, item.message = "FAILED", str(shot)
            failed.append(str(shot))
    current.camera = active or current.camera
    settings.active_photo = settings.active_photo  # makes its camera the active one
    return failed


def match_all(
    boxes: Mapping[str, Sequence[float]], match: Matcher, share: Sharer | None
) -> Steps[dict[str, Shot | PoseError]]:
    """Matches photos by path, in their boxes (zeros: not known); where that fails, the result is the error.

    share: what then gives those that were matched one lens.
    """
    shots: dict[str, Shot | PoseError] = {}
    first = 0.8 if share else 1.0
    for number, ((path, box), part) in enumerate(shares(boxes.items(), 0.0, first), 1):
        attempt = counted(_attempt(path, box, match), rpt_("Photos"), number, len(boxes))
        shots[path] = yield from within(attempt, *part)
    found = {path: shot for path, shot in shots.items() if isinstance(shot, Shot)}
    if share and len(found) > 1:
        together = yield from within(share(list(found.values())), first, 1.0)
        shots.update(zip(found, together, strict=True))
    return shots


def _written(current: bpy.types.Scene, path: str, shot: Shot, spheres: Spheres) -> PoseError | None:
    """`write_shot`; what it may fail with."""
    try:
        write_shot(current, path, shot, spheres)
    except Exception as error:  # whatever it is, the other photos go on
        return PoseError(sentence_of(error, path))
    return None


def write_shot(current: bpy.types.Scene, path: str, shot: Shot, spheres: Spheres) -> None:
    """Sets up the photo's own camera; neither the render size nor any other camera is changed.

    PoseError where the file is gone by now: then nothing is.
    """
    from ..blender.result_text import summary

    photo = read_photo(path)
    sphere = spheres[shot.best.model]
    listed = next((item.camera for item in current.photo_pose.photos if item.path == path), None)
    others = [obj for obj in current.objects if obj != listed and path_of(obj) == located(path)] if listed else []
    camera = cameras.camera_for_photo(current, path, take_active=False, but=others, beside=sphere.radius)
    cameras.write_camera(current, camera, shot.best.camera, model=sphere, sensor=shot.sensor)
    store_match(camera, shot.found, spheres, shot.shown, shot.sensor)
    show_straight(camera, photo, shot.best.camera, shot.best.distortion)
    note(current, path, camera, summary(shot.best, sphere, camera.data))


def _attempt(path: str, box: Sequence[float], match: Matcher) -> Steps[Shot | PoseError]:
    from ...inference.photo.checks import checked_box

    try:
        photo = read_photo(path)
        return (yield from match(photo, checked_box(box, photo.size) if any(box) else None))
    except Exception as error:  # whatever it is, the other photos go on
        return PoseError(sentence_of(error, path))


classes = (PHOTOPOSE_OT_match_photos,)
