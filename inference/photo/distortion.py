"""Lens distortion: Brown's model with the coefficients k1, k2, p1, p2, k3, in the order that other programs use.

For cameras of other programs k4, k5, k6 may follow, of the polynomial by which radii are divided.
"""

from __future__ import annotations

from dataclasses import replace
from typing import NamedTuple

import numpy as np
from PIL.Image import Resampling, Transform

from ..geometry import Box, quarter_turn
from .image import Photo

COEFFICIENTS = 5
RATIONAL = 8  # with k4, k5, k6
# By judgement
NOTICED = 0.5  # px, of distortion that is worth taking out
CELL = 16  # px, in which it is taken to be linear
NEWTON = 8  # steps: enough for all that is not nearly folded
UNTOLD = 0.06  # deviation of k1 from which nothing tells it
FOLDED = 0.05  # of the picture's scale in the middle, along a radius


class Distortion(NamedTuple):
    """coefficients (2,): k1 and k2; deviation: standard deviation of k1."""

    coefficients: np.ndarray
    deviation: float

    @property
    def told(self) -> bool:
        """Whether anything in the photo tells it."""
        return self.deviation < UNTOLD


def distorted(points: np.ndarray, distortion: np.ndarray) -> np.ndarray:
    """Where a lens shows points (..., 2) of the image plane at depth 1 (Brown's model)."""
    k1, k2, p1, p2, k3, k4, k5, k6 = np.pad(distortion, (0, RATIONAL - len(distortion)))
    x, y = np.moveaxis(points, -1, 0)
    square = x**2 + y**2
    radial = 1 + square * (k1 + square * (k2 + square * k3))
    radial = radial / (1 + square * (k4 + square * (k5 + square * k6)))
    across = x * radial + 2 * p1 * x * y + p2 * (square + 2 * x**2)
    down = y * radial + p1 * (square + 2 * y**2) + 2 * p2 * x * y
    return np.stack([across, down], -1)


def undistorted(points: np.ndarray, distortion: np.ndarray) -> np.ndarray:
    """The inverse of `distorted` by k1 and k2 alone, (..., 2), which may be many: where points (..., 2) were.

    Beyond where the lens folds its picture over nothing was: NaN.
    """
    k1, k2 = np.moveaxis(np.asarray(distortion, float), -1, 0)
    shown = np.linalg.norm(points, axis=-1)
    radius = shown
    for _ in range(NEWTON):
        square = radius**2
        slope = 1 + square * (3 * k1 + square * 5 * k2)
        radius = radius - (radius * (1 + square * (k1 + square * k2)) - shown) / np.where(slope > FOLDED, slope, np.nan)
    return points * (radius / np.maximum(shown, 1e-12))[..., None]


def turned(distortion: np.ndarray, quarters: int) -> np.ndarray:
    """That of the lens when its image is turned clockwise by so many quarters: the same but for p1 and p2."""
    found = np.pad(distortion, (0, max(0, 4 - len(distortion)))).astype(float)
    found[3:1:-1] = quarter_turn(quarters) @ found[3:1:-1]  # (p2, p1) is a direction in the image
    return found


def displacement(K: np.ndarray, distortion: np.ndarray, size: tuple[int, int]) -> float:
    """By how many px at most the lens moves what would lie in the corners of the photo."""
    focal, middle = K.diagonal()[:2], K[:2, 2]
    corners = (np.array([[0, 0], [1, 0], [0, 1], [1, 1]]) * size - middle) / focal
    return float(np.linalg.norm((distorted(corners, distortion) - corners) * focal, axis=1).max())


def straight_box(box: Box, K: np.ndarray, distortion: np.ndarray) -> Box:
    """Where a box (px of the photo) is once the photo was straightened by k1 and k2: each edge where its middle is."""
    focal, middle = K.diagonal()[:2], K[:2, 2]
    (x, y), (left, top, right, bottom) = box.center, box
    ends = np.array([[left, y], [x, top], [right, y], [x, bottom]])
    moved = undistorted((ends - middle) / focal, distortion) * focal + middle
    edges = moved[[0, 1, 2, 3], [0, 1, 0, 1]]
    return Box(*np.where(np.isnan(edges), box, edges).tolist())


def straightened(photo: Photo, K: np.ndarray, distortion: np.ndarray) -> Photo:
    """The photo as a lens with the same K, px of the photo, would have taken it without distortion."""
    size, shrunk = photo.image.size, photo.image.size[0] / photo.size[0]
    across, down = (np.unique(np.r_[0:side:CELL, side]) for side in size)
    focal, middle = K.diagonal()[:2] * shrunk, K[:2, 2] * shrunk
    plane = (np.stack(np.meshgrid(across, down), -1) - middle) / focal
    source = distorted(plane, distortion) * focal + middle
    mesh = []
    for y, x in np.ndindex(len(down) - 1, len(across) - 1):
        cell = int(across[x]), int(down[y]), int(across[x + 1]), int(down[y + 1])
        mesh.append((cell, tuple(source[[y, y + 1, y + 1, y], [x, x, x + 1, x + 1]].ravel())))
    image = photo.image.transform(size, Transform.MESH, mesh, Resampling.BICUBIC)
    return replace(photo, image=image, alpha=None, shown_as_is=False, straight=True)
