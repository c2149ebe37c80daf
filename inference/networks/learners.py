"""Regressors as they learn: where their parameters begin, what they are told is wrong, how they change."""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor, nn

from . import registry
from .regressor import AZIMUTHS, TRUNK, Lite0Regressor, PaperRegressor, trunk_parameters, tuned
from .torch_layers import TorchNetwork

CONCENTRATION = 12.0  # of the share that a hypothesis has in a direction near its azimuth; by judgement


class PaperLearner(TorchNetwork):
    """PaperRegressor, trained as the paper says."""

    roll = 0.0  # radians, deviation of the rolls to train with
    # Parts of the training until which it sees plain pictures, and from which on it sees none: from the start on,
    # varied ones before photos teach it nothing but the mean direction for many epochs.
    plain = 3 / 28, 10 / 28
    occluded = 0.0  # part of the pictures in which something stands before the model

    def __init__(self) -> None:
        architecture = PaperRegressor()
        parameters = _begun(architecture.shapes)
        for name in (*architecture.CONVOLUTIONS, "hidden"):  # else layer by layer less gets through (He et al. 2015)
            nn.init.kaiming_normal_(parameters[f"{name}.weight"], nonlinearity="relu")
        super().__init__(architecture, parameters)

    def loss(self, output: Tensor, rotations: Tensor) -> Tensor:
        """Mean squared Euclidean distance between unit vectors; rotations (N, 3, 3) are the true ones."""
        return (nn.functional.normalize(output) + rotations[:, 2]).square().sum(1).mean()

    def optimizer(self) -> torch.optim.Optimizer:
        return torch.optim.SGD(self.parameters(), lr=0.01, momentum=0.9)


class Lite0Learner(TorchNetwork):
    """Lite0Regressor: its trunk's later half and its head."""

    roll = math.radians(12)
    plain = (-1.0, 0.0)  # none; see PaperLearner
    occluded = 0.35

    def __init__(self) -> None:
        architecture = Lite0Regressor()
        super().__init__(architecture, trunk_parameters() | _begun(architecture.shapes))
        for name, value in self.named_parameters():
            value.requires_grad_(tuned(name))

    def loss(self, output: Tensor, rotations: Tensor) -> Tensor:
        """Cross entropy of the hypotheses' shares, and the squared distance to the true rotations by these shares."""
        x, y = -rotations[:, 2, 0], -rotations[:, 2, 1]
        away = torch.atan2(x, -y)[:, None] - torch.as_tensor(self.architecture.azimuths).to(output)
        shares = (CONCENTRATION * away.cos()).softmax(1)
        said = self.architecture.rotations(output, torch)
        distances = (said - rotations[:, None]).square().sum((2, 3))
        likelihood = (shares * output[:, :AZIMUTHS].log_softmax(1)).sum(1)
        return ((shares * distances).sum(1) - likelihood).mean()

    def optimizer(self) -> torch.optim.Optimizer:
        groups: dict[bool, list[Tensor]] = {True: [], False: []}
        for name, value in self.named_parameters():
            if value.requires_grad:
                groups[name.startswith(TRUNK)].append(value)
        rates = [{"params": groups[True], "lr": 3e-4}, {"params": groups[False], "lr": 1e-3}]
        return torch.optim.AdamW(rates, weight_decay=0.02)


def _begun(shapes: dict[str, tuple[int, ...]]) -> dict[str, Any]:
    """Weights and biases as PyTorch's own layers begin."""
    parameters = {}
    for name, shape in shapes.items():
        parameters[f"{name}.weight"] = weight = torch.empty(shape)
        nn.init.kaiming_uniform_(weight, a=math.sqrt(5))
        reach = 1 / math.sqrt(math.prod(shape[1:]))
        parameters[f"{name}.bias"] = torch.empty(shape[0]).uniform_(-reach, reach)
    return parameters


LEARNERS = dict(zip(registry.REGRESSORS, (PaperLearner, Lite0Learner), strict=True))
