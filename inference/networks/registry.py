"""Which network a name means, for those who only ask."""

from __future__ import annotations

from types import ModuleType

from ..look import DEFAULT_NETWORK
from .backends import require_torch

INCEPTION = "inception_v3"  # the paper's; its weights are not bundled
DIRECTION_NETWORK = "regressor_lite0"
REGRESSORS = ("regressor", DIRECTION_NETWORK)  # bundled, the first one, which is the paper's, not in the zip


def is_regressor(network: str) -> bool:
    """Whether the name, of a bundled one or of a .npz file, means a regressor."""
    return network in REGRESSORS or network.lower().endswith(".npz")


def identity(network: str) -> str:
    """What decides the features of a network, for caches: its name, and of weights that are not bundled their hash."""
    if network.partition(":")[0] != INCEPTION:
        return network
    return inception_module().weights_identity(network)


def inception_module() -> ModuleType:
    """What only PyTorch runs. PoseError where that does not work."""
    require_torch(f"The network {INCEPTION}")
    from . import inception

    return inception


def feature_name(network: str) -> str:
    """The network that makes the templates' features when that network is asked for."""
    return DEFAULT_NETWORK if is_regressor(network) else network
