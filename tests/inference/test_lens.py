"""The focal length of a photo that does not tell it, on a made-up model."""

from __future__ import annotations

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
    rotation_angle,
    rotation_from_vector,
)
from photo_pose.inference.look import Stages
from photo_pose.inference.photo.focal_length import SPREAD, UNPROVEN, Focal
from photo_pose.inference.pose.pose import Pose
from photo_pose.inference.search.start_poses import PhotoCrops, Start, Target
from photo_pose.inference.steps import Steps, finish
from photo_pose.inference.verify import candidates, lens, refinement
from photo_pose.inference.views.retrieval import Index
from photo_pose.inference.views.templates import Render

SIZE = (400, 300)
MM = max(SIZE) / 36  # px
SPHERE = Sphere(np.zeros(3), 1.0)


@pytest.fixture(scope="module")
def target() -> Target:
    return Target("desk", SPHERE, Index(made_up.templates()))


def renderer(_target: Target) -> Render:
    return made_up.render


def camera_with(mm: float) -> Camera:
    """The longer the lens, the farther off: the model is always about as large."""
    position = np.array([0.038, -0.059, 0.029]) * mm
    return Camera(intrinsics(mm * MM, SIZE), look_at(position, np.array([0.1, 0.05, -0.05]), 0.1), SIZE)


def guessed(camera: Camera, mm: float) -> PhotoCrops:
    """Of the camera's photo, when its lens is taken for one of mm."""
    return told(camera, Focal(mm * MM, SPREAD, 1.0))


def told(camera: Camera, known: Focal) -> PhotoCrops:
    """Of the camera's photo, when that is known of its lens."""
    crops = made_up.crops_of(camera, made_up.photo_of(camera), known.focal)
    crops.lens = known
    return crops


def start(crops: PhotoCrops, camera: Camera, target: Target) -> Start:
    """The true pose turned by 4 degrees, with the lens that is guessed."""
    true = made_up.pose_of(camera)
    turned = true._replace(rotation=rotation_from_vector(np.radians([2, -3, 2])) @ true.rotation)
    return Start(target, lens.with_focal(turned, crops.camera.focal), 0.0)


def search(crops: PhotoCrops, camera: Camera, target: Target) -> Steps[tuple[refinement.Verified, lens.Lens]]:
    begin = start(crops, camera, target)
    (closeup,) = refinement.look_closely(crops, [begin], [begin.pose])
    (verified,) = finish(refinement.verify(crops, [closeup], renderer))
    return lens.find_lens(crops, verified, renderer)


@pytest.mark.parametrize(("mm", "guess"), [(26, 70), (32, 40), (46, 30)])
def test_near_cameras_tell_their_lens(target, mm, guess):
    camera = camera_with(mm)
    found, told = finish(search(guessed(camera, guess), camera, target))
    assert told.focal == pytest.approx(mm * MM, rel=0.08)
    assert abs(np.log(told.focal / mm / MM)) < 2 * told.deviation < 0.2 and told.deviation > lens.FIT_DEVIATION
    pose = found.closeup.pose
    assert pose.K[0, 0] == pytest.approx(told.focal)
    assert np.degrees(angle_between(pose.camera_to_world()[:3, 3], camera.position)) < 1.5
    assert np.linalg.norm(pose.translation) == pytest.approx(np.linalg.norm(camera.position), rel=0.08)


def test_the_deviation_grows_with_the_distance(target):
    """What a near camera tells well a far one hardly does, and there the prior draws towards usual lenses."""
    cameras = [camera_with(mm) for mm in (30, 60, 150)]
    near, middle, far = (finish(search(guessed(camera, 50), camera, target))[1] for camera in cameras)
    assert 1.2 * near.deviation < middle.deviation < far.deviation
    assert far.deviation > 2 * near.deviation
    assert far.focal < 120 * MM


def test_progress_of_the_search_only_grows(target):
    camera = camera_with(30)
    steps = list(search(guessed(camera, 50), camera, target))
    assert steps == sorted(steps) and 0 < steps[0] and steps[-1] == pytest.approx(1)


UNREFINED = Stages(align=False, flow=False, refine=False, silhouette=False)


@pytest.mark.parametrize(
    ("doubt", "deviation"), [(0.0, 0.0), (0.0, 0.02), (1.0, SPREAD)], ids=["given", "EXIF", "free"]
)
def test_only_a_free_lens_is_searched(target, doubt, deviation):
    camera, free = camera_with(30), doubt > 0
    crops = told(camera, Focal(40 * MM, deviation, doubt))
    starts = [start(crops, camera, target)]
    (found,) = finish(candidates.find_candidates(crops, starts, renderer, made_up.see, stages=UNREFINED))
    stages = UNREFINED._replace(lens=False)
    (without,) = finish(candidates.find_candidates(crops, starts, renderer, made_up.see, stages=stages))
    assert without.camera.focal == crops.camera.focal and without.lens_deviation == pytest.approx(deviation)
    assert (found.camera.focal != crops.camera.focal) is free
    assert 0 < found.lens_deviation < 0.2 if free else found.lens_deviation == pytest.approx(deviation)
    assert not free or abs(np.log(found.camera.focal / camera.focal)) < 0.08
    assert found.score >= without.score


@pytest.mark.parametrize("doubt", [UNPROVEN, 0.4])
@pytest.mark.parametrize("said", [15, 30, 30.6, 60])
def test_perspective_overrules_a_doubtful_lens_where_it_contradicts(target, said, doubt):
    """And is overruled where it does not: the one that was told is more exact."""
    camera = camera_with(30)
    crops = told(camera, Focal(said * MM, 0.02, doubt))
    (found,) = finish(
        candidates.find_candidates(crops, [start(crops, camera, target)], renderer, made_up.see, stages=UNREFINED)
    )
    if 29 < said < 31:
        assert found.camera.focal == pytest.approx(said * MM, rel=0.015)
    assert abs(np.log(found.camera.focal / camera.focal)) < 0.08
    assert 0.01 < found.lens_deviation < 0.2


def test_every_candidate_has_a_deviation_of_its_own(target):
    """Only the best one's lens is searched; the others go on with the guess."""
    camera = camera_with(30)
    crops = guessed(camera, 40)
    right = start(crops, camera, target)
    wrong = right._replace(pose=right.pose._replace(rotation=right.pose.rotation @ np.diag([-1.0, -1, 1])))
    best, other = finish(candidates.find_candidates(crops, [wrong, right], renderer, made_up.see, stages=UNREFINED))
    assert best.lens_deviation < 0.2 and best.camera.focal != crops.camera.focal
    assert other.lens_deviation == SPREAD and other.camera.focal == pytest.approx(crops.camera.focal)


@pytest.mark.parametrize("known", [Focal(400.0), Focal(400.0, 0.02), Focal(400.0, SPREAD, 1.0)])
def test_answers_without_verification_say_how_well_their_lens_is_known(target, known):
    camera = camera_with(30)
    crops = told(camera, known)
    begin = start(crops, camera, target)
    answers = [
        *candidates.as_candidates(crops, [begin]),
        *finish(candidates.as_they_are(crops, [begin], renderer)),
        *finish(candidates.find_candidates(crops, [begin], renderer, made_up.see, stages=Stages(verify=False))),
    ]
    assert [one.lens_deviation for one in answers] == [known.spread] * 3


LOGS = np.log(lens.LENSES * MM)


def parabola(mm: float, curvature: float = 0.2) -> np.ndarray:
    return 1.7 - curvature * (LOGS - np.log(mm * MM)) ** 2


@pytest.mark.parametrize("mm", [22.5, 35, 61, 97])
def test_the_peak_of_a_parabola_is_found(mm):
    found, sharper = (
        lens.fitted_lens(LOGS, parabola(mm), lens.TEXTURED),
        lens.fitted_lens(LOGS, parabola(mm, 0.8), lens.TEXTURED),
    )
    assert found.focal == pytest.approx(mm * MM) and sharper.focal == pytest.approx(mm * MM)
    assert sharper.deviation == pytest.approx(found.deviation / 2)
    assert 0.05 < found.deviation < lens.SPREAD


def test_plain_models_tell_less():
    """Their quality is noisy: the same parabola says less, and lenses that fit badly count."""
    textured, plain = (lens.fitted_lens(LOGS, parabola(38), trust) for trust in (lens.TEXTURED, lens.PLAIN))
    assert plain.focal == pytest.approx(textured.focal) and plain.deviation > 2 * textured.deviation


def test_lenses_that_fit_badly_do_not_move_the_peak():
    quality = parabola(38)
    quality[[0, -1]] -= [2, 0.5]
    assert lens.fitted_lens(LOGS, quality, lens.TEXTURED).focal == pytest.approx(38 * MM, rel=0.01)


@pytest.mark.parametrize(("mm", "end"), [(12, 0), (180, -1)])
def test_beyond_the_lenses_tried_the_last_one_is_taken(mm, end):
    """How far beyond it is nobody knows."""
    found = lens.fitted_lens(LOGS, parabola(mm), lens.TEXTURED)
    assert found.focal == pytest.approx(lens.LENSES[end] * MM)
    assert found.deviation == lens.SPREAD


@pytest.mark.parametrize("quality", [np.full(6, 1.5), parabola(60, 1e-4), 2e-3 * LOGS**2])
def test_what_tells_nothing_has_the_deviation_of_the_prior(quality):
    found = lens.fitted_lens(LOGS, quality, lens.TEXTURED)
    assert found.deviation == lens.SPREAD
    assert LOGS[0] - 1e-9 <= np.log(found.focal) <= LOGS[-1] + 1e-9


@pytest.mark.parametrize(
    ("quality", "mm"),
    [([0.52, 1.08, 1.74, 2.24, 2.19, 2.13], 66), ([1.92, 2.27, 2.19, 2.05, 1.93, 1.78], 33)],
)
def test_the_peak_lies_between_the_best_one_s_neighbours(quality, mm):
    """Steep towards short focal lengths, flat towards long ones; measured, and the true focal lengths."""
    assert lens.fitted_lens(LOGS, np.array(quality), lens.TEXTURED).focal == pytest.approx(mm * MM, rel=0.09)


def test_without_a_peak_the_best_lens_is_taken():
    quality = parabola(50, -0.01)  # worst between
    assert lens.fitted_lens(LOGS, quality, lens.TEXTURED).focal == pytest.approx(lens.LENSES[quality.argmax()] * MM)


POSE = Pose(
    made_up.pose_of(camera_with(50)).rotation,
    np.array([0.5, -0.4, 3.6]),
    np.array([[600.0, 0, 190], [0, 580, 160], [0, 0, 1]]),
)


def seen(pose: Pose, points: np.ndarray = made_up.OUTLINE) -> np.ndarray:
    pixels = (points @ pose.rotation.T + pose.translation) @ pose.K.T
    return pixels[:, :2] / pixels[:, 2:]


@pytest.mark.parametrize("factor", [0.6, 1.5, 3])
def test_another_focal_length_keeps_what_is_seen(factor):
    """From farther away or nearer, the same side of the model as large at the same place."""
    found = lens.with_focal(POSE, 600 * factor)
    np.testing.assert_allclose(found.K, [[600 * factor, 0, 190], [0, 580 * factor, 160], [0, 0, 1]])
    center = np.zeros((1, 3))
    np.testing.assert_allclose(seen(found, center), seen(POSE, center), atol=1e-9)
    before, after = Box.around(seen(POSE)), Box.around(seen(found))
    assert np.sqrt(after.width * after.height) == pytest.approx(np.sqrt(before.width * before.height), rel=0.06)
    np.testing.assert_allclose(angle_between(side(found), side(POSE)), 0, atol=1e-6)
    assert found.translation[2] == pytest.approx(factor * POSE.translation[2])


def side(pose: Pose) -> np.ndarray:
    return pose.camera_to_world()[:3, 3]


def test_the_focal_length_of_before_gives_the_pose_of_before():
    again = lens.with_focal(lens.with_focal(POSE, 1500), 600)
    np.testing.assert_allclose(again.translation, POSE.translation)
    np.testing.assert_allclose(again.K, POSE.K)
    assert rotation_angle(again.rotation, POSE.rotation) < 1e-6


USUAL = 40 * MM


@pytest.mark.parametrize("doubt", [0.1, 0.4])
def test_what_agrees_is_taken_together(doubt):
    both = lens.weighed(lens.Lens(420.0, 0.1), Focal(400.0, 0.02, doubt), USUAL)
    assert 400 < both.focal < 402 and 0.015 < both.deviation < 0.08


@pytest.mark.parametrize(("doubt", "focal"), [(0.0, 400), (0.1, 800), (0.5, 800)])
def test_what_contradicts_is_chosen_between(doubt, focal):
    """Nothing overrules what is beyond doubt."""
    best = lens.weighed(lens.Lens(800.0, 0.1), Focal(400.0, 0.02, doubt), USUAL)
    assert best.focal == pytest.approx(focal, rel=0.03)


def test_a_draw_has_the_deviation_of_both_sides():
    close = lens.weighed(lens.Lens(560.0, 0.11), Focal(400.0, 0.02, 0.1), USUAL)
    assert 0.1 < close.deviation < 0.3


def test_what_perspective_cannot_tell_is_left_to_what_was_told():
    nothing = lens.Lens(USUAL, SPREAD)
    best = lens.weighed(nothing, Focal(1100.0, 0.02, 0.4), USUAL)
    assert best.focal == pytest.approx(1100, rel=0.01) and 0.2 < best.deviation
    assert lens.weighed(nothing, Focal(1100.0, SPREAD, 1.0), USUAL) == nothing


def test_a_shared_lens_is_the_weighted_median():
    def shared(*told: tuple[float, float]) -> float:
        return lens.shared([lens.Lens(*one) for one in told]).focal

    assert shared((30, 0.1), (90, 0.1), (40, 0.1)) == pytest.approx(40)
    assert shared((30, 0.1), (90, 0.01), (40, 0.1)) == pytest.approx(90, rel=0.02)
    assert shared((30, 0.0), (90, 0.001)) == pytest.approx(30)  # one is given
    assert shared((30, 0.0), (90, SPREAD), (31, 0.0)) == pytest.approx(30.5, rel=0.001)
    assert shared((60, 0.2), (90, SPREAD), (95, SPREAD)) == pytest.approx(60)  # guesses do not count


def test_guesses_share_no_lens():
    assert lens.shared([lens.Lens(30, SPREAD), lens.Lens(90, SPREAD)]) is None


def test_a_shared_lens_is_known_as_well_as_all_that_tell_it():
    assert lens.shared([lens.Lens(30, 0.1)] * 4).deviation == pytest.approx(0.05)
    assert lens.shared([lens.Lens(30, 0.0), lens.Lens(40, 0.1)]).deviation == 0


def test_a_focal_length_at_which_the_model_is_behind_the_camera_tells_nothing():
    """Of a near object: its cost is infinite, and the others decide."""
    logs = np.log(lens.LENSES)
    quality = -((logs - np.log(50)) ** 2)
    wide = np.where(lens.LENSES < 35, -np.inf, quality)
    assert lens.fitted_lens(logs, wide, lens.TEXTURED).focal == pytest.approx(50, rel=0.02)
    for known in (0, 1, 2):
        nearly = np.where(np.arange(len(logs)) < known, quality, -np.inf)
        found = lens.fitted_lens(logs, nearly, lens.TEXTURED)
        assert found.focal == pytest.approx(lens.LENSES[max(known - 1, 0)]) and found.deviation == lens.SPREAD
