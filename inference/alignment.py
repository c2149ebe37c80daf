"""Featuremetric alignment: moves a pose until a template's features agree with the photo's.

The idea of PixLoc (Sarlin et al., CVPR 2021) and FoundPose (Ornek et al., ECCV 2024) on whitened CNN features, coarse
to fine in the number of principal components: the first ones vary slowly over the picture and catch from afar.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from .crops import FIRST_PATCH, STRIDE
from .geometry import Camera, rotation_from_vector
from .retrieval import Index

STAGES = (8, 16, 32)  # principal components
ITERATIONS = 8  # at most, in each stage
DAMPING = 1e-3
OUTSIDE = 4.0  # squared residual, per component, of a point that leaves the crop


class Pose(NamedTuple):
    """world -> camera: rotation (3, 3), translation (3,)."""

    rotation: np.ndarray
    translation: np.ndarray

    def camera_to_world(self) -> np.ndarray:
        matrix = np.eye(4)
        matrix[:3, :3] = self.rotation.T
        matrix[:3, 3] = -self.rotation.T @ self.translation
        return matrix


class _Problem(NamedTuple):
    points: np.ndarray  # (P, 3)
    wanted: np.ndarray  # (P, D) the template's features there
    image: np.ndarray  # (G, G, D) the crop's features
    to_view: np.ndarray  # (3, 3) photo camera -> crop camera
    K: np.ndarray  # (3, 3) camera -> patches


def align(
    pose: Pose,
    index: Index,
    template: int,
    view: Camera,
    features: np.ndarray,
    stages: tuple[int, ...] = STAGES,
) -> tuple[Pose, float]:
    """Levenberg-Marquardt from pose (photo camera <- the model's unit sphere) on a template's patches.

    view and features (G, G, C) are a crop of the photo, taken at its camera's place and given in its axes.
    Gives the pose and its robust cost, per component, in the last stage; the pose as it was when too little is seen.
    """
    templates = index.templates
    seen = templates.covered[template] & ~np.isnan(templates.points[template, ..., 0])
    cost = np.inf
    if seen.sum() < 6:
        return pose, cost
    to_patches = np.diag([1 / STRIDE, 1 / STRIDE, 1]) @ np.array([[1, 0, -FIRST_PATCH], [0, 1, -FIRST_PATCH], [0, 0, 1]])
    for components in stages:
        problem = _Problem(
            templates.points[template][seen],
            index.whitening(index.features[template][seen], components),
            index.whitening(features, components),
            view.camera_to_world[:3, :3].T,
            to_patches @ view.K,
        )
        pose, cost = _levenberg_marquardt(problem, pose)
    return pose, cost


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
    """Robust cost (Cauchy), its Gauss-Newton Hessian (6, 6) and gradient (6,) for a turn, then a shift, of the model."""
    turned = problem.points @ pose.rotation.T
    seen = (turned + pose.translation) @ problem.to_view.T
    if seen[:, 2].min() <= 1e-3:
        return np.inf, np.eye(6), np.zeros(6)
    patches = seen @ problem.K.T
    found, slopes, inside = _sampled(problem.image, patches[:, :2] / patches[:, 2:])
    residual = found - problem.wanted
    error = np.where(inside, (residual**2).mean(1), OUTSIDE)
    weight = inside / (1 + error)
    motion = _patch_motion(problem, turned, seen)
    curvature = np.einsum("pci,pcj,p->pij", slopes, slopes, weight)
    pull = np.einsum("pci,pc,p->pi", slopes, residual, weight)
    hessian = np.einsum("pia,pij,pjb->ab", motion, curvature, motion, optimize=True)
    return float(np.log1p(error).mean()), hessian, np.einsum("pia,pi->a", motion, pull)


def _patch_motion(problem: _Problem, turned: np.ndarray, seen: np.ndarray) -> np.ndarray:
    """(P, 2, 6): how the points' patch coordinates move when the model turns about its centre and shifts."""
    (fx, fy), depth = problem.K.diagonal()[:2], seen[:, 2]
    projection = np.zeros((len(seen), 2, 3))
    projection[:, 0, 0], projection[:, 1, 1] = fx / depth, fy / depth
    projection[:, 0, 2], projection[:, 1, 2] = -fx * seen[:, 0] / depth**2, -fy * seen[:, 1] / depth**2
    projection = projection @ problem.to_view
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
    above, below = image[j, i] * (1 - x) + image[j, i + 1] * x, image[j + 1, i] * (1 - x) + image[j + 1, i + 1] * x
    right = (image[j, i + 1] - image[j, i]) * (1 - y) + (image[j + 1, i + 1] - image[j + 1, i]) * y
    inside = ((at > -0.5) & (at < last + 0.5)).all(1)
    return above * (1 - y) + below * y, np.stack([right, below - above], -1), inside
