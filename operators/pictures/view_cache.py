"""The cache of training views on disk: where it is, what names a file, how it is read and written."""

from __future__ import annotations

import hashlib
import json
import os
import re
import time
from collections.abc import Callable
from contextlib import suppress
from functools import lru_cache
from pathlib import Path
from typing import BinaryIO

import bpy
import numpy as np

from ...inference.files import replacing, writing
from ...inference.networks.registry import feature_name, identity
from ...inference.views.crops import SIZE
from ...inference.views.templates import UNREADABLE, Templates
from ...inference.views.view_options import ViewOptions
from ...preferences import preferred
from ..blender.models import Model

OURS = re.compile(r"[0-9a-f]{24}(\.\d+(@[\w-]*)?)?\.(npz|png)")  # names of cache files, half written ones too
UNWRITABLE = (
    'The folder for training views, "{path}", cannot be written ({reason}); choose another one in the preferences, or '
    "with --cache."
)
FORMAT = 2  # of the cache files; raise it when their content or the way it is made changes
TEMPLATE_SAMPLES = 1  # of Cycles; four take three times as long and match no better (measured on real photos)
SETTLED = 3 * 10**9  # ns since a folder's last change, from which the next one gets another time on any disk


def cache_folder() -> Path:
    """Where this installation keeps its training views: the folder that the user prefers, or its own."""
    if preferred().cache:
        return Path(preferred().cache)
    package = __package__.rpartition(".operators")[0]
    if package.startswith("bl_ext."):
        return Path(bpy.utils.extension_path_user(package, path="cache"))
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache", "photo_pose", "views")


def cached_file(model: Model, options: ViewOptions, folder: Path) -> Path:
    """Where a model's templates are kept, if they are; their pictures lie beside them."""
    return folder / f"{hashlib.sha256(cache_key(model, options).encode()).hexdigest()[:24]}.npz"


def cache_files(folder: Path) -> list[Path]:
    """What was put there, and nothing else that may be there."""
    return sorted(path for path in folder.glob("*") if OURS.fullmatch(path.name))


def cache_size(folder: Path) -> tuple[int, int]:
    """How many templates were put there, and the bytes of it all; quick where nothing has changed."""
    try:
        changed = folder.stat().st_mtime_ns
    except OSError:  # there is none yet
        return 0, 0
    if time.time_ns() - changed < SETTLED:  # it may change again at what is the same time to the disk
        _measured.cache_clear()
    return _measured(folder, changed)


@lru_cache(1)
def _measured(folder: Path, _changed: int) -> tuple[int, int]:
    count = size = 0
    with os.scandir(folder) as entries:
        for entry in entries:
            if OURS.fullmatch(entry.name):
                count += entry.name.endswith(".npz")
                with suppress(OSError):  # another Blender has deleted it meanwhile
                    size += entry.stat().st_size
    return count, size


def clear_cache(folder: Path) -> int:
    """Deletes what was put there; gives the number of templates that were."""
    files = cache_files(folder)
    with writing(folder, 'The training views in "{path}" cannot be deleted ({reason}).'):
        for path in files:
            path.unlink(missing_ok=True)
    return sum(path.suffix == ".npz" for path in files)


def cache_key(model: Model, options: ViewOptions) -> str:
    render = {"samples": TEMPLATE_SAMPLES, "size": SIZE, "format": FORMAT}
    looks = {key: value for key, value in options._asdict().items() if key != "device"}
    looks["network"] = identity(feature_name(options.network))
    return json.dumps({"model": model.fingerprint, **looks, **render})


def load_cached(path: Path, key: str) -> Templates | None:
    """None when there is no such file, or one that is damaged or not ours: it is then made anew."""
    try:
        with np.load(path, allow_pickle=False) as data:
            return Templates.load(path) if str(data["key"]) == key else None
    except UNREADABLE:
        return None


def store(path: Path, write: Callable[[BinaryIO], None]) -> None:
    """PoseError where it cannot be written."""
    with writing(path.parent, UNWRITABLE), replacing(path) as file:
        write(file)
