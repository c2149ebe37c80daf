"""What the user is told of a match, in words."""

from __future__ import annotations

from math import degrees
from typing import TYPE_CHECKING

import bpy
from bpy.app.translations import pgettext_rpt as rpt_

from ...inference.geometry import Camera, Sphere, seen_from
from ...inference.photo.focal_length import EXIF, LINES, OBJECT, Lens, equivalent, field_of_view, is_guess
from .models import key_of

if TYPE_CHECKING:
    from ...inference.photo.distortion import Distortion
    from ...inference.verify.candidates import Candidate

OVER = 45.0  # degrees of roll or elevation beyond which nobody photographs what stands; from above, roll says nothing


def sight(model: str, camera: Camera, sphere: Sphere, data: bpy.types.Camera, sure: str = "") -> str:
    """How camera, whose data in the scene these are, sees the model of this name, for the user: parts separated by
    commas. sure: how sure its focal length is, as a text."""
    angles = seen_from(camera, sphere)
    if data.type == "ORTHO":
        told = rpt_("{name}: azimuth {azimuth:.1f}°, elevation {elevation:.1f}°, orthographic, scale {scale:.3g}")
        return told.format(name=model, scale=data.ortho_scale, **angles._asdict())
    told = rpt_(
        "{name}: azimuth {azimuth:.1f}°, elevation {elevation:.1f}°, distance {distance:.3g}, lens {lens:.1f} mm"
    ).format(name=model, lens=data.lens, **angles._asdict())
    shown = rpt_(", 35 mm equivalent {equivalent:.0f} mm, {wide:.0f}° wide").format(
        equivalent=equivalent(camera), wide=degrees(field_of_view(camera))
    )
    return told + sure + shown


def known_sight(model: str, camera: Camera, sphere: Sphere, data: bpy.types.Camera, lens: Lens) -> str:
    """`sight` with how far the lens is known and what tells it."""
    if data.type == "ORTHO":
        return sight(model, camera, sphere, data)
    sure = f" ± {100 * lens.deviation:.0f} %" if lens.deviation else ""
    if is_guess(lens.deviation):
        sure = rpt_(" (guessed)")
    differ = f", {other_lens()}" if lens.lines_differ else ""
    return sight(model, camera, sphere, data, sure) + _source(lens) + differ


def _source(lens: Lens) -> str:
    if not lens.deviation:
        return rpt_(", lens as given")
    if is_guess(lens.deviation):
        return ""
    names = {EXIF: rpt_("EXIF data"), OBJECT: rpt_("the object's perspective"), LINES: rpt_("the photo's lines")}
    sources = " + ".join(names[kind] for kind in lens.by)
    return rpt_(", lens by {sources}").format(sources=sources) if sources else rpt_(", lens hardly more than guessed")


def other_lens() -> str:
    """Of a photo whose lines differ."""
    return rpt_("The photo's lines tell another lens: is it a collage or its background another photo?")


def lies(camera: Camera, sphere: Sphere) -> bool:
    """Whether a photo by this camera, unless it is turned, shows the model lying on its back, a side or its top."""
    seen = seen_from(camera, sphere)
    return seen.elevation < -OVER or (abs(seen.roll) > OVER and seen.elevation < OVER)


def new_camera(active: bpy.types.Object, why: str, made: bpy.types.Object) -> str:
    """Of a match that has passed over the active camera."""
    told = rpt_("{camera} is {why} and stays as it is: {name} is a new camera")
    return told.format(camera=active.name, why=rpt_(why), name=made.name)


def summary(candidate: Candidate, sphere: Sphere, data: bpy.types.Camera) -> str:
    """What the user is told of a match, whose camera has these data: parts separated by commas."""
    seen = known_sight(candidate.model, candidate.camera, sphere, data, candidate.known_lens)
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
    lens: Lens,
    score: float = 0.0,
) -> None:
    """The panel's lines about the last match: how camera, which is the active one's, sees the model.

    score: when there is one.
    """

    match = current.camera.data.photo_pose
    told = known_sight(key_of(model), camera, sphere, current.camera.data, lens)
    told += _bent(match.distortion[0], match.distortion_deviation) if any(match.distortion) else ""
    current.photo_pose.result = told + (rpt_(", score {score:.2f}").format(score=score) if score else "")
