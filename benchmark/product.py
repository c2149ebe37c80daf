"""The extension as the package photo_pose, whatever its folder is called; import from it after import_product()."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]


def import_product() -> None:
    """Makes `photo_pose` importable; does nothing where it already is."""
    if importlib.util.find_spec("photo_pose"):
        return
    spec = importlib.util.spec_from_file_location(
        "photo_pose", ROOT / "__init__.py", submodule_search_locations=[str(ROOT)]
    )
    sys.modules["photo_pose"] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(sys.modules["photo_pose"])
