"""What is known of a focal length, from evidence that is made up."""

from __future__ import annotations

import numpy as np
import pytest

from photo_pose.inference.geometry import Camera, intrinsics
from photo_pose.inference.photo.focal_length import (
    ANY_LENS,
    EXIF,
    LENSES,
    LINES,
    OBJECT,
    SPREAD,
    USUAL,
    Focal,
    LensEvidence,
    blurred,
    equivalent,
    field_of_view,
    likeliest,
    smooth,
)

GUESS = Focal(50.0, SPREAD, 1.0)
NOTHING = np.zeros(len(LENSES))


def said(mm: float, deviation: float) -> np.ndarray:
    """Log-likelihoods of a focal length with that deviation of its logarithm."""
    return -((np.log(LENSES / mm) / deviation) ** 2) / 2


def evidence(perspective=NOTHING, lines=NOTHING, known=GUESS) -> LensEvidence:
    return LensEvidence(known, perspective, lines)


@pytest.mark.parametrize("size", [(3000, 2000), (2000, 3000)])
def test_35_mm_film_is_its_own_equivalent(size):
    camera = Camera(intrinsics(28 / 36 * 3000, size), np.eye(4), size)
    assert equivalent(camera) == pytest.approx(28)
    assert np.degrees(field_of_view(camera)) == pytest.approx(2 * np.degrees(np.arctan(size[0] / 3000 * 18 / 28)))
    shifted = Camera(intrinsics(2000, (4000, 3000), (0, 1500)), np.eye(4), (4000, 3000))
    assert equivalent(shifted) == pytest.approx(2000 / 5000 * 43.267, rel=1e-4)
    assert field_of_view(shifted) == pytest.approx(np.arctan(2))


def test_what_is_known_beforehand_says_what_told_it():
    assert Focal(50.0).by == GUESS.by == () and Focal(50.0, 0.02, 0.03).by == Focal(50.0, 0.02).by == (EXIF,)


def test_nothing_is_a_guess():
    lens = likeliest([evidence()])
    assert lens.focal == pytest.approx(USUAL, rel=0.01) and lens.deviation == pytest.approx(SPREAD, rel=0.01)
    assert lens.by == () and not lens.lines_differ


@pytest.mark.parametrize("mm", [20, 35, 80])
def test_what_one_says_is_believed_about_so(mm):
    lens = likeliest([evidence(said(mm, 0.1))])
    assert lens.focal == pytest.approx(mm, rel=0.06) and 0.1 < lens.deviation < 0.3 and lens.by == (OBJECT,)


def test_two_that_agree_know_better_than_each():
    object_, lines = said(30, 0.12), said(32, 0.12)
    together = likeliest([evidence(object_, lines)])
    assert 30 < together.focal < 32.5 and together.by == (OBJECT, LINES)
    assert together.deviation < likeliest([evidence(object_)]).deviation / 1.3


@pytest.mark.parametrize("lines_mm", [20, 100])
def test_lines_of_another_lens_are_told_and_not_averaged(lines_mm):
    lens = likeliest([evidence(said(45, 0.08), said(lines_mm, 0.1))])
    assert lens.lines_differ and lens.by == (OBJECT,)
    assert lens.focal == pytest.approx(45, rel=0.08)
    assert lens.deviation == pytest.approx(likeliest([evidence(said(45, 0.08))]).deviation)


def test_lines_that_nearly_agree_are_no_others():
    assert not likeliest([evidence(said(45, 0.1), said(55, 0.1))]).lines_differ


@pytest.mark.parametrize("doubt", [0.03, 0.4])
def test_a_told_one_is_more_exact_where_the_picture_agrees(doubt):
    lens = likeliest([evidence(said(38, 0.1), known=Focal(40.0, 0.02, doubt))])
    assert lens.focal == pytest.approx(40, rel=0.02) and lens.deviation < 0.1 and EXIF in lens.by


@pytest.mark.parametrize(("doubt", "mm"), [(0.0, 40), (0.3, 80)])
def test_a_told_one_is_overruled_where_it_is_in_doubt(doubt, mm):
    """Nothing overrules what is beyond doubt."""
    lens = likeliest([evidence(said(80, 0.06), said(80, 0.06), Focal(40.0, 0.02, doubt))])
    assert lens.focal == pytest.approx(mm, rel=0.05)


def test_what_the_picture_cannot_tell_is_left_to_what_was_told():
    assert likeliest([evidence(known=Focal(110.0, 0.02, 0.4))]).deviation > 0.2
    sure = likeliest([evidence(known=Focal(110.0, 0.02, 0.03))])
    assert sure.focal == pytest.approx(110, rel=0.01) and sure.by == (EXIF,)


def test_several_photos_know_their_lens_better():
    one = likeliest([evidence(said(30, 0.2))])
    four = likeliest([evidence(said(mm, 0.2)) for mm in (28, 30, 31, 33)])
    assert four.deviation < 0.7 * one.deviation and 28 < four.focal < 33


def test_of_several_photos_the_one_that_knows_best_counts_most():
    lens = likeliest([evidence(said(30, 0.3)), evidence(said(60, 0.05)), evidence(NOTHING)])
    assert lens.focal == pytest.approx(57, rel=0.1)


def test_a_photo_that_tells_its_lens_counts_with_its_own_deviation():
    told = Focal(35.0, 0.03, 0.03)
    lens = likeliest([evidence(said(42, 0.25)), evidence(known=told)])
    assert lens.focal == pytest.approx(35, rel=0.03) and 0.02 < lens.deviation < 0.2


def test_a_photo_that_is_mistaken_does_not_move_the_others():
    lens = likeliest([evidence(said(mm, 0.1)) for mm in (30, 31, 29, 120)])
    assert lens.focal == pytest.approx(30, rel=0.06)


def test_an_impossible_focal_length_is_none():
    """Where a part of the model would lie behind the camera."""
    near = np.where(LENSES < 45, -50.0, said(40, 0.5))
    assert likeliest([evidence(near)]).focal > 45 > likeliest([evidence(said(40, 0.5))]).focal


def test_a_cubic_goes_through_all_values():
    places = np.linspace(1, 4, 7)
    values = np.sin(places)
    np.testing.assert_allclose(smooth(places, values, places), values, atol=1e-12)
    between = np.linspace(1.5, 3.5, 40)
    np.testing.assert_allclose(smooth(places, values, between), np.sin(between), atol=0.01)
    assert smooth(places, values, np.array([0.0, 9])).tolist() == [values[0], values[-1]]


def test_blur_keeps_what_is_even_and_widens_what_is_sharp():
    np.testing.assert_allclose(blurred(np.ones(len(ANY_LENS))), 1)
    peak = np.zeros(len(ANY_LENS))
    peak[900] = 1
    share, logs = blurred(peak), np.log(ANY_LENS)
    assert share.sum() == pytest.approx(1)
    assert np.sqrt(share @ (logs - logs[900]) ** 2) == pytest.approx(0.04, rel=0.05)
