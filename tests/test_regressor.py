"""Regressors: the paper's shapes, what they learn, training that stops, goes on and leaves no trace when cancelled."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch")

import made_up
from photo_pose.inference import augmentation, crops, regressor, training
from photo_pose.inference.augmentation import SIDE, Views
from photo_pose.inference.errors import PoseError
from photo_pose.inference.geometry import Box, Camera, direction_from_angles, intrinsics, look_at, rotation_angle
from photo_pose.inference.regressor import Lite0Regressor, PaperRegressor
from photo_pose.inference.steps import finish


def rendered(count: int, seed: int, reach: float = np.pi) -> Views:
    """Views of the painted blocks, at most `reach` away from the front in azimuth."""
    random = np.random.default_rng(seed)
    frame, rgba, rotations = Box(0, 0, crops.SIZE, crops.SIZE), [], []
    for azimuth, elevation in np.stack([random.uniform(-reach, reach, count), random.uniform(0, 1.2, count)], 1):
        camera = crops.template_view(direction_from_angles(azimuth, elevation), made_up.OUTLINE)
        rgba.append(made_up.render(camera.windowed(frame, (SIDE, SIDE))).rgba)
        rotations.append(camera.world_to_camera[:3, :3])
    return Views(np.stack(rgba), np.stack(rotations), np.zeros(count, int))


@pytest.fixture(scope="module")
def few() -> Views:
    return rendered(24, 0)


@pytest.fixture(scope="module")
def grey() -> np.ndarray:
    return np.full((1, SIDE, SIDE, 3), 128, np.uint8)


def test_shapes_are_the_paper_s():
    network = PaperRegressor()
    widths = [layer.weight.shape for layer in network.convolutions if hasattr(layer, "weight")]
    assert widths == [(20, 3, 5, 5), (50, 20, 5, 5), (100, 50, 5, 5), (150, 100, 5, 5)]
    images = torch.rand(2, 3, 208, 208)
    assert network.convolutions(images).shape == (2, 150, 13, 13)
    directions = network(images)
    assert directions.shape == (2, 3) and network.dropout.p == 0.5
    torch.testing.assert_close(directions.norm(dim=1), torch.ones(2))
    (rates,) = network.optimizer().param_groups
    assert rates["lr"] == 0.01 and training.BATCH == 50
    truth = torch.from_numpy(look_at(np.array([0.0, -2, 0]), np.zeros(3))[:3, :3].T).float()[None]
    assert network.loss(torch.tensor([[0.0, -1, 0]]), truth) == 0
    assert network.loss(torch.tensor([[0.0, 1, 0]]), truth) == 4


def test_hypotheses_are_rotations_that_cover_every_azimuth():
    network = Lite0Regressor()
    prediction = network.predicted(torch.zeros(1, regressor.AZIMUTHS, 7))
    assert prediction.rotations.shape == (1, regressor.AZIMUTHS, 3, 3)
    for azimuth in np.arange(regressor.AZIMUTHS) * 2 * np.pi / regressor.AZIMUTHS:
        wanted = look_at(direction_from_angles(azimuth, 0.0), np.zeros(3))[:3, :3].T
        assert rotation_angle(prediction.rotations[0], wanted).min() < 1e-3
    rotation = network.predicted(torch.randn(3, regressor.AZIMUTHS, 7)).rotations
    np.testing.assert_allclose(rotation @ rotation.swapaxes(2, 3), np.broadcast_to(np.eye(3), rotation.shape), atol=1e-5)
    np.testing.assert_allclose(np.linalg.det(rotation), 1, atol=1e-5)


def test_the_loss_is_least_at_the_truth_and_moves_with_the_right_hypothesis():
    network = Lite0Regressor()
    truth = torch.from_numpy(look_at(direction_from_angles(np.pi / 6, 0.0), np.zeros(3))[:3, :3].T).float()[None]
    good, behind = torch.zeros(2, 1, regressor.AZIMUTHS, 7)
    good[0, 1, 0] = behind[0, 7, 0] = 8.0
    assert network.loss(good, truth) < network.loss(torch.zeros_like(good), truth) < network.loss(behind, truth)
    sure, torn = network.predicted(good), network.predicted(good + behind)
    assert np.degrees(rotation_angle(sure.rotations[0, 0], truth[0].numpy())) < 0.1
    network.deviation.fill_(0.1)
    assert network.predicted(good).deviations < 0.3 and network.predicted(good + behind).deviations > 1.5
    assert torn.probabilities[0, :2] == pytest.approx(0.5, abs=0.01)


@pytest.mark.parametrize("mirror", [False, True])
def test_moved_pictures_show_what_the_turned_camera_sees(mirror: bool):
    """Against renders by the cameras that the augmentation names, of the mirrored blocks where it mirrors."""
    size = (SIDE, SIDE)
    cameras = [
        Camera(intrinsics(1.2 * SIDE, size), look_at(4 * direction_from_angles(azimuth, 0.5), np.zeros(3)), size)
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


@pytest.mark.parametrize(("kind", "limit"), [(PaperRegressor, 20), (Lite0Regressor, 10)])
def test_learns_a_painted_model(kind: type, limit: float, grey: np.ndarray, tmp_path: Path):
    """Half a minute at most; what it says of other views of the model is right, also out of its float16 file."""
    reach = 0.8
    views, others = rendered(150, 1, reach), rendered(30, 2, reach)
    torch.manual_seed(0)
    trained = finish(training.train(kind(), views, grey, epochs=12, device="cpu"))
    regressor.save_regressor(trained.network, tmp_path / "net.npz", {"models": ["blocks"]})
    pictures = np.where(others.rgba[..., 3:] > 128, others.rgba[..., :3], 128).astype(np.uint8)
    prediction = regressor.predict(regressor.load_regressor(str(tmp_path / "net.npz"), "cpu"), pictures)
    errors = np.degrees(np.arccos(-(prediction.directions * others.rotations[:, 2]).sum(1)))
    print(errors.mean(), np.degrees(prediction.deviations.mean()), np.degrees(trained.errors))
    assert errors.mean() < limit
