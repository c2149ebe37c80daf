"""`python -m benchmark.train_aligner`: trains the aligner on pairs that it makes on the way, on a graphics card where
there is one, and measures it on models that it has not seen.

The first time it packs the models; what was stopped goes on. Everything lies in a folder of the cache: the pack,
`state.pt` to go on from, `train.jsonl` with figures, `pairs.png` to look at, and `aligner.npz`, the averaged weights.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from benchmark import assets
from benchmark.aligner_pairs.judging import TOLD, losses, measures
from benchmark.aligner_pairs.mesh_pack import MeshPack
from benchmark.aligner_pairs.scenes import Scenes
from benchmark.aligner_pairs.sheet import sheet
from benchmark.aligner_pairs.sources import write_pack
from inference.errors import PoseError
from inference.networks.aligner import FLOW_CHANNELS, MASK_CHANNELS, Aligner
from inference.networks.loading import bundled
from inference.networks.torch_layers import TorchLayers, TorchNetwork
from inference.networks.weights.building import packed

FOLDER = assets.CACHE.parent / "aligner"
SECONDS = 6 * 3600  # of the whole training, on a CPU; 540 on an H200 made the bundled weights
SEED, HELD_OUT_SEED = 1, 7
BATCH = {"cuda": 128, "cpu": 8}
HELD_OUT = {"cuda": (6, 64), "cpu": (8, 8)}  # batches that are measured, and pairs in each
RATE, TRUNK_SHARE, WARM_UP = {"cuda": 1.2e-3, "cpu": 8e-4}, 0.3, 150  # AdamW's; the trunk's part of it; steps
CONSTANT, EASIER = 0.1, 0.6  # parts of the training after which the rate falls, and the poses' differences
LARGEST_GRADIENT = 2.0
SLOWEST_AVERAGE = 0.9985  # of the weights
EVERY = {"cuda": 20.0, "cpu": 600.0}  # seconds between figures and checkpoints

# The convolutions that are not the trunk's: channels in and out, side of the kernel
OF_TRUNK = {16: 112, 8: 40, 4: 24, 2: 16}
WIDTH = {16: 96, 8: 64, 4: 48}
CORRELATED = {16: 49, 8: 49, 4: 25}
HEADS = ("flow.16.out", "flow.8.out", "flow.4.out", "mask.out")  # which begin by saying nothing


def convolutions() -> dict[str, tuple[int, int, int]]:
    """By name: channels in and out, and the side of the kernel."""
    made = {}
    for level, width in WIDTH.items():
        made |= {f"pyramid.{level}.own": (OF_TRUNK[level], width, 1), f"pyramid.{level}.out": (width, width, 3)}
    made |= {f"pyramid.{level}.above": (WIDTH[2 * level], WIDTH[level], 1) for level in (8, 4)}
    compared = {level: CORRELATED[level] + 2 * width + 1 for level, width in WIDTH.items()}
    made |= _chain("flow.16", compared[16], (128, 128, 96), 2)
    made |= _chain("flow.8", compared[8] + 2 + 96, (96, 80, 64), 2)
    made |= _chain("flow.4", compared[4] + 2 + 64, (64, 56, 56, 64), FLOW_CHANNELS)
    made |= _chain("mask.16", compared[16], (80, 64))
    made |= _chain("mask.8", 64 + 2 * WIDTH[8] + 1, (64, 48))
    made |= {"mask.fine": (4 * OF_TRUNK[2], 24, 1)}
    made |= _chain("mask.4", 48 + 24 + 2 * WIDTH[4] + 4, (48, 48, 48))
    return made | {"mask.out": (48, MASK_CHANNELS, 1)}


def _chain(name: str, channels: int, widths: tuple[int, ...], out: int = 0) -> dict[str, tuple[int, int, int]]:
    """The first one looks at each place on its own; out: channels of what it says in the end."""
    made = {}
    for number, width in enumerate(widths):
        made[f"{name}.{number}"] = (channels, width, 3 if number else 1)
        channels = width
    return made | ({f"{name}.out": (channels, out, 3)} if out else {})


def begun(seed: int) -> dict[str, Tensor]:
    """Parameters to begin with: the bundled trunk's, others by chance, as PyTorch's own convolutions begin."""
    random = torch.Generator().manual_seed(seed)
    parameters = {f"trunk.{name}": torch.from_numpy(value) for name, value in bundled("efficientnet_lite0").items()}
    for name, (channels, width, side) in convolutions().items():
        spread = 1 / math.sqrt(channels * side**2)
        weight = torch.empty(width, channels, side, side).uniform_(-spread, spread, generator=random)
        bias = torch.empty(width).uniform_(-spread, spread, generator=random)
        if name in HEADS:
            weight, bias = torch.empty_like(weight).normal_(0, 1e-3, generator=random), torch.zeros(width)
        parameters |= {f"{name}.weight": weight, f"{name}.bias": bias}
    return parameters


class Training:
    """A network that learns, and the mean of its latest weights. The same seed makes the same steps.

    step: how many there were; seconds: that they took.
    """

    def __init__(self, pack: MeshPack, seed: int = SEED, batch: int = 0) -> None:
        self.device, self.step, self.seconds = pack.device, 0, 0.0
        self._seed, self._scenes, self._batch = seed, Scenes(pack), batch or BATCH[pack.device]
        network = TorchNetwork(Aligner(), begun(seed))
        self.network = network.to(pack.device, memory_format=torch.channels_last).train()
        self._weights = dict(self.network.named_parameters())
        self._average = {name: weight.detach().clone() for name, weight in self._weights.items()}
        groups = [
            {"params": [weight for name, weight in self._weights.items() if name.startswith("trunk.") == trunk]}
            for trunk in (False, True)
        ]
        self._optimiser = torch.optim.AdamW(groups, weight_decay=1e-4, betas=(0.9, 0.98))

    def learn(self, part: float) -> Tensor:
        """One step, at so large a part of the whole training: the numbers of TOLD."""
        rate = RATE[self.device] * min(1.0, (self.step + 1) / WARM_UP) * _falling(part, CONSTANT)
        for group, share in zip(self._optimiser.param_groups, (1.0, TRUNK_SHARE), strict=True):
            group["lr"] = rate * share
        with torch.no_grad():
            pairs = self._scenes.pairs(self._batch, (self._seed, self.step), max(0.0, part - EASIER) / (1 - EASIER))
        with _faster(self.device):
            layers = TorchLayers(self._weights, training=True)
            images = pairs.images.contiguous(memory_format=torch.channels_last)
            stages = self.network.architecture.stages(layers, images)
        total, told = losses(stages, pairs)
        self._optimiser.zero_grad(set_to_none=True)
        total.backward()
        self._step(torch.isfinite(total.detach()))
        return told

    def _step(self, good: Tensor) -> None:
        """A batch whose numbers are not finite changes nothing but the momentum."""
        weights = [*self._weights.values()]
        norm = torch.nn.utils.clip_grad_norm_(weights, LARGEST_GRADIENT)
        for weight in weights:
            weight.grad = torch.nan_to_num(weight.grad, 0.0, 0.0, 0.0) * (good & torch.isfinite(norm))
        self._optimiser.step()
        self.step += 1
        keeps = min(SLOWEST_AVERAGE, self.step / (self.step + 10))
        with torch.no_grad():
            torch._foreach_lerp_([*self._average.values()], weights, 1 - keeps)

    def averaged(self) -> dict[str, Tensor]:
        """Parameters by name, on the CPU."""
        return {name: weight.cpu() for name, weight in self._average.items()}

    def save(self, path: Path) -> None:
        state = {
            "network": self.network.state_dict(),
            "average": self._average,
            "optimiser": self._optimiser.state_dict(),
            "step": self.step,
            "seconds": self.seconds,
        }
        torch.save(state, path.with_suffix(".part"))
        os.replace(path.with_suffix(".part"), path)

    def resume(self, path: Path) -> None:
        state = torch.load(path, map_location=self.device, weights_only=True)
        self.network.load_state_dict(state["network"])
        self._optimiser.load_state_dict(state["optimiser"])
        with torch.no_grad():
            for name, weight in self._average.items():
                weight.copy_(state["average"][name])
        self.step, self.seconds = state["step"], state["seconds"]


def _falling(part: float, begin: float) -> float:
    """1, then down to a thousandth along half a cosine."""
    return max(1e-3, 0.5 + 0.5 * math.cos(math.pi * max(0.0, min(part, 1.0) - begin) / (1 - begin)))


def _faster(device: str) -> torch.autocast:
    """Half the digits, on graphics cards."""
    return torch.autocast(device, torch.bfloat16, enabled=device == "cuda")


def measured(parameters: Mapping[str, Any], pack: MeshPack) -> dict[str, float]:
    """On the held-out models, always the same pairs."""
    network = TorchNetwork(Aligner(), parameters).to(pack.device, memory_format=torch.channels_last)
    scenes, (batches, count) = Scenes(pack, held_out=True), HELD_OUT[pack.device]
    return measures(network, [scenes.pairs(count, (HELD_OUT_SEED, number)) for number in range(batches)])


def train(pack: MeshPack, folder: Path, seconds: float, seed: int) -> None:
    """Until it has taken so long, all runs together; goes on where it was stopped."""
    training, state = Training(pack, seed), folder / "state.pt"
    if state.exists():
        training.resume(state)
    told, since = [], time.monotonic()
    while training.seconds < seconds:
        began = time.monotonic()
        told.append(training.learn(training.seconds / seconds))
        if pack.device == "cuda":
            torch.cuda.synchronize()
        training.seconds += time.monotonic() - began
        if time.monotonic() - since > EVERY[pack.device] or training.seconds >= seconds:
            keep(training, torch.stack(told).mean(0), folder, pack)
            told, since = [], time.monotonic()


def keep(training: Training, told: Tensor, folder: Path, pack: MeshPack) -> None:
    """What there is by now, in the folder."""
    training.save(folder / "state.pt")
    average = training.averaged()
    (folder / "aligner.npz").write_bytes(packed({name: value.numpy() for name, value in average.items()}))
    numbers = {name: round(value, 3) for name, value in zip(TOLD, told.tolist(), strict=True)}
    about = {"step": training.step, "seconds": round(training.seconds), "learnt": numbers}
    line = json.dumps(about | {"held out": measured(average, pack)})
    with open(folder / "train.jsonl", "a") as log:
        log.write(f"{line}\n")
    print(line, flush=True)


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--seconds", type=float, default=SECONDS, help="of the whole training, all runs together")
    parser.add_argument(
        "--more", type=Path, help="a folder of .obj files, Y up, to learn from, too: read while packing"
    )
    parser.add_argument("--folder", type=Path, default=FOLDER, help="where everything lies")
    parser.add_argument("--seed", type=int, default=SEED)
    parser.add_argument("--device", choices=list(BATCH), help="by default a graphics card, if there is one")
    parser.add_argument("--measure", action="store_true", help="only measure the bundled network")
    options = parser.parse_args(arguments)
    device = options.device or ("cuda" if torch.cuda.is_available() else "cpu")
    options.folder.mkdir(parents=True, exist_ok=True)
    path = options.folder / "pack.npz"
    if not path.exists():
        write_pack(path, options.more)
    pack = MeshPack(path, device)
    if options.measure:
        print(json.dumps(measured(bundled("aligner"), pack), indent=1))
        return
    sheet(Scenes(pack).pairs(16, (options.seed,))).save(options.folder / "pairs.png")
    train(pack, options.folder, options.seconds, options.seed)


if __name__ == "__main__":
    try:
        main()
    except PoseError as error:
        sys.exit(str(error))
