"""Alignment: moves a pose until what a rendered view shows, and where the model ends, agree with the photo.

Levenberg-Marquardt on a sum of terms. The main one is featuremetric, the idea of PixLoc (Sarlin et al., CVPR 2021)
and FoundPose (Ornek et al., ECCV 2024) on whitened CNN features, coarse to fine in the number of principal
components: the first ones vary slowly over the picture and catch from afar.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np

from ..geometry import Box, Camera, rotation_from_vector
from ..views.crops import FIRST_PATCH, STRIDE
from ..views.retrieval import Whitening
from ..views.templates import Template
from .pose import Pose

# By judgement where nothing is said. STAGES that begin with 4 components were no better on real photos; the box's term
# halved their overlay error (1.9 to 0.9 % of 30 in the median), but BOX_WEIGHT's value is by judgement. With half or
# twice that weight, and with DAMPING from 1e-5 to 1e-1, tests/inference/test_alignment.py passes.
STAGES = (8, 16, 32)  # principal components
FEWEST_POINTS = 8  # points
NEAREST = 1e-3  # depth of a point, in radii of the model
BOX_WEIGHT = 0.05  # of each edge of the box against the mean over all features
BOX_DEVIATION = 0.04  # of a box's edge, in units of its longer side: people and networks draw no better
CUT_DEVIATION = 0.1  # of an edge beyond the photo's border that cuts the box off
# Of each stage, which ends where the cost falls by less than this part of it. After 8 and at 1e-4 it was as good, but
# what PyTorch and numpy round differently moved answers three times as far apart (16 pictures of the tuning half).
ITERATIONS, TOLERANCE = 40, 1e-6
DAMPING = 1e-3
OUTSIDE = 4.0  # squared residual, per component, of a point that leaves the crop
STEEP = 1e-6  # of the vertical's squared length across the viewing axis: below it there is no roll
PARAMETERS = 11  # turn (3), shift (3), log focal length, principal point (2), distortion (2)
FIRST_POINT = int(FIRST_PATCH) + 0.5  # px: middle of the pixel whose point stands for the first patch
TO_PATCHES = np.array([[1, 0, -FIRST_POINT], [0, 1, -FIRST_POINT], [0, 0, STRIDE]]) / STRIDE  # from crop pixels


class Locks(NamedTuple):
    """What alignment leaves as it is. roll: that of the camera, its horizon stays as level as it is."""

    rotation: bool = False
    position: bool = False
    roll: bool = False
    lens: bool = True
    principal_point: bool = True
    distortion: bool = True

    def freedom(self, pose: Pose) -> np.ndarray:
        """(PARAMETERS, F): a basis of the steps that are left.

        A free lens comes with a change of distance that keeps the model's size, unless the position is locked.
        """
        basis = np.eye(PARAMETERS)
        if self.position:  # the model turns about the camera
            basis[3:6, :3] = np.cross(np.eye(3), pose.translation).T
        else:
            basis[3:6, 6] = pose.translation
        turns = np.zeros((PARAMETERS, 0)) if self.rotation else basis[:, :3]
        if self.roll and not self.rotation:
            turns = turns @ _level_turns(pose.rotation[:, 2])
        free = [turns]
        free += [] if self.position else [basis[:, 3:6]]
        free += [] if self.lens else [basis[:, 6:7]]
        free += [] if self.principal_point else [basis[:, 7:9]]
        free += [] if self.distortion else [basis[:, 9:]]
        return np.concatenate(free, axis=1)

    def kept(self, pose: Pose, moved: Pose) -> Pose:
        """moved, where a large turn has not quite left the roll and the camera's position as they were."""
        if self.roll and not self.rotation:
            (x, y, _), (kept_x, kept_y, _) = moved.rotation[:, 2], pose.rotation[:, 2]
            away = np.arctan2(kept_y, kept_x) - np.arctan2(y, x) if x * x + y * y > STEEP else 0.0
            moved = moved._replace(rotation=rotation_from_vector(np.array([0, 0, away])) @ moved.rotation)
        if self.position:
            moved = moved._replace(translation=moved.rotation @ (pose.rotation.T @ pose.translation))
        return moved


FREE = Locks()


class Quadratic(NamedTuple):
    """A term's cost at a pose, with its Gauss-Newton Hessian (PARAMETERS, PARAMETERS) and gradient (PARAMETERS,)."""

    cost: float
    hessian: np.ndarray
    gradient: np.ndarray


Term = Callable[[Pose], Quadratic]
_IMPOSSIBLE = Quadratic(np.inf, np.eye(PARAMETERS), np.zeros(PARAMETERS))


class FeatureTerm(NamedTuple):
    """points (P, 3) of the model look, in image (G, G, D), like wanted (P, D); to_image (3, 3) from photo pixels."""

    points: np.ndarray
    wanted: np.ndarray
    image: np.ndarray
    to_image: np.ndarray
    weight: float = 1.0

    def __call__(self, pose: Pose) -> Quadratic:
        at, motion = projected_motion(pose, self.points, self.to_image)
        if motion is None:
            return _IMPOSSIBLE
        found, slopes, inside = sampled(self.image, at)
        residual = found - self.wanted
        error = np.where(inside, (residual**2).mean(1), OUTSIDE)
        weight = self.weight * inside / (1 + error) / residual.size
        weighted = (slopes * weight[:, None, None]).transpose(0, 2, 1)  # (P, 2, D)
        pull = (weighted @ residual[..., None]).ravel()
        motion = motion.reshape(-1, PARAMETERS)
        curved = (weighted @ slopes) @ motion.reshape(-1, 2, PARAMETERS)
        hessian = motion.T @ curved.reshape(-1, PARAMETERS)
        return Quadratic(self.weight * float(np.log1p(error).mean()) / 2, hessian, motion.T @ pull)


class BoxTerm(NamedTuple):
    """The model's outline (P, 3) goes on filling the photo's box: features alone let texture-less models drift.

    edges (4,), left, top, right, bottom, in units of the box's longer side; to_image (3, 3) takes photo pixels to
    these units; cut (4,) bool, True where the photo's border may have cut the box off: the model reaches that far, and
    may reach farther; deviation of an edge in these units.
    """

    outline: np.ndarray
    edges: np.ndarray
    cut: np.ndarray
    to_image: np.ndarray
    deviation: float

    @classmethod
    def of(cls, outline: np.ndarray, camera: Camera, box: Box, deviation: float = BOX_DEVIATION) -> BoxTerm:
        side = max(box.width, box.height)
        to_image = np.diag([1 / side, 1 / side, 1])
        return cls(outline, np.array(box) / side, cut_edges(box, camera.size), to_image, deviation)

    def __call__(self, pose: Pose) -> Quadratic:
        at = projected(pose, self.outline, self.to_image)
        extreme = self.outline[np.concatenate([at.argmin(0), at.argmax(0)])]
        at, motion = projected_motion(pose, extreme, self.to_image)
        if motion is None:
            return _IMPOSSIBLE
        edge, axis = np.arange(4), np.array([0, 1, 0, 1])
        away = at[edge, axis] - self.edges
        deviations = self._deviations(away)
        return robust(away / deviations, motion[edge, axis] / deviations[:, None], np.full(4, BOX_WEIGHT))

    def misfit(self, pose: Pose) -> float:
        """Mean distance of the outline's box from the photo's, in deviations."""
        at = projected(pose, self.outline, self.to_image)
        away = np.concatenate([at.min(0), at.max(0)]) - self.edges
        return float((np.abs(away) / self._deviations(away)).mean())

    def _deviations(self, away: np.ndarray) -> np.ndarray:
        """(4,): of edges that are that far off, to the right or downwards."""
        beyond = self.cut & (away * [-1, -1, 1, 1] > 0)
        return np.where(beyond, max(CUT_DEVIATION, self.deviation), self.deviation)


class SilhouetteTerm(NamedTuple):
    """The model's contour lies on the mask's: points (P, 3) of the model belong on lines through targets (P, 2) across
    normals (P, 2), in units of deviation px; to_image (3, 3) takes photo pixels there."""

    points: np.ndarray
    targets: np.ndarray
    normals: np.ndarray
    to_image: np.ndarray
    deviation: float
    weight: float

    def __call__(self, pose: Pose) -> Quadratic:
        at, motion = projected_motion(pose, self.points, self.to_image)
        if motion is None:
            return _IMPOSSIBLE
        residual = ((at - self.targets) * self.normals).sum(1) / self.deviation
        slopes = (motion * self.normals[..., None]).sum(1) / self.deviation
        return robust(residual, slopes, np.full(len(residual), self.weight / len(residual)))


class FlowTerm(NamedTuple):
    """points (P, 3) of the model belong on targets (P, 2), give or take deviation (P,) px, with weight (P,); to_image
    (3, 3) takes photo pixels there."""

    points: np.ndarray
    targets: np.ndarray
    deviation: np.ndarray
    to_image: np.ndarray
    weight: np.ndarray

    def __call__(self, pose: Pose) -> Quadratic:
        at, motion = projected_motion(pose, self.points, self.to_image)
        if motion is None:
            return _IMPOSSIBLE
        residual = (at - self.targets) / self.deviation[:, None]
        slopes = motion / self.deviation[:, None, None]
        return robust(residual.ravel(), slopes.reshape(-1, PARAMETERS), self.weight.repeat(2))


class LensPrior(NamedTuple):
    """log of the focal length, px, is near center, give or take deviation."""

    center: float
    deviation: float
    weight: float

    def __call__(self, pose: Pose) -> Quadratic:
        slope = np.zeros((1, PARAMETERS))
        slope[0, 6] = 1 / self.deviation
        return robust(np.array([np.log(pose.K[0, 0]) - self.center]) / self.deviation, slope, np.array([self.weight]))


class PrincipalPointPrior(NamedTuple):
    """The principal point, px, is near center (2,), give or take deviation; however far it goes the pull grows."""

    center: np.ndarray
    deviation: float
    weight: float

    def __call__(self, pose: Pose) -> Quadratic:
        away = (pose.K[:2, 2] - self.center) / self.deviation
        slope = np.zeros((2, PARAMETERS))
        slope[:, 7:9] = np.eye(2) * pose.K[0, 0] / self.deviation
        return Quadratic(
            self.weight * float(away @ away) / 2, self.weight * slope.T @ slope, self.weight * slope.T @ away
        )


class DistortionPrior(NamedTuple):
    """The distortion is near center (2,), as surely as information (2, 2), the inverse of its covariance, says."""

    center: np.ndarray
    information: np.ndarray
    weight: float

    def __call__(self, pose: Pose) -> Quadratic:
        away, information = pose.distortion - self.center, self.weight * self.information
        hessian, gradient = np.zeros((PARAMETERS, PARAMETERS)), np.zeros(PARAMETERS)
        hessian[9:, 9:], gradient[9:] = information, information @ away
        return Quadratic(float(away @ information @ away) / 2, hessian, gradient)


def cut_edges(box: Box, size: tuple[int, int]) -> np.ndarray:
    """(4,) bool: which edges of a box lie so near the border of a photo that the object may go on beyond it."""
    near = BOX_DEVIATION * max(box.width, box.height)
    return np.concatenate([np.array(box[:2]) < near, np.array(box[2:]) > np.array(size) - near])


def feature_terms(
    whitening: Whitening, shown: Sequence[Template], view: Camera, features: np.ndarray, K: np.ndarray
) -> list[FeatureTerm]:
    """One a stage: the model's patches that rendered views show are found in view, a crop of the photo.

    view has its features (G, G, C) and is given in the axes of the photo's camera, whose intrinsics are K (3, 3).
    No terms when the views show too little.
    """
    seen = [template.covered & ~np.isnan(template.points[..., 0]) for template in shown]
    points = np.concatenate([template.points[part] for template, part in zip(shown, seen, strict=True)])
    wanted = np.concatenate([template.features[part] for template, part in zip(shown, seen, strict=True)])
    if len(points) < FEWEST_POINTS:
        return []
    to_image = TO_PATCHES @ view.K @ view.camera_to_world[:3, :3].T @ np.linalg.inv(K)
    maps = whitening(wanted, max(STAGES)), whitening(features, max(STAGES))
    return [FeatureTerm(points, *(values[..., :components] for values in maps), to_image) for components in STAGES]


def minimise(terms: Sequence[Term], pose: Pose, locks: Locks = FREE) -> tuple[Pose, float]:
    """Levenberg-Marquardt on the sum of the terms: the pose and its cost, never higher than at the start."""
    damping = DAMPING
    now = summed(terms, pose)
    for _ in range(ITERATIONS):
        basis = locks.freedom(pose)
        if not basis.size:
            break
        hessian = basis.T @ now.hessian @ basis
        damped = hessian + damping * np.diag(np.diag(hessian)) + 1e-9 * np.eye(len(hessian))
        step = basis @ -np.linalg.solve(damped, basis.T @ now.gradient)
        moved = locks.kept(pose, pose.moved(step))
        then = summed(terms, moved)
        if not then.cost < now.cost:
            damping *= 10
            continue
        gain = now.cost - then.cost
        pose, now = moved, then
        damping /= 10
        if gain < TOLERANCE * now.cost:
            break
    return pose, now.cost


def covariance(terms: Sequence[Term], pose: Pose, locks: Locks) -> np.ndarray:
    """(PARAMETERS, PARAMETERS), of the pose at the minimum of the terms, if their sum is a log-likelihood; 0 of what is
    locked."""
    basis = locks.freedom(pose)
    hessian = basis.T @ summed(terms, pose).hessian @ basis
    return basis @ np.linalg.pinv(hessian) @ basis.T


def projected(pose: Pose, points: np.ndarray, to_image: np.ndarray) -> np.ndarray:
    """Where points (P, 3) lie in an image that to_image (3, 3) takes photo pixels to: (P, 2)."""
    image = _bent(points @ pose.rotation.T + pose.translation, pose.distortion) @ (to_image @ pose.K).T
    return image[:, :2] / image[:, 2:]


def projected_motion(pose: Pose, points: np.ndarray, to_image: np.ndarray) -> tuple[np.ndarray, np.ndarray | None]:
    """`projected`, and how it moves with the pose: (P, 2, PARAMETERS), None when a point is not in front."""
    turned = points @ pose.rotation.T
    seen = turned + pose.translation
    bent = _bent(seen, pose.distortion)
    image = bent @ (to_image @ pose.K).T
    at = image[:, :2] / image[:, 2:]
    if seen[:, 2].min() <= NEAREST:
        return at, None
    by_ray = (to_image[:2] - at[..., None] * to_image[2]) / image[:, 2, None, None]  # (P, 2, 3)
    by_bent = by_ray @ pose.K
    by_shift = by_bent @ _bending(seen, pose.distortion) if pose.distortion.any() else by_bent
    (x, y, z), (u, v, w) = turned.T[..., None], np.moveaxis(by_shift, -1, 0)
    motion = np.empty((*at.shape, PARAMETERS))
    motion[..., 0], motion[..., 1], motion[..., 2] = y * w - z * v, z * u - x * w, x * v - y * u
    motion[..., 3:6] = by_shift
    motion[..., 6] = (by_bent[..., :2] * bent[:, None, :2]).sum(-1)  # K scales x and y alone
    motion[..., 7:9] = by_ray[..., :2] * (pose.K[0, 0] * seen[:, 2, None, None])
    outwards = (by_bent[..., :2] * seen[:, None, :2]).sum(-1)
    square = _square(seen)[:, None]
    motion[..., 9], motion[..., 10] = outwards * square, outwards * square**2
    return at, motion


def _square(seen: np.ndarray) -> np.ndarray:
    """(P,): of the distance from the middle of the image plane at depth 1, of points (P, 3) in the camera's axes."""
    return (seen[:, :2] ** 2).sum(1) / seen[:, 2] ** 2


def _bent(seen: np.ndarray, distortion: np.ndarray) -> np.ndarray:
    """Points (P, 3) in the camera's axes, moved across its view to where the lens shows them."""
    if not distortion.any():
        return seen
    square, (k1, k2) = _square(seen)[:, None], distortion
    return np.concatenate([seen[:, :2] * (1 + square * (k1 + square * k2)), seen[:, 2:]], axis=1)


def _bending(seen: np.ndarray, distortion: np.ndarray) -> np.ndarray:
    """(P, 3, 3): how `_bent` moves with its points."""
    (k1, k2), square = distortion, _square(seen)[:, None, None]
    across = seen[:, :2] / seen[:, 2:]
    slopes = np.tile(np.eye(3), (len(seen), 1, 1))
    growth = 2 * (k1 + 2 * k2 * square) * across[:, :, None] * across[:, None, :]
    slopes[:, :2, :2] = np.eye(2) * (1 + square * (k1 + square * k2)) + growth
    slopes[:, :2, 2] = -(growth @ across[..., None])[..., 0]  # the farther off, the nearer to the middle
    return slopes


def robust(residual: np.ndarray, slopes: np.ndarray, weight: np.ndarray) -> Quadratic:
    """Weighted Cauchy cost of residuals (N,) of unit deviation with slopes (N, PARAMETERS)."""
    cost = float((weight * np.log1p(residual**2)).sum()) / 2
    weight = weight / (1 + residual**2)
    return Quadratic(cost, (slopes * weight[:, None]).T @ slopes, slopes.T @ (weight * residual))


def summed(terms: Sequence[Term], pose: Pose) -> Quadratic:
    return Quadratic(*(sum(parts) for parts in zip(*(term(pose) for term in terms), strict=True)))


def _level_turns(up: np.ndarray) -> np.ndarray:
    """(3, 2): turns of the model in camera axes that leave the roll of its vertical, up (3,) there, as it is."""
    x, y, z = up
    if x * x + y * y < STEEP:  # looking straight up or down, roll is the turn about the viewing axis
        return np.eye(3)[:, :2]
    constraint = np.array([[x * z, y * z, -(x * x + y * y)]])  # of the turn, where atan2(x, y) does not change
    return np.linalg.svd(constraint)[2][1:].T


def sampled(image: np.ndarray, at: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
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
