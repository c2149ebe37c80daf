"""What the mouse takes hold of: an edge or a corner of the box that is there, and nothing elsewhere."""

import numpy as np
import pytest

pytest.importorskip("bpy")

from photo_pose.operators.photo.drag_box import held  # noqa: E402

LEFT_TOP, RIGHT_LOW = [100.0, 300.0], [200.0, 50.0]
REACH = 8


@pytest.mark.parametrize(
    ("at", "expected"),
    [
        ((104, 200), [[1, 0], [0, 0]]),  # the left edge
        ((150, 44), [[0, 0], [0, 1]]),  # the lower edge, from outside
        ((197, 296), [[0, 1], [1, 0]]),  # the corner at the top right
        ((150, 200), [[0, 0], [0, 0]]),  # the middle
        ((104, 320), [[0, 0], [0, 0]]),  # above the left edge's end
    ],
)
def test_edges_and_corners_are_held(at: tuple[float, float], expected: list[list[int]]) -> None:
    for corners in (np.array([LEFT_TOP, RIGHT_LOW]), np.array([RIGHT_LOW, LEFT_TOP])):
        wanted = np.array(expected, bool)
        wanted = wanted if corners[0, 0] == LEFT_TOP[0] else wanted[::-1]
        np.testing.assert_array_equal(held(corners, np.array(at, float), REACH), wanted)
