"""Products of matrices, in a numpy with BLAS and without."""

from __future__ import annotations

import os
import subprocess
import sys

import numpy as np
import pytest

from photo_pose.inference import products


@pytest.mark.parametrize("shape", [(7, 5, 3), (40, 200, 12), (1, 96, 1)])
def test_products_without_blas_are_products(shape, monkeypatch):
    monkeypatch.setattr(products, "_has_blas", lambda: False)
    random = np.random.default_rng(0)
    a, b = random.normal(size=shape[:2]), random.normal(size=shape[1:])
    np.testing.assert_allclose(products.product(a, b), a @ b)


def test_whether_numpy_has_blas_is_found_alike_while_others_use_the_processor():
    busy = [sys.executable, "-c", "while True: pass"]
    others = [subprocess.Popen(busy) for _ in range(2 * (os.cpu_count() or 1))]
    try:
        found = {products._has_blas.__wrapped__() for _ in range(30)}
    finally:
        for other in others:
            other.kill()
            other.wait()
    assert len(found) == 1
