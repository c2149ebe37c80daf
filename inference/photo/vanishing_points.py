"""What a photo's straight lines say of its focal length: how well lines that are upright or level in the scene meet,
for each focal length, in points that one camera could see so.

Level lines go in two directions at right angles, as most do where people build; any line may be none of these, and so
may all. For each focal length the likeliest camera counts, found by expectation maximisation over which line is which
(Košecká & Zhang, ECCV 2002).
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from ..geometry import nearest_rotation, rotation_from_vector
from .line_segments import SIDE

# Chosen on the tuning half of benchmark.exif_photos
SLOPE, ENDS = np.radians(0.6), 0.7  # deviations: of a line's direction; of its ends, px of the picture it was seen in
SHARES = np.array([0.25, 0.2, 0.2])  # of lines, that are upright, and in each of the two level directions, at first
FIRM = 4.0  # how many lines these are worth against the photo's
UNIT = 0.1  # of the longer side: the length of a line that counts once
MOST = 2.0  # times that a line counts
TEMPER = 0.2  # what a line tells, for lines are not independent: what bends one bends its neighbours
PITCH, ROLL = np.radians(25), np.radians(4)  # deviations of how cameras are held
MISTAKEN = 0.1  # probability that what is known of them is wrong
ASKEW = 0.1  # share of cameras that are held in any way
ROUNDS = 10  # of expectation maximisation
GLANCES = 0.5, 0.8, 1.3, 2.2  # focal lengths, in longer sides, at which cameras to begin with are looked for
STARTS = 2  # of them for each of these
COARSE = 120  # lines, the longest ones, that they are chosen by
WIDE = np.radians(2)  # deviation of lines at such a glance
APART = np.radians(8)  # between cameras to begin with
LONGEST_TURN = 0.1  # radians a round


class Opinion(NamedTuple):
    """For each of F focal lengths: log-likelihood (F,), and axes (F, 3, 3), unit vectors in camera axes: upwards, and
    the two level directions of most lines."""

    likelihood: np.ndarray
    axes: np.ndarray


class _Lines(NamedTuple):
    """Segments about the principal point, in longer sides of the photo: middles (N, 2); lines (N, 3), unit normals and
    distances from that point; deviations of their directions (N,), and how much each counts (N,)."""

    middles: np.ndarray
    lines: np.ndarray
    deviations: np.ndarray
    weights: np.ndarray

    @classmethod
    def of(cls, segments: np.ndarray, principal_point: np.ndarray, longer: float, seen: float) -> _Lines:
        ends = (segments.reshape(-1, 2, 2) - principal_point) / longer
        along, middles = ends[:, 1] - ends[:, 0], ends.mean(1)
        lengths = np.linalg.norm(along, axis=1)
        normals = np.stack([-along[:, 1], along[:, 0]], 1) / lengths[:, None]
        lines = np.c_[normals, -(middles * normals).sum(1)]
        return cls(middles, lines, np.hypot(SLOPE, ENDS / seen / lengths), np.minimum(lengths / UNIT, MOST) * TEMPER)

    def misses(self, axes: np.ndarray, focals: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """By how many deviations each line misses the vanishing points of axes (C, ..., 3), of cameras with focals
        (C,): (N, C, ...); and what one deviation is, of the distance between vanishing point and line: the same
        shape."""
        points = axes * np.stack([focals, focals, np.ones_like(focals)], 1).reshape(-1, *[1] * (axes.ndim - 2), 3)
        shape, points = (-1, *points.shape[:-1]), points.reshape(-1, 3)
        across, down = (points[:, i] - self.middles[:, i, None] * points[:, 2] for i in range(2))
        one = np.maximum(np.hypot(across, down), 1e-9) * self.deviations[:, None]
        return (self.lines @ points.T / one).reshape(shape), one.reshape(shape)

    def densities(self, misses: np.ndarray) -> np.ndarray:
        """Of directions that miss (N, ...) so, against those of lines that may have any."""
        deviations = self.deviations.reshape(-1, *[1] * (misses.ndim - 1))
        return np.sqrt(np.pi / 2) / deviations * np.exp(-np.minimum(misses**2, 80) / 2)


def opinion(
    segments: np.ndarray,
    size: tuple[int, int],
    focals: np.ndarray,
    principal_point: np.ndarray | None = None,
    ups: np.ndarray | None = None,
    doubt: float = np.radians(3),
    seen: float = SIDE,
) -> Opinion:
    """Of segments (N, 4), x, y, x, y of their ends, px of a photo of size (width, height), the longest first.

    focals (F,) px; principal_point (2,) px, default: the middle. ups (F, 3): where up is in camera axes for each focal
    length, give or take doubt, where that is known. seen: px of the longer side of the picture that has the segments.
    """
    middle = np.divide(size, 2) if principal_point is None else principal_point
    lines, focals = _Lines.of(segments, middle, max(size), min(seen, SIDE)), focals / max(size)
    starts, seen_with = _starts(lines, focals, ups)
    # the same vanishing points for other focal lengths
    scale = np.stack([seen_with[:, None] / focals] * 2 + [np.ones((len(starts), len(focals)))], -1)
    axes = np.array([[_frame(frame * by) for by in some] for frame, some in zip(starts, scale, strict=True)])
    axes, cameras = axes.reshape(-1, 3, 3), np.tile(focals, len(starts))
    known = None if ups is None else np.tile(ups, (len(starts), 1))
    shares = np.tile(SHARES, (len(axes), 1))
    for _ in range(ROUNDS):
        axes, shares = _improved(lines, axes, shares, cameras, known, doubt)
    value = _likelihood(lines, axes, shares, cameras) + _held(axes[:, 0], known, doubt)
    value, axes = value.reshape(len(starts), -1), axes.reshape(len(starts), -1, 3, 3)
    best = value.argmax(0)
    return Opinion(np.take_along_axis(value, best[None], 0)[0], axes[best, np.arange(len(focals))])


def belongs_to(
    segments: np.ndarray,
    size: tuple[int, int],
    focal: float,
    axes: np.ndarray,
    principal_point: np.ndarray | None = None,
    seen: float = SIDE,
) -> np.ndarray:
    """(N,) int: which of axes (3, 3), as in Opinion, each of segments (N, 4) most likely has; -1: none of them.

    segments, size, principal_point and seen as in `opinion`; focal px.
    """
    middle = np.divide(size, 2) if principal_point is None else principal_point
    lines = _Lines.of(segments, middle, max(size), min(seen, SIDE))
    misses, _one = lines.misses(axes[None], np.array([focal / max(size)]))
    rest = np.full((len(segments), 1), 1 - SHARES.sum())
    likeliest = np.c_[SHARES * lines.densities(misses[:, 0]), rest].argmax(1)
    return np.where(likeliest < len(SHARES), likeliest, -1)


def _frame(axes: np.ndarray) -> np.ndarray:
    """The nearest ones (3, 3) at right angles; the first one counts most."""
    return nearest_rotation(axes / np.linalg.norm(axes, axis=1, keepdims=True))


def _likelihood(lines: _Lines, axes: np.ndarray, shares: np.ndarray, focals: np.ndarray) -> np.ndarray:
    """(C,): with what was thought of the shares before."""
    found = (shares * lines.densities(lines.misses(axes, focals)[0])).sum(-1)
    rest, first = 1 - shares.sum(1), 1 - SHARES.sum()
    return lines.weights @ np.log(rest + found) + FIRM * (np.log(shares) @ SHARES + first * np.log(rest))


def _held(ups: np.ndarray, known: np.ndarray | None = None, doubt: float = 0.0) -> np.ndarray:
    """(...,): logarithm of how likely cameras that see up there (..., 3) are held so."""
    pitch, roll = np.arcsin(np.clip(ups[..., 2], -1, 1)), np.arctan2(ups[..., 0], -ups[..., 1])
    level = (1 - ASKEW) * np.exp(-((roll / ROLL) ** 2) / 2) + ASKEW * ROLL
    usual = -((pitch / PITCH) ** 2) / 2 + np.log(level)
    return usual if known is None else np.logaddexp(_as_known(ups, known, doubt), np.log(MISTAKEN) + usual)


def _as_known(ups: np.ndarray, known: np.ndarray, doubt: float) -> np.ndarray:
    """The same, if it is right what is known."""
    away = np.arccos(np.clip((ups * known).sum(-1), -1, 1))
    return np.log((1 - MISTAKEN) * PITCH * ROLL / doubt**2) - (away / doubt) ** 2 / 2


def _improved(
    lines: _Lines, axes: np.ndarray, shares: np.ndarray, focals: np.ndarray, known: np.ndarray | None, doubt: float
) -> tuple[np.ndarray, np.ndarray]:
    """Axes (C, 3, 3) after a step of Gauss and Newton, in which each line counts for the axis that it may have, and the
    shares (C, 3) of lines that do."""
    misses, one = lines.misses(axes, focals)
    found = shares * lines.densities(misses)
    rest = 1 - shares.sum(1)
    weights = found / (rest + found.sum(-1))[..., None] * lines.weights[:, None, None]
    shares = (weights.sum(0) + FIRM * SHARES) / (lines.weights.sum() + FIRM)
    # a turn w of the axis d moves its vanishing point by w . (d x line) from the line
    scale = np.stack([focals, focals, np.ones_like(focals)], 1)[:, None, None]
    turning = np.cross(np.eye(3), axes[..., None, :]) * scale  # (C, 3, 3, 3)
    pairs = (lines.lines[:, :, None] * lines.lines[:, None]).reshape(-1, 9)
    curved = np.einsum("nca,np->cap", weights / one**2, pairs, optimize=True).reshape(*axes.shape, 3)
    pulled = np.einsum("nca,ni->cai", weights * misses / one, lines.lines, optimize=True)
    hessian = (turning @ curved @ turning.swapaxes(-1, -2)).sum(1)
    gradient = (turning @ pulled[..., None])[..., 0].sum(1)
    up, trust = axes[:, 0], np.zeros((len(axes), 1))
    if known is not None:
        trust = np.exp(_as_known(up, known, doubt) - _held(up, known, doubt))[:, None]
        across = np.eye(3) - up[:, :, None] * up[:, None]
        hessian += trust[..., None] / doubt**2 * across
        gradient -= trust / doubt**2 * np.cross(up, known)
    pitching = np.cross(up, [0, 0, 1.0])
    hessian += (1 - trust[..., None]) / PITCH**2 * pitching[:, :, None] * pitching[:, None]
    gradient += (1 - trust) / PITCH**2 * pitching * up[:, 2:]
    hessian += np.eye(3) * (1e-3 * np.trace(hessian, axis1=1, axis2=2) + 1e-9)[:, None, None]
    turn = -np.linalg.solve(hessian, gradient[..., None])[..., 0]
    turn *= np.minimum(1, LONGEST_TURN / np.maximum(np.linalg.norm(turn, axis=1), 1e-12))[:, None]
    return axes @ rotation_from_vector(turn).swapaxes(1, 2), shares


def _starts(lines: _Lines, focals: np.ndarray, ups: np.ndarray | None) -> tuple[np.ndarray, np.ndarray]:
    """Cameras to begin with: their axes (S, 3, 3), and focal lengths (S,)."""
    lines = _Lines(*(values[:COARSE] for values in lines))
    lines = lines._replace(deviations=np.hypot(lines.deviations, WIDE))
    found, seen_with = [], []
    for nearest in dict.fromkeys(int(np.abs(np.log(focals / glance)).argmin()) for glance in GLANCES):
        possible = _possible(None if ups is None else ups[nearest])
        rest = 1 - SHARES.sum()
        upright, first, second = (
            share * lines.densities(lines.misses(axes, np.full(len(axes), focals[nearest]))[0])
            for share, axes in zip(SHARES, (possible[:, :1, 0], possible[..., 1, :], possible[..., 2, :]), strict=True)
        )
        likelihood = np.einsum("n,nca->ca", lines.weights, np.log(rest + upright + first + second))
        likelihood += _held(possible[:, :, 0])
        kept: list[np.ndarray] = []
        for place in np.argsort(-likelihood, axis=None)[:100]:
            frame = possible.reshape(-1, 3, 3)[place]
            if all(np.abs(frame @ other.T).max(1).min() < np.cos(APART) for other in kept):
                kept.append(frame)
        found += kept[:STARTS]
        seen_with += [focals[nearest]] * len(kept[:STARTS])
    return np.stack(found), np.array(seen_with)


def _possible(up: np.ndarray | None) -> np.ndarray:
    """(U, A, 3, 3): axes of cameras that are held so, by where up is and by how they are turned about it."""
    if up is None:
        pitch, roll = np.meshgrid(np.radians(np.arange(-60, 61, 6)), np.radians([-12, -6, -3, 0, 3, 6, 12]))
        pitch, roll = pitch.ravel(), roll.ravel()
        ups = np.stack([np.sin(roll) * np.cos(pitch), -np.cos(roll) * np.cos(pitch), np.sin(pitch)], 1)
    else:
        ups = up[None]
    right = np.cross(ups, [0, 0, 1.0])
    right /= np.maximum(np.linalg.norm(right, axis=1, keepdims=True), 1e-9)
    ahead = np.cross(ups, right)
    angle = np.radians(np.arange(0, 90, 3))[:, None]
    first = np.cos(angle) * right[:, None] + np.sin(angle) * ahead[:, None]
    return np.stack([np.broadcast_to(ups[:, None], first.shape), first, np.cross(ups[:, None], first)], 2)
