"""Small pictures as text, which properties in a .blend can hold."""

from __future__ import annotations

import io
from base64 import b64decode, b64encode

from PIL import Image

from ..errors import PoseError

QUALITY = 85  # of JPEG; 128 x 128 px then take 4 to 7 kB of text


def as_text(picture: Image.Image) -> str:
    file = io.BytesIO()
    picture.convert("RGB").save(file, "JPEG", quality=QUALITY, subsampling=0)
    return b64encode(file.getvalue()).decode("ascii")


def from_text(text: str) -> Image.Image:
    """The same picture, nearly; PoseError where the text is none."""
    try:
        with Image.open(io.BytesIO(b64decode(text)), formats=["JPEG"]) as picture:
            return picture.convert("RGB")
    except (OSError, ValueError) as error:
        raise PoseError("This text is no picture.") from error
