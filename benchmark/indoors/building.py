"""An empty room in Blender, in centimetres: floor, walls with windows and doors, ceiling, light."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import bpy
import numpy as np
from mathutils import Matrix

from benchmark import stage
from benchmark.recipes import HDRIS
from benchmark.tabletop.arrangement import Bounds, cover, new_material

from . import coverings

OUTSIDE = 1200.0  # reach of a floor that no walls end
REVEAL, FRAME = 18.0, 6.0  # depth of a window in its wall, thickness of its bars
THIN = 0.3  # how much less deep bars are than those that they cross: of two faces in one place neither is drawn
LAMP = (0.4, 3.0)  # irradiance on the floor below, where a clear sky gives some 3

Random = np.random.Generator
Block = tuple[Sequence[float], Sequence[float]]  # lowest and highest corner (3,)


class Wall(NamedTuple):
    """start, end: on the floor (2,), the room to the left of the way between them; openings: from, to, sill, head."""

    start: np.ndarray
    end: np.ndarray
    height: float
    openings: list[tuple[float, float, float, float]]

    @property
    def length(self) -> float:
        return float(np.linalg.norm(self.end - self.start))

    @property
    def matrix(self) -> np.ndarray:
        """(4, 4): from along, into the room, up."""
        along = (self.end - self.start) / self.length
        to_world = np.eye(4)
        to_world[:2, 0], to_world[:2, 1], to_world[:2, 3] = along, (-along[1], along[0]), self.start
        return to_world


def corners(bounds: Bounds, skew: float, random: Random) -> np.ndarray:
    """(4, 2), counter-clockwise from the lowest: of a room that holds the bounds; skew: how far one corner is moved
    outwards, so that two walls are not at right angles."""
    (left, near), (right, far) = bounds
    points = np.array([[left, near], [right, near], [right, far], [left, far]])
    if skew:
        one = int(random.integers(2, 4))  # behind
        points[one] += skew * np.array([1 if one == 2 else -1, 1]) * random.permutation([1.0, random.uniform(0, 0.2)])
    return points


def floor(points: np.ndarray, random: Random) -> None:
    """points (4, 2): its corners."""
    obj = _mesh(stage.FLOOR, np.column_stack([points, np.zeros(4)]), [(0, 1, 2, 3)])
    covering = coverings.floor(random)
    cover(obj, covering.picture, covering.width, random)


def walls(points: np.ndarray, height: float, openings: Sequence[list], back: np.ndarray, random: Random) -> list[Wall]:
    """Four, and a ceiling; openings: of each wall; back (2,): the camera's place, from behind which light comes in."""
    found, covering = [], coverings.wall(random)
    other = coverings.wall(random) if random.random() < 0.3 else covering
    for number in range(4):
        wall = Wall(points[number], points[(number + 1) % 4], height, openings[number])
        obj = _pierced(wall)
        chosen = other if number == 2 else covering
        cover(obj, chosen.picture, chosen.width, random, turns=(0,))
        if (wall.matrix[:2, 1] @ (back - points.mean(0))) < 0:
            _let_light_through(obj)
        found.append(wall)
    ceiling = _mesh("Ceiling", np.column_stack([points, np.full(4, height)]), [(0, 1, 2, 3)])
    paint(ceiling, np.full(3, random.uniform(0.8, 0.95)), 0.9)
    _let_light_through(ceiling)
    return found


def _let_light_through(obj: bpy.types.Object) -> None:
    """The camera sees it; light comes from there as from a large window."""
    obj.visible_shadow = obj.visible_diffuse = False


def _pierced(wall: Wall) -> bpy.types.Object:
    """In its own X, along the wall, and Y, upwards."""
    vertices: list[tuple[float, float, float]] = []

    def quad(left: float, right: float, low: float, high: float) -> None:
        if right > left and high > low:
            vertices.extend([(left, low, 0), (right, low, 0), (right, high, 0), (left, high, 0)])

    at = 0.0
    for left, right, sill, head in sorted(wall.openings):
        quad(at, left, 0, wall.height)
        quad(left, right, 0, sill)
        quad(left, right, head, wall.height)
        at = right
    quad(at, wall.length, 0, wall.height)
    count = len(vertices) // 4
    obj = _mesh("Wall", np.array(vertices), [tuple(range(4 * n, 4 * n + 4)) for n in range(count)])
    obj.matrix_world = Matrix(wall.matrix @ np.array([[1, 0, 0, 0], [0, 0, -1, 0], [0, 1, 0, 0], [0, 0, 0, 1]]))
    return obj


def window(wall: Wall, opening: tuple[float, float, float, float], random: Random) -> None:
    """Frame, bars, reveal and board."""
    left, right, sill, head = opening
    outside = [
        ((left - 1, -REVEAL, sill - 1), (left, 0, head + 1)),
        ((right, -REVEAL, sill - 1), (right + 1, 0, head + 1)),
        ((left, -REVEAL, head), (right, 0, head + 1)),
        ((left - 3, -REVEAL, sill - 3), (right + 3, random.uniform(3, 12), sill)),
    ]
    deep, thick = (-REVEAL, FRAME - REVEAL), FRAME * random.uniform(0.7, 1.3)
    bars = [
        ((left, deep[0], sill), (left + thick, deep[1], head)),
        ((right - thick, deep[0], sill), (right, deep[1], head)),
        ((left, deep[0] + THIN, sill), (right, deep[1] - THIN, sill + thick)),
        ((left, deep[0] + THIN, head - thick), (right, deep[1] - THIN, head)),
    ]
    for share in np.linspace(0, 1, int(random.integers(1, 4)) + 1)[1:-1]:
        middle = left + share * (right - left)
        bars.append(((middle - thick / 2, deep[0], sill), (middle + thick / 2, deep[1], head)))
    if random.random() < 0.5:
        middle = sill + random.uniform(0.5, 0.75) * (head - sill)
        bars.append(((left, deep[0] + THIN, middle), (right, deep[1] - THIN, middle + thick * 0.8)))
    white = np.full(3, random.uniform(0.75, 0.92))
    blocks(outside, wall.matrix, white, 0.6)
    blocks(bars, wall.matrix, white if random.random() < 0.7 else np.array(stage.random_colour(random, 0.6)[:3]), 0.4)


def door(wall: Wall, opening: tuple[float, float, float, float], random: Random) -> None:
    """Casing, leaf with panels, handle."""
    left, right, _, head = opening
    wide = random.uniform(5, 10)
    casing = [
        ((left - wide, -12, 0), (left, 2, head + wide)),
        ((right, -12, 0), (right + wide, 2, head + wide)),
        ((left, -12, head), (right, 2, head + wide)),
    ]
    leaf = [((left, -6, 0.5), (right, -2, head))]
    for low, high in ((0.08, 0.42), (0.48, 0.93)) if random.random() < 0.6 else ():
        for start, end in ((0.12, 0.46), (0.54, 0.88)) if random.random() < 0.6 else ((0.14, 0.86),):
            across = left + (right - left) * np.array([start, end])
            leaf.append(((across[0], -2, low * head), (across[1], -0.8, high * head)))
    colour = (
        np.full(3, random.uniform(0.6, 0.9))
        if random.random() < 0.6
        else np.array(stage.random_colour(random, 0.6)[:3])
    )
    blocks(casing, wall.matrix, colour, 0.5)
    blocks(leaf, wall.matrix, colour * random.uniform(0.9, 1.05), 0.45)
    handle = left + 0.06 * (right - left)
    blocks([((handle - 1, -2, 102), (handle + 11, 3, 104.5))], wall.matrix, np.full(3, 0.4), 0.2)


def skirting(wall: Wall, random: Random) -> None:
    """A board along the floor, between the doors."""
    doors = sorted((left, right) for left, right, sill, _ in wall.openings if sill == 0)
    edges = [0.0, *(edge for ends in doors for edge in ends), wall.length]
    high = random.uniform(5, 12)
    boards = [((left, 0, 0), (right, 1.6, high)) for left, right in zip(edges[::2], edges[1::2], strict=True)]
    blocks(boards, wall.matrix, np.full(3, random.uniform(0.5, 0.92)), 0.5)


def blocks(boxes: Sequence[Block], matrix: np.ndarray, colour: np.ndarray, roughness: float) -> bpy.types.Object:
    """Boxes of one paint; matrix (4, 4): where they stand in the world."""
    unit = np.array([[x, y, z] for z in (0, 1) for y in (0, 1) for x in (0, 1)])
    faces = np.array([[0, 2, 3, 1], [4, 5, 7, 6], [0, 1, 5, 4], [2, 6, 7, 3], [0, 4, 6, 2], [1, 3, 7, 5]])
    vertices = np.concatenate([np.array(low) + unit * (np.array(high) - low) for low, high in boxes])
    numbers = np.concatenate([faces + 8 * number for number in range(len(boxes))])
    obj = _mesh("Blocks", vertices, list(map(tuple, numbers.tolist())))
    obj.matrix_world = Matrix(matrix)
    paint(obj, colour, roughness)
    return obj


def paint(obj: bpy.types.Object, colour: np.ndarray, roughness: float) -> None:
    shader = new_material(obj).node_tree.nodes["Principled BSDF"]
    shader.inputs["Base Color"].default_value = (*colour, 1.0)
    shader.inputs["Roughness"].default_value = roughness


def light(middle: np.ndarray, height: float, random: Random) -> None:
    """From outside, and in most rooms a lamp below the ceiling; middle (2,): of the room."""
    stage.light(HDRIS[random.integers(len(HDRIS))], random.uniform(0, 2 * np.pi))
    for _ in range(int(random.integers(0, 3))):
        lamp = bpy.data.lights.new("lamp", "AREA")
        lamp.shape, lamp.size = "DISK", random.uniform(15, 90)
        lamp.energy = np.pi * height**2 * random.uniform(*LAMP)
        lamp.color = (1.0, random.uniform(0.75, 1), random.uniform(0.5, 1))
        holder = bpy.data.objects.new("lamp", lamp)
        holder.location = (*(middle + random.uniform(-120, 120, 2)), height - random.uniform(5, 60))
        bpy.context.collection.objects.link(holder)


def _mesh(name: str, vertices: np.ndarray, faces: list[tuple[int, ...]]) -> bpy.types.Object:
    mesh = bpy.data.meshes.new(name)
    mesh.from_pydata(vertices.tolist(), [], faces)
    obj = bpy.data.objects.new(name, mesh)
    bpy.context.collection.objects.link(obj)
    return obj
