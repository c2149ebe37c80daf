"""From start poses to ranked candidates: the stages of the work after retrieval, one after the other."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from .alignment import FREE, Locks
from .contour import follow_edges
from .geometry import Camera
from .lens import find_lens
from .overlay import intersection_over_union
from .pose import Candidate, PhotoCrops, Start, Target, placed, relative
from .refinement import ROUNDS, Closeup, Renderer, Verified, approach, look_closely, refine, score, verify
from .retrieval import pooled, unit
from .silhouette import follow_found_mask, follow_given_mask
from .steps import Steps, within

SCORE_ODDS, LEAD_ODDS, ODDS = 3.1, 5.0, -2.3  # by benchmark.calibrate
LOCATED_ODDS = -2.5  # chosen on 69 real photos without their boxes, nine of which were matched wrongly
REFINED = 3  # of the verified: the others have hardly ever been the right ones
LEAD_LIMIT = 0.5  # of score: a larger lead says no more
RIVALS = 3  # next to the best, that are compared with it
ALIKE_FEATURES, ALIKE_SHAPES = 0.92, 0.6  # cosine and overlap of two views that look the same


class Stages(NamedTuple):
    """The parts of the work after retrieval; each can be switched off, to see what it brings."""

    align: bool = True  # to the training views
    verify: bool = True  # choose by rendering every candidate; the next ones need it
    refine: bool = True  # align to these renderings
    details: bool = True  # to their fine texture, too
    silhouette: bool = True  # move the best onto the object's mask and edges, all onto a mask that the user gives
    lens: bool = True  # find the focal length of a photo that does not tell it


ALL = Stages()


def find_candidates(
    crops: PhotoCrops,
    starts: Sequence[Start],
    renderer: Renderer,
    count: int = 6,
    stages: Stages = ALL,
    free_lens: bool = False,
) -> Steps[list[Candidate]]:
    """At most count poses for the starts, best first.

    With a free lens the camera's focal length is but a first guess.
    """
    closeups = yield from within(approach(crops, starts, count, ROUNDS if stages.align else 0), 0.0, 0.4)
    if not stages.verify:
        found = [_candidate(crops, closeup, score(crops, closeup, closeup.nearest[0])) for closeup in closeups]
        return sorted(found, key=lambda candidate: -candidate.score)
    verified = _ranked((yield from within(verify(crops, closeups, renderer), 0.4, 0.6)))
    if stages.refine:
        for count, start, end in ((REFINED, 0.6, 0.75), (1, 0.75, 0.8)):
            refined = yield from within(refine(crops, verified[:count], renderer, details=stages.details), start, end)
            verified = _ranked([*refined, *verified[count:]])
    deviation = 0.0
    if free_lens and stages.lens:
        found, lens = yield from within(find_lens(crops, verified[0], renderer), 0.8, 0.9)
        verified, deviation = _with_best(verified, found), lens.deviation
    if stages.silhouette:
        verified = yield from within(_follow_masks(crops, verified, renderer), 0.9, 0.95)
    alike = yield from within(_alike(crops, verified, renderer), 0.95, 1.0)
    found = [_candidate(crops, one.closeup, one.score) for one in verified]
    return [one._replace(lens_deviation=deviation, alike=same) for one, same in zip(found, alike, strict=True)]


def confidence(candidates: Sequence[Candidate], located: bool = False) -> float:
    """Probability, 0..1, that the first candidate's view is less than 10 degrees off; located: nobody gave the box.

    By logistic regression on its score and on its lead over the next one that looks different; fitted on real photos
    and the tuning half of the rendered benchmark (benchmark.calibrate), and only for verified candidates.
    """
    best, *others = candidates
    lead = min([LEAD_LIMIT, *(best.score - other.score for other in others if not other.alike)])
    odds = SCORE_ODDS * best.score + LEAD_ODDS * lead + ODDS + LOCATED_ODDS * located
    return probability(odds)


def probability(log_odds: float) -> float:
    """0..1: the logistic function, without overflow."""
    return float(1 + np.tanh(log_odds / 2)) / 2


def _alike(crops: PhotoCrops, ranked: Sequence[Verified], renderer: Renderer) -> Steps[list[bool]]:
    """Which of the verified, best first, show in the best one's crop what the best one shows."""
    best, *others = ranked
    asked = [
        one
        for one in others[:RIVALS]
        if one.score > best.score - LEAD_LIMIT and one.closeup.start.target is best.closeup.start.target
    ]
    closeups = [best.closeup._replace(pose=one.closeup.pose) for one in asked]
    views = (yield from verify(crops, closeups, renderer)) if closeups else []
    same = [one for one, view in zip(asked, views, strict=True) if _same_view(best, view)]
    return [any(one is other for other in same) for one in ranked]


def _same_view(first: Verified, second: Verified) -> bool:
    features = [unit(pooled(one.shown.features[None]))[0] for one in (first, second)]
    shapes = [one.alpha >= 128 for one in (first, second)]
    return bool(features[0] @ features[1] > ALIKE_FEATURES and intersection_over_union(*shapes) > ALIKE_SHAPES)


def judge(crops: PhotoCrops, target: Target, camera: Camera, renderer: Renderer) -> Steps[Verified]:
    """A camera of the world that sees the target; crops looks through the camera's intrinsics."""
    start = Start(target, relative(camera, target.sphere), 0.0)
    (seen,) = yield from verify(crops, look_closely(crops, [start], [start.pose]), renderer)
    return seen


def improve(
    crops: PhotoCrops, target: Target, camera: Camera, renderer: Renderer, locks: Locks = FREE
) -> Steps[tuple[Candidate, Candidate]]:
    """A camera of the world that already sees the target about right, before and after refinement.

    What locks names stays; where the score does not rise, all stays. crops looks through the camera's intrinsics.
    """
    after = before = yield from within(judge(crops, target, camera, renderer), 0.0, 0.2)
    for round_ in range(ROUNDS):
        part = 0.2 + 0.8 * round_ / ROUNDS, 0.2 + 0.8 * (round_ + 1) / ROUNDS
        (after,) = yield from within(refine(crops, [after], renderer, locks), *part)
    first, last = (_candidate(crops, one.closeup, one.score) for one in (before, after))
    return first._replace(camera=camera), last if after.score > before.score else first._replace(camera=camera)


def as_they_are(crops: PhotoCrops, starts: Sequence[Start], renderer: Renderer) -> Steps[list[Candidate]]:
    """Starts taken for the answer, in their order, with the scores of their renderings."""
    closeups = look_closely(crops, starts, [start.pose for start in starts])
    verified = yield from verify(crops, closeups, renderer)
    return [_candidate(crops, one.closeup, one.score) for one in verified]


def _ranked(verified: Sequence[Verified]) -> list[Verified]:
    return sorted(verified, key=lambda one: -one.score)


def _with_best(ranked: Sequence[Verified], found: Verified) -> list[Verified]:
    """found in the place of the best; it goes on being the best, for the others were judged without what it has."""
    best, *others = ranked
    return [found._replace(score=max(found.score, best.score)), *others]


def _follow_masks(crops: PhotoCrops, ranked: Sequence[Verified], renderer: Renderer) -> Steps[list[Verified]]:
    if crops.mask is None:
        found = yield from follow_found_mask(crops, ranked[0], renderer)
        return _with_best(ranked, (yield from follow_edges(crops, found, renderer)))
    followed = []
    for one in ranked:
        followed.append((yield from follow_given_mask(crops, one, renderer)))
    return _ranked(followed)


def _candidate(crops: PhotoCrops, closeup: Closeup, value: float) -> Candidate:
    target = closeup.start.target
    return Candidate(target.name, placed(crops.camera, closeup.pose, target.sphere), value)
