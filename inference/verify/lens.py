"""The focal length of a photo that does not tell it: what the model's perspective and the photo's lines say of each.

Both are log-likelihoods, which photo/focal_length.py adds to what is known before.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from PIL import Image, ImageFilter

from ..errors import PoseError
from ..geometry import Box, Camera, Sphere, turn_between
from ..photo.focal_length import FULL_FRAME, LENSES, SPREAD, USUAL, LensEvidence, likeliest, smooth
from ..photo.line_segments import along, line_segments
from ..photo.vanishing_points import opinion
from ..pose.alignment import LensPrior, Locks, Term, minimise
from ..pose.pose import Pose, is_standing
from ..search.start_poses import PhotoCrops
from ..steps import Steps, shares, within
from .flow_alignment import judged, seen_at, seen_terms, together
from .refinement import Renderer, See, Verified
from .silhouette import to_crop

TRIED = LENSES[::2]  # that the model is moved to: what is between them follows
LOOKS = 4  # at the model, each with the focal length that those before tell
TOGETHER = 3  # of them, the last ones, whose answers are taken together
NEAR_MODEL = 9  # px of the crop about its silhouette, in which lines are the model's own
LEAST = -50.0  # log-likelihood
# Fitted on made-up scenes, so that deviations are what they say (benchmark.photographs): so many places of the model,
# whose errors are their own, tell as much as all that are looked at, whose errors are alike
INDEPENDENT = 20.0


def find_lens(crops: PhotoCrops, one: Verified, renderer: Renderer, see: See, upright: bool) -> Steps[Verified]:
    """one with the focal length that the photo tells, moved to where the model is seen with it.

    upright: whether a model that stands tells where up is.
    """
    mm = max(crops.camera.size) / FULL_FRAME  # px
    others = [crops.box_term(one.closeup.start.target.index.templates.outline)]
    usual = LensPrior(np.log(USUAL * mm), SPREAD, 1 / INDEPENDENT)
    one, looks = judged(one, see), []
    for _look, part in shares(range(LOOKS), 0.0, 0.6):
        terms = seen_terms(one, one.seen)
        if not terms:
            break
        looks.append(terms)
        pose, _cost = minimise([*together(looks[-TOGETHER:]), *others, usual], one.closeup.pose, Locks(lens=False))
        moved = one.closeup.start._replace(pose=pose)
        one = yield from within(seen_at(crops, moved, renderer, see), *part)
    terms = [*together(looks[-TOGETHER:]), *others]
    costs, poses = _tried(terms, one.closeup.pose, TRIED * mm)
    costs = smooth(np.log(TRIED), np.minimum(costs, costs.min() - LEAST), np.log(LENSES))
    perspective = np.maximum(-INDEPENDENT * (costs - costs.min()), LEAST) if looks else np.zeros(len(LENSES))
    yield 0.75
    lines = _lines(crops, one, poses if upright and is_standing(one.closeup.pose) else None)
    evidence = LensEvidence(crops.lens._replace(focal=crops.lens.focal / mm), perspective, lines)
    lens = likeliest([evidence])
    lens = lens._replace(focal=lens.focal * mm, evidence=evidence)
    nearest = poses[int(np.abs(np.log(TRIED * mm / lens.focal)).argmin())]
    pose, _cost = minimise(terms, with_focal(nearest, lens.focal))
    start = one.closeup.start._replace(pose=pose, lens=lens)
    return (yield from within(seen_at(crops, start, renderer, see), 0.9, 1.0))


def _tried(terms: Sequence[Term], pose: Pose, focals: np.ndarray) -> tuple[np.ndarray, list[Pose]]:
    """For each focal length, px, in ascending order: the lowest cost of a pose that has it, and that pose."""
    first = int(np.abs(np.log(focals / pose.K[0, 0])).argmin())
    tried: dict[int, tuple[Pose, float]] = {}
    for places in (range(first, len(focals)), range(first - 1, -1, -1)):
        near = pose
        for place in places:
            tried[place] = minimise(terms, with_focal(near, focals[place]))
            near = tried[place][0]
        pose = tried[first][0]
    return np.array([tried[place][1] for place in range(len(focals))]), [
        tried[place][0] for place in range(len(focals))
    ]


def _lines(crops: PhotoCrops, one: Verified, poses: Sequence[Pose] | None) -> np.ndarray:
    """Log-likelihoods of LENSES by lines of the photo that are none of the model's, for its perspective has told what
    these tell; poses: at those TRIED, of a model that stands."""
    size, segments = crops.camera.size, segments_of(crops)
    segments = segments[~on_model(segments, one) & ~along(segments, crops.without_lines, size)]
    ups = None if poses is None else np.stack([pose.rotation[:, 2] for pose in poses]).repeat(2, 0)[: len(LENSES)]
    focals = LENSES * max(size) / FULL_FRAME
    return opinion(segments, size, focals, crops.camera.K[:2, 2], ups, seen=max(crops.photo.image.size)).likelihood


def segments_of(crops: PhotoCrops) -> np.ndarray:
    """(N, 4): all of the photo's, px, the longest first."""
    picture = crops.photo.image
    return line_segments(picture) * np.tile(np.divide(crops.camera.size, picture.size), 2)


def on_model(segments: np.ndarray, one: Verified) -> np.ndarray:
    """(N,) bool: whose middle lies on the rendered model or close to it."""
    near = np.array(Image.fromarray(one.alpha).filter(ImageFilter.MaxFilter(NEAR_MODEL)))
    middles = segments.reshape(-1, 2, 2).mean(1)
    x, y, depth = to_crop(one) @ np.c_[middles, np.ones(len(middles))].T
    column, row = (np.floor(value / np.where(depth > 0, depth, np.inf)).astype(int) for value in (x, y))
    inside = (depth > 0) & (np.minimum(row, column) >= 0) & (np.maximum(row, column) < len(near))
    return inside & (near[np.where(inside, row, 0), np.where(inside, column, 0)] > 0)


def with_focal(pose: Pose, focal: float) -> Pose:
    """The pose with another focal length, px: the model is as large, as far off-centre and seen from the same side.

    This is perspective strength: a short focal length from near by, or a long one from far away.
    """
    factor = focal / pose.K[0, 0]
    K = pose.K.copy()
    K[[0, 1], [0, 1]] *= factor
    translation = pose.translation * [1, 1, factor]
    return Pose(turn_between(pose.translation, translation) @ pose.rotation, translation, K)


def strengthened(camera: Camera, strength: float, sphere: Sphere, vertices: np.ndarray) -> Camera:
    """camera, in the world, with its focal length divided by strength, from where the model fills as large a box.

    sphere and vertices (N, 3), in the world, are the model's; PoseError where some of it is not in front.
    """
    if camera.to_camera(vertices)[:, 2].min() <= 0:
        raise PoseError("The camera stands inside the model.")
    from ..pose.pose import placed, relative
    from ..search.start_poses import start_pose
    from ..views.templates import extreme_points

    pose = with_focal(relative(camera, sphere), camera.focal / strength)
    through = Camera(pose.K, np.eye(4), camera.size)
    box = Box.around(camera.project(vertices))
    outline = extreme_points((vertices - sphere.center) / sphere.radius)
    return placed(through, start_pose(through, box, outline, pose.rotation), sphere)
