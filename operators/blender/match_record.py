"""What a match leaves on its camera's data: the candidates, their pictures, how sure it is and why not surer."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from math import isclose
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import bpy
import numpy as np
from bpy.app.translations import pgettext_rpt as rpt_
from bpy.props import StringProperty

from ...inference.errors import PoseError
from ...inference.geometry import Box, Camera, Sphere, afar, blender_axes, in_unit_sphere, intrinsics, nearby
from ...inference.photo.focal_length import KINDS, Lens
from . import cameras
from .models import evaluated, with_key
from .photo_files import located, path_of, read_photo
from .result_text import tell

if TYPE_CHECKING:
    from PIL import Image

    from ...inference.matching import Match
    from ...inference.photo.distortion import Distortion
    from ...inference.photo.image import Photo
    from ...inference.search.start_poses import Target
    from ...inference.verify.candidates import Candidate
    from ...inference.verify.confidence import Evidence
    from ...inference.verify.refinement import Renderer

SIDE = 128  # px of a candidate's picture
MARGIN = 0.15  # of the box's longer side, shown around it
NEAR = 1e-4  # of a camera's numbers; Blender rounds less than that


class Shown(NamedTuple):
    """Pictures (SIDE, SIDE) of the candidates' models over the photo, and what the best one's tells of it."""

    pictures: list[Image.Image]
    evidence: Evidence


def show_candidates(
    photo: Photo, box: Box, candidates: Sequence[Candidate], targets: Sequence[Target], renderer: Renderer
) -> Shown:
    """Draws the candidates, best first, in the photo's box and a little around it."""
    from ...inference.photo.overlay_picture import laid_over
    from ...inference.verify.confidence import Evidence

    window, by_name = _window(box), {target.name: target for target in targets}
    views = [in_unit_sphere(one.camera, by_name[one.model].sphere) for one in candidates]
    renderings = [
        renderer(by_name[one.model])(view.windowed(window, (SIDE, SIDE))).rgba
        for one, view in zip(candidates, views, strict=True)
    ]
    picture, best = _part(photo, window), candidates[0]
    shown = Box.around(views[0].project(by_name[candidates[0].model].index.templates.outline))
    evidence = Evidence(box, photo.size, shown, 1.0 - best.agreement.outside if best.agreement else 1.0)
    return Shown([laid_over(picture.copy(), rgba) for rgba in renderings], evidence)


def store_match(
    camera_object: bpy.types.Object, found: Match, spheres: dict[str, Sphere], shown: Shown, sensor: float
) -> None:
    """Writes all that is known of a fresh match to the data of its photo's camera; the snapshots there stay.

    spheres: of the models, by their keys; sensor: the photo's longer side in mm.
    """
    from ...inference.photo.picture_text import as_text
    from ...inference.verify.confidence import why_low

    match, best = camera_object.data.photo_pose, found.candidates[0]
    models = {key: with_key(bpy.data.objects, key) for key in spheres}
    match.candidates.clear()
    match.adjusted.model = None
    match.taken = 0
    if located(match.photo) != located(camera_object[cameras.PHOTO]):
        match.pins.clear()
    match.photo, match.size, match.sensor = camera_object[cameras.PHOTO], best.camera.size, sensor
    match.distortion = 0.0, 0.0
    match.box, match.box_found = shown.evidence.box, found.located
    match.model, match.score = models[best.model], best.score
    match.verified, match.confidence = found.verified, found.confidence or 0.0
    evidence = shown.evidence._replace(of_a_kind=found.share is not None)
    match.why = why_low(found.candidates, found.confidence, evidence, rpt_)
    for candidate, picture in zip(found.candidates, shown.pictures, strict=True):
        item = match.candidates.add()
        write_pose(item, models[candidate.model], candidate.camera, spheres[candidate.model])
        item.score, item.equivalent = candidate.score, candidate.alike
        write_lens(item, candidate.known_lens)
        if candidate.distortion:
            item.distortion = candidate.distortion.coefficients
            item.distortion_deviation = candidate.distortion.deviation
        item.picture = as_text(picture)


def write_pose(item: bpy.types.PropertyGroup, model: bpy.types.Object, camera: Camera, sphere: Sphere) -> None:
    """To a PhotoPoseCandidate: how camera sees the model, whose bounding sphere this is."""
    from ...inference.geometry import seen_from

    near = nearby(camera, sphere.center) if camera.is_orthographic else camera
    item.model, item.matrix, item.orthographic = model, blender_axes(near.camera_to_world).ravel(), near is not camera
    item.focal, item.principal_point = near.focal, near.K[:2, 2]
    item.azimuth, item.elevation, item.roll = np.radians(seen_from(camera, sphere)[:3])


def write_distortion(item: bpy.types.PropertyGroup, camera_object: bpy.types.Object) -> None:
    """To a PhotoPoseCandidate with the camera's pose: by what its photo is straightened."""
    item.distortion = distortion_of(camera_object, item.focal)
    item.distortion_deviation = camera_object.data.photo_pose.distortion_deviation


def read_distortion(item: bpy.types.PropertyGroup) -> Distortion | None:
    """Of a PhotoPoseCandidate; None where its lens bends nothing."""
    from ...inference.photo.distortion import Distortion

    return Distortion(np.array(item.distortion), item.distortion_deviation) if any(item.distortion) else None


def write_lens(item: bpy.types.PropertyGroup, lens: Lens) -> None:
    """To a PhotoPoseCandidate: how far the lens of its pose is known, and what tells it."""
    item.lens_deviation, item.lens_by, item.lines_differ = lens.deviation, set(lens.by), lens.lines_differ


def read_lens(item: bpy.types.PropertyGroup) -> Lens:
    """The inverse of `write_lens`; the focal length in px of the photo."""
    by = tuple(kind for kind in KINDS if kind in item.lens_by)
    return Lens(item.focal, item.lens_deviation, by, item.lines_differ)


def lines_without(match: bpy.types.PropertyGroup) -> np.ndarray:
    """(N, 4), px: ends of the photo's lines that the user has switched off."""
    return np.array([[*line.ends] for line in match.without_lines], float).reshape(-1, 4)


def switch_line(match: bpy.types.PropertyGroup, ends: np.ndarray, size: tuple[int, int]) -> None:
    """Off, or on again: a line of the photo, which has this size, px of its ends (4,)."""
    from ...inference.photo.line_segments import along

    off = lines_without(match)
    same = np.array([along(ends[None], line[None], size)[0] for line in off], bool)
    set_lines_without(match, off[~same] if same.any() else [*off, ends])


def set_lines_without(match: bpy.types.PropertyGroup, lines: Sequence[np.ndarray]) -> None:
    """The inverse of `lines_without`."""
    match.without_lines.clear()
    for ends in lines:
        match.without_lines.add().ends = ends


def lines_without_of(current: bpy.types.Scene, path: Path) -> np.ndarray:
    """Those of a photo that was matched before, else none."""
    matched = (one for one in current.objects if one.type == "CAMERA" and len(one.data.photo_pose.without_lines))
    camera_object = next((one for one in matched if path_of(one) == located(path)), None)
    return lines_without(camera_object.data.photo_pose) if camera_object else np.zeros((0, 4))


def read_pose(item: bpy.types.PropertyGroup, size: Sequence[int]) -> Camera:
    """The inverse of `write_pose`, for a photo of size (width, height)."""
    matrix = blender_axes(np.reshape(item.matrix, (4, 4)).astype(float))
    camera = Camera(intrinsics(item.focal, tuple(size), tuple(item.principal_point)), matrix, tuple(size))
    return afar(camera) if item.orthographic else camera


def sphere_of(current: bpy.types.Scene, model: bpy.types.Object | None) -> Sphere:
    """The bounding sphere of a match's model; PoseError where the scene has that no more."""
    if model not in current.objects[:]:
        raise PoseError("The model of this match is not in the scene any more.")
    with evaluated(model) as shown:
        return shown.sphere


def straight_for(photo: Photo, candidate: Candidate) -> Photo:
    """The photo as the candidate's camera sees it: straightened, where its lens bends it."""
    from ...inference.photo.distortion import straightened

    bent = candidate.distortion
    return straightened(photo, candidate.camera.K, bent.coefficients) if bent else photo


def _window(box: Box) -> Box:
    """The square of whole pixels that the pictures show."""
    left, top = (int(edge) for edge in box.center - (0.5 + MARGIN) * max(box.width, box.height))
    side = int((1 + 2 * MARGIN) * max(box.width, box.height))
    return Box(left, top, left + side, top + side)


def _part(photo: Photo, window: Box) -> Image.Image:
    """(SIDE, SIDE); black beyond the photo."""
    scale = photo.image.size[0] / photo.size[0]
    return photo.image.crop([round(scale * edge) for edge in window]).resize((SIDE, SIDE))


def distortion_of(camera_object: bpy.types.Object, focal: float) -> np.ndarray:
    """(2,): k1 and k2 of the lens by which the camera's photo is straightened, in units of this focal length, px."""
    match = camera_object.data.photo_pose
    scale = focal / match.distortion_focal if any(match.distortion) else 1.0
    return np.array(match.distortion) * [scale**2, scale**4]


def photo_of(current: bpy.types.Scene, camera_object: bpy.types.Object) -> Photo:
    """The photo that a camera belongs to, straightened as it sees it."""
    photo = read_photo(path_of(camera_object))
    if not any(camera_object.data.photo_pose.distortion):
        return photo
    return as_seen(photo, camera_object, cameras.read_camera(current, camera_object, photo.size))


def as_seen(photo: Photo, camera_object: bpy.types.Object, camera: Camera) -> Photo:
    """The photo without the distortion that was found of the lens of camera_object, which looks as camera does."""
    from ...inference.photo.distortion import straightened

    distortion = distortion_of(camera_object, camera.focal)
    return straightened(photo, camera.K, distortion) if distortion.any() else photo


def box_of(camera_object: bpy.types.Object, camera: Camera) -> tuple[float, ...]:
    """Of the object in `photo_of`, whose camera this is; zeros where none is known."""
    from ...inference.photo.distortion import straight_box

    box = tuple(camera_object.data.photo_pose.box)
    distortion = distortion_of(camera_object, camera.focal)
    return tuple(straight_box(Box(*box), camera.K, distortion)) if any(box) and distortion.any() else box


def show_straight(
    camera_object: bpy.types.Object, photo: Photo, camera: Camera, distortion: Distortion | None = None
) -> None:
    """Lays the photo over the view of camera_object, which looks as camera does, without the distortion of its lens;
    as it is where that is None. It stays among the camera's background images, hidden."""
    match = camera_object.data.photo_pose
    match.distortion = distortion.coefficients if distortion else (0.0, 0.0)
    match.distortion_deviation, match.distortion_focal = distortion.deviation if distortion else 0.0, camera.focal
    cameras.show_photo(camera_object, photo)
    if any(match.distortion):
        cameras.show_photo(camera_object, as_seen(photo, camera_object, camera))


def standing(current: bpy.types.Scene, camera_object: bpy.types.Object) -> bpy.types.PropertyGroup | None:
    """That of the poses which its match keeps that the camera has, a PhotoPoseCandidate; None where it has another."""
    match = camera_object.data.photo_pose
    if not match.candidates:
        return None
    try:
        camera, orthographic = cameras.as_it_stands(current, camera_object, tuple(match.size))
    except PoseError:  # it sees no photo any more
        return None
    (fx, _, cx), (_, fy, cy), _ = camera.K.tolist()
    matrix = blender_axes(camera.camera_to_world).ravel().tolist()
    alike = (item for item in _kept(match) if item.orthographic == orthographic)
    return next((item for item in alike if _has(item, matrix, [fx, fy, cx, cy])), None)


def lens_of(match: bpy.types.PropertyGroup, focal: float) -> Lens:
    """What is known of the lens of a matched camera with this focal length, px: as of the kept pose that has it; where
    none has, somebody set it."""
    alike = (read_lens(item) for item in _kept(match) if isclose(item.focal, focal, rel_tol=NEAR))
    return next(alike, Lens(focal, 0.0))


def is_sure(current: bpy.types.Scene, camera_object: bpy.types.Object) -> bool:
    """Whether the match's confidence, which is about its best candidate, holds of the camera."""
    now = standing(current, camera_object)
    return now is not None and now == camera_object.data.photo_pose.candidates[0]


def keep_score(
    current: bpy.types.Scene,
    model: bpy.types.Object,
    camera: Camera,
    sphere: Sphere,
    score: float | None = None,
    lens: Lens | None = None,
) -> None:
    """Writes down that the active camera, if it was matched, sees the model as camera does.

    score: if it was measured, comparable with its candidates'; lens: if it is another than before.
    """
    match = current.camera.data.photo_pose
    if match.candidates:
        lens = lens or lens_of(match, camera.focal)
        if score is not None:
            write_pose(match.adjusted, model, camera, sphere)
            write_distortion(match.adjusted, current.camera)
            write_lens(match.adjusted, lens)
            match.adjusted.score = score
        tell(current, model, camera, sphere, lens, score or 0.0)


def known_score(current: bpy.types.Scene, camera_object: bpy.types.Object) -> float | None:
    """Of a matched camera as it stands now, None where nobody has measured it."""
    now = standing(current, camera_object)
    return now.score if now and now.score else None


def _kept(match: bpy.types.PropertyGroup) -> Iterator[bpy.types.PropertyGroup]:
    return (item for item in (*match.candidates, match.adjusted, *match.snapshots) if item.model)


def _has(item: bpy.types.PropertyGroup, matrix: list[float], K: list[float]) -> bool:
    """Whether a PhotoPoseCandidate has a camera's world matrix (16) and fx, fy, cx, cy; asked at every redraw."""
    placed = all(abs(one - other) <= NEAR + NEAR * abs(other) for one, other in zip(item.matrix, matrix, strict=True))
    kept, units = (item.focal, item.focal, *item.principal_point), (item.focal, item.focal, max(K), max(K))
    numbers = zip(kept, K, units, strict=True)
    return placed and all(abs(one - other) <= NEAR * unit for one, other, unit in numbers)


def _told(camera_object: bpy.types.Object) -> str:
    current = bpy.context.scene
    candidates = [*camera_object.data.photo_pose.candidates] if camera_object.type == "CAMERA" else []
    now = standing(current, camera_object) if candidates else None
    if not candidates or now == candidates[0]:
        return ""
    if now in candidates:
        told = rpt_("Candidate {number}: score {score:.2f}, the best candidate's is {best:.2f}")
    elif now and now.score:
        told = rpt_("Adjusted since the match: score {score:.2f}, the best candidate's is {best:.2f}")
    else:
        told = rpt_("Adjusted since the match: not scored, the best candidate's is {best:.2f}")
    number, score = candidates.index(now) + 1 if now in candidates else 0, now.score if now else 0.0
    return told.format(number=number, score=score, best=candidates[0].score)


def register() -> None:
    bpy.types.Object.photo_pose_adjusted = StringProperty(
        name="Adjusted", get=_told, description="What a matched camera has instead of the best candidate's pose"
    )


def unregister() -> None:
    del bpy.types.Object.photo_pose_adjusted


def note(current: bpy.types.Scene, path: str | Path, camera: bpy.types.Object, message: str) -> None:
    """Writes down that the photo was matched, if it is listed."""
    for item in current.photo_pose.photos:
        if located(item.path) == located(path):
            item.camera, item.state, item.message = camera, "MATCHED", message
