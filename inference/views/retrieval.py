"""Retrieval: which views of which rolls look like the photo's crop.

Two similarities are summed, each standardised over all hypotheses: the cosine of whole feature maps pooled to
8 x 8 (robust; carries texture-less objects) and the mean cosine of whitened patches on the model (discriminative).
A model's own whitening tells its views apart; a common one makes models comparable (model_likeness.py).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import numpy as np

from ..geometry import roll_matrix, rotation_angle
from ..products import product
from .crops import DISTANCE
from .templates import Templates

# WHITENED is a prototype's choice, on 28 rendered pictures of 7 models; POOLED the paper's; SPARSE, FAINT and SAMPLING
# are by judgement: tests/inference/test_start_poses.py tells what the last two are for.
WHITENED = 64  # principal components
SPARSE = 7  # of the patches on a model every so manieth is enough for the common whitening
POOLED = 8  # cells a side of the coarse map
FAINT = 1e-4  # of the patches' mean square: what varies less is no signal, and is not made one
SAMPLING = 0.1  # of the mean variance, times (channels / patches)^2: what few patches say of an axis is chance


@dataclass(frozen=True)
class Whitening:
    """Principal components of a model's own patch features, scaled to unit variance: mean (C,), axes (C, D)."""

    mean: np.ndarray
    axes: np.ndarray

    @classmethod
    def of(cls, patches: np.ndarray) -> Whitening:
        """Fitted to patches (N, C), at least one."""
        mean = patches.mean(0)
        away = (patches - mean).astype(float)
        return cls._of(mean, product(away.T, away) / max(len(patches) - 1, 1), len(patches))

    @classmethod
    def common(cls, models: Iterable[np.ndarray]) -> Whitening:
        """Fitted to the patches (N, C) of several models, each of which counts as much."""
        moments = [(patches.mean(0), product(patches.T, patches) / len(patches), len(patches)) for patches in models]
        means, squares, counts = zip(*moments, strict=True)
        mean = np.mean(means, axis=0)
        return cls._of(mean, np.mean(squares, axis=0) - np.outer(mean, mean), sum(counts))

    @classmethod
    def _of(cls, mean: np.ndarray, covariance: np.ndarray, count: int) -> Whitening:
        """Of so many patches; none of their axes is amplified beyond what they can tell of it."""
        values, vectors = np.linalg.eigh(covariance)
        order, variance = np.argsort(-values)[:WHITENED], float(values.mean())
        square = float((mean**2).mean()) + variance
        noise = square * max(FAINT, count**-2) + variance * SAMPLING * (len(mean) / count) ** 2 + 1e-6
        return cls(mean, (vectors[:, order] / np.sqrt(values[order].clip(0) + noise)).astype(np.float32))

    def __call__(self, features: np.ndarray, components: int = WHITENED) -> np.ndarray:
        """(..., C) -> (..., components)."""
        return product(features - self.mean, self.axes[:, :components])


@dataclass(frozen=True)
class Index:
    """A model's templates, prepared for comparison; common: the whitening that it shares with other models."""

    templates: Templates
    common: Whitening | None = None

    @cached_property
    def features(self) -> np.ndarray:
        """(V, G, G, C) float32."""
        return self.templates.features.astype(np.float32)

    @cached_property
    def whitening(self) -> Whitening:
        """The common one where the model's own views show too little of it."""
        thin = self.templates.thin and self.common
        return self.common if thin else Whitening.of(self.templates.on_model(self.features))

    def sizes(self, rolls: np.ndarray) -> np.ndarray:
        """`apparent_sizes`, computed once for the same rolls (R,)."""
        key = rolls.tobytes()
        if key not in self._sizes:
            self._sizes[key] = apparent_sizes(self.templates, rolls)
        return self._sizes[key]

    @cached_property
    def _sizes(self) -> dict[bytes, np.ndarray]:
        return {}

    @cached_property
    def coarse(self) -> np.ndarray:
        """(V, D) unit."""
        return unit(pooled(self.templates.features.astype(np.float32)))

    @cached_property
    def fine(self) -> np.ndarray:
        """(V, G * G * WHITENED): its product with the unit patches of a crop is their mean cosine on the model."""
        return self._on_model(self.whitening(self.features))

    @cached_property
    def shared(self) -> np.ndarray:
        """`fine` by the common whitening, and all that ranking keeps of a model: float16, for there may be many."""
        return self._on_model(self.common(self.templates.features.astype(np.float32))).astype(np.float16)

    @cached_property
    def plain(self) -> np.ndarray:
        """`fine` without whitening, which hides what models of one kind have in common: (V, G * G * C) float16."""
        return self._on_model(self.templates.features.astype(np.float32)).astype(np.float16)

    def _on_model(self, patches: np.ndarray) -> np.ndarray:
        covered = self.templates.covered
        patches = unit(patches) * covered[..., None]
        return patches.reshape(len(patches), -1) / np.maximum(covered.sum((1, 2)), 1)[:, None]


def unit(vectors: np.ndarray) -> np.ndarray:
    """Scaled to length 1 along the last axis; zero stays zero."""
    return vectors / np.maximum(np.linalg.norm(vectors, axis=-1, keepdims=True), 1e-9)


def pooled(features: np.ndarray) -> np.ndarray:
    """(N, G, G, C) -> (N, POOLED * POOLED * C), the descriptor of the paper: adaptive average pooling, by numpy, for
    all this floor goes without PyTorch."""
    weights = _pooling_weights(features.shape[1])
    means = np.einsum("ai,bj,nijc->nabc", weights, weights, features, optimize=True)
    return means.reshape(len(features), -1)


def _pooling_weights(grid: int) -> np.ndarray:
    """(POOLED, grid): each cell averages the patches that it touches."""
    edges = np.arange(POOLED + 1) * grid / POOLED
    steps = np.arange(grid)
    touched = (steps >= np.floor(edges[:-1, None])) & (steps < np.ceil(edges[1:, None]))
    return (touched / touched.sum(1, keepdims=True)).astype(np.float32)


class Hypotheses(NamedTuple):
    """H combinations of a template with a roll of the photo, each seen in the crop that frames it alike.

    template, roll, crop (H,) indices; score (H,) in standard deviations.
    """

    template: np.ndarray
    roll: np.ndarray
    crop: np.ndarray
    score: np.ndarray


def apparent_sizes(templates: Templates, rolls: np.ndarray) -> np.ndarray:
    """(V, R, 2): width and height, in crop cameras' rays, of each view's box in a photo taken with each roll."""
    seen = templates.rotations @ templates.outline.T.astype(float)  # (V, 3, P)
    plane = seen[:, :2] / (seen[:, 2:] + DISTANCE)
    axes = np.stack([roll_matrix(roll)[:2, :2] for roll in rolls])  # (R, 2, 2)
    turned = axes.reshape(-1, 2) @ plane  # (V, 2 R, P)
    return (turned.max(-1) - turned.min(-1)).reshape(len(plane), len(rolls), 2)


def diverse(scores: np.ndarray, rotations: np.ndarray, count: int, apart: float) -> list[int]:
    """Indices of up to count best scores (N,), whose rotations (N, 3, 3) differ by at least apart, best first."""
    chosen: list[int] = []
    for index in np.argsort(-scores):
        if len(chosen) == count:
            break
        if not chosen or rotation_angle(rotations[chosen], rotations[index]).min() >= apart:
            chosen.append(int(index))
    return chosen


def similarity(index: Index, features: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Cosine of the pooled maps and mean cosine of the whitened patches: two (V, N) for crops (N, G, G, C)."""
    patches = unit(index.whitening(features)).reshape(len(features), -1)
    return product(index.coarse, unit(pooled(features)).T), product(index.fine, patches.T)


def common_patches(templates: Templates) -> np.ndarray:
    """(N, C): some of the patches on the model, for `Whitening.common`."""
    return templates.on_model(templates.features)[:: 1 if templates.thin else SPARSE].astype(np.float32)


def standardised(values: np.ndarray) -> np.ndarray:
    return (values - values.mean()) / max(float(values.std()), 1e-9)
