"""Many photos in one picture, each with a few words below it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

from PIL import Image, ImageDraw, ImageFont

SIDE = 400  # px, the longer side of each picture
MARGIN = 12  # px around each
TEXT = 16  # px, height of letters
LINES = 3  # of text, at most
PAPER, INK, PALE = (32, 32, 32), (240, 240, 240), (170, 170, 170)


class Cell(NamedTuple):
    """A picture, None where there is none to show, its title and a sentence."""

    picture: Image.Image | None
    title: str
    text: str


def contact_sheet(cells: Sequence[Cell]) -> Image.Image:
    """All cells in rows, about as many as there are columns."""
    columns = math.ceil(math.sqrt(len(cells)))
    line = round(1.3 * TEXT)
    width, height = SIDE + 2 * MARGIN, SIDE + 3 * MARGIN + (1 + LINES) * line
    sheet = Image.new("RGB", (columns * width, math.ceil(len(cells) / columns) * height), PAPER)
    draw, font = ImageDraw.Draw(sheet), ImageFont.load_default(TEXT)
    for number, cell in enumerate(cells):
        left, top = number % columns * width + MARGIN, number // columns * height + MARGIN
        if cell.picture:
            picture = cell.picture.convert("RGB")
            picture.thumbnail((SIDE, SIDE))
            sheet.paste(picture, (left + (SIDE - picture.width) // 2, top + (SIDE - picture.height) // 2))
        words = [*_lines(cell.title, font, 1), *_lines(cell.text, font, LINES)]
        for row, text in enumerate(words):
            draw.text((left, top + SIDE + MARGIN + row * line), text, PALE if row else INK, font)
    return sheet


def _lines(text: str, font: ImageFont.FreeTypeFont, most: int) -> list[str]:
    """The text in lines that fit below a picture; what is too much is cut off."""
    lines = [""]
    for word in text.split():
        longer = f"{lines[-1]} {word}".strip()
        if font.getlength(longer) <= SIDE:
            lines[-1] = longer
        else:
            lines.append(word)
    lines = [line for line in lines if line]
    if len(lines) > most:
        lines[most - 1 :] = [lines[most - 1] + "…"]
    return [_cut(line, font) for line in lines]


def _cut(line: str, font: ImageFont.FreeTypeFont) -> str:
    while font.getlength(line) > SIDE:
        line = line[:-2] + "…"
    return line
