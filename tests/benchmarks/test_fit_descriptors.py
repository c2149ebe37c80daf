"""The map that describes views: it keeps what tells models apart, and loses what backdrops and light do."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("bpy")
sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from benchmark import fit_descriptors
from inference.views.descriptors import DIMENSIONS
from inference.views.retrieval import unit


def test_what_changes_before_backdrops_counts_little() -> None:
    random = np.random.default_rng(1)
    models = random.normal(size=(40, 1, 1000)).astype(np.float32)
    views = models + 0.3 * random.normal(size=(40, 25, 1000)).astype(np.float32)
    noise = 200 * random.normal(size=(1000, 10)) @ random.normal(size=(10, 1000)) / 30  # in ten directions only
    seen = (views[:, 0] + noise[:40]).astype(np.float32)
    pairs = fit_descriptors.Pair((views[:, 1] + noise[40:80]).astype(np.float32), views[:, 1])
    found = fit_descriptors.fitted(views, pairs, [(one[None], number) for number, one in enumerate(seen)])
    assert found["axes"].shape == (1000, DIMENSIONS)

    fresh = views[:, 2] + noise[80:120]
    described = unit((views[:, 5] - found["views_mean"]) @ found["axes"])
    right = (unit((fresh - found["crops_mean"]) @ found["axes"]) @ described.T).argmax(1) == np.arange(40)
    plain = (unit(fresh) @ unit(views[:, 5]).T).argmax(1) == np.arange(40)
    assert right.mean() > 0.95 > plain.mean()
