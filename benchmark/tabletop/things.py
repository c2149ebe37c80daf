"""Models of small things, made up by chance, as .obj files with materials and pictures: centimetres, Y up."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from PIL import Image

from benchmark.aligner_pairs.mesh_pack import creased_normals, cross_products
from benchmark.aligner_pairs.obj_reader import parsed
from benchmark.aligner_pairs.solids import KINDS, Surface

from .prints import Product, front, info, strip, wrap

LABEL = (1024, 512)  # px, of what goes around
FACE = 512  # px, of a box's longest side
SOLIDS = ("extruded", "bracket", "gear", "blocks", "vase", "rack")
PRINTED = {"can": 0.95, "bottle": 0.95, "mug": 0.6}
ALIKE = 0.4  # of the printed things have two fronts
SIZES = {"can": (7, 14), "bottle": (15, 30), "mug": (8, 13), "solid": (4, 16)}  # cm, the longest side
# What a face of a box shows: to its right and upwards as one looks at it
FACES = {
    "front": ((1, 0, 0), (0, 0, 1)),
    "back": ((-1, 0, 0), (0, 0, 1)),
    "right": ((0, 1, 0), (0, 0, 1)),
    "left": ((0, -1, 0), (0, 0, 1)),
    "top": ((1, 0, 0), (0, 1, 0)),
    "bottom": ((1, 0, 0), (0, -1, 0)),
}
ROUND, MOST_TURNS = 180, 25  # turns in which something is said to look alike that does in at least so many
NEAR = 0.025  # of the radius: the corners of a round part of a gear need not meet


class Painted(NamedTuple):
    colour: np.ndarray
    gloss: float
    exponent: float
    picture: Image.Image | None


class Workshop:
    """Makes one thing; what the kinds of aligner_pairs/solids.py put together. alike: it has two fronts."""

    def __init__(self, random: np.random.Generator, product: Product, printed: bool) -> None:
        self._random, self._product = random, product
        self.printed, self.alike = printed, False
        self._materials: list[Painted] = []
        self._parts: list[tuple[Surface, int]] = []

    def material(self, printed: bool, size: tuple[int, int] = LABEL) -> int:
        """The number of a new one; a printed one has the product's label, whatever its size."""
        if not (printed and self.printed):
            return self.painted(None)
        self.alike = bool(self._random.random() < ALIKE)
        return self.painted(wrap(self._product, LABEL, self.alike, self._random))

    def painted(self, picture: Image.Image | None) -> int:
        random = self._random
        colour = random.uniform(0.05, 0.85) * (1 - random.random() * random.random(3) * 0.8)
        gloss, exponent = float(random.choice([0.05, 0.2, 0.5])), random.uniform(8, 200)
        self._materials.append(Painted(colour, gloss, exponent, picture))
        return len(self._materials) - 1

    def put(self, surface: Surface, material: int) -> None:
        self._parts.append((surface, material))

    def write(self, obj: Path, longest: float) -> None:
        """The .obj file, so large, with its materials and pictures beside it."""
        points = np.concatenate([surface.vertices for surface, _ in self._parts])
        middle, scale = (points.min(0) + points.max(0)) / 2, longest / np.ptp(points, axis=0).max()
        lines, at, turns = [f"mtllib {obj.stem}.mtl"], 1, 1
        for surface, material in self._parts:
            vertices = (surface.vertices - middle) * scale
            faces = surface.faces[np.linalg.norm(cross_products(surface.vertices, surface.faces), axis=1) > 1e-9]
            normals = creased_normals(vertices, faces)
            lines += [_row("v", vertex) for vertex in y_up(vertices)] + [_row("vt", uv) for uv in surface.uv]
            lines += [_row("vn", normal) for normal in y_up(normals.reshape(-1, 3))] + [f"usemtl m{material}"]
            corners = zip((faces + at).ravel(), range(turns, turns + faces.size), strict=True)
            words = [f"{vertex}/{vertex}/{normal}" for vertex, normal in corners]
            lines += ["f " + " ".join(words[first : first + 3]) for first in range(0, len(words), 3)]
            at, turns = at + len(vertices), turns + faces.size
        obj.write_text("\n".join(lines) + "\n")
        self._write_materials(obj)

    def _write_materials(self, obj: Path) -> None:
        lines = []
        for number, material in enumerate(self._materials):
            lines += [f"newmtl m{number}", _row("Kd", (1, 1, 1) if material.picture else material.colour)]
            lines += [_row("Ks", [material.gloss] * 3), f"Ns {material.exponent:.1f}"]
            if material.picture:
                material.picture.save(obj.with_name(f"{obj.stem}_{number}.png"))
                lines.append(f"map_Kd {obj.stem}_{number}.png")
        obj.with_suffix(".mtl").write_text("\n".join(lines) + "\n")


def make(kind: str, number: int, obj: Path, product: Product, random: np.random.Generator) -> bool:
    """Writes a thing; the number chooses among the sorts of a kind. Whether it is printed alike on two sides."""
    if kind == "box":
        return _make_box(obj, product, random)
    shop = Workshop(random, product, printed=kind != "solid" and random.random() < PRINTED[kind])
    KINDS[SOLIDS[number % len(SOLIDS)] if kind == "solid" else kind](shop, random)
    low, high = SIZES[kind]
    shop.write(obj, random.uniform(low, high))
    return shop.alike


def _make_box(obj: Path, product: Product, random: np.random.Generator) -> bool:
    height = np.exp(random.uniform(np.log(6), np.log(28)))
    width = (height * random.uniform(0.45, 1.25)).clip(4, 22)
    size = np.array([width, width * random.uniform(0.2, 0.75), height])
    shop, alike = Workshop(random, product, printed=True), bool(random.random() < ALIKE)
    prints = {"front": front, "back": front if alike else info, "right": info, "left": strip, "top": strip}
    materials: dict[str, int] = {}
    for name, axes in FACES.items():
        right, up = np.array(axes, float)
        pixels = tuple(max(int(FACE * abs(axis @ size) / size.max()), 16) for axis in (right, up))
        if name == "back" and alike:
            materials[name] = materials["front"]
        else:
            paint = prints.get(name, strip if random.random() < 0.5 else info)
            materials[name] = shop.painted(paint(product, pixels, random))
        shop.put(_quad(right, up, size / 2), materials[name])
    shop.write(obj, float(size.max()))
    return alike


def _quad(right: np.ndarray, up: np.ndarray, half: np.ndarray) -> Surface:
    corners = np.array([[-1, -1], [1, -1], [1, 1], [-1, 1]])
    vertices = (np.cross(right, up) + corners[:, :1] * right + corners[:, 1:] * up) * half
    return Surface(vertices, np.array([[0, 1, 2], [0, 2, 3]]), (corners + 1) / 2)


def y_up(points: np.ndarray) -> np.ndarray:
    """(..., 3) with Z up, as .obj files have them."""
    return points[..., [0, 2, 1]] * [1, 1, -1]


def _row(key: str, values: Sequence[float] | np.ndarray) -> str:
    return key + "".join(f" {value:.5f}" for value in values)


def symmetry(obj: Path) -> list[dict]:
    """[{axis, n}]: the turns about the middle of the box, by the file's axes, that take a model without pictures to
    itself."""
    materials = obj.with_suffix(".mtl")
    if not materials.exists() or "map_Kd" in materials.read_text(errors="replace"):
        return []
    text = parsed(obj.read_text(errors="replace"))
    names = sorted(set(text.material))
    paint = np.zeros((len(text.v), len(names)), bool)  # of each vertex its materials
    for name, corners in zip(text.material, text.corners[..., 0], strict=True):
        paint[corners, names.index(name)] = True
    used = paint.any(1)
    points, paint = text.v[used], paint[used]
    points = points - (points.min(0) + points.max(0)) / 2
    found = []
    for axis in range(3):
        radius = np.linalg.norm(np.delete(points, axis, 1), axis=1).max()
        keys = np.column_stack([points / radius, paint])
        turns = max((n for n in range(2, 41) if _looks_alike(keys, axis, n)), default=1)
        if turns > 1:
            found.append({"axis": np.eye(3)[axis].tolist(), "n": ROUND if turns >= MOST_TURNS else turns})
    return found


def _looks_alike(keys: np.ndarray, axis: int, turns: int) -> bool:
    """Whether some of the points lie on others of the same materials after each of the turns; keys: places and
    materials."""
    some = keys[:: len(keys) // 100 + 1]
    one, other = (axis + 1) % 3, (axis + 2) % 3
    for angle in 2 * np.pi / turns * np.arange(1, turns // 2 + 1):
        cosine, sine = np.cos(angle), np.sin(angle)
        turned = some.copy()
        turned[:, [one, other]] = some[:, [one, other]] @ np.array([[cosine, sine], [-sine, cosine]])
        if any(np.abs(keys - key).max(1).min() > NEAR for key in turned):
            return False
    return True
