"""Retrieval and start poses, stage by stage."""

from dataclasses import replace
from pathlib import Path

import made_up
import numpy as np
import pytest

pytest.importorskip("PIL")
from PIL import Image

from photo_pose.inference.errors import PoseError
from photo_pose.inference.geometry import (
    Box,
    Camera,
    Sphere,
    angle_between,
    intrinsics,
    look_at,
    rotation_angle,
    rotation_from_vector,
    view_sphere,
)
from photo_pose.inference.photo.image import Photo
from photo_pose.inference.pose import pose
from photo_pose.inference.search import start_poses
from photo_pose.inference.steps import finish
from photo_pose.inference.verify import candidates
from photo_pose.inference.views import retrieval
from photo_pose.inference.views.crops import SIZE, photo_view, template_view
from photo_pose.inference.views.templates import Templates

RANDOM = np.random.default_rng(5)
OUTLINE = RANDOM.normal(size=(300, 3)) * [0.25, 0.15, 0.4]


def rotation(*degrees: float) -> np.ndarray:
    return rotation_from_vector(np.radians(degrees))


@pytest.mark.parametrize("place", [(0.0, 0.0), (1.4, 0.6)])
def test_start_pose_fills_the_box(place):
    """With the right rotation, the true translation comes back, wherever in the photo the object is."""
    camera = Camera(intrinsics(900, (1200, 900), (580, 470)), np.eye(4), (1200, 900))
    turn, translation = rotation(20, -50, 70), np.array([*place, 3.5])
    pixels = camera.project(OUTLINE @ turn.T + translation)
    box = Box.around(pixels)
    found = start_poses.start_pose(camera, box, OUTLINE, turn)
    np.testing.assert_allclose(found.translation, translation, atol=0.02)
    np.testing.assert_array_equal(found.K, camera.K)


def test_apparent_sizes_are_those_of_rolled_photos():
    """A view's box in a photo of a camera rolled by any angle, against a photo projected with that roll."""
    directions = view_sphere(1, full=True)
    cameras = [template_view(direction, OUTLINE) for direction in directions]
    poses = np.stack([camera.camera_to_world for camera in cameras])
    nothing = np.zeros((len(cameras), 1, 1, 1))
    templates = Templates(directions, poses, poses[:, :3, :3], nothing, nothing, nothing, OUTLINE)
    rolls = np.radians([0, 30, -75, 180])
    sizes = retrieval.apparent_sizes(templates, rolls)
    for number, roll in enumerate(rolls):
        # the photo is upright, and its crop, rolled, shows the object as the template does
        photo = Camera(intrinsics(1, (1, 1)), np.eye(4), (1, 1))
        view = photo_view(photo, Box(0.4, 0.4, 0.6, 0.6), roll).camera_to_world[:3, :3]
        camera = Camera(np.eye(3), poses[11], (1, 1))
        box = Box.around((lambda seen: seen[:, :2] / seen[:, 2:])(camera.to_camera(OUTLINE) @ view.T))
        assert sizes[11, number] == pytest.approx((box.width, box.height))


def test_pooling_is_torch_s():
    torch = pytest.importorskip("torch")
    maps = RANDOM.normal(size=(2, 14, 14, 5)).astype(np.float32)
    expected = torch.nn.functional.adaptive_avg_pool2d(torch.from_numpy(maps).permute(0, 3, 1, 2), 8)
    np.testing.assert_allclose(retrieval.pooled(maps), expected.permute(0, 2, 3, 1).reshape(2, -1), atol=1e-5)


def test_whitened_patches_have_unit_variance_and_no_correlation():
    patches = (RANDOM.normal(size=(5000, 100)) @ RANDOM.normal(size=(100, 100))).astype(np.float32)
    white = retrieval.Whitening.of(patches)(patches, 32)
    np.testing.assert_allclose(np.cov(white.T), np.eye(32), atol=0.02)


@pytest.mark.parametrize("count", [1, 2, 5, 20, 60])
def test_few_patches_do_not_amplify_noise(count):
    """What they say of most axes is chance: other patches of the same kind do not become huge along these."""
    kind = RANDOM.normal(size=(112, 112)) * np.geomspace(1, 0.01, 112)
    patches = (3 + RANDOM.normal(size=(count, 112)) @ kind.T).astype(np.float32)
    for fitted in (retrieval.Whitening.of(patches), retrieval.Whitening.common([patches])):
        others = fitted((3 + RANDOM.normal(size=(500, 112)) @ kind.T).astype(np.float32))
        assert np.isfinite(others).all() and others.std(0).max() < 25, others.std(0).max()


def test_patches_that_are_all_alike_are_no_signal():
    patches = (np.linspace(-4, 4, 112) + 1e-3 * RANDOM.normal(size=(4000, 112))).astype(np.float32)
    assert retrieval.Whitening.of(patches)(patches).std(0).max() < 0.1


def test_a_view_from_the_edge_of_a_flat_model_has_numbers():
    """A card, and a needle that its end hides: their crops, sizes and start poses."""
    needle = np.array([[-1.0, 0, 0], [1, 0, 0]])
    card = np.array([[x, y, 0.0] for x in (-0.7, 0.7) for y in (-0.7, 0.7)])
    for outline in (needle, card):
        cameras = [template_view(direction, outline) for direction in view_sphere(1)]
        K, poses = np.stack([one.K for one in cameras]), np.stack([one.camera_to_world for one in cameras])
        assert np.isfinite(K).all()
        nothing = np.zeros((len(cameras), 1, 1, 1))
        index = retrieval.Index(Templates(view_sphere(1), poses, K, nothing, nothing[..., 0], nothing, outline))
        camera, box = Camera(intrinsics(900, (1200, 900)), np.eye(4), (1200, 900)), Box(300, 200, 700, 210)
        picture = Image.new("RGB", (1200, 900))
        crops = start_poses.PhotoCrops(Photo(picture, picture.size, None, None, Path("a.png"), True), camera, box,
                                start_poses.UPRIGHT_ROLLS, lambda pictures: pictures)  # fmt: skip
        with np.errstate(divide="raise", invalid="raise"):
            _crop, misfit = start_poses.framing(crops, index)
            starts = [start_poses.start_pose(camera, box, outline, turn) for turn in index.templates.rotations]
        assert np.isfinite(misfit).all() and np.isfinite([one.translation for one in starts]).all()
        assert all(0.5 < one.translation[2] < 1e4 for one in starts)


def test_nearest_views_from_opposite_sides_give_the_nearest_one_s_direction():
    """As of a symmetric model: their mean is no direction."""
    taken = Camera(intrinsics(420, (400, 300)), look_at(np.array([0, -3.0, 0.2]), np.zeros(3)), (400, 300))
    crops, templates = made_up.crops_of(taken, made_up.photo_of(taken)), made_up.templates()
    front, back = (int((templates.directions @ [0, side, 0]).argmax()) for side in (-1, 1))
    features = np.zeros_like(templates.features)
    features[[front, back]] = finish(crops.compute([crops.upright]))
    features[back] *= 0.9
    index = retrieval.Index(replace(templates, features=features))
    with np.errstate(invalid="raise"):
        (start,) = start_poses.nearest_neighbours(crops, [start_poses.Target("a", Sphere(np.zeros(3), 1.0), index)])
    seen_from = -start.pose.rotation.T @ start.pose.translation
    assert np.degrees(angle_between(seen_from, templates.directions[front])) < 15 and np.isfinite(start.score)


def test_diverse_starts_are_apart_and_best_first():
    rotations = np.stack([rotation(0, 0, angle) for angle in (0, 5, 20, 24, 90)])
    scores = np.array([1.0, 3.0, 2.0, 2.5, 0.5])
    assert retrieval.diverse(scores, rotations, 6, np.radians(14)) == [1, 3, 4]
    assert retrieval.diverse(scores, rotations, 2, np.radians(14)) == [1, 3]


def test_the_other_side_is_always_tried():
    around = np.diag([-1.0, -1.0, 1.0])  # the model turned about its vertical
    rotations = np.stack([np.eye(3), rotation(0, 40, 0), rotation(40, 0, 0), rotation(3, 0, 0) @ around])
    scores = np.array([4.0, 3.0, 2.0, 1.0])
    assert start_poses.with_flip([0, 1, 2], scores, rotations, 3) == [0, 1, 3]
    assert start_poses.with_flip([0, 3, 1], scores, rotations, 3) == [0, 3, 1]
    assert start_poses.with_flip([0], scores, rotations, 1) == [0]


@pytest.mark.parametrize(
    ("box", "larger"),
    [
        ((0, 50, 100, 250), (-100, 50, 100, 250)),
        ((300, 3, 399, 103), (300, -97, 498, 103)),
        ((0, 100, 400, 300), (-400, 100, 800, 500)),
    ],
    ids=["left", "corner", "all but the top"],
)
def test_a_cut_off_box_goes_on_beyond_the_border(box, larger):
    """By a part of its size, on those sides only; larger: as far as twice the size would."""
    found = start_poses.whole_box(Box(*box), (400, 300))
    assert isinstance(found, Box)
    np.testing.assert_allclose(np.array(found) - box, start_poses.CUT_OFF * (np.array(larger) - box))


def test_a_box_inside_the_photo_is_whole():
    assert start_poses.whole_box(Box(100, 50, 200, 90), (400, 300)) is None


def test_placed_puts_the_camera_into_the_world():
    camera = Camera(intrinsics(500, (SIZE, SIZE)), np.eye(4), (SIZE, SIZE))
    sphere = Sphere(np.array([5.0, -2, 1]), 3.0)
    true = camera.placed(look_at(np.array([9.0, -12, 4]), sphere.center, 0.3))
    points = sphere.center + sphere.radius * OUTLINE
    relative = true.world_to_camera
    center = true.to_camera(sphere.center) / sphere.radius
    longer = intrinsics(650, (SIZE, SIZE))
    found = pose.placed(camera, start_poses.Pose(relative[:3, :3], center, longer), sphere)
    np.testing.assert_allclose(found.to_camera(points), true.to_camera(points))
    np.testing.assert_array_equal(found.K, longer)  # the pose's own
    assert rotation_angle(found.camera_to_world[:3, :3], true.camera_to_world[:3, :3]) < 1e-6


def test_relative_is_the_inverse_of_placed():
    sphere = Sphere(np.array([5.0, -2, 1]), 3.0)
    K = np.array([[500.0, 0, 110], [0, 480, 90], [0, 0, 1]])
    camera = Camera(K, look_at(np.array([9.0, -12, 4]), np.array([4.0, -1, 2]), 0.3), (SIZE, SIZE))
    seen = pose.relative(camera, sphere)
    points = sphere.center + sphere.radius * OUTLINE  # seen from its side they lie where the camera sees them
    in_camera = OUTLINE @ seen.rotation.T + seen.translation
    np.testing.assert_allclose(in_camera * sphere.radius, camera.to_camera(points))
    again = pose.placed(camera, seen, sphere)
    np.testing.assert_allclose(again.camera_to_world, camera.camera_to_world, atol=1e-12)
    np.testing.assert_array_equal(again.K, K)


def test_no_candidate_has_a_number_that_is_none():
    camera = Camera(intrinsics(500, (SIZE, SIZE)), np.eye(4), (SIZE, SIZE))
    lost = camera.placed(np.diag([1, 1, np.nan, 1]))
    good = candidates.Candidate("a", camera, 0.5)
    bad = [good._replace(score=np.nan), good._replace(camera=lost), good._replace(lens_deviation=np.inf)]
    assert candidates.finite([bad[0], good, *bad[1:]]) == [good]
    with pytest.raises(PoseError, match="No pose"):
        candidates.finite(bad)
