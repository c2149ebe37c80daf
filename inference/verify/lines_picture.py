"""The lines of a photo that its lens is read from, coloured by where they lead, and the horizon: for people."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from PIL import Image, ImageDraw

from ..geometry import Camera
from ..photo.line_segments import along
from ..photo.vanishing_points import belongs_to, opinion
from ..pose.pose import is_standing
from ..search.start_poses import PhotoCrops
from .lens import on_model, segments_of
from .refinement import Verified

SIDE = 1600  # px, the longer side of the picture
SMOOTH = 2  # times as large is it drawn, against jagged lines
# From Okabe and Ito's, which people who see few colours can tell apart
AXES = (86, 180, 233), (230, 159, 0), (0, 158, 115)  # upright lines, and those of the two level directions
OTHERS, OFF, HORIZON = (150, 150, 150), (60, 60, 60), (255, 255, 255)
BEHIND = (0, 0, 0)  # around lines, that they are seen on whatever the photo shows
SHADE = 70  # of 255: how far the photo is darkened
# Widths, px
THICK, THIN, BORDER = 4, 2, 2
DASH = 24  # px of the horizon, and as much between two
FAR = 20.0  # times the longer side: a horizon so far away is none


class PhotoLines(NamedTuple):
    """Straight segments of a photo (N, 4), px, the longest first, that its camera, in its own axes, is to explain.

    own (N,) bool: the model's own, which are not asked; up (3,): where up is in camera axes, None where that is not
    known.
    """

    camera: Camera
    segments: np.ndarray
    own: np.ndarray
    up: np.ndarray | None


class LinesPicture(NamedTuple):
    """Segments and horizon, rgba (H, W, 4) uint8, sRGB with straight alpha, to be laid over the photo.

    from_photo: (3, 3), homogeneous px of the photo -> px of rgba. belongs (N,) int: as in `belongs_to`, -1 of those
    that are not asked. axes (3, 3): unit vectors in camera axes: upwards, and the two level directions.
    """

    rgba: np.ndarray
    from_photo: np.ndarray
    belongs: np.ndarray
    axes: np.ndarray


def photo_lines(crops: PhotoCrops, one: Verified, upright: bool) -> PhotoLines:
    """Of a photo whose model was rendered; upright: whether a model that stands tells where up is."""
    pose, segments = one.closeup.pose, segments_of(crops)
    up = pose.rotation[:, 2] if upright and is_standing(pose) else None
    return PhotoLines(crops.camera, segments, on_model(segments, one), up)


def lines_picture(lines: PhotoLines, without: np.ndarray) -> LinesPicture:
    """As the camera explains them; without (M, 4): those that the user has switched off, px of the photo."""
    camera, segments = lines.camera, lines.segments
    point, focal, size = camera.K[:2, 2], camera.focal, camera.size
    off = along(segments, without, size)
    asked = ~(off | lines.own)
    ups = None if lines.up is None else lines.up[None]
    axes = opinion(segments[asked], size, np.array([focal]), point, ups).axes[0]
    belongs = np.full(len(segments), -1)
    belongs[asked] = belongs_to(segments[asked], size, focal, axes, point)
    scale = SIDE / max(size)
    rgba = _painted(scale * segments, belongs, off, scale * horizon(camera, axes[0]), np.multiply(scale, size))
    return LinesPicture(rgba, np.diag([rgba.shape[1] / size[0], rgba.shape[0] / size[1], 1.0]), belongs, axes)


def horizon(camera: Camera, up: np.ndarray) -> np.ndarray:
    """(N, 2), px: two points far away to both sides, between which level directions vanish; none where that is nowhere
    near the picture. up (3,): unit vector in camera axes."""
    line = np.linalg.inv(camera.K).T @ up
    steep, longer = np.linalg.norm(line[:2]), max(camera.size)
    middle = np.divide(camera.size, 2)
    away = -(line[:2] @ middle + line[2])
    if steep * FAR * longer < abs(away):
        return np.zeros((0, 2))
    nearest = middle + away * line[:2] / steep**2
    way = np.array([-line[1], line[0]]) / steep * 2 * longer
    return np.stack([nearest - way, nearest + way])


def _painted(
    segments: np.ndarray, belongs: np.ndarray, off: np.ndarray, horizon: np.ndarray, size: np.ndarray
) -> np.ndarray:
    """(H, W, 4) uint8; all in px of it."""
    shape = np.maximum(np.round(size), 1).astype(int)
    picture = Image.new("RGBA", tuple((SMOOTH * shape).tolist()), (*BEHIND, SHADE))
    pen = ImageDraw.Draw(picture)
    for ends in _dashes(horizon):
        _line(pen, ends, HORIZON, THICK)
    for kind in (-1, 0, 1, 2):  # what tells something lies above
        for ends in segments[(belongs == kind) & ~off]:
            _line(pen, ends, OTHERS if kind < 0 else AXES[kind], THIN if kind < 0 else THICK)
    for ends in segments[off]:
        _line(pen, ends, OFF, THIN)
    return np.asarray(picture.resize(tuple(shape.tolist()), Image.Resampling.BOX))


def _dashes(ends: np.ndarray) -> np.ndarray:
    """(N, 4): of a line (2, 2) or none."""
    if not len(ends):
        return np.zeros((0, 4))
    length = np.linalg.norm(ends[1] - ends[0])
    starts = np.arange(0, length, 2 * DASH)[:, None] / length
    first, last = (ends[0] + part * (ends[1] - ends[0]) for part in (starts, starts + DASH / length))
    return np.c_[first, last]


def _line(pen: ImageDraw.ImageDraw, ends: np.ndarray, color: tuple[int, ...], width: int) -> None:
    for line, thickness in ((BEHIND, width + 2 * BORDER), (color, width)):
        pen.line((SMOOTH * ends).tolist(), fill=(*line, 255), width=SMOOTH * thickness)
