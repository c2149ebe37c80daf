"""Made-up prints: labels of boxes, cans and bottles, and what else is printed on things."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from PIL import Image, ImageDraw, ImageFont

SYLLABLES = "ka lo mi ra ve tu no si pa de fri zo bel cho nu tar gli sun ora max vit eco dax pro mel".split()
FONT_SIZES = (8, 9, 10, 14, 20, 30)  # px

Colour = tuple[int, int, int]


def label(random: np.random.Generator, size: tuple[int, int], photos: Sequence[Image.Image]) -> Image.Image:
    """A ground, perhaps with a part of one of the photos, stripes or squares, then shapes, words, a bar code."""
    ground = _colour(random)
    image = Image.new("RGB", size, ground)
    kind = random.random()
    if kind < 0.3 and photos:
        _paste_photo(image, photos[random.integers(len(photos))], random)
    elif kind < 0.5:
        _stripes(image, random)
    elif kind < 0.6:
        _squares(image, random)
    for _ in range(random.integers(0, 8)):
        _shape(image, random)
    ink = (255, 255, 255) if sum(ground) < 380 else (10, 10, 10)
    for _ in range(random.integers(1, 7)):
        _words(image, ink if random.random() < 0.6 else _colour(random), random)
    if random.random() < 0.25:
        _bar_code(image, random)
    return image


def square_of(photo: Image.Image, least: float, most: float, random: np.random.Generator) -> Image.Image:
    """A square by chance, of so large a share of the photo's shorter side."""
    side = int(min(photo.size) * random.uniform(least, most))
    x, y = (int(random.integers(length - side + 1)) for length in photo.size)
    return photo.crop((x, y, x + side, y + side))


def _colour(random: np.random.Generator) -> Colour:
    values = random.uniform(0, 1) + (random.random(3) - 0.5) * random.choice([0.2, 1.2])
    return tuple(int(255 * value) for value in values.clip(0, 1))


def _paste_photo(image: Image.Image, photo: Image.Image, random: np.random.Generator) -> None:
    part = square_of(photo, 0.3, 0.9, random)
    size = [int(length * random.uniform(0.4, 1)) for length in image.size]
    image.paste(part.resize(size), tuple(int(random.uniform(0, length * 0.4)) for length in image.size))


def _stripes(image: Image.Image, random: np.random.Generator) -> None:
    draw, (width, height) = ImageDraw.Draw(image), image.size
    count, upright = random.integers(3, 14), random.random() < 0.5
    colours = [_colour(random) for _ in range(random.integers(2, 4))]
    for k in range(count):
        start, end = k / count, (k + 1) / count
        box = (start * width, 0, end * width, height) if upright else (0, start * height, width, end * height)
        draw.rectangle(box, fill=colours[k % len(colours)])


def _squares(image: Image.Image, random: np.random.Generator) -> None:
    draw, count, colour = ImageDraw.Draw(image), random.integers(3, 9), _colour(random)
    width, height = (length / count for length in image.size)
    for row, column in np.ndindex(count, count):
        if (row + column) % 2:
            draw.rectangle((column * width, row * height, (column + 1) * width, (row + 1) * height), fill=colour)


def _shape(image: Image.Image, random: np.random.Generator) -> None:
    draw, (width, height) = ImageDraw.Draw(image), image.size
    x, y, radius = random.uniform(0, width), random.uniform(0, height), random.uniform(0.03, 0.3) * width
    box = (x - radius, y - radius * random.uniform(0.3, 1), x + radius, y + radius * random.uniform(0.3, 1))
    match random.integers(3):
        case 0:
            draw.ellipse(box, fill=_colour(random), outline=_colour(random))
        case 1:
            draw.rectangle(box, fill=_colour(random))
        case _:
            corners = random.normal((x, y), radius, (random.integers(3, 6), 2))
            draw.polygon([tuple(corner) for corner in corners], fill=_colour(random))


def _words(image: Image.Image, colour: Colour, random: np.random.Generator) -> None:
    place = (random.uniform(-0.1, 0.7) * image.width, random.uniform(0, 0.9) * image.height)
    text = " ".join(_word(random) for _ in range(random.integers(1, 4)))
    ImageDraw.Draw(image).text(place, text, colour, ImageFont.load_default(int(random.choice(FONT_SIZES))))


def _word(random: np.random.Generator) -> str:
    word = "".join(random.choice(SYLLABLES, random.integers(1, 4)))
    return str(random.choice([word.upper(), word.capitalize(), word]))


def _bar_code(image: Image.Image, random: np.random.Generator) -> None:
    draw = ImageDraw.Draw(image)
    x, y = random.uniform(0, 0.7) * image.width, random.uniform(0, 0.8) * image.height
    draw.rectangle((x - 2, y - 2, x + 34, y + 18), fill=(255, 255, 255))
    for k in range(0, 32, 2):
        if random.random() < 0.6:
            draw.rectangle((x + k, y, x + k, y + 15), fill=(0, 0, 0))
