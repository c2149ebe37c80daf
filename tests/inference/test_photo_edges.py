"""Refinement by edges, on a made-up model with paint, without it, and with print above a plain table."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import made_up
import numpy as np
import pytest
from PIL import Image

from photo_pose.inference.geometry import Box, Camera, Sphere, intrinsics, look_at, rotation_angle
from photo_pose.inference.photo.image import Photo
from photo_pose.inference.pose.alignment import projected
from photo_pose.inference.pose.pose import Pose
from photo_pose.inference.search.start_poses import PhotoCrops, Start, Target
from photo_pose.inference.steps import finish
from photo_pose.inference.verify import candidates, photo_edges, refinement
from photo_pose.inference.views.retrieval import Index
from photo_pose.inference.views.templates import Render, Rendering

CAMERA = Camera(
    intrinsics(420, (400, 300)), look_at(np.array([1.3, -2.6, 1.2]), np.array([0.1, 0.05, -0.05]), 0.1), (400, 300)
)
TRUE = made_up.pose_of(CAMERA)
BOX = made_up.box_of(CAMERA)
FEET = made_up.OUTLINE[made_up.OUTLINE[:, 2] == made_up.OUTLINE[:, 2].min()]


def cushioned(camera: Camera, backdrop: int = 255) -> Rendering:
    """Printed blocks on a plain table."""
    view = made_up.printed(camera, backdrop)
    table = (view.rgba[..., 3] > 0) & (view.points[..., 2] < 0.06)
    view.rgba[table, :3] = made_up.PLAIN
    return view


RENDERS = {"painted": made_up.render, "plain": made_up.plain, "cushioned": cushioned}


@cache
def target(render: Render) -> Target:
    return Target("desk", Sphere(np.zeros(3), 1.0), Index(made_up.templates(render)))


def photo_of(picture: Image.Image) -> Photo:
    return Photo(picture, picture.size, None, None, Path("photo.png"), True)


def in_clutter(render: Render) -> Photo:
    """In front of blotches that are about as bright as the legs, with a sensor's noise."""
    random = np.random.default_rng(1)
    picture = Image.fromarray(random.integers(60, 200, (15, 20, 3)).astype(np.uint8)).resize(CAMERA.size)
    view = render(CAMERA)
    picture.paste(Image.fromarray(view.rgb), mask=Image.fromarray(view.rgba[..., 3]))
    noisy = np.asarray(picture) + random.normal(0, 6, (*picture.size[::-1], 3))
    return photo_of(Image.fromarray(noisy.clip(0, 255).astype(np.uint8)))


def crops_of(photo: Photo, box: Box = BOX) -> PhotoCrops:
    return PhotoCrops(photo, Camera(CAMERA.K, np.eye(4), photo.size), box, np.zeros(1), made_up.extract)


def verified(crops: PhotoCrops, render: Render, pose: Pose) -> refinement.Verified:
    (closeup,) = refinement.look_closely(crops, [Start(target(render), pose, 0.0)], [pose])
    return finish(refinement.verify(crops, [closeup], lambda _target: render))[0]


def followed(crops: PhotoCrops, render: Render, pose: Pose) -> tuple[refinement.Verified, refinement.Verified]:
    """Before and after."""
    before = verified(crops, render, pose)
    return before, finish(photo_edges.follow_edges(crops, before, lambda _target: render))


def degrees_off(one: refinement.Verified) -> float:
    return float(np.degrees(rotation_angle(one.closeup.pose.rotation, TRUE.rotation)))


def pixels_off(pose: Pose, points: np.ndarray = made_up.OUTLINE) -> float:
    away = projected(pose, points, np.eye(3)) - projected(TRUE, points, np.eye(3))
    return float(np.linalg.norm(away, axis=1).mean())


@pytest.mark.parametrize("render", [made_up.plain, cushioned], ids=["plain", "cushioned"])
@pytest.mark.parametrize("degrees", [(2, -3, 1), (-3, 1, 2), (1, 4, -2)])
def test_edges_bring_a_pose_closer(render, degrees):
    crops = crops_of(in_clutter(render))
    before, after = followed(crops, render, made_up.turned(CAMERA, crops, *degrees))
    assert degrees_off(before) > 3.5 and pixels_off(before.closeup.pose) > 2
    assert degrees_off(after) < 0.7 and pixels_off(after.closeup.pose) < 0.7
    assert after.score >= before.score


@pytest.mark.parametrize("edges", [(-8, -8, 8, 8), (-6, -3, 4, 12)], ids=["large", "low"])
def test_feet_stand_where_they_do_though_the_box_is_roughly_drawn(edges):
    """The print holds the upper part, and nothing but their edges the legs."""
    crops = crops_of(in_clutter(cushioned), Box(*(np.array(BOX) + edges)))
    start = Start(target(cushioned), made_up.turned(CAMERA, crops, 3, -4, 2), 0.0)
    best, *_others = finish(candidates.find_candidates(crops, [start], lambda _target: cushioned))
    found = Pose(best.camera.world_to_camera[:3, :3], best.camera.world_to_camera[:3, 3], CAMERA.K)
    assert pixels_off(found, FEET) < 0.5


def test_edges_beside_a_print_have_no_say():
    """Its details tell the place, and better where a real object's edges are not quite the model's."""
    crops = crops_of(in_clutter(made_up.render))
    one = verified(crops, made_up.render, TRUE)
    places, _across, _steepness = photo_edges._profiles(one, np.zeros(1))
    everywhere = photo_edges.contour(one.alpha >= 128, one.inside)
    assert len(places) < 0.2 * len(everywhere)


@pytest.mark.parametrize("render", RENDERS.values(), ids=RENDERS)
def test_a_right_pose_stays(render):
    _before, after = followed(crops_of(in_clutter(render)), render, TRUE)
    assert pixels_off(after.closeup.pose) < 0.5


@pytest.mark.parametrize("degrees", [(18, 0, 9), (8, 8, 8), (0, 0, 12)])
def test_edges_do_not_turn_a_pose_to_another_view(degrees):
    crops = crops_of(in_clutter(made_up.plain))
    before, after = followed(crops, made_up.plain, made_up.turned(CAMERA, crops, *degrees))
    turned = rotation_angle(after.closeup.pose.rotation, before.closeup.pose.rotation)
    assert turned < np.radians(8)


def test_where_the_photo_shows_no_edges_nothing_moves():
    crops = crops_of(photo_of(Image.new("RGB", CAMERA.size, (90, 90, 90))))
    before, after = followed(crops, made_up.plain, made_up.turned(CAMERA, crops, 2, -3, 1))
    assert photo_edges.edge_term(before, 12.0) is None and photo_edges.contrast(before) == 0
    assert after.closeup is before.closeup


@pytest.mark.parametrize("beyond", [4, -60], ids=["close to the model", "through it"])
def test_the_photo_s_border_is_no_edge(beyond):
    """What is filled in beyond it ends sharply."""
    right = int(BOX.right) + beyond
    picture = in_clutter(made_up.plain).image.crop((0, 0, right, 300))
    crops = crops_of(photo_of(picture), BOX._replace(right=min(BOX.right, right)))
    term = photo_edges.edge_term(verified(crops, made_up.plain, TRUE), max(photo_edges.REACHES))
    targets = np.column_stack([term.targets, np.ones(len(term.targets))]) @ np.linalg.inv(term.to_image).T
    assert (targets[:, 0] / targets[:, 2]).max() < right - 1.5


def test_the_contrast_tells_a_right_pose_from_one_that_is_off():
    crops = crops_of(in_clutter(made_up.plain))
    right, off = (
        verified(crops, made_up.plain, made_up.turned(CAMERA, crops, *turn)) for turn in ((0, 0, 0), (2, -3, 1))
    )
    assert 0 < photo_edges.contrast(off) < 0.85 * photo_edges.contrast(right) <= 1
