"""What is known of a photo's focal length: given, told by EXIF data or a guess, and all that its picture tells
together.

What the model's perspective and the photo's lines say may be about another lens than the photo's: the lines are those
of a backdrop or a collage, the pose is wrong. So each counts as said or, less likely, as nothing.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from ..geometry import Camera

DIAGONAL_35MM = math.hypot(36, 24)  # mm
FULL_FRAME = 36.0  # mm, of the sensor's longer side, for which the next two are
LENSES = np.geomspace(14, 224, 25)  # mm, of which is asked how likely they are
ANY_LENS = np.geomspace(4, 2000, 1800)  # mm, among which the answer is

# By judgement: 68 % of usual lenses lie between 26 and 63 mm on a sensor 36 mm wide, between a phone's and a zoom's
USUAL = 40.0  # mm
SPREAD = 0.45  # deviation in log focal length
KINDS = EXIF, OBJECT, LINES = "EXIF", "OBJECT", "LINES"  # of what tells a lens
# Probability, by judgement, that what EXIF data tell without a contradiction is wrong: a picture may have been cropped
# to its own shape, and its recorded size updated
UNPROVEN = 0.03


EXACT = 0.004  # deviation of a focal length that is given: nobody types it more exactly
# Deviation of the logarithm that all of it has in common: lenses distort, pictures are cut a little off the middle
SYSTEMATIC = 0.04
MISTAKEN = 0.03  # probability, by judgement, that the model's perspective, or the lines, are about another lens
DIFFERENT = 0.2  # times as likely becomes, by lines that differ, what else is known
TELLING = 0.7  # of SPREAD: what leaves a larger deviation tells nothing


class Focal(NamedTuple):
    """A focal length, px, and how far it is to be believed.

    deviation of its logarithm, if it is right at all; doubt: probability, 0..1, that it is not, so that any usual lens
    may have taken the photo. Given ones have 0 of both, mere guesses a doubt of 1.
    """

    focal: float
    deviation: float = 0.0
    doubt: float = 0.0

    @property
    def spread(self) -> float:
        """Standard deviation of the logarithm, all in all; SPREAD of a guess."""
        return math.sqrt((1 - self.doubt) * self.deviation**2 + self.doubt * SPREAD**2)

    @property
    def by(self) -> tuple[str, ...]:
        """What tells it, as in Lens."""
        return (EXIF,) if self.spread and self.doubt < 1 else ()


class LensEvidence(NamedTuple):
    """What one photo says of its lens: how far it is known beforehand, in mm on a sensor FULL_FRAME wide, and the
    log-likelihoods of LENSES by the model's perspective and by the photo's lines."""

    known: Focal
    perspective: np.ndarray
    lines: np.ndarray


class Lens(NamedTuple):
    """A focal length, in any unit, and the standard deviation of its logarithm: 0 where it was given, else SPREAD at
    most, or nearly that where it remains a guess.

    by: which of EXIF, OBJECT and LINES tell it; lines_differ: the lines of the photo tell another one.
    """

    focal: float
    deviation: float
    by: tuple[str, ...] = ()
    lines_differ: bool = False
    evidence: LensEvidence | None = None


def is_guess(deviation: float) -> bool:
    """Whether a focal length whose logarithm has this deviation is known no better than any usual lens's."""
    return deviation > 0.99 * SPREAD  # Blender keeps fewer digits


def equivalent(camera: Camera) -> float:
    """mm of the lens that shows as much on 35 mm film, by the pictures' diagonals (CIPA DCG-001)."""
    (width, height), (across, down) = camera.size, camera.K.diagonal()[:2]
    return float(DIAGONAL_35MM / math.hypot(width / across, height / down))


def field_of_view(camera: Camera) -> float:
    """Radians, from the left to the right border of the picture."""
    left, right = camera.K[0, 2] / camera.K[0, 0], (camera.size[0] - camera.K[0, 2]) / camera.K[0, 0]
    return math.atan(left) + math.atan(right)


def likeliest(photos: Sequence[LensEvidence]) -> Lens:
    """The lens that took all the photos, its focal length in mm on a sensor FULL_FRAME wide.

    Lines that differ from what else is known of their photo do not count.
    """
    logs = np.log(ANY_LENS)
    usual = _density(logs, USUAL, SPREAD)
    left, by, differ, untold = usual, set(), False, np.ones(len(logs))
    for photo in photos:
        told = _told(photo.known, usual)
        untold = untold * photo.known.doubt / told
        others = [(EXIF, told), (OBJECT, _said(photo.perspective, usual))]
        lines, known = _said(photo.lines, usual), usual * np.prod([factor for _kind, factor in others], axis=0)
        contradict = bool(lines @ known < DIFFERENT * known.sum())
        factors = others if contradict else [*others, (LINES, lines)]
        by |= {kind for kind, factor in factors if _tells(factor, usual)}
        left, differ = (
            left * np.prod([factor for _kind, factor in factors], axis=0),
            differ or (contradict and _tells(lines, usual)),
        )
        left = left / left.sum()
    # either some photo was told its lens rightly, or none: the middle of both would be neither
    wrong = left * untold
    focal, _own = _middle(logs, wrong if wrong.sum() > 0.5 else left - wrong)
    _both, deviation = _middle(logs, left)
    return Lens(focal, min(deviation, SPREAD), tuple(kind for kind in KINDS if kind in by), bool(differ))


def _told(known: Focal, usual: np.ndarray) -> np.ndarray:
    """How many times likelier each of ANY_LENS is by what was known of the photo's beforehand."""
    right = _density(np.log(ANY_LENS), known.focal, max(known.deviation, EXACT))
    return (1 - known.doubt) * right / usual + known.doubt


def _said(likelihoods: np.ndarray, usual: np.ndarray) -> np.ndarray:
    """The same by log-likelihoods of LENSES."""
    likelihood = blurred(np.exp(smooth(np.log(LENSES), likelihoods - likelihoods.max(), np.log(ANY_LENS))))
    return (1 - MISTAKEN) * likelihood / (usual @ likelihood) + MISTAKEN


def likelihood_of(focal: float, likelihoods: np.ndarray) -> float:
    """How many times likelier a focal length, mm, becomes by log-likelihoods of LENSES, against any usual one."""
    return float(np.interp(focal, ANY_LENS, _said(likelihoods, _density(np.log(ANY_LENS), USUAL, SPREAD))))


def _tells(factor: np.ndarray, usual: np.ndarray) -> bool:
    return _middle(np.log(ANY_LENS), usual * factor)[1] < TELLING * SPREAD


def _density(logs: np.ndarray, focal: float, deviation: float) -> np.ndarray:
    """Normal in the logarithm; the sum is 1."""
    density = np.exp(-(((logs - np.log(focal)) / deviation) ** 2) / 2) + 1e-300
    return density / density.sum()


def _middle(logs: np.ndarray, density: np.ndarray) -> tuple[float, float]:
    """The median focal length, and half of the range of logarithms that holds 68 % of it, as a
    deviation to both sides does."""
    shares = density.cumsum() / density.sum()
    low, median, high = np.interp((0.1587, 0.5, 0.8413), shares, logs)
    return float(np.exp(median)), float(high - low) / 2


def blurred(likelihood: np.ndarray) -> np.ndarray:
    """Of ANY_LENS, with the SYSTEMATIC deviation."""
    step = np.log(ANY_LENS[1] / ANY_LENS[0])
    reach = int(3 * SYSTEMATIC / step)
    weights = np.exp(-((np.arange(-reach, reach + 1) * step / SYSTEMATIC) ** 2) / 2)
    return np.convolve(np.pad(likelihood, reach, mode="edge"), weights / weights.sum(), "valid")


def smooth(places: np.ndarray, values: np.ndarray, wanted: np.ndarray) -> np.ndarray:
    """values (N,) at evenly spaced places (N,), by the cubic through each four neighbours (Catmull & Rom 1974) at
    wanted (M,); beyond the places as at the nearest one."""
    at = np.clip((wanted - places[0]) / (places[1] - places[0]), 0, len(places) - 1)
    left = np.minimum(at.astype(int), len(places) - 2)
    before, here, after, last = (values[np.clip(left + step, 0, len(places) - 1)] for step in (-1, 0, 1, 2))
    t = at - left
    slopes = (after - before) / 2, (last - here) / 2
    bend = 2 * (here - after) + slopes[0] + slopes[1]
    return here + t * (slopes[0] + t * (3 * (after - here) - 2 * slopes[0] - slopes[1] + t * bend))
