"""Chance for batches of scenes: numbers on the host and on the device by one seed, and rotations."""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import cache

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from .rasteriser import to_device


class Chance:
    """host: what decides the lists of meshes; all else is drawn on the device, without waiting for it."""

    def __init__(self, device: str, seed: Sequence[int]) -> None:
        self.device, self.host = device, np.random.default_rng(seed)
        self._generator = torch.Generator(device=device).manual_seed(int(self.host.integers(1 << 62)))

    def uniform(self, *shape: int, low: float = 0.0, high: float = 1.0) -> Tensor:
        return low + (high - low) * torch.rand(*shape, generator=self._generator, device=self.device)

    def normal(self, *shape: int, sigma: float = 1.0) -> Tensor:
        return sigma * torch.randn(*shape, generator=self._generator, device=self.device)

    def log_uniform(self, low: float, high: float, *shape: int) -> Tensor:
        return torch.exp(self.uniform(*shape, low=math.log(low), high=math.log(high)))

    def often(self, share: float | Tensor, *shape: int) -> Tensor:
        """True with that probability."""
        return self.uniform(*shape) < share

    def whole(self, most: int, *shape: int) -> Tensor:
        return torch.randint(most, shape, generator=self._generator, device=self.device)

    def pick(self, some: Tensor, *shape: int) -> Tensor:
        return some[self.whole(len(some), *shape)]

    def tint(self, *shape: int) -> Tensor:
        """(..., 3): factors of a colour that is nearly grey."""
        return torch.exp(self.normal(*shape, 3, sigma=0.1))

    def put(self, array: np.ndarray) -> Tensor:
        return to_device(torch.from_numpy(np.ascontiguousarray(array)), self.device)

    def tumbled(self, count: int) -> Tensor:
        """Rotations (count, 3, 3), evenly over all."""
        w, x, y, z = functional.normalize(self.normal(count, 4), dim=1).unbind(1)
        rows = (
            (1 - 2 * (y * y + z * z), 2 * (x * y - w * z), 2 * (x * z + w * y)),
            (2 * (x * y + w * z), 1 - 2 * (x * x + z * z), 2 * (y * z - w * x)),
            (2 * (x * z - w * y), 2 * (y * z + w * x), 1 - 2 * (x * x + y * y)),
        )
        return torch.stack([torch.stack(row, 1) for row in rows], 1)


@cache
def constant(values: tuple[float, ...], device: str) -> Tensor:
    """Kept on the device."""
    return torch.tensor(values, dtype=torch.float32, device=device)


def rotations(vectors: Tensor) -> Tensor:
    """(B, 3, 3) of vectors (B, 3), axis times angle."""
    angle = vectors.norm(dim=1).clamp(min=1e-8)[:, None, None]
    x, y, z = vectors.unbind(1)
    zero = 0 * x
    cross = torch.stack([zero, -z, y, z, zero, -x, -y, x, zero], 1).view(-1, 3, 3) / angle
    return torch.eye(3, device=vectors.device) + angle.sin() * cross + (1 - angle.cos()) * (cross @ cross)


def about_z(angle: Tensor) -> Tensor:
    """(B, 3, 3) of angles (B,)."""
    return rotations(functional.pad(angle[:, None], (2, 0)))


def compose(outer: Tensor, inner: Tensor) -> Tensor:
    """(..., 3, 4): what takes points first by inner, then by outer (..., 3, 4)."""
    both = outer[..., :3] @ inner
    both[..., 3] += outer[..., 3]
    return both


def flat(transforms: Tensor) -> Tensor:
    """(N, 3, 4) as the kernels read it."""
    return transforms.reshape(len(transforms), 12).contiguous()
