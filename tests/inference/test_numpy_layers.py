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


def assert_alike(
    layer: str,
    *arguments,
    of: dict | None = None,
    images: list[np.ndarray],
    together: bool = False,
    first: bool = True,
):
    """What both make of the same images, (H, W, C), which they take together in one list, or one after the other behind
    the first of the arguments, the name, or before all of them."""
    tensors = [torch.from_numpy(one).permute(2, 0, 1)[None] for one in images]
    both = []
    for layers, some in ((NumpyLayers(of or {}), images), (_torch(of or {}), tensors)):
        call = getattr(layers, layer)
        named = 1 if first else 0
        both.append(call(*arguments, some) if together else call(*arguments[:named], *some, *arguments[named:]))
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


@pytest.mark.parametrize("zeros", [True, False])
@pytest.mark.parametrize("shape", [(8, 3, 4, 4), (40, 1, 6, 6)])
def test_even_kernels_are_torch_s(shape, zeros):
    """A row and a column of zeros shift a kernel, as those of EfficientNet-Lite0 at stride 2; the aligner's trunk has
    learnt others in their place."""
    padded = parameters(*shape)
    if zeros:
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


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("side", [1, 2, 3])
def test_means_are_torch_s(size, side):
    some = image(*size, 4)
    made = NumpyLayers({}).averaged(some, side)
    expected = torch.nn.functional.avg_pool2d(torch.from_numpy(some).permute(2, 0, 1), side).permute(1, 2, 0)
    np.testing.assert_allclose(made, expected, atol=1e-5)
    assert_alike("averaged", side, images=[some], first=False)


@pytest.mark.parametrize("size", [(24, 24), (6, 30)])
def test_pixels_become_channels_as_torch_s(size):
    assert_alike("unshuffled", images=[image(*size, 5)])


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("radius", [1, 3])
def test_correlations_are_products_with_the_surroundings(size, radius):
    """Of a plain loop."""
    one, other = image(*size, 7), image(*size, 7)
    made = NumpyLayers({}).correlated(one, other, radius)
    side = 2 * radius + 1
    for y, x in np.ndindex(*size):
        for row, column in np.ndindex(side, side):
            there = y + row - radius, x + column - radius
            inside = 0 <= there[0] < size[0] and 0 <= there[1] < size[1]
            expected = one[y, x] @ other[there] / 7 if inside else 0
            assert made[y, x, row * side + column] == pytest.approx(expected, abs=1e-5)
    assert_alike("correlated", radius, images=[one, other], first=False)


@pytest.mark.parametrize("size", SIZES)
def test_a_warped_picture_shows_what_lies_where_the_flow_points(size):
    some, flow = image(*size, 4), np.zeros((*size, 2), np.float32)
    flow[..., 0], flow[..., 1] = 2, -1
    expected = np.zeros_like(some)
    expected[1:, :-2] = some[:-1, 2:]
    np.testing.assert_allclose(NumpyLayers({}).warped(some, flow), expected, atol=1e-5)
    assert_alike("warped", images=[some, flow])
    assert_alike("warped", images=[some, 0.3 * max(size) * image(*size, 2)])  # many places between pixels, and outside


def test_each_is_the_same_on_several_threads_and_on_one():
    images, layers = [image(9, 7, 3) for _ in range(3)], NumpyLayers({})

    def described(one):
        return [layers.halved(one), 2 * one]

    alone = [described(one) for one in images]
    for made in (layers.each(described, images), layers.with_threads(2).each(described, images)):
        for maps, expected in zip(made, alone, strict=True):
            for one, other in zip(maps, expected, strict=True):
                np.testing.assert_array_equal(one, other)
    torch_s, tensors = _torch({}), [torch.from_numpy(one).permute(2, 0, 1)[None] for one in images]
    for maps, expected in zip(torch_s.each(lambda one: [torch_s.halved(one), 2 * one], tensors), alone, strict=True):
        for one, other in zip(maps, expected, strict=True):
            np.testing.assert_array_equal(one[0].permute(1, 2, 0), other)


@pytest.mark.parametrize("size", SIZES)
def test_split_is_joined_back(size):
    some = image(*size, 6)
    parts = NumpyLayers({}).split(some, (1, 3, 2))
    assert [part.shape[-1] for part in parts] == [1, 3, 2]
    np.testing.assert_array_equal(NumpyLayers({}).joined(parts), some)
    tensor = torch.from_numpy(some).permute(2, 0, 1)[None]
    for part, expected in zip(_torch({}).split(tensor, (1, 3, 2)), parts, strict=True):
        np.testing.assert_array_equal(part[0].permute(1, 2, 0), expected)


@pytest.mark.parametrize(
    ("name", "size"), [("efficientnet_lite0", (224, 224)), ("efficientnet_lite0", (130, 211)), ("u2netp", (96, 81))]
)
def test_whole_networks_say_the_same(name, size):
    pictures = RANDOM.integers(0, 256, (3, *size, 3), np.uint8)
    made, expected = (loading.load_network(name, device).run(pictures) for device in ("numpy", "cpu"))
    assert made.shape == expected.shape and made.dtype == expected.dtype == np.float32
    # a mask of noise is a thousandth, of which 32 bits keep no more: processors round differently
    assert np.abs(made - expected).max() < 1e-4 * max(np.abs(expected).max(), 0.01)


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
