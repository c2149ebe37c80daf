"""Which model a photo shows: all models are compared with it in the same units.

The scores of pose.hypotheses are standardised for each model, so they say nothing about which model fits better. Here
patches are whitened in common, and both similarities are standardised over the views of all models together.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from .pose import ASPECT_WEIGHT, PhotoCrops, Start, Target, find_starts, framing, start_pose
from .retrieval import pooled, standardised, unit
from .steps import Steps, within

MODELS = 3  # that are tried: on the tuning half of the benchmark the right one is always among them


def rank_models(crops: PhotoCrops, targets: Sequence[Target]) -> Steps[list[Start]]:
    """The best view of every target, best first; scores, in standard deviations, tell the targets apart.

    All targets share their index's common whitening.
    """
    features = yield from within(crops.compute(range(len(crops.views))), 0.0, 0.5)
    maps = unit(pooled(features)).T
    patches = unit(targets[0].index.common(features)).reshape(len(features), -1).T
    coarse, fine, misfits, chosen = [], [], [], []
    for number, target in enumerate(targets):
        crop, misfit = framing(crops, target.index)
        view = np.arange(len(crop))[:, None]
        coarse.append((target.index.coarse @ maps)[view, crop])
        fine.append((target.index.shared.astype(np.float32) @ patches)[view, crop])
        misfits.append(misfit)
        chosen.append(crop)
        yield 0.5 + 0.5 * (number + 1) / len(targets)
    scores = standardised(np.concatenate(coarse)) + standardised(np.concatenate(fine))
    scores -= ASPECT_WEIGHT * np.concatenate(misfits)
    ends = np.cumsum([len(crop) for crop in chosen])[:-1]
    best = [_best_view(crops, *one) for one in zip(targets, np.split(scores, ends), chosen, strict=True)]
    return sorted(best, key=lambda start: -start.score)


def starts_among(crops: PhotoCrops, targets: Sequence[Target], count: int = 6) -> Steps[list[Start]]:
    """`pose.find_starts` for one of several targets: the best count starts of the MODELS that fit best, and the very
    best of each of these; scores tell the targets apart."""
    if len(targets) == 1:
        return (yield from find_starts(crops, targets[0], count))
    ranked = yield from within(rank_models(crops, targets), 0.0, 0.6)
    first, others = [], []
    for number, best in enumerate(ranked[:MODELS]):
        steps = find_starts(crops, best.target, count)
        starts = yield from within(steps, 0.6 + 0.4 * number / MODELS, 0.6 + 0.4 * (number + 1) / MODELS)
        lead = best.score - starts[0].score
        first.append(starts[0]._replace(score=best.score))
        others += [start._replace(score=start.score + lead) for start in starts[1:]]
    others.sort(key=lambda start: -start.score)
    return sorted([*first, *others[: max(0, count - len(first))]], key=lambda start: -start.score)


def _best_view(crops: PhotoCrops, target: Target, scores: np.ndarray, crop: np.ndarray) -> Start:
    """Of scores (V, R)."""
    view, roll = np.unravel_index(scores.argmax(), scores.shape)
    templates = target.index.templates
    rotation = crops.views[crop[view, roll]].camera_to_world[:3, :3] @ templates.rotations[view]
    pose = start_pose(crops.camera, crops.box, templates.outline, rotation)
    return Start(target, pose, float(scores[view, roll]))
