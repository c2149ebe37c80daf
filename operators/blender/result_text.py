"""What the user is told of a match, in words."""

from __future__ import annotations

from typing import TYPE_CHECKING

import bpy
from bpy.app.translations import pgettext_rpt as rpt_

from ...inference.geometry import Camera, Sphere, seen_from
from ...inference.photo.focal_length import is_guess
from .models import key_of

if TYPE_CHECKING:
    from ...inference.photo.distortion import Distortion
    from ...inference.verify.candidates import Candidate


def sight(model: str, camera: Camera, sphere: Sphere, data: bpy.types.Camera, lens_deviation: float = 0.0) -> str:
    """How camera, whose data in the scene these are, sees the model of this name, for the user: parts separated by
    commas."""
    angles = seen_from(camera, sphere)
    if data.type == "ORTHO":
        told = rpt_("{name}: azimuth {azimuth:.1f}°, elevation {elevation:.1f}°, orthographic, scale {scale:.3g}")
        return told.format(name=model, scale=data.ortho_scale, **angles._asdict())
    told = rpt_(
        "{name}: azimuth {azimuth:.1f}°, elevation {elevation:.1f}°, distance {distance:.3g}, lens {lens:.1f} mm"
    ).format(name=model, lens=data.lens, **angles._asdict())
    if is_guess(lens_deviation):
        return told + rpt_(" (guessed)")
    return told + (f" ± {100 * lens_deviation:.0f} %" if lens_deviation else "")


def summary(candidate: Candidate, sphere: Sphere, data: bpy.types.Camera) -> str:
    """What the user is told of a match, whose camera has these data: parts separated by commas."""
    seen = sight(candidate.model, candidate.camera, sphere, data, candidate.lens_deviation)
    return seen + distortion_told(candidate.distortion) + rpt_(", score {score:.2f}").format(score=candidate.score)


def distortion_told(found: Distortion | None) -> str:
    """What follows a comma, of a lens whose distortion was asked for."""
    if found is None:
        return ""
    if not found.told:
        return rpt_(", distortion not told")
    return _bent(found.coefficients[0], found.deviation)


def _bent(k1: float, deviation: float) -> str:
    return rpt_(", distortion {k1:.2f} ± {deviation:.2f}").format(k1=k1, deviation=deviation)


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

    match = current.camera.data.photo_pose
    told = sight(key_of(model), camera, sphere, current.camera.data, lens_deviation)
    told += _bent(match.distortion[0], match.distortion_deviation) if any(match.distortion) else ""
    current.photo_pose.result = told + (rpt_(", score {score:.2f}").format(score=score) if score else "")
