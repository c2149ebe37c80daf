"""EfficientNet-Lite0 (Tan & Le 2019), whose features tell patches of photos and renderings apart."""

from __future__ import annotations

from torch import Tensor, nn
from torch.nn import functional


class EfficientNetLite0(nn.Module):
    """EfficientNet-Lite0 (Tan & Le 2019, ImageNet) up to its last layer of stride 16.

    Cell (row, column) of the map describes the surroundings of pixel
    `stride * column + center_of_first_cell` (and likewise down the rows). Because TensorFlow pads on the
    right, the 339 px that a cell can see are centred on 15.5; the trained weights lean back to the left.
    10 was measured on photos: mirrored photos match their own map best at 9.9 (x) and 9.8 (y), the gradient
    of a cell is centred on 10.6 and 8.9.
    """

    stride = 16
    channels = 112
    center_of_first_cell = 10.0

    def __init__(self) -> None:
        super().__init__()
        self.stem = _convolution(3, 32, kernel=3, stride=2)
        self.blocks = nn.Sequential(
            _Block(32, 16, kernel=3, stride=1, expansion=1),
            *_stage(16, 24, kernel=3, stride=2, repeats=2),
            *_stage(24, 40, kernel=5, stride=2, repeats=2),
            *_stage(40, 80, kernel=3, stride=2, repeats=3),
            *_stage(80, 112, kernel=5, stride=1, repeats=3),
        )

    def forward(self, images: Tensor) -> Tensor:
        """Map images (N, 3, H, W), sRGB in 0..1, to descriptors (N, 112, H // 16, W // 16), unbounded."""
        normalised = (images * 255 - 127) / 128
        return self.blocks(functional.relu6(self.stem(normalised), inplace=True))


class _Block(nn.Module):
    """Inverted residual block: widen, filter each channel on its own, narrow."""

    def __init__(self, inputs: int, outputs: int, kernel: int, stride: int, expansion: int = 6) -> None:
        super().__init__()
        hidden = inputs * expansion
        self.expand = nn.Conv2d(inputs, hidden, 1) if expansion > 1 else None
        self.depthwise = _convolution(hidden, hidden, kernel, stride, groups=hidden)
        self.project = nn.Conv2d(hidden, outputs, 1)
        self.residual = stride == 1 and inputs == outputs

    def forward(self, images: Tensor) -> Tensor:
        hidden = images if self.expand is None else functional.relu6(self.expand(images), inplace=True)
        hidden = functional.relu6(self.depthwise(hidden), inplace=True)
        narrow = self.project(hidden)
        return narrow + images if self.residual else narrow


def _stage(inputs: int, outputs: int, kernel: int, stride: int, repeats: int) -> list[_Block]:
    first = _Block(inputs, outputs, kernel, stride)
    return [first, *(_Block(outputs, outputs, kernel, stride=1) for _ in range(repeats - 1))]


def _convolution(inputs: int, outputs: int, kernel: int, stride: int, groups: int = 1) -> nn.Conv2d:
    # At stride 2 TensorFlow pads one pixel less on the left and top than on the right and bottom. A kernel
    # with one more row and column of zeros there says the same with equal padding, and without copying the
    # picture into a padded one (about 15 % of the time of the whole network).
    size = kernel + 1 if stride == 2 else kernel
    return nn.Conv2d(inputs, outputs, size, stride, padding=kernel // 2, groups=groups)
