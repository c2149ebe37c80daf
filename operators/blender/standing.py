"""What is known of a matched camera as it stands now, for it may have been moved since the match."""

from __future__ import annotations

from collections.abc import Iterator
from math import isclose

import bpy
from bpy.app.translations import pgettext_rpt as rpt_
from bpy.props import StringProperty

from ...inference.errors import PoseError
from ...inference.geometry import Camera, Sphere, blender_axes
from . import cameras
from .match_record import tell, write_pose

NEAR = 1e-4  # of a camera's numbers; Blender rounds less than that


def standing(current: bpy.types.Scene, camera_object: bpy.types.Object) -> bpy.types.PropertyGroup | None:
    """That of the poses which its match keeps that the camera has, a PhotoPoseCandidate; None where it has another."""
    match = camera_object.data.photo_pose
    if not match.candidates:
        return None
    try:
        camera = cameras.read_camera(current, camera_object, tuple(match.size))
    except PoseError:  # it sees no photo any more
        return None
    (fx, _, cx), (_, fy, cy), _ = camera.K.tolist()
    matrix = blender_axes(camera.camera_to_world).ravel().tolist()
    return next((item for item in _kept(match) if _has(item, matrix, [fx, fy, cx, cy])), None)


def lens_deviation(match: bpy.types.PropertyGroup, focal: float) -> float:
    """Of a matched camera with this focal length, px: as that of the kept pose that has it; 0 where none has, for then
    somebody set it."""
    return next((item.lens_deviation for item in _kept(match) if isclose(item.focal, focal, rel_tol=NEAR)), 0.0)


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
    deviation: float | None = None,
) -> None:
    """Writes down that the active camera, if it was matched, sees the model as camera does.

    score: if it was measured, comparable with its candidates'; deviation: of its lens, if that is another than before.
    """
    match = current.camera.data.photo_pose
    if match.candidates:
        deviation = lens_deviation(match, camera.focal) if deviation is None else deviation
        if score is not None:
            write_pose(match.adjusted, model, camera, sphere)
            match.adjusted.score, match.adjusted.lens_deviation = score, deviation
        tell(current, model, camera, sphere, score or 0.0, deviation)


def known_score(current: bpy.types.Scene, camera_object: bpy.types.Object) -> float | None:
    """Of a matched camera as it stands now, None where nobody has measured it."""
    now = standing(current, camera_object)
    return now.score if now and now.score else None


def _kept(match: bpy.types.PropertyGroup) -> Iterator[bpy.types.PropertyGroup]:
    return (item for item in (*match.candidates, match.adjusted, *match.snapshots) if item.model)


def _has(item: bpy.types.PropertyGroup, matrix: list[float], K: list[float]) -> bool:
    """Whether a PhotoPoseCandidate has a camera's world matrix (16) and fx, fy, cx, cy; asked at every redraw."""
    placed = all(abs(one - other) <= NEAR + NEAR * abs(other) for one, other in zip(item.matrix, matrix, strict=True))
    kept = item.focal, item.focal, *item.principal_point
    return placed and all(abs(one - other) <= NEAR * item.focal for one, other in zip(kept, K, strict=True))


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
