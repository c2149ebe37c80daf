"""Bundle adjustment of made-up photos: points of a model, seen by one lens from several places."""

from __future__ import annotations

import numpy as np
import pytest

from photo_pose.inference.geometry import angle_between, intrinsics, look_at
from photo_pose.inference.pose.alignment import FlowTerm, LensPrior, Locks, minimise, projected
from photo_pose.inference.pose.bundle import minimise_together
from photo_pose.inference.pose.pose import Pose

SIZE = (600, 400)
TRUE = intrinsics(700.0, SIZE, (310.0, 190.0))
POINTS = np.random.default_rng(1).uniform(-0.7, 0.7, (80, 3))
PLACES = [(2.0, -2.2, 1.3), (-1.5, -2.5, 0.9), (0.4, -3.4, 2.0), (3.2, 0.3, 0.6)]
LENS = Locks(lens=False)
SHIFTED = Locks(lens=False, principal_point=False)


def true_poses() -> list[Pose]:
    poses = []
    for place in PLACES:
        seen_from = np.linalg.inv(look_at(np.array(place), np.zeros(3)))
        poses.append(Pose(seen_from[:3, :3], seen_from[:3, 3], TRUE))
    return poses


def terms(noise: float = 0.0) -> list[list[FlowTerm]]:
    random, found = np.random.default_rng(2), []
    for pose in true_poses():
        targets = projected(pose, POINTS, np.eye(3)) + random.normal(0, noise, (len(POINTS), 2))
        found.append([FlowTerm(POINTS, targets, np.ones(len(POINTS)), np.eye(3), np.ones(len(POINTS)))])
    return found


def begun(focal: float = 560.0) -> list[Pose]:
    """Of a lens that is too wide, in the middle of the photo, from about the right places."""
    K = intrinsics(focal, SIZE, (300.0, 200.0))
    shift = np.array([0.05, -0.04, -0.5])
    return [pose._replace(K=K, translation=pose.translation + shift) for pose in true_poses()]


def test_all_photos_find_what_they_share():
    poses, _covariance = minimise_together(terms(), begun(), SHIFTED)
    for pose, true in zip(poses, true_poses(), strict=True):
        np.testing.assert_allclose(pose.K, TRUE, atol=0.05)
        np.testing.assert_allclose(pose.translation, true.translation, atol=1e-3)
        assert angle_between(pose.rotation[0], true.rotation[0]) < 1e-3


def test_they_share_it_to_the_last_digit():
    poses, _covariance = minimise_together(terms(1.0), begun(), SHIFTED)
    for pose in poses[1:]:
        np.testing.assert_allclose(pose.K, poses[0].K, rtol=1e-9)


def test_what_is_locked_stays():
    poses, covariance = minimise_together(terms(1.0), begun(), LENS)
    assert covariance.shape == (1, 1)
    assert all(tuple(pose.K[:2, 2]) == (300, 200) for pose in poses)


def test_of_one_photo_it_is_the_usual_minimum():
    (alone,), _covariance = minimise_together(terms(1.0)[:1], begun()[:1], LENS)
    pose, _cost = minimise(terms(1.0)[0], begun()[0], LENS)
    assert alone.K[0, 0] == pytest.approx(pose.K[0, 0], rel=1e-3)


def test_the_deviation_is_that_of_the_errors():
    """Of 40 draws, with noise of which the terms know; the cost is half of what the logarithm of a likelihood is where
    errors are small against the terms' own deviation."""
    random, focals = np.random.default_rng(4), []
    for _draw in range(40):
        some = [
            [
                one._replace(
                    targets=one.targets + random.normal(0, 0.2, one.targets.shape), deviation=0.2 * one.deviation
                )
            ]
            for (one,) in terms()
        ]
        near = [pose._replace(K=intrinsics(680.0, SIZE, tuple(TRUE[:2, 2]))) for pose in true_poses()[:2]]
        poses, covariance = minimise_together(some[:2], near, LENS)
        focals.append(np.log(poses[0].K[0, 0] / 700))
    # Cauchy's weights are smaller than a normal distribution's: the deviation is a bit too large
    assert 0.8 * np.std(focals) < np.sqrt(covariance[0, 0]) < 2 * np.std(focals)


def test_a_prior_in_one_photo_is_about_all():
    some = terms(1.0)
    some[2].append(LensPrior(np.log(500.0), 1e-4, 1e6))
    poses, _covariance = minimise_together(some, begun(), LENS)
    assert all(pose.K[0, 0] == pytest.approx(500, rel=0.01) for pose in poses)
