"""Details: fine texture, free of light and colour cast, in which a rendering and the photo agree to the pixel.

Every pixel is compared with its surroundings on the model (local normalisation, as Ulrich, Wiedemann & Steger, PAMI
2012, need for templates under changing light), so that a plain surface has no details and says nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import NamedTuple

import numpy as np
from PIL import Image, ImageFilter

from ..geometry import Camera
from ..products import product
from ..views.templates import Rendering
from .alignment import FeatureTerm

# By judgement where nothing is said. With a WEIGHT of 1, which was tried, features and box pulled textured models away
# from where details had them.
STEPS = (2, 1)  # px of the crop a pixel, coarse to fine
BLUR = 1.2  # px, against noise and what is a little out of place
RADIUS = 8  # px of the surroundings
CONTRAST = 6.0  # grey levels; what has less is plain or noise
MIXED = 2  # pixels from the outline, where BLUR mixes the model with what is behind
MARGIN = 2  # more from there, where a wrong pose shows something else
OPAQUE = 250  # alpha, of 255
WEIGHT = 4.0  # in alignment, against features and box, which know less exactly
MOST = 1200  # points, those with the strongest edges
FEWEST_PIXELS = 100  # pixels
TEXTURED = 0.45  # root mean square of details: prints have 0.6 to 0.8, plain furniture 0.2 to 0.35


class Details(NamedTuple):
    """What a rendering, wanted, and the photo, found, show in one crop, step px a pixel: (S, S, 3), 0 off the model.

    model (S, S) bool: where both show the model, if the pose is right.
    """

    step: int
    model: np.ndarray
    wanted: np.ndarray
    found: np.ndarray

    @classmethod
    def of(cls, rendered: np.ndarray, alpha: np.ndarray, picture: np.ndarray, step: int) -> Details:
        """rendered and picture (S, S, 3) uint8, the photo's crop; alpha (S, S) uint8 of the model, 0 where the crop
        shows nothing of the photo."""
        model = _eroded(np.asarray(Image.fromarray(alpha).reduce(step)) >= OPAQUE, MIXED)
        return cls(step, model, *(_normalised(one, model, step) for one in (rendered, picture)))

    @property
    def textured(self) -> bool:
        """Whether there is enough to hold on to."""
        return bool((self.wanted**2).sum() > 3 * self.model.sum() * TEXTURED**2)

    def texture(self, radius: int) -> np.ndarray:
        """(S, S): root mean square of the model's details within radius pixels; 0 where there is no model."""
        around = _averaged(np.stack([(self.wanted**2).mean(-1), self.model.astype(np.float32)]), radius)
        return np.sqrt(np.maximum(around[0], 0) / np.maximum(around[1], 1e-6))

    def agreement(self) -> float:
        """Mean product, -1..1: 1 where both show the same strong texture, 0 where either is plain or nothing fits."""
        return float((self.wanted * self.found).sum() / max(3 * self.model.sum(), 1))

    def term(self, rendering: Rendering, view: Camera, K: np.ndarray) -> FeatureTerm | None:
        """That the model's details lie on the photo's; None where there are too few.

        view: the crop's camera, in the axes of the photo's, whose intrinsics are K (3, 3).
        """
        points = rendering.points[:: self.step, :: self.step]
        usable = _eroded(self.model, MARGIN) & ~np.isnan(points[..., 0])
        places = np.argwhere(usable)
        if len(places) < FEWEST_PIXELS:
            return None
        contrast = np.hypot(*np.gradient(self.wanted.mean(-1)))[usable]
        places = tuple(places[np.argsort(-contrast)[:MOST]].T)
        # a pixel has the point of its first one of step px: so it is that one's middle that is looked up
        to_pixels = np.array([[1, 0, -0.5], [0, 1, -0.5], [0, 0, self.step]]) / self.step
        to_image = to_pixels @ view.K @ view.camera_to_world[:3, :3].T @ np.linalg.inv(K)
        return FeatureTerm(points[places].astype(float), self.wanted[places], self.found, to_image, WEIGHT)


def agreement(details: Sequence[Details]) -> float:
    """Mean of one crop's, coarse and fine."""
    return float(np.mean([one.agreement() for one in details]))


def _normalised(picture: np.ndarray, model: np.ndarray, step: int) -> np.ndarray:
    """picture (S, S, 3) uint8 less its mean and over its deviation in the surroundings that are model, too."""
    smooth = Image.fromarray(picture).reduce(step).filter(ImageFilter.GaussianBlur(BLUR))
    values = np.ascontiguousarray(np.moveaxis(np.asarray(smooth), -1, 0), np.float32)
    there = model[None].astype(np.float32)
    sums = _averaged(np.concatenate([there, values * there, values**2 * there]), RADIUS)
    mean, square = sums[1:].reshape(2, *values.shape) / np.maximum(sums[0], 1e-6)
    deviation = np.sqrt(np.maximum(square - mean**2, 0) + CONTRAST**2)
    return np.ascontiguousarray((there * (values - mean) / deviation).transpose(1, 2, 0))


def _eroded(mask: np.ndarray, radius: int) -> np.ndarray:
    """mask (S, S) bool, where all within radius pixels is in it."""
    return _averaged(mask.astype(np.float32), radius) > 1 - 1e-4


def _averaged(values: np.ndarray, radius: int) -> np.ndarray:
    """values (..., S, S) float32 averaged over squares of 2 radius + 1 px; there is 0 beyond the border."""
    band = _band(values.shape[-1], radius)
    return product(product(values, band).swapaxes(-1, -2), band).swapaxes(-1, -2)


@cache
def _band(size: int, radius: int) -> np.ndarray:
    """(S, S): its product with a column is the column's running mean; quicker than summing up."""
    places = np.arange(size)
    return (np.abs(places[:, None] - places) <= radius).astype(np.float32) / (2 * radius + 1)
