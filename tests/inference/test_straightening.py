"""A lens that bends is found with the pose, by the model alone or with the photo's lines, and where nothing tells it
all stays as it was; on a made-up model with a made-up network."""

from __future__ import annotations

from dataclasses import replace

import made_up
import numpy as np
import pytest

from photo_pose.inference.geometry import Box, Camera, Sphere, angle_between, intrinsics, look_at, turned_about
from photo_pose.inference.matching import crops_for
from photo_pose.inference.photo.distortion import distorted, straight_box, straightened
from photo_pose.inference.photo.plumb_lines import PlumbLines
from photo_pose.inference.pose.alignment import DistortionPrior, Locks
from photo_pose.inference.search.start_poses import PhotoCrops, Target
from photo_pose.inference.steps import finish
from photo_pose.inference.verify.straightening import improve_straightened
from photo_pose.inference.views.retrieval import Index

SIZE = (600, 450)
CAMERA = Camera(intrinsics(450, SIZE), look_at(np.array([0.86, -1.82, 0.86]), np.array([0.05, 0, 0]), 0.1), SIZE)
FAR = Camera(intrinsics(900, SIZE), look_at(np.array([3.2, -6.8, 3.2]), np.zeros(3), 0.1), SIZE)
TARGET = Target("desk", Sphere(np.zeros(3), 1.0), Index(made_up.templates()))


def shown(camera: Camera, distortion: np.ndarray) -> np.ndarray:
    seen = camera.to_camera(made_up.OUTLINE)
    return distorted(seen[:, :2] / seen[:, 2:], distortion) * camera.focal + camera.K[:2, 2]


def refined(camera: Camera, k1: float, known: float = 0.0, lines: PlumbLines | None = None, **locks: bool):
    """Candidates before and after, of a photo that camera has taken through a lens with k1."""
    whole = tuple(2 * side for side in SIZE)
    photo = made_up.bent(
        made_up.photo_of(Camera(intrinsics(camera.focal, whole), camera.camera_to_world, whole)),
        camera.K,
        np.array([k1, 0]),
    )
    box = Box.around(shown(camera, np.array([k1, 0])))

    def through(K: np.ndarray, bent: np.ndarray, left: DistortionPrior) -> PhotoCrops:
        seen = replace(camera, K=K)
        return crops_for(straightened(photo, K, bent), seen, straight_box(box, K, bent), made_up.extract, left)

    start = camera.placed(turned_about(camera.camera_to_world, np.zeros(3), np.array([0.3, 0.2, 1]), np.radians(3)))
    steps = improve_straightened(
        through,
        lines,
        np.array([known, 0]),
        TARGET,
        start,
        lambda _target: made_up.render,
        made_up.see,
        Locks(distortion=False, **locks),
    )
    return finish(steps)


@pytest.mark.parametrize("k1", [-0.2, 0.1])
def test_the_model_alone_tells_the_distortion(k1):
    before, after = refined(CAMERA, k1)
    found = after.distortion
    assert found.told and abs(found.coefficients[0] - k1) < 2 * found.deviation
    truth = shown(CAMERA, np.array([k1, 0]))
    off = [
        np.linalg.norm(shown(one.camera, bent) - truth, axis=1).mean()
        for one, bent in ((before, np.zeros(2)), (after, found.coefficients))
    ]
    assert off[1] < 1.0 < off[0] / 4
    assert np.degrees(angle_between(after.camera.position, CAMERA.position)) < 0.6  # the last digits decide
    assert after.camera.focal == CAMERA.focal and after.score > before.score


def test_the_photo_s_lines_tell_it_where_the_model_is_too_small():
    _before, alone = refined(FAR, -0.2)
    assert not alone.distortion.told and not alone.distortion.coefficients.any()
    _before, after = refined(FAR, -0.2, lines=PlumbLines(-0.19, 0.01, 9.0))
    assert after.distortion.told and abs(after.distortion.coefficients[0] + 0.19) < 0.02


def test_a_lens_that_bends_nothing_is_told_and_stays():
    _before, after = refined(CAMERA, 0.0)
    assert after.distortion.told and not after.distortion.coefficients.any()


def test_what_is_known_already_is_where_it_begins():
    _before, after = refined(CAMERA, -0.2, known=-0.2)
    assert after.distortion.coefficients.tolist() == [-0.2, 0]
