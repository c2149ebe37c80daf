"""Poses that follow a flow, on a made-up model with a made-up network and with the bundled one."""

from __future__ import annotations

from functools import partial

import made_up
import numpy as np
import pytest
from slopes import slopes

from photo_pose.inference.geometry import Camera, Sphere, intrinsics, look_at, rotation_angle
from photo_pose.inference.look import Stages
from photo_pose.inference.networks.aligner import Seen, look
from photo_pose.inference.networks.loading import load_network
from photo_pose.inference.pose.alignment import FlowTerm, Locks, minimise, projected
from photo_pose.inference.pose.pose import Pose
from photo_pose.inference.search.start_poses import PhotoCrops, Start, Target
from photo_pose.inference.steps import finish
from photo_pose.inference.verify import candidates, flow_alignment, refinement
from photo_pose.inference.verify.flow_alignment import Cells
from photo_pose.inference.verify.refinement import See
from photo_pose.inference.views.crops import SIZE
from photo_pose.inference.views.retrieval import Index
from photo_pose.inference.views.templates import Rendering

CAMERA = Camera(
    intrinsics(420, (400, 300)), look_at(np.array([1.3, -2.6, 1.2]), np.array([0.1, 0.05, -0.05]), 0.1), (400, 300)
)
TRUE = made_up.pose_of(CAMERA)
OFF = [(0, 0, 0), (2, -4, 3), (-4, 10, 2), (6, 0, -8)]  # degrees


@pytest.fixture(scope="module")
def target() -> Target:
    return Target("desk", Sphere(np.zeros(3), 1.0), Index(made_up.templates()))


@pytest.fixture(scope="module")
def crops() -> PhotoCrops:
    return made_up.crops_of(CAMERA, made_up.photo_of(CAMERA))


def renderer(_target: Target):
    return made_up.render


def verified(crops: PhotoCrops, target: Target, *degrees: float) -> refinement.Verified:
    pose = made_up.turned(CAMERA, crops, *degrees)
    (closeup,) = refinement.look_closely(crops, [Start(target, pose, 0.0)], [pose])
    return finish(refinement.verify(crops, [closeup], renderer))[0]


def error(pose: Pose) -> float:
    return float(np.degrees(rotation_angle(pose.rotation, TRUE.rotation)))


def apart(crops: PhotoCrops, pose: Pose, other: Pose) -> float:
    """Mean distance of the outline, in shares of the box."""
    at, there = (projected(one, made_up.OUTLINE, np.eye(3)) for one in (pose, other))
    return float(np.linalg.norm(at - there, axis=1).mean() / max(crops.box.width, crops.box.height))


def test_gradient_is_that_of_the_cost():
    random = np.random.default_rng(1)
    points = random.uniform(-0.5, 0.5, (40, 3))
    targets = projected(TRUE, points, np.eye(3)) + random.normal(0, 6, (40, 2))
    term = FlowTerm(points, targets, random.uniform(1, 4, 40), np.eye(3), random.uniform(0, 1, 40))
    cost, hessian, gradient = term(TRUE)
    assert cost > 0.1 and np.abs(gradient).min() > 0
    np.testing.assert_allclose(gradient, slopes(lambda pose: term(pose).cost, TRUE), rtol=1e-4, atol=1e-4)
    assert np.linalg.eigvalsh(hessian).min() > -1e-9 * np.trace(hessian)
    assert np.isinf(term(TRUE._replace(translation=np.zeros(3))).cost)


def test_points_are_moved_onto_their_targets_but_for_those_that_are_hidden():
    random = np.random.default_rng(2)
    points = random.uniform(-0.5, 0.5, (60, 3))
    targets, weight = projected(TRUE, points, np.eye(3)), np.ones(60)
    targets[::4] += 30
    weight[::4] = 0
    start = TRUE.moved(np.array([0.02, -0.03, 0.02, 0.02, 0.01, -0.03, *[0] * 5]))
    pose = minimise([FlowTerm(points, targets, np.full(60, 3.0), np.eye(3), weight)], start)[0]
    assert error(start) > 2 and error(pose) < 0.01


def test_each_cell_is_stood_for_by_its_best_covered_pixel():
    alpha = np.zeros((SIZE, SIZE), np.uint8)
    alpha[0:4, 0:4] = 255  # the middle is nearest
    alpha[5, 8], alpha[6, 11] = 210, 240
    alpha[8:12, 8:12] = 150  # all of it is an edge
    alpha[20:24, 20:24] = 255
    points = np.indices((SIZE, SIZE, 3)).sum(0) / (3 * SIZE)
    points[20:24, 20:24] = 7  # nothing was hit
    rendering = Rendering(np.dstack([np.zeros((SIZE, SIZE, 3), np.uint8), alpha]), np.zeros((SIZE, SIZE, 3)), points)
    found = Cells.of(rendering)
    assert found.cells.T.tolist() == [[0, 0], [1, 2]]
    assert np.abs(found.places[0] - 2).max() == 0.5
    assert found.places[1].tolist() == [11.5, 6.5]
    np.testing.assert_array_equal(found.points[1], points[6, 11])


@pytest.mark.parametrize("degrees", OFF)
def test_a_pose_is_moved_to_where_the_network_sees_the_model(crops, target, degrees):
    one = verified(crops, target, *degrees)
    moved = finish(flow_alignment.follow_flow(crops, one, renderer, made_up.see))
    assert error(moved.closeup.pose) < 0.8
    assert apart(crops, moved.closeup.pose, TRUE) < 0.005
    fit = moved.agreement
    assert fit.flow < 1.5 and fit.hidden < 0.1 and fit.outside < 0.05
    assert moved.score < fit.alone.score == finish(refinement.verify(crops, [moved.closeup], renderer))[0].score


def test_the_answer_does_not_depend_on_the_start(crops, target):
    """Refinement that stops by gates and numbers of rounds makes large differences of small ones."""
    followed = [
        finish(flow_alignment.follow_flow(crops, verified(crops, target, *degrees), renderer, made_up.see))
        for degrees in ((5, -4, 3), (5.001, -4, 3), (-4, 6, -2))
    ]
    first, near, other = (one.closeup.pose for one in followed)
    assert apart(crops, first, near) < 0.002
    assert apart(crops, first, other) < 0.003


def test_rounds_end_when_nothing_moves(crops, target):
    asked = []

    def see(*pictures: np.ndarray) -> Seen:
        asked.append(pictures)
        return made_up.see(*pictures)

    finish(flow_alignment.follow_flow(crops, verified(crops, target, 5, -4, 3), renderer, see))
    assert 3 <= len(asked) <= flow_alignment.ROUNDS
    asked.clear()
    (closeup,) = refinement.look_closely(crops, [Start(target, TRUE, 0.0)], [TRUE])
    (true,) = finish(refinement.verify(crops, [closeup], renderer))
    finish(flow_alignment.follow_flow(crops, true, renderer, see))
    assert len(asked) <= 4


def test_what_is_hidden_pulls_nowhere(crops, target):
    def partly(*pictures: np.ndarray) -> Seen:
        """Of the right half it only believes that it is elsewhere."""
        seen = made_up.see(*pictures)
        seen.flow[:, 28:] += 12
        seen.visible[:, 28:] = 0
        return seen

    one = verified(crops, target, 2, -4, 3)
    moved = finish(flow_alignment.follow_flow(crops, one, renderer, partly))
    assert error(moved.closeup.pose) < 1
    assert moved.agreement.flow < 2 and moved.agreement.hidden > 0.2


def test_what_is_seen_nowhere_stays(crops, target):
    def blind(*pictures: np.ndarray) -> Seen:
        seen = made_up.see(*pictures)
        return seen._replace(visible=0 * seen.visible, flow=seen.flow + 9)

    one = verified(crops, target, 2, -4, 3)
    moved = finish(flow_alignment.follow_flow(crops, one, renderer, blind))
    assert moved.closeup is one.closeup
    assert moved.agreement.hidden == 1


def test_what_is_locked_stays(crops, target):
    one = verified(crops, target, 2, -4, 3)
    locks = Locks(position=True)
    moved = finish(flow_alignment.follow_flow(crops, one, renderer, made_up.see, locks))
    assert moved is not one
    places = [each.closeup.pose.camera_to_world()[:3, 3] for each in (moved, one)]
    np.testing.assert_allclose(*places, atol=1e-9)


def test_candidates_that_meet_are_one_and_the_best_fits_best(crops, target):
    """With that stage, and only then."""
    starts = [Start(target, made_up.turned(CAMERA, crops, *degrees), 0.0) for degrees in ((0, 16, 0), (0, -14, 0))]
    starts.append(Start(target, made_up.turned(CAMERA, crops, 0, 180, 0), 0.0))

    def found(**stages: bool) -> list[candidates.Candidate]:
        steps = candidates.find_candidates(crops, starts, renderer, made_up.see, 6, Stages(align=False, **stages))
        return finish(steps)

    best, *others = found()
    pose = Pose(best.camera.world_to_camera[:3, :3], best.camera.world_to_camera[:3, 3], best.camera.K)
    assert error(pose) < 0.8
    assert len(others) == 1 and best.score - others[0].score > 0.5
    assert len(found(flow=False, refine=False, silhouette=False)) == 3


@pytest.mark.parametrize("degrees", OFF[1:])
def test_the_bundled_network_leads_there(crops, target, degrees):
    see: See = partial(look, load_network("aligner", "numpy"))
    one = verified(crops, target, *degrees)
    moved = finish(flow_alignment.follow_flow(crops, one, renderer, see))
    assert error(moved.closeup.pose) < 0.25 * error(one.closeup.pose)
    assert apart(crops, moved.closeup.pose, TRUE) < 0.006
    fit = moved.agreement
    assert fit.flow < 1 and fit.hidden < 0.1 and fit.outside < 0.05
