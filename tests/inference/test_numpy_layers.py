"""The layers of numpy against those of PyTorch: every kind of convolution that a network has, odd sides, networks."""

from __future__ import annotations

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from photo_pose.inference import products
from photo_pose.inference.networks import backends, loading
from photo_pose.inference.networks.numpy_layers import NumpyLayers
from photo_pose.inference.networks.torch_layers import TorchLayers

SIZES = [(24, 24), (17, 30), (5, 3)]
RANDOM = np.random.default_rng(0)


def parameters(*shape: int) -> dict[str, np.ndarray]:
    weight, bias = RANDOM.normal(size=shape), RANDOM.normal(size=shape[0])
    return {"layer.weight": weight.astype(np.float32), "layer.bias": bias.astype(np.float32)}


def image(height: int, width: int, channels: int) -> np.ndarray:
    return RANDOM.normal(size=(height, width, channels)).astype(np.float32)


def assert_alike(layer: str, *arguments, of: dict | None = None, images: list[np.ndarray], together: bool = False):
    """What both make of the same images, (H, W, C)."""
    tensors = [torch.from_numpy(one).permute(2, 0, 1)[None] for one in images]
    both = []
    for layers, some in ((NumpyLayers(of or {}), images), (_torch(of or {}), tensors)):
        call = getattr(layers, layer)
        both.append(call(*arguments, some) if together else call(*arguments[:1], *some, *arguments[1:]))
    made, expected = both[0], both[1][0].permute(1, 2, 0).numpy()
    assert made.shape == expected.shape and made.dtype == np.float32
    np.testing.assert_allclose(made, expected, atol=1e-4 * np.abs(expected).max())


def _torch(of: dict[str, np.ndarray]) -> TorchLayers:
    return TorchLayers({name: torch.from_numpy(value) for name, value in of.items()})


@pytest.mark.parametrize("blas", [True, False])
@pytest.mark.parametrize("then", ["", "relu", "relu6"])
@pytest.mark.parametrize(("stride", "dilation"), [(1, 1), (2, 1), (1, 2), (1, 8)])
@pytest.mark.parametrize("shape", [(6, 5, 1, 1), (6, 5, 3, 3), (7, 13, 5, 5), (5, 1, 3, 3), (130, 1, 5, 5)])
def test_convolutions_are_torch_s(shape, stride, dilation, then, blas, monkeypatch):
    """In a numpy without BLAS, too."""
    monkeypatch.setattr(products, "_has_blas", lambda: blas)
    for height, width in SIZES:
        channels = shape[0] if shape[1] == 1 else shape[1]
        images = [image(height, width, channels)]
        assert_alike("convolution", "layer", stride, dilation, then, of=parameters(*shape), images=images)


@pytest.mark.parametrize("shape", [(8, 3, 4, 4), (40, 1, 6, 6)])
def test_a_row_and_a_column_of_zeros_shift_a_kernel(shape):
    """As those of EfficientNet-Lite0 at stride 2."""
    padded = parameters(*shape)
    padded["layer.weight"][:, :, 0] = padded["layer.weight"][:, :, :, 0] = 0
    for height, width in SIZES:
        images = [image(height, width, shape[0] if shape[1] == 1 else shape[1])]
        assert_alike("convolution", "layer", 2, 1, "relu6", of=padded, images=images)


@pytest.mark.parametrize("size", SIZES)
def test_the_other_layers_are_torch_s(size):
    assert_alike("halved", images=[image(*size, 4)])
    for other in ((2 * size[0], 2 * size[1]), (11, 7), size):
        assert_alike("resized", images=[image(*size, 3), image(*other, 1)])
    assert_alike("joined", images=[image(*size, 3), image(*size, 2)], together=True)
    assert_alike("sigmoid", images=[image(*size, 2)])
    flat = image(*size, 3)
    expected = torch.from_numpy(flat).permute(2, 0, 1).flatten().numpy()
    np.testing.assert_array_equal(NumpyLayers({}).flattened(flat), expected)
    dense = parameters(4, flat.size)
    made = NumpyLayers(dense).dense("layer", expected, "relu")
    np.testing.assert_allclose(
        made, _torch(dense).dense("layer", torch.from_numpy(expected), "relu"), rtol=1e-3, atol=1e-3
    )


@pytest.mark.parametrize(
    ("name", "size"), [("efficientnet_lite0", (224, 224)), ("efficientnet_lite0", (130, 211)), ("u2netp", (96, 81))]
)
def test_whole_networks_say_the_same(name, size):
    pictures = RANDOM.integers(0, 256, (3, *size, 3), np.uint8)
    made, expected = (loading.load_network(name, device).run(pictures) for device in ("numpy", "cpu"))
    assert made.shape == expected.shape and made.dtype == expected.dtype == np.float32
    assert np.abs(made - expected).max() < 1e-4 * np.abs(expected).max()


def test_the_number_of_threads_changes_nothing():
    network, pictures = loading.load_network(device="numpy"), RANDOM.integers(0, 256, (5, 64, 64, 3), np.uint8)
    maps = []
    try:
        for count in (1, 3):
            backends.set_threads(count)
            maps.append(network.run(pictures))
    finally:
        backends.set_threads(0)
    np.testing.assert_array_equal(*maps)
