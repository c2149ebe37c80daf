"""Straight segments in drawn pictures, whose lines are known."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image, ImageDraw

from photo_pose.inference.photo.line_segments import SIDE, along, connected, line_segments

FINE = 4  # times as large pictures are drawn, so that edges are as smooth as a photo's


def picture(size: tuple[int, int], *polygons: list[tuple[float, float]]) -> Image.Image:
    """Black polygons on grey, px."""
    image = Image.new("L", (size[0] * FINE, size[1] * FINE), 140)
    draw = ImageDraw.Draw(image)
    for corners in polygons:
        draw.polygon([(FINE * x, FINE * y) for x, y in corners], fill=20)
    return image.resize(size, Image.Resampling.BOX)


def sides(corners: list[tuple[float, float]]) -> np.ndarray:
    return np.array([(*one, *other) for one, other in zip(corners, corners[1:] + corners[:1], strict=True)])


def distance(one: np.ndarray, other: np.ndarray) -> float:
    """Of two segments' ends, px, whichever is first."""
    turned = other.reshape(2, 2)[::-1].ravel()
    return min(np.abs(one - other).max(), np.abs(one - turned).max())


QUAD = [(60.0, 40.0), (331.0, 85.0), (290.0, 260.0), (84.0, 230.0)]


def test_the_sides_of_a_shape_are_found_to_the_pixel():
    found = line_segments(picture((400, 300), QUAD))
    assert len(found) == 4
    for side in sides(QUAD):
        assert min(distance(side, one) for one in found) < 4  # corners are round for what is smoothed
        along = (side[2:] - side[:2]) / np.linalg.norm(side[2:] - side[:2])
        nearest = min(found, key=lambda one, side=side: distance(side, one))
        off = (nearest.reshape(2, 2) - side[:2]) @ [-along[1], along[0]]
        assert np.abs(off).max() < 0.4


def test_the_longest_come_first():
    found = line_segments(picture((400, 300), QUAD))
    lengths = np.linalg.norm(found[:, 2:] - found[:, :2], axis=1)
    assert (np.diff(lengths) <= 0).all()


def test_large_pictures_are_looked_at_smaller_and_answered_in_their_own_pixels():
    large = [(6 * x, 6 * y) for x, y in QUAD]
    image = picture((2400, 1800), large)
    assert max(image.size) > 2 * SIDE
    found = line_segments(image)
    for side in sides(large):
        assert min(distance(side, one) for one in found) < 10


def test_a_bent_edge_is_several_segments_or_none():
    circle = [(200 + 110 * np.cos(angle), 150 + 110 * np.sin(angle)) for angle in np.linspace(0, 2 * np.pi, 400)]
    found = line_segments(picture((400, 300), circle))
    # the longest chord that lies within STRAIGHT, both ways, of an arc of this radius
    assert len(found) and np.linalg.norm(found[:, 2:] - found[:, :2], axis=1).max() < 2 * np.sqrt(2 * 110 * 2 * 1.3)


@pytest.mark.parametrize("shade", [0, 140, 255])
def test_where_nothing_is_there_are_no_lines(shade):
    assert line_segments(Image.new("RGB", (300, 200), (shade,) * 3)).shape == (0, 4)


def test_noise_has_no_lines():
    noise = np.random.default_rng(3).integers(110, 140, (300, 400)).astype(np.uint8)
    assert len(line_segments(Image.fromarray(noise))) < 5


def test_what_hangs_together_is_one():
    links = np.array([(0, 1), (2, 1), (5, 6), (6, 7), (7, 5), (9, 2)])
    assert connected(10, links).tolist() == [0, 0, 0, 3, 4, 5, 5, 5, 8, 0]
    chain = np.random.default_rng(1).permutation(3000)
    assert set(connected(3000, np.stack([chain[:-1], chain[1:]], 1))) == {0}


def test_a_line_is_known_again_at_another_scale_and_no_other_for_it():
    size, line = (400, 300), np.array([[100.0, 100, 300, 150]])
    across, ahead = np.array([-50.0, 200]) / np.hypot(50, 200), np.array([200.0, 50]) / np.hypot(50, 200)
    part = np.array([*(line[0, :2] + 20 * ahead), *(line[0, :2] + 90 * ahead)])
    moved = [part + np.tile(way, 2) for way in (0.01 * 400 / 3 * across, 4 * across, 250 * ahead)]
    turned = np.array([200.0, 125, 225, 150])  # at 45 degrees through its middle
    found = along(np.stack([part, part[[2, 3, 0, 1]], *moved, turned]), line, size)
    assert found.tolist() == [True, True, True, False, False, False]
    assert not along(line, np.zeros((0, 4)), size).any() and along(np.zeros((0, 4)), line, size).shape == (0,)
