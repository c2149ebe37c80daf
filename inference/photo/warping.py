"""Views warped out of a photo: what cameras at the same place would have taken that turn and zoom."""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import cache

import numpy as np
from PIL import Image
from PIL.Image import Resampling, Transform

from ..geometry import Box, Camera
from .image import Photo

OVERSAMPLING = 1.75  # reduced photo pixels per warped pixel: of 1 to 2 the nearest to exact area averages
EDGE_ON = 1e-6  # depth below which a view's ray passes beside or behind the camera that took the photo


def warp_views(
    photo: Photo, camera: Camera, views: Sequence[Camera], fill: tuple[int, int, int] = (255, 255, 255)
) -> np.ndarray:
    """The photo as cameras that only turn and zoom would have taken it: (N, H, W, 3) uint8, antialiased.

    camera took the photo (its K and size in pixels of photo.size); the views stand at its position and share
    one size (W, H). What lies outside the photo gets the colour fill. Many views of one place cost little
    more than one, for they share a reduced copy of it.
    """
    camera = camera.windowed(Box(0, 0, *photo.size), photo.image.size)
    seen = _seen(camera, views)

    @cache
    def reduced(level: int) -> tuple[Image.Image, Camera]:
        return _reduced_window(photo.image, camera, seen, 2 ** (level / 4))

    return np.stack([_warped(*reduced(_level(camera, view)), view, fill) for view in views])


def _homography(camera: Camera, view: Camera) -> np.ndarray:
    """(3, 3): homogeneous view pixels -> camera pixels times depth, where the view's ray has depth 1."""
    turn = camera.world_to_camera[:3, :3] @ view.camera_to_world[:3, :3]
    return camera.K @ turn @ np.linalg.inv(view.K)


def _corners(size: tuple[int, int]) -> np.ndarray:
    """(3, 4) homogeneous."""
    width, height = size
    return np.array([[0, width, width, 0], [0, 0, height, height], [1, 1, 1, 1.0]])


def _seen(camera: Camera, views: Sequence[Camera]) -> Box:
    """Box around all that the views may show, px of the camera, not clipped to its image."""
    corners = np.concatenate([_homography(camera, view) @ _corners(view.size) for view in views], axis=1)
    if corners[2].min() < EDGE_ON:  # past a right angle a view's corners no longer enclose what it shows
        return Box(0, 0, *camera.size)
    return Box.around((corners[:2] / corners[2]).T)


def _level(camera: Camera, view: Camera) -> int:
    """How far to reduce the camera's image for view, in quarter octaves so that like views share one."""
    matrix = _homography(camera, view)
    depth = matrix[2] @ [view.size[0] / 2, view.size[1] / 2, 1]
    if depth < EDGE_ON:
        return 0
    minification = math.sqrt(abs(np.linalg.det(matrix)) / depth**3)
    return max(0, round(4 * math.log2(minification / OVERSAMPLING)))


def _reduced_window(image: Image.Image, camera: Camera, seen: Box, factor: float) -> tuple[Image.Image, Camera]:
    """The seen part of the camera's image, made smaller by about factor, and the camera that shows it."""
    if factor <= 1:
        return image, camera
    margin, last = 2 * factor, np.array(image.size)  # the margin is what the filters reach
    start = np.clip(np.floor(np.array(seen[:2]) - margin), 0, last - 1)
    stop = np.clip(np.ceil(np.array(seen[2:]) + margin), start + 1, last)
    window = Box(*start.tolist(), *stop.tolist())
    size = math.ceil(window.width / factor), math.ceil(window.height / factor)
    return image.resize(size, Resampling.BILINEAR, window, reducing_gap=1.5), camera.windowed(window, size)


def _warped(image: Image.Image, camera: Camera, view: Camera, fill: tuple[int, int, int]) -> np.ndarray:
    matrix = _homography(camera, view)
    numbers = (matrix / (matrix[2, 2] or 1e-12)).ravel()[:8]  # Pillow takes the ninth to be 1
    warped = image.transform(view.size, Transform.PERSPECTIVE, numbers, Resampling.BILINEAR, fillcolor=fill)
    pixels = np.array(warped)
    if (matrix[2] @ _corners(view.size)).min() < EDGE_ON:  # behind the camera Pillow sees the photo mirrored
        columns, rows = np.arange(view.size[0]) + 0.5, np.arange(view.size[1]) + 0.5
        pixels[matrix[2, 0] * columns + matrix[2, 1] * rows[:, None] + matrix[2, 2] < EDGE_ON] = fill
    return pixels
