"""Pins pull the model to where they were dragged, and as few of them as there are change no more than they can tell."""

import numpy as np
import pytest

from photo_pose.inference.geometry import intrinsics, look_at, rotation_angle
from photo_pose.inference.pose.alignment import projected
from photo_pose.inference.pose.pins import pinned
from photo_pose.inference.pose.pose import Pose

POINTS = np.array([[0.6, -0.5, 0.2], [-0.4, -0.6, 0.5], [0.1, -0.7, -0.6], [-0.5, 0.2, 0.7]])
RANDOM = np.random.default_rng(0)


def pose(eye: tuple[float, float, float] = (1.0, -4.0, 1.5)) -> Pose:
    seen = np.linalg.inv(look_at(np.array(eye), np.array([0.1, 0.2, 0.0]), 0.1))
    return Pose(seen[:3, :3], seen[:3, 3], intrinsics(900, (1200, 800)))


def seen(one: Pose, points: np.ndarray) -> np.ndarray:
    return projected(one, points, np.eye(3))


@pytest.mark.parametrize("count", [1, 2, 3, 4])
def test_pins_are_where_they_were_dragged(count: int) -> None:
    targets = seen(pose(), POINTS[:count]) + RANDOM.normal(0, 15, (1, 2))
    if count > 3:  # four cannot all be anywhere
        targets = seen(pose((1.3, -3.8, 1.2)), POINTS)
    np.testing.assert_allclose(seen(pinned(pose(), POINTS[:count], targets), POINTS[:count]), targets, atol=0.2)


def test_one_pin_shifts_and_two_do_not_turn_the_model() -> None:
    before = pose()
    one = pinned(before, POINTS[:1], seen(before, POINTS[:1]) + [40, -25])
    np.testing.assert_allclose(one.rotation, before.rotation, atol=1e-9)
    assert one.translation[2] == pytest.approx(before.translation[2])
    two = pinned(before, POINTS[:2], seen(before, POINTS[:2]) + [[-20, 10], [20, -10]])
    turn = two.rotation @ before.rotation.T
    np.testing.assert_allclose(turn[2], [0, 0, 1], atol=1e-9)
    np.testing.assert_array_equal(two.K, before.K)


def test_four_pins_find_the_pose_again() -> None:
    true = pose((1.6, -3.6, 1.9))
    found = pinned(pose(), POINTS, seen(true, POINTS))
    assert np.degrees(rotation_angle(found.rotation, true.rotation)) < 0.1
    np.testing.assert_allclose(found.translation, true.translation, atol=0.01)
