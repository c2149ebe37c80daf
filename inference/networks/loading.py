"""Networks by name, with bundled weights: crops to maps of descriptors, photos to masks."""

from __future__ import annotations

import zipfile
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING
from weakref import WeakSet

import numpy as np

from ..errors import PoseError
from ..look import DEFAULT_NETWORK
from .aligner import Aligner
from .architecture import Architecture
from .backends import chosen_device
from .efficientnet import EfficientNetLite0
from .numpy_layers import NumpyNetwork
from .registry import INCEPTION, inception_module
from .u2net import U2NetP

if TYPE_CHECKING:
    from .inception import InceptionV3
    from .torch_layers import TorchNetwork

    Network = NumpyNetwork | TorchNetwork | InceptionV3

WEIGHTS = Path(__file__).parent / "weights"


in_memory: WeakSet[Network] = WeakSet()
ARCHITECTURES = {"efficientnet_lite0": EfficientNetLite0, "u2netp": U2NetP, "aligner": Aligner}


def load_network(name: str = DEFAULT_NETWORK, device: str = "auto") -> Network:
    """Network of that name with its weights, to be used; the same object when asked again.

    device: one of backends.DEVICES. The architecture of a feature network has the attribute `stride` (px between
    cells); where its cells are the patches of a crop (crops.FIRST_PATCH, STRIDE) also `center_of_first_cell` (px).
    Raises PoseError for an unknown name, and for inception_v3 without PyTorch or weights, which are not bundled.
    """
    if name.partition(":")[0] == INCEPTION:
        return _inception(name, "cpu" if device == "numpy" else chosen_device(device))
    if name not in ARCHITECTURES:
        raise PoseError(f"There is no network '{name}'; choose one of: {', '.join([*ARCHITECTURES, INCEPTION])}.")
    return _bundled_network(name, chosen_device(device))


@lru_cache
def _bundled_network(name: str, device: str) -> Network:
    return ready(ARCHITECTURES[name](), bundled(name), device)


@lru_cache
def _inception(name: str, device: str) -> Network:
    network = inception_module().load_inception(name)
    from .torch_layers import in_use

    in_memory.add(in_use(network, device))
    return network


def forget_networks() -> None:
    """Who asks again has them loaded again."""
    _bundled_network.cache_clear()
    _inception.cache_clear()


def bundled(name: str) -> dict[str, np.ndarray]:
    """The parameters in the weights file of that name. PoseError where it is damaged."""
    path = WEIGHTS / f"{name}.npz"
    try:
        with np.load(path) as arrays:
            return {key: array.astype(np.float32) for key, array in arrays.items()}
    except (OSError, ValueError, KeyError, EOFError, RuntimeError, zipfile.BadZipFile) as error:
        raise PoseError(f'"{path.name}" of Photo Pose is missing or damaged; install the extension again.') from error


def ready(architecture: Architecture, parameters: Mapping[str, np.ndarray], device: str) -> Network:
    """A network on that device, of numpy or PyTorch, to be used and not to be trained."""
    if device == "numpy":
        network: Network = NumpyNetwork(architecture, parameters)
    else:
        from .torch_layers import TorchNetwork, in_use

        network = in_use(TorchNetwork(architecture, parameters), device)
    in_memory.add(network)
    return network


def feature_network(name: str = DEFAULT_NETWORK, device: str = "auto", patches: bool = False) -> Network:
    """A network for extract_features on a device that is there; with patches one whose cells are the crops' patches.

    PoseError for unknown names and other networks.
    """
    network = load_network(name, device)
    if not hasattr(network.architecture, "stride"):
        raise PoseError(f"The network '{name}' makes no features to match by.")
    if patches and not has_patches(network):
        raise PoseError(f"The network '{name}' can only look for the nearest views, with the method knn.")
    return network


def has_patches(network: Network) -> bool:
    """Whether its cells are the patches of a crop: crops.FIRST_PATCH, STRIDE."""
    return hasattr(network.architecture, "center_of_first_cell")


def extract_features(network: Network, crops: np.ndarray) -> np.ndarray:
    """Descriptors (N, H // stride, W // stride, channels) float32 of crops (N, H, W, 3) uint8 sRGB.

    Of inception_v3, which resizes its crops, (N, G, G, channels) with a G of its own.
    """
    return network.run(crops)
