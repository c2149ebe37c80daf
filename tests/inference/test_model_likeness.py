"""Which model a photo shows: the right one comes first, from the right side, whatever stands beside it."""

from functools import partial

import made_up
import numpy as np
import pytest

pytest.importorskip("PIL")

from photo_pose.inference.errors import PoseError
from photo_pose.inference.geometry import Camera, Sphere, angle_between, intrinsics, look_at, rotation_angle
from photo_pose.inference.matching import aligner
from photo_pose.inference.search.model_likeness import compare, find_starts_among, ranked
from photo_pose.inference.search.start_poses import Target, find_starts  # noqa: E402
from photo_pose.inference.steps import finish  # noqa: E402
from photo_pose.inference.verify.model_ranking import PATIENCE, VERIFIED, any_likely, identify, is_strange
from photo_pose.inference.views.retrieval import Index, Whitening, common_patches  # noqa: E402

CAMERA = Camera(
    intrinsics(420, (400, 300)), look_at(np.array([1.3, -2.6, 1.2]), np.array([0.1, 0.05, -0.05]), 0.1), (400, 300)
)
LOOKS = {"painted": made_up.render, "twins": made_up.twins, "symmetric": made_up.symmetric, "plain": made_up.plain}
OTHER = partial(made_up.render, blocks=made_up.BLOCKS[..., [1, 2, 0]])  # lies on another side
SEE = aligner("cpu")
SPHERE = Sphere(np.array([5.0, -2, 1]), 3.0)


@pytest.fixture(scope="module")
def targets() -> list[Target]:
    templates = {name: made_up.templates(render) for name, render in LOOKS.items()}
    common = Whitening.common(common_patches(one) for one in templates.values())
    return [Target(name, SPHERE, Index(one, common)) for name, one in templates.items()]


def crops_of(name: str):
    return made_up.crops_of(CAMERA, made_up.photo_of(CAMERA, LOOKS[name]))


def best_views(name: str, targets):
    crops = crops_of(name)
    return ranked(crops, finish(compare(crops, targets)))


def direction(camera: Camera) -> np.ndarray:
    return camera.position - SPHERE.center


@pytest.mark.parametrize("name", LOOKS)
def test_the_right_model_comes_first(targets, name):
    found = best_views(name, targets)
    assert found[0].target.name == name and {start.target.name for start in found} == set(LOOKS)
    assert [start.score for start in found] == sorted((start.score for start in found), reverse=True)
    turned = best_views(name, targets[::-1])
    assert [start.target.name for start in turned] == [start.target.name for start in found]
    np.testing.assert_allclose([start.score for start in turned], [start.score for start in found], atol=1e-3)


def test_the_best_view_is_from_the_right_side(targets):
    (best,) = (start for start in best_views("painted", targets) if start.target.name == "painted")
    seen_from = -best.pose.rotation.T @ best.pose.translation
    assert np.degrees(angle_between(seen_from, CAMERA.position)) < 20


def test_starts_of_several_models_are_comparable(targets):
    starts = finish(find_starts_among(crops_of("twins"), targets, 6))
    assert starts[0].target.name == "twins" and len(starts) == 6
    assert len({start.target.name for start in starts}) == 3  # the best of each of the best models
    assert [start.score for start in starts] == sorted((start.score for start in starts), reverse=True)


def test_one_model_keeps_its_own_starts(targets):
    crops = crops_of("painted")
    own, among = finish(find_starts(crops, targets[0])), finish(find_starts_among(crops, targets[:1]))
    assert [start.score for start in among] == [start.score for start in own]


def test_only_a_photo_of_none_of_many_models_is_strange():
    assert is_strange([7.9] * 8) and not is_strange([7.9] * 7) and not is_strange([7.9] * 8 + [8.1])


def test_the_best_are_verified(targets):
    many = [target._replace(name=f"{target.name} {number}") for number in range(2) for target in targets]
    answers = finish(identify(crops_of("twins"), many, lambda target: LOOKS[target.name.split()[0]], SEE))
    assert len(answers) == len(many) > VERIFIED
    assert [answer.verified for answer in answers] == [True] * VERIFIED + [False] * (len(many) - VERIFIED)
    best = answers[0]
    assert best.candidate.model.startswith("twins") and best.candidate.score > 1.5
    assert np.degrees(angle_between(direction(best.candidate.camera), CAMERA.position)) < 5
    standing = [answer.standing for answer in answers[:VERIFIED]]
    assert standing == sorted(standing, reverse=True)
    assert best.likely and not any(answer.likely for answer in answers[VERIFIED:])


def test_the_best_lies_on_the_photo(targets):
    """Not only as well as the nearest training view: the aligner has moved it."""
    best = finish(identify(crops_of("painted"), targets, lambda target: LOOKS[target.name], SEE))[0]
    assert best.candidate.model == "painted"
    rotations = (camera.camera_to_world[:3, :3] for camera in (best.candidate.camera, CAMERA))
    assert np.degrees(rotation_angle(*rotations)) < 1


def test_a_photo_of_another_model_is_like_none(targets):
    crops = made_up.crops_of(CAMERA, made_up.photo_of(CAMERA, OTHER))
    answers = finish(identify(crops, targets, lambda target: LOOKS[target.name], SEE))
    assert not any(answer.likely for answer in answers), [answer.candidate.score for answer in answers]
    first, second, *others = answers
    assert not any_likely(answers)
    assert any_likely([first, second._replace(candidate=second.candidate._replace(score=2.0)), *others])


def test_more_are_tried_where_none_is_likely(targets):
    for look, tried in ((OTHER, PATIENCE), (made_up.twins, 1)):
        crops, progress = made_up.crops_of(CAMERA, made_up.photo_of(CAMERA, look)), []
        answers = finish(identify(crops, targets, lambda target: LOOKS[target.name], SEE, count=1), progress.append)
        assert [answer.verified for answer in answers] == [True] * tried + [False] * (len(targets) - tried)
        assert progress == sorted(progress) and progress[-1] <= 1


def test_what_was_found_before_is_added(targets):
    crops = crops_of("twins")
    plain = finish(identify(crops, targets, None, None, count=0))
    last = plain[-1].candidate.model
    known = {last: 1 + plain[0].likeness - plain[-1].likeness}
    answers = finish(identify(crops, targets, None, None, count=0, known=known))
    assert [answer.candidate.model for answer in answers] == [last, *(one.candidate.model for one in plain[:-1])]
    assert answers[0].likeness == pytest.approx(1 + plain[0].likeness) and not any(one.verified for one in answers)


def test_models_that_cannot_be_rendered_are_left_out(targets):
    def renderer(target):
        if target.name != "plain":
            raise PoseError(f"{target.name} is gone.")
        return LOOKS[target.name]

    told = []
    answers = finish(identify(crops_of("twins"), targets, renderer, SEE, failed=lambda error: told.append(str(error))))
    assert [answer.candidate.model for answer in answers] == ["plain"] and len(told) == 3
    some = [target for target in targets if target.name != "plain"]
    with pytest.raises(PoseError, match="is gone"):
        finish(identify(crops_of("twins"), some, renderer, SEE, failed=lambda error: told.append(str(error))))
    with pytest.raises(PoseError, match="is gone"):
        finish(identify(crops_of("twins"), targets, renderer, SEE))
