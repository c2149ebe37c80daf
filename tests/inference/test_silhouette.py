"""Masks and what follows them: found around a silhouette, or given, on a made-up model with and without paint."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from pathlib import Path

import made_up
import numpy as np
import pytest
from PIL import Image, ImageDraw, ImageFilter
from slopes import slopes

from photo_pose.inference.geometry import Box, Camera, Sphere, intrinsics, look_at, rotation_angle
from photo_pose.inference.photo.image import Photo
from photo_pose.inference.pose.alignment import Locks, SilhouetteTerm, minimise, projected
from photo_pose.inference.pose.pose import Pose
from photo_pose.inference.search.start_poses import PhotoCrops, Start, Target
from photo_pose.inference.steps import finish
from photo_pose.inference.verify import refinement, silhouette
from photo_pose.inference.views.crops import SIZE, photo_view
from photo_pose.inference.views.retrieval import Index
from photo_pose.inference.views.templates import Render

CAMERA = Camera(
    intrinsics(420, (400, 300)), look_at(np.array([1.3, -2.6, 1.2]), np.array([0.1, 0.05, -0.05]), 0.1), (400, 300)
)
TRUE = made_up.pose_of(CAMERA)
MASK = made_up.mask_of(CAMERA)
RENDERS = {"painted": made_up.render, "plain": made_up.plain}
WHOLE = np.full((SIZE, SIZE), 255, np.uint8)
INSIDE = WHOLE > 0  # the photo shows all of the crop


def crops_of(render: Render, mask: np.ndarray | None = None) -> PhotoCrops:
    return made_up.crops_of(CAMERA, made_up.photo_of(CAMERA, render), mask=mask)


def cluttered(render: Render) -> PhotoCrops:
    """In front of blotches in all colours."""
    blotches = Image.fromarray(np.random.default_rng(0).integers(60, 255, (15, 20, 3)).astype(np.uint8)).resize(
        CAMERA.size
    )
    blotches.paste(Image.fromarray(render(CAMERA).rgb), mask=Image.fromarray(MASK))
    return made_up.crops_of(CAMERA, Photo(blotches, CAMERA.size, None, None, Path("photo.png"), True))


@cache
def target(render: Render) -> Target:
    return Target("desk", Sphere(np.zeros(3), 1.0), Index(made_up.templates(render)))


def verified(crops: PhotoCrops, render: Render, pose: Pose) -> refinement.Verified:
    (closeup,) = refinement.look_closely(crops, [Start(target(render), pose, 0.0)], [pose])
    return finish(refinement.verify(crops, [closeup], lambda _target: render))[0]


def off(crops: PhotoCrops, render: Render, *degrees: float) -> refinement.Verified:
    return verified(crops, render, made_up.turned(CAMERA, crops, *degrees))


def error(one: refinement.Verified) -> float:
    return float(np.degrees(rotation_angle(one.closeup.pose.rotation, TRUE.rotation)))


@pytest.fixture(scope="module")
def true() -> refinement.Verified:
    return verified(crops_of(made_up.render), made_up.render, TRUE)


def test_gradient_is_that_of_the_cost():
    random = np.random.default_rng(1)
    points = random.uniform(-0.5, 0.5, (40, 3))
    turns = random.uniform(0, 2 * np.pi, 40)
    targets = projected(TRUE, points, np.eye(3)) + random.normal(0, 6, (40, 2))
    term = SilhouetteTerm(points, targets, np.stack([np.cos(turns), np.sin(turns)], 1), np.eye(3), 2.0, 1.5)
    cost, hessian, gradient = term(TRUE)
    assert cost > 0.1 and np.abs(gradient).min() > 0
    np.testing.assert_allclose(gradient, slopes(lambda pose: term(pose).cost, TRUE), rtol=1e-5, atol=1e-6)
    assert np.linalg.eigvalsh(hessian).min() > -1e-9 * np.trace(hessian)
    assert np.isinf(term(TRUE._replace(translation=np.zeros(3))).cost)


@pytest.mark.parametrize("shift", [(0, 0), (0, 7), (-7, 0), (5, -4)])
@pytest.mark.parametrize("speck", [False, True], ids=["alone", "with another object"])
def test_the_contour_is_moved_onto_the_mask_s(true, shift, speck):
    """As many pixels as the mask is; what lies far from the silhouette is another object's."""
    mask = np.roll(true.alpha / 255, shift[::-1], (0, 1))
    mask[:20, :20] = speck
    moved, _cost = minimise([silhouette.contour_term(true, mask, INSIDE, 1.0)], true.closeup.pose, Locks(rotation=True))
    before, after = (true.closeup.view.project(pose.translation) for pose in (true.closeup.pose, moved))
    # neighbours are paired, not the same places: one round leaves some of the way
    np.testing.assert_allclose(after - before, shift, atol=0.15 + 0.1 * np.linalg.norm(shift))


@pytest.mark.parametrize("mask", [0 * WHOLE, WHOLE], ids=["empty", "whole"])
def test_without_contours_there_is_nothing_to_follow(true, mask):
    """The border of the crop is none."""
    assert silhouette.contour_term(true, mask / 255, INSIDE, 1.0) is None
    empty = true.rendering._replace(rgba=np.dstack([true.rendering.rgb, mask]))
    assert silhouette.contour_term(true._replace(rendering=empty), true.alpha / 255, INSIDE, 1.0) is None


@pytest.mark.parametrize(
    "box",
    [(0, 0, 15, 15), (45, 30, 75, 60), (5, 5, 395, 295)],
    ids=["outside the crop", "in its corner", "all around"],
)
def test_a_mask_that_ends_far_from_the_model_moves_nothing(box):
    left, top, right, bottom = box
    mask = np.zeros_like(MASK)
    mask[top:bottom, left:right] = True
    crops = crops_of(made_up.render, mask)
    one = verified(crops, made_up.render, TRUE)
    assert (
        finish(silhouette.follow_given_mask(crops, one, lambda _target: made_up.render, made_up.see)).closeup
        is one.closeup
    )


@pytest.mark.parametrize("degrees", [(2, -4, 3), (-4, 1, 2), (5, -5, 5)])
@pytest.mark.parametrize("model", RENDERS)
def test_a_given_mask_brings_a_pose_closer(model, degrees):
    render = RENDERS[model]
    crops = crops_of(render, MASK)
    before = off(crops, render, *degrees)
    after = finish(silhouette.follow_given_mask(crops, before, lambda _target: render, made_up.see))
    assert error(before) > 4.5
    assert error(after) < 0.6
    np.testing.assert_allclose(after.closeup.pose.translation, TRUE.translation, atol=0.02)


def filtered(mask: np.ndarray, kind: Callable[[int], ImageFilter.Filter], reach: int) -> np.ndarray:
    return np.array(Image.fromarray(mask).convert("L").filter(kind(2 * reach + 1))) > 0


def filled(shape: str) -> np.ndarray:
    """The mask's box or the ellipse in it."""
    rows, columns = np.nonzero(MASK)
    image = Image.new("1", CAMERA.size)
    around = (int(columns.min()), int(rows.min()), int(columns.max()), int(rows.max()))
    getattr(ImageDraw.Draw(image), shape)(around, fill=1)
    return np.array(image)


ROUGH = {
    "grown": filtered(MASK, ImageFilter.MaxFilter, 5),
    "eroded": filtered(MASK, ImageFilter.MinFilter, 3),
    "shifted": np.roll(MASK, (4, 6), (0, 1)),
    "box": filled("rectangle"),
    "ellipse": filled("ellipse"),
}


@pytest.mark.parametrize("name", ROUGH)
@pytest.mark.parametrize("model", RENDERS)
def test_a_rough_mask_does_not_move_a_pose_that_is_right(model, name):
    """What the picture shows tells otherwise; that the mask is not filled lowers the score."""
    render = RENDERS[model]
    crops = crops_of(render, ROUGH[name])
    before = verified(crops, render, TRUE)
    after = finish(silhouette.follow_given_mask(crops, before, lambda _target: render, made_up.see))
    assert error(after) < 0.6
    assert after.score < before.score - 0.1


def test_the_score_tells_how_well_a_given_mask_is_filled():
    crops = crops_of(made_up.render, MASK)
    before = off(crops, made_up.render, 5, -5, 5)
    after = finish(silhouette.follow_given_mask(crops, before, lambda _target: made_up.render, made_up.see))
    mask = crops.mask_in(after.closeup.view, after.closeup.pose.K)
    filled = silhouette.mask_overlap(after, mask, INSIDE)
    assert silhouette.mask_overlap(before, mask, INSIDE) < 0.85 < 0.98 < filled
    assert after.score == pytest.approx(after.agreement.score + silhouette.IOU_WEIGHT * (filled - 1))


def cut_off(width: int = 220) -> PhotoCrops:
    """A third of the model lies outside the photo."""
    shown = made_up.photo_of(CAMERA).image.crop((0, 0, width, 300))
    photo = Photo(shown, shown.size, None, None, Path("photo.png"), True)
    camera = Camera(CAMERA.K, np.eye(4), shown.size)
    box = made_up.box_of(CAMERA)._replace(right=width)
    return PhotoCrops(photo, camera, box, np.zeros(1), made_up.extract, MASK[:, :width])


def test_a_cut_off_object_s_mask_does_not_end_at_the_border():
    """At the true pose there is nothing to move, and it fills the mask."""
    crops = cut_off()
    one = verified(crops, made_up.render, TRUE)
    after = finish(silhouette.follow_given_mask(crops, one, lambda _target: made_up.render, made_up.see))
    assert error(after) < 0.5
    view = one.closeup.view
    mask, inside = crops.mask_in(view, TRUE.K), crops.inside(view, TRUE.K)
    assert silhouette.mask_overlap(one, mask, INSIDE) < 0.8 < 0.97 < silhouette.mask_overlap(one, mask, inside)
    assert after.score == pytest.approx(one.score, abs=0.05)


def test_inside_is_what_the_photo_shows():
    """Of each of the crop's pixels, seen by the photo's camera."""
    crops = cut_off()
    view = photo_view(crops.camera, crops.box, roll=0.3)
    x, y = np.meshgrid(np.arange(SIZE) + 0.5, np.arange(SIZE) + 0.5)
    rays = np.stack([x, y, np.ones_like(x)], -1) @ np.linalg.inv(view.K).T @ view.camera_to_world[:3, :3].T
    at = crops.camera.project(rays)
    deep = np.minimum(at, crops.camera.size - at).min(-1)  # px from the border
    found = crops.inside(view, crops.camera.K)
    assert (deep < -1).sum() > 1000 and not found[deep < -1].any() and found[deep > 1].all()


def test_a_given_mask_lies_in_the_crop_where_its_pixels_are():
    """The photo's picture is half as large as the photo, and the view another camera's than the crops' own."""
    mask = np.zeros((300, 400), bool)
    mask[180:200, 90:110] = True
    photo = Photo(Image.new("RGB", (400, 300)), (800, 600), None, None, Path("photo.png"), True)
    box = Box(100, 300, 300, 450)
    crops = PhotoCrops(photo, Camera(intrinsics(500, photo.size), np.eye(4), photo.size), box, np.zeros(1), len, mask)
    longer = Camera(intrinsics(900, photo.size), np.eye(4), photo.size)
    view = photo_view(longer, box, roll=0.3)
    found = crops.mask_in(view, longer.K)
    assert found.shape == (SIZE, SIZE) and found.min() == 0 and found.max() == 1
    rows, columns = np.nonzero(found > 0.5)
    np.testing.assert_allclose(
        [columns.mean() + 0.5, rows.mean() + 0.5], view.project(longer.ray(np.array([200.0, 380.0]))), atol=0.3
    )
    side = SIZE / (200 * 1.2)  # of a photo's pixel in the crop, about
    assert len(rows) == pytest.approx((40 * side) ** 2, rel=0.1)
