"""Training of regressors on rendered views, in steps that stop early, may be cancelled and go on where they stopped."""

from __future__ import annotations

import copy
import io
import math
import pickle
from functools import cached_property
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor, nn

from ..errors import PoseError
from ..files import replacing, writing
from ..steps import Steps
from .augmentation import OF_NO_MODEL, Views, pictures, plain
from .backends import chosen_device
from .regressor import predict, stored
from .torch_layers import TorchNetwork

# BATCH is the paper's; the rest by judgement, and not measured by itself
BATCH = 50
HELD_OUT = 0.12  # part of the views, or of the models where there are many, by which training stops
MANY_MODELS = 10
ALIKE = 1.02  # errors of epochs, to the least one
WARM_UP = 20  # batches at most
SLOWED = 0.25  # part of the training, its end
CELLS = 4  # a side, of what a checkpoint keeps of a picture
RENDER_NOISE = 3.0  # of 255: by how much cells of one picture may differ from one rendering to the next


class Training(NamedTuple):
    """A trained network; errors: mean angle, radians, between true and predicted directions of what was held out of
    training, after every epoch; best: which of them the network is from."""

    network: TorchNetwork
    errors: list[float]
    best: int


def train(
    network: TorchNetwork,
    views: Views,
    backdrops: np.ndarray,
    *,
    epochs: int = 20,
    patience: int = 5,
    mirror: bool = False,
    seed: int = 0,
    device: str = "auto",
    checkpoint: Path | None = None,
    resume: bool = False,
) -> Steps[Training]:
    """Trains a regressor of learners.LEARNERS on views before backdrops (M, S, S, 3) uint8.

    Stops when the held-out part has not got better for `patience` epochs, but not before it has left plain pictures
    behind. The same seed gives the same network. After every epoch the checkpoint is written; with resume its training
    goes on, to the same end as without interruption.
    PoseError: too few views, a checkpoint of another training or one that cannot be read or written.
    """
    learnt, held = _split(views, seed)
    device = chosen_device(device)
    network = network.to("cpu" if device == "numpy" else device, memory_format=torch.channels_last)
    course = _Course(network, views, torch.from_numpy(backdrops).permute(0, 3, 1, 2), mirror, seed)
    task = f"{type(network).__name__}, {len(views.rgba)} views, {epochs} epochs, mirror {mirror}, seed {seed}"
    errors, best = [], stored(copy.deepcopy(network))
    if resume and checkpoint and checkpoint.exists():
        errors, best = course.restore(checkpoint, task)
    batches = math.ceil(len(learnt) / BATCH)
    for epoch in range(len(errors), epochs):
        if epoch > network.plain[1] * epochs and len(errors) - _best(errors) > patience:
            break
        order = np.random.default_rng([seed, epoch]).permutation(learnt)
        for number, some in enumerate(np.array_split(order, batches)):
            course.step(some, epoch * batches + number, epochs * batches)
            yield (epoch + (number + 1) / (batches + 1)) / epochs
        errors.append(course.error(held))
        if _best(errors) == len(errors):
            best = {name: value.clone() for name, value in stored(network).items()}
        if checkpoint:
            course.keep(checkpoint, task, errors, best)
        yield (epoch + 1) / epochs
    network.load_state_dict({**network.state_dict(), **best})
    return Training(network.eval(), errors, _best(errors) - 1)


def _best(errors: list[float]) -> int:
    """How many epochs the best one took: the last of those about as good, for it has seen more and learnt in smaller
    steps, and few models tell them apart by chance only."""
    return int(np.flatnonzero(np.array(errors) <= ALIKE * min(errors))[-1]) + 1 if errors else 0


def _split(views: Views, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Numbers of the views to learn from and of those held out: whole models of many, else single views."""
    groups = views.model if len(np.unique(views.model)) >= MANY_MODELS else np.arange(len(views.rgba))
    names = np.random.default_rng(seed).permutation(np.unique(groups[views.model != OF_NO_MODEL]))
    held = np.isin(groups, names[: max(1, round(HELD_OUT * len(names)))])
    if held.all() or not held.any():
        raise PoseError("Training needs more views.")
    return np.flatnonzero(~held), np.flatnonzero(held)


class _Course:
    """What changes during training: the network and its optimizer."""

    def __init__(self, network: TorchNetwork, views: Views, backdrops: Tensor, mirror: bool, seed: int) -> None:
        self.network, self.views, self.backdrops, self.mirror, self.seed = network, views, backdrops, mirror, seed
        self.optimizer = network.optimizer()
        self.rates = [group["lr"] for group in self.optimizer.param_groups]
        self.device = next(network.parameters()).device

    def step(self, some: np.ndarray, number: int, total: int) -> None:
        """Learns from the views with these numbers; all chance comes from the seed and the step's number."""
        random = torch.Generator().manual_seed(self.seed * 1_000_003 + number)
        rgba, rotations = self._chosen(some)
        plain = float(np.interp(number / total, self.network.plain, (1, 0)))
        look = self.network.roll, self.mirror, random, plain, self.network.occluded
        images, rotations = pictures(rgba, rotations, self.backdrops, self.network.architecture.side, *look)
        self._set_rates(number, total)
        self.network.train()
        with torch.random.fork_rng(devices=[]):  # of dropout; another one's chance is left alone
            torch.manual_seed(self.seed * 1_000_003 + number)
            images = images.to(self.device, memory_format=torch.channels_last)
            loss = self.network.loss(self.network(images), rotations.to(self.device))
        self.optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(self.network.parameters(), 5.0)
        self.optimizer.step()

    def error(self, held: np.ndarray) -> float:
        """Mean angle, radians, between true and predicted directions of the views with these numbers."""
        self.network.eval()
        angles = []
        for some in np.array_split(held, math.ceil(len(held) / BATCH)):
            rgba, rotations = self._chosen(some)
            images = plain(rgba, self.backdrops, self.network.architecture.side)
            crops = (images * 255).round().byte().permute(0, 2, 3, 1).numpy()
            cosines = -(predict(self.network, crops).directions * rotations[:, 2].numpy()).sum(1)
            angles.append(np.arccos(cosines.clip(-1, 1)))
        return float(np.mean(np.concatenate(angles)))

    @cached_property
    def seen(self) -> list[Tensor]:
        """What tells these views and backdrops from those of another training."""
        rgba = torch.from_numpy(self.views.rgba).permute(0, 3, 1, 2)
        return [_coarse(rgba), _coarse(self.backdrops)]

    def keep(self, path: Path, task: str, errors: list[float], best: dict[str, Tensor]) -> None:
        """Writes all that `restore` needs. PoseError where it cannot."""
        state = {"task": task, "errors": errors, "best": best, "now": stored(self.network)}
        state |= {"optimizer": self.optimizer.state_dict(), "seen": self.seen}
        whole = io.BytesIO()
        torch.save(state, whole)  # which in a file would tell of a full disk in riddles
        with writing(path), replacing(path) as file:
            file.write(whole.getbuffer())

    def restore(self, path: Path, task: str) -> tuple[list[float], dict[str, Tensor]]:
        try:
            kept: dict[str, Any] = torch.load(path, map_location=self.device, weights_only=True)
            same, seen = kept["task"] == task, kept["seen"]
        except (OSError, RuntimeError, EOFError, KeyError, ValueError, pickle.UnpicklingError) as error:
            raise PoseError(f'The checkpoint "{path.name}" is damaged; train without resuming.') from error
        if not same:
            raise PoseError(f'The checkpoint "{path.name}" is of another training ({kept["task"]}).')
        if not all(_alike(*pair) for pair in zip(seen, self.seen, strict=True)):
            raise PoseError(f'The checkpoint "{path.name}" is of other models or backgrounds; train without resuming.')
        names = stored(self.network)  # of other versions' networks a checkpoint may have more
        now, best = ({name: kept[part][name] for name in names} for part in ("now", "best"))
        self.network.load_state_dict({**self.network.state_dict(), **now})
        self.optimizer.load_state_dict(kept["optimizer"])
        return list(kept["errors"]), best

    def _chosen(self, some: np.ndarray) -> tuple[Tensor, Tensor]:
        rgba = torch.from_numpy(np.ascontiguousarray(self.views.rgba[some].transpose(0, 3, 1, 2)))
        return rgba, torch.from_numpy(self.views.rotations[some]).float()

    def _set_rates(self, number: int, total: int) -> None:
        """AdamW warms up and slows down to nothing (Loshchilov & Hutter 2017); SGD keeps the paper's rate, and slows
        down to nothing at last."""
        if isinstance(self.optimizer, torch.optim.SGD):
            factor = min(1.0, (1 - number / total) / SLOWED)
        else:
            warm = min(1.0, (number + 1) / min(WARM_UP, 1 + total // 10))
            factor = warm * 0.5 * (1 + math.cos(math.pi * number / total))
        for group, rate in zip(self.optimizer.param_groups, self.rates, strict=True):
            group["lr"] = rate * factor


def _coarse(pictures: Tensor) -> Tensor:
    """(N, C, CELLS, CELLS): of pictures (N, C, S, S) uint8 what is the same each time they are rendered."""
    parts = [nn.functional.adaptive_avg_pool2d(some.float(), CELLS) for some in pictures.split(BATCH)]
    return torch.cat(parts).round().byte()


def _alike(one: Tensor, other: Tensor) -> bool:
    return one.shape == other.shape and bool(((one.float() - other.float()).abs() <= RENDER_NOISE).all())
