"""The rooms: their halves, where the camera stands, what covers floors and walls, and whether walls close a room."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest

bpy = pytest.importorskip("bpy")
sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from benchmark import made_up, rooms
from benchmark.aligner_pairs.sources import NEVER
from benchmark.indoors import building, coverings, furnishing, interior
from benchmark.recipes import Frame
from benchmark.tabletop.arrangement import Shot
from inference.geometry import Box, roll_of

CORNERS = np.array([[x, y, z] for x in (-25, 25) for y in (-30, 30) for z in (0, 90)], float)


def test_each_half_has_models_of_its_own_that_no_other_benchmark_shows() -> None:
    names = [name for category in rooms.CATALOGUE for name in rooms.names(category)]
    others = {name for some in made_up.CATALOGUE.values() for name in some}
    assert len(set(names)) == len(names)
    assert not set(names) & (NEVER | others | set(furnishing.NAMES))
    for category in rooms.CATALOGUE:
        assert len(rooms.names(category)) == 2 * rooms.CATEGORIES.count(category)


@pytest.mark.parametrize("lens", [20.0, 45.0, 100.0])
def test_the_camera_is_level_at_eye_height_and_not_too_far_away(lens: float) -> None:
    plan = interior.Plan("furnished", False, False, 150.0, 600.0)
    shot = Shot((640, 480), lens, 0.5, 0.2, 0.03, Frame(0.25, (0.1, 0.8), (0.0, 0.0)), 0.0)
    camera = interior.seen(shot, plan, CORNERS)
    assert camera.focal == pytest.approx(lens / 36 * 640)
    assert camera.position[2] == pytest.approx(150, abs=1)
    assert np.linalg.norm(camera.position - [0, 0, 45]) < 610
    assert roll_of(camera.camera_to_world) == pytest.approx(0.03, abs=0.005)
    box = Box.around(camera.project(CORNERS))
    assert max(box.width / 640, box.height / 480) > 0.24
    assert box.left > 0 and box.top > 0 and box.right < 640 and box.bottom < 480


@pytest.mark.parametrize("kind", coverings.MAKERS)
def test_coverings_go_on_on_the_other_side(kind: str) -> None:
    """Where they are repeated no edge is seen: first and last column and row differ no more than neighbours do."""
    light, width = coverings.MAKERS[kind](np.random.default_rng(5))
    assert light.shape == (coverings.SIDE, coverings.SIDE, 3) and 20 < width < 500
    for rows in (light, light.transpose(1, 0, 2)):
        steps = np.abs(np.diff(rows, axis=0)).mean((1, 2))
        assert np.abs(rows[0] - rows[-1]).mean() <= steps.max() + 0.02


@pytest.mark.parametrize("skew", [0.0, 80.0])
def test_walls_stand_around_the_room_and_leave_their_openings_free(skew: float) -> None:
    bpy.ops.wm.read_homefile(use_factory_startup=True, use_empty=True)
    random = np.random.default_rng(4)
    points = building.corners((np.array([-200.0, -300]), np.array([250.0, 150])), skew, random)
    opening = (100.0, 180.0, 90.0, 210.0)
    walls = building.walls(points, 260.0, [[], [], [opening], []], np.array([0.0, -250]), random)
    bpy.context.view_layer.update()
    depsgraph = bpy.context.evaluated_depsgraph_get()

    def blocked(wall: building.Wall, along: float, up: float) -> bool:
        start, end = ((wall.matrix @ [along, inward, up, 1])[:3] for inward in (5, -5))
        way = end - start
        return bpy.context.scene.ray_cast(depsgraph, start, way, distance=float(np.linalg.norm(way)))[0]

    middle = points.mean(0)
    for wall in walls:
        assert wall.matrix[:2, 1] @ (middle - wall.start) > 0  # inwards
        assert blocked(wall, 50, 50) and blocked(wall, wall.length - 20, 240)
    assert blocked(walls[2], 140, 50) and not blocked(walls[2], 140, 150)


def test_openings_lie_side_by_side_within_their_wall() -> None:
    for seed in range(30):
        found = furnishing.openings(500.0, 250.0, np.random.default_rng(seed))
        edges = [0.0, *(edge for one in found for edge in one[:2]), 500.0]
        assert edges == sorted(edges)
        assert all(0 <= sill < head < 250 for _, _, sill, head in found)
