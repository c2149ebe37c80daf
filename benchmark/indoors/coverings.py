"""Pictures of what floors and walls are covered with, made up by chance; they may be repeated side by side."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from PIL import Image

SIDE = 768  # px
FLOORS = ("boards", "boards", "parquet", "tiles", "checker", "carpet", "concrete")
WALLS = ("paint", "paint", "paint", "paint", "stripes", "pattern", "brick", "tiles")

Random = np.random.Generator


class Covering(NamedTuple):
    """A picture, and how wide it is, centimetres."""

    picture: Image.Image
    width: float


def floor(random: Random) -> Covering:
    return _made(FLOORS, random)


def wall(random: Random) -> Covering:
    return _made(WALLS, random)


def _made(kinds: tuple[str, ...], random: Random) -> Covering:
    kind = kinds[random.integers(len(kinds))]
    light, width = MAKERS[kind](random)
    light = light * (1 + 0.06 * _clouds(random, 6)[..., None]) + random.normal(0, 0.012, light.shape)
    return Covering(Image.fromarray((255 * light.clip(0, 1)).astype(np.uint8)), width)


def _boards(random: Random) -> tuple[np.ndarray, float]:
    """Planks that end at chance, with their grain."""
    rows, width = int(random.integers(8, 20)), random.uniform(150, 260)
    return _laid(_wood(random), rows, random.uniform(1.2, 2.2), 0.0, random), width


def _parquet(random: Random) -> tuple[np.ndarray, float]:
    """Short blocks; every second row shifted by half."""
    rows = int(random.integers(12, 22))
    return _laid(_wood(random), rows, float(rows // 4), 0.5, random), random.uniform(120, 200)


def _tiles(random: Random) -> tuple[np.ndarray, float]:
    rows, shift = int(random.integers(4, 9)), float(random.choice([0, 0, 0.5]))
    return _masonry(_stone(random), rows, rows, shift, random), rows * random.uniform(12, 45)


def _brick(random: Random) -> tuple[np.ndarray, float]:
    red = np.array([0.62, 0.33, 0.24]) * random.uniform(0.6, 1.3)
    colour = red if random.random() < 0.6 else np.full(3, random.uniform(0.6, 0.9))
    return _masonry(colour, 16, 5, 0.5, random), 5 * random.uniform(21, 26)


def _checker(random: Random) -> tuple[np.ndarray, float]:
    light, count = _masonry(np.full(3, random.uniform(0.7, 0.92)), 8, 8, 0.0, random), np.arange(SIDE) * 8 // SIDE
    dark = (count[:, None] + count) % 2 == 1
    light[dark] *= _stone(random) * random.uniform(0.2, 0.7)
    return light, 8 * random.uniform(15, 40)


def _carpet(random: Random) -> tuple[np.ndarray, float]:
    pile = random.normal(0, 0.06, (SIDE, SIDE, 1)) + 0.03 * _clouds(random, 24)[..., None]
    return _hue(random, 0.5, 0.15, 0.7) + pile, random.uniform(150, 400)


def _concrete(random: Random) -> tuple[np.ndarray, float]:
    grey = np.full(3, random.uniform(0.35, 0.7)) * (1 + 0.07 * _clouds(random, 12)[..., None])
    return grey + random.normal(0, 0.02, (SIDE, SIDE, 1)), random.uniform(200, 400)


def _paint(random: Random) -> tuple[np.ndarray, float]:
    white = random.random() < 0.55
    colour = np.full(3, random.uniform(0.78, 0.95)) if white else _hue(random, 0.35, 0.4, 0.9)
    return np.broadcast_to(colour, (SIDE, SIDE, 3)).copy(), 400.0


def _stripes(random: Random) -> tuple[np.ndarray, float]:
    count, first = int(random.integers(6, 24)), _hue(random, 0.4, 0.5, 0.92)
    second = (first * random.uniform(0.75, 1.15)).clip(0, 0.97)
    share, across = random.uniform(0.1, 0.6), np.arange(SIDE) * count / SIDE % 1
    return np.broadcast_to(np.where((across < share)[:, None], second, first), (SIDE, SIDE, 3)).copy(), count * 10.0


def _pattern(random: Random) -> tuple[np.ndarray, float]:
    """A wallpaper's soft figures in a grid, every second row shifted."""
    count, first = int(random.integers(5, 14)), _hue(random, 0.4, 0.5, 0.92)
    y, x = np.meshgrid(*[np.arange(SIDE) * count / SIDE] * 2, indexing="ij")
    x = x + 0.5 * (y.astype(int) % 2) * (count % 2 == 0)
    u, v = x % 1 - 0.5, y % 1 - 0.5
    waves = np.cos(int(random.integers(2, 7)) * np.arctan2(v, u)) * random.uniform(0, 0.12)
    figure = 1 / (1 + np.exp(60 * (np.hypot(u, v) - random.uniform(0.15, 0.35) - waves)))
    return first * (1 + random.uniform(-0.35, 0.2) * figure[..., None]), count * random.uniform(8, 20)


MAKERS = {
    "boards": _boards,
    "parquet": _parquet,
    "tiles": _tiles,
    "checker": _checker,
    "carpet": _carpet,
    "concrete": _concrete,
    "paint": _paint,
    "stripes": _stripes,
    "pattern": _pattern,
    "brick": _brick,
}


def _laid(colour: np.ndarray, rows: int, across: float, shift: float, random: Random) -> np.ndarray:
    """Rows of wooden pieces, so many in the width, with joints."""
    light, edges = np.empty((SIDE, SIDE, 3)), np.round(np.linspace(0, SIDE, rows + 1)).astype(int)
    for row, (top, bottom) in enumerate(zip(edges[:-1], edges[1:], strict=True)):
        begin = shift * (row % 2) if shift else random.random()
        place = (np.arange(SIDE) / SIDE * round(across) + begin) % round(across)
        tones = random.normal(1, 0.13, round(across)).clip(0.6, 1.35)[place.astype(int)]
        grain = _clouds(random, 5, bottom - top)[: bottom - top] * 0.12
        light[top:bottom] = colour * (tones[None, :, None] + grain[..., None])
        light[top : top + 2] *= 0.45
        light[top:bottom, place % 1 < 2 * round(across) / SIDE] *= 0.5
    return light


def _masonry(colour: np.ndarray, rows: int, across: int, shift: float, random: Random) -> np.ndarray:
    """Rows of tiles or bricks with joints."""
    y, x = np.meshgrid(*[np.arange(SIDE) / SIDE] * 2, indexing="ij")
    row = (y * rows).astype(int)
    place = (x * across + shift * (row % 2)) % across
    tones = random.normal(1, random.uniform(0.01, 0.12), (rows, across)).clip(0.7, 1.3)
    light = colour * tones[row, place.astype(int)][..., None] * (1 + 0.06 * _clouds(random, 40)[..., None])
    joint = random.uniform(0.004, 0.012)
    open_ = ((y * rows % 1) < joint * rows) | ((place % 1) < joint * across)
    light[open_] = np.full(3, random.uniform(0.3, 0.85))
    return light


def _wood(random: Random) -> np.ndarray:
    return np.array([0.86, 0.62, 0.40]) ** random.uniform(0.5, 1.6) * random.uniform(0.55, 1.05)


def _stone(random: Random) -> np.ndarray:
    return np.array([1.0, 0.97, 0.92]) ** random.uniform(-1, 3) * random.uniform(0.35, 0.9)


def _hue(random: Random, strength: float, darkest: float, brightest: float) -> np.ndarray:
    colour = 1 - strength * random.random() * random.random(3)
    return colour / colour.max() * random.uniform(darkest, brightest)


def _clouds(random: Random, cells: int, height: int = SIDE) -> np.ndarray:
    """(height, SIDE), -1..1: soft noise, of so many cells in a row; of a low one they are drawn out, as grain is."""
    rows = max(2, cells if height == SIDE else height // 3)
    coarse = np.pad(random.uniform(-1, 1, (rows, cells)).astype(np.float32), 2, mode="wrap")
    box = (2, 2, cells + 2, rows + 2)  # what follows beyond an edge begins on the other side
    return np.asarray(Image.fromarray(coarse).resize((SIDE, height), Image.Resampling.BICUBIC, box)).clip(-1, 1)
