"""Regressors: the paper's shapes, what they learn, training that stops, goes on and leaves no trace when cancelled."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch")

import made_up
from full_disk import full_disk
from PIL import Image

from photo_pose.inference.errors import PoseError
from photo_pose.inference.geometry import (
    Box,
    Camera,
    Sphere,
    angle_between,
    direction_from_angles,
    intrinsics,
    look_at,
    rotation_angle,
    turn_between,
)
from photo_pose.inference.networks import augmentation, learners, regressor, training
from photo_pose.inference.networks.augmentation import VIEW_SIDE, Views
from photo_pose.inference.networks.learners import Lite0Learner, PaperLearner
from photo_pose.inference.networks.regressor import AZIMUTHS, Lite0Regressor, PaperRegressor, Prediction
from photo_pose.inference.networks.torch_layers import TorchLayers, TorchNetwork
from photo_pose.inference.search import regressed_starts
from photo_pose.inference.search.start_poses import Target
from photo_pose.inference.steps import finish
from photo_pose.inference.verify import candidates
from photo_pose.inference.views import crops
from photo_pose.inference.views.retrieval import Index


def rendered(count: int, seed: int, reach: float = np.pi) -> Views:
    """Views of the painted blocks, at most `reach` away from the front in azimuth."""
    random = np.random.default_rng(seed)
    frame, rgba, rotations = Box(0, 0, crops.SIZE, crops.SIZE), [], []
    for azimuth, elevation in np.stack([random.uniform(-reach, reach, count), random.uniform(0, 1.2, count)], 1):
        camera = crops.template_view(direction_from_angles(azimuth, elevation), made_up.OUTLINE)
        rgba.append(made_up.render(camera.windowed(frame, (VIEW_SIDE, VIEW_SIDE))).rgba)
        rotations.append(camera.world_to_camera[:3, :3])
    return Views(np.stack(rgba), np.stack(rotations), np.zeros(count, int))


@pytest.fixture(scope="module")
def few() -> Views:
    return rendered(24, 0)


@pytest.fixture(scope="module")
def grey() -> np.ndarray:
    return np.full((1, VIEW_SIDE, VIEW_SIDE, 3), 128, np.uint8)


def test_shapes_are_the_paper_s():
    network = PaperLearner()
    shapes = list(network.architecture.shapes.values())
    assert shapes[:4] == [(20, 3, 5, 5), (50, 20, 5, 5), (100, 50, 5, 5), (150, 100, 5, 5)]
    assert shapes[4][1] == 150 * 13 * 13 and shapes[5][0] == 3
    assert network(torch.rand(2, 3, 208, 208)).shape == (2, 3)
    (rates,) = network.optimizer().param_groups
    assert rates["lr"] == 0.01 and training.BATCH == 50
    truth = torch.from_numpy(look_at(np.array([0.0, -2, 0]), np.zeros(3))[:3, :3].T).float()[None]
    assert network.loss(torch.tensor([[0.0, -1, 0]]), truth) == 0
    assert network.loss(torch.tensor([[0.0, 3, 0]]), truth) == 4


def test_half_of_the_hidden_values_are_dropped_while_training_only():
    values = torch.ones(1, 1000)
    trained, used = (TorchLayers({}, training).dropped(values, 0.5) for training in (True, False))
    assert 400 < (trained == 0).sum() < 600 and torch.equal(used, values)


def hypotheses(**weights: float) -> torch.Tensor:
    """What Lite0Regressor's layers say for one picture: nothing but log weights of hypotheses by number."""
    output = torch.zeros(1, 7 * AZIMUTHS)
    for number, weight in weights.items():
        output[0, int(number.strip("h"))] = weight
    return output


def test_hypotheses_are_rotations_that_cover_every_azimuth():
    architecture = Lite0Regressor()
    prediction = architecture.predicted(np.zeros((1, 7 * AZIMUTHS), np.float32))
    assert prediction.rotations.shape == (1, AZIMUTHS, 3, 3)
    for azimuth in np.arange(AZIMUTHS) * 2 * np.pi / AZIMUTHS:
        wanted = look_at(direction_from_angles(azimuth, 0.0), np.zeros(3))[:3, :3].T
        assert rotation_angle(prediction.rotations[0], wanted).min() < 1e-3
    output = torch.randn(3, 7 * AZIMUTHS)
    rotation = architecture.rotations(output, torch)
    np.testing.assert_allclose(architecture.rotations(output.numpy(), np), rotation, atol=1e-5)
    torch.testing.assert_close(rotation @ rotation.mT, torch.eye(3).expand(rotation.shape), atol=1e-5, rtol=0)
    np.testing.assert_allclose(np.linalg.det(rotation), 1, atol=1e-5)


def test_the_loss_is_least_at_the_truth_and_moves_with_the_right_hypothesis():
    network = Lite0Learner()
    truth = torch.from_numpy(look_at(direction_from_angles(np.pi / 6, 0.0), np.zeros(3))[:3, :3].T).float()[None]
    good, behind = hypotheses(h1=8.0), hypotheses(h7=8.0)
    assert network.loss(good, truth) < network.loss(hypotheses(), truth) < network.loss(behind, truth)
    sure, torn = (network.architecture.predicted(output.numpy()) for output in (good, good + behind))
    assert np.degrees(rotation_angle(sure.rotations[0, 0], truth[0].numpy())) < 0.1
    assert torn.probabilities[0, :2] == pytest.approx(0.5, abs=0.01)


def test_the_first_blocks_of_the_trunk_are_left_as_they_are():
    network = Lite0Learner()
    learnt = training.stored(network)
    assert {"trunk.blocks.5.expand.weight", "head.4.bias", "axes.weight"} <= learnt.keys()
    assert not {"trunk.stem.weight", "trunk.blocks.4.project.bias"} & learnt.keys()
    tuned, head = (len(group["params"]) for group in network.optimizer().param_groups)
    assert tuned + head == len(learnt) and head == 2 * len(network.architecture.shapes)


@pytest.mark.parametrize("mirror", [False, True])
def test_moved_pictures_show_what_the_turned_camera_sees(mirror: bool):
    """Against renders by the cameras that the augmentation names, of the mirrored blocks where it mirrors."""
    size = (VIEW_SIDE, VIEW_SIDE)
    cameras = [
        Camera(intrinsics(1.2 * VIEW_SIDE, size), look_at(4 * direction_from_angles(azimuth, 0.5), np.zeros(3)), size)
        for azimuth in range(6)
    ]
    rgba = np.stack([made_up.render(camera).rgba[..., 3:] for camera in cameras]).transpose(0, 3, 1, 2)
    rotations = torch.from_numpy(np.stack([camera.world_to_camera[:3, :3] for camera in cameras])).float()
    maps, rotations = augmentation._moves(rotations, 0.4, mirror, torch.Generator().manual_seed(4))
    flipped = np.linalg.det(maps[:, :, :2].numpy()) < 0
    assert flipped.any() == mirror
    maps[:, :, 2] = 0
    maps[:, :, :2] /= maps[:, :, :2].det().abs().sqrt()[:, None, None]
    grid = torch.nn.functional.affine_grid(maps, [6, 1, *size], align_corners=False)
    moved = torch.nn.functional.grid_sample(torch.from_numpy(rgba).float(), grid, align_corners=False)[:, 0] > 128
    for camera, picture, rotation, flip in zip(cameras, moved.numpy(), rotations.numpy(), flipped, strict=True):
        pose = np.eye(4)
        pose[:3, :3], pose[:3, 3] = rotation.T, -4 * rotation[2]
        blocks = np.sort(made_up.BLOCKS * [-1.0 if flip else 1.0, 1, 1], axis=1)
        shown = made_up.render(camera.placed(pose), blocks=blocks).rgba[..., 3] > 128
        assert (picture == shown).mean() > 0.995


@pytest.mark.parametrize(
    ("kind", "count", "epochs", "part"), [(PaperLearner, 24, 18, 0.65), (Lite0Learner, 60, 8, 0.5)]
)
def test_learns_a_painted_model(kind: type, count: int, epochs: int, part: float, grey: np.ndarray, tmp_path: Path):
    """In seconds, and the answer for other views of the model, out of its file too, is off by a small part of
    what the mean direction would be."""
    views, others = rendered(count, 1, 1.5), rendered(12, 2, 1.5)
    torch.manual_seed(0)
    trained = finish(training.train(kind(), views, grey, epochs=epochs, patience=epochs, device="cpu"))
    regressor.save_regressor(trained.network, tmp_path / "net.npz", {"models": ["blocks"]})
    pictures = np.where(others.rgba[..., 3:] > 128, others.rgba[..., :3], 128).astype(np.uint8)
    prediction = regressor.predict(regressor.load_regressor(str(tmp_path / "net.npz"), "cpu"), pictures)
    errors = np.degrees(np.arccos(-(prediction.directions * others.rotations[:, 2]).sum(1)))
    mean = -views.rotations[:, 2].mean(0)
    guess = np.degrees(np.arccos(-(others.rotations[:, 2] @ mean) / np.linalg.norm(mean)))
    assert errors.mean() < part * guess.mean()
    np.testing.assert_allclose(
        regressor.predict(trained.network, pictures).directions, prediction.directions, atol=0.02
    )


class TinyRegressor:
    """Of one layer, for what does not depend on how good it is."""

    side, shapes, predicted = 8, {"layer": (3, 3 * 64)}, PaperRegressor.predicted

    def __call__(self, layers, images):
        return layers.dense("layer", layers.dropped(layers.flattened(images), 0.2))


class WideRegressor(TinyRegressor):
    """Of too many parameters for a small disk."""

    shapes = {"first": (100, 3 * 64), "layer": (3, 100)}

    def __call__(self, layers, images):
        return layers.dense("layer", layers.dense("first", layers.flattened(images)))


class Tiny(TorchNetwork):
    roll, plain, occluded = 0.0, (-1.0, 0.0), 0.0
    loss, kind = PaperLearner.loss, TinyRegressor

    def __init__(self) -> None:
        torch.manual_seed(0)
        super().__init__(self.kind(), learners._begun(self.kind.shapes))

    def optimizer(self) -> torch.optim.Optimizer:
        return torch.optim.AdamW(self.parameters(), lr=0.01)


class Wide(Tiny):
    kind = WideRegressor


def weights(network: torch.nn.Module) -> dict[str, np.ndarray]:
    return {name: value.numpy().copy() for name, value in network.state_dict().items()}


def test_resumed_training_ends_as_if_it_had_not_stopped(few: Views, grey: np.ndarray, tmp_path: Path):
    options = {"epochs": 6, "patience": 9, "seed": 3, "device": "cpu"}
    whole = finish(training.train(Tiny(), few, grey, **options))
    again = finish(training.train(Tiny(), few, grey, **options))
    checkpoint = tmp_path / "part.checkpoint"
    steps = training.train(Tiny(), few, grey, **options, checkpoint=checkpoint)
    while next(steps) < 0.55:  # in the fourth epoch
        pass
    steps.close()
    torch.manual_seed(99)
    torch.rand(5)  # another one's chance in between
    resumed = finish(training.train(Tiny(), few, grey, **options, checkpoint=checkpoint, resume=True))
    other = finish(training.train(Tiny(), few, grey, **{**options, "seed": 4}))
    assert len(whole.errors) == 6 and whole.errors == again.errors == resumed.errors != other.errors
    for name, value in weights(whole.network).items():
        np.testing.assert_array_equal(weights(resumed.network)[name], value)


def test_what_a_checkpoint_has_besides_changes_nothing(few: Views, grey: np.ndarray, tmp_path: Path):
    """As those of former versions have, whose networks told a deviation."""
    options, checkpoint = {"device": "cpu", "epochs": 3}, tmp_path / "a.checkpoint"
    whole = finish(training.train(Tiny(), few, grey, **options, checkpoint=checkpoint))
    kept = torch.load(checkpoint, weights_only=True)
    for part in ("now", "best"):
        kept[part]["deviation"] = torch.tensor(1.0)
    torch.save(kept, checkpoint)
    resumed = finish(training.train(Tiny(), few, grey, **options, checkpoint=checkpoint, resume=True))
    assert resumed.errors == whole.errors and weights(resumed.network).keys() == weights(whole.network).keys()


def test_stops_early_and_keeps_the_best(few: Views, grey: np.ndarray):
    class Worse(Tiny):
        """Its first epoch is its best: then it learns the opposite."""

        def optimizer(self) -> torch.optim.Optimizer:
            return torch.optim.SGD(self.parameters(), lr=0.005, maximize=True)

    trained = finish(training.train(Worse(), few, grey, epochs=50, patience=3, device="cpu"))
    best = int(np.argmin(trained.errors))
    assert trained.best == best and len(trained.errors) == best + 1 + 4 < 50
    shorter = finish(training.train(Worse(), few, grey, epochs=best + 1, patience=3, device="cpu"))
    np.testing.assert_array_equal(weights(shorter.network)["layer.weight"], weights(trained.network)["layer.weight"])


def test_of_epochs_that_are_about_as_good_the_last_one_is_kept():
    assert [training._best(errors) for errors in ([], [3.0], [3.0, 2.0, 2.03, 2.1], [2.0, 2.5, 2.04, 2.05])] == [
        0,
        1,
        3,
        3,
    ]


class Slowing(Tiny):
    """Keeps the rate of every step."""

    def __init__(self) -> None:
        super().__init__()
        self.rates: list[float] = []

    def optimizer(self) -> torch.optim.Optimizer:
        optimizer = torch.optim.SGD(self.parameters(), lr=0.01)
        optimizer.register_step_pre_hook(lambda *_: self.rates.append(optimizer.param_groups[0]["lr"]))
        return optimizer


def test_the_paper_s_rate_lasts_until_the_last_quarter(few: Views, grey: np.ndarray):
    network = Slowing()
    finish(training.train(network, few, grey, epochs=8, patience=8, device="cpu"))
    np.testing.assert_allclose(network.rates, [0.01] * 7 + [0.005])


def test_whole_models_are_held_out_where_there_are_many(few: Views):
    many = few._replace(model=np.arange(24) // 2)
    learnt, held = training._split(many, 0)
    assert not set(many.model[learnt]) & set(many.model[held]) and len(learnt) + len(held) == 24
    made_up_too = few._replace(model=np.where(np.arange(24) < 12, augmentation.OF_NO_MODEL, many.model))
    assert all((training._split(made_up_too, seed)[1] >= 12).all() for seed in range(9))
    with pytest.raises(PoseError, match="more views"):
        training._split(Views(few.rgba[:1], few.rotations[:1], few.model[:1]), 0)


def test_bad_checkpoints_and_folders_are_refused(few: Views, grey: np.ndarray, tmp_path: Path):
    checkpoint, options = tmp_path / "a.checkpoint", {"epochs": 1, "device": "cpu"}
    finish(training.train(Tiny(), few, grey, **options, checkpoint=checkpoint))
    with pytest.raises(PoseError, match="of another training"):
        finish(training.train(Tiny(), few, grey, **options, seed=5, checkpoint=checkpoint, resume=True))
    resumed = {**options, "checkpoint": checkpoint, "resume": True}
    noisy = few._replace(rgba=few.rgba ^ 1)  # another renderer's last digits
    assert len(finish(training.train(Tiny(), noisy, grey, **resumed)).errors) == 1
    painted, moved = few.rgba.copy(), np.roll(few.rgba, 6, 1)
    painted[0, :12, :12] = 255 - painted[0, :12, :12]
    for other in (few._replace(rgba=painted), few._replace(rgba=moved)):
        with pytest.raises(PoseError, match="of other models"):
            finish(training.train(Tiny(), other, grey, **resumed))
    for backdrops in (grey + 20, np.concatenate([grey, grey])):
        with pytest.raises(PoseError, match="other models or backgrounds"):
            finish(training.train(Tiny(), few, backdrops, **resumed))
    checkpoint.write_bytes(b"nothing")
    with pytest.raises(PoseError, match="damaged"):
        finish(training.train(Tiny(), few, grey, **options, checkpoint=checkpoint, resume=True))
    (tmp_path / "file").touch()
    with pytest.raises(PoseError, match="cannot be written"):
        finish(training.train(Tiny(), few, grey, **options, checkpoint=tmp_path / "file" / "b.checkpoint"))


def test_a_full_disk_ends_a_training_with_a_sentence_and_keeps_what_was_there(few: Views, grey: np.ndarray, tmp_path):
    checkpoint = tmp_path / "a.checkpoint"
    checkpoint.write_bytes(b"of before")
    with full_disk(20000), pytest.raises(PoseError, match=r'a.checkpoint" cannot be written \(File too large\)\.$'):
        finish(training.train(Wide(), few, grey, epochs=1, device="cpu", checkpoint=checkpoint))
    assert [file.read_bytes() for file in tmp_path.iterdir()] == [b"of before"]


def test_files_keep_bytes_and_older_ones_float16():
    random = np.random.default_rng(0)
    parameters = {
        "a.weight": random.normal(size=(4, 3, 5, 5)) * [[[[1]]], [[[9]]], [[[1e-4]]], [[[0]]]],
        "a.bias": np.ones(4),
    }
    kept = regressor.rounded(parameters)
    assert kept["a.weight"].dtype == np.int8 and sum(array.nbytes for array in kept.values()) < 2 * 300
    read = regressor.unrounded(kept)
    assert read.keys() == parameters.keys() and all(array.dtype == np.float32 for array in read.values())
    largest = abs(parameters["a.weight"]).max((1, 2, 3), keepdims=True)
    assert (abs(read["a.weight"] - parameters["a.weight"]) <= largest / 127 / 2 * 1.001).all()
    older = {name: array.astype("<f2") for name, array in parameters.items()}
    assert all((array == older[name]).all() for name, array in regressor.unrounded(older).items())


def test_bad_network_files_are_refused(tmp_path: Path):
    path = tmp_path / "net.npz"
    with pytest.raises(PoseError, match=r'"net.npz" does not exist\.$'):
        regressor.load_regressor(str(path))
    shapes = PaperRegressor().shapes
    whole = {f"{name}.weight": np.zeros(shape, "<f2") for name, shape in shapes.items()}
    whole |= {f"{name}.bias": np.zeros(shape[0], "<f2") for name, shape in shapes.items()}
    others = {}, {**whole, "hidden.bias": np.zeros(9)}, {**whole, "more.weight": np.zeros(9)}
    array = io.BytesIO()
    np.save(array, np.zeros(3))
    for content in (b"", b"not a network", array.getvalue(), *others):
        if isinstance(content, bytes):
            path.write_bytes(content)
        else:
            np.savez(path, kind=np.array("regressor"), **content)
        with pytest.raises(PoseError, match=r'"net.npz" is damaged.*\.$'):
            regressor.load_regressor(str(path))
    with pytest.raises(PoseError, match="cannot be written"):
        regressor.save_regressor(PaperLearner(), path / "below.npz", {})
    assert [file.name for file in tmp_path.iterdir()] == ["net.npz"]


def test_backgrounds_come_from_photos_or_are_made_up(tmp_path: Path):
    made = augmentation.backgrounds(None, 8, seed=2)
    assert made.shape == (8, VIEW_SIDE, VIEW_SIDE, 3) and made.dtype == np.uint8 and made.std((1, 2, 3)).max() > 10
    np.testing.assert_array_equal(made, augmentation.backgrounds(None, 8, seed=2))
    for folder, words in ((tmp_path / "none", "does not exist"), (tmp_path, "has no photos")):
        with pytest.raises(PoseError, match=words):
            augmentation.backgrounds(folder)
    Image.fromarray(np.full((40, 90, 3), (10, 200, 30), np.uint8)).save(tmp_path / "green.png")
    assert (augmentation.backgrounds(tmp_path, 3) == (10, 200, 30)).all()


def test_damaged_backgrounds_are_left_out(tmp_path: Path):
    (tmp_path / "a.jpg").write_bytes(b"no photo")
    (tmp_path / "empty.png").touch()
    (tmp_path / "folder.png").mkdir()
    with pytest.raises(PoseError, match="has no photos that can be read"):
        augmentation.backgrounds(tmp_path)
    Image.fromarray(np.full((40, 90, 3), (10, 200, 30), np.uint8)).save(tmp_path / "green.png")
    told = []
    assert (augmentation.backgrounds(tmp_path, 3, warn=told.append) == (10, 200, 30)).all()
    assert told == [
        "Photo 'a.jpg' is damaged or of an unknown kind; try JPEG or PNG.",
        f"Photo '{tmp_path / 'empty.png'}' is an empty file.",
        f"Photo '{tmp_path / 'folder.png'}' is a folder.",
    ]


def test_every_augmentation_works_on_few_pictures(few: Views, grey: np.ndarray):
    """Also where chance picks none of them."""
    backdrops, rotations = torch.from_numpy(grey).permute(0, 3, 1, 2), torch.from_numpy(few.rotations[:1]).float()
    rgba = torch.from_numpy(few.rgba[:1]).permute(0, 3, 1, 2)
    for seed in range(20):
        random = torch.Generator().manual_seed(seed)
        images, turned = augmentation.pictures(rgba, rotations, backdrops, 32, 0.2, True, random, 0.5, 0.5)
        assert images.shape == (1, 3, 32, 32) and 0 <= images.min() and images.max() <= 1 and images.isfinite().all()
        torch.testing.assert_close(turned[0] @ turned[0].T, torch.eye(3), atol=1e-5, rtol=0)


def test_plain_pictures_are_only_moved_and_white_behind(few: Views, grey: np.ndarray):
    backdrops, rotations = torch.from_numpy(grey).permute(0, 3, 1, 2), torch.from_numpy(few.rotations).float()
    rgba = torch.from_numpy(few.rgba).permute(0, 3, 1, 2)
    plain, varied = (
        augmentation.pictures(
            rgba, rotations, backdrops, VIEW_SIDE, 0.0, False, torch.Generator().manual_seed(1), part
        )[0]
        for part in (1.0, 0.0)
    )
    colours = few.rgba[..., :3][few.rgba[..., 3] > 250].reshape(-1, 3).mean(0) / 255
    assert (plain[:, :, 0, 0] == 1).all() and (varied[:, :, 0, 0] < 0.9).all()
    shown = plain.permute(0, 2, 3, 1)[plain.min(1).values < 0.99]
    np.testing.assert_allclose(shown.mean(0), colours, atol=0.08)


def test_what_hides_a_model_is_a_piece_of_a_backdrop(grey: np.ndarray):
    """A rectangle, and never most of the picture."""
    backdrops, random = torch.from_numpy(grey).permute(0, 3, 1, 2), torch.Generator().manual_seed(3)
    hidden = augmentation._hidden(torch.ones(24, 3, VIEW_SIDE, VIEW_SIDE), backdrops, 1.0, random)
    covered = (hidden < 0.9).all(1).float().mean((1, 2))
    assert hidden.min() == backdrops.max() / 255 and 0.1 < covered.max() < (2 * augmentation.LARGEST_HALF) ** 2


def test_a_named_direction_becomes_a_pose_off_the_photo_s_middle():
    """A network that is always right gives the true pose, up to what the box leaves open; the flip follows."""
    size = (320, 240)
    camera = Camera(intrinsics(220, size), look_at(np.array([2.0, -2.6, 1.1]), np.array([0.8, 0, -0.4]), 0.15), size)
    true, found = made_up.pose_of(camera), made_up.crops_of(camera, made_up.photo_of(camera))
    to_crop = found.views[found.upright].camera_to_world[:3, :3].T
    centre = to_crop @ true.translation
    aimed = turn_between(centre / np.linalg.norm(centre), np.array([0, 0, 1.0])) @ to_crop @ true.rotation
    right = Prediction(aimed[None, None], np.ones((1, 1)))
    target = Target("blocks", Sphere(np.zeros(3), 1.0), Index(made_up.templates()))
    start, flip = regressed_starts.named_starts(found, [target], lambda pictures: right, 2)
    assert np.degrees(rotation_angle(start.pose.rotation, true.rotation)) < 0.3
    assert np.linalg.norm(start.pose.translation - true.translation) < 0.03 * np.linalg.norm(true.translation)
    assert np.degrees(rotation_angle(flip.pose.rotation, start.pose.rotation @ np.diag([-1.0, -1, 1]))) < 5
    best, other = candidates.as_candidates(found, [start, flip])
    assert np.degrees(angle_between(best.camera.position, camera.position)) < 0.5 and best.score > other.score


CHAIR = np.array(  # lowest and highest corners of the seat, the back and the four legs; it faces -Y
    [
        [[-0.4, -0.4, -0.1], [0.4, 0.4, 0.0]],
        [[-0.4, 0.32, 0.0], [0.4, 0.4, 0.85]],
        *([[x - 0.05, y - 0.05, -0.85], [x + 0.05, y + 0.05, -0.1]] for x in (-0.34, 0.34) for y in (-0.34, 0.34)),
    ]
)
LIGHT = np.array([0.5, -0.25, 0.83])


def chair(azimuth: float, elevation: float) -> np.ndarray:
    """A wooden chair of six blocks before a grey wall, (S, S, 3) uint8."""
    outline = np.array([np.choose(c, block) for block in CHAIR for c in np.indices((2, 2, 2)).reshape(3, -1).T])
    camera = crops.template_view(direction_from_angles(azimuth, elevation), outline)
    view = made_up.render(camera, blocks=CHAIR)
    across, down = np.gradient(view.points, axis=1), np.gradient(view.points, axis=0)
    normals = np.cross(across, down)
    normals /= np.maximum(np.linalg.norm(normals, axis=2, keepdims=True), 1e-9)
    shade = 0.55 + 0.45 * np.abs(normals @ LIGHT)
    wood = np.array([150, 100, 60]) * shade[..., None]
    return np.where(view.rgba[..., 3:] > 0, wood, 170).astype(np.uint8)


@pytest.mark.parametrize("device", ["numpy", "cpu"])
@pytest.mark.parametrize(("name", "limit"), [("regressor", 50), ("regressor_lite0", 15)])
def test_the_bundled_networks_know_where_a_chair_s_front_is(name: str, limit: float, device: str):
    """A chair that no training saw, from all around; straight from above, the best guess, is 65 degrees off."""
    azimuths = np.radians(np.arange(-180, 180, 30))
    prediction = regressor.predict(regressor.load_regressor(name, device), np.stack([chair(a, 0.44) for a in azimuths]))
    wanted = np.stack([direction_from_angles(azimuth, 0.44) for azimuth in azimuths])
    errors = np.degrees(np.arccos((prediction.directions * wanted).sum(1)))
    assert np.median(errors) < limit
