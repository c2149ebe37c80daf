"""Lenses that bend what is straight: they are undone to the last digit, and told by lines, but not by what is round."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageDraw, ImageFilter

from photo_pose.inference.geometry import Box, intrinsics
from photo_pose.inference.photo.distortion import distorted, straight_box, undistorted
from photo_pose.inference.photo.image import Photo
from photo_pose.inference.photo.plumb_lines import USUAL, plumb_lines

SIZE = (800, 600)
K = intrinsics(700.0, SIZE)


def drawn(curves: list[np.ndarray], k1: float) -> Photo:
    """A photo of curves (N, 2), px where a straight lens shows them, by a lens with k1."""
    image = Image.new("L", (2 * SIZE[0], 2 * SIZE[1]), 200)
    for number, curve in enumerate(curves):
        bent = distorted((curve - K[:2, 2]) / K[0, 0], np.array([k1])) * K[0, 0] + K[:2, 2]
        ImageDraw.Draw(image).line([tuple(2 * point) for point in bent], fill=40 + 10 * (number % 4), width=7)
    image = image.filter(ImageFilter.GaussianBlur(1.5)).resize(SIZE, Image.Resampling.BOX)
    noisy = np.array(image) + np.random.default_rng(1).normal(0, 2, SIZE[::-1])
    return Photo(Image.fromarray(noisy.clip(0, 255).astype(np.uint8)).convert("RGB"), SIZE, None, None, Path("a"), True)


def lines(count: int) -> list[np.ndarray]:
    """Here and there, of a third to two thirds of the picture."""
    random = np.random.default_rng(2)
    found = []
    for _ in range(count):
        middle, angle = random.uniform(0.1, 0.9, 2) * SIZE, random.uniform(0, np.pi)
        along = np.linspace(-1, 1, 60)[:, None] * random.uniform(130, 260)
        found.append(middle + along * [np.cos(angle), np.sin(angle)])
    return found


def circles(count: int) -> list[np.ndarray]:
    random, turn = np.random.default_rng(3), np.linspace(0, 2 * np.pi, 200)[:, None]
    around = np.concatenate([np.cos(turn), np.sin(turn)], 1)
    return [random.uniform(0, 1, 2) * SIZE + around * random.uniform(80, 300) for _ in range(count)]


@pytest.mark.parametrize("k1", [-0.3, -0.15, 0.0, 0.1])
def test_lines_tell_the_distortion(k1):
    found = plumb_lines(drawn([*lines(12), *circles(3)], k1), K)
    assert abs(found.k1 - k1) < min(0.03, 3 * found.deviation) and found.deviation < 0.05


def test_the_size_of_the_picture_does_not_count():
    photo = drawn(lines(12), -0.2)
    larger = Photo(photo.image, (3200, 2400), None, None, photo.path, True)
    found = plumb_lines(larger, K * [[4, 1, 4], [1, 4, 4], [1, 1, 1]])
    np.testing.assert_allclose(found, plumb_lines(photo, K))


def test_round_things_and_noise_tell_nothing():
    found = plumb_lines(drawn(circles(12), 0.0), K)
    assert found is None or (found.deviation > USUAL / 3 and abs(found.k1) < 2 * found.deviation)
    assert plumb_lines(drawn([], 0.0), K) is None


@pytest.mark.parametrize("distortion", [(-0.3, 0.05), (0.2, -0.02), (0.0, 0.0)])
def test_distortion_is_undone(distortion):
    points = np.random.default_rng(0).uniform(-0.6, 0.6, (50, 2))
    np.testing.assert_allclose(undistorted(distorted(points, np.array(distortion)), np.array(distortion)), points)


def test_beyond_the_fold_nothing_was():
    assert np.isnan(undistorted(np.array([0.9, 0.2]), np.array([-0.3, 0.0]))).all()


def test_a_box_goes_where_its_edges_middles_go():
    moved = straight_box(Box(100, 150, 500, 450), K, np.array([-0.2, 0.0]))
    assert moved.left < 100 and moved.right > 500 and moved.top < 150 and moved.bottom > 450
    middle = distorted((np.array([moved.left, 300]) - K[:2, 2]) / 700, np.array([-0.2])) * 700 + K[:2, 2]
    assert middle[0] == pytest.approx(100)
