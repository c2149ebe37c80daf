"""What of a view is free for the photo, and what the mouse takes hold of there: an edge or a corner of the box."""

import numpy as np
import pytest

bpy = pytest.importorskip("bpy")

from photo_pose.operators.photo.drag_box import held  # noqa: E402
from photo_pose.operators.pictures.camera_view import free_part, main_region, window_region  # noqa: E402

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


def view_3d(kind: str) -> tuple[bpy.types.Area, bpy.types.Region]:
    area = next(area for area in bpy.context.window_manager.windows[0].screen.areas if area.type == "VIEW_3D")
    return area, next(region for region in area.regions if region.type == kind)


def test_toolbar_and_headers_leave_the_rest_of_the_view_free() -> None:
    (area, view), (_area, tools), (_area, header) = (view_3d(kind) for kind in ("WINDOW", "TOOLS", "TOOL_HEADER"))
    assert tools.width > 10 and tools.x == view.x and header.y < view.y + view.height  # they lie over it
    free = free_part(area, view)
    assert (free.left, free.bottom) == (tools.x + tools.width - view.x, header.y - view.y)
    assert view.width - 2 < free.right <= view.width and free.top == 0


def test_in_a_sidebar_the_main_view_is_meant() -> None:
    area, sidebar = view_3d("UI")
    for region in (sidebar, main_region(area)):
        with bpy.context.temp_override(window=bpy.context.window_manager.windows[0], area=area, region=region):
            assert window_region(bpy.context) == main_region(area)
