"""Boxes and focal lengths that can be used, and that cannot."""

from __future__ import annotations

import math

import numpy as np
import pytest

from photo_pose.inference.errors import PoseError
from photo_pose.inference.geometry import Box
from photo_pose.inference.photo import checks


@pytest.mark.parametrize(
    "box", [(10, 20, 60, 70), (-50, -50, 500, 500), np.array([92, 0.0, 300, 8]), [0, 72, 100, 1e6]]
)
def test_boxes_that_can_be_used(box):
    assert checks.checked_box(box, (100, 80)) == Box(*box)


@pytest.mark.parametrize(
    ("box", "sentence"),
    [
        (None, "four numbers"),
        (5, "four numbers"),
        ("1234", "four numbers"),
        ((1, 2, 3), "four numbers"),
        ((1, 2, 30, 40, 5), "four numbers"),
        ((1, 2, 30, None), "four numbers"),
        ((1, 2, 30, [4]), "four numbers"),
        ((1, 2, 30, math.nan), "four numbers"),
        ((1, 2, 30, math.inf), "four numbers"),
        ((1, 2, 30, 10**400), "four numbers"),
        ((30, 2, 30, 40), "empty"),
        ((10, 40, 30, 20), "empty"),
        ((100, 0, 150, 50), "outside the photo, which has 100 x 80 px"),
        ((-20, 0, 0, 50), "outside"),
        ((0, -40, 50, -10), "outside"),
        ((0, 80, 50, 120), "outside"),
        ((93, 0, 300, 80), "too small"),
        ((0, 0, 50, 7.9), "too small"),
    ],
)
def test_boxes_that_cannot_be_used(box, sentence):
    with pytest.raises(PoseError, match=sentence):
        checks.checked_box(box, (100, 80))


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf, 0, -35.0, None, "35", 10**400])
def test_focal_lengths_that_cannot_be_used(value):
    for check in (
        lambda: checks.checked_focal(value),
        lambda: checks.focal_from_lens(value, 36, (100, 80)),
        lambda: checks.focal_from_lens(50, value, (100, 80)),
        lambda: checks.checked_sensor(value),
    ):
        with pytest.raises(PoseError, match="must be a positive number of"):
            check()


@pytest.mark.parametrize("size", [(1200, 800), (800, 1200)])
def test_focal_lengths(size):
    assert checks.checked_focal(np.float32(800)) == 800
    assert checks.default_focal(size) == pytest.approx(50 / 36 * 1200)
    assert checks.focal_from_lens(24, 23.5, size) == pytest.approx(24 / 23.5 * 1200)
