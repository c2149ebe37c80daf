"""Descriptors: what stands for views and crops where thousands of models are searched."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from photo_pose.inference.errors import PoseError
from photo_pose.inference.views import descriptors


@pytest.fixture
def features() -> np.ndarray:
    return np.random.default_rng(1).random((5, 14, 14, 112)).astype(np.float16)


def test_they_are_unit_vectors_of_few_numbers(features: np.ndarray) -> None:
    for described in (descriptors.described, descriptors.described_crops):
        found = described(features)
        assert found.shape == (5, descriptors.DIMENSIONS) and found.dtype == np.float32
        assert np.allclose(np.linalg.norm(found, axis=1), 1, atol=1e-5)


def test_what_is_described_alone_is_described_the_same(features: np.ndarray) -> None:
    """Machines of a farm describe models one by one, and one machine may describe them all."""
    together = descriptors.described(features)
    alone = np.concatenate([descriptors.described(one[None]) for one in features])
    assert np.allclose(together, alone, atol=1e-5)


def test_a_damaged_projection_is_one_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    damaged = tmp_path / "descriptors.npz"
    damaged.write_bytes(b"no archive")
    monkeypatch.setattr(descriptors, "WEIGHTS", damaged)
    descriptors._projections.cache_clear()
    with pytest.raises(PoseError, match="missing or damaged"):
        descriptors.described(np.zeros((1, 14, 14, 112), np.float16))
    damaged.unlink()
    with pytest.raises(PoseError, match="missing or damaged"):
        descriptors._content()
    descriptors._projections.cache_clear()
