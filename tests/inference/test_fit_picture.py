"""The colours of Fit say what the aligner has seen, where the photo shows it."""

import numpy as np
from made_up import crops_of, photo_of, render, see, templates, turned

from photo_pose.inference.geometry import Camera, Sphere, intrinsics, look_at
from photo_pose.inference.networks.aligner import Seen
from photo_pose.inference.search.start_poses import Start, Target
from photo_pose.inference.steps import finish
from photo_pose.inference.verify.fit_picture import BEYOND, HIDDEN, MISSED, OBJECT, SCALE, fit_picture, painted
from photo_pose.inference.verify.refinement import Verified, look_closely, verify
from photo_pose.inference.views.crops import SIZE
from photo_pose.inference.views.retrieval import Index

TAKEN = Camera(intrinsics(500, (400, 300)), look_at(np.array([2.0, -3.0, 1.2]), np.array([0.3, 0.2, 0])), (400, 300))
CELLS = SIZE // 4


def said(flow: float = 0.0, visible: float = 1.0, seen: float = 0.0, whole: float = 1.0) -> Seen:
    """The same everywhere; flow: px down."""
    cells, pixels = np.ones((CELLS, CELLS), np.float32), np.ones((SIZE, SIZE), np.float32)
    return Seen(np.dstack([0 * cells, flow * cells]), cells, visible * cells, seen * pixels, whole * pixels)


def test_the_colour_tells_how_far_a_part_is_off():
    alpha = np.zeros((SIZE, SIZE), np.uint8)
    alpha[50:150, 60:120] = 255
    for part, color in SCALE:
        rgba = painted(said(part * OBJECT), alpha, np.ones_like(alpha, bool))
        np.testing.assert_allclose(rgba[50:150, 60:120].reshape(-1, 4), [color] * 6000, atol=1)
        assert not rgba[alpha == 0, 3].any()


def test_cells_without_the_model_have_no_say():
    alpha = np.zeros((SIZE, SIZE), np.uint8)
    alpha[50:150, 60:120] = 255
    seen = said()
    seen.flow[:], seen.visible[:] = 99, 0
    seen.flow[50 // 4 : 38, 60 // 4 : 30], seen.visible[50 // 4 : 38, 60 // 4 : 30] = 0, 1
    rgba = painted(seen, alpha, np.ones_like(alpha, bool))
    np.testing.assert_array_equal(rgba[alpha == 255], [SCALE[0][1]] * 6000)


def test_what_is_hidden_is_striped_and_what_no_object_is_has_another_colour():
    alpha, everywhere = np.full((SIZE, SIZE), 255, np.uint8), np.ones((SIZE, SIZE), bool)
    for whole, color in ((1.0, HIDDEN), (0.5, HIDDEN), (0.0, MISSED)):
        rgba = painted(said(visible=0.1, whole=whole), alpha, everywhere)
        assert set(map(tuple, rgba.reshape(-1, 4))) == {color, (*color[:3], 0)}
        assert 0.4 < (rgba[..., 3] > 0).mean() < 0.6


def test_the_object_beside_the_model_is_tinted_within_the_photo():
    alpha, inside = np.zeros((SIZE, SIZE), np.uint8), np.ones((SIZE, SIZE), bool)
    alpha[:100], inside[200:] = 255, False
    rgba = painted(said(seen=1.0), alpha, inside)
    np.testing.assert_array_equal(rgba[100:200].reshape(-1, 4), [BEYOND] * 100 * SIZE)
    assert not rgba[200:, :, 3].any() and not painted(said(seen=0.6), alpha, inside)[100:, :, 3].any()


def judged(*degrees: float) -> Verified:
    crops = crops_of(TAKEN, photo_of(TAKEN))
    target = Target("blocks", Sphere(np.zeros(3), 1.0), Index(templates()))
    start = Start(target, turned(TAKEN, crops, *degrees), 0.0)
    (one,) = finish(verify(crops, look_closely(crops, [start], [start.pose]), lambda _target: render))
    return one


def test_a_turned_model_is_told_from_one_that_lies_right():
    right, wrong = (fit_picture(judged(0, turn, 0), see) for turn in (0, 8))
    assert right.off < 0.01 < 0.02 < wrong.off and right.visible > wrong.visible
    blue = [(one.rgba[..., 2] > one.rgba[..., 0]).astype(bool)[one.rgba[..., 3] > 0].mean() for one in (right, wrong)]
    assert blue[0] > 0.9 > 0.7 > blue[1]


def test_the_colours_lie_where_the_photo_shows_the_model():
    one = judged(0, 0, 0)
    fit = fit_picture(one, see)
    mask = render(TAKEN).rgba[..., 3] > 0
    y, x = mask.nonzero()
    there = fit.from_photo @ np.stack([x + 0.5, y + 0.5, np.ones(len(x))])
    u, v = (there[:2] / there[2]).astype(int)
    assert (fit.rgba[v, u, 3] > 0).mean() > 0.97
