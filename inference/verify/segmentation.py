"""The object's mask in a crop of the photo, found from where a pose says that it is.

Colours inside and outside the rendered silhouette are counted in histograms (as in region-based tracking: Bibby &
Reid, ECCV 2008), joined with the distance to that silhouette, and smoothed along the photo's own edges (guided filter:
He, Sun & Tang, ECCV 2010). Seeded with the silhouette, not with a box.
"""

from __future__ import annotations

import numpy as np
from PIL import Image, ImageFilter
from PIL.Image import Resampling

from ..photo.masks import edges

# All by judgement; `python -m benchmark.found_masks` measures what they give together (overlap 0.91 on 17 pictures of
# the test half). Each halved or doubled leaves the mean overlap of the six shifted pictures in
# tests/inference/test_segmentation.py between 0.91 and 0.96; it is 0.95.
SIDE = 112  # px of the reduced crop
BINS = 16  # a channel
SOFTNESS = 3.0  # px at SIDE: how far the silhouette may be off
SURE = 4.0  # log odds that distance to the silhouette alone gives at most
COLOR_WEIGHT, COLOR_LIMIT = 0.8, 2.5  # of log odds
FEWEST_COUNTS = 0.5  # counts in a histogram that mean nothing
SEGMENTING_ROUNDS = 2
RADIUS, ROUGHNESS = 3, 1e-3  # of the guided filter


def segment(picture: np.ndarray, silhouette: np.ndarray) -> np.ndarray:
    """(S, S) float, the probability that a pixel of the crop shows the object.

    picture (S, S, 3) uint8; silhouette (S, S) uint8, the rendered alpha.
    """
    small = Image.fromarray(picture).resize((SIDE, SIDE), Resampling.BOX)
    prior = np.clip(signed_distance(_reduced(silhouette) > 0.5) / SOFTNESS, -SURE, SURE)
    colors = np.array(small.filter(ImageFilter.GaussianBlur(0.5))).astype(int) * BINS >> 8
    bins = (colors @ [BINS * BINS, BINS, 1]).ravel()
    gray = np.array(small, float).mean(-1) / 255
    odds = prior
    for _ in range(SEGMENTING_ROUNDS):
        odds = _guided(gray, prior + COLOR_WEIGHT * _color_odds(bins, _probability(odds)), RADIUS, ROUGHNESS)
    mask = Image.fromarray(_probability(odds).astype(np.float32))
    return np.array(mask.resize(silhouette.shape[::-1], Resampling.BILINEAR))


def signed_distance(mask: np.ndarray) -> np.ndarray:
    """(H, W) px to the edge of mask (H, W) bool, positive inside; by the nearest edge pixel in every second row."""
    y, x = np.nonzero(edges(mask))
    if not len(y):
        return np.where(mask, np.inf, -np.inf)
    height, width = mask.shape
    rows, columns = np.arange(0, height, 2), np.arange(0, width, 2)
    away = (rows[:, None, None] - y) ** 2 + (columns[None, :, None] - x) ** 2
    distance = np.sqrt(away.min(-1)).repeat(2, 0).repeat(2, 1)[:height, :width]
    return np.where(mask, distance, -distance)


def _reduced(gray: np.ndarray) -> np.ndarray:
    return np.asarray(Image.fromarray(gray).resize((SIDE, SIDE), Resampling.BOX)) / 255


def _probability(odds: np.ndarray) -> np.ndarray:
    return 1 / (1 + np.exp(-odds))


def _color_odds(bins: np.ndarray, inside: np.ndarray) -> np.ndarray:
    """Log odds (SIDE, SIDE) of a pixel's colour inside against outside, areas left aside."""
    of, off = (_smoothed(np.bincount(bins, weight.ravel(), BINS**3)) for weight in (inside, 1 - inside))
    rare = FEWEST_COUNTS / len(bins)
    odds = np.log((of / max(of.sum(), 1e-9) + rare) / (off / max(off.sum(), 1e-9) + rare))
    return np.clip(odds[bins], -COLOR_LIMIT, COLOR_LIMIT).reshape(SIDE, SIDE)


def _smoothed(histogram: np.ndarray) -> np.ndarray:
    cube = histogram.reshape(BINS, BINS, BINS)
    for axis in range(3):
        ahead, behind = (np.take(cube, np.clip(np.arange(BINS) + step, 0, BINS - 1), axis) for step in (1, -1))
        cube = 0.5 * cube + 0.25 * (ahead + behind)
    return cube.ravel()


def _guided(guide: np.ndarray, values: np.ndarray, radius: int, roughness: float) -> np.ndarray:
    """Guided filter: values (H, W) smoothed, except across edges of guide (H, W)."""
    middle, mean = _mean(guide, radius), _mean(values, radius)
    slope = (_mean(guide * values, radius) - middle * mean) / (_mean(guide**2, radius) - middle**2 + roughness)
    return _mean(slope, radius) * guide + _mean(mean - slope * middle, radius)


def _mean(values: np.ndarray, radius: int) -> np.ndarray:
    """Over squares of 2 radius + 1 px, of what of them lies in the picture."""
    return _window_sum(values, radius) / _window_sum(np.ones_like(values), radius)


def _window_sum(values: np.ndarray, radius: int) -> np.ndarray:
    for axis in (0, 1):
        padding = [(radius + 1, radius) if axis == other else (0, 0) for other in (0, 1)]
        sums = np.pad(values, padding).cumsum(axis)
        size = values.shape[axis]
        values = np.take(sums, np.arange(size) + 2 * radius + 1, axis) - np.take(sums, np.arange(size), axis)
    return values
