"""Weights files that are not what they should be."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from photo_pose.inference.errors import PoseError
from photo_pose.inference.networks import loading

WEIGHTS = loading.WEIGHTS
WRONG = {  # parameters of a network and of another to what lies in the file of the first
    "another network's": lambda own, other: other,
    "half of their names": lambda own, other: {name: value for name, value in own.items() if "bias" not in name},
    "other shapes": lambda own, other: {name: value[:-1] for name, value in own.items()},
    "other kernels": lambda own, other: {
        name: value[..., :1] if value.ndim > 1 else value for name, value in own.items()
    },
    "no parameters": lambda own, other: {},
}


@pytest.mark.parametrize("wrong", WRONG)
@pytest.mark.parametrize("name", loading.ARCHITECTURES)
def test_weights_of_something_else_are_told(name: str, wrong: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    other = next(other for other in loading.ARCHITECTURES if other != name)
    own, others = (dict(np.load(WEIGHTS / f"{network}.npz")) for network in (name, other))
    np.savez(tmp_path / f"{name}.npz", **WRONG[wrong](own, others))
    monkeypatch.setattr(loading, "WEIGHTS", tmp_path)
    with pytest.raises(PoseError, match=f'^"{name}.npz" of Photo Pose is missing or damaged; install .*again.$'):
        loading.bundled(name)


def test_a_single_array_is_no_weights_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    with open(tmp_path / "u2netp.npz", "wb") as file:
        np.save(file, np.zeros(3))
    monkeypatch.setattr(loading, "WEIGHTS", tmp_path)
    with pytest.raises(PoseError, match="is missing or damaged"):
        loading.bundled("u2netp")
