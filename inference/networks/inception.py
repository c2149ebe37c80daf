"""Inception-v3 (Szegedy et al. 2016), from which the paper transfers: torchvision's network with weights in a folder.

Nothing is bundled. A weights file is torchvision's own, or one in its names made by benchmark/nsfwjs.py; as
torchvision does, its name ends with the first eight digits of its SHA-256.
"""

from __future__ import annotations

import hashlib
import os
import re
import urllib.error
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from ..errors import PoseError
from .registry import INCEPTION as NAME
from .torch_layers import TorchRun

# The paper's layers 1, 2, ...: the modules that join several convolutions. The paper measured ten of the eleven.
LAYERS = tuple(f"Mixed_{module}" for module in "5b 5c 5d 6a 6b 6c 6d 6e 7a 7b 7c".split())
INPUT_SIDE = 155  # px, of the pictures that it looks at: layers 4 to 8 then have the paper's 8 x 8 cells
STRIDES = {"5": 8, "6": 16, "7": 32}  # px of such a picture, between cells of a module's map
LAYER = 7  # the paper's choice
FOLDER = "photo_pose", "weights"  # in the user's cache
FILE = re.compile(rf"{NAME}\w*-([0-9a-f]{{8}})\.(pth|npz)")


class Layer(NamedTuple):
    """One of LAYERS, 1 to 11, as the architecture of a feature network."""

    number: int

    @property
    def name(self) -> str:
        return LAYERS[self.number - 1]

    @property
    def stride(self) -> int:
        return STRIDES[self.name[len("Mixed_")]]


class InceptionV3(TorchRun):
    """Inception-v3 up to one of its layers, 1 to 11."""

    def __init__(self, layer: int) -> None:
        super().__init__()
        with torch.device("meta"):  # no memory and no time for parameters that are about to be loaded
            whole = _architecture()(aux_logits=False, init_weights=False)
        self.architecture = Layer(layer)
        names = [name for name, _module in whole.named_children()]
        for name in names[: names.index(self.architecture.name) + 1]:
            self.add_module(name, getattr(whole, name))

    def forward(self, images: Tensor) -> Tensor:
        """Map images (N, 3, S, S), sRGB in 0..1, to the layer's map (N, C, G, G), never negative."""
        *_, last = self.maps(images)
        return last

    def maps(self, images: Tensor) -> Iterator[Tensor]:
        """Of each of LAYERS up to that one."""
        maps = 2 * functional.interpolate(images, (INPUT_SIDE, INPUT_SIDE), mode="bilinear", antialias=True) - 1
        for name, module in self.named_children():
            maps = module(maps)
            if name in LAYERS:
                yield maps


class Weights(NamedTuple):
    """A weights file and the digits that its name promises."""

    path: Path
    digits: str

    @property
    def whole(self) -> bool:
        """Whether it is torchvision's own."""
        return self.path.suffix == ".pth"


def weights_folder() -> Path:
    """Where weights are looked for: $PHOTO_POSE_WEIGHTS, else the user's cache."""
    chosen = os.environ.get("PHOTO_POSE_WEIGHTS")
    return Path(chosen) if chosen else Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache", *FOLDER)


def find_weights(folder: Path) -> Weights:
    """The weights file in folder, torchvision's own before others. PoseError when there is none."""
    names = sorted(path.name for path in folder.glob(f"{NAME}*")) if folder.is_dir() else []
    found = [Weights(folder / name, match[1]) for name in names if (match := FILE.fullmatch(name))]
    if not found:
        raise PoseError(
            f"The network '{NAME}' has no weights here: put torchvision's {_official().rpartition('/')[2]} into "
            f"{folder}, or allow its download with --download."
        )
    return max(found, key=lambda weights: weights.whole)


def download(folder: Path, url: str | None = None) -> None:
    """Fetches torchvision's weights, checked by their hash, where there are none. PoseError when that fails."""
    url = url or _official()
    path = folder / url.rpartition("/")[2]
    if path.exists():
        return
    try:
        folder.mkdir(parents=True, exist_ok=True)
        torch.hub.download_url_to_file(url, str(path), hash_prefix=FILE.fullmatch(path.name)[1], progress=False)
    except (urllib.error.URLError, OSError) as error:
        raise PoseError(f"{path.name} cannot be downloaded ({getattr(error, 'reason', error)}).") from error
    except RuntimeError as error:  # another hash
        raise PoseError(f"What was downloaded is not {path.name}: it is damaged, or another file.") from error


def chosen_layer(name: str) -> int | None:
    """The layer in a name like inception_v3:5, None in the bare one. PoseError when there is no such layer."""
    _name, colon, layer = name.partition(":")
    if not colon:
        return None
    if not (layer.isdecimal() and 1 <= int(layer) <= len(LAYERS)):
        raise PoseError(f"The network '{name}' has no such layer; choose {NAME}:1 to {NAME}:{len(LAYERS)}.")
    return int(layer)


def load_inception(name: str) -> InceptionV3:
    """The network of a name like inception_v3:5; the bare one has the paper's layer 7, or the last in the weights.

    PoseError without weights, without torchvision, or when the weights end before the layer.
    """
    layer, weights = chosen_layer(name), find_weights(weights_folder())
    parameters, last = _read(weights), last_layer(weights)
    if layer is not None and layer > last:
        raise PoseError(f"{weights.path.name} ends with layer {last}: choose {NAME}:{last} or another weights file.")
    network = InceptionV3(layer or min(LAYER, last))
    network.load_state_dict({key: parameters[key] for key in network.state_dict()}, assign=True)
    return network


def last_layer(weights: Weights) -> int:
    """How far a weights file goes."""
    modules = {key.partition(".")[0] for key in _read(weights)}
    return max(number for number, module in enumerate(LAYERS, start=1) if module in modules)


def weights_identity(name: str) -> str:
    """What decides the features of a name like inception_v3:5: for caches."""
    weights = find_weights(weights_folder())
    return f"{NAME}:{chosen_layer(name) or 'default'}:{weights.digits}"


@lru_cache(1)
def _read(weights: Weights) -> dict[str, Tensor]:
    """Parameters by torchvision's names. PoseError when the file is not what its name says."""
    content = weights.path.read_bytes()
    if not hashlib.sha256(content).hexdigest().startswith(weights.digits):
        raise PoseError(
            f"{weights.path} is damaged, or another file: its SHA-256 does not begin with {weights.digits}."
        )
    if weights.whole:
        return torch.load(weights.path, weights_only=True, map_location="cpu")
    with np.load(weights.path) as arrays:
        return {key: torch.from_numpy(array).float() for key, array in arrays.items()}


def _official() -> str:
    _architecture()
    from torchvision.models import Inception_V3_Weights

    return Inception_V3_Weights.IMAGENET1K_V1.url


def _architecture() -> type[nn.Module]:
    """torchvision's class Inception3. PoseError where there is no torchvision."""
    try:
        from torchvision.models.inception import Inception3
    except ImportError as error:
        raise PoseError(f"The network '{NAME}' needs torchvision, which Blender's Python cannot import.") from error
    except RuntimeError:
        # Its compiled part is made for another build of PyTorch. None of that is needed here, but torchvision ends
        # without the names of these operators.
        for operator in ("nms", "qnms"):
            torch.library.define(f"torchvision::{operator}", "(Tensor dets, Tensor scores, float threshold) -> Tensor")
        from torchvision.models.inception import Inception3
    return Inception3
