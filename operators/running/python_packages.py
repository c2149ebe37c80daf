"""The packages that Blender does not bring: where Python finds them, else in the folder that the user chose."""

from __future__ import annotations

import importlib
import re
import sys
from importlib import metadata
from pathlib import Path
from types import ModuleType
from typing import NamedTuple

from ...inference.errors import PoseError
from ...inference.networks.backends import forget_torch, origin, set_threads, torch_problem
from ...preferences import preferred
from .worker import on_main


class Package(NamedTuple):
    """compiled: the part of it that loads what a Python of another version or another system cannot."""

    name: str
    oldest: tuple[int, int]
    compiled: str = ""


PACKAGES = {"PIL": Package("Pillow", (9, 4), ".Image")}  # that nothing works without
AGAIN = "install the extension again, whose zip brings it"
BESIDE = f"{AGAIN}, or disable the add-on that brought this one"
NEEDS = (*PACKAGES, "torch")  # what networks are run with

_searched: list[str] = []  # folders of the user on sys.path


def require_packages(*modules: str, device: str = "") -> None:
    """Imports what Blender does not bring, now and not before; PoseError with a way out where that fails.

    modules: only these of NEEDS. PyTorch may be missing or of no use, and is left alone where numpy is to run the
    networks: as device says, else the preferences.
    """
    modules, wanted = modules or NEEDS, on_main(preferred)
    if _searched and wanted.packages not in _searched:
        forget_folder()
    for module in modules:
        if not origin(module):
            _search(wanted.packages)
        if module in PACKAGES:
            _check(module, _imported(module, wanted.packages))
            _imported(module, wanted.packages, PACKAGES[module].compiled)
    if "torch" in modules:
        set_threads(wanted.threads)
        if (device or wanted.device) != "numpy":
            torch_problem()


def find_packages() -> None:
    """When the extension starts: panels draw what a .blend keeps before any work asks for a package."""
    if not all(map(origin, PACKAGES)):
        _search(preferred().packages)


def forget_folder() -> None:
    """Takes the user's folder off sys.path; what was imported from it stays until Blender ends."""
    while _searched:
        folder = _searched.pop()
        if folder in sys.path:
            sys.path.remove(folder)
    forget_torch()


def _search(folder: str) -> None:
    """At the end of sys.path, so that nothing in it takes the place of what Blender brings, such as numpy."""
    if folder and folder not in sys.path:
        sys.path.append(folder)
        _searched.append(folder)
        importlib.invalidate_caches()


def _imported(module: str, folder: str, part: str = "") -> ModuleType:
    """A package, or a part of it. PoseError where it is missing or does not load."""
    name = PACKAGES[module].name
    if not origin(module):
        python = f"{sys.version_info.major}.{sys.version_info.minor}"
        also = f', also not in the chosen folder "{folder}"' if folder else ""
        raise PoseError(f"Photo Pose needs {name}, which Blender's Python {python} does not find{also}; {AGAIN}.")
    try:
        return importlib.import_module(module + part)
    except Exception as error:  # a damaged package, or one for another system, can raise anything
        reason = (str(error).splitlines() or [""])[0].rstrip(".")
        where = Path(file).parent if (file := origin(module)) else "Python's folders"
        raise PoseError(
            f'Photo Pose needs {name}, but the one in "{where}" does not load ({type(error).__name__}: {reason}); '
            f"{BESIDE}."
        ) from error


def _check(module: str, package: ModuleType) -> None:
    """PoseError where it is too old, or where Blender put another version in its place after it was loaded."""
    name, oldest, _compiled = PACKAGES[module]
    version, where = getattr(package, "__version__", "0"), Path(package.__file__).parent
    for there in metadata.distributions(name=name, path=[str(where.parent)]):
        if there.version != version:
            raise PoseError(f"An add-on uses {name} {version}, in whose place is {there.version} now; restart Blender.")
    if tuple(map(int, re.findall(r"\d+", version)[:2])) < oldest:
        needed = ".".join(map(str, oldest))
        raise PoseError(f'Photo Pose needs {name} {needed} or newer, but finds {version} in "{where}"; {BESIDE}.')
