"""The networks that stay in memory for the next photo, and how to let go of them."""

from __future__ import annotations

import torch

from . import inception, networks, regressor


def network_bytes() -> int:
    """What the parameters of all networks take; some share theirs."""
    tensors = (tensor for network in networks.in_memory for tensor in network.state_dict().values())
    return sum({tensor.data_ptr(): tensor.element_size() * tensor.nelement() for tensor in tensors}.values())


def unload_networks() -> int:
    """Forgets them until they are needed again; gives the bytes that nobody uses any more."""
    before = network_bytes()
    for cached in (networks.load_network, inception._read, regressor._loaded):
        cached.cache_clear()
    if torch.cuda.is_available():
        torch.cuda.empty_cache()
    return before - network_bytes()
