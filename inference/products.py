"""Products of matrices that are fast in every numpy, also in one without BLAS."""

from __future__ import annotations

import time
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
    """By trying, for numpy's own words about how it was built differ by version and can be wrong."""
    a = np.ones((256, 256), np.float32)

    def seconds(some: np.ndarray, text: str) -> float:
        """The least of three."""
        taken = []
        for _ in range(3):
            began = time.perf_counter()
            some @ a if text == "matmul" else np.einsum("pk,nk->pn", some, a)
            taken.append(time.perf_counter() - began)
        return min(taken)

    return seconds(a, "matmul") < seconds(a, "einsum")
