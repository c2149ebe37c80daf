"""Refinement by edges: the contour of the rendered model is moved onto edges of the photo, where that helps.

Across the contour the strongest edge nearby is looked for, as in edge-based tracking (Harris & Stennett, BMVC 1990;
Drummond & Cipolla, PAMI 2002). A mask tells roughly where a plain object ends, edges to the pixel, and of thin parts.
Beside fine texture the contour is left out: details know better than the edges of a model that is not quite the object.
"""

from __future__ import annotations

import numpy as np
from PIL import Image, ImageFilter

from ..geometry import rotation_angle
from ..pose.alignment import SilhouetteTerm, sampled
from ..pose.details import TEXTURED
from ..search.start_poses import PhotoCrops
from ..steps import Steps
from .refinement import Renderer, Verified
from .silhouette import FEWEST_CONTOUR_POINTS, contour, normals, settled, to_crop

# px of a crop to both sides of the contour, searched one after the other; where details hold the model, it is not far
# off, and far edges are others' (chosen on the tuning half of the rendered benchmark, and on real photos of prints)
REACHES, NEAR_REACHES = (12.0, 8.0, 5.0, 3.0), (5.0, 3.0)
STEP = 0.5  # px
EDGE_BLUR = 0.7  # px
BESIDE = 8  # px of coarse details, around a pixel of the contour, whose texture counts
FAINT, STRONG = 5.0, 60.0  # grey levels a px: less is no edge, and more no better one
EDGE_DEVIATION, EDGE_WEIGHT = 1.0, 1.0  # px in a crop: farther off it counts less and less; against the features
CONTRAST_WEIGHT = 8.0  # of the contour's contrast against the score
FARTHEST_TURN = np.radians(8)  # that edges may turn a pose: clutter has contours, too, that fit some other view


def follow_edges(crops: PhotoCrops, one: Verified, renderer: Renderer) -> Steps[Verified]:
    """Moves a pose's contour onto edges, far ones first; it stays where it was unless that pays.

    Details hold what is textured meanwhile: feet of a chair are found without moving its cushion.
    """
    start, before = one.closeup.pose.rotation, contrast(one)
    for reach in NEAR_REACHES if one.details[0].textured else REACHES:
        edges = edge_term(one, reach)
        if edges is None:
            continue
        view, K = one.closeup.view, one.closeup.pose.K
        details = [each.term(one.rendering, view, K) for each in one.details if each.textured]
        moved = yield from settled(crops, one, edges, renderer, [term for term in details if term])
        after = contrast(moved)
        gain = CONTRAST_WEIGHT * (after - before) + moved.score - one.score
        if gain > 0 and rotation_angle(moved.closeup.pose.rotation, start) < FARTHEST_TURN:
            before = after
            one = moved._replace(score=max(moved.score, one.score))  # among the candidates it is as good as it was
    return one


def edge_term(one: Verified, reach: float) -> SilhouetteTerm | None:
    """Pairs points of the contour with the strongest edges within reach, px; None where there are too few."""
    away = np.arange(-reach, reach + STEP / 2, STEP)
    places, across, steepness = _profiles(one, away)
    strongest = (steepness * np.exp(-2 * (away / reach) ** 2)).argmax(1)
    points = one.rendering.points[tuple(places.T)]
    usable = (np.take_along_axis(steepness, strongest[:, None], 1)[:, 0] > FAINT) & ~np.isnan(points[:, 0])
    if usable.sum() < FEWEST_CONTOUR_POINTS:
        return None
    targets = places[:, ::-1] + 0.5 + across * away[strongest][:, None]
    return SilhouetteTerm(points[usable], targets[usable], across[usable], to_crop(one), EDGE_DEVIATION, EDGE_WEIGHT)


def contrast(one: Verified) -> float:
    """How strong the edges are that the contour lies on, give or take a pixel: 0..1."""
    _places, _across, steepness = _profiles(one, np.arange(-1, 1 + STEP / 2, STEP))
    return float(np.minimum(steepness.max(1) / STRONG, 1).mean()) if len(steepness) else 0.0


def _profiles(one: Verified, away: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Rows and columns of the contour's pixels (P, 2), unit x, y across it (P, 2), and how steep the photo's crop is
    there (P, D), so far away (D,) from where the contour's last pixels end; 0 beyond the photo's border."""
    places = contour(one.alpha >= 128, one.inside)
    places = places[_plain(one)[tuple(places.T)]]
    across = normals(one.alpha / 255)[tuple(places.T)]
    picture = Image.fromarray(one.closeup.picture).filter(ImageFilter.GaussianBlur(EDGE_BLUR))
    layers = np.dstack([np.asarray(picture, float), one.inside])
    at = places[:, None, ::-1] + across[:, None] * (away[:, None] - 0.5)
    ahead, behind = (sampled(layers, (at + step * across[:, None]).reshape(-1, 2))[0] for step in (1, -1))
    steepness = np.linalg.norm(ahead[:, :3] - behind[:, :3], axis=1) / 2
    shown = np.minimum(ahead[:, 3], behind[:, 3]) > 0.99
    return places, across, np.where(shown, steepness, 0).reshape(at.shape[:2])


def _plain(one: Verified) -> np.ndarray:
    """(SIZE, SIZE) bool: where there is no fine texture of the model beside."""
    coarse = one.details[0]
    return np.kron(coarse.texture(BESIDE) < TEXTURED, np.ones((coarse.step, coarse.step), bool))
