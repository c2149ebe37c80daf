"""Starts kernels.cu on a graphics card (compiled by NVRTC, through CuPy) or, the same source, on the CPU (by g++)."""

from __future__ import annotations

import ctypes
import re
import shutil
import subprocess
import tempfile
from collections.abc import Callable
from functools import cache
from pathlib import Path

import torch
from torch import Tensor

from inference.errors import PoseError

SOURCE = Path(__file__).with_name("kernels.cu")
KERNELS = ("raster", "shade", "cells")
THREADS, WARP = 128, 32  # of a block on a graphics card; `raster` takes a warp for each of its items
MOST_BLOCKS = 132 * 64  # of `raster`, whose warps take several items then
EMPTY = -1  # of a z-buffer; else the bits of the depth, then those of draw and face

OBJECT, OTHER = 0, 1  # kinds of what is drawn


def numbered(first: str) -> dict[str, int]:
    """The names of an enumeration of the source, by the one that comes first, lower case and without their letter."""
    entries = re.search(rf"enum {{\s*({first}\b.*?)}}", re.sub(r"//.*", "", SOURCE.read_text()), re.DOTALL)[1]
    numbers, number = {}, 0
    for entry in entries.split(","):
        name, _, value = (part.strip() for part in entry.partition("="))
        if value:
            number = sum(numbers[term] if term in numbers else int(term) for term in value.split(" + "))
        numbers[name] = number
        number += 1
    return {name[2:].lower(): number for name, number in numbers.items()}


def places(first: str) -> dict[str, slice]:
    """Where the values of each name of an enumeration lie in a row."""
    numbers = numbered(first)
    ends = [*numbers.values()][1:]
    return {name: slice(start, end) for (name, start), end in zip(numbers.items(), ends, strict=False)}


def put(rows: Tensor, table: dict[str, slice], **values: Tensor | float) -> None:
    """Writes values by name into rows (N, ...): one for all of them, one for each (N,), or several for each (N, K)."""
    for name, value in values.items():
        of_each = isinstance(value, Tensor) and value.ndim == 1
        rows[:, table[name]] = value[:, None].to(rows.dtype) if of_each else value


WORDS = numbered("A_VERTS")
DRAW, LOOK, IMAGE = places("D_BUFFER"), places("L_HIDE"), places("I_STUDIO")
DRAW_LENGTH, LOOK_LENGTH = numbered("D_BUFFER")["ints"], numbered("L_HIDE")["floats"]
IMAGE_LENGTH = numbered("I_STUDIO")["floats"]


def to_device(tensor: Tensor, device: str) -> Tensor:
    """Without waiting for what a graphics card still does."""
    return tensor.pin_memory().to(device, non_blocking=True) if device == "cuda" else tensor


def launch(name: str, items: int, device: str, count: int = 0, **words: Tensor | int) -> None:
    """Runs one of KERNELS over so many items; words: contiguous tensors on the device, or whole numbers."""
    if not items:
        return
    table = [0] * WORDS["words"]
    for key, value in (words | {"items": items, "count": count}).items():
        if isinstance(value, Tensor) and not (value.is_contiguous() and value.device.type == device):
            raise ValueError(f"{key} is not contiguous on the device {device}")
        table[WORDS[key]] = value if isinstance(value, int) else value.data_ptr()
    if device == "cpu":
        getattr(_compiled_for_cpu(), name)((ctypes.c_ulonglong * len(table))(*table))
        return
    blocks = min(-(-items * WARP // THREADS), MOST_BLOCKS) if name == "raster" else -(-items // THREADS)
    _compiled_for_cuda()[name](blocks, to_device(torch.tensor(table, dtype=torch.int64), device))


def z_buffers(draws: Tensor, items: int, projections: Tensor, look: Tensor, count: int, side: int, **words) -> Tensor:
    """(count, side, side) int64: the nearest face at every pixel, or EMPTY.

    draws (D, DRAW_LENGTH) int32; items: faces that they have together; projections (D, 12): of models to pixels of
    their buffer; look (D, LOOK_LENGTH); words: the meshes.
    """
    device = projections.device.type
    buffers = torch.full((count, side, side), EMPTY, dtype=torch.int64, device=device)
    first = torch.zeros(len(draws) + 1, dtype=torch.int64, device=device)
    first[1:] = draws[:, DRAW["count"]].flatten().long().cumsum(0)
    drawn = {"draws": draws, "p": projections, "look": look, "zbuf": buffers, "side": side, "first": first}
    launch("raster", items, device, count=len(draws), **words, **drawn)
    return buffers


@cache
def _compiled_for_cpu() -> ctypes.CDLL:
    if shutil.which("g++") is None:
        raise PoseError("Models are packed, and pairs drawn, by C++: this needs g++ (Debian: apt install g++).")
    with tempfile.TemporaryDirectory() as folder:
        library = Path(folder, "kernels.so")
        options = ["-O2", "-march=native", "-shared", "-fPIC", "-DON_CPU", "-x", "c++"]
        subprocess.run(["g++", *options, SOURCE, "-o", library], check=True)
        return ctypes.CDLL(str(library))


@cache
def _compiled_for_cuda() -> dict[str, Callable[[int, Tensor], None]]:
    """By name: what starts a kernel with so many blocks and a table of words, on the default stream."""
    try:
        import cupy
    except ImportError as error:
        raise PoseError(
            "On a graphics card the pairs are drawn with CuPy: benchmark/requirements.txt says which."
        ) from error
    module = cupy.RawModule(code=SOURCE.read_text())

    def start(name: str) -> Callable[[int, Tensor], None]:
        function = module.get_function(name)
        return lambda blocks, table: function((blocks,), (THREADS,), (table.data_ptr(),))

    return {name: start(name) for name in KERNELS}
