"""Solids made up by chance: boxes, cans, bottles, mugs, vases, racks, brackets, gears, printed and plain."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from PIL import Image

from .labels import label
from .mesh_pack import Material, Mesh, PackWriter, unit

SQUARE, WIDE = (128, 128), (192, 128)  # px of labels; the wide ones are of boxes, 3 x 2 faces
TURNS, SIDES = 36, 8  # faces around what is turned, and around rods


class Surface(NamedTuple):
    """vertices (V, 3); faces (F, 3); uv (V, 2)."""

    vertices: np.ndarray
    faces: np.ndarray
    uv: np.ndarray

    def moved(self, by: np.ndarray) -> Surface:
        return self._replace(vertices=self.vertices + by)


class Workshop:
    """Makes one solid."""

    def __init__(self, writer: PackWriter, random: np.random.Generator, photos: Sequence[Image.Image]) -> None:
        self._writer, self._random, self._photos = writer, random, photos
        self.printed = random.random() < 0.65
        self._materials: list[Material] = []
        self._parts: list[tuple[Surface, int]] = []

    def material(self, printed: bool, size: tuple[int, int] = SQUARE) -> int:
        """The number of a new one."""
        random = self._random
        colour = random.uniform(0.02, 0.85) * (1 - random.random() * random.random(3) * 0.8)
        texture = -1
        if printed:
            texture = self._writer.texture(label(random, size, self._photos), max(size), quality=72)
        gloss, exponent = float(random.choice([0, 0.1, 0.4])), random.uniform(8, 90)
        self._materials.append(Material(colour, 1.0, texture, gloss, exponent))
        return len(self._materials) - 1

    def put(self, surface: Surface, material: int) -> None:
        self._parts.append((surface, material))

    def mesh(self) -> Mesh:
        """Of all that was put together."""
        at, vertices, faces, uv, material = 0, [], [], [], []
        for surface, number in self._parts:
            vertices.append(surface.vertices)
            faces.append(surface.faces + at)
            uv.append(surface.uv[surface.faces])
            material.append(np.full(len(surface.faces), number))
            at += len(surface.vertices)
        joined = (np.concatenate(some) for some in (vertices, faces, uv, material))
        vertices, faces, uv, material = joined
        return Mesh(vertices, faces, self._materials, material, uv)


def solid(number: int, writer: PackWriter, random: np.random.Generator, photos: Sequence[Image.Image]) -> Mesh:
    """The number decides the kind, chance all else; labels go into the writer."""
    shop = Workshop(writer, random, photos)
    [*KINDS.values()][number % len(KINDS)](shop, random)
    return shop.mesh()


def kind_of(number: int) -> str:
    return [*KINDS][number % len(KINDS)]


def _box(shop: Workshop, random: np.random.Generator) -> None:
    shop.put(cuboid(np.exp(random.uniform(np.log(0.15), 0, 3))), shop.material(random.random() < 0.85, WIDE))


def _can(shop: Workshop, random: np.random.Generator) -> None:
    height, rim = random.uniform(0.6, 3), random.uniform(0.02, 0.1)
    shop.put(turned([[1, rim], [1, height - rim]]), shop.material(random.random() < 0.9))
    metal = shop.material(printed=False)
    shop.put(turned([[0, height - 2 * rim], [0.9, height - 2 * rim], [0.92, height], [1, height - rim]]), metal)
    shop.put(turned([[1, rim], [0.92, 0], [0.9, rim], [0, rim]]), metal)


def _bottle(shop: Workshop, random: np.random.Generator) -> None:
    height, neck, shoulder = random.uniform(2, 5), random.uniform(0.2, 0.5), random.uniform(0.5, 0.75)
    middle = [[random.uniform(0.75, 1.1), height * shoulder * k / 3] for k in (1, 2)]
    glass, printed = shop.material(printed=False), shop.material(printed=True)
    shop.put(turned([[0, 0.02], [0.9, 0], [1, 0.05]]), glass)
    body = smooth([[1, 0.05], *middle, [1, height * shoulder]], 14)
    shop.put(turned(body), printed if random.random() < 0.8 else glass)
    shop.put(turned(smooth([[1, height * shoulder], [neck, height * (shoulder + 0.17)], [neck, height]], 14)), glass)
    lid = [[neck * 1.1, height * 0.93], [neck * 1.12, height * 1.02], [0, height * 1.02]]
    shop.put(turned(lid), shop.material(printed=False))


def _vase(shop: Workshop, random: np.random.Generator) -> None:
    height = random.uniform(0.8, 3)
    radii = [random.uniform(0.5, 1), *random.uniform(0.6, 1.2, 3)]
    _vessel(shop, random, [[radius, height * k / 3] for k, radius in enumerate(radii)])


def _mug(shop: Workshop, random: np.random.Generator) -> None:
    height = random.uniform(0.8, 3)
    radii = [random.uniform(0.6, 1), 1, 1, 1]
    material = _vessel(shop, random, [[radius, height * k / 3] for k, radius in enumerate(radii)])
    angle = np.linspace(-np.pi / 2, np.pi / 2, 14)
    wide, tall = random.uniform(0.35, 0.7), random.uniform(0.2, 0.4) * height
    middle = height * random.uniform(0.45, 0.6)
    handle = np.stack([0.93 + wide * np.cos(angle), 0 * angle, middle + tall * np.sin(angle)], 1)
    shop.put(rod(handle, random.uniform(0.06, 0.14)), material)


def _vessel(shop: Workshop, random: np.random.Generator, profile: Sequence) -> int:
    """With an inside and a rim; the number of its outer material."""
    outer = smooth(profile, 16)
    inner = (outer * [0.9, 1] + [0, 0.06])[::-1]
    inner[0, 1] = outer[-1, 1]
    material = shop.material(shop.printed)
    shop.put(turned(outer), material)
    lining = shop.material(printed=False) if random.random() < 0.5 else material
    shop.put(turned([*inner, [0, 0.06]]), lining)
    shop.put(turned([outer[-1], inner[0]]), material)
    shop.put(turned([[0, 0], outer[0]]), material)
    return material


def _extruded(shop: Workshop, random: np.random.Generator) -> None:
    count = random.integers(3, 40)
    angle = np.linspace(0, 2 * np.pi, count, endpoint=False)
    if random.random() < 0.5:
        angle = np.sort(random.uniform(0, 2 * np.pi, count))
    radius = random.uniform(0.35, 1, count) if random.random() < 0.6 else np.ones(count)
    shop.put(extruded(_around(angle, radius), random.uniform(0.1, 1.5)), shop.material(shop.printed))


def _rack(shop: Workshop, random: np.random.Generator) -> None:
    """Bent rods between a few corners, and a box at one of them."""
    metal, corners = shop.material(printed=False), random.uniform(-1, 1, (random.integers(4, 9), 3)) * [1, 1, 1.5]
    for _ in range(random.integers(5, 12)):
        start, end = corners[random.integers(len(corners), size=2)]
        if np.linalg.norm(start - end) > 0.2:
            arc = np.sin(np.linspace(0, np.pi, 9))
            bend = np.outer(arc, random.normal(0, random.choice([0, 0.3]), 3))
            material = metal if random.random() < 0.7 else shop.material(printed=False)
            shop.put(rod(np.linspace(start, end, 9) + bend, random.uniform(0.02, 0.07)), material)
    shop.put(cuboid(random.uniform(0.2, 1.5, 3)).moved(corners[0]), shop.material(shop.printed, WIDE))


def _blocks(shop: Workshop, random: np.random.Generator) -> None:
    _pile(shop, random, one_material=0.4)


def _bracket(shop: Workshop, random: np.random.Generator) -> None:
    _pile(shop, random, one_material=1.0)


def _pile(shop: Workshop, random: np.random.Generator, one_material: float) -> None:
    """Boxes and cylinders that stick together; one_material: how often a part is of the common one."""
    common, at = shop.material(shop.printed, WIDE), np.zeros(3)
    for _ in range(random.integers(2, 9)):
        size = np.exp(random.uniform(np.log(0.1), np.log(1.2), 3))
        cylinder = np.array([[0, 0], [1, 0], [1, 1], [0, 1]]) * [size[0] / 2, size[2]]
        part = cuboid(size) if random.random() < 0.7 else turned(cylinder)
        own = random.random() >= one_material
        shop.put(part.moved(at), shop.material(random.random() < 0.3, WIDE) if own else common)
        at = at + size * random.choice([-0.5, 0, 0.5], 3)


def _gear(shop: Workshop, random: np.random.Generator) -> None:
    teeth, material = random.integers(8, 24), shop.material(printed=False)
    radius = np.where(np.arange(4 * teeth) % 4 < 2, 1, random.uniform(0.7, 0.92))
    wheel = _around(np.linspace(0, 2 * np.pi, 4 * teeth, endpoint=False), radius)
    shop.put(extruded(wheel, random.uniform(0.15, 0.5)), material)
    shop.put(turned([[0.25, -0.2], [0.25, random.uniform(0.4, 1)], [0, 0.4]]), material)


KINDS = {
    "box": _box,
    "can": _can,
    "bottle": _bottle,
    "mug": _mug,
    "vase": _vase,
    "extruded": _extruded,
    "rack": _rack,
    "blocks": _blocks,
    "bracket": _bracket,
    "gear": _gear,
}


def turned(profile: Sequence | np.ndarray) -> Surface:
    """A profile (P, 2), radius and height, turned about Z; u goes around, v along."""
    profile = np.asarray(profile, float)
    angle = np.linspace(0, 2 * np.pi, TURNS + 1)
    radius, height = profile.T[..., None]
    vertices = np.stack([radius * np.cos(angle), radius * np.sin(angle), height + 0 * angle], -1)
    length = np.concatenate([[0], np.cumsum(np.linalg.norm(np.diff(profile, axis=0), axis=1))])
    u, v = np.broadcast_arrays(angle / (2 * np.pi), (length / length[-1])[:, None])
    uv = np.stack([u, v], -1).reshape(-1, 2)
    return Surface(vertices.reshape(-1, 3), _grid(len(profile), TURNS + 1), uv)


def extruded(outline: np.ndarray, height: float) -> Surface:
    """An outline (P, 2), star-shaped about its mean, with a bottom and a top."""
    count, middle = len(outline), outline.mean(0)
    bottom, top = (np.column_stack([outline, np.full(count, z)]) for z in (0.0, height))
    vertices = np.concatenate([bottom, top, [[*middle, 0], [*middle, height]]])
    i = np.arange(count)
    j, below, above = (i + 1) % count, np.full(count, 2 * count), np.full(count, 2 * count + 1)
    triangles = ((i, j, j + count), (i, j + count, i + count), (j, i, below), (i + count, j + count, above))
    faces = np.concatenate([np.stack(corners, 1) for corners in triangles])
    u = np.concatenate([i / count, i / count, [0.5, 0.5]])
    return Surface(vertices, faces, np.column_stack([u, vertices[:, 2] / height]))


def rod(path: np.ndarray, radius: float) -> Surface:
    """Bent along a path (P, 3); without ends."""
    along = unit(np.gradient(path, axis=0))
    side = unit(np.cross(along, [0.3, 0.5, 0.8]))
    other = np.cross(along, side)
    angle = np.linspace(0, 2 * np.pi, SIDES + 1)[:, None]
    vertices = path[:, None] + radius * (np.cos(angle) * side[:, None] + np.sin(angle) * other[:, None])
    return Surface(vertices.reshape(-1, 3), _grid(len(path), SIDES + 1), np.zeros((vertices.size // 3, 2)))


def cuboid(size: np.ndarray) -> Surface:
    """Its label is cut into 3 x 2, one for each face."""
    vertices, faces, uv = [], [], []
    corner = np.array([[0, 0], [1, 0], [1, 1], [0, 1]])
    for number, (sign, axis) in enumerate((sign, axis) for sign in (1, -1) for axis in range(3)):
        face = np.full((4, 3), float(sign))
        face[:, [other for other in range(3) if other != axis]] = 2 * corner - 1
        vertices.append(face * size / 2)
        faces += [[4 * number, 4 * number + 1, 4 * number + 2], [4 * number, 4 * number + 2, 4 * number + 3]]
        uv.append((corner * 0.98 + 0.01 + [number % 3, number // 3]) / [3, 2])
    return Surface(np.concatenate(vertices), np.array(faces), np.concatenate(uv))


def smooth(points: Sequence | np.ndarray, count: int) -> np.ndarray:
    """So many points through others, (P, 2), which it slows down at."""
    points = np.asarray(points, float)
    at = np.linspace(0, len(points) - 1, count)
    first = at.astype(int).clip(0, len(points) - 2)
    share = at - first
    share = (share * share * (3 - 2 * share))[:, None]
    return points[first] * (1 - share) + points[first + 1] * share


def _around(angle: np.ndarray, radius: np.ndarray) -> np.ndarray:
    return np.stack([radius * np.cos(angle), radius * np.sin(angle)], 1)


def _grid(rows: int, columns: int) -> np.ndarray:
    """Triangles of a grid of vertices."""
    first = (np.arange(rows - 1)[:, None] * columns + np.arange(columns - 1)).ravel()
    one = np.stack([first, first + 1, first + columns + 1], 1)
    return np.concatenate([one, np.stack([first, first + columns + 1, first + columns], 1)])
