"""Descriptors: few numbers that stand for a view of a model, or for a photo's crop, where thousands of models are
searched at once.

Both are one linear map of the pooled features of the default network, from means of their own: views show a model
before white, photos show it before anything. It is the same for all libraries, so that views that were described on
several machines can be compared; `python -m benchmark.fit_descriptors` made it, from furniture and what its features
have in common with those of pictures of it.
"""

from __future__ import annotations

import hashlib
import zipfile
from functools import cache
from pathlib import Path
from typing import NamedTuple

import numpy as np

from ..errors import PoseError
from ..products import product
from .retrieval import pooled, unit

WEIGHTS = Path(__file__).with_name("descriptors.npz")
DIMENSIONS = 256  # of 93 pictures of models not learnt from, 90 % find theirs among the first ten; with 128 86 %


class _Projection(NamedTuple):
    """Of pooled features: mean (D,), axes (D, DIMENSIONS)."""

    mean: np.ndarray
    axes: np.ndarray

    def __call__(self, features: np.ndarray) -> np.ndarray:
        return unit(product(unit(pooled(features.astype(np.float32))) - self.mean, self.axes))


def described(features: np.ndarray) -> np.ndarray:
    """Of a model's views, features (V, G, G, C) of the default network: (V, DIMENSIONS) float32, unit."""
    return _projections()["views"](features)


def described_crops(features: np.ndarray) -> np.ndarray:
    """Of a photo's crops, features (N, G, G, C): (N, DIMENSIONS) float32, unit; the product with a view's descriptor
    is how much they look alike."""
    return _projections()["crops"](features)


@cache
def identity() -> str:
    """Names the maps: descriptors of different ones cannot be compared."""
    return hashlib.sha256(_content()).hexdigest()[:12]


def _content() -> bytes:
    try:
        return WEIGHTS.read_bytes()
    except OSError as error:
        raise _damaged() from error


@cache
def _projections() -> dict[str, _Projection]:
    try:
        with np.load(WEIGHTS, allow_pickle=False) as data:
            axes = data["axes"] * data["scale"]
            return {name: _Projection(data[f"{name}_mean"], axes) for name in ("views", "crops")}
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile) as error:
        raise _damaged() from error


def _damaged() -> PoseError:
    return PoseError(f'"{WEIGHTS.name}" of Photo Pose is missing or damaged; install the extension again.')
