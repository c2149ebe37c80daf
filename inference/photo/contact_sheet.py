"""Many photos in one picture, each with a few words below it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

from PIL import Image, ImageDraw, ImageFont, ImageOps

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
    """All cells in rows, about as many as there are columns; a row is as high as its highest picture."""
    columns = math.ceil(math.sqrt(len(cells)))
    strips = [_strip(cells[start : start + columns], columns) for start in range(0, len(cells), columns)]
    sheet = Image.new("RGB", (strips[0].width, sum(strip.height for strip in strips)), PAPER)
    top = 0
    for strip in strips:
        sheet.paste(strip, (0, top))
        top += strip.height
    return sheet


def _strip(cells: Sequence[Cell], columns: int) -> Image.Image:
    """One row of the sheet."""
    font, line = ImageFont.load_default(TEXT), round(1.3 * TEXT)
    pictures = [ImageOps.contain(cell.picture.convert("RGB"), (SIDE, SIDE)) if cell.picture else None for cell in cells]
    words = [[*_lines(cell.title, font, 1), *_lines(cell.text, font, LINES)] for cell in cells]
    below = 2 * MARGIN + max(picture.height if picture else 0 for picture in pictures)
    height = below + max(map(len, words)) * line + MARGIN
    strip = Image.new("RGB", (columns * (SIDE + 2 * MARGIN), height), PAPER)
    draw = ImageDraw.Draw(strip)
    for column, (picture, lines) in enumerate(zip(pictures, words, strict=True)):
        left = column * (SIDE + 2 * MARGIN) + MARGIN
        if picture:
            strip.paste(picture, (left + (SIDE - picture.width) // 2, below - MARGIN - picture.height))
        for row, text in enumerate(lines):
            draw.text((left, below + row * line), text, PALE if row else INK, font)
    return strip


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
