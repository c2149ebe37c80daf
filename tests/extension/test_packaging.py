"""Full packages and the repository: wheels that are locked, short enough for Windows, installed and updated."""

from __future__ import annotations

import re
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

pytest.importorskip("bpy")

from conftest import IN_BLENDER, ROOT, run  # noqa: E402

sys.path.append(str(ROOT / "packaging"))

from packages import full_manifest, package  # noqa: E402
from wheels import LOCKED, LONGEST_PATH, ON_WINDOWS, PackagingError, fetch, long_paths  # noqa: E402

PROBE = "photo_pose_probe"


@pytest.fixture
def tool(extension_tool):
    """Blender's own, as a command."""
    import bpy

    return [sys.executable, Path(bpy.utils.system_resource("SCRIPTS"), "addons_core/bl_pkg/cli/blender_ext.py")]


def make_wheel(folder: Path, name: str = PROBE, **files: str) -> Path:
    path = folder / f"{name}-1.0-py3-none-any.whl"
    info = f"{name}-1.0.dist-info"
    contents = {
        f"{name}.py": "TOLD = 'from the wheel'\n",
        f"{info}/METADATA": f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n",
        f"{info}/WHEEL": "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
        **files,
    }
    contents[f"{info}/RECORD"] = "".join(f"{file},,\n" for file in (*contents, f"{info}/RECORD"))
    with zipfile.ZipFile(path, "w") as wheel:
        for file, text in contents.items():
            wheel.writestr(file, text)
    return path


def test_every_wheel_is_locked_by_its_hash_and_none_is_numpy() -> None:
    names = []
    for lock in LOCKED.iterdir():
        lines = lock.read_text().splitlines()
        assert all(re.fullmatch(r"[a-z0-9-]+==[\w.+]+ --hash=sha256:[0-9a-f]{64}", line) for line in lines)
        names.append([line.partition("==")[0] for line in lines])
    assert len(names) >= 5 and all(each == names[0] for each in names)
    assert {"torch", "torchvision", "pillow"} < set(names[0]) and "numpy" not in names[0]


def test_paths_too_long_for_windows_are_found(tmp_path: Path) -> None:
    name = "d" * (LONGEST_PATH - len(ON_WINDOWS) - len("//x.py"))
    wheel = make_wheel(tmp_path, **{f"{name}/x.py": "", f"{name}/xx.py": ""})
    assert long_paths(wheel) == [f"{name}/xx.py"]


def test_what_is_not_locked_is_told_in_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(PackagingError, match=r"^linux-x64 for Python 3\.99 is not locked: run `make lock` .*\.$"):
        fetch("linux-x64", "3.99", tmp_path)


def test_numpy_is_refused(tmp_path: Path, extension_zip: Path, tool: list) -> None:
    with pytest.raises(PackagingError, match="numpy"):
        package(extension_zip, "linux-x64", [make_wheel(tmp_path, "numpy")], tmp_path / "out", tool)


def test_what_blender_s_tool_refuses_is_told(tmp_path: Path, extension_zip: Path, tool: list) -> None:
    with pytest.raises(PackagingError, match="Blender's tool refuses"):
        wheel = make_wheel(tmp_path).rename(tmp_path / "nameless.whl")
        package(extension_zip, "linux-x64", [wheel], tmp_path / "out", tool)


@pytest.mark.skipif(IN_BLENDER, reason="one Blender is enough; the tool is another Python's")
def test_packages_install_and_a_repository_brings_updates(tmp_path: Path, extension_zip: Path, tool: list) -> None:
    """From a repository that is a folder: installed with its wheel, updated to a newer version, removed."""
    served = tmp_path / "served"
    platform = {"linux": "linux-x64", "darwin": "macos-arm64", "win32": "windows-x64"}[sys.platform]
    package(extension_zip, platform, [make_wheel(tmp_path)], served, tool)
    assert f'platforms = ["{platform}"]' in full_manifest("id = 1\n\n[permissions]\n", platform, [])
    generate = [*tool, "server-generate", "--html", "--repo-dir", served]
    subprocess.run(generate, check=True, capture_output=True)
    assert (served / "index.json").is_file() and "photo_pose" in (served / "index.html").read_text()
    output = run(
        *(sys.executable, ROOT / "tests/from_repository.py", served, *generate),
        BLENDER_USER_RESOURCES=str(tmp_path / "user"),
    )
    assert "INSTALLED 0.1.0 from the wheel" in output
    assert "UPDATED 9.9.9" in output
    assert "REMOVED []" in output
