"""Pins: a few points of the model that a user has dragged to where the photo shows them move the pose."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from .alignment import PARAMETERS, SilhouetteTerm, minimise
from .pose import Pose

# By judgement; tests/inference/test_pins.py tells that they are enough
FAR = 1e4  # px: errors are so much smaller than that that all pins pull in proportion
ROUNDS = 4
ROLL, RIGHT, DOWN, AWAY = range(2, 6)  # parameters of a step, of which the first two turn the model
FREEDOM = ([], [RIGHT, DOWN], [RIGHT, DOWN, AWAY, ROLL])  # of so many pins; more may do anything but change the lens


class PinLocks(NamedTuple):
    """What so many pins leave as it is, as alignment.Locks: one only shifts, two also roll and change the distance."""

    pins: int

    def freedom(self, _pose: Pose) -> np.ndarray:
        """(PARAMETERS, F): a basis of the steps that are left."""
        free = FREEDOM[self.pins] if self.pins < len(FREEDOM) else range(6)
        return np.eye(PARAMETERS)[:, free]

    def kept(self, _pose: Pose, moved: Pose) -> Pose:
        return moved


def pinned(pose: Pose, points: Sequence[np.ndarray], targets: Sequence[np.ndarray]) -> Pose:
    """pose, moved until points (3,) of the model, in its unit sphere, are seen at targets (2,), px of the photo."""
    twice, across = np.repeat(np.reshape(points, (-1, 3)), 2, axis=0), np.tile(np.eye(2), (len(points), 1))
    term = SilhouetteTerm(twice, np.repeat(np.reshape(targets, (-1, 2)), 2, axis=0), across, np.eye(3), FAR, FAR**2)
    for _ in range(ROUNDS):
        pose, _cost = minimise([term], pose, PinLocks(len(points)))
    return pose
