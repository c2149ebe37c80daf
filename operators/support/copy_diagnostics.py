"""The operator that copies what whoever helps needs to know: versions, devices, the last lines of the log."""

from __future__ import annotations

import platform
import sys
import tomllib
from importlib import metadata
from pathlib import Path

import bpy
import gpu
import numpy as np

from ...inference.errors import PoseError
from ...inference.networks.backends import chosen_device, found_torch, origin, threads
from ...preferences import preferred
from ..running.log import recent

PACKAGES = {"torch": "torch", "torchvision": "torchvision", "PIL": "pillow"}  # module: distribution


class PHOTOPOSE_OT_copy_diagnostics(bpy.types.Operator):
    bl_idname = "photopose.copy_diagnostics"
    bl_label = "Copy Diagnostics"
    bl_description = "Copy versions, devices, settings and the last lines of the log, to paste them into a report"

    def execute(self, context: bpy.types.Context) -> set[str]:
        context.window_manager.clipboard = diagnostics()
        self.report({"INFO"}, "Diagnostics are in the clipboard")
        return {"FINISHED"}


def diagnostics() -> str:
    """One line a fact. Imports nothing that is not there yet; the user's home folder is written ~."""
    root = Path(__file__).resolve().parents[2]
    manifest = tomllib.loads((root / "blender_manifest.toml").read_text(encoding="utf-8"))
    python = f"Python {platform.python_version()}, numpy {np.__version__}"
    lines = [
        f"Photo Pose {manifest['version']} in {root}",
        f"Blender {bpy.app.version_string}{' in the background' if bpy.app.background else ''}, {python}",
        f"{platform.platform()}, {platform.machine()}",
        *(_package(module, distribution) for module, distribution in PACKAGES.items()),
        _devices(),
        f"Preferences: {', '.join(f'{name} {value!r}' for name, value in preferred()._asdict().items())}",
        _cache(),
        "",
        *recent.lines,
    ]
    return "\n".join(lines).replace(str(Path.home()), "~")


def _package(module: str, distribution: str) -> str:
    file = origin(module)
    if file is None:
        return f"{distribution}: not found"
    try:
        version = metadata.version(distribution)
    except metadata.PackageNotFoundError:
        version = "of unknown version"
    used = "in use" if module in sys.modules else "not in use yet"
    return f"{distribution} {version}, {used}, in {Path(file).parent}"


def _devices() -> str:
    wanted, device = preferred(), "unknown until the first match"
    found = found_torch(wanted.packages)
    if wanted.device == "numpy" or "torch" in sys.modules or found is None or found.problem:
        device = _device(wanted.device)
    card = "none in the background" if bpy.app.background else f"{gpu.platform.renderer_get()}"
    return f"Networks on: {device}; graphics card: {card}"


def _device(name: str) -> str:
    try:
        chosen = chosen_device(name)
    except PoseError as error:
        return f"none ({error})"
    return f"{chosen} with {threads() if chosen == 'numpy' else sys.modules['torch'].get_num_threads()} threads"


def _cache() -> str:
    from ..pictures.view_cache import cache_folder  # and with it Pillow

    folder = cache_folder()
    sizes = [file.stat().st_size for file in folder.glob("*.npz")]
    return f"Training views: {len(sizes)} models, {sum(sizes) / 1e6:.0f} MB in {folder}"


classes = (PHOTOPOSE_OT_copy_diagnostics,)
