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
MIRRORED = 0.97  # of the pixels of a shape and its mirror image that are alike, from which both are one
SPECK = 0.01  # of the largest part's area, below which another part is dust or a slip of the hand
MASK_GLANCE = 128  # cells a side in which parts are told apart: what is nearer than that is one
SURROUNDING = 0.95  # of the photo's border, from which what is marked surrounds the object
SOLID = 0.98  # of the largest opacity: a shadow has less


def marked(image: Image.Image) -> np.ndarray:
    """(H, W) bool: the object in a mask, whichever way it was written.

    Numbers: a picture of labels (0 and 1, numbers of objects) marks all that is not 0, a soft mask what has half of
    its white. Colours and palettes: all that is not black. Transparency tells alone where there is some at the border.
    """
    lossy = image.format in LOSSY
    if image.has_transparency_data:
        shown = _not_black(np.asarray(image.convert("RGBA").getchannel("A")), lossy)
        if shown.any() and not surrounds(shown):
            return shown
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


def without_specks(mask: np.ndarray) -> np.ndarray:
    """mask (H, W) bool but for parts much smaller than the largest one: they would widen the box around it."""
    step = -(-max(mask.shape) // MASK_GLANCE)
    rows, columns = (-(-side // step) for side in mask.shape)
    padded = np.pad(mask, [(0, -side % step) for side in mask.shape])
    areas = padded.reshape(rows, step, columns, step).sum((1, 3))
    parts = _parts(areas > 0)
    sizes = np.bincount(parts.ravel(), areas.ravel())
    kept = (sizes >= SPECK * sizes.max())[parts]
    return mask & kept.repeat(step, 0).repeat(step, 1)[: mask.shape[0], : mask.shape[1]]


def _parts(shape: np.ndarray) -> np.ndarray:
    """(H, W) int: a number for each connected part of shape (H, W) bool, 0 around them."""
    parts = np.where(shape, 1 + np.arange(shape.size).reshape(shape.shape), 0)
    while True:
        around = np.lib.stride_tricks.sliding_window_view(np.pad(parts, 1), (3, 3)).max((2, 3))
        grown = np.where(shape, around, 0)
        if (grown == parts).all():
            return parts
        parts = grown


def surrounds(marks: np.ndarray) -> bool:
    """Whether marks (H, W) bool lie all around the picture, as those of an inverted mask do and an object's do not."""
    return bool(_border(marks).mean() >= SURROUNDING)


def _border(shape: np.ndarray) -> np.ndarray:
    return np.concatenate([shape[0], shape[-1], shape[:, 0], shape[:, -1]])


def cuts_out_object(alpha: np.ndarray) -> bool:
    """Whether transparency (H, W) uint8 shows an object's shape: it surrounds what is seen, and that is no frame.

    A window has round, transparent corners and a shadow, a photo that was turned has wedges beside it, a portrait is
    round.
    """
    shown = alpha >= 128
    return bool(shown.any() and _border(shown).mean() <= BORDER and not _is_frame(alpha >= SOLID * alpha.max()))


def _is_frame(shape: np.ndarray) -> bool:
    """Whether shape (H, W) bool, not empty, is a rectangle or its own mirror image both ways, as an ellipse is."""
    rows, columns = np.nonzero(shape)
    tight = shape[rows.min() : rows.max() + 1, columns.min() : columns.max() + 1]
    mirrored = all((tight == np.flip(tight, axis)).mean() > MIRRORED for axis in (0, 1))
    return mirrored or _rectangularity(shape) >= RECTANGLE


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
