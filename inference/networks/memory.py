"""The networks that stay in memory for the next photo, and how to let go of them."""

from __future__ import annotations

import sys
from weakref import WeakKeyDictionary

from . import loading, regressor

_counted: WeakKeyDictionary[loading.Network, dict[int, int]] = WeakKeyDictionary()


def network_bytes() -> int:
    """What the parameters of all networks take; some share theirs."""
    return sum({place: size for network in loading.in_memory for place, size in _sizes(network).items()}.values())


def _sizes(network: loading.Network) -> dict[int, int]:
    """Addresses and bytes of its parameters, counted once: one that is in memory is used and not changed."""
    if network not in _counted:
        _counted[network] = network.parameter_sizes()
    return _counted[network]


def unload_networks() -> int:
    """Forgets them until they are needed again; gives the bytes that nobody uses any more."""
    before = network_bytes()
    loading.forget_networks()
    regressor._loaded.cache_clear()
    if (inception := sys.modules.get(f"{__package__}.inception")) is not None:
        inception._read.cache_clear()
    if (cuda := sys.modules.get("torch.cuda")) is not None and cuda.is_available():
        cuda.empty_cache()
    return before - network_bytes()
