"""Templates: views rendered around a model, with what matching needs to know of each of their patches."""

from __future__ import annotations

from dataclasses import dataclass, fields
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from .crops import GRID, SIZE, patch_centers
from .geometry import Camera, view_sphere

COVERED = 0.4  # part of a patch that the model must cover to count


@dataclass(frozen=True)
class Templates:
    """V views of one model in its unit sphere (centre 0, radius 1, world axes), G x G patches each.

    directions (V, 3) unit; camera_to_world (V, 4, 4) and K (V, 3, 3) of the crops' cameras; features
    (V, G, G, C) float16; coverage (V, G, G) float16, the part of a patch that the model covers; points
    (V, G, G, 3) float32 seen at the patch centres, NaN where there is none; outline (P, 3), the model's
    extreme points.
    """

    directions: np.ndarray
    camera_to_world: np.ndarray
    K: np.ndarray
    features: np.ndarray
    coverage: np.ndarray
    points: np.ndarray
    outline: np.ndarray

    def camera(self, index: int) -> Camera:
        return Camera(self.K[index], self.camera_to_world[index], (SIZE, SIZE))

    @cached_property
    def rotations(self) -> np.ndarray:
        """(V, 3, 3) world -> camera."""
        return self.camera_to_world[:, :3, :3].transpose(0, 2, 1)

    @cached_property
    def covered(self) -> np.ndarray:
        """(V, G, G) bool: patches that show the model."""
        return self.coverage > COVERED

    def save(self, path: Path, **more: Any) -> None:
        np.savez(path, **{f.name: getattr(self, f.name) for f in fields(self)}, **more)

    @classmethod
    def load(cls, path: Path) -> Templates:
        with np.load(path, allow_pickle=False) as data:
            return cls(**{f.name: data[f.name] for f in fields(cls)})


def extreme_points(vertices: np.ndarray) -> np.ndarray:
    """Those of vertices (N, 3) that lie farthest in some direction (P, 3): enough to know the box in any view."""
    directions = view_sphere(4, full=True)
    farthest = {int(i) for some in np.array_split(directions, 16) for i in (vertices @ some.T).argmax(0)}
    return vertices[sorted(farthest)]


def patch_coverage(alpha: np.ndarray) -> np.ndarray:
    """(SIZE, SIZE) uint8 -> (G, G): mean alpha, 0..1, over a stride-sized cell around every patch centre."""
    shift = int(patch_centers()[0, 0, 0] - SIZE / GRID / 2)
    moved = np.zeros_like(alpha)
    moved[: SIZE - shift, : SIZE - shift] = alpha[shift:, shift:]
    return moved.reshape(GRID, SIZE // GRID, GRID, SIZE // GRID).mean((1, 3)) / 255


def patch_points(points: np.ndarray, alpha: np.ndarray) -> np.ndarray:
    """points (SIZE, SIZE, 3), alpha (SIZE, SIZE) -> (G, G, 3): the point at every patch centre, NaN off the model."""
    at = patch_centers()[0, :, 0].astype(int)
    chosen = points[np.ix_(at, at)].astype(np.float32)
    chosen[alpha[np.ix_(at, at)] < 128] = np.nan
    return chosen
