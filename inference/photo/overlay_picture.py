"""Pictures that show how well a rendered model lies on its photo."""

from __future__ import annotations

import numpy as np
from PIL import Image, ImageFilter

from .image import Photo

OUTLINE = (255, 96, 0)
OPACITY = 0.5  # of the model over the photo


def overlay(photo: Photo, rgba: np.ndarray) -> Image.Image:
    """The photo with the rendered model (H, W, 4) uint8 half transparent over it and its outline drawn."""
    return laid_over(photo.image.resize(rgba.shape[1::-1]), rgba)


def laid_over(picture: Image.Image, rgba: np.ndarray) -> Image.Image:
    """`overlay` on a picture of the rendering's size, which is painted on."""
    model = Image.fromarray(rgba)
    alpha = model.getchannel("A")
    picture.paste(model.convert("RGB"), mask=alpha.point(lambda value: round(OPACITY * value)))
    width = 2 * round(max(model.size) / 800) + 3
    shape = alpha.point(lambda value: 255 * (value >= 128))
    outline = np.array(shape.filter(ImageFilter.MaxFilter(width))) != np.array(shape)
    picture.paste(OUTLINE, mask=Image.fromarray(outline))
    return picture


def intersection_over_union(first: np.ndarray, second: np.ndarray) -> float:
    """Of two masks (H, W) bool; 0 when both are empty."""
    return float((first & second).sum() / max((first | second).sum(), 1))
