"""Featuremetric alignment on made-up templates: a smooth random feature field on a ball."""

from dataclasses import replace

import numpy as np
import pytest

from photo_pose.inference import alignment, crops
from photo_pose.inference.alignment import Pose
from photo_pose.inference.geometry import (
    Box,
    Camera,
    intrinsics,
    look_at,
    rotation_angle,
    rotation_from_vector,
    view_sphere,
)
from photo_pose.inference.retrieval import Index
from photo_pose.inference.templates import Templates

RANDOM = np.random.default_rng(3)
WAVES, PHASES = RANDOM.normal(size=(40, 3)) * 2.0, RANDOM.uniform(0, 6, 40)


def paint(points: np.ndarray) -> np.ndarray:
    """(..., 3) -> (..., 40): what a network would say of a point of the ball."""
    return np.sin(points @ WAVES.T + PHASES)


def seen(camera: Camera) -> tuple[np.ndarray, np.ndarray]:
    """The unit ball in a crop: points (G, G, 3), NaN beside it, and features (G, G, 40)."""
    pixels = crops.patch_centers()
    homogeneous = np.concatenate([pixels, np.ones_like(pixels[..., :1])], -1)
    rays = homogeneous @ np.linalg.inv(camera.K).T @ camera.camera_to_world[:3, :3].T
    rays /= np.linalg.norm(rays, axis=-1, keepdims=True)
    along = -(rays @ camera.position)
    inside = along**2 - camera.position @ camera.position + 1
    points = camera.position + rays * (along - np.sqrt(np.where(inside > 0, inside, np.nan)))[..., None]
    return points, np.nan_to_num(paint(points))


@pytest.fixture(scope="module")
def index() -> Index:
    directions = view_sphere(2, full=True)
    outline = view_sphere(3, full=True)
    cameras = [crops.template_view(direction, outline) for direction in directions]
    points, features = zip(*(seen(camera) for camera in cameras), strict=True)
    points = np.stack(points).astype(np.float32)
    poses, K = np.stack([c.camera_to_world for c in cameras]), np.stack([c.K for c in cameras])
    coverage = (~np.isnan(points[..., 0])).astype(np.float16)
    return Index(Templates(directions, poses, K, np.stack(features).astype(np.float16), coverage, points, outline))


def pose_of(camera: Camera) -> Pose:
    return Pose(camera.world_to_camera[:3, :3], camera.world_to_camera[:3, 3])


TRUE = Camera(np.eye(3), look_at(np.array([2.0, -2.2, 1.4]), np.array([0.05, 0.1, 0]), 0.2), (1, 1))
FRAME = alignment.Frame.of(
    view_sphere(3, full=True),
    Camera(intrinsics(1000, (800, 800)), np.eye(4), (800, 800)),
    Box(48, 77, 681, 722),  # where the ball is seen, give or take some pixels
)
PHOTO = Camera(np.eye(3), np.eye(4), (1, 1))  # poses are relative to the photo's camera


def test_alignment_finds_the_true_pose(index):
    true = pose_of(TRUE)
    pose = Pose(rotation_from_vector(np.radians([5, -6, 8])) @ true.rotation, true.translation * 1.05)
    started = rotation_angle(pose.rotation, true.rotation)
    for _ in range(3):
        chosen = alignment.nearest_templates(pose, index.templates)
        view = alignment.aligned_view(PHOTO, pose, index.templates, chosen[0])
        _points, features = seen(view.placed(TRUE.camera_to_world @ view.camera_to_world))
        pose, cost = alignment.align(pose, index, chosen, view, features, FRAME)
    assert np.degrees(started) > 10
    assert np.degrees(rotation_angle(pose.rotation, true.rotation)) < 0.7
    np.testing.assert_allclose(pose.translation, true.translation, atol=0.06)  # of 0.16 at the start
    assert 0 < cost < 0.2


def test_aligned_view_of_a_template_s_own_pose_is_its_camera(index):
    camera = index.templates.camera(7)
    view = alignment.aligned_view(PHOTO, pose_of(camera), index.templates, 7)
    np.testing.assert_allclose(view.camera_to_world, np.eye(4), atol=1e-9)
    np.testing.assert_allclose(view.K, camera.K, rtol=1e-9)


def test_nearest_templates_see_the_same_side(index):
    pose = pose_of(index.templates.camera(7))
    assert alignment.nearest_templates(pose, index.templates)[0] == 7


def test_gradient_is_that_of_the_cost(index):
    """Against differences of the cost itself."""
    pose = Pose(
        rotation_from_vector(np.array([0.03, -0.02, 0.04])) @ pose_of(TRUE).rotation,
        pose_of(TRUE).translation,
    )
    view = alignment.aligned_view(PHOTO, pose, index.templates, 7)
    _points, features = seen(view.placed(TRUE.camera_to_world @ view.camera_to_world))
    template = alignment.nearest_templates(pose, index.templates)[0]
    visible = index.templates.covered[template]
    problem = alignment._Problem(
        index.templates.points[template][visible].astype(float),
        index.whitening(index.features[template][visible], 8),
        index.whitening(features, 8),
        view.camera_to_world[:3, :3].T,
        alignment._TO_PATCHES @ view.K,
        FRAME,
    )
    _cost, _hessian, gradient = alignment._linearised(problem, pose)
    step = 1e-6
    for axis, move in enumerate(np.eye(6) * step):
        ahead, behind = (
            alignment._linearised(
                problem,
                Pose(rotation_from_vector(s * move[:3]) @ pose.rotation, pose.translation + s * move[3:]),
            )[0]
            for s in (1, -1)
        )
        slope = (ahead - behind) / (2 * step)
        assert gradient[axis] == pytest.approx(slope, rel=0.02, abs=0.02 * np.abs(gradient).max())


def test_nothing_to_see_leaves_the_pose(index):
    empty = Index(replace(index.templates, coverage=index.templates.coverage * 0))
    empty.__dict__["whitening"] = index.whitening
    pose = pose_of(TRUE)
    view = alignment.aligned_view(PHOTO, pose, index.templates, 7)
    result, cost = alignment.align(pose, empty, [7], view, index.features[7], FRAME)
    assert result is pose and np.isinf(cost)
