"""Which wheels the zips carry: pinned versions, locked by their hashes, fetched with pip.

`python packaging/wheels.py` writes the lock files anew for what is pinned here. It downloads nothing but the index.
"""

from __future__ import annotations

import hashlib
import itertools
import json
import re
import subprocess
import sys
import zipfile
from pathlib import Path

LOCKED = Path(__file__).parent / "locked"
PLATFORMS = {  # Blender's names, and the tags of wheels that load there
    "windows-x64": ("win_amd64",),
    "windows-arm64": ("win_arm64",),
    "macos-arm64": ("macosx_11_0_arm64", "macosx_12_0_arm64"),
    "macos-x64": ("macosx_10_10_x86_64",),
    "linux-x64": ("manylinux2014_x86_64", "manylinux_2_27_x86_64", "manylinux_2_28_x86_64"),
}
PYTHONS = ("3.11", "3.13")  # of Blender 4.2 to 5.0, and of 5.1 onwards
# (platform, Python) of every Blender that there is; 4.5 was the last one for Intel's Macs.
BLENDERS = tuple(blender for blender in itertools.product(PLATFORMS, PYTHONS) if blender != ("macos-x64", "3.13"))
# Older ones overflow a buffer where a JPEG is damaged on purpose (13.0.0's release notes, "Critical").
PILLOW = "pillow==13.0.0"
# Newer PyTorch has licence files whose paths are too long for Windows. For Linux the package index has it only with
# gigabytes for CUDA; its makers' own index has builds without them, named +cpu.
TORCH = {
    "windows-x64": ("torch==2.11.0", "torchvision==0.26.0"),
    "macos-arm64": ("torch==2.11.0", "torchvision==0.26.0"),
    "linux-x64": ("torch==2.13.0+cpu", "torchvision==0.28.0"),
}
# All that those ask for, except numpy, which is Blender's own and must stay so, and Pillow.
ASKED_FOR = (
    "filelock==4.2.11",
    "fsspec==2026.9.0",
    "jinja2==3.1.6",
    "markupsafe==3.0.4",
    "mpmath==1.3.0",
    "networkx==3.6.1",
    "setuptools==81.0.0",
    "sympy==1.14.0",
    "typing-extensions==4.16.0",
)
# Where Blender unpacks wheels, for the longest user name that Windows allows; without its registry's help Windows
# opens no path of 260 characters or more.
ON_WINDOWS = (
    rf"C:\Users\{'u' * 20}\AppData\Roaming\Blender Foundation\Blender\4.5\extensions\.local\lib\python3.11"
    r"\site-packages"
)
LONGEST_PATH = 259


class PackagingError(Exception):
    """Its text is one sentence for whoever builds."""


def lock_file(content: str, platform: str, python: str) -> Path:
    """content: what is locked, pillow or torch."""
    return LOCKED / content / f"{platform}-cp{python.replace('.', '')}.txt"


def long_paths(wheel: Path) -> list[str]:
    """Files of a wheel that Windows could not open where Blender unpacks them."""
    with zipfile.ZipFile(wheel) as file:
        return [name for name in file.namelist() if len(ON_WINDOWS) + 1 + len(name) > LONGEST_PATH]


def fetch(content: str, platform: str, python: str, folder: Path) -> list[Path]:
    """The locked wheels, downloaded into a folder where it does not have them yet. PackagingError where pip fails."""
    lock, folder = lock_file(content, platform, python), folder / f"{platform}-{python}"
    if not lock.exists():
        first = pinned(content, platform)[0]
        raise PackagingError(f"{platform} for Python {python} is not locked: run `make lock` where pip finds {first}.")
    if len(locked_wheels(lock, folder)) < len(lock.read_text().splitlines()):
        pip(platform, python, "download", "--dest", folder, "--require-hashes", "--requirement", lock)
    wheels = locked_wheels(lock, folder)
    too_long = [name for wheel in wheels for name in long_paths(wheel)] if platform.startswith("windows") else []
    if too_long:
        raise PackagingError(f"{platform}: {len(too_long)} paths are too long for Windows, such as {too_long[0]}.")
    return wheels


def locked_wheels(lock: Path, folder: Path) -> list[Path]:
    """Those of the folder; wheels of earlier versions, and damaged ones, may lie beside them."""
    locked = lock.read_text()
    return sorted(file for file in folder.glob("*.whl") if hashlib.sha256(file.read_bytes()).hexdigest() in locked)


def pinned(content: str, platform: str) -> tuple[str, ...]:
    return (PILLOW,) if content == "pillow" else (*TORCH[platform], *ASKED_FOR)


def lock(content: str, platform: str, python: str) -> None:
    """Writes the lock file: what the index has for the pinned versions. PackagingError where it lacks one."""
    wanted = pinned(content, platform)
    report = pip(platform, python, "install", "--dry-run", "--target", "nowhere", "--report", "-", *wanted)
    hashes = {
        item["metadata"]["name"].lower().replace("_", "-"): item["download_info"]["archive_info"]["hashes"]["sha256"]
        for item in json.loads(report)["install"]
    }
    lines = [f"{requirement} --hash=sha256:{hashes[requirement.partition('==')[0]]}\n" for requirement in wanted]
    path = lock_file(content, platform, python)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(lines))


def pip(platform: str, python: str, command: str, *arguments: str | Path) -> str:
    """What pip prints, asked for wheels of another system than this one."""
    tags = [word for tag in PLATFORMS[platform] for word in ("--platform", tag)]
    asking = [sys.executable, "-m", "pip", command, "--quiet", "--no-deps", "--only-binary", ":all:"]
    done = subprocess.run(
        [*asking, "--python-version", python, *tags, *arguments], capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise PackagingError(f"{platform} for Python {python}: {reason(done.stderr)}.")
    return done.stdout


def reason(complaint: str) -> str:
    """Why pip failed, the end of a sentence."""
    if "DO NOT MATCH THE HASHES" in complaint:
        return "what pip downloads is not what is locked, for its hash differs; run `make lock` if that is meant to be"
    if "connection" in complaint.lower():
        return "pip does not reach its index; build where there is a network, or where build/wheels has the wheels"
    told = re.findall("ERROR: (.*)", complaint) or [complaint.strip()]
    return told[-1].rstrip(".")


def main() -> int:
    torch = itertools.product(("torch",), TORCH, PYTHONS)
    failed = 0
    for content, platform, python in (*(("pillow", *blender) for blender in BLENDERS), *torch):
        try:
            lock(content, platform, python)
        except PackagingError as error:
            print(f"{error} Its lock file stays as it was.", file=sys.stderr)
            failed = 1
    return failed


if __name__ == "__main__":
    sys.exit(main())
