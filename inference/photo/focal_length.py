"""What is known of a photo's focal length before anybody looks at the picture: given, told by EXIF data, or a guess."""

from __future__ import annotations

import math
from typing import NamedTuple

# By judgement: 68 % lie between 26 and 63 mm then, where USUAL of verify/lens.py is 40
SPREAD = 0.45  # deviation in log focal length among usual lenses
# Probability, by judgement, that what EXIF data tell without a contradiction is wrong: a picture may have been cropped
# to its own shape, and its recorded size updated
UNPROVEN = 0.03


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


def is_guess(deviation: float) -> bool:
    """Whether a focal length whose logarithm has this deviation is known no better than any usual lens's."""
    return deviation > 0.99 * SPREAD  # Blender keeps fewer digits
