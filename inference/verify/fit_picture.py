"""Where a model does not lie on its photo, in colours, as the aligner sees it: for people."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from PIL import Image

from ..views.crops import PADDING, SIZE
from .flow_alignment import CELL, judged
from .refinement import See, Verified
from .silhouette import to_crop

if TYPE_CHECKING:
    from ..networks.aligner import Seen

OBJECT = SIZE / (1 + 2 * PADDING)  # px of a crop, about: the longer side of the object's box
# How far, in parts of that side, the photo shows something from where the model does, and its colour there (RGBA): from
# Okabe and Ito's, which people who see few colours can tell apart; less opaque where there is nothing to look at
SCALE = (
    (0.0, (0, 114, 178, 100)),
    (0.01, (86, 180, 233, 130)),
    (0.025, (240, 228, 66, 190)),
    (0.05, (213, 94, 0, 210)),
    (0.1, (140, 0, 0, 220)),
)
HIDDEN = (128, 128, 128, 200)  # stripes: the model, behind something else or seen from another side
MISSED = (140, 0, 0, 220)  # stripes: the model, where no object is
BEYOND = (204, 121, 167, 190)  # the object, where the model is not
STRIPES = 6  # px of a stripe and what lies between it and the next
SURE = 0.8  # of a mask that it is right; at 0.5 a few of its errors show where all fits. By judgement, on 4 pictures


class FitPicture(NamedTuple):
    """A crop in colours, rgba (S, S, 4) uint8, sRGB with straight alpha, to be laid over the photo.

    from_photo: (3, 3), homogeneous px of the photo -> px of rgba. off: mean distance between model and photo, in parts
    of the object's longer side; visible: share of the model that the photo shows.
    """

    rgba: np.ndarray
    from_photo: np.ndarray
    off: float
    visible: float


def fit_picture(one: Verified, see: See) -> FitPicture:
    """How a pose that was rendered lies on the photo."""
    one = judged(one, see)
    painting, agrees = painted(one.seen, one.alpha, one.inside), one.agreement
    return FitPicture(painting, to_crop(one), agrees.flow / OBJECT, 1 - agrees.hidden)


def painted(seen: Seen, alpha: np.ndarray, inside: np.ndarray) -> np.ndarray:
    """(S, S, 4) uint8: what the aligner says, pixel by pixel.

    alpha: (S, S) uint8, the model's silhouette; inside: (S, S) bool, what of the crop the photo shows.
    """
    known = _by_cell(alpha).any(-1)
    off = _by_pixel(np.linalg.norm(seen.flow, axis=-1), known) / OBJECT
    hidden = _by_pixel(seen.visible, known) < 0.5
    beyond = (alpha < 128) & inside & (seen.seen > SURE)
    steps, colors = zip(*SCALE, strict=True)
    rgba = np.dstack([np.interp(off, steps, channel) for channel in zip(*colors, strict=True)]).astype(np.uint8)
    for there, color in ((hidden, HIDDEN), (hidden & (seen.whole < 1 - SURE), MISSED), (beyond, BEYOND)):
        rgba[there] = color
    # Colours go on where nothing is to be seen of them, for whoever enlarges this blends them
    between = hidden & (np.indices(alpha.shape).sum(0) % STRIPES >= STRIPES / 2)
    covered = np.where(beyond, 255, np.where(between, 0, alpha))
    rgba[..., 3] = rgba[..., 3] * (covered / 255)
    return rgba


def _by_cell(alpha: np.ndarray) -> np.ndarray:
    """(S / CELL, S / CELL, CELL * CELL): the pixels of each of the aligner's cells."""
    grid = len(alpha) // CELL
    return alpha.reshape(grid, CELL, grid, CELL).swapaxes(1, 2).reshape(grid, grid, -1)


def _by_pixel(values: np.ndarray, known: np.ndarray) -> np.ndarray:
    """(S, S), blended between the cells that are known; elsewhere 0."""
    size = (CELL * len(values),) * 2
    total, weight = (
        np.array(Image.fromarray(one.astype(np.float32)).resize(size, Image.Resampling.BILINEAR))
        for one in (values * known, known)
    )
    return total / np.maximum(weight, 1e-6)
