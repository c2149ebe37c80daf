"""The paper's baseline: dense SIFT (Lowe 2004) as visual words in a spatial pyramid (Lazebnik, Schmid & Ponce 2006)."""

from __future__ import annotations

import numpy as np
from PIL import Image

STEP, PATCH = 8, 16  # px: between descriptors, and the side of what one sees (Lazebnik et al.)
WORDS = 100
LEVELS = 3  # 1 x 1, 2 x 2 and 4 x 4 cells
SAMPLE = 30_000  # descriptors that the words are made from
ROUNDS = 30  # of k-means


def descriptors(crops: np.ndarray) -> np.ndarray:
    """(N, G, G, 128) float32 SIFT descriptors, upright and all of one size, of crops (N, S, S, 3) uint8."""
    import cv2  # only benchmark/requirements.txt has it

    cv2.setNumThreads(1)
    sift, size = cv2.SIFT_create(), crops.shape[1]
    steps = np.arange(STEP, size - STEP + 1, STEP)
    # OpenCV's SIFT has four cells of 1.5 times the size a side
    points = [cv2.KeyPoint(float(x), float(y), PATCH / 6, 0.0) for y in steps for x in steps]
    grey = [np.asarray(Image.fromarray(crop).convert("L")) for crop in crops]
    return np.stack([sift.compute(picture, points)[1] for picture in grey]).reshape(-1, len(steps), len(steps), 128)


def vocabulary(found: np.ndarray, seed: int) -> np.ndarray:
    """(WORDS, 128): k-means centres of descriptors (N, 128)."""
    import cv2

    some = np.random.default_rng(seed).choice(found, min(SAMPLE, len(found)), replace=False)
    cv2.setRNGSeed(seed)
    until = (cv2.TERM_CRITERIA_MAX_ITER, ROUNDS, 0.0)
    return cv2.kmeans(some.astype(np.float32), WORDS, None, until, 1, cv2.KMEANS_PP_CENTERS)[2]


def words(found: np.ndarray, centres: np.ndarray) -> np.ndarray:
    """(N, G, G) index of the nearest centre (W, 128) of descriptors (N, G, G, 128)."""
    return ((centres**2).sum(1) - 2 * found @ centres.T).argmin(-1)


def histograms(found: np.ndarray, count: int = WORDS) -> np.ndarray:
    """(N, 21 * count) float32 weighted histograms of words (N, G, G) in all cells of the pyramid; each sums to 1."""
    grid = found.shape[1]
    onehot = np.eye(count, dtype=np.float32)[found]
    parts = []
    for level in range(LEVELS):
        weight = 2.0 ** -(LEVELS - 1 if level == 0 else LEVELS - level)
        cell = np.arange(grid) * 2**level // grid
        sums = np.zeros((len(found), 2**level, 2**level, count), np.float32)
        for row in range(2**level):
            for column in range(2**level):
                inside = onehot[:, cell == row][:, :, cell == column]
                sums[:, row, column] = inside.sum((1, 2))
        parts.append(sums.reshape(len(found), -1) * (weight / grid**2))
    return np.concatenate(parts, 1)


def intersection(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """(N, M) sums of the smaller bins of histograms a (N, B) and b (M, B)."""
    return np.stack([np.minimum(one, b).sum(1) for one in a])
