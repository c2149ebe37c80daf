"""From start poses to ranked candidates: the stages of the work after retrieval, one after the other."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from .lens import find_lens
from .pose import Candidate, PhotoCrops, Start, placed
from .refinement import ROUNDS, Closeup, Renderer, Verified, approach, refine, score, verify
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
    candidates = [
        Candidate(
            closeup.start.target.name,
            placed(crops.camera, closeup.pose, closeup.start.target.sphere),
            value,
            lens_deviation,
        )
        for closeup, value in scored
    ]
    return sorted(candidates, key=lambda candidate: -candidate.score)
