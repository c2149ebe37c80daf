"""From a whole photo to a pose, on a made-up model with a made-up network."""

from __future__ import annotations

from pathlib import Path

import made_up
import numpy as np
import pytest
from PIL import Image

from photo_pose.inference.geometry import Box, Camera, Sphere, intrinsics, look_at, rotation_angle
from photo_pose.inference.photo.image import Photo
from photo_pose.inference.pose.alignment import projected
from photo_pose.inference.search import detection
from photo_pose.inference.search.detection import Found, Overview
from photo_pose.inference.search.start_poses import Target
from photo_pose.inference.steps import finish
from photo_pose.inference.verify import location
from photo_pose.inference.views.retrieval import Index

SIZE = (640, 480)
CAMERA = Camera(intrinsics(700, SIZE), look_at(np.array([3.6, -7.2, 3.3]), np.zeros(3)), SIZE)


@pytest.fixture(scope="module")
def target() -> Target:
    return Target("desk", Sphere(np.zeros(3), 1.0), Index(made_up.templates()))


def on_a_table(shift: tuple[int, int]) -> tuple[Photo, Camera]:
    """A photo of the model, away from the middle of a mottled table, and the camera that took it."""
    K = CAMERA.K.copy()
    K[:2, 2] += shift
    camera = Camera(K, CAMERA.camera_to_world, SIZE)
    table = np.random.default_rng(9).normal([150, 120, 90], 30, (60, 80, 3)).clip(0, 255).astype(np.uint8)
    image = Image.fromarray(table).resize(SIZE, Image.Resampling.BICUBIC)
    image.paste(Image.fromarray(made_up.render(camera).rgba), mask=Image.fromarray(made_up.mask_of(camera)))
    return Photo(image, SIZE, None, None, Path("photo.png"), True), camera


def test_a_model_is_posed_from_rough_looks(target):
    """The better look has the wrong side, the other a neighbouring view in a box that is a tenth too large."""
    photo, camera = on_a_table((-170, 90))
    true, box = made_up.pose_of(camera), np.array(made_up.box_of(camera))
    away = rotation_angle(target.index.templates.rotations, true.rotation).argsort()
    rough = Box(*(box + np.array([-7, -6, 7, 6])))
    looks = [Found(Box(*box), 0.0, int(away[-1]), 9.0), Found(rough, 0.0, int(away[1]), 8.0)]
    seen = finish(Overview.of(photo, Camera(camera.K, np.eye(4), SIZE), made_up.extract))
    (found,) = finish(location.posed(seen, target, looks, lambda _target: made_up.render))
    pose = found.closeup.pose
    assert np.degrees(rotation_angle(pose.rotation, true.rotation)) < 6
    np.testing.assert_allclose(pose.translation, true.translation, rtol=0.05, atol=0.1)


def test_starts_differ_and_see_what_the_looks_saw(target):
    """Two looks that say the same are one start; each start fills its look's box as its view does."""
    camera, box = Camera(CAMERA.K, np.eye(4), SIZE), Box(100, 120, 220, 240)
    looks = [Found(box, 0.0, 5, 9.0), Found(box, 0.02, 5, 8.0), Found(box, np.pi / 2, 5, 7.0)]
    first, second = location.starts(camera, target, looks)
    assert (first.score, second.score) == (9.0, 7.0)
    assert np.degrees(rotation_angle(first.pose.rotation, second.pose.rotation)) == pytest.approx(90, abs=0.1)
    pixels = Camera(camera.K, first.pose.camera_to_world(), SIZE).project(made_up.OUTLINE)
    assert Box.around(pixels).center == pytest.approx(box.center, abs=1)


def test_small_objects_are_found_in_a_larger_picture_only(target):
    """And what is likeliest comes first."""
    size = (2048, 1536)
    view = look_at(np.array([3.6, -7.2, 3.3]), np.zeros(3))
    camera = Camera(intrinsics(450, size, (700.0, 900.0)), view, size)
    table = np.random.default_rng(9).normal([150, 120, 90], 12, (120, 160, 3)).clip(0, 255).astype(np.uint8)
    image = Image.fromarray(table).resize(size, Image.Resampling.BICUBIC)
    image.paste(Image.fromarray(made_up.render(camera).rgba), mask=Image.fromarray(made_up.mask_of(camera)))
    photo, box = Photo(image, size, None, None, Path("photo.png"), True), made_up.box_of(camera)
    assert 60 < box.width < 160

    def overlaps(sides: tuple[int, ...]) -> list[float]:
        steps = location.seen_everywhere(
            *(photo, Camera(camera.K, np.eye(4), size), [target], lambda _target: made_up.render),
            *(made_up.extract, made_up.see, False, sides),
        )
        found = finish(steps)
        assert [one.score for one in found] == sorted((one.score for one in found), reverse=True)
        outlines = [projected(one.closeup.pose, made_up.OUTLINE, np.eye(3)) for one in found]
        return [detection.box_overlap(Box.around(outline), box) for outline in outlines]

    assert max(overlaps(detection.SIDES), default=0) < 0.3
    assert overlaps(detection.FINER)[0] > 0.6
