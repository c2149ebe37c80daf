"""Fine texture that a rendering and the photo share, on a made-up model with a fine print."""

import made_up
import numpy as np
import pytest

from photo_pose.inference.geometry import Camera, Sphere, intrinsics, look_at, rotation_angle, rotation_from_vector
from photo_pose.inference.pose import details
from photo_pose.inference.pose.alignment import minimise
from photo_pose.inference.pose.details import STEPS, Details
from photo_pose.inference.pose.pose import Pose
from photo_pose.inference.search.start_poses import Start, Target
from photo_pose.inference.steps import finish
from photo_pose.inference.verify import refinement
from photo_pose.inference.views.crops import SIZE
from photo_pose.inference.views.retrieval import Index
from photo_pose.inference.views.templates import Rendering

CAMERA = Camera(
    intrinsics(300, (SIZE, SIZE)), look_at(np.array([1.6, -2.3, 1.2]), np.array([0.0, 0.0, -0.05])), (SIZE, SIZE)
)
TRUE = made_up.pose_of(CAMERA)
VIEW = CAMERA.placed(np.eye(4))  # of the crop, in the camera's axes
EVERYWHERE = np.ones((SIZE, SIZE), bool)


def rendered(pose: Pose) -> Rendering:
    return made_up.printed(CAMERA.placed(pose.camera_to_world()))


def in_other_light(rendering: Rendering) -> np.ndarray:
    """Darker, redder, brighter on the left, and in front of a dark background."""
    x = np.linspace(1.0, 0.5, SIZE)[None, :, None]
    lit = rendering.rgba[..., :3] * x * [0.9, 0.7, 0.6] + 10
    return np.where(rendering.rgba[..., 3:] > 0, lit, 25).astype(np.uint8)


def details_of(rendering: Rendering, picture: np.ndarray, shown: np.ndarray, step: int) -> Details:
    return Details.of(rendering.rgb, rendering.rgba[..., 3] * shown.astype(np.uint8), picture, step)


def error(pose: Pose) -> float:
    return float(np.degrees(rotation_angle(pose.rotation, TRUE.rotation)))


def moved(degrees: float) -> Pose:
    turn = rotation_from_vector(np.radians(degrees) * np.array([0.4, 0.8, -0.45]))
    return TRUE._replace(rotation=turn @ TRUE.rotation, translation=TRUE.translation * [1, 1, 1 + degrees / 200])


@pytest.mark.parametrize("step", STEPS)
def test_agreement_does_not_mind_light_and_sees_a_shift(step):
    rendering = rendered(TRUE)
    same = details_of(rendering, rendering.rgb, EVERYWHERE, step).agreement()
    lit = details_of(rendering, in_other_light(rendering), EVERYWHERE, step).agreement()
    shifted = details_of(rendering, np.roll(in_other_light(rendering), 8, 1), EVERYWHERE, step).agreement()
    assert same > 0.3
    assert lit > 0.85 * same
    assert shifted < 0.5 * same


def test_plain_models_have_no_details():
    """Whatever the photo shows there: noise is not texture."""
    rendering = made_up.plain(CAMERA)
    noise = np.random.default_rng(1).normal(128, 3, (SIZE, SIZE, 3)).clip(0, 255).astype(np.uint8)
    found = details_of(rendering, noise, EVERYWHERE, 1)
    assert not found.textured and abs(found.agreement()) < 0.01
    assert details_of(rendered(TRUE), noise, EVERYWHERE, 1).textured


def test_what_the_photo_does_not_show_counts_for_nothing():
    rendering = rendered(TRUE)
    left = EVERYWHERE.copy()
    left[:, SIZE // 2 :] = False
    cut = np.where(left[..., None], rendering.rgb, 128)
    whole = details_of(rendering, rendering.rgb, EVERYWHERE, 1).agreement()
    assert details_of(rendering, cut, left, 1).agreement() == pytest.approx(whole, abs=0.1)
    assert details_of(rendering, cut, EVERYWHERE, 1).agreement() < 0.7 * whole
    assert not details_of(rendering, rendering.rgb, ~EVERYWHERE, 1).textured


def test_a_thin_model_has_nothing_to_align():
    """Its print is strong, but nowhere away from its outline."""
    rendering = rendered(TRUE)
    bars = np.arange(SIZE) % 24 < 7
    thin = rendering._replace(rgba=rendering.rgba * bars[None, :, None].astype(np.uint8))
    found = details_of(thin, rendering.rgb, EVERYWHERE, 1)
    assert found.model.any() and found.textured
    assert found.term(thin, VIEW, CAMERA.K) is None


@pytest.mark.parametrize("step", STEPS)
def test_the_term_is_lowest_at_the_true_pose(step):
    """Of what the true pose shows: no half pixels are lost between pictures, steps and points."""
    rendering = rendered(TRUE)
    term = details_of(rendering, in_other_light(rendering), EVERYWHERE, step).term(rendering, VIEW, CAMERA.K)
    found, _ = minimise([term], TRUE)
    assert error(found) < 0.1
    np.testing.assert_allclose(found.translation, TRUE.translation, rtol=0.002, atol=0.002)


def test_details_find_the_pose_to_the_pixel():
    picture = in_other_light(rendered(TRUE))
    pose = start = moved(2.5)
    for _ in range(2):
        rendering = rendered(pose)
        for step in STEPS:
            term = details_of(rendering, picture, EVERYWHERE, step).term(rendering, VIEW, CAMERA.K)
            pose, _ = minimise([term], pose)
    assert error(start) > 2
    assert error(pose) < 0.15


def test_refinement_follows_details(monkeypatch):
    """Features alone, whose patches are 16 px wide, end farther off."""
    target = Target("desk", Sphere(np.zeros(3), 1.0), Index(made_up.templates(made_up.printed)))
    crops = made_up.crops_of(CAMERA, made_up.photo_of(CAMERA, made_up.printed))
    ends = []
    for textured in (True, False):
        monkeypatch.setattr(details, "TEXTURED", 0.0 if textured else np.inf)
        (closeup,) = refinement.look_closely(crops, [Start(target, TRUE, 0.0)], [moved(3.0)])
        verified = finish(refinement.verify(crops, [closeup], lambda _target: made_up.printed))
        for _ in range(2):
            verified = finish(refinement.refine_verified(crops, verified, lambda _target: made_up.printed))
        ends.append(error(verified[0].closeup.pose))
    assert ends[0] < 0.2 and ends[0] < ends[1] / 2
