"""Networks that name the direction of view at once, without training views to compare with: crops to rotations."""

from __future__ import annotations

import copy
import json
import math
import zipfile
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from ..errors import PoseError
from ..files import replacing, writing
from ..geometry import look_at
from ..look import DEFAULT_NETWORK
from . import registry
from .loading import WEIGHTS, chosen_device, load_network, ready

# By judgement; `python -m benchmark.train_chairs` measures the networks as they are
AZIMUTHS = 12  # hypotheses of Lite0Regressor, evenly around the model
CONCENTRATION = 12.0  # of the share that a hypothesis has in a direction near its azimuth
TUNED = 5  # blocks of the trunk from here on are trained; those before see edges and colours only
CROPS_AT_ONCE = 8  # through a network


class Prediction(NamedTuple):
    """What a regressor says of N crops: H hypotheses each, the most probable first.

    rotations (N, H, 3, 3) world -> camera, of a camera that looks at the model's centre; probabilities (N, H).
    """

    rotations: np.ndarray
    probabilities: np.ndarray

    @property
    def directions(self) -> np.ndarray:
        """(N, 3) unit: from the model's centre to the camera, by the first hypothesis."""
        return -self.rotations[:, 0, 2]


class PaperRegressor(nn.Module):
    """The network that Eberts & Ulges train from scratch: a crop to the position of the camera on the unit sphere.

    Four 5 x 5 convolutions, each with ReLU and 2 x 2 max pooling, make 13 x 13 x 150 of 208 x 208 pixels; two fully
    connected layers follow, 50 % dropout between them. The paper does not tell the hidden width: 96 keeps the
    float16 file below 6 MB. The camera is upright.
    """

    side = 208
    roll = 0.0  # radians, deviation of the rolls to train with
    # Parts of the training until which it sees plain pictures, and from which on it sees none: from the start on,
    # varied ones before photos teach it nothing but the mean direction for many epochs.
    plain = 3 / 28, 10 / 28
    occluded = 0.0  # part of the pictures in which something stands before the model

    def __init__(self, hidden: int = 96) -> None:
        super().__init__()
        layers, widths = [], (3, 20, 50, 100, 150)
        for inputs, outputs in zip(widths, widths[1:], strict=False):
            # the paper's order is ReLU, then pooling: the same numbers, four times the work
            layers += [nn.Conv2d(inputs, outputs, 5, padding=2), nn.MaxPool2d(2), nn.ReLU(inplace=True)]
        self.convolutions = nn.Sequential(*layers)
        self.hidden = nn.Linear(13 * 13 * 150, hidden)
        self.dropout = nn.Dropout(0.5)
        self.position = nn.Linear(hidden, 3)
        for layer in (*self.convolutions, self.hidden):  # else layer by layer less gets through (He et al. 2015)
            if hasattr(layer, "weight"):
                nn.init.kaiming_normal_(layer.weight, nonlinearity="relu")

    def forward(self, images: Tensor) -> Tensor:
        """Images (N, 3, 208, 208), sRGB in 0..1, to unit directions (N, 3)."""
        maps = self.convolutions((images - 0.5) / 0.25).flatten(1)
        return functional.normalize(self.position(self.dropout(functional.relu(self.hidden(maps)))))

    def loss(self, output: Tensor, rotations: Tensor) -> Tensor:
        """Mean squared Euclidean distance between unit vectors; rotations (N, 3, 3) are the true ones."""
        return (output + rotations[:, 2]).square().sum(1).mean()

    def optimizer(self) -> torch.optim.Optimizer:
        return torch.optim.SGD(self.parameters(), lr=0.01, momentum=0.9)

    def predicted(self, output: Tensor) -> Prediction:
        directions = output.double().cpu().numpy()
        rotations = np.stack([look_at(direction, np.zeros(3))[:3, :3].T for direction in directions])
        return Prediction(rotations[:, None], np.ones((len(output), 1)))


class Lite0Regressor(nn.Module):
    """EfficientNet-Lite0's trunk, its later half trained further, and a small head: a crop to rotations, roll too.

    An image may look alike from the front and from behind, and a mean of both is wrong: so every one of AZIMUTHS
    hypotheses, evenly around the model, has a probability and a rotation of its own (after Mousavian et al., CVPR
    2017), six numbers that vary continuously with it (Zhou et al., CVPR 2019).
    """

    side = 160
    roll = math.radians(12)
    plain = (-1.0, 0.0)  # none; see PaperRegressor
    occluded = 0.35

    def __init__(self) -> None:
        super().__init__()
        trunk = load_network(DEFAULT_NETWORK)
        self.trunk = copy.deepcopy(trunk)
        self.trunk.blocks[TUNED:].requires_grad_(True)
        self.head = nn.Sequential(
            nn.Conv2d(trunk.channels, 128, 3, stride=2, padding=1),
            nn.ReLU(inplace=True),
            nn.Flatten(),
            nn.Dropout(0.3),
            nn.Linear(128 * 5 * 5, 256),
            nn.ReLU(inplace=True),
            nn.Dropout(0.3),
        )
        self.weights = nn.Linear(256, AZIMUTHS)
        self.axes = nn.Linear(256, AZIMUTHS * 6)
        azimuths = torch.arange(AZIMUTHS) * math.tau / AZIMUTHS
        self.register_buffer("azimuths", azimuths, persistent=False)
        self.register_buffer("turns", _turned_back(azimuths), persistent=False)

    def forward(self, images: Tensor) -> Tensor:
        """Images (N, 3, 160, 160), sRGB in 0..1, to (N, AZIMUTHS, 7): log weight and six numbers a hypothesis."""
        middle = self.head(self.trunk(images))
        axes = self.axes(middle).view(-1, AZIMUTHS, 6)
        return torch.cat([self.weights(middle)[..., None], axes], 2)

    def loss(self, output: Tensor, rotations: Tensor) -> Tensor:
        """Cross entropy of the hypotheses' shares, and the squared distance to the true rotations by these shares."""
        x, y = -rotations[:, 2, 0], -rotations[:, 2, 1]
        away = torch.atan2(x, -y)[:, None] - self.azimuths
        shares = (CONCENTRATION * away.cos()).softmax(1)
        distances = (self._rotations(output) - rotations[:, None]).square().sum((2, 3))
        likelihood = (shares * output[..., 0].log_softmax(1)).sum(1)
        return ((shares * distances).sum(1) - likelihood).mean()

    def optimizer(self) -> torch.optim.Optimizer:
        tuned = [value for value in self.trunk.parameters() if value.requires_grad]
        head = [*self.head.parameters(), *self.weights.parameters(), *self.axes.parameters()]
        groups = [{"params": tuned, "lr": 3e-4}, {"params": head, "lr": 1e-3}]
        return torch.optim.AdamW(groups, weight_decay=0.02)

    def predicted(self, output: Tensor) -> Prediction:
        probabilities = output[..., 0].softmax(1).double().cpu().numpy()
        rotations = self._rotations(output).double().cpu().numpy()
        order = np.argsort(-probabilities, axis=1)
        rotations = np.take_along_axis(rotations, order[..., None, None], 1)
        return Prediction(rotations, np.take_along_axis(probabilities, order, 1))

    def _rotations(self, output: Tensor) -> Tensor:
        """(N, AZIMUTHS, 3, 3): each hypothesis as from the front, turned to its own azimuth."""
        right, down = output[..., 1:4], output[..., 4:]
        # zeros mean the front view: the camera's x is the world's x, its y the world's -z
        right = functional.normalize(right + right.new_tensor([1.0, 0, 0]), dim=-1)
        down = down + down.new_tensor([0.0, 0, -1])
        down = functional.normalize(down - (right * down).sum(-1, keepdim=True) * right, dim=-1)
        return torch.stack([right, down, torch.cross(right, down, dim=-1)], -2) @ self.turns


def _turned_back(azimuths: Tensor) -> Tensor:
    """(N, 3, 3): the world turned about its vertical so that a camera at the azimuth comes to stand in front."""
    cosine, sine = azimuths.cos(), azimuths.sin()
    zero, one = torch.zeros_like(cosine), torch.ones_like(cosine)
    rows = [cosine, sine, zero, -sine, cosine, zero, zero, zero, one]
    return torch.stack(rows, -1).view(-1, 3, 3)


REGRESSOR_CLASSES = dict(zip(registry.REGRESSORS, (PaperRegressor, Lite0Regressor), strict=True))


@torch.inference_mode()
def predict(network: nn.Module, crops: np.ndarray) -> Prediction:
    """What a regressor says of crops (N, S, S, 3) uint8 sRGB, framed as `crops.photo_view` does."""
    device = next(network.parameters()).device
    parts = []
    for part in torch.from_numpy(np.ascontiguousarray(crops)).split(CROPS_AT_ONCE):
        images = part.to(device).permute(0, 3, 1, 2) / 255
        size = (network.side, network.side)
        parts.append(network(functional.interpolate(images, size, mode="bilinear", antialias=True)))
    return network.predicted(torch.cat(parts))


def stored(network: nn.Module) -> dict[str, Tensor]:
    """The parameters that a file keeps: all that training may change."""
    frozen = {name for name, value in network.named_parameters() if not value.requires_grad}
    return {name: value for name, value in network.state_dict().items() if name not in frozen}


def save_regressor(network: nn.Module, path: Path, about: Mapping[str, Any]) -> None:
    """Writes a file for `load_regressor`: float16, with words about its training. PoseError where it cannot."""
    kind = next(name for name, kind in REGRESSOR_CLASSES.items() if type(network) is kind)
    arrays = {name: value.cpu().numpy().astype("<f2") for name, value in stored(network).items()}
    words = {"kind": np.array(kind), "about": np.array(json.dumps(about))}
    with writing(path), replacing(path) as file:
        np.savez(file, **arrays, **words)


def load_regressor(network: str, device: str = "auto") -> nn.Module:
    """A bundled regressor by name, or one from a .npz file, ready for `predict`; cached while the file stays as it is.

    PoseError where there is no such file, or one that holds something else.
    """
    path = WEIGHTS / f"{network}.npz" if network in REGRESSOR_CLASSES else Path(network)
    if not path.is_file():
        raise PoseError(f'The network file "{path.name}" does not exist.')
    return _loaded(path, path.stat().st_mtime_ns, chosen_device(device))


@lru_cache(maxsize=2)
def _loaded(path: Path, _changed: int, device: str) -> nn.Module:
    try:
        with np.load(path, allow_pickle=False) as arrays:
            network = REGRESSOR_CLASSES[str(arrays["kind"])]()
            state = {name: torch.from_numpy(arrays[name]).float() for name in stored(network)}
        network.load_state_dict({**network.state_dict(), **state})
    except (OSError, ValueError, KeyError, EOFError, RuntimeError, zipfile.BadZipFile) as error:
        raise PoseError(f'"{path.name}" is damaged, or not a network that Photo Pose trained.') from error
    return ready(network, device)
