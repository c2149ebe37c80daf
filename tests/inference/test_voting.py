"""What is none of the models but like them is seen from where their views agree, and a regressor if one is asked."""

import made_up
import numpy as np
import pytest

pytest.importorskip("PIL")

from photo_pose.inference.geometry import (
    Camera,
    Sphere,
    angle_between,
    direction_from_angles,
    intrinsics,
    look_at,
    view_sphere,
)
from photo_pose.inference.networks.regressor import Prediction  # noqa: E402
from photo_pose.inference.search.start_poses import Start, Target  # noqa: E402
from photo_pose.inference.search.voting import DOUBT, Vote, agreed, elected, foretold, peaks, vote, winners  # noqa: E402
from photo_pose.inference.steps import finish  # noqa: E402
from photo_pose.inference.views.retrieval import Index, Whitening, common_patches  # noqa: E402

CAMERA = Camera(
    intrinsics(420, (400, 300)), look_at(np.array([1.3, -2.6, 1.2]), np.array([0.1, 0.05, -0.05]), 0.1), (400, 300)
)
LOOKS = {"twins": made_up.twins, "symmetric": made_up.symmetric, "plain": made_up.plain}
VIEWS, SPHERE = view_sphere(3), view_sphere(4)
TOWARD, ELSEWHERE = direction_from_angles(0.5, 0.4), direction_from_angles(-2.0, 0.6)


@pytest.fixture(scope="module")
def targets() -> list[Target]:
    """Models like the painted one, which is not among them."""
    templates = {name: made_up.templates(look) for name, look in LOOKS.items()}
    common = Whitening.common(common_patches(one) for one in templates.values())
    return [Target(name, Sphere(np.zeros(3), 1.0), Index(one, common)) for name, one in templates.items()]


@pytest.fixture(scope="module")
def crops():
    return made_up.crops_of(CAMERA, made_up.photo_of(CAMERA, made_up.render))


def hump(*weighted: tuple[float, np.ndarray]) -> np.ndarray:
    """(3, V): how alike views are that look alike about some directions, and as many standard deviations."""
    away = [np.degrees(angle_between(VIEWS, direction)) for _, direction in weighted]
    return sum(w * np.exp(-((a / 15) ** 2)) for (w, _), a in zip(weighted, away, strict=True))[None].repeat(3, 0)


def prediction(*hypotheses: tuple[float, np.ndarray]) -> Prediction:
    """The most probable one first."""
    rotations = np.stack([look_at(direction, np.zeros(3))[:3, :3].T for _, direction in hypotheses])
    return Prediction(rotations[None], np.array([[chance for chance, _ in hypotheses]]))


def find_alike(crops, targets, **options) -> list[Start]:
    return winners(crops, finish(vote(crops, targets, **options)))


def seen_from(start: Start) -> np.ndarray:
    return -start.pose.rotation.T @ start.pose.translation


def off(*directions: np.ndarray) -> float:
    return float(np.degrees(angle_between(*directions)))


def test_the_vote_is_where_most_views_agree():
    alike = hump((4.0, TOWARD), (3.6, ELSEWHERE))
    alike[0, (VIEWS @ -TOWARD).argmax()] = 5.0  # one view that looks right and is not
    shares = elected(alike, VIEWS, SPHERE)
    first, second = peaks(shares, SPHERE, 2)
    assert off(SPHERE[first], TOWARD) < 6 and off(SPHERE[second], ELSEWHERE) < 6
    assert 0 < shares[second] < shares[first] < 1


def test_fewer_views_that_are_more_alike_outweigh_many():
    alike = hump((9.0, TOWARD)) * [[1], [0], [0]] + hump((4.0, ELSEWHERE)) * [[0], [1], [1]]
    (best,) = peaks(elected(alike, VIEWS, SPHERE), SPHERE)
    assert off(SPHERE[best], TOWARD) < 6


def test_models_that_are_only_like_it_tell_the_direction(crops, targets):
    best, *others = find_alike(crops, targets)
    assert off(seen_from(best), CAMERA.position) < 15
    assert all(other.score < best.score for other in others)


def test_a_vote_agrees_with_what_has_not_much_fewer_votes_than_the_best():
    shares = np.exp(12 * (SPHERE @ TOWARD - 1)) + 0.2 * np.exp(12 * (SPHERE @ ELSEWHERE - 1))
    found = Vote(SPHERE, shares / 3, [])
    nearly, elsewhere = direction_from_angles(0.55, 0.45), direction_from_angles(2.0, 0.1)
    assert found.agrees(TOWARD) and found.agrees(nearly)
    assert not found.agrees(ELSEWHERE) and not found.agrees(elsewhere)


def test_a_regressor_decides_between_directions_for_which_views_vote():
    votes = elected(hump((4.0, TOWARD), (3.9, ELSEWHERE)), VIEWS, SPHERE)
    said = foretold(prediction((0.6, ELSEWHERE), (0.4, -TOWARD * [1, 1, -1])), SPHERE)
    both = agreed(votes, said)
    first, second = peaks(both, SPHERE, 2)
    assert off(SPHERE[first], ELSEWHERE) < 6
    assert both[first] > both[second] and votes[first] < votes.max()
    assert both.min() >= DOUBT / (1 + DOUBT) * 0.999 and both.max() <= 1


def test_a_regressor_is_asked_about_the_upright_crop_and_heard(crops, targets):
    asked = []
    aside = CAMERA.position @ np.array([[0, 1, 0], [-1, 0, 0], [0, 0, 1]])  # a quarter turn from the truth
    seen_aside = aside / np.linalg.norm(aside)

    def predict(pictures: np.ndarray) -> Prediction:
        asked.append(pictures.shape)
        return prediction((1.0, seen_aside))

    best = find_alike(crops, targets, predict=predict)[0]
    alone = find_alike(crops, targets)[0]
    (shape,) = asked
    assert shape[0] == 1 and shape[-1] == 3
    assert off(seen_from(best), seen_aside) < off(seen_from(alone), seen_aside)
