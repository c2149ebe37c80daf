"""Cameras from photos of a chessboard: the lens from several (Zhang, PAMI 2000), the pose from a single one.

A homography from the board to each photo gives start values, Levenberg-Marquardt on the distances between seen and
projected corners the rest. The board's axes: origin in its middle, X along its rows to the right, Y up its columns,
Z out of its front.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from ..errors import PoseError
from ..geometry import Camera, intrinsics, rotation_from_vector
from ..photo.distortion import COEFFICIENTS, NOTICED, displacement, distorted

FEWEST = 3  # boards that calibrate a lens
LENS = 4  # log fx, log fy, cx, cy
# By judgement; `python -m benchmark.chessboard` calibrates two real cameras with them: 0.18 px, OpenCV's focal length
DAMPING = 1e-3
ITERATIONS = 60
SETTLED = 1e-9  # relative change of the cost
STEP = 1e-6  # of numeric derivatives; all parameters are about 1
NOISE = 1.5  # by what factor a coefficient must lower a single board's error to be believed
UNSURE = 0.1  # relative deviation of a focal length that is no use


class Calibration(NamedTuple):
    """A lens and B photos of a board through it.

    K (3, 3); distortion (COEFFICIENTS,): k1, k2, p1, p2, k3; poses (B, 4, 4): board -> camera; size (width, height) px;
    errors (B,): root mean square distance, px, between the seen and the projected corners of each photo;
    focal_deviation: relative standard deviation of the focal length, 0 where it was given.
    """

    K: np.ndarray
    distortion: np.ndarray
    poses: np.ndarray
    size: tuple[int, int]
    errors: np.ndarray
    focal_deviation: float = 0.0

    @property
    def rms(self) -> float:
        """Reprojection error of all corners, px."""
        return float(np.sqrt((self.errors**2).mean()))

    def camera(self, board: int = 0) -> Camera:
        """The undistorted camera of a photo, in the axes and units of the board."""
        return Camera(self.K, np.linalg.inv(self.poses[board]), self.size)


def board_points(columns: int, rows: int, square: float) -> np.ndarray:
    """(rows * columns, 3): the inner corners in the board's axes, square wide apart, in find_chessboard's order."""
    row, column = np.indices((rows, columns))
    points = np.stack([column - (columns - 1) / 2, (rows - 1) / 2 - row, np.zeros((rows, columns))], -1)
    return points.reshape(-1, 3) * square


def homography(plane: np.ndarray, pixels: np.ndarray) -> np.ndarray:
    """(3, 3) that takes plane (N, 2) to pixels (N, 2): least squares of normalised points (Hartley 1997)."""
    (first, A), (second, B) = _normalised(plane), _normalised(pixels)
    source, nothing = np.c_[first, np.ones(len(first))], np.zeros((len(first), 3))
    rows = [np.c_[source, nothing, -second[:, :1] * source], np.c_[nothing, source, -second[:, 1:] * source]]
    H = np.linalg.inv(B) @ np.linalg.svd(np.concatenate(rows))[2][-1].reshape(3, 3) @ A
    return H / H[2, 2]


def calibrate(points: np.ndarray, pixels: np.ndarray, size: tuple[int, int]) -> Calibration:
    """Lens and poses from corners points (N, 3) of a board seen at pixels (B, N, 2) in B photos.

    PoseError where the photos cannot tell.
    """
    if len(pixels) < FEWEST:
        raise PoseError(f"A lens is calibrated with {FEWEST} photos of the board at least, at different slants.")
    start = _started(points, pixels, size, None)
    return _told(_fitted(points, pixels, start, list(range(LENS + COEFFICIENTS))))


def locate_board(
    points: np.ndarray,
    pixels: np.ndarray,
    size: tuple[int, int],
    K: np.ndarray | None = None,
    distortion: np.ndarray | None = None,
) -> Calibration:
    """The pose from which a photo shows points (N, 3) of a board at pixels (N, 2).

    What is not given of the lens is found where the board tells it: one focal length, for a principal point in the
    middle (PoseError where it does not), and the first coefficient of distortion.
    """
    start = _started(points, pixels[None], size, K)
    if distortion is not None:
        return _fitted(points, pixels[None], start._replace(distortion=distortion), [])
    focal = [] if K is not None else [0]
    straight = _fitted(points, pixels[None], start, focal)
    bent = _fitted(points, pixels[None], straight, [*focal, LENS])
    found = (
        bent if straight.rms > NOISE * bent.rms and displacement(bent.K, bent.distortion, size) > NOTICED else straight
    )
    return found if K is not None else _told(found)


def _told(found: Calibration) -> Calibration:
    if found.focal_deviation > UNSURE:
        raise PoseError("The board does not tell the lens: photograph it at more of a slant, or give the focal length.")
    return found


def _started(points: np.ndarray, pixels: np.ndarray, size: tuple[int, int], K: np.ndarray | None) -> Calibration:
    """A first guess without distortion."""
    homographies = np.stack([homography(points[:, :2], seen) for seen in pixels])
    K = _first_intrinsics(homographies, size) if K is None else K
    poses = np.stack([_first_pose(H, K) for H in homographies])
    return Calibration(K, np.zeros(COEFFICIENTS), poses, size, np.zeros(len(pixels)))


def _normalised(points: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """points (N, 2) moved to mean 0 and scaled to deviation 1, and the matrix (3, 3) that does so."""
    scale = 1 / max(float(points.std()), 1e-12)
    matrix = np.array([[scale, 0, 0], [0, scale, 0], [0, 0, 1.0]])
    matrix[:2, 2] = -scale * points.mean(0)
    return points * scale + matrix[:2, 2], matrix


def _first_intrinsics(homographies: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """K with the principal point in the middle and square pixels: the board's axes are at right angles, and as long.

    With w = diag(1 / f^2, 1 / f^2, 1) and columns g, h of a homography: g' w h = 0 and g' w g = h' w h.
    """
    H = np.linalg.inv(intrinsics(1.0, size)) @ homographies
    g, h = H[..., 0], H[..., 1]
    scale = np.linalg.norm(g[:, :2], axis=1) * np.linalg.norm(h[:, :2], axis=1)
    across = np.concatenate([(g * h)[:, :2].sum(1) / scale, (g**2 - h**2)[:, :2].sum(1) / scale])
    along = np.concatenate([(g * h)[:, 2] / scale, (g**2 - h**2)[:, 2] / scale])
    square = -(across @ across) / min(across @ along, -1e-300)  # f^2 of the least sum of (across / f^2 + along)^2
    focal = float(np.sqrt(square))
    if not 0.2 < focal / max(size) < 30:
        raise PoseError("The board does not tell the lens: photograph it at more of a slant, or give the focal length.")
    return intrinsics(focal, size)


def _first_pose(H: np.ndarray, K: np.ndarray) -> np.ndarray:
    """Board -> camera (4, 4) of a homography from the board's plane to pixels."""
    across, up, shift = (np.linalg.inv(K) @ H).T
    scale = 2 / (np.linalg.norm(across) + np.linalg.norm(up)) * (1 if shift[2] > 0 else -1)
    axes = np.stack([across, up, np.cross(across, up) * scale], 1) * scale
    left, _, right = np.linalg.svd(axes)
    pose = np.eye(4)
    pose[:3, :3], pose[:3, 3] = left @ np.diag([1, 1, np.linalg.det(left @ right)]) @ right, shift * scale
    return pose


class _Guess(NamedTuple):
    """Parameters: lens (LENS + COEFFICIENTS,) in which K is relative to a unit, and poses (B, 4, 4)."""

    lens: np.ndarray
    poses: np.ndarray

    def moved(self, lens: np.ndarray, turns: np.ndarray) -> _Guess:
        """lens added, the boards turned by turns[:, :3] and shifted by turns[:, 3:] of their depth, in camera axes."""
        poses = self.poses.copy()
        poses[:, :3, :3] = rotation_from_vector(turns[:, :3]) @ self.poses[:, :3, :3]
        poses[:, :3, 3] += turns[:, 3:] * self.poses[:, 2:3, 3]
        return _Guess(self.lens + lens, poses)

    def project(self, points: np.ndarray, size: tuple[int, int]) -> np.ndarray:
        """(B, N, 2) px."""
        seen = points @ self.poses[:, :3, :3].swapaxes(1, 2) + self.poses[:, None, :3, 3]
        return distorted(seen[..., :2] / seen[..., 2:], self.lens[LENS:]) * np.exp(self.lens[:2]) + self.lens[
            2:4
        ] * max(size)


def _fitted(points: np.ndarray, pixels: np.ndarray, start: Calibration, free: list[int]) -> Calibration:
    """start with its poses and the free parameters of its lens moved to the least sum of squared distances.

    Where only the first focal length is free, the second follows it.
    """
    size, K = start.size, start.K
    guess = _Guess(np.r_[np.log(K.diagonal()[:2]), K[:2, 2] / max(size), start.distortion], start.poses)
    basis = np.eye(LENS + COEFFICIENTS)[free]
    if 0 in free and 1 not in free:
        basis[free.index(0), 1] = 1
    residual, damping = (guess.project(points, size) - pixels).reshape(len(pixels), -1), DAMPING
    for _ in range(ITERATIONS):
        *step, normal = _step(points, size, guess, residual, basis, damping)
        moved = guess.moved(*step)
        now = (moved.project(points, size) - pixels).reshape(len(pixels), -1)
        gain = 1 - (now**2).sum() / max((residual**2).sum(), 1e-300)
        damping *= 0.2 if gain > 0 else 5
        if gain > 0:
            guess, residual = moved, now
        if 0 <= gain < SETTLED or damping > 1e9:
            break
    K = np.diag([*np.exp(guess.lens[:2]), 1.0])
    K[:2, 2] = guess.lens[2:4] * max(size)
    errors = np.sqrt((residual**2).sum(1) / len(points))
    variance = (residual**2).sum() / (residual.size - len(free) - 6 * len(pixels))
    deviation = float(np.sqrt(variance * np.linalg.inv(normal)[0, 0])) if 0 in free else 0.0
    return Calibration(K, guess.lens[LENS:], guess.poses, size, errors, deviation)


def _step(
    points: np.ndarray, size: tuple[int, int], guess: _Guess, residual: np.ndarray, basis: np.ndarray, damping: float
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """One step of Levenberg-Marquardt: of the lens, of each pose (B, 6); and the lens's normal matrix.

    A photo's residuals depend on its own pose only: the poses are eliminated, the lens is solved, then each pose.
    """

    def slope(lens: np.ndarray, turn: np.ndarray) -> np.ndarray:
        ahead, behind = (
            guess.moved(sign * STEP * lens, np.tile(sign * STEP * turn, (boards, 1))).project(points, size)
            for sign in (1, -1)
        )
        return (ahead - behind).reshape(boards, -1) / (2 * STEP)

    boards, still, fixed = len(residual), np.zeros(6), np.zeros(LENS + COEFFICIENTS)
    of_lens = np.stack([slope(row, still) for row in basis], -1) if len(basis) else np.zeros((*residual.shape, 0))
    of_pose = np.stack([slope(fixed, row) for row in np.eye(6)], -1)  # (B, 2 N, 6)
    own = _damped(of_pose.swapaxes(1, 2) @ of_pose, damping)
    shared = of_lens.swapaxes(1, 2) @ of_pose  # (B, F, 6)
    pull = of_pose.swapaxes(1, 2) @ residual[..., None]
    solved = np.linalg.solve(own, np.concatenate([shared.swapaxes(1, 2), pull], -1))  # (B, 6, F + 1)
    normal = _damped((of_lens.swapaxes(1, 2) @ of_lens).sum(0), damping) - (shared @ solved[..., :-1]).sum(0)
    target = np.einsum("bnf,bn->f", of_lens, residual) - (shared @ solved[..., -1:])[..., 0].sum(0)
    lens = -np.linalg.solve(normal, target)
    return lens @ basis, -(solved[..., -1] + solved[..., :-1] @ lens), normal


def _damped(normal: np.ndarray, damping: float) -> np.ndarray:
    return normal + damping * normal * np.eye(normal.shape[-1])
