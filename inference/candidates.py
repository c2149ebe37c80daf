"""From start poses to ranked candidates: the stages of the work after retrieval, one after the other."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from .alignment import FREE, Locks
from .geometry import Camera
from .lens import find_lens
from .pose import Candidate, PhotoCrops, Start, Target, placed, relative
from .refinement import ROUNDS, Closeup, Renderer, Verified, approach, look_closely, refine, score, verify
from .silhouette import follow_found_mask, follow_given_mask
from .steps import Steps, within


class Stages(NamedTuple):
    """The parts of the work after retrieval; each can be switched off, to see what it brings."""

    align: bool = True  # to the training views
    verify: bool = True  # choose by rendering every candidate; the next ones need it
    refine: bool = True  # align to these renderings
    silhouette: bool = True  # move the best onto the object's mask, all when the user gives one
    lens: bool = True  # find the focal length of a photo that does not tell it


ALL = Stages()


def find_candidates(
    crops: PhotoCrops, starts: Sequence[Start], renderer: Renderer, stages: Stages = ALL, free_lens: bool = False
) -> Steps[list[Candidate]]:
    """Poses for the starts, best first. With a free lens the camera's focal length is but a first guess."""
    closeups = yield from within(approach(crops, starts, ROUNDS if stages.align else 0), 0.0, 0.4)
    if not stages.verify:
        return _ranked(crops, [(closeup, score(crops, closeup, closeup.nearest[0])) for closeup in closeups])
    verified = yield from within(verify(crops, closeups, renderer), 0.4, 0.6)
    if stages.refine:
        verified = yield from within(refine(crops, verified, renderer), 0.6, 0.8)
    deviation = 0.0
    if free_lens and stages.lens:
        best = max(verified, key=lambda one: one.score)
        found, lens = yield from within(find_lens(crops, best, renderer), 0.8, 0.9)
        verified, deviation = _with_best(verified, found), lens.deviation
    if stages.silhouette:
        verified = yield from within(_follow_masks(crops, verified, renderer), 0.9, 1.0)
    return _ranked(crops, [(one.closeup, one.score) for one in verified], deviation)


def improve(
    crops: PhotoCrops, target: Target, camera: Camera, renderer: Renderer, locks: Locks = FREE
) -> Steps[tuple[Candidate, Candidate]]:
    """A camera of the world that already sees the target about right, before and after refinement.

    What locks names stays; where the score does not rise, all stays. crops looks through the camera's intrinsics.
    """
    start = Start(target, relative(camera, target.sphere), 0.0)
    (before,) = yield from within(verify(crops, look_closely(crops, [start], [start.pose]), renderer), 0.0, 0.2)
    after = before
    for round_ in range(ROUNDS):
        part = 0.2 + 0.8 * round_ / ROUNDS, 0.2 + 0.8 * (round_ + 1) / ROUNDS
        (after,) = yield from within(refine(crops, [after], renderer, locks), *part)
    first, last = (_candidate(crops, one.closeup, one.score) for one in (before, after))
    return first._replace(camera=camera), last if after.score > before.score else first._replace(camera=camera)


def _with_best(verified: Sequence[Verified], found: Verified) -> list[Verified]:
    """found in the place of the best; it goes on being the best, for the others were judged without what it has."""
    best = max(verified, key=lambda one: one.score)
    return [found._replace(score=max(found.score, one.score)) if one is best else one for one in verified]


def _follow_masks(crops: PhotoCrops, verified: Sequence[Verified], renderer: Renderer) -> Steps[list[Verified]]:
    if crops.mask is None:
        best = max(verified, key=lambda one: one.score)
        return _with_best(verified, (yield from follow_found_mask(crops, best, renderer)))
    followed = []
    for one in verified:
        followed.append((yield from follow_given_mask(crops, one, renderer)))
    return followed


def _ranked(crops: PhotoCrops, scored: Sequence[tuple[Closeup, float]], lens_deviation: float = 0.0) -> list[Candidate]:
    candidates = [_candidate(crops, closeup, value, lens_deviation) for closeup, value in scored]
    return sorted(candidates, key=lambda candidate: -candidate.score)


def _candidate(crops: PhotoCrops, closeup: Closeup, value: float, lens_deviation: float = 0.0) -> Candidate:
    target = closeup.start.target
    return Candidate(target.name, placed(crops.camera, closeup.pose, target.sphere), value, lens_deviation)
