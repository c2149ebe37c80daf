"""Chairs made up by chance: chairs they are, and always the same ones."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("bpy")
sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from benchmark import carpentry
from photo_pose.operators.blender.models import evaluated


def points(seed: int) -> np.ndarray:
    return np.concatenate([part.vertices for part in carpentry.chair(np.random.default_rng(seed))])


def test_chairs_stand_on_the_floor_alike_on_both_sides_with_their_backs_behind() -> None:
    for seed in range(200):
        vertices = points(seed)
        low, high = vertices.min(0), vertices.max(0)
        assert np.isfinite(vertices).all() and -0.05 < low[2] < 0.13, seed
        assert (high - low > 0.3).all() and (high - low < [1.6, 1.9, 1.5]).all(), seed
        assert abs(low[0] + high[0]) < 0.1, seed
        top = vertices[vertices[:, 2] > high[2] - 0.1 * (high[2] - low[2])]
        assert top[:, 1].mean() > (low[1] + high[1]) / 2, seed


def test_faces_look_outwards(scene) -> None:
    """The signed volume of a closed skin is that of what it encloses."""
    for seed in range(5):
        for child in carpentry.build(np.random.default_rng(seed)).children:
            mesh = child.data
            mesh.calc_loop_triangles()
            corners = np.array([[mesh.vertices[i].co for i in some.vertices] for some in mesh.loop_triangles], float)
            corners -= corners.mean((0, 1))
            assert np.einsum("ni,ni->", corners[:, 0], np.cross(corners[:, 1], corners[:, 2])) > 0, (seed, child.name)


def test_the_same_chance_makes_the_same_chair_and_another_one_another() -> None:
    np.testing.assert_array_equal(points(5), points(5))
    assert len({points(seed).tobytes() for seed in range(30)}) == 30


def test_a_made_up_chair_is_a_model_like_any_other(scene) -> None:
    root = carpentry.build(np.random.default_rng(3))
    with evaluated(root) as model:
        np.testing.assert_allclose(np.ptp(model.vertices, axis=0), np.ptp(points_of(root), axis=0), atol=1e-5)


def points_of(root) -> np.ndarray:
    return np.array([tuple(vertex.co) for child in root.children for vertex in child.data.vertices])
