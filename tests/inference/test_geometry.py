"""Directions, rotations, view spheres and the pinhole camera."""

import numpy as np
import pytest

from photo_pose.inference import geometry
from photo_pose.inference.geometry import Box, Camera


def camera(seed: int = 0) -> Camera:
    random = np.random.default_rng(seed)
    pose = geometry.look_at(random.normal(size=3) + [0, -5, 2], random.normal(size=3), random.uniform(-3, 3))
    return Camera(np.array([[700, 0, 300], [0, 650, 210], [0, 0, 1.0]]), pose, (640, 480))


def test_the_paper_s_view_sphere():
    views = geometry.view_sphere(3)
    assert len(views) == 209 and len(geometry.view_sphere(3, full=True)) == 386
    assert views[:, 2].min() > -1e-9
    np.testing.assert_allclose(np.linalg.norm(views, axis=1), 1)
    apart = np.arccos(np.clip(views @ views.T, -1, 1))
    np.fill_diagonal(apart, np.inf)
    nearest = np.degrees(apart.min(1))
    assert 8.8 <= nearest.min() and nearest.max() <= 11.5


@pytest.mark.parametrize(
    ("azimuth", "elevation", "direction"),
    [
        (0, 0, (0, -1, 0)),
        (90, 0, (1, 0, 0)),
        (180, 0, (0, 1, 0)),
        (0, 90, (0, 0, 1)),
        (45, 0, (0.5**0.5, -(0.5**0.5), 0)),
    ],
)
def test_angles(azimuth, elevation, direction):
    angles = np.radians(azimuth), np.radians(elevation)
    np.testing.assert_allclose(geometry.direction_from_angles(*angles), direction, atol=1e-12)
    if elevation < 90:
        np.testing.assert_allclose(geometry.angles_from_direction(np.array(direction)), angles, atol=1e-12)


def test_front_view_is_upright_and_unmirrored():
    front = Camera(np.eye(3), geometry.look_at(np.array([0, -2.0, 0]), np.zeros(3)), (1, 1))
    x, y = front.project(np.array([1.0, 0, 0.5]))
    assert (x, y) == pytest.approx((0.5, -0.25))  # +X to the right, +Z up, which is -Y in the picture


@pytest.mark.parametrize("roll", np.radians([-170, -30, 0, 10, 90, 180]))
@pytest.mark.parametrize("position", [(1, 2, 3), (0, -2, 0), (0, 0, 5), (0, 0, -5)])
def test_roll_of_is_the_inverse_of_look_at(position, roll):
    pose = geometry.look_at(np.array(position, float), np.zeros(3), roll)
    assert np.exp(1j * geometry.roll_of(pose)) == pytest.approx(np.exp(1j * roll))
    np.testing.assert_allclose(pose[:3, :3].T @ pose[:3, :3], np.eye(3), atol=1e-12)
    assert np.linalg.det(pose[:3, :3]) == pytest.approx(1)


def test_roll_turns_the_camera_counter_clockwise():
    """So the picture turns clockwise: what was on top is then on the right."""
    rolled = Camera(np.eye(3), geometry.look_at(np.array([0, -2.0, 0]), np.zeros(3), np.radians(90)), (1, 1))
    assert rolled.project(np.array([0, 0, 1.0])) == pytest.approx((0.5, 0))


def test_rotation_from_vector_turns_by_its_length_about_its_direction():
    quarter = geometry.rotation_from_vector(np.array([0, 0, np.pi / 2]))
    np.testing.assert_allclose(quarter @ [1, 0, 0], [0, 1, 0], atol=1e-12)
    vectors = np.random.default_rng(0).normal(size=(50, 3))
    angles = geometry.rotation_angle(np.eye(3), geometry.rotation_from_vector(vectors))
    expected = np.linalg.norm(vectors, axis=1)
    np.testing.assert_allclose(angles, np.minimum(expected, 2 * np.pi - expected), atol=1e-6)
    np.testing.assert_allclose(geometry.rotation_from_vector(np.zeros(3)), np.eye(3))


def test_a_window_of_the_image_shows_the_same_points():
    original, window = camera(), Box(100, 50, 400, 450)
    points = np.random.default_rng(1).normal(size=(20, 3))
    scale = np.array([60 / 300, 90 / 400])
    expected = (original.project(points) - [100, 50]) * scale
    np.testing.assert_allclose(original.windowed(window, (60, 90)).project(points), expected)


@pytest.mark.parametrize("quarters", [0, 1, 2, 3, -1])
def test_a_turned_camera_shows_all_in_the_turned_image(quarters):
    points = np.random.default_rng(1).uniform(-1, 1, (20, 3))
    was, now = camera().project(points), camera().turned(quarters)
    (x, y), (width, height) = was.T, camera().size
    wanted = [(x, y), (height - y, x), (width - x, height - y), (y, width - x)][quarters]
    np.testing.assert_allclose(now.project(points), np.stack(wanted, -1), atol=1e-9)
    assert now.size == ((height, width) if quarters % 2 else (width, height))
    assert np.linalg.det(now.camera_to_world[:3, :3]) == pytest.approx(1)


def test_ray_goes_through_its_pixel():
    view, pixel = camera(), np.array([123.0, 77.0])
    point = view.camera_to_world[:3, :3] @ (3 * view.ray(pixel)) + view.position
    np.testing.assert_allclose(view.project(point), pixel)


def test_blender_axes_is_its_own_inverse():
    pose = camera().camera_to_world
    np.testing.assert_allclose(geometry.blender_axes(geometry.blender_axes(pose)), pose)
    np.testing.assert_allclose(geometry.blender_axes(pose)[:3, 2], -pose[:3, 2])  # Blender looks along -Z


def test_box_around_pixels():
    box = Box.around(np.array([[3.0, 9], [1, 4], [2, 7]]))
    assert box == (1, 4, 3, 9) and (box.width, box.height) == (2, 5)
    np.testing.assert_allclose(box.center, [2, 6.5])
