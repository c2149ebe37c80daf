"""The mask that is found around a silhouette, and what it is made of."""

from __future__ import annotations

import numpy as np
import pytest

from photo_pose.inference.photo import masks
from photo_pose.inference.photo.overlay_picture import intersection_over_union
from photo_pose.inference.verify import segmentation
from photo_pose.inference.views.crops import SIZE

WHOLE = np.full((SIZE, SIZE), 255, np.uint8)


def picture(noise: float = 8.0) -> tuple[np.ndarray, np.ndarray]:
    """A shaded orange mug in front of a bluish wall, (SIZE, SIZE, 3) uint8, and its mask."""
    y, x = np.mgrid[:SIZE, :SIZE]
    body = ((x - 112) / 60) ** 2 + ((y - 120) / 40) ** 2 < 1
    shape = body | (abs(x - 90) < 14) & (abs(y - 80) < 50)
    wall = np.stack([120 + 40 * np.sin(x / 25), 140 + 30 * np.cos(y / 30), np.full(x.shape, 170.0)], -1)
    mug = np.stack([np.full(x.shape, 200.0), 90 + 30 * np.sin(x / 11 + y / 17), np.full(x.shape, 50.0)], -1)
    colors = np.where(shape[..., None], mug, wall) + np.random.default_rng(2).normal(0, noise, (SIZE, SIZE, 3))
    return colors.clip(0, 255).astype(np.uint8), shape


def shifted(shape: np.ndarray, shift: tuple[int, int]) -> np.ndarray:
    return np.roll(shape, shift, (0, 1)).astype(np.uint8) * 255


@pytest.mark.parametrize("shift", [(0, 6), (0, -6), (6, 0), (-6, 0), (4, 4), (-4, 4)])
def test_colours_find_the_object_beside_its_silhouette(shift):
    colors, shape = picture()
    found = segmentation.segment(colors, shifted(shape, shift))
    assert found.shape == shape.shape and 0 <= found.min() and found.max() <= 1
    assert intersection_over_union(shifted(shape, shift) > 0, shape) < 0.86
    assert intersection_over_union(found > 0.5, shape) > 0.93


@pytest.mark.parametrize("alpha", [0 * WHOLE, WHOLE], ids=["empty", "whole"])
def test_a_silhouette_without_an_outside_or_inside_is_a_mask_too(alpha):
    colors, _shape = picture()
    found = segmentation.segment(colors, alpha)
    assert np.isfinite(found).all()
    assert ((found > 0.5) == (alpha > 0)).mean() > 0.98


def shapes() -> list[np.ndarray]:
    random = np.random.default_rng(3)
    speckles = random.random((31, 40)) < 0.5
    blobs = np.kron(random.random((6, 7)) < 0.4, np.ones((7, 9))).astype(bool)
    return [speckles, blobs, np.ones((9, 8), bool), np.eye(12, dtype=bool)]


@pytest.mark.parametrize("mask", shapes())
def test_edges_are_pixels_beside_the_outside(mask):
    around = np.pad(mask, 1)
    for row, column in np.ndindex(mask.shape):
        cross = around[row + 1, column : column + 3], around[row : row + 3, column + 1]
        expected = mask[row, column] and not np.concatenate(cross).all()
        assert masks.edges(mask)[row, column] == expected


@pytest.mark.parametrize("mask", shapes())
def test_signed_distance_is_that_to_the_nearest_edge(mask):
    """In every second row and column exactly, between them by no more than a pixel's diagonal off."""
    edge = np.argwhere(masks.edges(mask))
    places = np.moveaxis(np.indices(mask.shape), 0, -1)
    away = np.linalg.norm(places[:, :, None] - edge, axis=-1).min(-1)
    found = segmentation.signed_distance(mask)
    np.testing.assert_allclose(np.abs(found[::2, ::2]), away[::2, ::2])
    assert np.abs(np.abs(found) - away).max() < 1.5
    assert (found[mask] >= 0).all() and (found[~mask] <= 0).all()


def test_far_from_any_edge_all_is_outside():
    assert (segmentation.signed_distance(np.zeros((5, 4), bool)) == -np.inf).all()
