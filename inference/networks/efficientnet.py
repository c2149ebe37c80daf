"""EfficientNet-Lite0 (Tan & Le 2019), whose features tell patches of photos and renderings apart."""

from __future__ import annotations

from .architecture import Array, Layers

# Strides of the inverted residual blocks; kernels and channels are those of their weights
STRIDES = (1, 2, 1, 2, 1, 2, 1, 1, 1, 1, 1)


class EfficientNetLite0:
    """EfficientNet-Lite0 (Tan & Le 2019, ImageNet) up to its last layer of stride 16: to 112 channels.

    Cell (row, column) of the map describes the surroundings of pixel
    `stride * column + center_of_first_cell` (and likewise down the rows). Because TensorFlow pads on the
    right, the 339 px that a cell can see are centred on 15.5; the trained weights lean back to the left.
    10 was measured on photos: mirrored photos match their own map best at 9.9 (x) and 9.8 (y), the gradient
    of a cell is centred on 10.6 and 8.9.
    """

    stride = 16
    channels = 112
    center_of_first_cell = 10.0

    def __init__(self, prefix: str = "") -> None:
        """prefix: of the names of its parameters, where it is a part of another network."""
        self.prefix = prefix

    def __call__(self, layers: Layers, images: Array) -> Array:
        return self.maps(layers, images)[-1]

    def maps(self, layers: Layers, images: Array) -> list[Array]:
        """The last map of each stride: of 2, 4, 8 and 16 px, with 16, 24, 40 and 112 channels."""
        image = layers.convolution(f"{self.prefix}stem", (images * 255 - 127) / 128, stride=2, then="relu6")
        maps = []
        for number, stride in enumerate(STRIDES):
            if stride == 2:
                maps.append(image)
            image = _inverted_residual(layers, f"{self.prefix}blocks.{number}", image, stride, expands=number > 0)
        return [*maps, image]


def _inverted_residual(layers: Layers, name: str, image: Array, stride: int, expands: bool) -> Array:
    """Widens, filters each channel on its own, narrows."""
    hidden = layers.convolution(f"{name}.expand", image, then="relu6") if expands else image
    hidden = layers.convolution(f"{name}.depthwise", hidden, stride, then="relu6")
    narrow = layers.convolution(f"{name}.project", hidden)
    return narrow + image if narrow.shape == image.shape else narrow
