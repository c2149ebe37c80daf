"""Poses that are taken for each other, and which of them a level camera sees."""

import numpy as np
import pytest

from photo_pose.inference.geometry import intrinsics, look_at, rotation_angle
from photo_pose.inference.pose.alignment import projected
from photo_pose.inference.pose.pose import Pose, confused, is_standing

BOX = np.stack(np.meshgrid([-0.6, 0.6], [-0.4, 0.4], [-0.2, 0.2]), -1).reshape(-1, 3)


def pose(eye: tuple[float, float, float], roll: float = 0.0) -> Pose:
    seen = np.linalg.inv(look_at(np.array(eye), np.zeros(3), roll))
    return Pose(seen[:3, :3], seen[:3, 3], intrinsics(4000, (1200, 800)))


def test_poses_that_are_confused_show_the_same_corners_of_a_box_from_afar():
    """Hardly any perspective: then turning it by half, or near for far, moves no corner to where none was."""
    true = pose((8.0, -30.0, 12.0))
    there, found = projected(true, BOX, np.eye(3)), confused(true)
    assert len(found) == 6
    for one in found:
        assert np.linalg.det(one.rotation) == pytest.approx(1)
        assert np.degrees(rotation_angle(one.rotation, true.rotation)) > 30
        np.testing.assert_array_equal(one.translation, true.translation)
    for one in found[3:]:  # inside out
        away = np.linalg.norm(projected(one, BOX, np.eye(3))[:, None] - there, axis=-1).min(1)
        assert away.max() < 0.05 * np.ptp(there, axis=0).max()


def test_a_box_from_above_is_confused_with_one_from_below_which_does_not_stand():
    assert is_standing(pose((3.0, -6.0, 2.0)))
    assert is_standing(pose((3.0, -6.0, -0.3)))  # about level
    assert not is_standing(pose((3.0, -6.0, -2.0)))
    assert not is_standing(pose((3.0, -6.0, 2.0), np.pi))  # upside down
    assert [is_standing(one) for one in confused(pose((3.0, -6.0, 2.0)))] == [False, False, True, False, False, False]
