"""The focal length of a photo that does not tell it: what a rendered model's perspective says."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import NamedTuple

import numpy as np

from ..errors import PoseError
from ..geometry import Box, Camera, Sphere, turn_between
from ..photo.focal_length import SPREAD, Focal, is_guess
from ..pose.alignment import feature_terms
from ..pose.pose import Pose
from ..search.start_poses import PhotoCrops
from ..steps import Steps, within
from .refinement import Renderer, Verified, aligned, look_closely, refine_verified, verify

# By judgement; `python -m benchmark.accuracy --variants "unknown focal"` measures what they give together
LENSES = np.array([22, 30, 40, 54, 73, 98])  # mm on a sensor 36 mm wide, tried one after the other
USUAL = 40.0  # mm, of the prior, whose deviation is SPREAD: between a phone's and a zoom's
COST_WEIGHT = 2.0  # of alignment's costs against the score: without them the focal length was 29 % off, with them 18 %
FIT_DEVIATION = 0.05  # of log focal length, which no fit goes below: chosen on photos of textured models
POLISHING = 2  # rounds of refinement with the focal length that is found


class Trust(NamedTuple):
    """How far quality is to be trusted. prior: weight of a squared deviation, half of it, against quality; sharpness:
    by how much worse than the best a focal length counts in the fit half as much; noise: what tells nothing."""

    prior: float
    sharpness: float
    noise: float


# Chosen on real photos of textured models, and on the rendered benchmark's tuning half, whose models are mostly plain.
TEXTURED, PLAIN = Trust(0.005, 0.015, 0.01), Trust(0.08, 0.2, 0.05)


class Lens(NamedTuple):
    """Focal length, px, and the standard deviation of its logarithm."""

    focal: float
    deviation: float


def find_lens(crops: PhotoCrops, verified: Verified, renderer: Renderer) -> Steps[tuple[Verified, Lens]]:
    """Tries several focal lengths for one candidate, aligns it with each, and fits a parabola to how well they do.

    Perspective tells focal length from distance only where the object is near and the lens is wide: the prior
    decides the rest, and the deviation says so. So does what is known of the lens, as far as it is not in doubt.
    """
    sensor = max(crops.camera.size) / 36
    parts = pairwise(np.linspace(0, 1, len(LENSES) + 1 + POLISHING + 1))
    tried: list[Verified] = []
    for focal in LENSES * sensor:
        tried.append((yield from within(_with_lens(crops, verified, focal, renderer), *next(parts))))
    trust = TEXTURED if verified.details[0].textured else PLAIN
    quality = np.array([_quality(one) for one in tried]) - trust.prior * (np.log(LENSES / USUAL) / SPREAD) ** 2 / 2
    fitted = fitted_lens(np.log(LENSES * sensor), quality, trust)
    fitted = fitted._replace(deviation=min(float(np.hypot(fitted.deviation, FIT_DEVIATION)), SPREAD))
    lens = weighed(fitted, crops.lens, USUAL * sensor)
    nearest = tried[int(np.abs(np.log(LENSES * sensor / lens.focal)).argmin())]
    found = yield from within(_with_lens(crops, nearest, lens.focal, renderer), *next(parts))
    for part in parts:
        (found,) = yield from within(refine_verified(crops, [found], renderer), *part)
    start = found.closeup.start._replace(lens_deviation=lens.deviation)
    return found._replace(closeup=found.closeup._replace(start=start)), lens


def fitted_lens(logs: np.ndarray, quality: np.ndarray, trust: Trust) -> Lens:
    """Peak of a parabola through the best of quality (N,) at log focal lengths (N,), and its width.

    Quality is infinitely low where a part of the model would lie behind the camera: that tells nothing. The best one's
    neighbours count in full: between them lies the peak, however much worse they are.
    """
    if np.isfinite(quality).sum() < 3:
        return Lens(float(np.exp(logs[int(quality.argmax())])), SPREAD)
    logs, quality = logs[np.isfinite(quality)], quality[np.isfinite(quality)]
    weight, best = np.exp((quality - quality.max()) / trust.sharpness / 2), int(quality.argmax())
    weight[max(best - 1, 0) : best + 2] = 1.0
    curvature, slope, _ = np.polyfit(logs, quality, 2, w=weight)
    peak = -slope / 2 / curvature if curvature < 0 else logs[best]
    deviation = min(np.sqrt(trust.noise / 2 / max(-curvature, 1e-9)), SPREAD)
    if not logs[0] < peak < logs[-1]:  # somewhere beyond
        deviation = SPREAD
    return Lens(float(np.exp(np.clip(peak, logs[0], logs[-1]))), float(deviation))


def weighed(found: Lens, known: Focal, usual: float) -> Lens:
    """A focal length found by perspective, with the prior around the usual one, against one that may be known.

    Either the known one is right, and both are taken together, or all of it is wrong; the deviation counts both. The
    data's odds for it are those of the density at it after and before they were seen (Dickey 1971).
    """
    off = np.log(known.focal / found.focal)
    after = _normal(off, np.hypot(found.deviation, known.deviation))
    before = _normal(np.log(known.focal / usual), np.hypot(SPREAD, known.deviation))
    right, wrong = (1 - known.doubt) * after, known.doubt * before
    if not right:
        return found
    variances = np.array([found.deviation, known.deviation]) ** 2
    both = Lens(float(found.focal * np.exp(off * variances[0] / variances.sum())), 1 / np.sqrt((1 / variances).sum()))
    best = both if right > wrong else found
    shares = np.array([right, wrong]) / (right + wrong)
    spread = [one.deviation**2 + np.log(one.focal / best.focal) ** 2 for one in (both, found)]
    return Lens(best.focal, float(np.sqrt(shares @ spread)))


def _normal(away: float, deviation: float) -> float:
    return float(np.exp(-((away / deviation) ** 2) / 2) / deviation)


def shared(lenses: Sequence[Lens]) -> Lens | None:
    """The one of several photos: given ones (deviation 0) decide alone; of others it is the median, each weighted by
    1 / deviation^2, where guesses do not count; None where all are guesses. Focal lengths in the same unit."""
    known = sorted(one for one in lenses if not is_guess(one.deviation))
    known = [one for one in known if one.deviation == 0] or known
    if not known:
        return None
    focals, deviations = np.array(known, float).T
    weights = deviations**-2 if deviations.all() else np.ones(len(known))
    below = weights.cumsum() - weights / 2
    focal = np.exp(np.interp(weights.sum() / 2, below, np.log(focals)))
    return Lens(float(focal), float(weights.sum() ** -0.5) if deviations.all() else 0.0)


def with_focal(pose: Pose, focal: float) -> Pose:
    """The pose with another focal length, px: the model is as large, as far off-centre and seen from the same side.

    This is perspective strength: a short focal length from near by, or a long one from far away.
    """
    factor = focal / pose.K[0, 0]
    K = pose.K.copy()
    K[[0, 1], [0, 1]] *= factor
    translation = pose.translation * [1, 1, factor]
    return Pose(turn_between(pose.translation, translation) @ pose.rotation, translation, K)


def _with_lens(crops: PhotoCrops, verified: Verified, focal: float, renderer: Renderer) -> Steps[Verified]:
    start = verified.closeup.start
    start = start._replace(pose=with_focal(start.pose, focal))
    (closeup,) = look_closely(crops, [start], [with_focal(verified.closeup.pose, focal)])
    (closeup,) = look_closely(crops, [start], [aligned(crops, closeup, closeup.nearest)])
    (found,) = yield from verify(crops, [closeup], renderer)
    return found


def _quality(verified: Verified) -> float:
    """The score, and how well features agree where they should, at the coarsest and the finest stage."""
    closeup = verified.closeup
    whitening = closeup.start.target.index.whitening
    terms = feature_terms(whitening, [verified.shown], closeup.view, closeup.features, closeup.pose.K)
    return verified.score - COST_WEIGHT * sum(term(closeup.pose).cost for term in terms[:1] + terms[-1:])


def strengthened(camera: Camera, strength: float, sphere: Sphere, vertices: np.ndarray) -> Camera:
    """camera, in the world, with its focal length divided by strength, from where the model fills as large a box.

    sphere and vertices (N, 3), in the world, are the model's; PoseError where some of it is not in front.
    """
    if camera.to_camera(vertices)[:, 2].min() <= 0:
        raise PoseError("The camera stands inside the model.")
    from ..pose.pose import placed, relative
    from ..search.start_poses import start_pose
    from ..views.templates import extreme_points

    pose = with_focal(relative(camera, sphere), camera.focal / strength)
    through = Camera(pose.K, np.eye(4), camera.size)
    box = Box.around(camera.project(vertices))
    outline = extreme_points((vertices - sphere.center) / sphere.radius)
    return placed(through, start_pose(through, box, outline, pose.rotation), sphere)
