"""Networks are described once, as functions of layers, which PyTorch or numpy provide."""

from __future__ import annotations

from collections.abc import Callable, Sequence
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

    def averaged(self, image: Array, side: int) -> Array:
        """The means of side x side pixels; what is left at the end of a side is left out."""

    def resized(self, image: Array, like: Array) -> Array:
        """To the size of another, linearly."""

    def joined(self, images: Sequence[Array]) -> Array:
        """One after the other along the channels."""

    def split(self, image: Array, channels: Sequence[int]) -> Sequence[Array]:
        """So many channels, and so many of the next ones."""

    def unshuffled(self, image: Array) -> Array:
        """2 x 2 pixels become channels of one, those of each channel one after the other; even sides."""

    def correlated(self, one: Array, other: Array, radius: int) -> Array:
        """At each place the mean products, over the channels, of one there and of the other up to radius pixels around,
        row by row; outside of it all is zero."""

    def warped(self, image: Array, flow: Array) -> Array:
        """What is so many pixels to the right and below of each place, linearly; zero outside."""

    def flattened(self, image: Array) -> Array:
        """Channel by channel, row by row."""

    def each(self, function: Callable[[Array], Sequence[Array]], images: Sequence[Array]) -> Sequence[Sequence[Array]]:
        """What the function makes of each of several images of the same size, at the same time where that is faster."""

    def detached(self, image: Array) -> Array:
        """While training nothing is learnt from what comes of it about where it came from; float32."""

    def dropped(self, values: Array, part: float) -> Array:
        """While training this part of the values is zero, by chance, and the others are larger for it."""

    def sigmoid(self, image: Array) -> Array: ...


class Architecture(Protocol):
    """One network, without its parameters."""

    def __call__(self, layers: Layers, images: Array) -> Array:
        """What it makes of images: sRGB in 0..1, and what else of that range the network looks at."""
