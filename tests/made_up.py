"""A made-up model, five painted blocks, with a renderer and a network of a few lines for tests without Blender."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image

from photo_pose.inference import crops
from photo_pose.inference.alignment import Pose
from photo_pose.inference.geometry import Box, Camera, view_sphere
from photo_pose.inference.image import Photo
from photo_pose.inference.templates import Rendering, Template, Templates

BLOCKS = np.array(  # lowest and highest corners: like a desk with a hutch, no two sides alike
    [
        [[-0.75, -0.35, -0.05], [0.75, 0.35, 0.05]],
        [[-0.7, -0.3, -0.5], [-0.3, 0.3, -0.05]],
        [[0.6, -0.3, -0.5], [0.7, 0.3, -0.05]],
        [[-0.7, 0.15, 0.05], [0.1, 0.35, 0.5]],
        [[0.3, -0.25, 0.05], [0.55, 0.05, 0.25]],
    ]
)
OUTLINE = np.array([np.choose(corner, block) for block in BLOCKS for corner in np.indices((2, 2, 2)).reshape(3, -1).T])
WAVES = np.random.default_rng(3).normal(size=(3, 3)) * 3.0
CELL = 8  # px, of the made-up network
REACH = 2  # cells around a patch that it sees


def render(camera: Camera, backdrop: int = 255) -> Rendering:
    """The blocks, a ray for each pixel; the paint is a smooth function of the place."""
    width, height = camera.size
    x, y = np.meshgrid(np.arange(width, dtype=np.float32) + 0.5, np.arange(height, dtype=np.float32) + 0.5)
    turn = (camera.camera_to_world[:3, :3] @ np.linalg.inv(camera.K)).astype(np.float32)
    rays = np.tensordot(turn, np.stack([x, y, np.ones_like(x)]), 1)
    away, depth = 1 / rays, np.full(x.shape, np.inf, np.float32)
    for low, high in (BLOCKS - camera.position).astype(np.float32)[..., None, None]:
        near, far = low * away, high * away
        enter, leave = np.minimum(near, far).max(0), np.maximum(near, far).min(0)
        depth = np.minimum(depth, np.where((0 < enter) & (enter < leave), enter, np.inf))
    hit = np.isfinite(depth)
    points = (camera.position[:, None, None] + rays * np.where(hit, depth, 0)).astype(np.float32).transpose(1, 2, 0)
    rgba = np.zeros((height, width, 4), np.uint8)
    rgba[hit] = np.column_stack([127.5 + 110 * np.sin(points[hit] @ WAVES.T), np.full(hit.sum(), 255)])
    return Rendering(rgba, np.full((height, width, 3), backdrop, np.uint8), points)


def extract(pictures: np.ndarray) -> np.ndarray:
    """Stands for a network: crops (N, S, S, 3) uint8 -> the colours around every patch (N, G, G, C)."""
    margin = CELL * REACH
    shift = int(crops.FIRST_PATCH) - CELL // 2  # the cell of the first patch
    padded = np.pad(
        pictures, ((0, 0), (margin - shift, margin + shift), (margin - shift, margin + shift), (0, 0)), "edge"
    )
    side = padded.shape[1] // CELL
    cells = padded[:, : side * CELL, : side * CELL].reshape(-1, side, CELL, side, CELL, 3).mean((2, 4)) / 255
    around = np.lib.stride_tricks.sliding_window_view(cells, (2 * REACH + 1, 2 * REACH + 1), (1, 2))
    grid = np.arange(crops.GRID) * crops.STRIDE // CELL
    return around[:, grid][:, :, grid].reshape(len(pictures), crops.GRID, crops.GRID, -1).astype(np.float32)


def templates() -> Templates:
    directions = view_sphere(2)
    cameras = [crops.template_view(direction, OUTLINE) for direction in directions]
    views = [render(camera) for camera in cameras]
    features = extract(np.stack([view.rgb for view in views]))
    parts = [Template.of(view, own) for view, own in zip(views, features, strict=True)]
    features, coverage, points = (np.stack(values) for values in zip(*parts, strict=True))
    poses, K = np.stack([c.camera_to_world for c in cameras]), np.stack([c.K for c in cameras])
    return Templates(directions, poses, K, features.astype(np.float16), coverage, points, OUTLINE)


def photo_of(camera: Camera) -> Photo:
    """Taken by a camera in the model's unit sphere, in front of something else than the templates' backdrop."""
    return Photo(Image.fromarray(render(camera, 200).rgb), camera.size, None, None, Path("photo.png"), True)


def pose_of(camera: Camera) -> Pose:
    """What a photo from camera shows, which stands in the model's unit sphere."""
    return Pose(camera.world_to_camera[:3, :3], camera.world_to_camera[:3, 3], camera.K)


def box_of(camera: Camera) -> Box:
    return Box.around(camera.project(OUTLINE))
