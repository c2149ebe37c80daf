"""Bundle adjustment of photos that one lens took: all their poses together with what they share of the lens.

Levenberg-Marquardt as in alignment.py on the sum of all photos' terms. Given the lens the poses do not depend on each
other, so each round first takes them out of the equations (the Schur complement, as Triggs et al. 1999 tell).
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from .alignment import DAMPING, ITERATIONS, TOLERANCE, Locks, Quadratic, Term, summed
from .pose import Pose

OWN = 6  # parameters of each photo, turn and shift; the others are the lens's


def minimise_together(
    terms: Sequence[Sequence[Term]], poses: Sequence[Pose], locks: Locks
) -> tuple[list[Pose], np.ndarray]:
    """The poses at the lowest sum of the terms, a list for each photo, and the covariance (S, S) of what they share, if
    that sum is a log-likelihood: what locks leaves free of log focal length, principal point (in focal lengths) and so
    on, in that order.

    The poses begin with the same intrinsics, in their own pixels; position and rotation are free.
    """
    damping, now = DAMPING, _quadratics(terms, poses)
    for _ in range(ITERATIONS):
        bases = [locks.freedom(pose) for pose in poses]
        own, shared, _hessian = _step(now, bases, damping)
        moved = [
            locks.kept(pose, pose.moved(basis @ np.concatenate([mine, shared])))
            for pose, basis, mine in zip(poses, bases, own, strict=True)
        ]
        then = _quadratics(terms, moved)
        if not _cost(then) < _cost(now):
            damping *= 10
            continue
        gain = _cost(now) - _cost(then)
        poses, now, damping = moved, then, damping / 10
        if gain < TOLERANCE * _cost(now):
            break
    _own, _shared, hessian = _step(now, [locks.freedom(pose) for pose in poses], 0.0)
    return list(poses), np.linalg.pinv(hessian)


def _quadratics(terms: Sequence[Sequence[Term]], poses: Sequence[Pose]) -> list[Quadratic]:
    return [summed(some, pose) for some, pose in zip(terms, poses, strict=True)]


def _cost(quadratics: Sequence[Quadratic]) -> float:
    return sum(one.cost for one in quadratics)


def _step(
    quadratics: Sequence[Quadratic], bases: Sequence[np.ndarray], damping: float
) -> tuple[list[np.ndarray], np.ndarray, np.ndarray]:
    """The step of each photo's own parameters, that of the shared ones (S,), and the Hessian (S, S) of these once the
    photos' own follow."""
    reduced, pulls, solved = [], [], []
    for one, basis in zip(quadratics, bases, strict=True):
        hessian, gradient = basis.T @ one.hessian @ basis, basis.T @ one.gradient
        own, cross = hessian[:OWN, :OWN], hessian[:OWN, OWN:]
        damped = own + damping * np.diag(np.diag(own)) + 1e-9 * np.eye(OWN)
        solved.append(np.linalg.solve(damped, np.c_[gradient[:OWN], cross]))
        reduced.append(hessian[OWN:, OWN:] - cross.T @ solved[-1][:, 1:])
        pulls.append(gradient[OWN:] - cross.T @ solved[-1][:, 0])
    hessian, pull = sum(reduced), sum(pulls)
    shared = -np.linalg.solve(hessian + damping * np.diag(np.diag(hessian)) + 1e-9 * np.eye(len(pull)), pull)
    return [-(one[:, 0] + one[:, 1:] @ shared) for one in solved], shared, hessian
