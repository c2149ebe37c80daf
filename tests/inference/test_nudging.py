"""Every nudge does by number what its name says, about the model's centre."""

import numpy as np
import pytest

from photo_pose.inference.geometry import Camera, angles_from_direction, intrinsics, look_at, roll_matrix, roll_of
from photo_pose.inference.pose.nudging import Nudge, nudged

CENTER = np.array([1.0, 2.0, 0.5])
OFFSET = np.array([3.0, -4.0, 2.0])


def camera(target: np.ndarray = CENTER, roll: float = 0.0) -> Camera:
    return Camera(intrinsics(500, (640, 480), (300, 250)), look_at(CENTER + OFFSET, target, roll), (640, 480))


def angles(seen: Camera) -> np.ndarray:
    return np.array([*angles_from_direction(seen.position - CENTER), roll_of(seen.camera_to_world)])


@pytest.mark.parametrize("name", ["azimuth", "elevation", "roll"])
def test_an_angle_grows_and_the_others_stay(name: str) -> None:
    change = 0.3 * np.eye(3)[["azimuth", "elevation", "roll"].index(name)]
    moved = nudged(camera(roll=0.2), CENTER, Nudge(**{name: 0.3}))
    np.testing.assert_allclose(angles(moved), angles(camera(roll=0.2)) + change, atol=1e-9)


@pytest.mark.parametrize("nudge", [Nudge(azimuth=2), Nudge(elevation=-0.7), Nudge(roll=1), Nudge(distance=3)])
def test_the_centre_stays_in_its_place(nudge: Nudge) -> None:
    aside = camera(CENTER + [0.5, 0.4, -0.3], roll=0.4)
    moved = nudged(aside, CENTER, nudge)
    np.testing.assert_allclose(moved.project(CENTER), aside.project(CENTER), atol=1e-9)
    away = np.linalg.norm(moved.position - CENTER) / np.linalg.norm(OFFSET)
    assert away == pytest.approx(nudge.distance)


def test_pan_moves_the_centre_by_as_many_pixels_at_the_same_depth() -> None:
    moved = nudged(camera(roll=0.3), CENTER, Nudge(pan=(30, -12)))
    np.testing.assert_allclose(moved.project(CENTER) - camera(roll=0.3).project(CENTER), [30, -12], atol=1e-9)
    assert moved.to_camera(CENTER)[2] == pytest.approx(camera().to_camera(CENTER)[2])


def test_the_lens_keeps_the_camera_in_its_place() -> None:
    moved = nudged(camera(), CENTER, Nudge(lens=1.5))
    np.testing.assert_allclose(moved.K, [[750, 0, 300], [0, 750, 250], [0, 0, 1]])
    np.testing.assert_array_equal(moved.camera_to_world, camera().camera_to_world)


def test_elevation_ends_at_the_pole_and_nothing_jumps_there() -> None:
    top = nudged(camera(), CENTER, Nudge(elevation=5))
    np.testing.assert_allclose(top.position, CENTER + [0, 0, np.linalg.norm(OFFSET)], atol=1e-9)
    straight = top.placed(look_at(CENTER + [0, 0, 5], CENTER) @ roll_matrix(0.7))
    np.testing.assert_allclose(nudged(straight, CENTER, Nudge()).camera_to_world, straight.camera_to_world, atol=1e-9)
