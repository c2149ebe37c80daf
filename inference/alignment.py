"""Featuremetric alignment: moves a pose until the templates' features agree with the photo's.

The idea of PixLoc (Sarlin et al., CVPR 2021) and FoundPose (Ornek et al., ECCV 2024) on whitened CNN features, coarse
to fine in the number of principal components: the first ones vary slowly over the picture and catch from afar.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from .crops import DISTANCE, FIRST_PATCH, SIZE, STRIDE
from .geometry import Box, Camera, rotation_from_vector
from .retrieval import Index, pooled, unit
from .templates import Templates

STAGES = (8, 16, 32)  # principal components
NEIGHBOURS = 3  # templates aligned together: their errors differ, and each shows other parts
FEWEST = 8  # points
NEAREST = 1e-3  # depth of a point, in radii of the model
BOX_WEIGHT = 0.05  # of each edge of the box against the mean over all features
MISFIT_WEIGHT = 4.0  # in the final score
BOX_DEVIATION = 0.04  # of a box's edge, in units of its longer side: people and networks draw no better
ITERATIONS = 8  # at most, in each stage
DAMPING = 1e-3
OUTSIDE = 4.0  # squared residual, per component, of a point that leaves the crop
_TO_PATCHES = np.array([[1, 0, -FIRST_PATCH], [0, 1, -FIRST_PATCH], [0, 0, STRIDE]]) / STRIDE  # from crop pixels


class Pose(NamedTuple):
    """world -> camera: rotation (3, 3), translation (3,)."""

    rotation: np.ndarray
    translation: np.ndarray

    def camera_to_world(self) -> np.ndarray:
        matrix = np.eye(4)
        matrix[:3, :3] = self.rotation.T
        matrix[:3, 3] = -self.rotation.T @ self.translation
        return matrix


class Frame(NamedTuple):
    """The photo's box, that the model's outline must go on filling: outline (P, 3); K (3, 3) to units of the box's
    longer side; edges (4,), left, top, right, bottom in these units; known (4,) bool, False where a box is cut off."""

    outline: np.ndarray
    K: np.ndarray
    edges: np.ndarray
    known: np.ndarray

    @classmethod
    def of(cls, outline: np.ndarray, camera: Camera, box: Box) -> Frame:
        """Edges of the box that lie on or beyond the photo's border are taken as cut off there."""
        side = max(box.width, box.height)
        border = 0.01 * side
        size = np.array(camera.size)
        known = np.concatenate([np.array(box[:2]) > border, np.array(box[2:]) < size - border])
        return cls(outline, np.diag([1 / side, 1 / side, 1]) @ camera.K, np.array(box) / side, known)


class _Problem(NamedTuple):
    points: np.ndarray  # (P, 3)
    wanted: np.ndarray  # (P, D) the template's features there
    image: np.ndarray  # (G, G, D) the crop's features
    to_view: np.ndarray  # (3, 3) photo camera -> crop camera
    K: np.ndarray  # (3, 3) crop camera -> patches
    frame: Frame


def nearest_templates(pose: Pose, templates: Templates) -> np.ndarray:
    """Indices of the NEIGHBOURS views whose directions are nearest to the one that pose sees the model from."""
    direction = -pose.rotation.T @ pose.translation
    return np.argsort(-templates.directions @ direction)[:NEIGHBOURS]


def aligned_view(camera: Camera, pose: Pose, templates: Templates, template: int) -> Camera:
    """The crop of camera's photo in which, if pose is right, the model lies where it does in a template's own crop."""
    distance = np.linalg.norm(pose.translation)
    forward = pose.translation / distance
    right = pose.rotation @ templates.rotations[template][0]  # where the template's camera has its right
    right -= forward * (forward @ right)
    right /= np.linalg.norm(right)
    view = np.eye(4)
    view[:3, :3] = np.stack([right, np.cross(forward, right), forward], axis=1)
    K = templates.K[template].copy()
    K[[0, 1], [0, 1]] *= distance / DISTANCE
    return Camera(K, camera.camera_to_world @ view, (SIZE, SIZE))


def align(
    pose: Pose,
    index: Index,
    chosen: Sequence[int],
    view: Camera,
    features: np.ndarray,
    frame: Frame,
    stages: Sequence[int] = STAGES,
) -> tuple[Pose, float]:
    """Levenberg-Marquardt from pose (photo camera <- the model's unit sphere) on the patches of chosen templates.

    view and features (G, G, C) are a crop of the photo, taken at its camera's place and given in its axes.
    Gives the pose and its robust cost in the last stage; the pose as it was, and an infinite cost, when there is
    too little to align.
    """
    templates = index.templates
    seen = templates.covered & ~np.isnan(templates.points[..., 0])
    points = np.concatenate([templates.points[template][seen[template]] for template in chosen])
    wanted = np.concatenate([index.features[template][seen[template]] for template in chosen])
    if len(points) < FEWEST:
        return pose, np.inf
    to_view, moved = view.camera_to_world[:3, :3].T, pose
    for components in stages:
        maps = index.whitening(wanted, components), index.whitening(features, components)
        problem = _Problem(points, *maps, to_view, _TO_PATCHES @ view.K, frame)
        moved, cost = _levenberg_marquardt(problem, moved)
    return moved, cost


def agreement(
    pose: Pose, index: Index, chosen: Sequence[int], view: Camera, features: np.ndarray, frame: Frame
) -> float:
    """How well a pose, in a crop framed as by `aligned_view`, agrees with the nearest template and the photo's box.

    Cosine of the pooled maps (-1..1) plus mean cosine of the whitened patches (-1..1), less the misfit of the box.
    """
    nearest = chosen[0]
    coarse = unit(pooled(features[None]))[0] @ index.coarse[nearest]
    fine = unit(index.whitening(features)).ravel() @ index.fine[nearest]
    return float(coarse + fine - MISFIT_WEIGHT * _box_misfit(frame, pose))


def _levenberg_marquardt(problem: _Problem, pose: Pose) -> tuple[Pose, float]:
    damping = DAMPING
    cost, hessian, gradient = _linearised(problem, pose)
    for _ in range(ITERATIONS):
        step = -np.linalg.solve(hessian + damping * np.diag(np.diag(hessian)) + 1e-9 * np.eye(6), gradient)
        moved = Pose(rotation_from_vector(step[:3]) @ pose.rotation, pose.translation + step[3:])
        new_cost, new_hessian, new_gradient = _linearised(problem, moved)
        if new_cost >= cost:
            damping *= 10
            continue
        gain = cost - new_cost
        pose, cost, hessian, gradient = moved, new_cost, new_hessian, new_gradient
        damping /= 10
        if gain < 1e-4 * cost:
            break
    return pose, cost


def _linearised(problem: _Problem, pose: Pose) -> tuple[float, np.ndarray, np.ndarray]:
    """Robust (Cauchy) cost, Gauss-Newton Hessian (6, 6) and gradient (6,) for a turn, then a shift, of the model."""
    terms = _feature_term(problem, pose), _box_term(problem.frame, pose)
    return tuple(sum(parts) for parts in zip(*terms, strict=True))


def _feature_term(problem: _Problem, pose: Pose) -> tuple[float, np.ndarray, np.ndarray]:
    turned = problem.points @ pose.rotation.T
    seen = (turned + pose.translation) @ problem.to_view.T
    if seen[:, 2].min() <= NEAREST:
        return np.inf, np.eye(6), np.zeros(6)
    patches = seen @ problem.K.T
    found, slopes, inside = _sampled(problem.image, patches[:, :2] / patches[:, 2:])
    residual = found - problem.wanted
    error = np.where(inside, (residual**2).mean(1), OUTSIDE)
    weight = inside / (1 + error) / residual.size
    motion = _motion(problem.K, problem.to_view, turned, seen)
    curvature = np.einsum("pci,pcj,p->pij", slopes, slopes, weight)
    pull = np.einsum("pci,pc,p->pi", slopes, residual, weight)
    hessian = np.einsum("pia,pij,pjb->ab", motion, curvature, motion, optimize=True)
    return float(np.log1p(error).mean()) / 2, hessian, np.einsum("pia,pi->a", motion, pull)


def _box_term(frame: Frame, pose: Pose) -> tuple[float, np.ndarray, np.ndarray]:
    """Holds the outline's box to the photo's: features alone let texture-less models shrink and drift."""
    turned = frame.outline @ pose.rotation.T
    seen = turned + pose.translation
    if seen[:, 2].min() <= NEAREST:
        return np.inf, np.eye(6), np.zeros(6)
    pixels = seen @ frame.K.T
    pixels = pixels[:, :2] / pixels[:, 2:]
    extreme = np.concatenate([pixels.argmin(0), pixels.argmax(0)])
    axis = np.array([0, 1, 0, 1])
    residual = (pixels[extreme, axis] - frame.edges) / BOX_DEVIATION
    weight = BOX_WEIGHT * frame.known / (1 + residual**2)
    motion = _motion(frame.K, np.eye(3), turned[extreme], seen[extreme])[np.arange(4), axis] / BOX_DEVIATION
    cost = BOX_WEIGHT * float((frame.known * np.log1p(residual**2)).sum()) / 2
    return cost, np.einsum("pa,pb,p->ab", motion, motion, weight), motion.T @ (weight * residual)


def _box_misfit(frame: Frame, pose: Pose) -> float:
    """Mean distance of the outline's box from the known edges of the photo's, in units of its longer side."""
    pixels = (frame.outline @ pose.rotation.T + pose.translation) @ frame.K.T
    pixels = pixels[:, :2] / pixels[:, 2:]
    away = np.abs(np.concatenate([pixels.min(0), pixels.max(0)]) - frame.edges)
    return float(away[frame.known].mean()) if frame.known.any() else 0.0


def _motion(K: np.ndarray, to_view: np.ndarray, turned: np.ndarray, seen: np.ndarray) -> np.ndarray:
    """(P, 2, 6): how points seen (P, 3) by a camera K move in its image when the model turns and shifts."""
    (fx, fy), depth = K.diagonal()[:2], seen[:, 2]
    projection = np.zeros((len(seen), 2, 3))
    projection[:, 0, 0], projection[:, 1, 1] = fx / depth, fy / depth
    projection[:, 0, 2], projection[:, 1, 2] = -fx * seen[:, 0] / depth**2, -fy * seen[:, 1] / depth**2
    projection = projection @ to_view
    x, y, z = turned.T
    zero = np.zeros_like(x)
    turn = np.stack([zero, z, -y, -z, zero, x, y, -x, zero], -1).reshape(-1, 3, 3)
    return np.concatenate([projection @ turn, projection], -1)


def _sampled(image: np.ndarray, at: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Bilinear values (P, D), slopes (P, D, 2) along x and y, and whether at (P, 2) lies in the image (G, G, D)."""
    last = len(image) - 1
    corner = np.clip(np.floor(at), 0, last - 1).astype(int)
    x, y = np.clip(at - corner, 0, 1).T[..., None]
    i, j = corner.T
    above, below = (
        image[j, i] * (1 - x) + image[j, i + 1] * x,
        image[j + 1, i] * (1 - x) + image[j + 1, i + 1] * x,
    )
    right = (image[j, i + 1] - image[j, i]) * (1 - y) + (image[j + 1, i + 1] - image[j + 1, i]) * y
    inside = ((at > -0.5) & (at < last + 0.5)).all(1)
    return above * (1 - y) + below * y, np.stack([right, below - above], -1), inside
