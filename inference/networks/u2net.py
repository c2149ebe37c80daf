"""U2-Net-p (Qin et al. 2020): what stands out in a photo."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional


class U2NetP(nn.Module):
    """U2-Net-p (Qin et al. 2020, trained on DUTS): which pixels belong to what stands out in a picture.

    A U of blocks that are U's themselves. Each level of its upward half votes with a mask of its own, and a
    weighted sum of the six votes decides.
    """

    side = 320  # px, of the pictures it was trained on

    def __init__(self) -> None:
        super().__init__()
        # in the order in which the published file lists them, for its layers have no names
        self.votes = nn.ModuleList(nn.Conv2d(64, 1, 3, padding=1) for _ in range(6))
        self.fuse = nn.Conv2d(6, 1, 1)
        self.down = nn.ModuleList([_ResidualU(3, depth=7)])
        self.down.extend(nn.Sequential(_halving(), _ResidualU(64, depth)) for depth in (6, 5, 4))
        self.down.extend(nn.Sequential(_halving(), _ResidualU(64, depth=4, dilated=True)) for _ in range(2))
        self.up = nn.ModuleList([_ResidualU(128, depth=4, dilated=True)])
        self.up.extend(_ResidualU(128, depth) for depth in (4, 5, 6, 7))

    def forward(self, images: Tensor) -> Tensor:
        """Map images (N, 3, H, W), RGB from 0 to any brightest value, to masks (N, 1, H, W) of 0..1."""
        brightest = images.amax((1, 2, 3), keepdim=True).clamp(min=1e-6)
        mean, deviation = images.new_tensor([[0.485, 0.456, 0.406], [0.229, 0.224, 0.225]])[..., None, None]
        maps = _down_and_up((images / brightest - mean) / deviation, self.down, self.up)
        votes = [_resized(vote(image), images) for vote, image in zip(self.votes, reversed(maps), strict=True)]
        return self.fuse(torch.cat(votes, 1)).sigmoid()


class _ResidualU(nn.Module):
    """Small U-Net with depth levels, added to its own input; dilated ones widen their kernels, not the pixels."""

    def __init__(self, inputs: int, depth: int, dilated: bool = False) -> None:
        super().__init__()
        dilations = [2**level for level in range(depth)] if dilated else [1] * (depth - 1) + [2]
        self.entry = _rectified(inputs, 64)
        self.down = nn.ModuleList([_rectified(64, 16)])
        for dilation in dilations[1:]:
            layer = _rectified(16, 16, dilation)
            self.down.append(nn.Sequential(_halving(), layer) if dilation == 1 else layer)
        self.up = nn.ModuleList(_rectified(32, 16, dilation) for dilation in dilations[-2:0:-1])
        self.up.append(_rectified(32, 64))

    def forward(self, images: Tensor) -> Tensor:
        entered = self.entry(images)
        return _down_and_up(entered, self.down, self.up)[-1] + entered


def _down_and_up(image: Tensor, down: nn.ModuleList, up: nn.ModuleList) -> list[Tensor]:
    """Results of the coarsest layer down and of all layers up; those see the last result and their own level's."""
    levels = []
    for layer in down:
        image = layer(image)
        levels.append(image)
    results = [levels.pop()]
    for layer in up:
        level = levels.pop()
        results.append(layer(torch.cat([_resized(results[-1], level), level], 1)))
    return results


def _resized(image: Tensor, like: Tensor) -> Tensor:
    if image.shape[2:] == like.shape[2:]:
        return image
    return functional.interpolate(image, like.shape[2:], mode="bilinear", align_corners=False)


def _rectified(inputs: int, outputs: int, dilation: int = 1) -> nn.Sequential:
    return nn.Sequential(nn.Conv2d(inputs, outputs, 3, padding=dilation, dilation=dilation), nn.ReLU(inplace=True))


def _halving() -> nn.MaxPool2d:
    return nn.MaxPool2d(2, ceil_mode=True)
