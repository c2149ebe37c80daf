"""What runs the networks: PyTorch on one of its devices where it works, else numpy. Nothing imports torch until it is
asked for here; the one answer about a PyTorch is kept for as long as it is the one that Python finds."""

from __future__ import annotations

import ctypes
import importlib
import importlib.util
import os
import re
import sys
from functools import cache
from importlib import metadata
from importlib.machinery import PathFinder
from pathlib import Path
from types import ModuleType
from typing import NamedTuple

import numpy as np

from ..errors import LOG, PoseError

DEVICES = ("auto", "numpy", "cpu", "cuda", "mps")  # all but the first two are PyTorch's
OLDEST = (2, 0)  # PyTorch
FASTER = 1.8  # times as fast PyTorch runs the networks on a processor: one thread, a crop 1.9, an aligned pair 1.7
ADD = "the manual's section PyTorch says how to add it"
REPAIR = "repair it, or disable the add-on that brought it and choose a folder with a good one in the preferences"

_problems: dict[str, str | None] = {}  # of each torch/__init__.py that was tried
_loaded: list[tuple[ModuleType, int]] = []  # PyTorch, and how many threads it thinks best
_threads = 0  # that were asked for


def origin(module: str) -> str | None:
    """The file of a package that Python finds. An empty folder, which a half removed one leaves behind, is none, nor is
    a module that another add-on made up."""
    try:
        spec = importlib.util.find_spec(module)
    except ValueError:
        return None
    return spec.origin if spec else None


def torch_problem() -> str | None:
    """Why PyTorch runs no networks here, as a sentence without its full stop; None where it does. May import it, which
    takes seconds, in which other threads go on."""
    file = origin("torch")
    if file is None:
        return f"PyTorch is not installed for Python {sys.version_info.major}.{sys.version_info.minor}"
    if file not in _problems:
        _problems[file] = _tried(Path(file).parent)
        if _problems[file]:
            LOG.warning("%s, so that NumPy runs the networks; %s.", _problems[file], REPAIR)
        else:
            torch = sys.modules["torch"]
            _loaded[:] = [(torch, torch.get_num_threads())]
            set_threads(_threads)
    return _problems[file]


def forget_torch() -> None:
    """Has torch_problem try again what it has found unusable, which may have been repaired."""
    for file in [file for file, problem in _problems.items() if problem]:
        del _problems[file]


def chosen_device(name: str = "auto") -> str:
    """The one of DEVICES, but auto, that this name means here: numpy, or a device of PyTorch, which then is imported.

    auto takes a graphics card where PyTorch has one, then PyTorch, then numpy. PoseError where it cannot be used.
    """
    if name not in DEVICES:
        raise PoseError(f"There is no device '{name}'; choose one of: {', '.join(DEVICES)}.")
    if name == "numpy" or (name == "auto" and torch_problem()):
        return "numpy"
    require_torch(f"The device '{name}'")
    if name == "auto":
        return next(device for device in ("cuda", "mps", "cpu") if _computes(device))
    if not _computes(name):
        raise PoseError(f"This computer or its PyTorch has no device '{name}' that works; use auto.")
    return name


@cache
def _computes(device: str) -> bool:
    """Whether PyTorch does so there: a graphics card that is too old for it is found, too."""
    import torch

    if not {"cuda": torch.cuda.is_available, "mps": torch.backends.mps.is_available, "cpu": lambda: True}[device]():
        return False
    try:
        return (torch.ones(1, device=device) + 1).item() == 2
    except RuntimeError:
        return False


def require_torch(what: str) -> None:
    """PoseError where PyTorch does not work; what needs it: "Training networks"."""
    problem, oldest = torch_problem(), ".".join(map(str, OLDEST))
    if problem:
        way_out = REPAIR if origin("torch") else ADD
        raise PoseError(f"{what} needs PyTorch {oldest} or newer: {problem}; {way_out}.")


def set_threads(count: int) -> None:
    """Of the processor, for the networks, whatever runs them; 0: as many as PyTorch thinks best, or there are cores."""
    global _threads
    _threads = count
    for torch, best in _loaded:
        torch.set_num_threads(count or best)


def threads() -> int:
    """How many numpy's networks may use, at least one."""
    return _threads or (len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1)


class Found(NamedTuple):
    """A PyTorch: its version, ? where nothing tells it, and its problem as far as torch_problem knows it by now."""

    version: str
    problem: str | None


def found_torch(folder: str = "") -> Found | None:
    """The PyTorch that is in use, else the one that Python would find, at last in that folder of the user, without
    importing it; None: none."""
    spec = getattr(sys.modules.get("torch"), "__spec__", None)
    spec = spec or PathFinder.find_spec("torch", [*sys.path, folder] if folder else sys.path)
    if spec is None or spec.origin is None:
        return None
    told = metadata.distributions(name="torch", path=[str(Path(spec.origin).parents[1])])
    return Found(next((one.version for one in told), "?"), _problems.get(spec.origin))


def _tried(folder: Path) -> str | None:
    """Imports what is in the folder: what is wrong with it."""
    try:
        if "torch" not in sys.modules:
            _load_library(folder)
        torch = importlib.import_module("torch")
    except (Exception, SystemExit) as error:  # a damaged package, or one for another system, can raise anything
        reason = (str(error).splitlines() or [""])[0].rstrip(".")
        return f'PyTorch in "{folder}" does not load ({type(error).__name__}: {reason})'
    version = str(getattr(torch, "__version__", "0"))
    if tuple(map(int, re.findall(r"\d+", version)[:2])) < OLDEST:
        return f'PyTorch in "{folder}" is too old ({version})'
    try:
        torch.from_numpy(np.zeros(1))
    except Exception:  # RuntimeError or TypeError, by version
        return f'PyTorch {version} in "{folder}" does not work with numpy {np.__version__}'
    return None


def _load_library(folder: Path) -> None:
    """Loads PyTorch's largest library as a plain call, in which Python lets other threads go on.

    An import would load it too, but holds up everything for seconds, Blender's own thread also when this one is
    another. On Windows PyTorch does the same itself; where it fails, the import says why.
    """
    for library in folder.glob("lib/libtorch_cpu.*") if os.name == "posix" else ():
        load = ctypes.CDLL(None).dlopen
        load.argtypes, load.restype = (ctypes.c_char_p, ctypes.c_int), ctypes.c_void_p
        load(os.fsencode(library), os.RTLD_NOW)
