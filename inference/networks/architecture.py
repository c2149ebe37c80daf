"""Networks are described once, as functions of layers, which PyTorch or numpy provide."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

# What numpy and PyTorch call an array of theirs: of one picture (H, W, C), or of several (N, C, H, W). Both are added
# and multiplied alike; for all else there are layers.
Array = Any


class Layers(Protocol):
    """The layers of networks. Those with a name have parameters: `name.weight`, in PyTorch's order of axes, and
    `name.bias`."""

    def convolution(self, name: str, image: Array, stride: int = 1, dilation: int = 1, then: str = "") -> Array:
        """Padded with zeros so that stride 1 keeps the size; of each channel on its own where the weights are.

        A kernel with a row and a column of zeros before the others looks further to the right and below: as
        TensorFlow, which at stride 2 pads less on the left and top. then: relu, relu6 or nothing.
        """

    def dense(self, name: str, values: Array, then: str = "") -> Array:
        """Every output from all inputs."""

    def halved(self, image: Array) -> Array:
        """The largest of 2 x 2 pixels; of fewer at the end of odd sides."""

    def resized(self, image: Array, like: Array) -> Array:
        """To the size of another, linearly."""

    def joined(self, images: Sequence[Array]) -> Array:
        """One after the other along the channels."""

    def flattened(self, image: Array) -> Array:
        """Channel by channel, row by row."""

    def dropped(self, values: Array, part: float) -> Array:
        """While training this part of the values is zero, by chance, and the others are larger for it."""

    def sigmoid(self, image: Array) -> Array: ...


class Architecture(Protocol):
    """One network, without its parameters."""

    def __call__(self, layers: Layers, images: Array) -> Array:
        """What it makes of images, sRGB in 0..1."""
