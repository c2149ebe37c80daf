"""A made-up model, five painted blocks, with a renderer and a network of a few lines for tests without Blender."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import numpy as np
from PIL import Image

from photo_pose.inference.geometry import Box, Camera, intrinsics, rotation_from_vector, view_sphere
from photo_pose.inference.networks.aligner import Seen
from photo_pose.inference.photo.distortion import undistorted
from photo_pose.inference.photo.image import Photo
from photo_pose.inference.pose.pose import Pose
from photo_pose.inference.search.start_poses import UPRIGHT_ROLLS, PhotoCrops, start_pose
from photo_pose.inference.views import crops
from photo_pose.inference.views.templates import Render, Rendering, Template, Templates

BLOCKS = np.array(  # lowest and highest corners: like a desk with a hutch, no two sides alike
    [
        [[-0.75, -0.35, -0.05], [0.75, 0.35, 0.05]],
        [[-0.7, -0.3, -0.5], [-0.3, 0.3, -0.05]],
        [[0.6, -0.3, -0.5], [0.7, 0.3, -0.05]],
        [[-0.7, 0.15, 0.05], [0.1, 0.35, 0.5]],
        [[0.3, -0.25, 0.05], [0.55, 0.05, 0.25]],
    ]
)
HALF_TURN = np.array([-1.0, -1, 1])  # of the model about its vertical
OUTLINE = np.array([np.choose(corner, block) for block in BLOCKS for corner in np.indices((2, 2, 2)).reshape(3, -1).T])
PLAIN = (120, 80, 60)  # the colour of the model without paint
WAVES = np.random.default_rng(3).normal(size=(3, 3)) * 3.0
CELL = 8  # px, of the made-up network
REACH = 2  # cells around a patch that it sees
BACKDROP = 200  # grey, of photos
SEEN_REACH = 24  # px around a point of a rendering where the made-up aligner looks for it


def render(camera: Camera, backdrop: int = 255, blocks: np.ndarray = BLOCKS) -> Rendering:
    """The blocks, a ray for each pixel; the paint is a smooth function of the place."""
    width, height = camera.size
    x, y = np.meshgrid(np.arange(width, dtype=np.float32) + 0.5, np.arange(height, dtype=np.float32) + 0.5)
    turn = (camera.camera_to_world[:3, :3] @ np.linalg.inv(camera.K)).astype(np.float32)
    rays = np.tensordot(turn, np.stack([x, y, np.ones_like(x)]), 1)
    away, depth = 1 / rays, np.full(x.shape, np.inf, np.float32)
    for low, high in (blocks - camera.position).astype(np.float32)[..., None, None]:
        near, far = low * away, high * away
        enter, leave = np.minimum(near, far).max(0), np.maximum(near, far).min(0)
        depth = np.minimum(depth, np.where((0 < enter) & (enter < leave), enter, np.inf))
    hit = np.isfinite(depth)
    points = (camera.position[:, None, None] + rays * np.where(hit, depth, 0)).astype(np.float32).transpose(1, 2, 0)
    rgba = np.zeros((height, width, 4), np.uint8)
    rgba[hit] = np.column_stack([paint(points[hit]), np.full(hit.sum(), 255)])
    return Rendering(rgba, np.full((height, width, 3), backdrop, np.uint8), points)


def paint(points: np.ndarray) -> np.ndarray:
    return 127.5 + 110 * np.sin(points @ WAVES.T)


def twins(camera: Camera, backdrop: int = 255) -> Rendering:
    """The blocks grown together with the same ones turned by 180 degrees: from behind only the paint is another."""
    return render(camera, backdrop, np.concatenate([BLOCKS, BLOCKS * HALF_TURN]))


def symmetric(camera: Camera, backdrop: int = 255) -> Rendering:
    """The twins with paint that is the same from behind too."""
    view = twins(camera, backdrop)
    x, y, z = view.points[view.rgba[..., 3] > 0].T
    view.rgba[view.rgba[..., 3] > 0, :3] = paint(np.stack([x * x - y * y, 2 * x * y, z], -1))
    return view


def printed(camera: Camera, backdrop: int = 255) -> Rendering:
    """The blocks with a fine print."""
    view = render(camera, backdrop)
    hit = view.rgba[..., 3] > 0
    view.rgba[hit, :3] = 127.5 + 80 * np.sin(5 * view.points[hit] @ WAVES.T)
    return view


def plain(camera: Camera, backdrop: int = 255) -> Rendering:
    """The blocks in one colour, without light and shade: nothing but their outline tells a pose."""
    view = render(camera, backdrop)
    view.rgba[..., :3] = PLAIN
    return view


def white(camera: Camera, backdrop: int = 255) -> Rendering:
    """The blocks as white as the templates' backdrop: all sides look alike, but for their shapes."""
    view = render(camera, backdrop)
    view.rgba[..., :3] = 255
    return view


def extract(pictures: np.ndarray) -> np.ndarray:
    """Stands for a network: pictures (N, H, W, 3) uint8 -> the colours around every patch (N, H // 16, W // 16, C),
    grey is 0."""
    margin = CELL * REACH
    shift = int(crops.FIRST_PATCH) - CELL // 2  # the cell of the first patch
    padded = np.pad(
        pictures, ((0, 0), (margin - shift, margin + shift), (margin - shift, margin + shift), (0, 0)), "edge"
    )
    rows, columns = padded.shape[1] // CELL, padded.shape[2] // CELL
    cells = padded[:, : rows * CELL, : columns * CELL].reshape(-1, rows, CELL, columns, CELL, 3)
    cells = cells.mean((2, 4)) / 255 - 0.5
    around = np.lib.stride_tricks.sliding_window_view(cells, (2 * REACH + 1, 2 * REACH + 1), (1, 2))
    down, across = (np.arange(length // crops.STRIDE) * crops.STRIDE // CELL for length in pictures.shape[1:3])
    found = around[:, down][:, :, across]
    return found.reshape(*found.shape[:3], -1).astype(np.float32)


def see(rendering: np.ndarray, photo: np.ndarray, alpha: np.ndarray) -> Seen:
    """Stands for the aligner: every point of the rendering is where the photo, `photo_of`, has its colour nearby."""
    object_ = np.abs(photo.astype(int) - BACKDROP).max(-1) > 8
    rows, columns = (alpha[2::4, 2::4] > 0).nonzero()
    seen = Seen(*(np.zeros((56, 56, *more), np.float32) for more in ((2,), (), ())), *[object_.astype(np.float32)] * 2)
    colours = np.pad(photo.astype(np.float32), ((SEEN_REACH, SEEN_REACH), (SEEN_REACH, SEEN_REACH), (0, 0)))
    side = 2 * SEEN_REACH + 1
    far = np.hypot(*(np.indices((side, side)) - SEEN_REACH))  # px: of places that look alike the nearest one
    seen.deviation[:] = 1
    for row, column in zip(rows, columns, strict=True):
        y, x = 4 * row + 2, 4 * column + 2
        away = np.abs(colours[y : y + side, x : x + side] - rendering[y, x]).sum(-1)
        down, across = np.divmod((away + far).argmin(), side)
        seen.flow[row, column] = across - SEEN_REACH, down - SEEN_REACH
        seen.visible[row, column] = away.min() < 12
    return seen


@cache
def templates(render: Render = render) -> Templates:
    directions = view_sphere(2)
    cameras = [crops.template_view(direction, OUTLINE) for direction in directions]
    views = [render(camera) for camera in cameras]
    features = extract(np.stack([view.rgb for view in views]))
    parts = [Template.of(view, own) for view, own in zip(views, features, strict=True)]
    features, coverage, points = (np.stack(values) for values in zip(*parts, strict=True))
    poses, K = np.stack([c.camera_to_world for c in cameras]), np.stack([c.K for c in cameras])
    return Templates(directions, poses, K, features.astype(np.float16), coverage, points, OUTLINE)


def photo_of(camera: Camera, render: Render = render) -> Photo:
    """Taken by a camera in the model's unit sphere, in front of something else than the templates' backdrop."""
    return Photo(Image.fromarray(render(camera, BACKDROP).rgb), camera.size, None, None, Path("photo.png"), True)


def bent(photo: Photo, K: np.ndarray, distortion: np.ndarray) -> Photo:
    """What a lens with this distortion takes instead of the middle of a larger photo of twice the size, which a camera
    with intrinsics K of the smaller one has taken."""
    width, height = (side // 2 for side in photo.size)
    pixels = np.stack(np.meshgrid(np.arange(width) + 0.5, np.arange(height) + 0.5), -1)
    at = undistorted((pixels - K[:2, 2]) / K[0, 0], distortion) * K[0, 0] + K[:2, 2]
    at += np.array([width, height]) / 2 - 0.5
    (i, j), picture = np.moveaxis(np.floor(at).astype(int), -1, 0), np.array(photo.image, float)
    x, y = np.moveaxis(at % 1, -1, 0)[..., None]
    above, below = (picture[j + k, i] * (1 - x) + picture[j + k, i + 1] * x for k in (0, 1))
    image = Image.fromarray((above * (1 - y) + below * y).round().astype(np.uint8))
    return Photo(image, image.size, None, None, photo.path, True)


def mask_of(camera: Camera) -> np.ndarray:
    """The model in `photo_of` the camera, (H, W) bool."""
    return render(camera).rgba[..., 3] > 0


def crops_of(camera: Camera, photo: Photo, focal: float | None = None, mask: np.ndarray | None = None) -> PhotoCrops:
    """Of a photo taken by the camera, which stands at the origin there; focal, px, in the place of the true one."""
    K = camera.K if focal is None else intrinsics(focal, camera.size)
    return PhotoCrops(photo, Camera(K, np.eye(4), camera.size), box_of(camera), UPRIGHT_ROLLS, extract, mask)


def turned(camera: Camera, crops: PhotoCrops, *degrees: float) -> Pose:
    """The true pose turned, in the photo's axes, and moved as a start from the box is."""
    rotation = rotation_from_vector(np.radians(degrees)) @ pose_of(camera).rotation
    return start_pose(crops.camera, crops.box, OUTLINE, rotation)


def pose_of(camera: Camera) -> Pose:
    """What a photo from camera shows, which stands in the model's unit sphere."""
    return Pose(camera.world_to_camera[:3, :3], camera.world_to_camera[:3, 3], camera.K)


def box_of(camera: Camera) -> Box:
    return Box.around(camera.project(OUTLINE))
