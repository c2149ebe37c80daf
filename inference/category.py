"""From where a photo shows a thing that is only *like* the models: the views of all models vote.

The paper takes the mean of the two nearest views, which may come from opposite sides. Here the most alike views of all
models are a density on the view sphere (von Mises-Fisher kernels), and its peak is the answer.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from .crops import DISTANCE
from .geometry import look_at, view_sphere
from .pose import SCALES, Candidate, PhotoCrops, placed, start_pose
from .ranking import Compared

MODELS = 8  # at least, that a vote needs
VOTERS = 0.025  # of all views; at least FEWEST
FEWEST = 20
KAPPA = 12.0  # of the kernels: about 17 degrees wide
ROLL_PRIOR = 1.2  # standard deviations of likeness that a view loses by a radian of roll
CLIMB = 10  # steps to the peak
STRANGE = 8.0  # likeness below which the photo shows none of the models
DOUBTFUL = 1.0  # score of a verified candidate below which that is believed


def is_strange(compared: Sequence[Compared], verified: float) -> bool:
    """Whether the photo seems to show none of the models; verified: the best candidate's score."""
    best = max((float(one.scores.max()) for one in compared), default=np.inf)
    return len(compared) >= MODELS and best < STRANGE and verified < DOUBTFUL


def voted(crops: PhotoCrops, compared: Sequence[Compared], score: float) -> Candidate:
    """The camera on whose direction the most alike views agree, for the model whose views voted most for it."""
    level = np.abs(np.angle(np.exp(1j * crops.rolls)))  # a vote is wrong about rolls more often than the photographer
    likeness = np.concatenate([one.likeness - ROLL_PRIOR * level for one in compared])
    directions = np.concatenate([one.target.index.templates.directions for one in compared])
    owner = np.repeat(np.arange(len(compared)), [len(one.likeness) for one in compared])
    voters = np.argsort(-likeness.max(1))[: max(FEWEST, round(VOTERS * len(likeness)))]
    peak = peak_of(directions[voters])
    weight = np.exp(KAPPA * (directions[voters] @ peak - 1))
    target = compared[int(np.bincount(owner[voters], weight).argmax())].target
    roll = int(np.bincount(likeness[voters].argmax(1), weight).argmax())
    view = crops.views[roll * len(SCALES) + len(SCALES) // 2]
    rotation = view.camera_to_world[:3, :3] @ look_at(peak * DISTANCE, np.zeros(3))[:3, :3].T
    pose = start_pose(crops.camera, crops.box, target.index.templates.outline, rotation)
    return Candidate(target.name, placed(crops.camera, pose, target.sphere), score)


def peak_of(voters: np.ndarray) -> np.ndarray:
    """Unit direction (3,) where the kernels around voters (N, 3) are densest."""
    grid = view_sphere(4, full=True)
    peak = grid[np.exp(KAPPA * (grid @ voters.T - 1)).sum(1).argmax()]
    for _ in range(CLIMB):
        mean = np.exp(KAPPA * (voters @ peak - 1)) @ voters
        peak = mean / np.linalg.norm(mean)
    return peak
