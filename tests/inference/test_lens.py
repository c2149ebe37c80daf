"""The focal length of a photo that does not tell it, on a made-up model."""

from __future__ import annotations

from dataclasses import replace

import made_up
import numpy as np
import pytest
from PIL import Image, ImageDraw

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
from photo_pose.inference.photo.focal_length import LINES, OBJECT, SPREAD, UNPROVEN, Focal
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


def search(crops: PhotoCrops, camera: Camera, target: Target) -> Steps[refinement.Verified]:
    begin = start(crops, camera, target)
    (closeup,) = refinement.look_closely(crops, [begin], [begin.pose])
    (verified,) = finish(refinement.verify(crops, [closeup], renderer))
    return lens.find_lens(crops, verified, renderer, made_up.see, upright=True)


@pytest.mark.parametrize(("mm", "guess"), [(26, 70), (32, 40), (46, 30)])
def test_near_cameras_tell_their_lens(target, mm, guess):
    camera = camera_with(mm)
    closeup = finish(search(guessed(camera, guess), camera, target)).closeup
    told, pose = closeup.start.lens, closeup.pose
    assert told.focal == pytest.approx(mm * MM, rel=0.08) and told.by == (OBJECT,)
    assert abs(np.log(told.focal / mm / MM)) < 2 * told.deviation < 0.3 and told.deviation > 0.03
    assert pose.K[0, 0] == pytest.approx(told.focal)
    assert np.degrees(angle_between(pose.camera_to_world()[:3, 3], camera.position)) < 1.5
    assert np.linalg.norm(pose.translation) == pytest.approx(np.linalg.norm(camera.position), rel=0.08)


def test_the_deviation_grows_with_the_distance(target):
    """What a near camera tells well a far one hardly does, and there the prior draws towards usual lenses."""
    cameras = [camera_with(mm) for mm in (30, 60, 150)]
    found = [finish(search(guessed(camera, 50), camera, target)) for camera in cameras]
    near, middle, far = (one.closeup.start.lens for one in found)
    assert 1.2 * near.deviation < middle.deviation < far.deviation
    assert far.deviation > 2 * near.deviation
    assert far.focal < 150 * MM


def test_lines_beside_the_model_count(target):
    """Those of a tiled floor on which it stands, seen by the same camera, from too far away for its own perspective."""
    camera = camera_with(150)
    alone = finish(search(guessed(camera, 50), camera, target)).closeup.start.lens
    crops = guessed(camera, 50)
    crops.photo = replace(crops.photo, image=on_tiles(crops.photo.image, camera))
    together = finish(search(crops, camera, target)).closeup.start.lens
    assert LINES in together.by and LINES not in alone.by and together.deviation < alone.deviation
    assert abs(np.log(together.focal / camera.focal)) < 2 * together.deviation


def test_lines_that_are_switched_off_do_not_count(target):
    camera = camera_with(150)
    crops = guessed(camera, 50)
    crops.photo = replace(crops.photo, image=on_tiles(crops.photo.image, camera))
    crops.without_lines = lens.segments_of(crops)
    found = finish(search(crops, camera, target)).closeup.start.lens
    assert LINES not in found.by and np.ptp(found.evidence.lines) < 0.1  # how the camera is held depends on the lens


def on_tiles(image: Image.Image, camera: Camera) -> Image.Image:
    """image with the lines of a floor around the model, which stays in front of them."""
    drawn, reach = image.copy(), np.linspace(-3, 3, 25)
    lines = [np.array([[at, -3, -0.8], [at, 3, -0.8]]) for at in reach]
    lines += [np.array([[-3, at, -0.8], [3, at, -0.8]]) for at in reach]
    for line in lines:
        ends = camera.project(line)
        ImageDraw.Draw(drawn).line([tuple(end) for end in ends], fill=(20, 20, 20), width=1)
    drawn.paste(image, mask=Image.fromarray(made_up.mask_of(camera)))
    return drawn


def test_lines_on_the_model_do_not_count_twice(target):
    camera = camera_with(40)
    crops = guessed(camera, 50)
    found = finish(search(crops, camera, target))
    box = made_up.box_of(camera)
    on, beside = [*box.center - 3, *box.center + 3], [2.0, 2, 30, 8]
    assert lens.on_model(np.array([on, beside]), found).tolist() == [True, False]


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
    assert 0.01 < found.lens_deviation < 0.4  # not sure which is right, where what was told was hardly in doubt


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
