"""Framing: templates and photos show the object alike."""

import numpy as np
import pytest

from photo_pose.inference.geometry import Box, Camera, angle_between, intrinsics, look_at, roll_of
from photo_pose.inference.views import crops

OUTLINE = np.random.default_rng(0).normal(size=(200, 3)) * [0.3, 0.2, 0.5]
MIDDLE = np.full(2, crops.FIRST_PATCH + crops.STRIDE * (crops.GRID - 1) / 2)  # of the patches' middles


def test_template_view_centres_the_object_on_the_patches():
    view = crops.template_view(np.array([0.6, -0.64, 0.48]), OUTLINE)
    box = Box.around(view.project(OUTLINE))
    np.testing.assert_allclose(box.center, MIDDLE)
    assert max(box.width, box.height) == pytest.approx(crops.SIZE / (1 + 2 * crops.PADDING))
    assert np.linalg.norm(view.position) == pytest.approx(crops.DISTANCE)
    assert roll_of(view.camera_to_world) == pytest.approx(0)


@pytest.mark.parametrize("roll", np.radians([0, 20, -90]))
@pytest.mark.parametrize("place", [(0, 0), (2.2, -1.1)])
def test_photo_view_frames_the_box(roll, place):
    """An object far off the axis of a wide photo fills its crop as a template does."""
    position = np.array([0, -4.0, 0])
    camera = Camera(intrinsics(800, (1600, 1200)), look_at(position, np.array([place[0], 0, place[1]])), (1600, 1200))
    box = Box.around(camera.project(OUTLINE))
    view = crops.photo_view(camera, box, roll)
    np.testing.assert_allclose(view.position, position, atol=1e-12)
    assert angle_between(view.camera_to_world[:3, 2], camera.camera_to_world[:3, :3] @ camera.ray(box.center)) < 1e-6
    corners = np.array([(x, y) for x in (box.left, box.right) for y in (box.top, box.bottom)])
    rays = np.stack([camera.camera_to_world[:3, :3] @ camera.ray(corner) for corner in corners])
    seen = view.project(view.position + rays) - MIDDLE
    turned = seen @ np.array([[np.cos(roll), -np.sin(roll)], [np.sin(roll), np.cos(roll)]])
    side = crops.SIZE / (1 + 2 * crops.PADDING)
    assert np.abs(turned).max() == pytest.approx(side / 2, rel=0.08)


def test_scale_widens_the_frame():
    camera = Camera(intrinsics(800, (640, 480)), np.eye(4), (640, 480))
    box = Box(200, 100, 300, 300)
    usual, wide = crops.photo_view(camera, box), crops.photo_view(camera, box, scale=2.0)
    assert wide.K[0, 0] == pytest.approx(usual.K[0, 0] / 2)
