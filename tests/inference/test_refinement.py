"""From start poses to judged poses, on a made-up model with a made-up network."""

from collections.abc import Callable
from dataclasses import replace

import made_up
import numpy as np
import pytest

from photo_pose.inference.geometry import (
    Box,
    Camera,
    Sphere,
    angle_between,
    intrinsics,
    look_at,
    roll_of,
    rotation_angle,
    rotation_from_vector,
)
from photo_pose.inference.look import Stages
from photo_pose.inference.pose.alignment import STAGES, Locks, feature_terms
from photo_pose.inference.pose.pose import Pose, placed, relative
from photo_pose.inference.search.start_poses import PhotoCrops, Start, Target, find_starts
from photo_pose.inference.steps import finish
from photo_pose.inference.verify import candidates, confidence, refinement
from photo_pose.inference.verify.agreement import Agreement
from photo_pose.inference.verify.candidates import Candidate
from photo_pose.inference.views.crops import FIRST_PATCH, GRID, PADDING, SIZE, STRIDE
from photo_pose.inference.views.retrieval import Index
from photo_pose.inference.views.templates import Render, Rendering, Templates

CAMERA = Camera(
    intrinsics(420, (400, 300)), look_at(np.array([1.3, -2.6, 1.2]), np.array([0.1, 0.05, -0.05]), 0.1), (400, 300)
)
TRUE = made_up.pose_of(CAMERA)
FLIPPED = TRUE._replace(rotation=TRUE.rotation * made_up.HALF_TURN)
SPHERE = Sphere(np.array([5.0, -2, 1]), 3.0)


@pytest.fixture(scope="module")
def templates() -> Templates:
    return made_up.templates()


@pytest.fixture(scope="module")
def target(templates: Templates) -> Target:
    return Target("desk", SPHERE, Index(templates))


@pytest.fixture(scope="module")
def hidden(target: Target) -> Target:
    """Its training views show nothing."""
    templates = target.index.templates
    index = Index(replace(templates, coverage=templates.coverage * 0))
    index.__dict__["whitening"] = target.index.whitening
    return target._replace(index=index)


@pytest.fixture(scope="module")
def crops() -> PhotoCrops:
    return made_up.crops_of(CAMERA, made_up.photo_of(CAMERA))


def renderer(_target: Target) -> Render:
    return made_up.render


def empty(camera: Camera) -> Rendering:
    shown = made_up.render(camera)
    return shown._replace(rgba=shown.rgba * 0)


def unused(_target: Target) -> Render:
    raise AssertionError("nothing was to be rendered")


def turned(crops: PhotoCrops, *degrees: float) -> Pose:
    return made_up.turned(CAMERA, crops, *degrees)


def error(pose: Pose) -> float:
    return float(np.degrees(rotation_angle(pose.rotation, TRUE.rotation)))


@pytest.fixture
def closeups(crops: PhotoCrops, target: Target) -> Callable[..., list[refinement.Closeup]]:
    """Of poses as they are."""
    return lambda *poses: finish(refinement.approach(crops, [Start(target, pose, 0.0) for pose in poses], 9, 0))


@pytest.fixture
def verified(crops, closeups) -> Callable[..., list[refinement.Verified]]:
    return lambda *poses: finish(refinement.verify(crops, closeups(*poses), renderer))


def test_aligned_view_of_a_template_s_own_pose_is_its_camera(templates):
    camera = templates.camera(7)
    pose = made_up.pose_of(camera)
    assert refinement.nearest_templates(pose, templates)[0] == 7
    view = refinement.aligned_view(pose, templates)
    np.testing.assert_allclose(view.camera_to_world, np.eye(4), atol=1e-9)
    np.testing.assert_allclose(view.K, camera.K, rtol=1e-9)


def test_approach_finds_the_true_pose(crops, target):
    start = Start(target, turned(crops, 6, -7, 8), 1.0)
    (found,) = finish(refinement.approach(crops, [start], 1))
    assert error(start.pose) > 12
    assert error(found.pose) < 2
    np.testing.assert_allclose(found.pose.translation, TRUE.translation, rtol=0.03, atol=0.03)
    assert found.start is start


def test_views_that_show_nothing_leave_the_pose(crops, hidden):
    start = Start(hidden, turned(crops, 2, -4, 3), 0.0)
    (found,) = finish(refinement.approach(crops, [start], 1))
    np.testing.assert_array_equal(found.pose.rotation, start.pose.rotation)


@pytest.mark.parametrize("closer", [1.0, 0.6])
def test_aligned_view_frames_the_model_as_training_views_do(templates, closer):
    """As large at any distance, and in the middle of the patches."""
    pose = TRUE._replace(translation=TRUE.translation * closer)
    seen = refinement.aligned_view(pose, templates).project(made_up.OUTLINE @ pose.rotation.T + pose.translation)
    box = Box.around(seen)
    assert max(box.width, box.height) == pytest.approx(SIZE / (1 + 2 * PADDING), rel=0.15)
    np.testing.assert_allclose(box.center, np.full(2, FIRST_PATCH + STRIDE * (GRID - 1) / 2), atol=0.06 * SIZE)


def test_alignment_that_leaves_its_start_far_behind_is_dropped(crops, target):
    far = Start(target, turned(crops, 0, 40, 0), 0.0)
    (closeup,) = refinement.look_closely(crops, [far], [turned(crops, 3, 4, 5)])
    assert refinement.aligned(crops, closeup, closeup.nearest) is closeup.pose


def test_a_closeup_shows_the_photo_through_its_view(crops, closeups):
    """The true pose rendered through that view is the photo's crop."""
    (closeup,) = closeups(TRUE)
    view = closeup.view.placed(CAMERA.camera_to_world @ closeup.view.camera_to_world)
    drawn = made_up.render(view, 200).rgb.astype(float)
    assert np.abs(drawn - closeup.picture).mean() < 5
    np.testing.assert_array_equal(closeup.features, made_up.extract(closeup.picture[None])[0])


def test_a_view_s_own_features_fit_exactly(crops, target, verified):
    """Points of a rendered view lie where its patches do, to the fraction of a pixel."""
    (true,) = verified(TRUE)
    view = true.closeup.view
    terms = feature_terms(target.index.whitening, [true.shown], view, true.shown.features, TRUE.K)
    assert len(terms) == len(STAGES) and max(term(TRUE).cost for term in terms) < 1e-6


def test_poses_that_became_the_same_are_kept_once(target):
    other = target._replace(name="another")
    starts = [Start(one, TRUE, score) for one, score in ((target, 3.0), (target, 2.0), (other, 1.5), (target, 1.0))]
    poses = [Pose(rotation_from_vector(np.radians([0, 0, d])), np.zeros(3), TRUE.K) for d in (0, 3, 3, 30)]
    assert refinement.distinct(starts, poses) == [0, 2, 3]


def test_starts_that_meet_are_merged_into_the_better(crops, target):
    starts = [Start(target, turned(crops, 0, degrees, 0), score) for degrees, score in ((8, 2.0), (-8, 1.0))]
    (found,) = finish(refinement.approach(crops, starts, 6))
    assert found.start is starts[0]


SOME = [(6, -7, 8), (0, 50, 0), (0, -50, 0), (40, 0, 0)]  # degrees, the nearest first


@pytest.mark.parametrize("count", [1, 2, 3])
def test_the_best_are_followed_and_the_other_side(crops, target, count):
    """That one was the last of the starts and is not even the second best."""
    poses = [turned(crops, *degrees) for degrees in SOME] + [FLIPPED]
    starts = [Start(target, pose, float(-number)) for number, pose in enumerate(poses)]
    found = finish(refinement.approach(crops, starts, count))
    assert len(found) == count and found[0].start is starts[0]
    assert (found[-1].start is starts[-1]) is (count > 1)
    assert not np.allclose(found[-1].pose.translation, poses[-1].translation)  # it was followed, too


def test_unaligned_starts_stay_in_order(crops, target):
    starts = [Start(target, turned(crops, *degrees), 0.0) for degrees in reversed(SOME)]
    found = finish(refinement.approach(crops, starts, 3, 0))
    assert [closeup.pose for closeup in found] == [start.pose for start in starts[:3]]


@pytest.mark.parametrize("wrong", [(8, 0, 0), (0, 10, 0), (0, 0, 12), (0, 180, 0)])
def test_verification_prefers_the_true_pose(crops, verified, wrong):
    true, other = verified(TRUE, turned(crops, *wrong))
    assert true.score > other.score + 0.02
    assert true.alpha.shape == (SIZE, SIZE) and true.rendering.points.shape == (SIZE, SIZE, 3)


def test_verification_renders_through_the_closeup_s_own_camera(crops, closeups):
    (closeup,) = closeups(turned(crops, 3, 4, 5))
    asked: list[Camera] = []

    def watched(_target: Target) -> Render:
        return lambda camera: (asked.append(camera), made_up.render(camera))[1]

    finish(refinement.verify(crops, [closeup], watched))
    expected = closeup.pose.camera_to_world() @ closeup.view.camera_to_world
    np.testing.assert_allclose(asked[0].camera_to_world, expected)
    np.testing.assert_array_equal(asked[0].K, closeup.view.K)


def test_a_pose_that_does_not_fill_the_box_is_worth_less(crops, closeups):
    box = np.array(crops.box) + [0, 0, 30, 0]
    wider = PhotoCrops(crops.photo, crops.camera, Box(*box), crops.rolls, crops.extract)
    looser = PhotoCrops(crops.photo, crops.camera, Box(*box), crops.rolls, crops.extract, deviation=0.1)
    right, rough, wrong = (
        finish(refinement.verify(some, closeups(TRUE), renderer))[0].score for some in (crops, looser, wider)
    )
    assert right > rough + 0.03 and rough > wrong + 0.03


def test_refinement_aligns_to_the_pose_s_own_rendering(crops, hidden):
    """Where the training views show nothing, that alone improves it."""
    (closeup,) = refinement.look_closely(crops, [Start(hidden, TRUE, 0.0)], [turned(crops, 2, -4, 3)])
    (old,) = finish(refinement.verify(crops, [closeup], renderer))
    (new,) = finish(refinement.refine_verified(crops, [old], renderer))
    assert new.score > old.score
    assert error(new.closeup.pose) < 0.8 * error(old.closeup.pose)


def test_refinement_raises_the_score(crops, verified):
    before = verified(turned(crops, 2, -4, 3), turned(crops, -4, 1, 2), turned(crops, 0, 180, 0))
    after = finish(refinement.refine_verified(crops, before, renderer))
    assert all(new.score >= old.score for old, new in zip(before, after, strict=True))
    assert all(new.score > old.score for old, new in zip(before[:2], after[:2], strict=True))
    assert all(
        error(new.closeup.pose) < 0.7 * error(old.closeup.pose) for old, new in zip(before[:2], after[:2], strict=True)
    )


def test_refinement_keeps_what_would_get_worse(crops, verified):
    before = verified(turned(crops, 2, -4, 3), TRUE)
    after = finish(refinement.refine_verified(crops, before, lambda _target: empty))
    assert all(new is old for old, new in zip(before, after, strict=True))


def test_refinement_respects_locks(crops, verified):
    before = verified(turned(crops, 2, -4, 3))
    (found,) = finish(refinement.refine_verified(crops, before, renderer, Locks(position=True)))
    assert found is not before[0]
    places = [one.closeup.pose.camera_to_world()[:3, 3] for one in (found, before[0])]
    np.testing.assert_allclose(*places, atol=1e-9)


@pytest.mark.parametrize("align", [False, True])
def test_without_verification_nothing_is_rendered(crops, target, align):
    starts = [Start(target, turned(crops, *degrees), 0.0) for degrees in ((0, 180, 0), (3, -4, 5))]
    found = finish(
        candidates.find_candidates(crops, starts, unused, made_up.see, stages=Stages(align=align, verify=False))
    )
    assert [candidate.score for candidate in found] == sorted((c.score for c in found), reverse=True)
    unmoved = any(np.allclose(found[0].camera.camera_to_world[:3, :3].T, s.pose.rotation) for s in starts)
    assert unmoved is not align


def test_the_photo_s_camera_is_found(crops, target):
    """From nothing but photo, box and lens; the error falls with every stage."""
    starts = finish(find_starts(crops, target))
    errors = []
    for stages in (Stages(align=False, verify=False), Stages(refine=False), Stages()):
        best = finish(candidates.find_candidates(crops, starts, renderer, made_up.see, stages=stages))[0]
        assert best.model == "desk"
        seen = (best.camera.position - SPHERE.center) / SPHERE.radius
        errors.append(float(np.degrees(angle_between(seen, CAMERA.position))))
    assert errors[0] > errors[1] >= errors[2]
    assert errors[2] < 2
    np.testing.assert_allclose(seen, CAMERA.position, rtol=0.03, atol=0.03)


AS_THEY_ARE = Stages(align=False, flow=False, refine=False, silhouette=False)


@pytest.mark.parametrize(
    ("render", "other", "alike"),
    [
        (made_up.symmetric, FLIPPED, True),
        (made_up.render, FLIPPED, False),
        (made_up.twins, FLIPPED, False),  # of the same shape
        (made_up.white, TRUE._replace(rotation=TRUE.rotation @ rotation_from_vector(np.array([0, 0, -1]))), False),
    ],
    ids=["symmetric", "asymmetric", "other paint", "other shape"],
)
def test_views_that_look_the_same_are_alike(target, render, other, alike, monkeypatch):
    """The photo shows no paint, and so leaves it to the model to tell them apart."""
    monkeypatch.setattr(candidates, "ALIKE_LEAD", 9.0)  # else what fits much worse is not compared
    crops = made_up.crops_of(CAMERA, made_up.photo_of(CAMERA, made_up.plain))
    starts = [Start(target, pose, 0.0) for pose in (TRUE, other)]
    found = finish(candidates.find_candidates(crops, starts, lambda _target: render, made_up.see, stages=AS_THEY_ARE))
    assert [one.alike for one in found] == [False, alike]


def test_another_model_is_never_alike(crops, target):
    starts = [Start(one, TRUE, 0.0) for one in (target, target._replace(name="another"), target)]
    found = finish(candidates.find_candidates(crops, starts, renderer, made_up.see, stages=AS_THEY_ARE))
    assert [(one.model, one.alike) for one in found] == [("desk", False), ("another", False), ("desk", True)]


def test_no_more_candidates_than_asked_for(crops, target):
    """Not even with those that are easily taken for the best one."""
    starts = [Start(target, turned(crops, *degrees), 0.0) for degrees in SOME]
    assert len(finish(candidates.find_candidates(crops, starts, renderer, made_up.see, 2, AS_THEY_ARE))) == 2
    symmetric = [Start(target, TRUE, 0.0)]
    steps = candidates.find_candidates(crops, symmetric, lambda _target: made_up.symmetric, made_up.see, 1)
    assert len(finish(steps)) == 1


def test_progress_of_finding_only_grows(crops, target):
    starts = [Start(target, turned(crops, *degrees), 0.0) for degrees in ((2, -4, 3), (-4, 10, 2), (5, -8, 2))]
    steps = list(candidates.find_candidates(crops, starts, renderer, made_up.see, stages=AS_THEY_ARE))
    assert steps == sorted(steps) and 0 < steps[0] and steps[-1] == pytest.approx(1)


def candidate(score: float, alike: bool = False, **known: float) -> Candidate:
    agreement = Agreement(0.5, 0.5, 0.1, 5.0, details=0.2, outside=0.05, hidden=0.05, flow=1.0, deviation=0.5)
    return Candidate("desk", CAMERA, score, 0.0, alike, agreement._replace(**known))


@pytest.mark.parametrize(
    ("what", "better"),
    [
        ("misfit", (2.0, 0.5, 0.0)),
        ("details", (0.1, 0.2, 0.4)),
        ("hidden", (0.6, 0.2, 0.0)),
        ("flow", (9.0, 2.0, 0.5)),
        ("deviation", (6.0, 1.0, 0.3)),
    ],
)
def test_confidence_grows_with_what_is_seen(what, better):
    certain = [confidence.confidence([candidate(0.9, **{what: value})]) for value in better]
    assert certain == sorted(set(certain)) and 0 < certain[0] and certain[-1] < 1


def test_confidence_grows_with_the_lead_and_is_less_where_nobody_gave_the_box():
    certain = [confidence.confidence([candidate(0.9), candidate(other)]) for other in (0.9, 0.87, 0.83)]
    assert certain == sorted(set(certain))
    assert confidence.confidence([candidate(0.9), candidate(0.93)]) == certain[0]
    assert confidence.confidence([candidate(0.9)], located=True) < confidence.confidence([candidate(0.9)])


def test_confidence_does_not_count_what_looks_the_same():
    best, same, other = candidate(0.9), candidate(0.89, alike=True), candidate(0.85)
    assert confidence.confidence([best, same, other]) == confidence.confidence([best, other])
    assert confidence.confidence([best, same]) == confidence.confidence([best])


def test_confidence_of_the_best_alone_is_that_of_a_clear_lead():
    alone, clear, clearer = ([candidate(0.9), *more] for more in ([], [candidate(0.3)], [candidate(-1.0)]))
    assert confidence.confidence(alone) == confidence.confidence(clear) == confidence.confidence(clearer)


def test_a_given_mask_moves_every_candidate(crops, target):
    """And tells the right one from another that the photo's features alone would not."""
    starts = [Start(target, turned(crops, *degrees), 0.0) for degrees in ((3, -4, 5), (0, 180, 0), (-4, 5, 3))]
    stages = Stages(align=False, flow=False, refine=False)
    masked = made_up.crops_of(CAMERA, crops.photo, mask=made_up.mask_of(CAMERA))
    found = finish(candidates.find_candidates(masked, starts, renderer, made_up.see, stages=stages))
    errors = [error(relative(candidate.camera, SPHERE)) for candidate in found]
    assert max(errors[:2]) < 1 and errors[2] > 90
    assert min(c.score for c in found[:2]) > found[2].score + 0.2


@pytest.mark.parametrize("degrees", [(2, -4, 3), (-4, 1, 2), (6, -7, 8)])
def test_a_camera_of_the_world_is_improved(crops, target, degrees):
    camera = placed(crops.camera, turned(crops, *degrees), SPHERE)
    before, after = finish(candidates.improve(crops, target, camera, renderer, made_up.see))
    assert before.camera is camera and before.model == after.model == "desk"
    assert after.score > before.score + 0.1
    assert error(relative(after.camera, SPHERE)) < 0.5 * error(relative(camera, SPHERE))
    np.testing.assert_array_equal(after.camera.K, camera.K)


def blind_after(shown: int) -> refinement.Renderer:
    """A renderer that shows nothing any more after so many views."""
    views = iter([made_up.render] * shown)
    return lambda _target: next(views, empty)


@pytest.mark.parametrize(
    ("draw", "locks"),
    [(blind_after(1), Locks()), (renderer, Locks(rotation=True, position=True))],
    ids=["worse", "locked"],
)
def test_a_camera_that_does_not_get_better_is_kept_exactly(crops, target, draw, locks):
    camera = placed(crops.camera, turned(crops, 2, -4, 3), SPHERE)
    before, after = finish(candidates.improve(crops, target, camera, draw, made_up.see, locks))
    assert before.camera is camera and after.camera is camera
    assert before.score == after.score


LOCKED = {
    "rotation": lambda camera: camera.camera_to_world[:3, :3],
    "position": lambda camera: camera.position,
    "roll": lambda camera: roll_of(camera.camera_to_world),
    "lens": lambda camera: camera.focal,
    "principal_point": lambda camera: camera.K[:2, 2],
}


@pytest.mark.parametrize("name", LOCKED)
def test_improving_respects_locks(crops, target, name):
    """All else is free, which raises the score; but what of the lens need not move does not."""
    camera = placed(crops.camera, turned(crops, -4, 1, 2), SPHERE)
    locks = Locks(lens=False, principal_point=False)._replace(**{name: True})
    before, after = finish(candidates.improve(crops, target, camera, renderer, made_up.see, locks))
    assert after.score > before.score
    tolerance = 2e-3 if name == "roll" else 1e-9
    np.testing.assert_allclose(LOCKED[name](after.camera), LOCKED[name](camera), atol=tolerance)
    for other in {"rotation", "position"} - {name}:
        assert not np.allclose(LOCKED[other](after.camera), LOCKED[other](camera), rtol=0, atol=1e-6), other


@pytest.mark.parametrize("degrees", [(2, -4, 3), (6, -7, 8)])
@pytest.mark.parametrize("held", [Locks(), Locks(lens=False), Locks(rotation=True)])
def test_a_freed_principal_point_stays_near_and_never_costs_score(crops, target, degrees, held):
    camera = placed(crops.camera, turned(crops, *degrees), SPHERE)
    free = held._replace(principal_point=False)
    locked, freed = (
        finish(candidates.improve(crops, target, camera, renderer, made_up.see, locks))[1] for locks in (held, free)
    )
    assert freed.score >= locked.score
    moved = np.linalg.norm(freed.camera.K[:2, 2] - camera.K[:2, 2]) / max(crops.camera.size)
    assert moved < 3 * refinement.POINT_DEVIATION


def test_a_principal_point_that_is_off_is_moved_back(crops, target):
    """A crop's, say, of a few per cent."""
    K = crops.camera.K + np.array([[0, 0, 9], [0, 0, -6], [0, 0, 0]])
    wrong = PhotoCrops(crops.photo, replace(crops.camera, K=K), crops.box, crops.rolls, crops.extract)
    camera = placed(wrong.camera, TRUE._replace(K=K), SPHERE)
    _before, after = finish(
        candidates.improve(wrong, target, camera, renderer, made_up.see, Locks(True, True, principal_point=False))
    )
    off = [np.linalg.norm(one.K[:2, 2] - crops.camera.K[:2, 2]) for one in (camera, after.camera)]
    assert off[1] < 0.5 * off[0]


def test_progress_of_improving_only_grows(crops, target):
    steps = list(candidates.improve(crops, target, placed(crops.camera, TRUE, SPHERE), renderer, made_up.see))
    assert steps == sorted(steps) and 0 < steps[0] and steps[-1] == pytest.approx(1)
