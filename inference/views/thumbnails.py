"""Small pictures of all training views of a model, in one file beside its templates."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from PIL import Image


THUMBNAIL, ACROSS = 64, 16  # px, side of a picture in a sheet of all training views; pictures in a row


def thumbnail(path: Path, view: int) -> Image.Image | None:
    """The picture of one of the views of cached templates; None where there is none."""
    from PIL import Image

    row, column = divmod(view, ACROSS)
    corner = column * THUMBNAIL, row * THUMBNAIL
    try:
        with Image.open(path.with_suffix(".png")) as sheet:
            return sheet.crop((*corner, corner[0] + THUMBNAIL, corner[1] + THUMBNAIL))
    except OSError:  # of templates that are older than sheets, too
        return None


def blank() -> Image.Image:
    from PIL import Image

    return Image.new("RGB", (THUMBNAIL, THUMBNAIL), "white")


def thumbnail_sheet(pictures: list[Image.Image]) -> Image.Image:
    from PIL import Image

    sheet = Image.new("RGB", (ACROSS * THUMBNAIL, -(-len(pictures) // ACROSS) * THUMBNAIL), "white")
    for view, picture in enumerate(pictures):
        row, column = divmod(view, ACROSS)
        sheet.paste(picture, (column * THUMBNAIL, row * THUMBNAIL))
    return sheet
