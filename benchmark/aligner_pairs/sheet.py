"""Pictures of pairs, for the eye."""

from __future__ import annotations

import numpy as np
from PIL import Image, ImageDraw
from torch import Tensor

from .scenes import Pairs

COLUMNS, MOST, EVERY = 4, 16, 3  # pairs in a row, pairs, cells with a line
SEEN, HIDDEN, END = (0, 255, 0), (255, 0, 0), (255, 255, 0)


def sheet(pairs: Pairs) -> Image.Image:
    """Rendering, photo, photo with flow (green: seen, red: hidden), masks (seen, whole, inside) of each pair."""
    count, side = min(MOST, len(pairs.photo)), pairs.photo.shape[-1]
    out = Image.new("RGB", (COLUMNS * 4 * side, -(-count // COLUMNS) * side))
    for number in range(count):
        row, column = divmod(number, COLUMNS)
        for place, picture in enumerate(_pictures(pairs, number)):
            out.paste(picture, ((4 * column + place) * side, row * side))
    return out


def _pictures(pairs: Pairs, number: int) -> list[Image.Image]:
    rendering, photo = (_picture(some[number]) for some in (pairs.rendering, pairs.photo))
    masks = np.concatenate([pairs.masks[number].float().cpu(), pairs.inside[number].float().cpu()])
    masks = Image.fromarray((masks.transpose(1, 2, 0) * 255).astype(np.uint8)).resize(photo.size)
    return [rendering, photo, _with_flow(photo, pairs, number), masks]


def _picture(tensor: Tensor) -> Image.Image:
    """(3, H, W), 0..1."""
    return Image.fromarray((tensor.float().cpu().permute(1, 2, 0) * 255).round().clamp(0, 255).byte().numpy())


def _with_flow(photo: Image.Image, pairs: Pairs, number: int) -> Image.Image:
    photo = photo.copy()
    draw = ImageDraw.Draw(photo)
    place, target, ok, visible = (
        some[number].float().cpu().numpy() for some in (pairs.place, pairs.target, pairs.ok, pairs.visible)
    )
    for row, column in zip(*(ok[1::EVERY, 1::EVERY] > 0).nonzero(), strict=True):
        cell = 1 + EVERY * row, 1 + EVERY * column
        start, end = (tuple(some[:, cell[0], cell[1]].tolist()) for some in (place, target))
        draw.line([start, end], fill=SEEN if visible[cell] else HIDDEN)
        draw.point(end, fill=END)
    return photo
