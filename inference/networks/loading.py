"""Networks by name, plain torch modules with bundled weights: crops to maps of descriptors, photos to masks."""

from __future__ import annotations

import zipfile
from functools import lru_cache
from pathlib import Path
from weakref import WeakSet

import numpy as np
import torch
from torch import nn

from ..errors import PoseError
from ..look import DEFAULT_NETWORK
from . import inception
from .efficientnet import EfficientNetLite0
from .u2net import U2NetP

WEIGHTS = Path(__file__).parent / "weights"


in_memory: WeakSet[nn.Module] = WeakSet()
NETWORKS = {"efficientnet_lite0": EfficientNetLite0, "u2netp": U2NetP}


@lru_cache
def load_network(name: str = DEFAULT_NETWORK, device: str = "cpu") -> nn.Module:
    """Network of that name with its weights, in evaluation mode; the same object when asked again.

    Every feature network has the attribute `stride` (px between cells); those whose cells are the patches
    of a crop (crops.FIRST_PATCH, STRIDE) also have `center_of_first_cell` (px). Raises PoseError for an unknown name,
    and for inception_v3 without weights, which are not bundled.
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


def feature_network(name: str = DEFAULT_NETWORK, device: str = "auto", patches: bool = False) -> nn.Module:
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
    """Whether its cells are the patches of a crop: crops.FIRST_PATCH, STRIDE."""
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
