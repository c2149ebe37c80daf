"""What lines say of the focal length: edges of made-up rooms, seen by cameras that are known."""

from __future__ import annotations

import numpy as np
import pytest

from photo_pose.inference.geometry import intrinsics, look_at, roll_matrix, rotation_from_vector
from photo_pose.inference.photo.vanishing_points import belongs_to, opinion

SIZE = (900, 600)
FOCALS = np.geomspace(350, 5600, 25)  # px: 14 to 224 mm


def room(focal: float, pitch: float, **how: float) -> np.ndarray:
    """The segments of a `known_room`."""
    return known_room(focal, pitch, **how)[0]


def known_room(
    focal: float, pitch: float, seed: int = 0, turned: float = 0.6, others: float = 0.3
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Segments (N, 4), px, of a room's upright and level lines, with noise of half a pixel, and as many others among
    them as that share; which axis each has (N,), -1 for others; the axes (3, 3) of the camera: up first."""
    random = np.random.default_rng(seed)
    place = np.array([-np.sin(turned), -np.cos(turned), 0]) * 6
    camera = look_at(place, place + [np.sin(turned), np.cos(turned), np.tan(pitch)]) @ roll_matrix(0.02)
    to_camera, K = np.linalg.inv(camera), intrinsics(focal, SIZE)
    segments, has = [], []
    while len(segments) < 90:
        start = random.uniform([-3, -3, -2.5], [3, 3, 2.5])
        axis = random.integers(3)
        along = np.eye(3)[axis] * random.uniform(0.5, 2)
        seen = np.stack([start, start + along]) @ to_camera[:3, :3].T + to_camera[:3, 3]
        ends = seen @ K.T
        ends = (ends[:, :2] / ends[:, 2:]).ravel() + random.normal(0, 0.5, 4)
        if random.random() < others:
            ends, axis = random.uniform(0, 1, 4) * np.tile(SIZE, 2), -1
        inside = (ends >= 0).all() and (ends.reshape(2, 2) < SIZE).all()
        if seen[:, 2].min() > 0.5 and inside and np.linalg.norm(ends[2:] - ends[:2]) > 20:
            segments.append(ends)
            has.append({2: 0, 0: 1, 1: 2, -1: -1}[int(axis)])
    found = np.array(segments)
    longest = np.argsort(-np.linalg.norm(found[:, 2:] - found[:, :2], axis=1))
    return found[longest], np.array(has)[longest], to_camera[:3, [2, 0, 1]].T


def up(pitch: float) -> np.ndarray:
    """Of the camera, in its axes: the roll is that of `room`."""
    return rotation_from_vector(np.array([0, 0, -0.02])).T @ np.array([0, -np.cos(pitch), np.sin(pitch)])


@pytest.mark.parametrize("mm", [20, 35, 70])
@pytest.mark.parametrize("pitch", [-0.35, 0.15])
def test_a_room_tells_its_lens(mm, pitch):
    focal = mm / 36 * SIZE[0]
    found = opinion(room(focal, pitch), SIZE, FOCALS)
    best = FOCALS[found.likelihood.argmax()]
    assert abs(np.log(best / focal)) < 0.13  # the next one of these
    assert found.likelihood.max() - np.median(found.likelihood) > 3
    axes = found.axes[found.likelihood.argmax()]
    assert np.degrees(np.arccos(abs(axes[0] @ up(pitch)))) < 2
    np.testing.assert_allclose(axes @ axes.T, np.eye(3), atol=1e-6)


def test_where_up_is_known_fewer_lines_tell_more():
    focal, pitch = 900.0, -0.3
    few = room(focal, pitch)[::6]
    alone = opinion(few, SIZE, FOCALS).likelihood
    known = opinion(few, SIZE, FOCALS, ups=np.tile(up(pitch), (len(FOCALS), 1))).likelihood
    assert abs(np.log(FOCALS[known.argmax()] / focal)) < 0.2
    share = [np.exp(one - one.max()).sum() for one in (alone, known)]
    assert share[1] < share[0]


def test_the_principal_point_counts():
    focal, pitch = 900.0, -0.3
    shifted = room(focal, pitch) + np.tile([120.0, -90.0], 2)
    point = np.divide(SIZE, 2) + [120, -90]
    found = opinion(shifted, SIZE, FOCALS, principal_point=point)
    np.testing.assert_allclose(found.likelihood, opinion(room(focal, pitch), SIZE, FOCALS).likelihood, atol=1e-6)


def test_without_lines_every_lens_is_as_likely():
    found = opinion(np.zeros((0, 4)), SIZE, FOCALS)
    assert np.ptp(found.likelihood) < 1e-9 and found.axes.shape == (len(FOCALS), 3, 3)


def test_lines_in_any_direction_tell_little():
    random = np.random.default_rng(5)
    some = np.concatenate([room(900.0, -0.3, others=1.0, seed=seed) for seed in range(2)])[random.permutation(180)]
    assert np.ptp(opinion(some, SIZE, FOCALS).likelihood) < 8


@pytest.mark.parametrize("seed", range(3))
def test_lines_belong_to_the_axis_that_they_have(seed):
    segments, has, axes = known_room(900.0, -0.3, seed=seed)
    found = belongs_to(segments, SIZE, 900.0, axes)
    assert (found == has)[has >= 0].mean() > 0.9  # short ones may point anywhere
    assert (found == -1)[has == -1].mean() > 0.6  # some lie so by chance
    seen = opinion(segments, SIZE, np.array([900.0]), ups=axes[:1]).axes[0]
    if abs(seen[1] @ axes[1]) < abs(seen[1] @ axes[2]):
        seen = seen[[0, 2, 1]]
    assert (belongs_to(segments, SIZE, 900.0, seen) == found).mean() > 0.95
    shifted = belongs_to(segments + [50, 80, 50, 80], SIZE, 900.0, axes, np.divide(SIZE, 2) + [50, 80])
    np.testing.assert_array_equal(shifted, found)
    wrong = belongs_to(segments, SIZE, 2000.0, axes)
    assert (wrong == has)[has > 0].mean() < 0.5
