"""Networks run, and trained, by PyTorch: the layers that architectures are made of, on pictures (N, C, H, W)."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from .architecture import Architecture

AT_ONCE = 4  # pictures: measured fastest on a CPU; 32 take 1.6 times as long each
RECTIFIERS = {"": lambda values, inplace: values, "relu": functional.relu, "relu6": functional.relu6}


class TorchLayers:
    """What architectures call, with the parameters of one network by name."""

    def __init__(self, parameters: Mapping[str, Tensor], training: bool = False) -> None:
        self.parameters, self.training = parameters, training

    def convolution(self, name: str, image: Tensor, stride: int = 1, dilation: int = 1, then: str = "") -> Tensor:
        weight, bias = self.parameters[f"{name}.weight"], self.parameters[f"{name}.bias"]
        padding = (weight.shape[-1] - 1) // 2 * dilation
        groups = image.shape[1] // weight.shape[1]
        return RECTIFIERS[then](functional.conv2d(image, weight, bias, stride, padding, dilation, groups), inplace=True)

    def dense(self, name: str, values: Tensor, then: str = "") -> Tensor:
        out = functional.linear(values, self.parameters[f"{name}.weight"], self.parameters[f"{name}.bias"])
        return RECTIFIERS[then](out, inplace=True)

    def halved(self, image: Tensor) -> Tensor:
        return functional.max_pool2d(image, 2, ceil_mode=True)

    def averaged(self, image: Tensor, side: int) -> Tensor:
        return functional.avg_pool2d(image, side)

    def resized(self, image: Tensor, like: Tensor) -> Tensor:
        if image.shape[2:] == like.shape[2:]:
            return image
        return functional.interpolate(image, like.shape[2:], mode="bilinear", align_corners=False)

    def joined(self, images: Sequence[Tensor]) -> Tensor:
        return torch.cat([*images], 1)

    def split(self, image: Tensor, channels: Sequence[int]) -> Sequence[Tensor]:
        return image.split([*channels], 1)

    def unshuffled(self, image: Tensor) -> Tensor:
        return functional.pixel_unshuffle(image, 2)

    def correlated(self, one: Tensor, other: Tensor, radius: int) -> Tensor:
        """As products of whole rows, of which a band is kept: half the time of sums of shifted products."""
        number, channels, height, width = one.shape
        here = one.permute(0, 2, 3, 1)
        around = functional.pad(other, [radius] * 4).permute(0, 2, 3, 1)
        side, wide = 2 * radius + 1, width + 2 * radius
        band = (number, height, width, side), (height * width * wide, width * wide, wide + 1, 1)
        rows = [here @ around[:, y : y + height].transpose(-1, -2) for y in range(side)]
        return torch.cat([row.contiguous().as_strided(*band) for row in rows], -1).permute(0, 3, 1, 2) / channels

    def warped(self, image: Tensor, flow: Tensor) -> Tensor:
        height, width = image.shape[2:]
        axes = (torch.arange(side, device=flow.device) + 0.5 for side in (height, width))
        y, x = torch.meshgrid(*axes, indexing="ij")
        places = torch.stack([(x + flow[:, 0]) * (2 / width) - 1, (y + flow[:, 1]) * (2 / height) - 1], -1)
        return functional.grid_sample(image.float(), places, align_corners=False).to(image.dtype)

    def flattened(self, image: Tensor) -> Tensor:
        return image.flatten(1)

    def each(
        self, function: Callable[[Tensor], Sequence[Tensor]], images: Sequence[Tensor]
    ) -> Sequence[Sequence[Tensor]]:
        maps = function(torch.cat([*images]))
        return [*zip(*(one.chunk(len(images)) for one in maps), strict=True)]

    def detached(self, image: Tensor) -> Tensor:
        return image.detach().float()

    def dropped(self, values: Tensor, part: float) -> Tensor:
        return functional.dropout(values, part, self.training)

    def sigmoid(self, image: Tensor) -> Tensor:
        return image.sigmoid()


class TorchRun(nn.Module):
    """A module that makes maps or vectors of pictures."""

    @property
    def device(self) -> torch.device:
        return next(self.parameters()).device

    @torch.inference_mode()
    def run(self, pictures: np.ndarray) -> np.ndarray:
        """What it makes of pictures (N, H, W, C), uint8 or float of 0..1: (N, ...) float32, channels last."""
        scale = 1 / 255 if pictures.dtype == np.uint8 else 1
        made = []
        for some in torch.from_numpy(pictures.copy()).split(AT_ONCE):
            out = self(some.to(self.device).permute(0, 3, 1, 2) * scale)
            made.append((out.permute(0, 2, 3, 1) if out.ndim == 4 else out).cpu())
        return torch.cat(made).numpy()

    def parameter_sizes(self) -> dict[int, int]:
        """Addresses and bytes of the parameters."""
        return {value.data_ptr(): value.element_size() * value.nelement() for value in self.state_dict().values()}


class TorchNetwork(TorchRun):
    """An architecture with its parameters, by name."""

    def __init__(self, architecture: Architecture, parameters: Mapping[str, np.ndarray | Tensor]) -> None:
        super().__init__()
        self.architecture = architecture
        for name, value in parameters.items():
            *path, last = name.split(".")
            module: nn.Module = self
            for part in path:
                if part not in module._modules:
                    module.add_module(part, nn.Module())
                module = module._modules[part]
            module.register_parameter(last, nn.Parameter(torch.as_tensor(value).float()))

    def forward(self, images: Tensor) -> Tensor:
        return self.architecture(TorchLayers(dict(self.named_parameters()), self.training), images)


def in_use(network: TorchRun, device: str) -> TorchRun:
    """On that device, to be used and not to be trained."""
    return network.eval().requires_grad_(False).to(device, memory_format=torch.channels_last)
