"""The crops that the network sees, framed alike for rendered templates and for photos.

Every crop is the image of a camera that looks at the object (its middle on the optical axis), so that an object
seen at the edge of a wide photo is compared without perspective distortion.
"""

from __future__ import annotations

import numpy as np

from ..geometry import Box, Camera, intrinsics, look_at, roll_matrix, turn_between

SIZE = 224  # px, side of a crop
STRIDE = 16  # px between patches
GRID = SIZE // STRIDE  # patches a side
FIRST_PATCH = 10.0  # px, middle of what the first patch describes, measured (efficientnet.py); padding is uneven
PADDING = 0.1  # of the box's longer side, left free on each side
LENS = 50 / 36  # focal length over sensor width of the template cameras
SMALLEST = 1e-3  # of the template cameras' pictures, side of a view's box: a needle, seen from its point, has none
DISTANCE = float(1 / np.sin(np.arctan(0.5 / LENS)))  # from which the unit sphere just fills that lens


def template_view(direction: np.ndarray, outline: np.ndarray, distance: float = DISTANCE) -> Camera:
    """Camera whose image is the crop of a model, outline (P, 3) in its unit sphere, seen from direction (3,)."""
    camera = Camera(intrinsics(LENS, (1, 1)), look_at(direction * distance, np.zeros(3)), (1, 1))
    return camera.windowed(_window(Box.around(camera.project(outline)), SMALLEST), (SIZE, SIZE))


def photo_view(camera: Camera, box: Box, roll: float = 0.0, scale: float = 1.0) -> Camera:
    """Camera at camera's place that looks at the middle of its box, rolled, and frames scale times the box."""
    turn = np.eye(4)
    turn[:3, :3] = turn_between(np.array([0.0, 0.0, 1.0]), camera.ray(box.center))
    aimed = Camera(np.eye(3), camera.camera_to_world @ turn, camera.size)
    corners = _rays(camera, box) @ turn[:3, :3]
    apparent = Box.around(corners[:, :2] / corners[:, 2:])
    side = max(apparent.width, apparent.height) * scale / 2
    square = Box(-side, -side, side, side)
    return aimed.placed(aimed.camera_to_world @ roll_matrix(roll)).windowed(_window(square), (SIZE, SIZE))


def _window(box: Box, smallest: float = 0.0) -> Box:
    """The padded square around a box, moved so that the patches' centres lie evenly in it."""
    side = max(box.width, box.height, smallest) * (1 + 2 * PADDING)
    left, top = box.center - side * (0.5 + (FIRST_PATCH - STRIDE / 2) / SIZE)
    return Box(left, top, left + side, top + side)


def _rays(camera: Camera, box: Box) -> np.ndarray:
    corners = [(x, y, 1.0) for x in (box.left, box.right) for y in (box.top, box.bottom)]
    return np.array(corners) @ np.linalg.inv(camera.K).T
