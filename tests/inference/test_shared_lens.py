"""Several photos of a made-up model by one lens."""

from __future__ import annotations

from dataclasses import replace

import made_up
import numpy as np
import pytest

from photo_pose.inference.geometry import Camera, Sphere, intrinsics, look_at, rotation_from_vector
from photo_pose.inference.matching import crops_for
from photo_pose.inference.photo.distortion import straightened
from photo_pose.inference.photo.focal_length import FULL_FRAME, LENSES, SPREAD, Focal, LensEvidence
from photo_pose.inference.photo.plumb_lines import PlumbLines
from photo_pose.inference.pose.alignment import Locks
from photo_pose.inference.pose.pose import placed
from photo_pose.inference.search.start_poses import Target
from photo_pose.inference.steps import finish
from photo_pose.inference.verify import lens
from photo_pose.inference.verify.shared_lens import Sight, share_lens
from photo_pose.inference.views.retrieval import Index

SIZE = (400, 300)
MM = max(SIZE) / FULL_FRAME
TARGET = Target("desk", Sphere(np.zeros(3), 1.0), Index(made_up.templates()))
PLACES = [(1.5, -2.4, 1.2), (-1.8, -1.9, 1.6), (0.6, -2.9, 0.9)]
GUESS = Focal(50.0, SPREAD, 1.0)


def renderer(_target):
    return made_up.render


def cameras(mm: float, shift: tuple[float, float] = (0.0, 0.0)) -> list[Camera]:
    K = intrinsics(mm * MM, SIZE, (SIZE[0] / 2 + shift[0], SIZE[1] / 2 + shift[1]))
    return [Camera(K, look_at(np.array(place) * mm / 40, np.zeros(3)), SIZE) for place in PLACES]


def sight(camera: Camera, said_mm: float, deviation: float, known: Focal = GUESS) -> Sight:
    """The camera's photo, of which its lens was taken for one of said_mm, from a pose that is a bit off."""
    crops = made_up.crops_of(camera, made_up.photo_of(camera), said_mm * MM)
    true = made_up.pose_of(camera)
    turned = true._replace(rotation=rotation_from_vector(np.radians([1, -2, 1])) @ true.rotation)
    pose = lens.with_focal(turned._replace(K=crops.camera.K), said_mm * MM)
    likelihoods = -((np.log(LENSES / said_mm) / deviation) ** 2) / 2
    return Sight(
        lambda _K, _bent: crops,
        TARGET,
        placed(crops.camera, pose, TARGET.sphere),
        LensEvidence(known, likelihoods, 0 * LENSES),
    )


def lens_and_seen(sights, others=(), **locks):
    shared = finish(share_lens(sights, others, renderer, made_up.see, **locks))
    return shared.lens, [one for _crops, one in shared.seen]


def test_one_lens_and_all_poses_are_found_together():
    true = cameras(40)
    sights = [sight(*about) for about in zip(true, (36, 46, 42), (0.15, 0.2, 0.2), strict=True)]
    found, seen = lens_and_seen(sights)
    assert found.focal == pytest.approx(40, rel=0.04) and found.deviation < 0.1
    for one, camera in zip(seen, true, strict=True):
        place = one.closeup.pose.camera_to_world()[:3, 3]
        assert np.linalg.norm(place - camera.position) < 0.05 * np.linalg.norm(camera.position)
        assert one.closeup.pose.K[0, 0] == pytest.approx(found.focal * MM)


def test_its_shift_is_found_where_that_is_asked_for():
    true = cameras(36, shift=(24.0, -18.0))
    sights = []
    for camera in true:
        one = sight(camera, 36, 0.1)
        sights.append(one)
    locks = Locks(lens=False, principal_point=False)
    seen = lens_and_seen(sights, locks=locks)[1]
    points = np.array([one.closeup.pose.K[:2, 2] for one in seen])
    np.testing.assert_allclose(points, points[[0, 0, 0]], atol=1e-6)
    assert np.linalg.norm(points[0] - true[0].K[:2, 2]) < 12  # it was off by 30 px


def test_a_photo_that_tells_its_lens_decides_with_its_own_deviation():
    sights = [sight(cameras(40)[0], 46, 0.2)]
    told = LensEvidence(Focal(40.0, 0.02, 0.03), 0 * LENSES, 0 * LENSES)
    found, _seen = lens_and_seen(sights, [told])
    assert found.focal == pytest.approx(40, rel=0.03) and 0.01 < found.deviation < 0.08


def test_a_photo_that_tells_another_lens_has_no_say_but_gets_it():
    true = cameras(40)
    sights = [sight(true[0], 41, 0.1), sight(true[1], 39, 0.1), sight(true[2], 110, 0.08)]
    found, seen = lens_and_seen(sights)
    assert found.focal == pytest.approx(40, rel=0.06)
    assert [one.closeup.pose.K[0, 0] for one in seen] == pytest.approx([found.focal * MM] * 3)


def test_where_nobody_tells_it_there_is_none():
    sights = [sight(camera, 50, 10.0) for camera in cameras(40)[:2]]
    assert finish(share_lens(sights, [], renderer, made_up.see)) is None


def test_the_distortion_that_photos_share_is_found_where_that_is_asked_for():
    bending, sights = np.array([-0.12, 0.0]), []
    whole = 2 * SIZE[0], 2 * SIZE[1]
    for camera in cameras(30):
        wider = Camera(intrinsics(camera.focal, whole), camera.camera_to_world, whole)
        photo = made_up.bent(made_up.photo_of(wider), camera.K, bending)

        def through(K, bent, photo=photo, camera=camera):
            straight = straightened(photo, K, bent) if bent.any() else photo
            return crops_for(straight, replace(camera, K=K), None, made_up.extract)

        sights.append(sight(camera, 30, 0.1)._replace(through=through, lines=PlumbLines(-0.1, 0.05, 9.0)))
    shared = finish(share_lens(sights, [], renderer, made_up.see, Locks(lens=False, distortion=False)))
    assert shared.distortion.told and shared.distortion.coefficients[0] == pytest.approx(-0.12, abs=0.04)
    assert shared.lens.focal == pytest.approx(30, rel=0.05)
