"""How well a rendering of the model agrees with the photo: what is measured, and the score that this makes."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np


class Agreement(NamedTuple):
    """What is measured of one pose; what was not measured is 0, which is what a perfect pose has from `outside` on.

    coarse: cosine of the pooled feature maps; fine: mean cosine of the whitened patches on the model; -1..1.
    misfit: of the box, 0 where it is filled.
    retrieval: score of the start that the pose came from, in standard deviations.
    details: agreement of fine texture, -1..1.
    outside: part of silhouette and object, as the aligner sees it, that is not the other's; hidden: part of the model
    that it does not see; 0..1. flow: px of the crop that it wants what it sees to move; deviation: of that, px.
    """

    coarse: float
    fine: float
    misfit: float
    retrieval: float
    details: float = 0.0
    outside: float = 0.0
    hidden: float = 0.0
    flow: float = 0.0
    deviation: float = 0.0

    @property
    def alone(self) -> Agreement:
        """Without what the aligner sees."""
        return self._replace(outside=0.0, hidden=0.0, flow=0.0, deviation=0.0)

    @property
    def certain(self) -> float:
        """Agreement of details as far as it exceeds chance."""
        return max(self.details - CHANCE, 0.0)

    @property
    def score(self) -> float:
        """Comparable within one photo."""
        return float(np.dot(self._replace(details=self.certain), WEIGHTS))


CHANCE = 0.08  # up to here the details of other materials agree
WEIGHTS = Agreement(1.0, 1.0, -0.16, 0.02, 2.0, -1.0, 0.0, -0.05, 0.0)
