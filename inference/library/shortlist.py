"""The first stages of searching a library: which of thousands of models a photo may show.

Stage one: the exact product of the photo's descriptors with those of all training views, block by block; each model
counts by its best view. There is no index of nearest neighbours: up to some 25,000 models the product is faster than
loading one. Stage two looks at the features of the likeliest models' likeliest views, as `compare` does at all.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from ..errors import PoseError
from ..products import product
from ..search.model_likeness import comparable
from ..search.start_poses import ASPECT_LIMIT, SCALES, PhotoCrops, Target
from ..steps import Steps, shares, within
from ..views.descriptors import DIMENSIONS, described_crops
from ..views.retrieval import Index as ViewIndex
from ..views.retrieval import standardised
from ..views.templates import UNREADABLE, Templates
from .index import Index
from .records import LibraryModel, views_file

SHORTLIST = 50  # models that stage one leaves
TURNED = np.pi / 4  # roll from which a photo is taken for one that is turned in any way
VERIFIED = 8  # of them that are rendered: as many as the panel shows
VIEWS = 12  # of each of them that stage two looks at
ASPECT_WEIGHT = 0.15  # of the difference of a view's box's aspect, of its logarithm, from that of the photo's box


class Shortlisted(NamedTuple):
    """A model that may be the one, how much its likeliest view looks like the photo, and its likeliest views (K,)."""

    model: LibraryModel
    likeness: float
    views: np.ndarray


def shortlist(crops: PhotoCrops, index: Index, count: int = SHORTLIST) -> Steps[list[Shortlisted]]:
    """The count models of the library of which a training view looks most like the photo, the likeliest first.

    PoseError where the library's descriptors cannot be read.
    """
    features = yield from within(crops.compute(_looked_at(crops)), 0.0, 0.5)
    likeness = yield from within(
        _likeness(described_crops(features), crops.box.width / crops.box.height, index), 0.5, 1.0
    )
    of_model = np.maximum.reduceat(likeness, index.begins)
    chosen = []
    for number in np.argsort(-of_model, kind="stable")[:count]:
        model, begin = index.models[number], index.begins[number]
        own = likeness[begin : begin + model.count]
        chosen.append(Shortlisted(model, float(of_model[number]), np.sort(np.argsort(-own, kind="stable")[:VIEWS])))
    return chosen


def _looked_at(crops: PhotoCrops) -> np.ndarray:
    """Numbers of the crops that frame the box itself: the upright one, as the descriptors have learnt rolls of some
    degrees, where the object stands; else one for each roll."""
    if np.abs(crops.rolls).max() < TURNED:
        return np.array([crops.upright])
    return np.arange(len(crops.rolls)) * len(SCALES) + len(SCALES) // 2


def _likeness(photo: np.ndarray, aspect: float, index: Index) -> Steps[np.ndarray]:
    """(V,) of all views of the library with the photo's descriptors (N, DIMENSIONS), of the crop that fits best."""
    found = []
    for piece, (began, done) in shares(index.pieces):
        try:
            for block in piece.blocks():
                best = product(block[:, :DIMENSIONS], photo.T).max(1)
                misfit = np.minimum(np.abs(block[:, DIMENSIONS] - np.log(aspect)), ASPECT_LIMIT)
                found.append(best - ASPECT_WEIGHT * misfit)
                yield began
        except (OSError, ValueError) as error:
            raise PoseError(f'Library "{index.folder}" is damaged: update it.') from error
        yield done
    return np.concatenate(found)


def shortlisted_targets(index: Index, chosen: list[Shortlisted]) -> tuple[list[Target], list[str]]:
    """Targets with their likeliest views alone, to be compared with each other, and sentences of models that are left
    out, as their training views are gone or damaged. PoseError where none is left."""
    targets, damaged = [], []
    for one in chosen:
        try:
            templates = Templates.some_of(views_file(index.folder, one.model), one.views)
        except UNREADABLE:
            damaged.append(f'Model "{one.model.name}" of the library is damaged and left out: update the library.')
            continue
        targets.append(_target(index, one.model, templates))
    if not targets:
        raise PoseError(damaged[0])
    return comparable(targets), damaged


def known_likeness(chosen: list[Shortlisted]) -> dict[str, float]:
    """That of stage one, by the targets' names, in standard deviations, as `compare` gives its own."""
    likeness = standardised(np.array([one.likeness for one in chosen]))
    return dict(zip((one.model.key for one in chosen), likeness.tolist(), strict=True))


def whole_target(target: Target) -> Target:
    """The target of a shortlisted model with all its training views. PoseError where they are gone or damaged."""
    try:
        templates = Templates.load(target.file)
    except UNREADABLE as error:
        raise PoseError(f'Model "{target.name}" of the library is damaged: update the library.') from error
    return target._replace(index=ViewIndex(templates, target.index.common))


def _target(index: Index, model: LibraryModel, templates: Templates) -> Target:
    return Target(model.key, model.sphere, ViewIndex(templates), views_file(index.folder, model))
