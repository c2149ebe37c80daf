"""Products of matrices that are fast in every numpy, also in one without BLAS."""

from __future__ import annotations

import timeit
from collections.abc import Callable
from functools import cache

import numpy as np

LONG = 96  # terms of a sum from which einsum adds them up faster along the rows of both factors: measured


def product(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """a @ b, (..., K) and (K, N).

    Blender from blender.org brings a numpy that was built without BLAS: there the loops of einsum, which the compiler
    has vectorised, are 4 to 5 times as fast as those of matmul.
    """
    if _has_blas():
        return a @ b
    if a.shape[-1] < LONG:
        return np.einsum("...k,kn->...n", a, b)
    return np.einsum("...k,nk->...n", a, np.ascontiguousarray(b.T))


@cache
def _has_blas() -> bool:
    """By trying, for numpy's own words about how it was built differ by version and can be wrong.

    Small matrices, which BLAS multiplies in one thread: where others use the processor, it waits long for several.
    """
    a = np.ones((64, 64), np.float32)

    def seconds(multiplied: Callable[[], np.ndarray]) -> float:
        """The least of ten."""
        return min(timeit.repeat(multiplied, number=1, repeat=10))

    return seconds(lambda: a @ a) < seconds(lambda: np.einsum("pk,nk->pn", a, a))
