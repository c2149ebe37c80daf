"""Networks run, and trained, by PyTorch: the layers that architectures are made of, on pictures (N, C, H, W)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

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

    def resized(self, image: Tensor, like: Tensor) -> Tensor:
        if image.shape[2:] == like.shape[2:]:
            return image
        return functional.interpolate(image, like.shape[2:], mode="bilinear", align_corners=False)

    def joined(self, images: Sequence[Tensor]) -> Tensor:
        return torch.cat([*images], 1)

    def flattened(self, image: Tensor) -> Tensor:
        return image.flatten(1)

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
        """What it makes of pictures (N, H, W, 3), uint8 or float of 0..1: (N, ...) float32, channels last."""
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
