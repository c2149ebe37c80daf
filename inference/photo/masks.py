"""What a picture given as a mask, or a photo's transparency, says of where the object is."""

from __future__ import annotations

import numpy as np
from PIL import Image

NUMBERS = {"1", "L", "I", "F"}  # modes of one channel, besides those of 16 bits
LOSSY = {"JPEG", "MPO", "WEBP", "JPEG2000"}  # kinds of files that blur numbers
# By judgement, and not measured
LABELS = 32  # different values, at most, in a picture of labels; a soft mask has more
BORDER = 0.5  # of the photo's border, at most, that a cut-out object covers
RECTANGLE = 0.94  # of the rectangle around it, from which a shape is one, its corners perhaps rounded
SOLID = 0.98  # of the largest opacity: a shadow has less


def marked(image: Image.Image) -> np.ndarray:
    """(H, W) bool: the object in a mask, whichever way it was written.

    Numbers: a picture of labels (0 and 1, numbers of objects) marks all that is not 0, a soft mask what has half of
    its white. Colours and palettes: all that is not black. Transparency, where there is some, tells alone.
    """
    lossy = image.format in LOSSY
    if image.has_transparency_data:
        alpha = np.asarray(image.convert("RGBA").getchannel("A"))
        if alpha.min() < alpha.max():
            return _not_black(alpha, lossy)
    return _not_black(_brightness(image), lossy)


def _brightness(image: Image.Image) -> np.ndarray:
    """(H, W) numbers, 0 where nothing is marked."""
    if image.mode in NUMBERS or image.mode.startswith("I;16"):
        return np.nan_to_num(np.asarray(image).astype(np.float32)).clip(0)
    brightest = np.asarray(image.convert("RGB")).max(-1)
    told = 0 == brightest.min() < brightest.max()
    return np.asarray(image) if image.mode == "P" and not told else brightest  # else the palette's numbers tell


def _not_black(values: np.ndarray, lossy: bool) -> np.ndarray:
    labels = not lossy and len(np.unique(values)) <= LABELS
    return values > 0 if labels else values >= max(values.max(), 1e-9) / 2


def cuts_out_object(alpha: np.ndarray) -> bool:
    """Whether transparency (H, W) uint8 shows an object's shape: it surrounds what is seen, and that is no rectangle.

    A window has round, transparent corners and a shadow, a photo that was turned has wedges beside it.
    """
    shown = alpha >= 128
    border = np.concatenate([shown[0], shown[-1], shown[:, 0], shown[:, -1]])
    return bool(shown.any() and border.mean() <= BORDER and _rectangularity(alpha >= SOLID * alpha.max()) < RECTANGLE)


def _rectangularity(shape: np.ndarray) -> float:
    """Area of shape (H, W) bool, not empty, by that of the smallest rectangle around it, turned as it may be."""
    rows, columns = np.nonzero(edges(shape))
    angles = np.radians(np.arange(90.0))[:, None]
    along, across = (
        np.ptp(np.cos(turned) * columns + np.sin(turned) * rows, axis=1) + 1 for turned in (angles, angles + np.pi / 2)
    )
    return float(shape.sum() / (along * across).min())


def edges(mask: np.ndarray) -> np.ndarray:
    """(H, W) bool: the pixels of mask (H, W) bool with a neighbour, above, below or beside, outside it."""
    padded = np.pad(mask, 1)
    inner = padded[:-2, 1:-1] & padded[2:, 1:-1] & padded[1:-1, :-2] & padded[1:-1, 2:]
    return mask & ~inner
