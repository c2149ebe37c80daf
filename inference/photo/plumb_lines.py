"""What straight edges tell of a lens's distortion: it is that by which long edges of the photo become straightest.

The plumb-line principle (Brown 1971; Devernay & Faugeras 2001). Edges of round things are bent, too, but no one lens
straightens many of them: each edge is straight or tells nothing, and which is left open.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from PIL import Image

from .distortion import undistorted
from .image import Photo
from .line_segments import SIDE, Edges, connected, edges_of

# By judgement where nothing is said; `python -m benchmark.distortion` measures what they give together
SHORTEST = 0.1  # of the longer side: what is shorter is bent by less than a pixel
SMOOTH = 1.0  # px, the largest distance of an edge without corners from its parabola
CUTS = 10  # rounds: an edge is cut where it is farthest from its parabola
MARGIN = 0.012  # of the longer side: at the border are frames and what scanning left, straight through any lens
MOST = 300  # edges, the longest ones
SAMPLES = 16  # points that stand for an edge
BOW_DEVIATION = 0.2  # px, at least, as pixels tell it
CORRELATED = 8.0  # px along an edge whose errors are alike
# How far the middle of an edge is from its ends' chord, in shares of its length, and how many of a photo's edges are so
EXACT, WARPED, ROUND = (0.0, 0.2), (0.005, 0.4), (0.1, 0.4)
TRIED = np.linspace(-0.7, 0.5, 121)  # k1
USUAL = 0.2  # deviation of k1, of all lenses
FEWEST_EDGES = 4


class PlumbLines(NamedTuple):
    """k1 of Brown's model and its standard deviation; how many edges are straight by it."""

    k1: float
    deviation: float
    edges: float


class _Bends(NamedTuple):
    """Smooth edges: points (N, SAMPLES, 2) px, evenly along each; deviation (N,), px, of how far its middle is from the
    chord of its ends; lengths (N,), px."""

    points: np.ndarray
    deviation: np.ndarray
    lengths: np.ndarray


def plumb_lines(photo: Photo, K: np.ndarray) -> PlumbLines | None:
    """By a photo whose intrinsics are K (3, 3), px of photo.size; None where too few edges tell anything."""
    scale = min(SIDE / max(photo.image.size), 1.0)
    size = tuple(max(1, round(side * scale)) for side in photo.image.size)
    small = photo.image.convert("L").resize(size, Image.Resampling.BOX)
    bends = _bends(_inner(edges_of(small), size), SHORTEST * max(size))
    if len(bends.points) < FEWEST_EDGES:
        return None
    across = np.divide(size, photo.size)
    return _straightest(bends, K.diagonal()[:2] * across, K[:2, 2] * across)


def _straightest(bends: _Bends, focal: np.ndarray, middle: np.ndarray) -> PlumbLines | None:
    """The peak of the likelihood of k1 over all edges, and its width."""
    plane = (bends.points - middle) / focal
    tried = np.stack([TRIED, np.zeros_like(TRIED)], -1)[:, None, None]
    bow = _bow(undistorted(plane[None], tried)) * focal[0]  # (K, N)
    straight = sum(
        share * _normal(bow, np.hypot(bends.deviation, width * bends.lengths)) for width, share in (EXACT, WARPED)
    )
    straight = np.where(np.isnan(bow), 0.0, straight)
    either = straight + ROUND[1] / (2 * ROUND[0] * bends.lengths)
    logs = np.log(either).sum(1) - (TRIED / USUAL) ** 2 / 2
    share = np.exp(logs - logs.max())
    share /= share.sum()
    k1 = float(share @ TRIED)
    deviation = float(np.sqrt(share @ (TRIED - k1) ** 2))
    best = int(logs.argmax())
    edges = float((straight[best] / either[best]).sum())
    return PlumbLines(k1, deviation, edges) if edges >= FEWEST_EDGES else None


def _normal(away: np.ndarray, deviation: np.ndarray) -> np.ndarray:
    return np.exp(-((away / deviation) ** 2) / 2) / np.sqrt(2 * np.pi) / deviation


def _bow(lines: np.ndarray) -> np.ndarray:
    """How far the middle of lines (..., SAMPLES, 2) is from the chord of their ends, by the parabola through each."""
    along = np.linspace(-1, 1, SAMPLES)
    parabola = 1 / 3 - along**2
    parabola = (parabola - parabola.mean()) / ((parabola - parabola.mean()) ** 2).sum()
    chord = lines[..., -1, :] - lines[..., 0, :]
    normal = np.stack([-chord[..., 1], chord[..., 0]], -1) / np.linalg.norm(chord, axis=-1, keepdims=True)
    return ((lines * normal[..., None, :]).sum(-1) * parabola).sum(-1)


def _inner(edges: Edges, size: tuple[int, int]) -> Edges:
    """Without links along the border of a picture of this size."""
    margin = MARGIN * max(size)
    inside = ((edges.places > margin) & (edges.places < np.array(size) - margin)).all(1)
    return edges._replace(links=edges.links[inside[edges.links].all(1)])


def _bends(edges: Edges, shortest: float) -> _Bends:
    """The longest edges without corners."""
    places, piece = edges.places, connected(len(edges.places), edges.links)
    found: list[_Bends] = []
    for _ in range(CUTS):
        piece, places = _large(piece, places, shortest)
        if not len(piece):
            break
        along, away, reach = _parabolas(places, piece)
        worst = _farthest(np.abs(away), piece)
        smooth = np.abs(away)[worst] <= SMOOTH
        found.append(_sampled(places, piece, along, away, reach, smooth))
        piece = 2 * piece + (along > along[worst][piece])
        rough = ~smooth[piece // 2]
        piece, places = piece[rough], places[rough]
    if not found:
        return _Bends(np.zeros((0, SAMPLES, 2)), np.zeros(0), np.zeros(0))
    bends = _Bends(*(np.concatenate(parts) for parts in zip(*found, strict=True)))
    longest = np.argsort(-bends.lengths, kind="stable")[:MOST]
    longest = longest[bends.lengths[longest] >= shortest]
    return _Bends(*(part[longest] for part in bends))


def _large(piece: np.ndarray, places: np.ndarray, shortest: float) -> tuple[np.ndarray, np.ndarray]:
    """Edges numbered from 0, without those of few pixels: a diagonal has 1 for 1.4 px."""
    _, piece, count = np.unique(piece, return_inverse=True, return_counts=True)
    kept = count[piece] >= shortest / np.sqrt(2)
    _, piece = np.unique(piece[kept], return_inverse=True)
    return piece, places[kept]


def _farthest(away: np.ndarray, piece: np.ndarray) -> np.ndarray:
    """Of each edge the number of its pixel that is farthest away."""
    return np.lexsort([away, piece])[np.cumsum(np.bincount(piece)) - 1]


def _parabolas(places: np.ndarray, piece: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """For each pixel (P,) where along its edge it lies, -1 to 1, and how far, px, from the parabola through the edge;
    and half of each edge's length, px."""
    count = np.bincount(piece)

    def mean(values: np.ndarray) -> np.ndarray:
        return np.bincount(piece, values) / count

    x, y = (places - np.stack([mean(axis) for axis in places.T], 1)[piece]).T
    angle = np.arctan2(2 * mean(x * y), mean(x * x) - mean(y * y))[piece] / 2
    along, away = x * np.cos(angle) + y * np.sin(angle), y * np.cos(angle) - x * np.sin(angle)
    reach = np.zeros(len(count))
    np.maximum.at(reach, piece, np.abs(along))
    along = along / np.maximum(reach[piece], 1e-9)
    powers = np.stack([np.ones_like(along), along, along**2], 1)
    normal = np.stack([[mean(a * b) for a in powers.T] for b in powers.T]).transpose(2, 0, 1)
    right = np.stack([mean(away * a) for a in powers.T], 1)
    fit = np.linalg.solve(normal + 1e-9 * np.eye(3), right[..., None])[..., 0]
    return along, away - (powers * fit[piece]).sum(1), reach


def _sampled(
    places: np.ndarray, piece: np.ndarray, along: np.ndarray, away: np.ndarray, reach: np.ndarray, kept: np.ndarray
) -> _Bends:
    """Those edges of `_parabolas` that are kept (N,): means of SAMPLES stretches each."""
    stretch = np.clip(((along + 1) / 2 * SAMPLES).astype(int), 0, SAMPLES - 1)
    cell = piece * SAMPLES + stretch
    total = len(reach) * SAMPLES
    count = np.bincount(cell, minlength=total)
    points = np.stack([np.bincount(cell, axis, total) for axis in places.T], 1) / np.maximum(count, 1)[:, None]
    kept = kept & (count.reshape(-1, SAMPLES) > 0).all(1)
    noise = np.sqrt(np.bincount(piece, away**2) / np.bincount(piece))
    deviation = np.hypot(BOW_DEVIATION, 3.4 * noise / np.sqrt(np.maximum(2 * reach / CORRELATED, 1)))
    return _Bends(points.reshape(-1, SAMPLES, 2)[kept], deviation[kept], 2 * reach[kept])
