"""The picture of a photo's lines: colours by the direction that they have, and the horizon, by numbers."""

from __future__ import annotations

import numpy as np
import pytest
from test_vanishing_points import SIZE, known_room

from photo_pose.inference.geometry import Camera, intrinsics, look_at
from photo_pose.inference.verify.lines_picture import (
    AXES,
    HORIZON,
    OFF,
    OTHERS,
    PhotoLines,
    horizon,
    lines_picture,
)

NONE = np.zeros((0, 4))


@pytest.fixture
def room():
    """Lines of a room, which axis each has, and the axes."""
    segments, has, axes = known_room(900.0, -0.3)
    camera = Camera(intrinsics(900.0, SIZE), np.eye(4), SIZE)
    return PhotoLines(camera, segments, np.zeros(len(segments), bool), axes[0]), has, axes


def colors(shown, segments: np.ndarray) -> np.ndarray:
    """(N, 3): in the middles of segments, px of the photo."""
    middles = np.c_[segments.reshape(-1, 2, 2).mean(1), np.ones(len(segments))] @ shown.from_photo.T
    columns, rows = middles[:, :2].astype(int).T
    return shown.rgba[rows, columns, :3].astype(int)


def near(found: np.ndarray, color: tuple[int, ...]) -> np.ndarray:
    return np.abs(found - color).max(-1) < 40


def test_lines_have_the_colour_of_their_direction(room):
    lines, has, axes = room
    shown = lines_picture(lines, NONE)
    assert max(shown.rgba.shape) == 1600 and abs(shown.axes[0] @ axes[0]) > 0.999
    swapped = abs(shown.axes[1] @ axes[1]) < abs(shown.axes[1] @ axes[2])
    found = colors(shown, lines.segments)
    for axis, color in ((0, AXES[0]), (1, AXES[1 + swapped]), (2, AXES[2 - swapped])):
        assert near(found[has == axis], color).mean() > 0.8  # some lie under others
    for axis, color in ((0, AXES[0]), (1, AXES[1]), (2, AXES[2]), (-1, OTHERS)):
        assert near(found[shown.belongs == axis], color).mean() > 0.7


def test_what_is_switched_off_is_dark_and_not_asked(room):
    lines, _has, _axes = room
    off = lines.segments[:3]
    shown = lines_picture(lines, off)
    assert (shown.belongs[:3] == -1).all() and near(colors(shown, off), OFF).all()


def test_the_model_s_own_are_not_asked(room):
    lines, _has, _axes = room
    shown = lines_picture(lines._replace(own=np.ones(len(lines.segments), bool)), NONE)
    assert (shown.belongs == -1).all()


def test_the_horizon_is_where_level_directions_vanish(room):
    place = np.array([1.0, -4, 2])
    camera = Camera(intrinsics(700, SIZE, (400, 250)), look_at(place, np.array([0.3, 0.2, 1.5]), 0.1), SIZE)
    up = camera.world_to_camera[:3, 2]
    ends = horizon(camera, up)
    for angle in (0.9, 1.3, 1.7, 2.1):
        far = camera.project(place + 1e7 * np.array([np.cos(angle), np.sin(angle), 0]))
        way = (ends[1] - ends[0]) / np.linalg.norm(ends[1] - ends[0])
        x, y = far - ends[0]
        assert abs(way[0] * y - way[1] * x) < 0.01 and 0 < way @ [x, y] < np.linalg.norm(ends[1] - ends[0])
    down = Camera(intrinsics(700, SIZE), look_at(place, place - [0.001, 0, 1]), SIZE)
    assert not len(horizon(down, down.world_to_camera[:3, 2]))
    shown = lines_picture(room[0], NONE)
    middle = horizon(room[0].camera, shown.axes[0]).mean(0)
    column, row = (np.diag(shown.from_photo)[:2] * middle).astype(int)
    around = shown.rgba[max(row - 4, 0) : row + 5, max(column - 60, 0) : column + 60, :3].reshape(-1, 3).astype(int)
    assert near(around, HORIZON).any()


def test_a_photo_without_lines_has_a_horizon_nevertheless(room):
    lines = room[0]._replace(segments=NONE, own=np.zeros(0, bool))
    shown = lines_picture(lines, NONE)
    assert len(shown.belongs) == 0 and abs(shown.axes[0] @ lines.up) > 0.999
