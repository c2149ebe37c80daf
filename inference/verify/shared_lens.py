"""Several photos that one lens took: its focal length, found together with all their poses."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np

from ..geometry import Camera
from ..photo.distortion import Distortion
from ..photo.focal_length import (
    DIFFERENT,
    EXACT,
    FULL_FRAME,
    LENSES,
    SPREAD,
    SYSTEMATIC,
    Lens,
    LensEvidence,
    likeliest,
    likelihood_of,
)
from ..photo.plumb_lines import USUAL, PlumbLines
from ..pose.alignment import DistortionPrior, LensPrior, Locks, PrincipalPointPrior, Term, minimise
from ..pose.bundle import minimise_together
from ..pose.pose import STRAIGHT, Pose, relative
from ..search.start_poses import PhotoCrops, Start, Target
from ..steps import Steps, shares
from .flow_alignment import seen_at, seen_terms
from .lens import INDEPENDENT, with_focal
from .refinement import POINT_DEVIATION, Renderer, See, Verified
from .straightening import K2_DEVIATION

ONLY_FOCAL = Locks(lens=False)
ROUNDS = 3  # of looking at all photos with the lens that the round before found


class Sight(NamedTuple):
    """A photo, the target that it shows, the camera in the world that sees it about so, and what the photo says of its
    lens. through: its crops, straightened by k1 and k2, for a camera whose intrinsics are K (3, 3); lines: what edges
    that should be straight say of these."""

    through: Callable[[np.ndarray, np.ndarray], PhotoCrops]
    target: Target
    camera: Camera
    evidence: LensEvidence
    lines: PlumbLines | None = None


class SharedLens(NamedTuple):
    """A lens, its focal length in mm on a sensor FULL_FRAME wide; its distortion, where that was asked for; and for
    each photo its crops and what is seen in them."""

    lens: Lens
    distortion: Distortion | None
    seen: list[tuple[PhotoCrops, Verified]]


def share_lens(
    sights: Sequence[Sight], others: Sequence[LensEvidence], renderer: Renderer, see: See, locks: Locks = ONLY_FOCAL
) -> Steps[SharedLens | None]:
    """The one lens of all photos, and their poses with it, by one least-squares problem; None where none tells it.

    others: what further photos say. locks: whether principal point and distortion are free, too, and the same in all
    photos; a distortion that nothing tells stays out. A photo whose own perspective tells another lens than all
    together has no say.
    """
    evidence = [*(sight.evidence for sight in sights), *others]
    lens = likeliest(evidence)
    if not lens.by:
        return None
    beside = likeliest([one._replace(perspective=np.zeros(len(LENSES))) for one in evidence])
    having_say = [likelihood_of(lens.focal, one.perspective) > DIFFERENT for one in evidence[: len(sights)]]
    poses = [with_focal(relative(one.camera, one.target.sphere), lens.focal * _mm(one)) for one in sights]
    bent = Distortion(np.zeros(2), np.inf)
    for _round, (begins, ends) in shares(range(ROUNDS + 1)):
        seen: list[tuple[PhotoCrops, Verified]] = []
        for (sight, pose), (_began, done) in shares(list(zip(sights, poses, strict=True)), begins, ends):
            crops = sight.through(pose.K, bent.coefficients)
            seen.append((crops, (yield from seen_at(crops, Start(sight.target, pose, 0.0), renderer, see))))
            yield done
        if _round == ROUNDS:
            break
        terms = [_terms(*one) for one in seen]
        asked = [number for number, fits in enumerate(having_say) if fits and len(terms[number]) > 1]
        if asked:
            terms[asked[0]] += _prior(sights[asked[0]], beside, locks)
            terms[asked[0]] += [] if locks.distortion else [_straight_lines(sights, bent.coefficients)]
        poses, lens, bent = _moved(sights, terms, poses, asked, lens, bent, locks)
    if locks.distortion or bent.told:
        return SharedLens(lens, None if locks.distortion else bent, seen)
    return (yield from share_lens(sights, others, renderer, see, locks._replace(distortion=True)))


def _mm(sight: Sight) -> float:
    """px."""
    return max(sight.camera.size) / FULL_FRAME


def _terms(crops: PhotoCrops, one: Verified) -> list[Term]:
    return [*seen_terms(one, one.seen), crops.box_term(one.closeup.start.target.index.templates.outline)]


def _prior(sight: Sight, beside: Lens, locks: Locks) -> list[Term]:
    """What is known of the lens but for the model's perspective, in the photo's pixels."""
    camera, weight = sight.camera, 1 / INDEPENDENT
    terms: list[Term] = [LensPrior(np.log(beside.focal * _mm(sight)), max(beside.deviation, EXACT), weight)]
    if not locks.principal_point:
        terms.append(PrincipalPointPrior(camera.K[:2, 2], POINT_DEVIATION * max(camera.size), weight))
    return terms


def _straight_lines(sights: Sequence[Sight], coefficients: np.ndarray) -> DistortionPrior:
    """What the photos' edges say of the distortion that is left."""
    told = [(sight.lines.k1, sight.lines.deviation) for sight in sights if sight.lines]
    k1, deviation = np.array([*told, (0.0, USUAL)]).T
    information = (deviation**-2).sum()
    center = np.array([(k1 / deviation**2).sum() / information, 0.0]) - coefficients
    return DistortionPrior(center, np.diag([information, K2_DEVIATION**-2]), 1 / INDEPENDENT)


def _moved(
    sights: Sequence[Sight],
    terms: Sequence[list[Term]],
    poses: Sequence[Pose],
    asked: Sequence[int],
    lens: Lens,
    bent: Distortion,
    locks: Locks,
) -> tuple[list[Pose], Lens, Distortion]:
    """The poses of the photos that are asked at the lowest sum of their terms, and those of the others with the lens
    that these tell."""
    moved = list(poses)
    if asked:
        some = [terms[number] for number in asked]
        found, covariance = minimise_together(some, [poses[number] for number in asked], locks)
        for number, pose in zip(asked, found, strict=True):
            moved[number] = pose._replace(distortion=STRAIGHT)
        if not locks.distortion:
            deviation = np.sqrt(covariance[-2, -2] / INDEPENDENT)  # of k1, which with k2 comes last
            bent = Distortion(bent.coefficients + found[0].distortion, float(deviation))
        focal = found[0].K[0, 0] / _mm(sights[asked[0]])
        deviation = np.hypot(np.sqrt(covariance[0, 0] / INDEPENDENT), SYSTEMATIC)
        lens = lens._replace(focal=float(focal), deviation=min(float(deviation), SPREAD))
    for number in range(len(sights)):
        if number not in asked:
            moved[number], _cost = minimise(terms[number], with_focal(poses[number], lens.focal * _mm(sights[number])))
    return moved, lens, bent
