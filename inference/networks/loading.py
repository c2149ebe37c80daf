"""Networks by name, plain torch modules with bundled weights: crops to maps of descriptors, photos to masks."""

from __future__ import annotations

import zipfile
from functools import lru_cache
from pathlib import Path
from weakref import WeakSet

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from ..errors import PoseError
from . import inception

WEIGHTS = Path(__file__).parent / "weights"


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


in_memory: WeakSet[nn.Module] = WeakSet()
NETWORKS = {"efficientnet_lite0": EfficientNetLite0, "u2netp": U2NetP}


@lru_cache
def load_network(name: str = "efficientnet_lite0", device: str = "cpu") -> nn.Module:
    """Network of that name with its weights, in evaluation mode; the same object when asked again.

    Every feature network has the attribute `stride` (px between cells); those whose cells lie in a crop as
    crops.patch_centers says also have `center_of_first_cell` (px). Raises PoseError for an unknown name, and for
    inception_v3 without weights, which are not bundled.
    """
    if name.partition(":")[0] == inception.NAME:
        network = inception.load_inception(name)
    elif name in NETWORKS:
        network = NETWORKS[name]()
        _load_weights(network, WEIGHTS / f"{name}.npz")
    else:
        raise PoseError(f"There is no network '{name}'; choose one of: {', '.join([*NETWORKS, inception.NAME])}.")
    return ready(network, device)


def ready(network: nn.Module, device: str) -> nn.Module:
    """The network on that device, to be used and not to be trained."""
    network = network.eval().requires_grad_(False).to(device, memory_format=torch.channels_last)
    in_memory.add(network)
    return network


def _load_weights(network: nn.Module, path: Path) -> None:
    try:
        with np.load(path) as arrays:
            network.load_state_dict({key: torch.from_numpy(array) for key, array in arrays.items()})
    except (OSError, ValueError, KeyError, EOFError, RuntimeError, zipfile.BadZipFile) as error:
        raise PoseError(f'"{path.name}" of Photo Pose is missing or damaged; install the extension again.') from error


def feature_network(name: str = "efficientnet_lite0", device: str = "auto", patches: bool = False) -> nn.Module:
    """A network for extract_features on a device that is there; with patches one whose cells are the crops' patches.

    PoseError for unknown names and other networks.
    """
    network = load_network(name, chosen_device(device))
    if not hasattr(network, "stride"):
        raise PoseError(f"The network '{name}' makes masks, not features to match by.")
    if patches and not has_patches(network):
        raise PoseError(f"The network '{name}' can only look for the nearest views, with the method knn.")
    return network


def has_patches(network: nn.Module) -> bool:
    """Whether its cells lie in a crop as crops.patch_centers says."""
    return hasattr(network, "center_of_first_cell")


def chosen_device(name: str = "auto") -> str:
    """The torch device of that name; auto takes a GPU where there is one. PoseError where it cannot be used."""
    usable = {"cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available(), "cpu": True}
    if name == "auto":
        return next(device for device, available in usable.items() if available)
    if not usable.get(name):
        raise PoseError(f"This computer or its PyTorch has no device '{name}'; use cpu.")
    return name


@torch.inference_mode()
def extract_features(network: nn.Module, crops: np.ndarray, batch: int = 4) -> np.ndarray:
    """Descriptors (N, H // stride, W // stride, channels) float32 of crops (N, H, W, 3) uint8 sRGB.

    Of inception_v3, which resizes its crops, (N, G, G, channels) with a G of its own.

    Four crops at a time measured fastest on a CPU; 32 take 1.6 times as long each.
    """
    device = next(network.parameters()).device
    maps = []
    for part in torch.from_numpy(crops.copy()).split(batch):
        images = part.to(device).permute(0, 3, 1, 2) / 255
        maps.append(network(images).permute(0, 2, 3, 1).cpu())
    return torch.cat(maps).numpy()
