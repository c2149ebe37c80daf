"""Refinement by the outline: the rendered silhouette is moved onto the mask that the user gives, where that helps."""

from __future__ import annotations

import numpy as np
from PIL import Image, ImageFilter

from ..photo.masks import edges
from ..photo.overlay_picture import intersection_over_union
from ..pose.alignment import SilhouetteTerm, feature_terms, minimise
from ..search.start_poses import PhotoCrops
from ..steps import Steps
from .refinement import Renderer, See, Verified, verify

# By judgement; `python -m benchmark.accuracy --variants "true mask"` measures what they give together, no plateau was
# looked for. IOU_WEIGHT is that of a prototype, on 80 rendered pictures with true masks.
ROUNDS = 3
MOST = 400  # points of a contour
FEWEST_CONTOUR_POINTS = 20
CONTOUR_DEVIATION = 2.0  # px in a crop: farther off it counts less and less
REACH = 24.0  # px: contours farther apart do not belong together
GIVEN_WEIGHT = 3.0  # of a given mask against the features
IOU_WEIGHT = 2.0  # of overlap against the score; a given mask that is filled perfectly adds nothing to that


def follow_given_mask(crops: PhotoCrops, one: Verified, renderer: Renderer, see: See) -> Steps[Verified]:
    """Moves a pose onto the user's mask where that pays; its score then tells how well it fills it, too.

    Masks are drawn around the object, beside it or as a box. An exact one is filled better by a pose that the picture
    speaks for as much; to a rough one they lose more than it gains.
    """
    given, inside = crops.mask_in(one.closeup.view, one.closeup.pose.K), one.inside
    for _ in range(ROUNDS):
        better = yield from _better(crops, one, given, inside, renderer, see)
        if better is one:
            break
        one = better
    return one._replace(score=one.score + IOU_WEIGHT * (mask_overlap(one, given, inside) - 1))


def _better(
    crops: PhotoCrops, one: Verified, given: np.ndarray, inside: np.ndarray, renderer: Renderer, see: See
) -> Steps[Verified]:
    """The pose on the given mask, if by score, that mask and the one that the aligner sees it is the better one."""
    seen = see(one.rendering.rgb, one.closeup.picture, one.alpha).whole
    moved = yield from _moved(crops, one, given, inside, renderer)
    gain = sum(mask_overlap(moved, each, inside) - mask_overlap(one, each, inside) for each in (given, seen))
    return moved if moved.score - one.score + IOU_WEIGHT * gain > 0 else one


def mask_overlap(one: Verified, mask: np.ndarray, inside: np.ndarray) -> float:
    """Intersection over union of the pose's silhouette and a mask (SIZE, SIZE) 0..1, inside the photo."""
    return intersection_over_union((one.alpha >= 128) & inside, (mask > 0.5) & inside)


def _moved(
    crops: PhotoCrops, one: Verified, mask: np.ndarray, inside: np.ndarray, renderer: Renderer
) -> Steps[Verified]:
    """The pose with its contour on the mask's, as far as features and box agree; verified in the same crop."""
    term = contour_term(one, mask, inside, GIVEN_WEIGHT)
    if term is None:
        return one
    index, closeup = one.closeup.start.target.index, one.closeup
    box = crops.box_term(index.templates.outline)
    features = feature_terms(index.whitening, [one.shown], closeup.view, closeup.features, closeup.pose.K)
    pose, _cost = minimise([*features[-1:], box, term], closeup.pose)
    (moved,) = yield from verify(crops, [closeup._replace(pose=pose)], renderer)
    return moved


def contour_term(one: Verified, mask: np.ndarray, inside: np.ndarray, weight: float) -> SilhouetteTerm | None:
    """Pairs contour points both ways, nearest to nearest; None where there are too few.

    Where the photo ends, inside (SIZE, SIZE) bool, no contour is the object's own.
    """
    ours, theirs = contour(one.alpha >= 128, inside), contour(mask > 0.5, inside)
    if min(len(ours), len(theirs)) < FEWEST_CONTOUR_POINTS:
        return None
    away = np.linalg.norm(ours[:, None] - theirs[None], axis=-1)
    first = np.concatenate([np.arange(len(ours)), away.argmin(0)])
    second = np.concatenate([away.argmin(1), np.arange(len(theirs))])
    near = away[first, second] < REACH
    if near.sum() < FEWEST_CONTOUR_POINTS:
        return None
    ours, theirs = ours[first[near]], theirs[second[near]]
    points, across = one.rendering.points[tuple(ours.T)], normals(mask)[tuple(theirs.T)]
    return SilhouetteTerm(points, theirs[:, ::-1] + 0.5, across, to_crop(one), CONTOUR_DEVIATION, weight)


def to_crop(one: Verified) -> np.ndarray:
    """(3, 3): takes the photo's pixels to those of the crop."""
    view = one.closeup.view
    return view.K @ view.camera_to_world[:3, :3].T @ np.linalg.inv(one.closeup.pose.K)


def contour(shape: np.ndarray, inside: np.ndarray) -> np.ndarray:
    """(P, 2) rows and columns of edge pixels, not of those where the crop or the photo ends."""
    deep = Image.fromarray(inside.astype(np.uint8)).filter(ImageFilter.MinFilter(5))
    edge = edges(shape) & (np.array(deep) > 0)
    edge[[0, -1]] = edge[:, [0, -1]] = False
    places = np.argwhere(edge)
    return places[:: len(places) // MOST + 1]


def normals(mask: np.ndarray) -> np.ndarray:
    """(S, S, 2): unit x, y across the mask's edge."""
    smooth = Image.fromarray((255 * mask).astype(np.uint8)).filter(ImageFilter.GaussianBlur(2))
    down, right = np.gradient(np.array(smooth, float))
    slope = np.stack([right, down], -1)
    return slope / np.maximum(np.linalg.norm(slope, axis=-1, keepdims=True), 1e-6)
