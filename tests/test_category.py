"""A photo of something like the models: their views vote, and a few that look wrong are outvoted."""

import made_up
import numpy as np
import pytest

pytest.importorskip("PIL")

from photo_pose.inference.category import DOUBTFUL, MODELS, STRANGE, is_strange, peak_of, voted  # noqa: E402
from photo_pose.inference.geometry import (  # noqa: E402
    Camera,
    Sphere,
    angle_between,
    direction_from_angles,
    intrinsics,
    look_at,
    roll_of,
)
from photo_pose.inference.pose import Target  # noqa: E402
from photo_pose.inference.ranking import compare  # noqa: E402
from photo_pose.inference.retrieval import Index, Whitening, common_patches  # noqa: E402
from photo_pose.inference.steps import finish  # noqa: E402

CAMERA = Camera(
    intrinsics(420, (400, 300)), look_at(np.array([1.3, -2.6, 1.2]), np.array([0.1, 0.05, -0.05]), 0.05), (400, 300)
)
SPHERE = Sphere(np.array([5.0, -2, 1]), 3.0)


def test_the_peak_is_where_most_views_agree():
    """The mean of all would lie in between."""
    right = [
        direction_from_angles(np.radians(30 + d), np.radians(20 + e)) for d, e in ((-6, 0), (6, 3), (0, -5), (2, 4))
    ]
    wrong = [direction_from_angles(np.radians(210), np.radians(20)), direction_from_angles(np.radians(120), 0)]
    peak = peak_of(np.array([*wrong, *right]))
    assert np.degrees(angle_between(peak, direction_from_angles(np.radians(30.5), np.radians(20)))) < 3


@pytest.fixture(scope="module")
def found():
    """A photo of the painted blocks compared with models of which none is painted so, and the crops."""
    templates = [made_up.templates(render) for render in (made_up.plain, made_up.twins)]
    common = Whitening.common(common_patches(one) for one in templates)
    targets = [Target(str(number), SPHERE, Index(one, common)) for number, one in enumerate(templates)]
    crops = made_up.crops_of(CAMERA, made_up.photo_of(CAMERA))
    return crops, finish(compare(crops, targets))


def test_the_vote_is_a_camera(found):
    candidate = voted(*found, 0.7)
    offset = candidate.camera.position - SPHERE.center
    assert np.degrees(angle_between(offset, CAMERA.position)) < 25 and candidate.score == 0.7
    assert abs(np.degrees(roll_of(candidate.camera.camera_to_world))) < 15
    box = made_up.box_of(CAMERA)
    seen = candidate.camera.project(SPHERE.center + SPHERE.radius * made_up.OUTLINE)
    np.testing.assert_allclose((seen.min(0) + seen.max(0)) / 2, box.center, atol=2)


def test_only_a_photo_of_none_of_many_models_is_strange(found):
    _crops, compared = found
    like = [
        one._replace(likeness=one.likeness / np.abs(one.likeness).max() * 20, misfit=0 * one.misfit) for one in compared
    ]
    unlike = [one._replace(likeness=one.likeness / 5) for one in like]
    assert unlike[0].scores.max() < STRANGE < like[0].scores.max()
    assert is_strange(unlike * MODELS, DOUBTFUL - 0.1)
    assert not is_strange(unlike * MODELS, DOUBTFUL + 0.1)
    assert not is_strange(unlike, DOUBTFUL - 0.1) and not is_strange([], 0.0)
    assert not is_strange([*unlike * MODELS, *like], DOUBTFUL - 0.1)
