"""Straight segments of a photo: where its brightness changes across a line.

Edge pixels whose neighbours along the edge change in the same direction are linked, and what is linked is split until
every piece is straight: the regions of one gradient direction of Burns, Hanson & Riseman (PAMI 1986) and of LSD (von
Gioi et al., PAMI 2010), cut as Ramer (1972) cuts a curve.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from PIL import Image, ImageFilter

# By judgement, on photos of rooms, houses and tables; what they give together is measured by benchmark.exif_photos
SIDE = 1000  # px, the longer side of the picture in which segments are looked for
SMOOTHING = 0.8  # px, the deviation of the blur before
STEEPNESS = 3.0  # grey levels of 255 on a px, across an edge
BEND = np.radians(22.5)  # between the gradients of linked neighbours
STRAIGHT = 1.0  # px, the largest distance of a piece's pixels from its line
SHORTEST, FEWEST = 0.02, 12.0  # of the longer side, and px: what is shorter has hardly a direction
MOST = 500  # segments, the longest ones
ALIKE = np.radians(3), 0.005  # between lines that are the same one: turn; distance, of the longer side
ENDS = 0.2  # of a piece, at which it is not cut
CUTS = 10  # rounds: a piece is halved where it is bent most
FORWARD = (0, 1), (1, -1), (1, 0), (1, 1)  # rows and columns to half of a pixel's neighbours


class Edges(NamedTuple):
    """Edge pixels of a picture: places (P, 2), px, x and y to a fraction of a pixel; gradients' directions (P,),
    radians; links (L, 2): neighbours along an edge, numbers of such pixels."""

    places: np.ndarray
    angles: np.ndarray
    links: np.ndarray


def line_segments(image: Image.Image) -> np.ndarray:
    """(N, 4): x, y, x, y of the ends of straight segments, the longest first, in px of image (any mode)."""
    scale = SIDE / max(image.size)
    small = image.convert("L")
    if scale < 1:
        small = small.resize([max(1, round(side * scale)) for side in image.size], Image.Resampling.BICUBIC)
    found = _straight(edges_of(small), max(SHORTEST * max(small.size), FEWEST))
    return found * np.tile(np.divide(image.size, small.size), 2)


def along(segments: np.ndarray, others: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """(N,) bool: which of segments (N, 4) lie along one of others (M, 4), found perhaps in the same photo at another
    scale; both px of a photo of size (width, height)."""
    turn, reach = np.sin(ALIKE[0]), ALIKE[1] * max(size)
    start, way = others[:, :2], others[:, 2:] - others[:, :2]
    length = np.maximum(np.linalg.norm(way, axis=1), 1e-9)
    way = way / length[:, None]
    own = segments[:, 2:] - segments[:, :2]
    own = own / np.maximum(np.linalg.norm(own, axis=1, keepdims=True), 1e-9)
    middles = (segments[:, :2] + segments[:, 2:]) / 2 - start[:, None]  # (M, N, 2)
    beside = np.abs(middles[..., 0] * way[:, 1:] - middles[..., 1] * way[:, :1])
    ahead = (middles * way[:, None]).sum(-1)
    turned = np.abs(way[:, :1] * own[:, 1] - way[:, 1:] * own[:, 0])
    same = (beside < reach) & (ahead > -reach) & (ahead < length[:, None] + reach) & (turned < turn)
    return same.any(0)


def edges_of(picture: Image.Image) -> Edges:
    """Where the brightness of a picture of mode L changes most steeply."""
    grey = np.asarray(picture.filter(ImageFilter.GaussianBlur(SMOOTHING)), np.float32)
    grey = np.pad(grey, 1, mode="edge")
    right, down = (grey[1:-1, 2:] - grey[1:-1, :-2]) / 2, (grey[2:, 1:-1] - grey[:-2, 1:-1]) / 2
    steep = np.hypot(right, down)
    edge, across = _crests(right, down, steep)
    rows, columns = np.nonzero(edge)
    places = np.stack([columns, rows], 1) + 0.5 + across[rows, columns]
    angles = np.arctan2(down[rows, columns], right[rows, columns])
    return Edges(places, angles, _links(edge, rows, columns, angles))


def _crests(right: np.ndarray, down: np.ndarray, steep: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Which pixels (H, W) are steeper than those before and behind them, and (H, W, 2) how far from their middle, x and
    y, a parabola through these three has its top."""
    height, width = steep.shape
    flat = np.zeros((height + 2, width + 2), np.float32)
    flat[1:-1, 1:-1] = steep
    edge, across = np.zeros(steep.shape, bool), np.zeros((*steep.shape, 2), np.float32)
    sector = np.round(np.arctan2(down, right) / (np.pi / 4)).astype(int) % 4
    for number, (y, x) in enumerate([(0, 1), (1, 1), (1, 0), (1, -1)]):
        behind = flat[1 - y : 1 - y + height, 1 - x : 1 - x + width]
        ahead = flat[1 + y : 1 + y + height, 1 + x : 1 + x + width]
        top = (sector == number) & (steep > STEEPNESS) & (steep > behind) & (steep >= ahead)
        away = (ahead - behind)[top] / 2 / np.maximum(2 * steep - ahead - behind, 1e-6)[top]
        edge |= top
        across[top] = away[:, None] * [x, y]
    edge[[0, -1]] = edge[:, [0, -1]] = False
    return edge, across


def _links(edge: np.ndarray, rows: np.ndarray, columns: np.ndarray, angles: np.ndarray) -> np.ndarray:
    number = np.full(edge.shape, -1)
    number[rows, columns] = np.arange(len(rows))
    links = []
    for y, x in FORWARD:  # an edge pixel does not lie on the picture's border
        other = number[rows + y, columns + x]
        mine = np.nonzero(other >= 0)[0]
        turn = angles[mine] - angles[other[mine]]
        near = np.abs((turn + np.pi) % (2 * np.pi) - np.pi) < BEND
        links.append(np.stack([mine[near], other[mine[near]]], 1))
    return np.concatenate(links)


def connected(count: int, links: np.ndarray) -> np.ndarray:
    """(count,): for each of so many things the smallest number of those that links (L, 2) connect it with."""
    root = np.arange(count)
    one, other = links.T
    while len(one):
        low, high = np.minimum(root[one], root[other]), np.maximum(root[one], root[other])
        np.minimum.at(root, high, low)
        while (root[root] != root).any():
            root = root[root]
        apart = root[one] != root[other]
        one, other = one[apart], other[apart]
    return root


def _straight(edges: Edges, shortest: float) -> np.ndarray:
    """(N, 4): pieces of edges that are straight, the longest first."""
    places, piece = edges.places, connected(len(edges.places), edges.links)
    segments = [np.zeros((0, 4))]
    for _ in range(CUTS):
        piece, places = _large(piece, places, shortest)
        if not len(piece):
            break
        lines = _fitted(places, piece)
        bent = lines.bent > STRAIGHT
        segments.append(lines.ends[~bent])
        # cut in two where the farthest pixel is
        piece = 2 * piece + (lines.along > lines.cut[piece])
        piece, places = piece[bent[piece // 2]], places[bent[piece // 2]]
    found = np.concatenate(segments)
    lengths = np.linalg.norm(found[:, 2:] - found[:, :2], axis=1)
    longest = np.argsort(-lengths, kind="stable")[:MOST]
    return found[longest][lengths[longest] >= shortest]


def _large(piece: np.ndarray, places: np.ndarray, fewest: float) -> tuple[np.ndarray, np.ndarray]:
    """Pieces numbered from 0 without those of few pixels: a diagonal line has 1 for 1.4 px."""
    _, piece, count = np.unique(piece, return_inverse=True, return_counts=True)
    kept = count[piece] >= fewest / np.sqrt(2)
    _, piece = np.unique(piece[kept], return_inverse=True)
    return piece, places[kept]


class _Lines(NamedTuple):
    """Of N pieces: ends (N, 4); largest distance of a pixel from the line, px (N,), and where along it, cut (N,); of
    all pixels where along their piece's line they lie."""

    ends: np.ndarray
    bent: np.ndarray
    cut: np.ndarray
    along: np.ndarray


def _fitted(places: np.ndarray, piece: np.ndarray) -> _Lines:
    count = np.bincount(piece)
    middle = np.stack([np.bincount(piece, axis) for axis in places.T], 1) / count[:, None]
    x, y = (places - middle[piece]).T
    xx, xy, yy = (np.bincount(piece, one) for one in (x * x, x * y, y * y))
    angle = np.arctan2(2 * xy, xx - yy) / 2
    direction = np.stack([np.cos(angle), np.sin(angle)], 1)
    along = x * direction[piece, 0] + y * direction[piece, 1]
    away = np.abs(y * direction[piece, 0] - x * direction[piece, 1])
    order = np.lexsort([away, piece])
    last = order[np.cumsum(count) - 1]  # of each piece the pixel that is farthest away
    low, high = np.full(len(count), np.inf), np.full(len(count), -np.inf)
    np.minimum.at(low, piece, along)
    np.maximum.at(high, piece, along)
    ends = [middle + direction * reach[:, None] for reach in (low, high)]
    margin = ENDS * (high - low)  # at its ends a cut would change little
    return _Lines(np.concatenate(ends, 1), away[last], np.clip(along[last], low + margin, high - margin), along)
