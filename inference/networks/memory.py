"""The networks that stay in memory for the next photo, and how to let go of them."""

from __future__ import annotations

from weakref import WeakKeyDictionary

import torch
from torch import nn

from . import inception, loading, regressor

_counted: WeakKeyDictionary[nn.Module, dict[int, int]] = WeakKeyDictionary()


def network_bytes() -> int:
    """What the parameters of all networks take; some share theirs."""
    return sum({place: size for network in loading.in_memory for place, size in _tensors(network).items()}.values())


def _tensors(network: nn.Module) -> dict[int, int]:
    """Addresses and bytes of its tensors, counted once: one that is in memory is used and not changed."""
    if network not in _counted:
        tensors = network.state_dict().values()
        _counted[network] = {tensor.data_ptr(): tensor.element_size() * tensor.nelement() for tensor in tensors}
    return _counted[network]


def unload_networks() -> int:
    """Forgets them until they are needed again; gives the bytes that nobody uses any more."""
    before = network_bytes()
    for cached in (loading.load_network, inception._read, regressor._loaded):
        cached.cache_clear()
    if torch.cuda.is_available():
        torch.cuda.empty_cache()
    return before - network_bytes()
