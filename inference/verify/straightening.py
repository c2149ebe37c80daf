"""A lens that bends straight lines: its distortion is found together with the pose, in the photo that is straightened
by what is known of it so far; straighten, look, move, again, until nothing moves."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from ..geometry import Camera
from ..photo.distortion import NOTICED, Distortion, displacement
from ..photo.plumb_lines import USUAL, PlumbLines
from ..pose.alignment import DistortionPrior, Locks, covariance
from ..pose.pose import STRAIGHT, Pose, placed
from ..search.start_poses import PhotoCrops, Target
from ..steps import Steps, shares, within
from .candidates import Candidate, improve, judge
from .flow_alignment import follow_flow, holding_terms
from .refinement import LENS_DEVIATION, Renderer, See, Verified, look_closely, verify

# By judgement where nothing is said; `python -m benchmark.distortion` measures what they give together
ROUNDS = 5  # at most, of straightening the photo: three are usual
# Of a log-likelihood in the terms' costs: what the network sees of a model is worth so many independent points, its
# errors being alike nearby. Chosen so that the deviations are right on the benchmark
EVIDENCE = 1 / 80
SIGNIFICANT = 2.0  # deviations of k1: less is found by chance
K2_DEVIATION = 0.05  # of k2, which lenses of phones and action cameras have

Through = Callable[[np.ndarray, np.ndarray, DistortionPrior], PhotoCrops]  # by K (3, 3), k1 and k2, and what is left


def improve_straightened(
    through: Through,
    lines: PlumbLines | None,
    known: np.ndarray,
    target: Target,
    camera: Camera,
    renderer: Renderer,
    see: See,
    locks: Locks,
) -> Steps[tuple[Candidate, Candidate]]:
    """`improve`, with the lens's distortion free; the second candidate tells it.

    through: the crops of the photo as it is without a distortion; known (2,): that by which camera sees it now; lines:
    what the photo's own lines tell. Where neither they nor the model tell the distortion, it stays as known.
    """
    k1, deviation = (lines.k1, lines.deviation) if lines else (0.0, USUAL)
    prior = DistortionPrior(np.array([k1, 0.0]), np.diag(np.array([deviation, K2_DEVIATION]) ** -2.0), EVIDENCE)
    before = yield from within(judge(through(camera.K, known, prior), target, camera, renderer, see), 0.0, 0.1)
    steps = _found(through, prior, known, before, renderer, see, locks)
    pose, found = yield from within(steps, 0.1, 0.7)
    if _noticed(found, known, pose.K, camera.size):
        crops = through(pose.K, found.coefficients, prior)
        start = placed(crops.camera, pose, target.sphere)
    else:
        crops, found, start = through(camera.K, known, prior), found._replace(coefficients=known), camera
    held = locks._replace(distortion=True)
    _first, last = yield from within(improve(crops, target, start, renderer, see, held), 0.7, 1.0)
    first = Candidate(target.name, camera, before.score, agreement=before.agreement)
    if last.camera.focal != camera.focal:
        last = last._replace(lens_deviation=LENS_DEVIATION)
    return first, last._replace(distortion=found)


def _noticed(found: Distortion, known: np.ndarray, K: np.ndarray, size: tuple[int, int]) -> bool:
    """Whether it is another distortion than the known one, (2,), as far as anybody can tell and see."""
    change = found.coefficients - known
    surely = found.told and abs(change[0]) > SIGNIFICANT * found.deviation
    return bool(surely and displacement(K, change, size) > NOTICED)


def _found(
    through: Through,
    prior: DistortionPrior,
    known: np.ndarray,
    one: Verified,
    renderer: Renderer,
    see: See,
    locks: Locks,
) -> Steps[tuple[Pose, Distortion]]:
    """The pose in the photo that is straightened by the distortion, and that."""
    pose, start, coefficients = one.closeup.pose, one.closeup.start, known
    deviation = np.inf
    for _round, part in shares(range(ROUNDS)):
        left = prior._replace(center=prior.center - coefficients)
        crops = through(pose.K, coefficients, left)
        (one,) = yield from verify(crops, look_closely(crops, [start], [pose]), renderer)
        one = yield from within(follow_flow(crops, one, renderer, see, locks), *part)
        found = one.closeup.pose
        terms = holding_terms(crops, one, see, locks)
        deviation = float(np.sqrt(EVIDENCE * covariance(terms, found, locks)[9, 9]))
        coefficients, pose = coefficients + found.distortion, found._replace(distortion=STRAIGHT)
        if displacement(pose.K, found.distortion, crops.camera.size) < NOTICED:
            break
    return pose, Distortion(coefficients, deviation)
