"""Views warped out of photos."""

from __future__ import annotations

import math

import numpy as np
import pytest
from PIL import Image

from photo_pose.inference.geometry import Box, Camera, intrinsics, look_at, roll_matrix
from photo_pose.inference.photo import image as photos
from photo_pose.inference.photo import warping


def as_photo(pixels, size=None):
    image = Image.fromarray(pixels)
    return photos.Photo(image, size or image.size, None, None, None, True)


def turned_view(camera, pixel, focal, roll, size):
    """A camera at camera's position that looks through its pixel."""
    ray = camera.camera_to_world[:3, :3] @ camera.ray(np.array(pixel))
    pose = look_at(camera.position, camera.position + ray) @ roll_matrix(roll)
    return Camera(intrinsics(focal, size), pose, size)


def dots(size, places, sigma):
    """Grey pixels (H, W, 3) with soft white dots at places (continuous pixels) on black."""
    x, y = np.arange(size[0]) + 0.5, np.arange(size[1])[:, None] + 0.5
    grey = sum(np.exp(-((x - px) ** 2 + (y - py) ** 2) / (2 * sigma**2)) for px, py in places)
    return np.repeat((grey * 255).round().astype(np.uint8)[..., None], 3, 2)


def centroid(grey, near, radius=7):
    """Of the brightness within radius px of a place."""
    y, x = np.indices(grey.shape) + 0.5
    weight = grey * (np.hypot(x - near[0], y - near[1]) < radius)
    return np.array([(weight * x).sum(), (weight * y).sum()]) / weight.sum()


POSE = look_at(np.array([3.0, -4, 2]), np.array([0.2, 0.1, 0.3]), roll=0.3)


@pytest.mark.parametrize("stored", [1.0, 0.5, 0.37])
@pytest.mark.parametrize("view_focal", [150, 420, 1100])
def test_warp_agrees_with_projection(stored, view_focal):
    size = (1600, 1200)
    camera = Camera(intrinsics(1500, size, (820, 570)), POSE, size)
    small = round(size[0] * stored), round(size[1] * stored)
    factor = np.array(small) / size
    target = np.array([430.0, 350])
    sigma = max(2.5, 1500 / view_focal * 1.5)
    places = [target, target + [sigma * 9, -sigma * 4]]
    photo = as_photo(dots(small, np.array(places) * factor, sigma * stored), size)
    views = [turned_view(camera, target + 3, view_focal, roll, (161, 120)) for roll in np.arange(6) + 0.2]
    warped = warping.warp_views(photo, camera, views, fill=(0, 0, 0))
    assert (warped.shape, warped.dtype) == ((6, 120, 161, 3), np.uint8)
    for view, pixels in zip(views, warped, strict=True):
        for place in places:
            world = camera.position + 7 * camera.camera_to_world[:3, :3] @ camera.ray(place)
            expected = view.project(world)
            if (expected > 14).all() and (expected < np.array(view.size) - 14).all():
                found = centroid(pixels[..., 0].astype(float), expected)
                assert np.linalg.norm(found - expected) < 0.1


def test_warp_is_the_photo_itself_for_the_same_camera():
    pixels = np.random.default_rng(0).integers(0, 255, (60, 80, 3)).astype(np.uint8)
    camera = Camera(intrinsics(90, (80, 60)), POSE, (80, 60))
    warped = warping.warp_views(as_photo(pixels), camera, [camera])[0].astype(int)
    assert abs(warped - pixels).max() <= 1


@pytest.mark.parametrize("focal", [60, 170, 290, 390])
def test_warp_is_an_area_average(focal):
    size = (1200, 900)
    rng = np.random.default_rng(0)
    fine, coarse = (
        Image.fromarray(rng.integers(0, 255, shape).astype(np.uint8)).resize(size, Image.Resampling.BICUBIC)
        for shape in ((900, 1200, 3), (75, 100, 3))
    )
    photo = as_photo(np.asarray(Image.blend(coarse, fine, 0.3)))
    camera = Camera(intrinsics(1000, size), POSE, size)
    view = turned_view(camera, (540, 420), focal, 0.5, (32, 32))
    close = Camera(np.diag([16, 16, 1]) @ view.K, view.camera_to_world, (512, 512))
    exact = warping.warp_views(photo, camera, [close])[0].reshape(32, 16, 32, 16, 3).mean((1, 3))
    error = warping.warp_views(photo, camera, [view])[0] - exact
    assert np.sqrt((error**2).mean()) < 5


def test_views_of_different_scale_and_place_do_not_disturb_each_other():
    rng = np.random.default_rng(0)
    photo = as_photo(rng.integers(0, 255, (900, 1200, 3)).astype(np.uint8))
    camera = Camera(intrinsics(1000, (1200, 900)), POSE, (1200, 900))
    views = [
        turned_view(camera, p, f, 0, (50, 40)) for p, f in (((200, 200), 800), ((900, 700), 100), ((500, 10), 300))
    ]
    together = warping.warp_views(photo, camera, views).astype(float)
    alone = np.concatenate([warping.warp_views(photo, camera, [view]) for view in views])
    assert abs(together - alone).mean() < 3


def test_outside_the_photo_is_filled():
    photo = as_photo(np.full((300, 400, 3), 90, np.uint8))
    camera = Camera(intrinsics(300, (400, 300)), np.eye(4), (400, 300))
    wide = Camera(intrinsics(60, (200, 200)), np.eye(4), (200, 200))  # the photo fills its middle 80 x 60 px
    (pixels,) = warping.warp_views(photo, camera, [wide], fill=(1, 2, 3))
    inside = (pixels == 90).all(-1)
    assert photos.alpha_box(inside, 0.5) == Box(60, 70, 140, 130) and inside.sum() == 80 * 60
    assert (pixels[~inside] == (1, 2, 3)).all()


@pytest.mark.parametrize("turn", [math.radians(angle) for angle in (60, 90, 110, 180)])
def test_nothing_is_seen_behind_the_camera(turn):
    photo = as_photo(np.full((300, 400, 3), 90, np.uint8))
    camera = Camera(intrinsics(300, (400, 300)), np.eye(4), (400, 300))
    pose = look_at(np.zeros(3), np.array([0.0, -math.sin(turn), math.cos(turn)]))
    view = Camera(intrinsics(100, (240, 240)), pose, (240, 240))
    (pixels,) = warping.warp_views(photo, camera, [view])
    columns, rows = np.meshgrid(np.arange(240) + 0.5, np.arange(240) + 0.5)
    rays = np.stack([columns, rows, np.ones_like(rows)], -1) @ np.linalg.inv(view.K).T @ pose[:3, :3].T
    x, y, z = np.moveaxis(rays, -1, 0)
    seen = (z > 0) & (abs(x) < 200 / 300 * z) & (abs(y) < 150 / 300 * z)
    assert ((pixels == 90).all(-1) == seen).mean() > 0.999
    assert (pixels == 255).any()
