"""Networks run by numpy alone: the layers that architectures are made of, on single pictures (H, W, C) float32."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from copy import copy
from functools import partial
from typing import NamedTuple

import numpy as np
from numpy.lib.stride_tricks import as_strided, sliding_window_view

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
    """What architectures call, with the parameters of one network by name.

    threads: how many one picture may take.
    """

    def __init__(self, parameters: Mapping[str, np.ndarray], threads: int = 1) -> None:
        self.threads = threads
        values = {name: value.astype(np.float32) for name, value in parameters.items()}
        convolutions = {name.rpartition(".")[0] for name, value in values.items() if value.ndim == 4}
        self.kernels = {
            name: Kernel.of(values.pop(f"{name}.weight"), values.pop(f"{name}.bias")) for name in convolutions
        }
        self.others = values  # of dense layers

    def with_threads(self, count: int) -> NumpyLayers:
        """The same layers for pictures that may take so many threads each."""
        layers = copy(self)
        layers.threads = count
        return layers

    def convolution(
        self, name: str, image: np.ndarray, stride: int = 1, dilation: int = 1, then: str = ""
    ) -> np.ndarray:
        kernel = self.kernels[name]
        if len(kernel.weights) == 1 == stride:
            height, width, channels = image.shape
            out = product(image.reshape(-1, channels), kernel.weights[0, 0]).reshape(height, width, -1)
        else:
            gather = _depthwise if kernel.weights.ndim == 3 else _convolved
            out = gather(_windows(image, kernel, stride, dilation), kernel.weights)
        out += kernel.bias
        return _rectified(out, then)

    def dense(self, name: str, values: np.ndarray, then: str = "") -> np.ndarray:
        out = self.others[f"{name}.weight"] @ values + self.others[f"{name}.bias"]
        return _rectified(out, then)

    def halved(self, image: np.ndarray) -> np.ndarray:
        for axis in (0, 1):
            image = image.swapaxes(0, axis)
            halved, other = image[::2].copy(), image[1::2]
            np.maximum(halved[: len(other)], other, out=halved[: len(other)])
            image = halved.swapaxes(0, axis)
        return image

    def averaged(self, image: np.ndarray, side: int) -> np.ndarray:
        height, width, channels = image.shape
        rows, columns = height // side, width // side
        squares = image[: rows * side, : columns * side].reshape(rows, side, columns, side, channels)
        return squares.mean((1, 3), dtype=np.float32)

    def resized(self, image: np.ndarray, like: np.ndarray) -> np.ndarray:
        for axis in (0, 1):
            image = _stretched(image.swapaxes(0, axis), like.shape[axis]).swapaxes(0, axis)
        return image

    def joined(self, images: Sequence[np.ndarray]) -> np.ndarray:
        return np.concatenate(images, -1)

    def split(self, image: np.ndarray, channels: Sequence[int]) -> Sequence[np.ndarray]:
        return np.split(image, np.cumsum(channels)[:-1], -1)

    def unshuffled(self, image: np.ndarray) -> np.ndarray:
        height, width, channels = image.shape
        squares = image.reshape(height // 2, 2, width // 2, 2, channels)
        return squares.transpose(0, 2, 4, 1, 3).reshape(height // 2, width // 2, -1)

    def correlated(self, one: np.ndarray, other: np.ndarray, radius: int) -> np.ndarray:
        side = 2 * radius + 1
        padded = np.pad(other, ((radius, radius), (radius, radius), (0, 0)))
        around = sliding_window_view(padded, (side, side), (0, 1)).transpose(0, 1, 3, 4, 2)
        products = np.einsum("yxc,yxijc->yxij", one, around)
        return products.reshape(*one.shape[:2], -1) / np.float32(one.shape[2])

    def warped(self, image: np.ndarray, flow: np.ndarray) -> np.ndarray:
        height, width, channels = image.shape
        padded = np.zeros((height + 3, width + 3, channels), np.float32)  # zero around: one pixel before, two behind
        padded[1:-2, 1:-2] = image
        x = (np.arange(width, dtype=np.float32) + flow[..., 0] + 1).clip(0, width + 1)
        y = (np.arange(height, dtype=np.float32)[:, None] + flow[..., 1] + 1).clip(0, height + 1)
        left, top = x.astype(int), y.astype(int)
        at, (right, down) = top * (width + 3) + left, (x - left, y - top)
        pixels, shares = padded.reshape(-1, channels), ((1 - down), down)
        out = np.zeros((height, width, channels), np.float32)
        for row, share in enumerate(shares):
            for column, part in enumerate((1 - right, right)):
                out += (share * part)[..., None] * pixels[at + row * (width + 3) + column]
        return out

    def flattened(self, image: np.ndarray) -> np.ndarray:
        return image.transpose(2, 0, 1).ravel()

    def each(
        self, function: Callable[[np.ndarray], Sequence[np.ndarray]], images: Sequence[np.ndarray]
    ) -> Sequence[Sequence[np.ndarray]]:
        if self.threads < 2:
            return [function(image) for image in images]
        with ThreadPoolExecutor(min(self.threads, len(images))) as pool:
            return [*pool.map(function, images)]

    def detached(self, image: np.ndarray) -> np.ndarray:
        return image

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
        """What it makes of pictures (N, H, W, C), uint8 or float of 0..1: (N, ...) float32, channels last. Pictures are
        the work of threads, for numpy lets go of the interpreter in its loops."""
        if not len(pictures):
            return self.run(np.zeros((1, *pictures.shape[1:]), np.float32))[:0]
        one = partial(self._one, self._layers.with_threads(max(1, threads() // len(pictures))))
        if len(pictures) < 2 or threads() < 2:
            return np.stack([one(picture) for picture in pictures])
        with ThreadPoolExecutor(min(threads(), len(pictures))) as pool:
            return np.stack([*pool.map(one, pictures)])

    def _one(self, layers: NumpyLayers, picture: np.ndarray) -> np.ndarray:
        scale = np.float32(1 / 255 if picture.dtype == np.uint8 else 1)
        return self.architecture(layers, picture * scale)

    def parameter_sizes(self) -> dict[int, int]:
        """Addresses and bytes of the parameters."""
        layers = self._layers
        arrays = [*layers.others.values(), *(part for kernel in layers.kernels.values() for part in kernel[:2])]
        return {array.ctypes.data: array.nbytes for array in arrays}


def _windows(image: np.ndarray, kernel: Kernel, stride: int, dilation: int) -> np.ndarray:
    """(H', W', rows, columns, C): views of what the kernel sees at each place of a padded copy of the image."""
    size, shift = len(kernel.weights), kernel.shift
    before = ((size - 1) // 2 - shift) * dilation
    less = dilation * ((size + shift) % 2 == 0)  # PyTorch pads as much on both sides, which an even kernel outgrows
    height, width = ((side - 1 - less) // stride + 1 for side in image.shape[:2])
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
