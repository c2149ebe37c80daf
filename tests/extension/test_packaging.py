"""The zips and the repository: wheels that are locked, short enough for Windows, installed and updated."""

from __future__ import annotations

import hashlib
import os
import re
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

import pytest

pytest.importorskip("bpy")

from conftest import IN_BLENDER, ROOT, run  # noqa: E402
from packages import full_manifest, package  # noqa: E402

from wheels import BLENDERS, LONGEST_PATH, ON_WINDOWS, PackagingError, fetch, lock_file, locked_wheels, long_paths

PROBE = "photo_pose_probe"
LARGEST = 60_000_000  # bytes of the small zip
INSTALLED = ON_WINDOWS.partition(r"\.local")[0] + r"\user_default\photo_pose"  # where Windows has the extension
PILLOW = ("pillow", "linux-x64", "3.11")


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
    for content, packages, count in (("pillow", {"pillow"}, len(BLENDERS)), ("torch", {"torch", "torchvision"}, 5)):
        locks = [*(ROOT / "packaging/locked" / content).iterdir()]
        lines = [lock.read_text().splitlines() for lock in locks]
        assert len(locks) == count
        assert all(re.fullmatch(r"[a-z0-9-]+==[\w.+]+ --hash=sha256:[0-9a-f]{64}", line) for line in sum(lines, []))
        names = [[line.partition("==")[0] for line in each] for each in lines]
        assert all(each == names[0] for each in names) and packages <= set(names[0]) and "numpy" not in names[0]
    assert all(lock_file("pillow", *blender).exists() for blender in BLENDERS)


def test_the_small_zip_brings_the_locked_pillow_for_every_blender_and_nothing_else(small_zip: Path) -> None:
    with zipfile.ZipFile(small_zip) as file:
        manifest = tomllib.loads(file.read("blender_manifest.toml").decode())
        brought = {name: file.read(name) for name in file.namelist() if name.endswith(".whl")}
        names = file.namelist()
    assert {f"./{name}" for name in brought} == set(manifest["wheels"])
    locks = "".join(lock_file("pillow", *blender).read_text() for blender in BLENDERS)
    assert all(hashlib.sha256(content).hexdigest() in locks for content in brought.values())
    assert len(brought) == len(BLENDERS) and "platforms" not in manifest
    assert "MIT-CMU" in zipfile.Path(small_zip, "wheels/README.md").read_text()
    assert small_zip.stat().st_size < LARGEST
    assert max(len(name) for name in names) + len(INSTALLED) + 1 <= LONGEST_PATH


def test_the_repository_itself_is_an_extension_without_wheels() -> None:
    assert "wheels" not in tomllib.loads((ROOT / "blender_manifest.toml").read_text())


@pytest.fixture
def index(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder that is all that pip finds."""
    monkeypatch.setenv("PIP_CONFIG_FILE", os.devnull)
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(tmp_path / "index"))
    (tmp_path / "index").mkdir()
    return tmp_path / "index"


def test_a_wheel_with_another_hash_is_refused_in_one_sentence(tmp_path: Path, index: Path) -> None:
    (index / "pillow-13.0.0-cp311-cp311-manylinux_2_28_x86_64.whl").write_bytes(b"what somebody has put there")
    with pytest.raises(PackagingError, match=r"^linux-x64 for Python 3\.11: what pip downloads is not what .*\.$"):
        fetch(*PILLOW, tmp_path)
    assert not [*tmp_path.glob("linux-x64-3.11/*.whl")]


def test_without_a_network_one_sentence_says_so_and_what_was_fetched_is_enough(
    tmp_path: Path, index: Path, small_zip: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("PIP_NO_INDEX")
    monkeypatch.setenv("PIP_INDEX_URL", "http://127.0.0.1:9/simple")
    monkeypatch.setenv("PIP_RETRIES", "1")
    folder = tmp_path / "linux-x64-3.11"
    folder.mkdir()
    (folder / "pillow-13.0.0-damaged.whl").write_bytes(b"half of it")
    with pytest.raises(PackagingError, match=r"^linux-x64 for Python 3\.11: pip does not reach its index; .*\.$"):
        fetch(*PILLOW, tmp_path)
    with zipfile.ZipFile(small_zip) as file:
        (name,) = (name for name in file.namelist() if "cp311-manylinux" in name)
        (folder / Path(name).name).write_bytes(file.read(name))
    assert fetch(*PILLOW, tmp_path) == locked_wheels(lock_file(*PILLOW), folder) == [folder / Path(name).name]


def test_paths_too_long_for_windows_are_found(tmp_path: Path) -> None:
    name = "d" * (LONGEST_PATH - len(ON_WINDOWS) - len("//x.py"))
    wheel = make_wheel(tmp_path, **{f"{name}/x.py": "", f"{name}/xx.py": ""})
    assert long_paths(wheel) == [f"{name}/xx.py"]


def test_what_is_not_locked_is_told_in_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(PackagingError, match=r"^linux-x64 for Python 3\.99 is not locked: run `make lock` .*\.$"):
        fetch("torch", "linux-x64", "3.99", tmp_path)


def test_numpy_is_refused(tmp_path: Path, extension_zip: Path, tool: list) -> None:
    with pytest.raises(PackagingError, match="numpy"):
        package(extension_zip, [make_wheel(tmp_path, "numpy")], tmp_path / "out", tool)


def test_what_blender_s_tool_refuses_is_told(tmp_path: Path, extension_zip: Path, tool: list) -> None:
    with pytest.raises(PackagingError, match="Blender's tool refuses"):
        wheel = make_wheel(tmp_path).rename(tmp_path / "nameless.whl")
        package(extension_zip, [wheel], tmp_path / "out", tool)


@pytest.mark.skipif(IN_BLENDER, reason="one Blender is enough; the tool is another Python's")
def test_packages_install_and_a_repository_brings_updates(tmp_path: Path, extension_zip: Path, tool: list) -> None:
    """From a repository that is a folder: installed with its wheel, updated to a newer version, removed."""
    served = tmp_path / "served"
    platform = {"linux": "linux-x64", "darwin": "macos-arm64", "win32": "windows-x64"}[sys.platform]
    package(extension_zip, [make_wheel(tmp_path)], served, tool, platform)
    assert f'platforms = ["{platform}"]' in full_manifest("id = 1\n\n[permissions]\n", [], platform)
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
