"""What a match leaves on its camera's data: the candidates, their pictures, how sure it is and why not surer."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

import bpy
import numpy as np
from bpy.app.translations import pgettext_rpt as rpt_

from ...inference.errors import PoseError
from ...inference.geometry import Box, Camera, Sphere, blender_axes, intrinsics
from ...properties import picture_of
from ..pictures.rendering import in_unit_sphere
from . import cameras
from .models import evaluated, key_of, with_key

if TYPE_CHECKING:
    from PIL import Image

    from ...inference.photo.image import Photo
    from ...inference.search.start_poses import Candidate, Target
    from ...inference.verify.confidence import Evidence
    from ...inference.verify.refinement import Renderer
    from ..pictures.model_targets import Match

SIDE = 128  # px of a candidate's picture
MARGIN = 0.15  # of the box's longer side, shown around it


class Shown(NamedTuple):
    """Pictures (SIDE, SIDE) of the candidates' models over the photo, and what the best one's tells of it."""

    pictures: list[Image.Image]
    evidence: Evidence


def show_candidates(
    photo: Photo, box: Box, candidates: Sequence[Candidate], targets: Sequence[Target], renderer: Renderer
) -> Shown:
    """Draws the candidates, best first, in the photo's box and a little around it."""
    from ...inference.photo.overlay import intersection_over_union, laid_over
    from ...inference.verify.confidence import Evidence
    from ...inference.verify.segmentation import segment

    window, by_name = _window(box), {target.name: target for target in targets}
    views = [in_unit_sphere(one.camera, by_name[one.model].sphere) for one in candidates]
    renderings = [
        renderer(by_name[one.model])(view.windowed(window, (SIDE, SIDE))).rgba
        for one, view in zip(candidates, views, strict=True)
    ]
    picture, alpha = _part(photo, window), renderings[0][..., 3]
    mask = segment(np.array(picture), alpha) > 0.5
    shown = Box.around(views[0].project(by_name[candidates[0].model].index.templates.outline))
    evidence = Evidence(box, photo.size, shown, intersection_over_union(mask, alpha >= 128))
    return Shown([laid_over(picture.copy(), rgba) for rgba in renderings], evidence)


def store_match(camera_object: bpy.types.Object, found: Match, spheres: dict[str, Sphere], shown: Shown) -> None:
    """Writes all that is known of a fresh match to the data of its photo's camera; the snapshots there stay.

    spheres: of the models, by their keys.
    """
    from ...inference.verify.confidence import why_low

    match, best = camera_object.data.photo_pose, found.candidates[0]
    models = {key: with_key(bpy.data.objects, key) for key in spheres}
    match.candidates.clear()
    match.adjusted.model = None
    match.taken = 0
    match.photo, match.size = camera_object[cameras.PHOTO], best.camera.size
    match.box, match.box_found = shown.evidence.box, found.located
    match.model, match.score = models[best.model], best.score
    match.verified, match.confidence = found.verified, found.confidence or 0.0
    evidence = shown.evidence._replace(of_a_kind=found.share is not None)
    match.why = why_low(found.candidates, found.confidence, evidence, rpt_)
    for candidate, picture in zip(found.candidates, shown.pictures, strict=True):
        item = match.candidates.add()
        write_pose(item, models[candidate.model], candidate.camera, spheres[candidate.model])
        item.score, item.equivalent = candidate.score, candidate.alike
        item.lens_deviation = candidate.lens_deviation
        _draw(picture, picture_of(item))


def write_pose(item: bpy.types.PropertyGroup, model: bpy.types.Object, camera: Camera, sphere: Sphere) -> None:
    """To a PhotoPoseCandidate: how camera sees the model, whose bounding sphere this is."""
    from ..pictures.model_targets import seen_from

    item.model, item.matrix = model, blender_axes(camera.camera_to_world).ravel()
    item.focal, item.principal_point = camera.focal, camera.K[:2, 2]
    item.azimuth, item.elevation, item.roll = np.radians(seen_from(camera, sphere)[:3])


def read_pose(item: bpy.types.PropertyGroup, size: Sequence[int]) -> Camera:
    """The inverse of `write_pose`, for a photo of size (width, height)."""
    matrix = blender_axes(np.reshape(item.matrix, (4, 4)).astype(float))
    return Camera(intrinsics(item.focal, tuple(size), tuple(item.principal_point)), matrix, tuple(size))


def tell(
    current: bpy.types.Scene,
    model: bpy.types.Object,
    camera: Camera,
    sphere: Sphere,
    score: float = 0.0,
    lens_deviation: float = 0.0,
) -> None:
    """The panel's lines about the last match: how camera, which is the active one's, sees the model.

    score: when there is one.
    """
    from ..pictures.model_targets import sight

    told = sight(key_of(model), camera, sphere, current.camera.data.lens, lens_deviation)
    current.photo_pose.result = told + (rpt_(", score {score:.2f}").format(score=score) if score else "")


def sphere_of(current: bpy.types.Scene, model: bpy.types.Object | None) -> Sphere:
    """The bounding sphere of a match's model; PoseError where the scene has that no more."""
    if model not in current.objects[:]:
        raise PoseError("The model of this match is not in the scene any more.")
    with evaluated(model) as shown:
        return shown.sphere


def _window(box: Box) -> Box:
    """The square of whole pixels that the pictures show."""
    left, top = (int(edge) for edge in box.center - (0.5 + MARGIN) * max(box.width, box.height))
    side = int((1 + 2 * MARGIN) * max(box.width, box.height))
    return Box(left, top, left + side, top + side)


def _part(photo: Photo, window: Box) -> Image.Image:
    """(SIDE, SIDE); black beyond the photo."""
    scale = photo.image.size[0] / photo.size[0]
    return photo.image.crop([round(scale * edge) for edge in window]).resize((SIDE, SIDE))


def _draw(picture: Image.Image, icon: bpy.types.ImagePreview) -> None:
    rows = np.array(picture.convert("RGBA"), np.float32)[::-1] / 255  # Blender's begin at the bottom
    icon.image_size = picture.size
    icon.image_pixels_float.foreach_set(rows.ravel())
