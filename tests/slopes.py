"""Central differences, with which gradients are compared."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from photo_pose.inference.pose.alignment import PARAMETERS
from photo_pose.inference.pose.pose import Pose

STEP = 1e-6
MOVES = np.eye(PARAMETERS)


def slopes(value: Callable[[Pose], np.ndarray | float], pose: Pose) -> np.ndarray:
    """Of a value (...) along all parameters of a pose: (..., PARAMETERS)."""
    ahead, behind = (np.stack([value(pose.moved(s * STEP * move)) for move in MOVES], -1) for s in (1, -1))
    return (ahead - behind) / (2 * STEP)
