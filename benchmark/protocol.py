"""The paper's rules (Eberts & Ulges): error, nearest neighbours with the model left out, test views."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from inference.geometry import angle_between, view_sphere
from inference.search.voting import agreed

KEPT = 8  # nearest views of each model that are kept; the rules look at the first two
NEIGHBOURS = 2
VOTERS, SHARPNESS = 60, 12.0  # of a vote: nearest views, and the concentration of each around its direction
OFF = np.radians([6, 8])  # between a test view and the nearest training view; none is farther off
WITHIN = (10, 15, 30)  # degrees


class Nearest(NamedTuple):
    """For T pictures the K nearest views of each of M models: index (T, M, K) of the view, distance (T, M, K)."""

    index: np.ndarray
    distance: np.ndarray

    @classmethod
    def of(cls, distances: np.ndarray, kept: int = KEPT) -> Nearest:
        """Of distances (T, V) to the views of one model."""
        index = np.argsort(distances, axis=1, kind="stable")[:, :kept]
        nearest = np.take_along_axis(distances, index, 1)
        return cls(index[:, None].astype(np.uint8), nearest[:, None].astype(np.float32))

    @classmethod
    def joined(cls, parts: Sequence[Nearest]) -> Nearest:
        """The models of parts beside each other."""
        return cls(*(np.concatenate([getattr(part, field) for part in parts], 1) for field in cls._fields))


def errors(directions: np.ndarray, truth: np.ndarray) -> np.ndarray:
    """(N,) degrees: E = arccos(c . c' / |c||c'|) between camera positions (N, 3) around the model's centre."""
    lengths = np.linalg.norm(directions, axis=1) * np.linalg.norm(truth, axis=1)
    cosines = (directions * truth).sum(1) / np.maximum(lengths, 1e-12)
    return np.degrees(np.arccos(cosines.clip(-1, 1)))


def others(own: np.ndarray, count: int) -> np.ndarray:
    """(T, count) bool: which of count models a picture of model own (T,) may be compared with: not its own."""
    return np.arange(count) != own[:, None]


def estimated(nearest: Nearest, allowed: np.ndarray, views: np.ndarray) -> np.ndarray:
    """(T, 3) directions: the mean of the two nearest views (V, 3) among all views of the allowed models (T, M) bool."""
    return views[_best(nearest, allowed, NEIGHBOURS)].sum(1)


def voted(nearest: Nearest, allowed: np.ndarray, views: np.ndarray, said: np.ndarray | None = None) -> np.ndarray:
    """(T, 3) directions, otherwise like `estimated`: where most of many nearest views agree, and their mean there.

    said (T, V): shares of the votes for the views that another witness gives.
    """
    count = min(VOTERS, int(allowed.sum(1).min()) * nearest.index.shape[2])
    voters = views[_best(nearest, allowed, count)]
    near = np.exp(SHARPNESS * (voters @ views.T - 1))  # (T, count, V)
    shares = near.mean(1) if said is None else agreed(near.mean(1), said)
    elected = shares.argmax(1)
    weights = np.take_along_axis(near, elected[:, None, None], 2)
    return (weights * voters).sum(1)


def _best(nearest: Nearest, allowed: np.ndarray, count: int) -> np.ndarray:
    """(T, count) indices of the nearest views of all allowed models together."""
    distance = np.where(allowed[..., None], nearest.distance, np.inf).reshape(len(allowed), -1)
    best = np.argsort(distance, axis=1, kind="stable")[:, :count]
    return np.take_along_axis(nearest.index.reshape(len(allowed), -1), best, 1)


def chance(views: np.ndarray, truth: np.ndarray) -> np.ndarray:
    """Errors, degrees, of every guess (V, 3) for every picture (T, 3): what guessing at random among views gives."""
    return np.degrees(np.arccos((views @ truth.T).clip(-1, 1))).ravel()


def summary(found: np.ndarray) -> dict[str, float]:
    """Mean, median and the shares within 10, 15 and 30 degrees of errors (N,) in degrees."""
    shares = {f"within {limit}": float((found < limit).mean()) for limit in WITHIN}
    return {"mean": float(found.mean()), "median": float(np.median(found)), **shares, "pictures": len(found)}


def growth(counts: Sequence[int], models: int, seed: int, draws: int) -> list[tuple[int, np.ndarray]]:
    """(count, (models,) bool) for several random choices of so many models; all of them are chosen just once."""
    random = np.random.default_rng(seed)
    chosen = []
    for count in counts:
        for _ in range(draws if count < models else 1):
            some = np.zeros(models, bool)
            some[random.permutation(models)[:count]] = True
            chosen.append((count, some))
    return chosen


def off_views(count: int, random: np.random.Generator) -> np.ndarray:
    """(count, 3) directions of the upper half, evenly spread by chance over what is about 7 degrees off its views."""
    views, found = view_sphere(), np.zeros((0, 3))
    while len(found) < count:
        some = random.standard_normal((4 * count, 3))
        some = some * np.sign(some[:, 2:]) / np.linalg.norm(some, axis=1, keepdims=True)
        nearest = angle_between(some[:, None], views[None]).min(1)
        found = np.concatenate([found, some[(nearest >= OFF[0]) & (nearest <= OFF[1])]])
    return found[:count]
