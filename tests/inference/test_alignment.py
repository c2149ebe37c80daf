"""Terms, their derivatives, locks and their minimum; features are made up to fit exactly."""

from functools import partial

import numpy as np
import pytest
from slopes import slopes

from photo_pose.inference.geometry import (
    Box,
    Camera,
    intrinsics,
    look_at,
    roll_of,
    rotation_angle,
    rotation_from_vector,
)
from photo_pose.inference.photo.distortion import distorted
from photo_pose.inference.pose.alignment import (
    BOX_DEVIATION,
    CUT_DEVIATION,
    PARAMETERS,
    BoxTerm,
    DistortionPrior,
    FeatureTerm,
    LensPrior,
    Locks,
    PrincipalPointPrior,
    Term,
    cut_edges,
    minimise,
    projected,
    projected_motion,
)
from photo_pose.inference.pose.pose import Pose

RANDOM = np.random.default_rng(3)
POINTS = RANDOM.uniform(-0.6, 0.6, (60, 3))
SIZE = (800, 600)
K = np.array([[900.0, 0, 410], [0, 880, 290], [0, 0, 1]])
TO_PATCHES = (  # of a crop whose camera is turned and rolled against the photo's
    intrinsics(18, (13, 13)) @ rotation_from_vector(np.array([0.06, 0.04, 0.4])) @ np.linalg.inv(K)
)


def pose_from(position: tuple[float, float, float], roll: float = 0.2, K: np.ndarray = K) -> Pose:
    camera = Camera(K, look_at(np.array(position), np.array([0.05, 0.1, 0]), roll), SIZE)
    return Pose(camera.world_to_camera[:3, :3], camera.world_to_camera[:3, 3], K)


POSE = pose_from((2.0, -2.2, 1.4))


def place_term(true: Pose, points: np.ndarray = POINTS) -> FeatureTerm:
    """Features that tell their own place in the crop: the cost is how far points are from where true shows them."""
    places = np.moveaxis(np.indices((14, 14), float), 0, -1)[..., ::-1] / 4
    return FeatureTerm(points, projected(true, points, TO_PATCHES) / 4, places, TO_PATCHES)


def box_term(pose: Pose, shift: float = 0.0, points: np.ndarray = POINTS) -> BoxTerm:
    box = np.array(Box.around(projected(pose, points, np.eye(3)))) + [shift, shift, shift, -shift]
    return BoxTerm.of(points, Camera(pose.K, np.eye(4), SIZE), Box(*box))


def settled(terms: list[Term], pose: Pose, locks: Locks, rounds: int = 10) -> Pose:
    for _ in range(rounds):
        pose, _cost = minimise(terms, pose, locks)
    return pose


BENT = POSE._replace(distortion=np.array([-0.3, 0.1]))


@pytest.mark.parametrize("to_image", [np.eye(3), TO_PATCHES])
@pytest.mark.parametrize("pose", [POSE, BENT], ids=["straight", "bent"])
def test_motion_of_projected_points(pose, to_image):
    at, motion = projected_motion(pose, POINTS, to_image)
    np.testing.assert_array_equal(at, projected(pose, POINTS, to_image))
    expected = slopes(partial(projected, points=POINTS, to_image=to_image), pose)
    np.testing.assert_allclose(motion, expected, rtol=1e-6, atol=1e-6 * np.abs(expected).max())


def test_a_lens_bends_as_photos_are_straightened():
    seen = POINTS @ BENT.rotation.T + BENT.translation
    shown = distorted(seen[:, :2] / seen[:, 2:], BENT.distortion) @ BENT.K[:2, :2].T + BENT.K[:2, 2]
    np.testing.assert_allclose(projected(BENT, POINTS, np.eye(3)), shown)


RANDOM_FEATURES = FeatureTerm(POINTS, RANDOM.normal(size=(60, 5)), RANDOM.normal(size=(14, 14, 5)), TO_PATCHES)


@pytest.mark.parametrize(
    "term",
    [
        place_term(pose_from((2.1, -2.2, 1.3))),
        RANDOM_FEATURES,
        box_term(POSE, shift=15.0),
        LensPrior(np.log(700.0), 0.2, 0.05),
        DistortionPrior(np.array([0.1, -0.05]), np.array([[40.0, 9], [9, 70]]), 0.05),
    ],
    ids=["places", "features", "box", "lens", "distortion"],
)
def test_gradient_is_that_of_the_cost(term):
    cost, hessian, gradient = term(POSE)
    assert cost > 0 and np.abs(gradient).max() > 0
    np.testing.assert_allclose(gradient, slopes(lambda pose: term(pose).cost, POSE), rtol=1e-5, atol=1e-7)
    np.testing.assert_allclose(hessian, hessian.T, atol=1e-12)
    assert np.linalg.eigvalsh(hessian).min() > -1e-9 * np.trace(hessian)


def test_points_behind_the_camera_are_impossible():
    behind = POSE._replace(translation=np.array([0, 0, 0.2]))
    assert all(np.isinf(term(behind).cost) for term in (place_term(POSE), box_term(POSE)))


def test_points_outside_the_crop_pull_nowhere():
    away = place_term(POSE)._replace(to_image=intrinsics(1, (1, 1), (50.0, 0.0)) @ TO_PATCHES)(POSE)
    assert away.cost > 0.5 and not away.gradient.any()


def test_a_model_may_reach_beyond_where_its_box_is_cut_off():
    right = pose_from((2.0, -2.2, 1.4))._replace(translation=POSE.translation + [1.1, 0, 0])
    seen = Box.around(projected(right, POINTS, np.eye(3)))
    assert seen.right > SIZE[0] > seen.left
    side, beyond = max(SIZE[0] - seen.left, seen.height), seen.right - SIZE[0]
    cut, uncut = (
        BoxTerm.of(POINTS, Camera(K, np.eye(4), size), seen._replace(right=SIZE[0])) for size in (SIZE, (2000, 2000))
    )
    assert cut.cut.tolist() == [False, False, True, False] and not uncut.cut.any()
    assert cut.misfit(right) == pytest.approx(beyond / side / CUT_DEVIATION / 4)
    assert uncut.misfit(right) == pytest.approx(beyond / side / BOX_DEVIATION / 4)
    short = right._replace(
        translation=right.translation - [0.7, 0, 0]
    )  # a model that ends before the edge does not fit
    assert cut.misfit(short) == pytest.approx(uncut.misfit(short)) and cut.misfit(short) > 2


@pytest.mark.parametrize(
    ("box", "cut"),
    [
        ((9, 9, 209, 109), []),
        ((7, 9, 207, 109), [0]),  # nearer than people draw
        ((-30, 100, 200, 592), [0, 3]),
        ((300, 7, 500, 207), [1]),
        ((591, 391, 791, 591), []),
        ((593, 300, 793, 500), [2]),
        ((0, 0, 800, 600), [0, 1, 2, 3]),
    ],
)
def test_edges_near_the_border_may_be_cut_off(box, cut):
    assert np.flatnonzero(cut_edges(Box(*box), SIZE)).tolist() == cut


@pytest.mark.parametrize("deviation", [0.04, 0.16])
def test_misfit_is_in_deviations(deviation):
    """And the looser a box is, the less it pulls."""
    box = Box.around(projected(POSE, POINTS, np.eye(3)))
    shift = 1.5 * deviation * max(box.width, box.height)
    term = BoxTerm.of(POINTS, Camera(K, np.eye(4), SIZE), Box(*np.array(box) + shift), deviation)
    assert term.misfit(POSE) == pytest.approx(1.5)
    assert term._replace(deviation=2 * deviation).misfit(POSE) == pytest.approx(0.75)
    assert term._replace(deviation=2 * deviation)(POSE).cost < term(POSE).cost


def test_the_true_pose_is_found():
    start = POSE._replace(
        rotation=rotation_from_vector(np.radians([5, -6, 8])) @ POSE.rotation, translation=POSE.translation * 1.05
    )
    found = settled([place_term(POSE), box_term(POSE)], start, Locks())
    assert np.degrees(rotation_angle(found.rotation, POSE.rotation)) < 0.01
    np.testing.assert_allclose(found.translation, POSE.translation, atol=1e-3)
    np.testing.assert_array_equal(found.K, K)


def roll(pose: Pose) -> float:
    return roll_of(pose.camera_to_world())


LOCKED = {
    "rotation": lambda pose: pose.rotation,
    "position": lambda pose: pose.camera_to_world()[:3, 3],
    "roll": roll,
    "lens": lambda pose: pose.K.diagonal(),
    "principal_point": lambda pose: pose.K[:2, 2],
    "distortion": lambda pose: pose.distortion,
}


@pytest.mark.parametrize("name", LOCKED)
@pytest.mark.parametrize(("degrees", "tolerance"), [(0.03, 1e-6), (4, 1e-3)])
def test_a_lock_keeps_what_it_names(name, degrees, tolerance):
    """All else is free, moves and lowers the cost."""
    start = POSE.moved(np.radians(degrees) * np.array([1, -0.7, 0.5, 0.4, 0.3, -0.5, 0.6, 0.1, -0.2, 0.5, -0.3]))
    terms = [place_term(POSE), box_term(POSE)]
    locks = Locks(lens=False, principal_point=False, distortion=False)._replace(**{name: True})
    found, cost = minimise(terms, start, locks)
    np.testing.assert_allclose(LOCKED[name](found), LOCKED[name](start), atol=tolerance if name == "roll" else 1e-12)
    assert cost < 0.5 * sum(term(start).cost for term in terms)
    for other in LOCKED.keys() - {name, "roll" if name == "rotation" else name}:
        assert not np.allclose(LOCKED[other](found), LOCKED[other](start), atol=1e-6), other


def test_everything_locked_leaves_the_pose():
    start = POSE.moved(np.full(PARAMETERS, 0.02))
    assert minimise([place_term(POSE)], start, Locks(*[True] * 6))[0] is start


def test_a_free_lens_keeps_the_size_unless_the_position_is_locked():
    free = Locks(rotation=True, lens=False).freedom(POSE)[:, -1]
    held = Locks(rotation=True, position=True, lens=False).freedom(POSE)[:, -1]
    middle = np.zeros((1, 3))
    _at, motion = projected_motion(POSE, np.concatenate([middle, 1e-3 * POSE.rotation[:1]]), np.eye(3))
    across = motion[1] - motion[0]  # of two points beside each other, so of the model's size
    assert np.abs(across @ free).max() < 1e-3 * np.abs(across @ held).max()


@pytest.mark.parametrize("factor", [0.8, 1.2])
def test_strong_perspective_tells_the_lens(factor):
    near = pose_from((1.1, -1.2, 0.8), K=intrinsics(500.0, SIZE))
    start = near.moved(np.array([0.05, -0.04, 0.06, *[0] * 8]))
    start = start._replace(
        translation=near.translation * factor, K=intrinsics(500.0 * factor, SIZE)
    )  # as large as the truth
    found = settled([place_term(near)], start, Locks(lens=False))
    assert found.K[0, 0] == pytest.approx(500, rel=0.002)
    np.testing.assert_allclose(found.translation, near.translation, rtol=0.01, atol=0.005)


def test_a_free_principal_point_is_drawn_back_from_afar():
    """The pull grows all the way, unlike a robust one; its slope is that of its cost."""
    prior = PrincipalPointPrior(POSE.K[:2, 2], 16.0, 0.05)
    away = POSE.moved(np.array([0, 0, 0, 0, 0, 0, 0.1, 0.3, -0.2, 0, 0]))
    np.testing.assert_allclose(prior(away).gradient, slopes(lambda pose: np.array(prior(pose).cost), away), atol=1e-4)
    found, cost = minimise([prior], away, Locks(principal_point=False))
    np.testing.assert_allclose(found.K[:2, 2], POSE.K[:2, 2], atol=1e-3)
    assert cost < 1e-6 < prior(away).cost


def test_weak_perspective_leaves_the_lens_to_its_prior():
    """A flat, distant model: any lens shows it alike, so only the prior moves the focal length."""
    flat = POINTS * [0.05, 0.05, 0]
    true = Pose(np.eye(3), np.array([0, 0, 8.0]), intrinsics(5000.0, SIZE))
    start = true._replace(translation=true.translation * 1.2, K=intrinsics(6000.0, SIZE))
    terms = [place_term(true, flat)]
    alone = settled(terms, start, Locks(rotation=True, lens=False))
    guided = settled([*terms, LensPrior(np.log(5500.0), 0.1, 0.05)], start, Locks(rotation=True, lens=False))
    assert alone.K[0, 0] == pytest.approx(6000, rel=0.01)
    assert guided.K[0, 0] == pytest.approx(5500, rel=0.002)
