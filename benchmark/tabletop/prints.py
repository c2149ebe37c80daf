"""Made-up packaging: the faces of a product's box, and the label around its can or bottle."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from benchmark.aligner_pairs.labels import SYLLABLES, square_of

WHITE, BLACK = (255, 255, 255), (15, 15, 15)

Colour = tuple[int, int, int]
Size = tuple[int, int]


class Product(NamedTuple):
    """What all faces of a packaging share; products of one brand have its name, ground and accent in common."""

    brand: str
    name: str
    ground: Colour
    accent: Colour
    own: Colour
    picture: Image.Image


def product(brand: int, random: np.random.Generator, photos: Sequence[Image.Image]) -> Product:
    """brand: its number."""
    of_brand = np.random.default_rng([brand, 77])
    words = of_brand.integers(1, 3), random.integers(1, 3)
    picture = square_of(photos[random.integers(len(photos))], 0.3, 0.9, random)
    name = " ".join(_word(random) for _ in range(words[1])).title()
    return Product(
        _word(of_brand, words[0]).upper(), name, _colour(of_brand), _colour(of_brand), _colour(random), picture
    )


def front(product: Product, size: Size, random: np.random.Generator) -> Image.Image:
    """Band with the brand, name, picture, a badge."""
    image = Image.new("RGB", size, product.ground)
    draw, (width, height) = ImageDraw.Draw(image), size
    top, bottom = sorted(random.uniform(0.3, 0.9, 2) * height)
    if random.random() < 0.5:
        draw.polygon([(0, top), (width, bottom), (width, height), (0, height)], fill=product.own)
    side = int(random.uniform(0.45, 0.85) * min(width, 0.7 * height))
    corner = int(random.uniform(0, width - side)), int(random.uniform(0.35, 0.6) * (height - side) + 0.15 * height)
    image.paste(product.picture.resize((side, side)), corner, _round(side) if random.random() < 0.5 else None)
    band = random.uniform(0.04, 0.12) * height
    draw.rectangle((0, band, width, band + 0.16 * height), fill=product.accent)
    _write(draw, product.brand, (0.06 * width, band, 0.94 * width, band + 0.16 * height), _ink(product.accent))
    low = random.uniform(0.68, 0.8) * height
    _write(draw, product.name, (0.05 * width, low, 0.95 * width, low + 0.11 * height), _ink(product.ground))
    weight = f"{random.integers(2, 40) * 25} g"
    _write(draw, weight, (0.06 * width, 0.92 * height, 0.5 * width, 0.98 * height), _ink(product.ground))
    if random.random() < 0.6:
        x, y, radius = random.uniform(0.2, 0.8) * width, random.uniform(0.35, 0.7) * height, 0.13 * width
        draw.ellipse((x - radius, y - radius, x + radius, y + radius), fill=product.own, outline=WHITE)
        _write(draw, _word(random), (x - 0.8 * radius, y - radius / 2, x + 0.8 * radius, y + radius / 2), WHITE)
    return image


def info(product: Product, size: Size, random: np.random.Generator) -> Image.Image:
    """Small print, a table and a bar code."""
    ground = product.ground if random.random() < 0.5 else WHITE
    image = Image.new("RGB", size, ground)
    draw, (width, height), ink = ImageDraw.Draw(image), size, _ink(ground)
    draw.rectangle((0, 0, width, 0.14 * height), fill=product.accent)
    _write(draw, product.name, (0.05 * width, 0, 0.95 * width, 0.14 * height), _ink(product.accent))
    line, y = 0.035 * height, 0.18 * height
    while y < random.uniform(0.4, 0.55) * height:
        text = " ".join(_word(random) for _ in range(6))
        _write(draw, text, (0.05 * width, y, random.uniform(0.7, 0.95) * width, y + line), ink)
        y += 1.2 * line
    rows = random.integers(4, 9)
    box = 0.05 * width, y + line, random.uniform(0.5, 0.95) * width, 0.76 * height
    draw.rectangle(box, fill=WHITE, outline=BLACK)
    for row in range(rows):
        y = box[1] + (box[3] - box[1]) * row / rows
        draw.line((box[0], y, box[2], y), fill=BLACK)
        _write(draw, _word(random), (box[0] + 3, y, box[0] + 0.5 * (box[2] - box[0]), y + line), BLACK)
    _bar_code(draw, (random.uniform(0.05, 0.5) * width, 0.8 * height, 0.4 * width, 0.16 * height), random)
    return image


def strip(product: Product, size: Size, random: np.random.Generator) -> Image.Image:
    """The brand alone, on one of the colours, along the longer side."""
    tall = size[1] > size[0]
    width, height = size[::-1] if tall else size
    ground = (product.ground, product.accent, product.own)[random.integers(3)]
    image = Image.new("RGB", (width, height), ground)
    draw = ImageDraw.Draw(image)
    begin = random.uniform(0.04, 0.4) * width
    _write(draw, product.brand, (begin, 0.15 * height, begin + 0.55 * width, 0.75 * height), _ink(ground))
    if random.random() < 0.5:
        draw.rectangle((0, 0.82 * height, width, height), fill=product.own if ground != product.own else product.accent)
    return image.rotate(90, expand=True) if tall else image


def wrap(product: Product, size: Size, twice: bool, random: np.random.Generator) -> Image.Image:
    """Around a can: its front, perhaps twice, with different things between, so that no turn looks quite the same."""
    kinds = (front, info, front, strip) if twice else (front, info, strip)
    image, width = Image.new("RGB", size, product.ground), size[0] // len(kinds)
    panels = {kind: kind(product, (width, size[1]), random) for kind in dict.fromkeys(kinds)}
    for place, kind in enumerate(kinds):
        image.paste(panels[kind], (place * width, 0))
    return image


def _word(random: np.random.Generator, syllables: int | None = None) -> str:
    return "".join(random.choice(SYLLABLES, syllables or random.integers(1, 4)))


def _colour(random: np.random.Generator) -> Colour:
    values = random.uniform(0.1, 0.95) + (random.random(3) - 0.5) * random.choice([0.2, 1.2])
    return tuple(int(255 * value) for value in values.clip(0.02, 0.98))


def _ink(ground: Colour) -> Colour:
    return WHITE if sum(ground) < 380 else BLACK


def _round(side: int) -> Image.Image:
    mask = Image.new("L", (side, side))
    ImageDraw.Draw(mask).ellipse((0, 0, side, side), fill=255)
    return mask


def _write(draw: ImageDraw.ImageDraw, text: str, box: Sequence[float], ink: Colour) -> None:
    """As large as the box lets it."""
    left, top, right, bottom = box
    size = 0.8 * (bottom - top)
    width = draw.textlength(text, ImageFont.load_default(100)) / 100
    size = max(min(size, (right - left) / width), 4)
    draw.text(((left + right) / 2, (top + bottom) / 2), text, ink, ImageFont.load_default(size), anchor="mm")


def _bar_code(draw: ImageDraw.ImageDraw, box: Sequence[float], random: np.random.Generator) -> None:
    x, y, width, height = box
    draw.rectangle((x, y, x + width, y + height), fill=WHITE)
    for bar in np.flatnonzero(random.random(40) < 0.5):
        at = x + width * (0.05 + 0.9 * bar / 40)
        draw.rectangle((at, y + 0.1 * height, at + 0.9 * width / 40, y + 0.8 * height), fill=BLACK)
