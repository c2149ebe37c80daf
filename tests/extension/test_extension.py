"""The extension as it is handed out: the official validator, the zip, enabling and disabling it."""

from __future__ import annotations

import re
import tomllib
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("bpy")

ROOT = Path(__file__).resolve().parents[2]
HANDED_OUT = {
    "blender_manifest.toml", "__init__.py", "keymaps.py", "preferences.py", "properties.py", "translations.py",
    "translations.txt", "batch.py", "operators", "panels", "inference", "wheels", "LICENSE", "README.md",
    "CHANGELOG.md",
}  # fmt: skip


def test_official_validator(extension_tool: Callable[..., str], extension_zip: Path) -> None:
    for path in (ROOT, extension_zip):
        assert not re.search("warning|error", extension_tool("validate", path), re.IGNORECASE)


def test_zip_holds_what_users_need_and_nothing_else(extension_zip: Path) -> None:
    names = zipfile.ZipFile(extension_zip).namelist()
    weights = {path.name for path in (ROOT / "inference/networks/weights").iterdir() if path.is_file()}
    weights.remove("regressor.npz")  # the paper's, for the repository's benchmark only
    assert {name.partition("/")[0] for name in names} == HANDED_OUT
    assert not [name for name in names if "__pycache__" in name or "/." in name]
    assert weights == {Path(name).name for name in names if name.startswith("inference/networks/weights/")}
    assert any(name.endswith(".npz") for name in weights) and any("LICENSE" in name for name in weights)


def test_enabling_and_disabling_leaves_nothing(installed: dict[str, Any]) -> None:
    assert "Scene.photo_pose" in installed["enabled"]
    assert "log to Recent" in installed["enabled"]
    assert installed["left"] == []
    assert not re.search("error|warning|exception|traceback", installed["messages"], re.IGNORECASE)


def test_changelog_tells_this_version() -> None:
    manifest = tomllib.loads((ROOT / "blender_manifest.toml").read_text())
    versions = re.findall(r"^## (\S+)", (ROOT / "CHANGELOG.md").read_text(), re.MULTILINE)
    assert versions[0] == manifest["version"]
