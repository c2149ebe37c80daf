"""The packages that Blender does not bring: where Python finds them, else in the folder that the user chose."""

from __future__ import annotations

import ctypes
import importlib
import importlib.util
import os
import re
import sys
from pathlib import Path
from types import ModuleType
from typing import NamedTuple

import numpy as np

from ...inference.errors import PoseError
from ...preferences import preferred
from .worker import on_main


class Package(NamedTuple):
    name: str
    oldest: tuple[int, int]


PACKAGES = {"torch": Package("PyTorch", (2, 0)), "PIL": Package("Pillow", (9, 4))}
WAY_OUT = "the README's section Install says how to add it"
OTHERS = "repair it, or disable the add-on that brought it and choose a folder with a good one in the preferences"

_searched: list[str] = []  # folders of the user on sys.path


def require_packages(*modules: str) -> None:
    """Imports what Blender does not bring, now and not before; PoseError with a way out where that fails.

    modules: only these of PACKAGES.
    """
    wanted = on_main(preferred)
    for module in modules or PACKAGES:
        if not _found(module):
            _search(wanted.packages)
        _check(module, _imported(module, wanted.packages))
    if wanted.threads and "torch" in (modules or PACKAGES):
        sys.modules["torch"].set_num_threads(wanted.threads)


def forget_folder() -> None:
    """Takes the user's folder off sys.path; what was imported from it stays until Blender ends."""
    while _searched:
        folder = _searched.pop()
        if folder in sys.path:
            sys.path.remove(folder)


def _found(module: str) -> bool:
    """Not by the empty folder that a package leaves behind when it is half removed."""
    spec = importlib.util.find_spec(module)
    return spec is not None and spec.origin is not None


def _search(folder: str) -> None:
    """At the end of sys.path, so that nothing in it takes the place of what Blender brings, such as numpy."""
    if folder and folder not in sys.path:
        sys.path.append(folder)
        _searched.append(folder)
        importlib.invalidate_caches()


def _imported(module: str, folder: str) -> ModuleType:
    name = PACKAGES[module].name
    if not _found(module):
        python = f"{sys.version_info.major}.{sys.version_info.minor}"
        also = f', also not in the chosen folder "{folder}"' if folder else ""
        raise PoseError(f"Photo Pose needs {name}, which Blender's Python {python} does not find{also}; {WAY_OUT}.")
    try:
        if module == "torch" and module not in sys.modules:
            _load_library()
        return importlib.import_module(module)
    except Exception as error:  # a damaged package, or one for another system, can raise anything
        reason = (str(error).splitlines() or [""])[0].rstrip(".")
        spec = importlib.util.find_spec(module)
        where = Path(spec.origin).parent if spec and spec.origin else "Python's folders"
        raise PoseError(
            f'Photo Pose needs {name}, but the one in "{where}" does not load ({type(error).__name__}: {reason}); '
            f"{OTHERS}."
        ) from error


def _load_library() -> None:
    """Loads PyTorch's largest library as a plain call, in which Python lets other threads go on.

    An import would load it too, but holds up everything for seconds, Blender's own thread also when this one is
    another. On Windows PyTorch does the same itself; where it fails, the import says why.
    """
    found = Path(importlib.util.find_spec("torch").origin).parent.glob("lib/libtorch_cpu.*")
    for library in found if os.name == "posix" else ():
        load = ctypes.CDLL(None).dlopen
        load.argtypes, load.restype = (ctypes.c_char_p, ctypes.c_int), ctypes.c_void_p
        load(os.fsencode(library), os.RTLD_NOW)


def _check(module: str, package: ModuleType) -> None:
    """PoseError where it is too old, or made for another numpy than Blender's."""
    name, oldest = PACKAGES[module]
    version, where = getattr(package, "__version__", "0"), Path(package.__file__).parent
    if tuple(map(int, re.findall(r"\d+", version)[:2])) < oldest:
        needed = ".".join(map(str, oldest))
        raise PoseError(f'Photo Pose needs {name} {needed} or newer, but finds {version} in "{where}"; {OTHERS}.')
    if module == "torch":
        try:
            package.from_numpy(np.zeros(1))
        except RuntimeError as error:
            raise PoseError(
                f'Photo Pose needs a PyTorch that works with numpy {np.__version__}, but {version} in "{where}" does '
                f"not; {OTHERS}."
            ) from error
