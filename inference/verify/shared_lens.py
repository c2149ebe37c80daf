"""Several photos that one lens took: its focal length, found together with all their poses."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from ..geometry import Camera
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
from ..pose.alignment import LensPrior, Locks, PrincipalPointPrior, Term, minimise
from ..pose.bundle import minimise_together
from ..pose.pose import Pose, relative
from ..search.start_poses import PhotoCrops, Start, Target
from ..steps import Steps, shares
from .flow_alignment import judged, seen_terms
from .lens import INDEPENDENT, with_focal
from .refinement import POINT_DEVIATION, Renderer, See, Verified, look_closely, verify

ROUNDS = 3  # of looking at all photos with the lens that the round before found


class Sight(NamedTuple):
    """A photo, the target that it shows, the camera in the world that sees it about so, and what the photo says of its
    lens."""

    crops: PhotoCrops
    target: Target
    camera: Camera
    evidence: LensEvidence


def share_lens(
    sights: Sequence[Sight],
    others: Sequence[LensEvidence],
    renderer: Renderer,
    see: See,
    principal_point: bool = False,
) -> Steps[tuple[Lens, list[Verified]] | None]:
    """The one lens of all photos, its focal length in mm on a sensor FULL_FRAME wide, and what is seen with it in each,
    by one least-squares problem; None where no photo tells it.

    others: what further photos say. principal_point: whether that is free, too, and the same in all photos. A photo
    whose own perspective tells another lens than all together has no say.
    """
    evidence = [*(sight.evidence for sight in sights), *others]
    lens = likeliest(evidence)
    if not lens.by:
        return None
    locks = Locks(lens=False, principal_point=not principal_point)
    beside = likeliest([one._replace(perspective=np.zeros(len(LENSES))) for one in evidence])
    having_say = [likelihood_of(lens.focal, one.perspective) > DIFFERENT for one in evidence[: len(sights)]]
    poses = [with_focal(relative(one.camera, one.target.sphere), lens.focal * _mm(one)) for one in sights]
    for _round, (begins, ends) in shares(range(ROUNDS)):
        seen = []
        for (sight, pose), (_began, done) in shares(list(zip(sights, poses, strict=True)), begins, ends):
            seen.append((yield from _seen(sight, pose, renderer, see)))
            yield done
        terms = [_terms(*both) for both in zip(sights, seen, strict=True)]
        asked = [number for number, fits in enumerate(having_say) if fits and len(terms[number]) > 1]
        if asked:
            terms[asked[0]] += _prior(sights[asked[0]], beside, principal_point)
        poses, lens = _moved(sights, terms, poses, asked, lens, locks)
    found = []
    for sight, pose in zip(sights, poses, strict=True):
        found.append((yield from _seen(sight, pose, renderer, see)))
    return lens, found


def _mm(sight: Sight) -> float:
    """px."""
    return max(sight.crops.camera.size) / FULL_FRAME


def _seen(sight: Sight, pose: Pose, renderer: Renderer, see: See) -> Steps[Verified]:
    closeups = look_closely(sight.crops, [Start(sight.target, pose, 0.0)], [pose])
    (one,) = yield from verify(sight.crops, closeups, renderer)
    return judged(one, see)


def _terms(sight: Sight, one: Verified) -> list[Term]:
    return [*seen_terms(one, one.seen), sight.crops.box_term(sight.target.index.templates.outline)]


def _prior(sight: Sight, beside: Lens, principal_point: bool) -> list[Term]:
    """What is known of the lens but for the model's perspective, in the first photo's pixels."""
    camera, weight = sight.crops.camera, 1 / INDEPENDENT
    terms: list[Term] = [LensPrior(np.log(beside.focal * _mm(sight)), max(beside.deviation, EXACT), weight)]
    if principal_point:
        terms.append(PrincipalPointPrior(camera.K[:2, 2], POINT_DEVIATION * max(camera.size), weight))
    return terms


def _moved(
    sights: Sequence[Sight],
    terms: Sequence[list[Term]],
    poses: Sequence[Pose],
    asked: Sequence[int],
    lens: Lens,
    locks: Locks,
) -> tuple[list[Pose], Lens]:
    """The poses of the photos that are asked at the lowest sum of their terms, and those of the others with the lens
    that these tell."""
    moved = list(poses)
    if asked:
        some = [terms[number] for number in asked]
        found, covariance = minimise_together(some, [poses[number] for number in asked], locks)
        for number, pose in zip(asked, found, strict=True):
            moved[number] = pose
        focal = found[0].K[0, 0] / _mm(sights[asked[0]])
        deviation = np.hypot(np.sqrt(covariance[0, 0] / INDEPENDENT), SYSTEMATIC)
        lens = lens._replace(focal=float(focal), deviation=min(float(deviation), SPREAD))
    for number in range(len(sights)):
        if number not in asked:
            moved[number], _cost = minimise(terms[number], with_focal(poses[number], lens.focal * _mm(sights[number])))
    return moved, lens
