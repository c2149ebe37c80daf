"""Networks run by numpy alone: the layers that architectures are made of, on single pictures (H, W, C) float32."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple

import numpy as np
from numpy.lib.stride_tricks import as_strided

from ..products import product
from .architecture import Architecture
from .backends import threads

# Both measured with EfficientNet-Lite0 and U2-Net-p
PIECE = 2**17  # numbers of a picture's surroundings that are gathered at once: half a MB, which stays in the cache
LONGEST = 1000  # numbers that one step of a depthwise convolution works on


class Kernel(NamedTuple):
    """weights (rows, columns, C, N), of a depthwise one (rows, columns, C); bias (N,); shift: pixels to the right and
    down, by which it looks past its own middle."""

    weights: np.ndarray
    bias: np.ndarray
    shift: int

    @classmethod
    def of(cls, weight: np.ndarray, bias: np.ndarray) -> Kernel:
        """From PyTorch's order of axes; a row and a column of zeros, which only shift the others, are left out."""
        shift = int(weight.shape[-1] % 2 == 0 and not weight[..., 0, :].any() and not weight[..., :, 0].any())
        weight = weight[..., shift:, shift:]
        weights = weight.transpose(2, 3, 1, 0)
        depthwise = weight.shape[1] == 1 < weight.shape[0]
        return cls(np.ascontiguousarray(weights[:, :, 0] if depthwise else weights), bias, shift)


class NumpyLayers:
    """What architectures call, with the parameters of one network by name."""

    def __init__(self, parameters: Mapping[str, np.ndarray]) -> None:
        self.parameters = {name: value.astype(np.float32) for name, value in parameters.items()}
        self._kernels = {
            name: Kernel.of(self.parameters[f"{name}.weight"], self.parameters[f"{name}.bias"])
            for name in {name.rpartition(".")[0] for name, value in self.parameters.items() if value.ndim == 4}
        }

    def convolution(
        self, name: str, image: np.ndarray, stride: int = 1, dilation: int = 1, then: str = ""
    ) -> np.ndarray:
        kernel = self._kernels[name]
        if len(kernel.weights) == 1 == stride:
            height, width, channels = image.shape
            out = product(image.reshape(-1, channels), kernel.weights[0, 0]).reshape(height, width, -1)
        else:
            gather = _depthwise if kernel.weights.ndim == 3 else _convolved
            out = gather(_windows(image, kernel, stride, dilation), kernel.weights)
        out += kernel.bias
        return _rectified(out, then)

    def dense(self, name: str, values: np.ndarray, then: str = "") -> np.ndarray:
        out = self.parameters[f"{name}.weight"] @ values + self.parameters[f"{name}.bias"]
        return _rectified(out, then)

    def halved(self, image: np.ndarray) -> np.ndarray:
        for axis in (0, 1):
            image = image.swapaxes(0, axis)
            halved, other = image[::2].copy(), image[1::2]
            np.maximum(halved[: len(other)], other, out=halved[: len(other)])
            image = halved.swapaxes(0, axis)
        return image

    def resized(self, image: np.ndarray, like: np.ndarray) -> np.ndarray:
        for axis in (0, 1):
            image = _stretched(image.swapaxes(0, axis), like.shape[axis]).swapaxes(0, axis)
        return image

    def joined(self, images: Sequence[np.ndarray]) -> np.ndarray:
        return np.concatenate(images, -1)

    def flattened(self, image: np.ndarray) -> np.ndarray:
        return image.transpose(2, 0, 1).ravel()

    def dropped(self, values: np.ndarray, part: float) -> np.ndarray:
        return values

    def sigmoid(self, image: np.ndarray) -> np.ndarray:
        return 1 / (1 + np.exp(-image))


class NumpyNetwork:
    """An architecture with its parameters, by name: to be used, not to be trained."""

    device = "numpy"

    def __init__(self, architecture: Architecture, parameters: Mapping[str, np.ndarray]) -> None:
        self.architecture = architecture
        self._layers = NumpyLayers(parameters)

    def run(self, pictures: np.ndarray) -> np.ndarray:
        """What it makes of pictures (N, H, W, 3), uint8 or float of 0..1: (N, ...) float32, channels last. A picture is
        one thread's work, for numpy lets go of the interpreter in its loops."""
        if not len(pictures):
            return self.run(np.zeros((1, *pictures.shape[1:]), np.float32))[:0]
        if len(pictures) < 2 or threads() < 2:
            return np.stack([self._one(picture) for picture in pictures])
        with ThreadPoolExecutor(min(threads(), len(pictures))) as pool:
            return np.stack([*pool.map(self._one, pictures)])

    def _one(self, picture: np.ndarray) -> np.ndarray:
        scale = np.float32(1 / 255 if picture.dtype == np.uint8 else 1)
        return self.architecture(self._layers, picture * scale)

    def parameter_sizes(self) -> dict[int, int]:
        """Addresses and bytes of the parameters."""
        return {value.ctypes.data: value.nbytes for value in self._layers.parameters.values()}


def _windows(image: np.ndarray, kernel: Kernel, stride: int, dilation: int) -> np.ndarray:
    """(H', W', rows, columns, C): views of what the kernel sees at each place of a padded copy of the image."""
    size, shift = len(kernel.weights), kernel.shift
    before = ((size - 1) // 2 - shift) * dilation
    height, width = ((side - 1 - shift) // stride + 1 for side in image.shape[:2])
    reach = (size - 1) * dilation + 1
    padded = np.zeros(((height - 1) * stride + reach, (width - 1) * stride + reach, image.shape[2]), np.float32)
    inner = padded[before : before + len(image), before : before + image.shape[1]]
    inner[:] = image[: inner.shape[0], : inner.shape[1]]
    y, x, c = padded.strides
    return as_strided(
        padded,
        (height, width, size, size, image.shape[2]),
        (stride * y, stride * x, dilation * y, dilation * x, c),
        writeable=False,
    )


def _convolved(windows: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """(H', W', N): products of what is gathered of as many rows as fit into the cache."""
    height, width = windows.shape[:2]
    weights = weights.reshape(-1, weights.shape[-1])
    out = np.empty((height, width, weights.shape[1]), np.float32)
    rows = max(1, PIECE // (width * len(weights)))
    for top in range(0, height, rows):
        some = windows[top : top + rows].reshape(-1, len(weights))
        out[top : top + rows] = product(some, weights).reshape(-1, width, weights.shape[1])
    return out


def _depthwise(windows: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """(H', W', C): each channel by its own kernel.

    einsum multiplies and adds in one go, and the faster the longer its rows are; at stride 1 neighbours lie one after
    the other in memory, so that several of them make one row.
    """
    height, width, size, _, channels = windows.shape
    out = np.empty((height, width, channels), np.float32)
    together = 1
    if windows.strides[1] == windows.strides[3] == channels * windows.itemsize:
        fitting = [count for count in range(1, width + 1) if width % count == 0 and count * channels <= LONGEST]
        together = max(fitting, default=1)
    y, x, row, column, c = windows.strides
    shape = height, width // together, size, size, together * channels
    rows = as_strided(windows, shape, (y, together * x, row, column, c), writeable=False)
    np.einsum("yxijc,ijc->yxc", rows, np.tile(weights, together), out=out.reshape(height, -1, together * channels))
    return out


def _rectified(values: np.ndarray, then: str) -> np.ndarray:
    """In place: nothing, relu or relu6."""
    if then:
        np.maximum(values, 0, out=values)
    if then == "relu6":
        np.minimum(values, 6, out=values)
    return values


def _stretched(image: np.ndarray, length: int) -> np.ndarray:
    """Linearly along the first axis, by the middles of pixels; the ends go on beyond them."""
    if len(image) == length:
        return image
    at = ((np.arange(length) + 0.5) * (len(image) / length) - 0.5).clip(0, len(image) - 1)
    first = at.astype(int)
    share = (at - first).astype(np.float32).reshape(-1, *[1] * (image.ndim - 1))
    first_values = image[first]
    return first_values + share * (image[np.minimum(first + 1, len(image) - 1)] - first_values)
