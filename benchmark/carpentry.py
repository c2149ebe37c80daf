"""Chairs made up by chance, to learn from: far more shapes than the packages have, none of them copied from a chair."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

import bpy
import numpy as np

Point = Sequence[float]


class Part(NamedTuple):
    """A mesh: vertices (V, 3), metres; faces by their vertices; what it is made of: "frame" or "cover"."""

    vertices: np.ndarray
    faces: list[tuple[int, ...]]
    stuff: str


class Plan(NamedTuple):
    """Sizes, metres, that a chair's parts share; front is at -Y, the floor at 0."""

    width: float
    depth: float
    seat: float  # height of its top
    back: float  # height above the seat
    lean: float  # of the back, radians
    bar: float  # half a frame's thickness
    sides: int  # of its bars: 4 are square, more are round

    def behind(self, height: float) -> float:
        """Y of the back's front at a height above the seat."""
        return self.depth / 2 + height * math.tan(self.lean)


def build(random: np.random.Generator) -> bpy.types.Object:
    """A chair in Blender's scene, upright and with its front to Blender's front view."""
    root = bpy.data.objects.new("Chair", None)
    bpy.context.scene.collection.objects.link(root)
    colours = {"frame": _colour(random), "cover": _colour(random)}
    for part in chair(random):
        mesh = _mesh(part)
        material = bpy.data.materials.new(part.stuff)
        material.diffuse_color = (*(colours[part.stuff] * random.uniform(0.8, 1.25)).clip(0, 1), 1)
        mesh.materials.append(material)
        child = bpy.data.objects.new(part.stuff, mesh)
        child.parent = root
        bpy.context.scene.collection.objects.link(child)
    bpy.context.view_layer.update()
    return root


def _mesh(part: Part) -> bpy.types.Mesh:
    import bmesh  # there only after bpy

    mesh, made = bpy.data.meshes.new(part.stuff), bmesh.new()
    mesh.from_pydata(part.vertices.tolist(), [], part.faces)
    made.from_mesh(mesh)
    bmesh.ops.recalc_face_normals(made, faces=made.faces)  # outwards
    made.to_mesh(mesh)
    made.free()
    return mesh


def _colour(random: np.random.Generator) -> np.ndarray:
    """Grey, wood or anything (3,)."""
    kind = random.random()
    if kind < 0.35:
        return np.full(3, random.uniform(0.02, 0.85)) + random.normal(0, 0.02, 3).clip(-0.02, 0.1)
    if kind < 0.65:
        return np.array([1.0, 0.55, 0.25]) ** random.uniform(0.6, 1.4) * random.uniform(0.05, 0.7)
    return random.uniform(0.02, 0.8, 3)


def chair(random: np.random.Generator) -> list[Part]:
    """The parts of a chair of a random kind, standing on the floor, its front at -Y."""
    easy = random.random() < 0.4  # an armchair or lounger
    high = not easy and random.random() < 0.1  # a bar chair
    plan = Plan(
        width=random.uniform(0.55, 0.95) if easy else random.uniform(0.38, 0.56),
        depth=random.uniform(0.5, 0.8) if easy else random.uniform(0.36, 0.52),
        seat=random.uniform(0.32, 0.46) if easy else random.uniform(0.6, 0.8) if high else random.uniform(0.4, 0.52),
        back=random.uniform(0.3, 0.8) if easy else random.uniform(0.15, 0.4) if high else random.uniform(0.25, 0.65),
        lean=random.uniform(0.02, 0.5) if easy else random.uniform(0, 0.3),
        bar=random.uniform(0.009, 0.03),
        sides=int(random.choice([4, 4, 10])),
    )
    barrel = random.random() < (0.3 if easy else 0.12)
    parts = _seat(plan, random) + (_barrel(plan, random) if barrel else _back(plan, random))
    parts += _arms(plan, random, 0 if barrel else 0.9 if easy else 0.3) + _legs(plan, random, easy)
    return parts


def _seat(plan: Plan, random: np.random.Generator) -> list[Part]:
    stuff = str(random.choice(["frame", "cover"]))
    thick = random.choice([random.uniform(0.015, 0.04), random.uniform(0.06, 0.2)])
    size = plan.width, plan.depth, thick
    parts = [_pillow((0, 0, plan.seat - thick / 2), size, random.uniform(0.1, 0.5), stuff, flat=random.random() < 0.7)]
    if random.random() < 0.3:
        soft = random.uniform(0.04, 0.12)
        size = (0.95 * plan.width, 0.95 * plan.depth, soft)
        parts.append(_pillow((0, 0, plan.seat + 0.4 * soft), size, random.uniform(0.2, 0.6), "cover"))
    return parts


def _back(plan: Plan, random: np.random.Generator) -> list[Part]:
    kinds = {"panel": 0.28, "bent": 0.2, "rungs": 0.16, "slats": 0.16, "hoop": 0.08, "cushion": 0.12}
    kind = random.choice(list(kinds), p=list(kinds.values()))
    gap = random.choice([0, random.uniform(0.02, 0.5)]) * plan.back  # free above the seat
    half = plan.width / 2 * random.uniform(0.75, 1)
    if kind == "hoop":
        return _hoop(plan, half, random)
    low, high = np.array([plan.behind(gap), plan.seat + gap]), np.array([plan.behind(plan.back), plan.seat + plan.back])
    stuff = str(random.choice(["frame", "cover"]))
    posts = []
    if gap or kind in ("rungs", "slats", "cushion"):
        top = 0.5 if kind in ("panel", "bent") else 1  # how far up the back the posts go
        end = plan.behind(plan.back * top), plan.seat + plan.back * top
        inward = half * random.uniform(0.3, 1) if kind in ("panel", "bent") else half
        posts = [
            _bar((side * inward, plan.depth / 2, plan.seat - 0.02), (side * inward, *end), plan, plan.bar)
            for side in (-1, 1)
        ]
    if kind in ("panel", "cushion"):
        thick = random.uniform(0.015, 0.05) if kind == "panel" else random.uniform(0.06, 0.2)
        size = 2 * half, float(np.linalg.norm(high - low)), thick
        middle = 0, *((low + high) / 2)
        slab = _pillow((0, 0, 0), size, random.uniform(0.1, 0.6), stuff, flat=random.random() < 0.6)
        return [*posts, _turned(slab, math.pi / 2 - plan.lean, middle)]
    if kind == "bent":
        return [*posts, _bent(plan, half, low, high, random, stuff)]
    return posts + _rods(half, low, high, plan, random, upright=kind == "slats")


def _rods(
    half: float, low: np.ndarray, high: np.ndarray, plan: Plan, random: np.random.Generator, upright: bool
) -> list[Part]:
    """Rungs between the posts, or slats between two rungs; low and high: (Y, Z) of the back's ends."""
    count, thick, curve = int(random.integers(2, 7)), plan.bar * random.uniform(0.6, 2.2), random.uniform(0, 0.06)

    def rung(share: float, thick: float) -> Part:
        y, z = low + share * (high - low)
        path = [(half * x, y + curve * (1 - x * x), z) for x in np.linspace(-1, 1, 7)]
        return _tube(path, plan.bar * 0.6, plan.sides, "frame", thick)

    if not upright:
        return [rung(share, thick) for share in np.linspace(random.uniform(0.1, 0.5), 0.97, count)]
    slats = []
    for x in np.linspace(-1, 1, count + 2)[1:-1]:
        bow = curve * (1 - x * x)
        ends = (half * x, low[0] + bow, low[1]), (half * x, high[0] + bow, high[1])
        slats.append(_bar(*ends, plan, plan.bar * random.uniform(0.4, 0.7)))
    return [rung(0.05, thick), rung(0.97, thick), *slats]


def _hoop(plan: Plan, half: float, random: np.random.Generator) -> list[Part]:
    """A bent rod as outline, thin ones within."""
    power = random.uniform(0.3, 0.9)

    def height(x: float) -> float:
        return plan.back * (1 - abs(x) ** (2 / power)) ** power

    def point(x: float) -> tuple[float, float, float]:
        return half * x, plan.behind(height(x)) - 0.03, plan.seat + height(x)

    outline = [point(x) for x in np.sin(np.linspace(-math.pi / 2, math.pi / 2, 19))]
    rods = [
        _bar((half * x, plan.depth / 2 - 0.03, plan.seat), point(x), plan, plan.bar / 2)
        for x in np.linspace(-1, 1, int(random.integers(3, 9)) + 2)[1:-1]
    ]
    return [_tube(outline, plan.bar, plan.sides, "frame"), *rods]


def _bent(plan: Plan, half: float, low: np.ndarray, high: np.ndarray, random: np.random.Generator, stuff: str) -> Part:
    """A sheet that is curved across, and perhaps narrower or wider above."""
    curve, upper, bow = random.uniform(0.02, 0.2), random.uniform(0.6, 1.15), random.uniform(-0.05, 0.08)
    rounding = random.uniform(0, 0.5)  # of the upper corners
    rows = []
    for v in np.linspace(0, 1, 9):
        y, z = low + v * (high - low)
        width = half * (1 + (upper - 1) * v) * (1 - rounding * max(0, v - 0.6) ** 2 / 0.16)
        y += bow * math.sin(math.pi * v)
        rows.append([(width * u, y - curve * u * u * width / half, z) for u in np.linspace(-1, 1, 11)])
    return _sheet(np.array(rows), random.uniform(0.01, 0.05), stuff)


def _barrel(plan: Plan, random: np.random.Generator) -> list[Part]:
    """A back that goes around the seat and becomes the arms, lower in front."""
    reach, front = random.uniform(1.2, 2.3), random.uniform(0.3, 1.0)  # radians from behind; height in front
    flare, low = random.uniform(0, 0.25), random.uniform(-0.1, 0.3) * plan.back
    rows = []
    for v in np.linspace(0, 1, 6):
        row = []
        for angle in np.linspace(-reach, reach, 25):
            share = 1 - (1 - front) * (abs(angle) / reach) ** 2
            height = low + v * (plan.back * share - low)
            out = 0.5 * (1 + flare * height / plan.back)
            row.append((plan.width * out * math.sin(angle), plan.depth * out * math.cos(angle), plan.seat + height))
        rows.append(row)
    return [_sheet(np.array(rows), random.uniform(0.012, 0.12), str(random.choice(["frame", "cover"])))]


def _arms(plan: Plan, random: np.random.Generator, chance: float) -> list[Part]:
    if random.random() >= chance:
        return []
    kind = random.choice(["block", "rail", "loop"])
    height = random.uniform(0.15, 0.28)
    end = plan.behind(height)
    begin = -plan.depth / 2 * random.uniform(0.5, 1.05)
    thick = random.uniform(0.06, 0.22)
    roundness = random.uniform(0.1, 0.7)
    shape = random.uniform(0.2, 0.8)
    parts = []
    for side in (-1, 1):
        x = side * (plan.width / 2 + (thick / 2 if kind == "block" else plan.bar))
        if kind == "block":
            bottom = max(0.04, plan.seat - 0.3) if shape < 0.6 else plan.seat - 0.08
            size = thick, end - begin, plan.seat + height - bottom
            parts.append(_pillow((x, (begin + end) / 2, bottom + size[2] / 2), size, roundness, "cover"))
            continue
        top = plan.seat + height
        parts.append(_bar((x, begin, top), (x, end, top + 0.04 * shape), plan, plan.bar * (1 + shape)))
        if kind == "rail":
            parts.append(_bar((x, begin * 0.9, top), (x, begin * 0.9, plan.seat - 0.03), plan, plan.bar * 0.8))
        else:
            path = [
                (x, begin + plan.bar * math.sin(a) * -2, top - height / 2 * (1 - math.cos(a)))
                for a in np.linspace(0, math.pi, 7)
            ]
            parts.append(_tube([*path, (x, end * 0.6, plan.seat)], plan.bar, plan.sides, "frame"))
    return parts


def _legs(plan: Plan, random: np.random.Generator, easy: bool) -> list[Part]:
    kinds = ["four"] * 5 + ["sled", "cantilever", "star", "column", "cross"] + ["block", "block"] * easy
    kind = random.choice(kinds)
    top, half, deep = plan.seat - 0.03, plan.width / 2 * 0.92, plan.depth / 2 * 0.92
    if kind == "block":
        foot = random.uniform(0, 0.1)
        size = plan.width * random.uniform(0.85, 1), plan.depth, top - foot
        return [_pillow((0, 0, foot + size[2] / 2), size, random.uniform(0.05, 0.3), "cover", flat=True)]
    if kind in ("star", "column"):
        return _pedestal(plan, random, star=kind == "star")
    if kind == "cross":
        ends = [(deep, -deep), (-deep, deep)]
        return [_bar((x, a, 0), (x, b, top), plan, plan.bar) for x in (-half, half) for a, b in ends]
    if kind in ("sled", "cantilever"):
        back = [(deep, 0), (deep, top)] if kind == "sled" else [(deep, 0)]
        paths = [[(x, -deep, top), (x, -deep, 0), *((x, y, z) for y, z in back)] for x in (-half, half)]
        return [
            *(_tube(path, plan.bar, plan.sides, "frame") for path in paths),
            _bar((-half, deep, plan.bar), (half, deep, plan.bar), plan, plan.bar),
            _bar((-half, -deep, top), (half, -deep, top), plan, plan.bar),
        ]
    return _four(plan, random, top, half, deep)


def _four(plan: Plan, random: np.random.Generator, top: float, half: float, deep: float) -> list[Part]:
    splay, taper = random.choice([0, random.uniform(0, 0.3)]), random.uniform(0.5, 1.1)
    rake = random.uniform(0, 0.35)  # of those behind
    inward = random.uniform(0.7, 1)
    parts, feet = [], {}
    for x in (-1, 1):
        for y in (-1, 1):
            foot = np.array([x * (half * inward + splay * top), y * (deep * inward + (splay, rake)[y > 0] * top), 0])
            knee = np.array([x * half * inward, y * deep * inward, top])
            parts.append(_bar(foot, knee, plan, plan.bar * taper, plan.bar))
            feet[x, y] = foot, knee
    if random.random() < 0.45:
        share = random.uniform(0.15, 0.6)
        at = {corner: foot + share * (knee - foot) for corner, (foot, knee) in feet.items()}
        for one, other in (((-1, -1), (-1, 1)), ((1, -1), (1, 1)), ((-1, -1), (1, -1)), ((-1, 1), (1, 1))):
            if random.random() < 0.7:
                parts.append(_bar(at[one], at[other], plan, plan.bar * 0.6))
    return parts


def _pedestal(plan: Plan, random: np.random.Generator, star: bool) -> list[Part]:
    thick, reach = random.uniform(0.02, 0.06), plan.width * random.uniform(0.42, 0.6)
    foot = random.uniform(0.04, 0.12) if star else 0.02
    column = _tube([(0, 0, foot), (0, 0, plan.seat - 0.02)], thick * random.uniform(0.5, 1), 12, "frame")
    if not star:
        rings = [(reach, 0), (reach, 0.015), (thick * 1.2, random.uniform(0.02, 0.25)), (thick, plan.seat / 2)]
        return [column, _lathed(rings, "frame")]
    count, turn = int(random.choice([4, 5, 5])), random.uniform(0, math.tau)
    parts = [column]
    for angle in turn + np.arange(count) * math.tau / count:
        end = np.array([reach * math.cos(angle), reach * math.sin(angle), foot])
        parts.append(_bar((0, 0, foot + random.uniform(0, 0.03)), end, plan, plan.bar * 0.7, plan.bar * 1.2))
        if foot > 0.05:
            parts.append(_pillow((end[0], end[1], foot / 2), (foot * 0.6, foot, foot), 1.0, "frame"))
    return parts


def _bar(start: Point, end: Point, plan: Plan, radius: float, last: float | None = None) -> Part:
    return _tube([start, end], radius, plan.sides, "frame", last=last)


def _tube(
    path: Sequence[Point], radius: float, sides: int, stuff: str, thick: float | None = None, last: float | None = None
) -> Part:
    """A bar along a path (P, 3); thick: half its upright size where it differs; last: its radius at the end."""
    points = np.array(path, float)
    along = np.gradient(points, axis=0)
    along /= np.linalg.norm(along, axis=1, keepdims=True).clip(1e-9)
    angles = (np.arange(sides) + 0.5) * math.tau / sides
    shape = np.stack([np.cos(angles), np.sin(angles)], 1) * (2**0.5 if sides == 4 else 1)
    rings = []
    for direction, size in zip(along, np.linspace(radius, last or radius, len(points)), strict=True):
        helper = np.array([0, 0, 1.0]) if abs(direction[2]) < 0.8 else np.array([0, 1.0, 0])
        across = np.cross(direction, helper)
        across /= np.linalg.norm(across)
        rings.append(shape[:, :1] * size * across + shape[:, 1:] * (thick or size) * np.cross(across, direction))
    return _skin(points[:, None] + np.array(rings), stuff)


def _lathed(profile: Sequence[tuple[float, float]], stuff: str) -> Part:
    """Circles of (radius, height) around the vertical, joined."""
    angles = np.arange(24) * math.tau / 24
    rings = [np.stack([r * np.cos(angles), r * np.sin(angles), np.full(24, z)], 1) for r, z in profile]
    return _skin(np.array(rings), stuff)


def _pillow(middle: Point, size: Point, roundness: float, stuff: str, flat: bool = False) -> Part:
    """A superellipsoid: a box at roundness 0, an ellipsoid at 1; flat: only its outline seen from above is round."""
    upright = np.linspace(-math.pi / 2, math.pi / 2, 11)
    around = np.arange(32) * math.tau / 32

    def power(value: np.ndarray, exponent: float) -> np.ndarray:
        return np.sign(value) * np.abs(value) ** exponent

    out = power(np.cos(upright), 0.12 if flat else roundness)[:, None, None]
    outline = np.stack([power(np.cos(around), roundness), power(np.sin(around), roundness)], 1)
    heights = power(np.sin(upright), 0.12 if flat else roundness)
    rings = np.concatenate([out * outline, np.broadcast_to(heights[:, None, None], (11, 32, 1))], 2)
    return _skin(np.array(middle) + rings * np.array(size) / 2, stuff)


def _sheet(grid: np.ndarray, thickness: float, stuff: str) -> Part:
    """A surface (R, C, 3) made thick along its normals."""
    normals = np.cross(np.gradient(grid, axis=1), np.gradient(grid, axis=0))
    normals /= np.linalg.norm(normals, axis=2, keepdims=True).clip(1e-9)
    front, behind = grid - normals * thickness / 2, grid + normals * thickness / 2
    return _skin(np.concatenate([front, behind[:, ::-1]], 1), stuff)


def _skin(rings: np.ndarray, stuff: str) -> Part:
    """Rings (R, S, 3) of points joined by faces, the first and the last one closed."""
    count, sides = rings.shape[:2]
    numbers = np.arange(count * sides).reshape(count, sides)
    following = np.roll(numbers, -1, 1)
    quads = np.stack([numbers[:-1], following[:-1], following[1:], numbers[1:]], -1).reshape(-1, 4)
    ends = [tuple(numbers[0, ::-1].tolist()), tuple(numbers[-1].tolist())]
    return Part(rings.reshape(-1, 3), [*map(tuple, quads.tolist()), *ends], stuff)


def _turned(part: Part, angle: float, middle: Point) -> Part:
    """Turned about X, then moved."""
    cosine, sine = math.cos(angle), math.sin(angle)
    turn = np.array([[1, 0, 0], [0, cosine, sine], [0, -sine, cosine]])
    return part._replace(vertices=part.vertices @ turn + np.array(middle))
