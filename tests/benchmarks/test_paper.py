"""The rules of the paper's experiments on cases whose answers are known."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from benchmark import protocol, pyramid
from inference.geometry import angle_between, view_sphere

VIEWS = view_sphere()
MODELS = 5


@pytest.fixture
def distances() -> np.ndarray:
    """(pictures, models, views) by chance; every picture is of the model of its number and most like its own views."""
    some = np.random.default_rng(3).uniform(1, 2, (MODELS, MODELS, len(VIEWS)))
    some[np.arange(MODELS), np.arange(MODELS)] /= 10
    return some


def tables(distances: np.ndarray) -> protocol.Nearest:
    return protocol.Nearest.joined([protocol.Nearest.of(distances[:, model]) for model in range(MODELS)])


def test_the_own_model_is_left_out(distances):
    """The answer is that of a search through all views of all other models, and the own views are never looked at."""
    own = np.arange(MODELS)
    found = protocol.estimated(tables(distances), protocol.others(own, MODELS), VIEWS)
    for picture in own:
        rest = np.delete(distances[picture], picture, 0)
        best = np.argsort(rest, axis=None)[:2] % len(VIEWS)
        np.testing.assert_allclose(found[picture], VIEWS[best].sum(0))
    distances[own, own] = 0
    np.testing.assert_array_equal(protocol.estimated(tables(distances), protocol.others(own, MODELS), VIEWS), found)
    assert not np.allclose(protocol.estimated(tables(distances), np.ones((MODELS, MODELS), bool), VIEWS), found)


def test_a_vote_follows_the_many(distances):
    """Two outliers are the nearest views, but all others are around one direction."""
    around = np.argsort(-VIEWS @ VIEWS[40])[: protocol.KEPT]
    distances[0, 1:, around] = 0.5
    distances[0, 1, [150, 151]] = 0.1
    rest = protocol.others(np.zeros(1, int), MODELS)
    table = protocol.Nearest(*(values[:1] for values in tables(distances)))
    voted, mean = protocol.voted(table, rest, VIEWS), protocol.estimated(table, rest, VIEWS)
    assert protocol.errors(voted, VIEWS[[40]]) < 5
    assert protocol.errors(mean, VIEWS[[150]]) < 10 < protocol.errors(mean, VIEWS[[40]])
    said = np.exp(60 * (VIEWS @ VIEWS[150] - 1))[None]  # another witness, who is sure, sides with the outliers
    assert protocol.errors(protocol.voted(table, rest, VIEWS, said), VIEWS[[150]]) < 10


def test_error_is_the_angle_between_camera_positions():
    truth = np.array([[0.0, -1, 0], [0, -2, 0], [0, 0, 3], [1, 1, 1]])
    found = np.array([[0.0, -5, 0], [0, 1, 0], [0, 1, 1], [1, 1, 1]])
    np.testing.assert_allclose(protocol.errors(found, truth), [0, 180, 45, 0], atol=1e-5)
    told = protocol.summary(np.array([0.0, 12, 14, 80]))
    assert told == {"mean": 26.5, "median": 13, "within 10": 0.25, "within 15": 0.75, "within 30": 0.75, "pictures": 4}


def test_a_random_guess_is_about_a_right_angle_off_the_equator():
    """Of a picture on the equator of the view sphere, on average over all views."""
    found = protocol.chance(VIEWS, np.array([[1.0, 0, 0]]))
    assert len(found) == len(VIEWS) and found.mean() == pytest.approx(90, abs=1)


def test_test_views_are_off_the_training_views():
    found = protocol.off_views(50, np.random.default_rng(0))
    nearest = np.degrees(angle_between(found[:, None], VIEWS[None]).min(1))
    assert found.shape == (50, 3) and found[:, 2].min() >= 0
    assert nearest.min() >= 6 and nearest.max() <= 8


def test_choices_of_models():
    sizes = [(count, some.sum()) for count, some in protocol.growth([2, 20], 20, seed=0, draws=3)]
    assert sizes == [(2, 2), (2, 2), (2, 2), (20, 20)]


def test_pyramids_of_moved_words():
    """Cells of one level agree in what the coarser levels agree in: Lazebnik et al., equation 3."""
    same = np.zeros((8, 8), int)
    corner, moved, swapped = same.copy(), same.copy(), np.ones((8, 8), int)
    corner[:4, :4] = 1
    moved[4:, 4:] = 1
    histograms = pyramid.histograms(np.stack([same, corner, moved, swapped]), count=2)
    np.testing.assert_allclose(histograms.sum(1), 1, atol=1e-6)
    found = pyramid.intersection(histograms, histograms)
    np.testing.assert_allclose(found.diagonal(), 1, atol=1e-6)
    assert found[0, 3] == 0  # no word in common
    assert found[0, 1] == pytest.approx(0.75)  # a quarter differs at every level
    assert found[1, 2] == pytest.approx(0.25 * 1 + 0.75 * 0.5)  # alike as a whole, two quarters differ in place


def test_words_are_nearest_centres():
    centres = np.array([[0.0, 0], [4, 0], [0, 4]])
    found = np.array([[[[3.0, 0.5], [0.4, 0.3]], [[0.1, 9], [2.1, 1]]]])
    assert pyramid.words(found, centres).tolist() == [[[1, 0], [2, 1]]]
