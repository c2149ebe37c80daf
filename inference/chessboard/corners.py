"""Finds a chessboard in a photo: the points where four of its squares meet, to a fraction of a pixel.

Corners are found by the ring test of Bennett & Lasenby (ChESS, CVIU 2014), joined to a lattice by growing from one
of them, and refined by the rule that around a corner every gradient stands across the line to it (Foerstner 1987).
"""

from __future__ import annotations

from collections import deque
from typing import NamedTuple

import numpy as np
from PIL import Image

from ..errors import PoseError
from ..photo.image import Photo

SIDES = (800, 1600, 400)  # px: the photo's longer side is reduced to these, one after the other, until a board is found
RADIUS = 5  # px of the ring
RING = np.round(RADIUS * np.stack([np.cos(np.pi / 8 * np.arange(16)), np.sin(np.pi / 8 * np.arange(16))], 1)).astype(
    int
)
# By judgement; with them `python -m benchmark.chessboard` finds the board in 13 of 13 real photos
WEAKEST = 0.08  # of the strongest response, that a corner must have
SPREAD = 3  # px around a corner in which no other one may be
CANDIDATES = 8  # corners that are looked at, for one of the board
SEEDS = 60  # corners from which a lattice is grown
NEAREST = 16  # corners around a seed among which its neighbours are
REACH = 0.3  # of a step: how far a corner may be from where the lattice expects it
FLATTEST = np.sin(np.radians(20))  # angle between the lattice's two directions
WINDOW = 0.35, 3, 24  # half side of the refining window in steps of the lattice; least and most px
ROUNDS = 12  # of refining
STRAY = 0.25  # of a step, that refining may move a corner


class Corners(NamedTuple):
    """N corners, strongest first: position (N, 2) px; phase (N,): twice the direction in which squares are light."""

    position: np.ndarray
    phase: np.ndarray


class Step(NamedTuple):
    """A place of the lattice and its two steps (2,) px, to the next column and to the next row."""

    place: tuple[int, int]
    across: np.ndarray
    down: np.ndarray


def find_chessboard(photo: Photo, columns: int, rows: int) -> np.ndarray:
    """Inner corners (rows, columns, 2), px of the photo, of a board with (columns + 1) x (rows + 1) squares.

    Seen from the board's front, columns go to the right and rows down; the square above and left of the first corner
    is dark. Where that leaves a choice (columns + rows even), the first corner is the one nearest to the photo's top
    left. PoseError where no such board is seen whole.
    """
    if min(columns, rows) < 3:
        raise PoseError("A chessboard needs 3 x 3 inner corners at least.")
    grey = np.asarray(photo.image.convert("L"), np.float32)
    for side in SIDES:
        scale = min(1.0, side / max(photo.image.size))
        small = np.asarray(Image.fromarray(grey).resize([round(edge * scale) for edge in photo.image.size], Image.BOX))
        lattice = _lattice(small, columns, rows)
        if lattice is not None:
            shrunk = np.array(photo.image.size) / small.shape[::-1]
            refined = _refined(grey, lattice * shrunk)
            if refined is not None:
                return _oriented(grey, refined, columns, rows) * photo.size[0] / photo.image.size[0]
    raise PoseError(f"No whole chessboard of {columns} x {rows} inner corners is seen in '{photo.path.name}'.")


def find_corners(grey: np.ndarray, count: int) -> Corners:
    """The count strongest places in grey (H, W) where dark and light quarters meet."""
    margin = RADIUS + 1
    inner = tuple(slice(margin, side - margin) for side in grey.shape)
    ring = np.stack([np.roll(grey, (-y, -x), (0, 1))[inner] for x, y in RING])
    middle = sum(np.roll(grey, shift, (0, 1))[inner] for shift in ((0, 0), (0, 1), (1, 0), (0, -1), (-1, 0))) / 5
    crossed = np.abs(ring[:4] + ring[8:12] - ring[4:8] - ring[12:]).sum(0)
    edges = np.abs(ring[:8] - ring[8:]).sum(0)
    response = crossed - edges - 16 * np.abs(ring.mean(0) - middle)

    y, x = np.nonzero((response == _largest_around(response)) & (response > WEAKEST * response.max()))
    strongest = np.argsort(-response[y, x])[:count]
    y, x = y[strongest], x[strongest]
    phase = np.angle(np.exp(2j * np.pi / 8 * np.arange(16)) @ ring[:, y, x])
    return Corners(np.stack([x, y], 1) + margin + 0.5, phase)


def _largest_around(values: np.ndarray) -> np.ndarray:
    """(H, W): the largest of values within SPREAD px."""
    for axis in (0, 1):
        padded = np.pad(values, [(SPREAD, SPREAD) if axis == a else (0, 0) for a in (0, 1)], mode="edge")
        values = np.lib.stride_tricks.sliding_window_view(padded, 2 * SPREAD + 1, axis).max(-1)
    return values


def _lattice(grey: np.ndarray, columns: int, rows: int) -> np.ndarray | None:
    """Corners (rows, columns, 2), or the same turned by a quarter (columns, rows, 2), px."""
    if min(grey.shape) < 4 * RADIUS:
        return None
    corners = find_corners(grey, CANDIDATES * columns * rows)
    tried: set[int] = set()
    for seed in range(min(SEEDS, len(corners.position))):
        if seed in tried:
            continue
        places = _grown(corners, seed)
        tried |= set(places.values())
        table = _table(places)
        if table.shape in ((rows, columns), (columns, rows)) and table.min() >= 0:
            return corners.position[table]
    return None


def _grown(corners: Corners, seed: int) -> dict[tuple[int, int], int]:
    """The lattice around a corner: (row, column) from there -> corner."""
    start = _first_steps(corners, seed)
    if start is None:
        return {(0, 0): seed}
    places, waiting = {(0, 0): seed}, deque([start])
    while waiting:
        (row, column), across, down = waiting.popleft()
        here = places[row, column]
        for sign in (1, -1):
            for axis, step in ((1, across), (0, down)):
                place = (row + sign * (1 - axis), column + sign * axis)
                if place in places:
                    continue
                other = _corner_at(corners, here, sign * step)
                if other is None or other in places.values():
                    continue
                places[place] = other
                made = sign * (corners.position[other] - corners.position[here])
                waiting.append(Step(place, made, down) if axis else Step(place, across, made))
    return places


def _first_steps(corners: Corners, seed: int) -> Step | None:
    """From the seed to its two nearest neighbours that lie in different directions."""
    away = corners.position - corners.position[seed]
    distance = np.linalg.norm(away, axis=1)
    near = [n for n in np.argsort(distance)[1:NEAREST] if _opposed(corners, seed, n)]
    for n in near[1:]:
        first, second = away[near[0]], away[n]
        turn = (first[0] * second[1] - first[1] * second[0]) / distance[near[0]] / distance[n]
        if abs(turn) > FLATTEST:
            return Step((0, 0), first, second * np.sign(turn))
    return None


def _corner_at(corners: Corners, here: int, step: np.ndarray) -> int | None:
    off = np.linalg.norm(corners.position - corners.position[here] - step, axis=1)
    nearest = int(off.argmin())
    fits = off[nearest] < REACH * np.linalg.norm(step) and _opposed(corners, here, nearest)
    return nearest if fits else None


def _opposed(corners: Corners, one: int, other: int) -> bool:
    """Neighbours of a board are dark where the other is light; across a square's diagonal they are alike."""
    return np.cos(corners.phase[one] - corners.phase[other]) < -0.5


def _table(places: dict[tuple[int, int], int]) -> np.ndarray:
    """(rows, columns) of corners, -1 where none was found; without border lines that are mostly empty."""
    keys = np.array(list(places))
    table = np.full(keys.max(0) - keys.min(0) + 1, -1)
    table[tuple((keys - keys.min(0)).T)] = list(places.values())
    for _ in range(4):
        while len(table) > 1 and (table[0] >= 0).mean() <= 0.5:
            table = table[1:]
        table = np.rot90(table)
    return table


def _refined(grey: np.ndarray, lattice: np.ndarray) -> np.ndarray | None:
    """The lattice (R, C, 2) with every corner where the gradients around it point; None when one runs away."""
    steps = np.concatenate([np.linalg.norm(np.diff(lattice, axis=axis), axis=-1).ravel() for axis in (0, 1)])
    share, least, most = WINDOW
    half = int(np.clip(share * steps.min(), least, most))
    start = points = lattice.reshape(-1, 2)
    for _ in range(ROUNDS):
        points = _centred(grey, points, half)
    stray = np.linalg.norm(points - start, axis=1).max()
    return points.reshape(lattice.shape) if stray < max(STRAY * steps.min(), 1.5 * least) else None


def _centred(grey: np.ndarray, points: np.ndarray, half: int) -> np.ndarray:
    """One round: sum of w g g' (q - p) = 0 over the window's pixels q with gradients g, solved for each p of (N, 2)."""
    reach = np.arange(-half - 1, half + 2.0)
    offsets = np.stack(np.meshgrid(reach, reach), -1)
    patches = _sampled(grey, points[:, None, None] + offsets)
    gradient = np.stack(
        [patches[:, 1:-1, 2:] - patches[:, 1:-1, :-2], patches[:, 2:, 1:-1] - patches[:, :-2, 1:-1]], -1
    )
    offsets = offsets[1:-1, 1:-1]
    weight = np.exp(-2 * (offsets**2).sum(-1) / half**2)
    outer = np.einsum("nyxi,nyxj,yx->nyxij", gradient, gradient, weight)
    normal = outer.sum((1, 2)) + 1e-6 * np.eye(2)
    move = np.linalg.solve(normal, np.einsum("nyxij,yxj->ni", outer, offsets)[..., None])[..., 0]
    return points + np.clip(move, -half, half)


def _sampled(grey: np.ndarray, at: np.ndarray) -> np.ndarray:
    """Bilinear values of grey (H, W) at pixels (..., 2); beyond the border its last pixels go on."""
    last = np.array(grey.shape[::-1]) - 1
    at = np.clip(at - 0.5, 0, last - 1e-3)
    x, y = np.moveaxis(at.astype(int), -1, 0)
    right, lower = np.moveaxis(at - np.stack([x, y], -1), -1, 0)
    above = grey[y, x] * (1 - right) + grey[y, x + 1] * right
    below = grey[y + 1, x] * (1 - right) + grey[y + 1, x + 1] * right
    return above * (1 - lower) + below * lower


def _oriented(grey: np.ndarray, lattice: np.ndarray, columns: int, rows: int) -> np.ndarray:
    """The lattice, seen from its front, turned as `find_chessboard` promises."""
    turned = [np.rot90(lattice, turn) for turn in range(4)]
    fitting = [one for one in turned if one.shape[:2] == (rows, columns)]
    dark = [one for one in fitting if _starts_dark(grey, one)]
    return min(dark or fitting, key=lambda one: one[0, 0].sum())


def _starts_dark(grey: np.ndarray, lattice: np.ndarray) -> bool:
    """Whether the square between the first four corners is dark, as then is the one above and left of the first."""
    middles = (lattice[1:, 1:] + lattice[:-1, :-1] + lattice[1:, :-1] + lattice[:-1, 1:]) / 4
    values = _sampled(grey, middles)
    even = np.indices(values.shape).sum(0) % 2 == 0
    return bool(values[even].mean() < values[~even].mean())
