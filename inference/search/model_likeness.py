"""Which model a photo shows: all models are compared with it in the same units.

The scores of pose.hypotheses are standardised for each model, so they say nothing about which model fits better. Here
patches are whitened in common, and both similarities are standardised over the views of all models together.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from ..look import DEFAULT_CANDIDATES
from ..products import product
from ..steps import Steps, shares, within
from ..views.retrieval import Index, Whitening, common_patches, pooled, standardised, unit
from .start_poses import ASPECT_WEIGHT, PhotoCrops, Start, Target, find_starts, framing, start_pose

MODELS = 3  # that are tried: on the tuning half of the benchmark the right one is always among them


class Compared(NamedTuple):
    """A target's V views with R rolls of the photo: likeness (V, R), in standard deviations that are the same for all
    targets; misfit (V, R) of the boxes' aspects, and the crop (V, R) that was looked at."""

    target: Target
    likeness: np.ndarray
    misfit: np.ndarray
    crop: np.ndarray

    @property
    def scores(self) -> np.ndarray:
        """(V, R): likeness of picture and box."""
        return self.likeness - ASPECT_WEIGHT * self.misfit


def comparable(targets: Sequence[Target]) -> list[Target]:
    """The targets with a common whitening, as `compare` needs it; thin ones have no say in it unless all are."""
    templates = [target.index.templates for target in targets]
    common = Whitening.common(map(common_patches, [one for one in templates if not one.thin] or templates))
    return [target._replace(index=Index(target.index.templates, common)) for target in targets]


def compare(crops: PhotoCrops, targets: Sequence[Target], of_a_kind: bool = False) -> Steps[list[Compared]]:
    """How much the photo looks like every view of every target; they share their index's common whitening.

    That tells models apart. With of_a_kind what models of one kind have in common counts as much.
    """
    features = yield from within(crops.compute(range(len(crops.views))), 0.0, 0.5)
    maps = unit(pooled(features)).T
    patches = {"shared": targets[0].index.common(features)} | ({"plain": features} if of_a_kind else {})
    patches = {kind: unit(values).reshape(len(features), -1).T for kind, values in patches.items()}
    coarse, frames, fine = [], [], {kind: [] for kind in patches}
    for target, (_began, done) in shares(targets, 0.5, 1.0):
        crop, misfit = framing(crops, target.index)
        view = np.arange(len(crop))[:, None]
        coarse.append(product(target.index.coarse, maps)[view, crop])
        for kind, values in patches.items():
            fine[kind].append(product(getattr(target.index, kind).astype(np.float32), values)[view, crop])
        frames.append((misfit, crop))
        yield done
    finely = np.mean([standardised(np.concatenate(values)) for values in fine.values()], axis=0)
    likeness = standardised(np.concatenate(coarse)) + finely
    of_each = np.split(likeness, np.cumsum([len(crop) for _misfit, crop in frames])[:-1])
    return [Compared(target, own, *frame) for target, own, frame in zip(targets, of_each, frames, strict=True)]


def ranked(crops: PhotoCrops, compared: Sequence[Compared]) -> list[Start]:
    """The best view of every target, best first; scores tell the targets apart."""
    return sorted((_best_view(crops, one) for one in compared), key=lambda start: -start.score)


def find_starts_among(
    crops: PhotoCrops, targets: Sequence[Target], count: int = DEFAULT_CANDIDATES
) -> Steps[list[Start]]:
    """`pose.find_starts` for one of several targets: the best count starts of the MODELS that fit best, and the very
    best of each of these; scores tell the targets apart."""
    if len(targets) == 1:
        return (yield from find_starts(crops, targets[0], count))
    compared = yield from within(compare(crops, targets), 0.0, 0.6)
    first, others = [], []
    for best, part in shares(ranked(crops, compared)[:MODELS], 0.6, 1.0):
        starts = yield from within(find_starts(crops, best.target, count), *part)
        lead = best.score - starts[0].score
        first.append(starts[0]._replace(score=best.score))
        others += [start._replace(score=start.score + lead) for start in starts[1:]]
    others.sort(key=lambda start: -start.score)
    return sorted([*first, *others[: max(0, count - len(first))]], key=lambda start: -start.score)


def _best_view(crops: PhotoCrops, compared: Compared) -> Start:
    target, scores = compared.target, compared.scores
    view, roll = np.unravel_index(scores.argmax(), scores.shape)
    templates = target.index.templates
    rotation = crops.views[compared.crop[view, roll]].camera_to_world[:3, :3] @ templates.rotations[view]
    pose = start_pose(crops.camera, crops.box, templates.outline, rotation)
    return Start(target, pose, float(scores[view, roll]))
