"""The gizmo of the photo's box lies where the view shows the box, and gives back what was dragged, inside the photo."""

import numpy as np
import pytest

pytest.importorskip("bpy")

from photo_pose.inference.geometry import Box  # noqa: E402
from photo_pose.operators.photo.box_gizmo import SMALLEST, as_box, as_matrix  # noqa: E402

SIZE, FRAME = (800, 600), Box(100, 50, 500, 350)  # a photo, shown at half its size


def moved(matrix: list[float], right: float = 0, up: float = 0, wider: float = 0) -> list[float]:
    """As Blender's cage gives it: translation last, column by column."""
    columns = np.reshape(matrix, (4, 4)).copy()
    columns[3, :2] += right, up
    columns[0, 0] += wider
    return columns.ravel().tolist()


def test_the_gizmo_lies_on_the_box_and_gives_it_back() -> None:
    matrix = np.reshape(as_matrix((200, 100, 400, 300), FRAME, SIZE), (4, 4)).T
    corners = [(matrix @ [x, y, 0, 1])[:2].tolist() for x, y in ((-0.5, 0.5), (0.5, -0.5))]
    assert corners == [[200, 300], [300, 200]]  # top left and bottom right, y up
    assert as_box(matrix.T.ravel(), FRAME, SIZE) == (200, 100, 400, 300)


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"right": 10, "up": 5}, (220, 90, 420, 290)),
        ({"right": 5, "wider": 10}, (200, 100, 420, 300)),  # the right edge
        ({"up": 500}, (200, 0, 400, SMALLEST)),
        ({"right": -150}, (0, 100, 100, 300)),
        ({"wider": -200}, (400, 100, 400 + SMALLEST, 300)),
    ],
)
def test_what_is_dragged_stays_a_box_in_the_photo(change: dict, expected: tuple[float, ...]) -> None:
    matrix = moved(as_matrix((200, 100, 400, 300), FRAME, SIZE), **change)
    np.testing.assert_allclose(as_box(matrix, FRAME, SIZE), expected)
