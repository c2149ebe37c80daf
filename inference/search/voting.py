"""From where a photo shows what is none of the models but like them: the direction on which their views agree."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from ..geometry import look_at, view_sphere
from ..look import DEFAULT_CANDIDATES
from ..steps import Steps
from .model_likeness import Compared, compare
from .regressed_starts import Predict, named
from .start_poses import PhotoCrops, Start, Target, start_pose

if TYPE_CHECKING:
    from ..networks.regressor import Prediction

# `python -m benchmark.category --half tuning test` measures what they give together. WEIGHT was looked at there, on
# both halves, beside votes that all count alike; KERNEL is a prototype's, on 72 pictures of 27 chairs. ROLL_PRIOR and
# the others of which nothing is said are by judgement.
VOTERS, FEWEST_VOTERS = 0.1, 20  # share of all views that vote, and the least number of them
WEIGHT = 1.0  # that a standard deviation of likeness adds to the logarithm of a vote's weight
KERNEL = 12.0  # concentration of a vote: about 17 degrees wide
ROLL_PRIOR = 1.2  # standard deviations of likeness that a view loses by a radian of roll
DOUBT = 0.01  # added to shares that are multiplied, so that neither witness can rule a direction out
AGREED = 0.3  # of the best direction's share: a match with fewer votes is doubted (chosen on rendered chairs)
PEAKS_APART, AROUND = np.radians(30), np.radians(20)  # between answers of a vote; from one to the views it stands for


class Vote(NamedTuple):
    """Shares (S,), 0..1, of the votes for the directions sphere (S, 3), and what was compared."""

    sphere: np.ndarray
    shares: np.ndarray
    compared: list[Compared]

    def agrees(self, direction: np.ndarray) -> bool:
        """Whether a direction (3,) has not much fewer votes than the best one."""
        return bool(self.shares[(self.sphere @ direction).argmax()] > AGREED * self.shares.max())


def vote(crops: PhotoCrops, targets: Sequence[Target], predict: Predict | None = None) -> Steps[Vote]:
    """From where the photo shows an object that is none of the targets but like them, all of which face the same way:
    the directions that the most alike views agree on.

    predict: of a regressor, which then has as much say.
    """
    compared = yield from compare(crops, targets, of_a_kind=True)
    directions = targets[0].index.templates.directions
    sphere = view_sphere(4, full=bool(directions[:, 2].min() < -0.5))
    shares = elected(likeness(crops, compared), directions, sphere)
    if predict:
        shares = agreed(shares, foretold(named(crops, predict), sphere))
    return Vote(sphere, shares, compared)


def winners(crops: PhotoCrops, found: Vote, count: int = DEFAULT_CANDIDATES) -> list[Start]:
    """A start for each of the directions with the most votes, with the target that looks most alike from about there;
    score: the share."""
    chosen = peaks(found.shares, found.sphere, count)
    return [_alike_from(crops, found.compared, found.sphere[one], found.shares[one]) for one in chosen]


def likeness(crops: PhotoCrops, compared: Sequence[Compared]) -> np.ndarray:
    """(M, V): how alike the views of M models are, in the roll of the photo that suits each best."""
    return np.stack([(one.likeness - ROLL_PRIOR * np.abs(crops.rolls)).max(1) for one in compared])


def elected(likeness: np.ndarray, directions: np.ndarray, sphere: np.ndarray) -> np.ndarray:
    """(S,) shares, 0..1, of the votes for directions sphere (S, 3), by the likeness (M, V) of the views of M models
    from directions (V, 3).

    The most alike views vote, the more alike the more. Every vote counts for what is around it too (a von Mises-Fisher
    kernel), so that a few that err do not turn the answer, as they turn a mean.
    """
    values = likeness.ravel()
    voters = np.argsort(-values)[: max(FEWEST_VOTERS, round(VOTERS * len(values)))]
    weights = np.exp(WEIGHT * (values[voters] - values.max()))
    return _around(directions[voters % len(directions)], sphere) @ (weights / weights.sum())


def foretold(prediction: Prediction, sphere: np.ndarray) -> np.ndarray:
    """(S,) shares, as of votes, of what a regressor says of one picture: every hypothesis votes as it is probable."""
    return _around(-prediction.rotations[0, :, 2], sphere) @ prediction.probabilities[0]


def agreed(*witnesses: np.ndarray) -> np.ndarray:
    """(S,) shares of independent witnesses (S,) together: their geometric mean, as chances multiply."""
    return np.exp(np.mean([np.log((shares + DOUBT) / (1 + DOUBT)) for shares in witnesses], axis=0))


def peaks(shares: np.ndarray, sphere: np.ndarray, count: int = 1) -> list[int]:
    """Numbers of at most count directions of sphere (S, 3), apart from one another, with the largest shares (S,)."""
    chosen: list[int] = []
    for index in np.argsort(-shares):
        if len(chosen) < count and not (sphere[chosen] @ sphere[index] > np.cos(PEAKS_APART)).any():
            chosen.append(int(index))
    return chosen


def _around(directions: np.ndarray, sphere: np.ndarray) -> np.ndarray:
    """(S, N): how much a vote for each direction (N, 3) counts for each of sphere (S, 3)."""
    return np.exp(KERNEL * (sphere @ directions.T - 1))


def _alike_from(crops: PhotoCrops, compared: Sequence[Compared], direction: np.ndarray, share: float) -> Start:
    """A start that sees from direction (3,) the target that looks most alike in its views around there."""

    def best(one: Compared) -> tuple[float, int]:
        near = one.target.index.templates.directions @ direction > np.cos(AROUND)
        scores = np.where(near[:, None], one.scores - ROLL_PRIOR * np.abs(crops.rolls), -np.inf)
        return float(scores.max()), int(one.crop.ravel()[scores.argmax()])

    (_, crop), target = max(((best(one), one.target) for one in compared), key=lambda found: found[0])
    rotation = crops.views[crop].camera_to_world[:3, :3] @ look_at(direction, np.zeros(3))[:3, :3].T
    return Start(target, start_pose(crops.camera, crops.box, target.index.templates.outline, rotation), float(share))
