"""Which training views of a model: from where, how fine, before what, for which network."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from ..errors import PoseError
from ..geometry import view_sphere
from ..look import ANY_WAY, AUTOMATIC, DEFAULT_NETWORK


class ViewOptions(NamedTuple):
    """Which views: the sphere's half (UPPER) or all of it (FULL), its subdivisions, what is behind the model."""

    sphere: str = "UPPER"
    subdivisions: int = 3
    background: str = "WHITE"
    network: str = DEFAULT_NETWORK
    device: str = "auto"

    @property
    def directions(self) -> np.ndarray:
        """(V, 3) unit."""
        return view_sphere(self.subdivisions, full=self.sphere == "FULL")


def sphere_for(stands: str, height: float = 0.0) -> str:
    """From where an object that so stands, as in look.py, is seen: from below, too, where that is known beforehand.

    height: of the camera that sees it, above its middle, where there is one.
    """
    return "FULL" if stands == ANY_WAY or (stands == AUTOMATIC and height < 0) else "UPPER"


def subdivisions_for(count: int, sphere: str) -> int:
    """The coarsest view sphere with at least count views; PoseError when there is none."""
    for subdivisions in range(5):
        if len(view_sphere(subdivisions, full=sphere == "FULL")) >= count > 0:
            return subdivisions
    raise PoseError(f"The number of views must be between 1 and {len(view_sphere(4, full=sphere == 'FULL'))}.")
