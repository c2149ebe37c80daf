"""The zips that users install: the small one for all platforms, and full ones with PyTorch inside, one a platform.

python packaging/packages.py small                     the extension with Pillow, which `make build` calls
python packaging/packages.py full [PLATFORM ...]       also with PyTorch and torchvision
"""

from __future__ import annotations

import argparse
import json
import shutil
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Iterable, Sequence
from pathlib import Path

from wheels import BLENDERS, TORCH, PackagingError, fetch

BUILD = Path(__file__).resolve().parents[1] / "build"


def package(
    plain: Path, wheels: Sequence[Path], folder: Path, tool: Sequence[str | Path], platform: str | None = None
) -> Path:
    """Puts wheels into a copy of the plain zip, in folder; Blender's own tool checks it.

    platform: the only one that it is for and named after.

    PackagingError where they have numpy among them, which would take the place of Blender's.
    """
    if any(wheel.name.startswith("numpy-") for wheel in wheels):
        raise PackagingError("Packages must not bring numpy: Blender has its own.")
    ending = f"-{platform.replace('-', '_')}.zip" if platform else ".zip"  # Blender's
    folder.mkdir(parents=True, exist_ok=True)
    for older in folder.glob(f"*{ending}"):
        older.unlink()
    with tempfile.TemporaryDirectory(dir=folder) as place:
        with zipfile.ZipFile(plain) as file:
            file.extractall(place)
        for wheel in wheels:
            shutil.copy(wheel, Path(place) / "wheels")
        manifest = Path(place) / "blender_manifest.toml"
        manifest.write_text(full_manifest(manifest.read_text(), [wheel.name for wheel in wheels], platform))
        split = ["--split-platforms"] if platform else []
        run(*tool, "build", *split, "--source-dir", place, "--output-dir", folder)
    (built,) = folder.glob(f"*{ending}")
    run(*tool, "validate", built)
    return built


def full_manifest(plain: str, wheels: Iterable[str], platform: str | None = None) -> str:
    """The manifest with the wheels, and the platform if they are for but one."""
    head, table, rest = plain.partition("\n[permissions]")
    names = [f"./wheels/{name}" for name in sorted(set(wheels))]
    only = f"platforms = {json.dumps([platform])}\n" if platform else ""
    return f"{head}\n{only}wheels = {json.dumps(names, indent=4)}\n{table}{rest}"


def run(*command: str | Path) -> None:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise PackagingError(f"Blender's tool refuses: {(done.stdout + done.stderr).strip().splitlines()[-1]}")


def pillow() -> list[Path]:
    """Its wheels for every Blender. PackagingError where one is missing."""
    return [wheel for blender in BLENDERS for wheel in fetch("pillow", *blender, BUILD / "wheels")]


def build_small(plain: Path, tool: Sequence[str | Path], folder: Path = BUILD) -> Path:
    return package(plain, pillow(), folder, tool)


def build_full(plain: Path, tool: Sequence[str | Path], platforms: Sequence[str]) -> list[str]:
    """What is missing, a sentence each."""
    missing = []
    for platform in platforms:
        wheels: list[Path] = []
        for python in (python for each, python in BLENDERS if each == platform):
            try:
                torch = fetch("torch", platform, python, BUILD / "wheels")
                wheels += [*torch, *fetch("pillow", platform, python, BUILD / "wheels")]
            except PackagingError as error:
                missing.append(str(error))
        if wheels:
            tell(package(plain, wheels, BUILD / "packages", tool, platform))
    return missing


def tell(built: Path) -> None:
    print(f"{built.relative_to(BUILD.parent)}: {built.stat().st_size / 1e6:.1f} MB")


def main() -> int:
    """Builds what can be built here; 0 when that is everything."""
    parser = argparse.ArgumentParser(description="Build the zips, from the plain one in build/plain.")
    parser.add_argument("size", choices=("small", "full"))
    parser.add_argument("platforms", nargs="*", metavar="PLATFORM", help=f"only these full ones: {', '.join(TORCH)}")
    parser.add_argument("--tool", required=True, help="Blender's blender_ext.py")
    options = parser.parse_args()
    (plain,) = (BUILD / "plain").glob("photo_pose-*.zip")
    tool = [sys.executable, options.tool]
    missing = []
    try:
        if options.size == "small":
            tell(build_small(plain, tool))
        else:
            missing = build_full(plain, tool, options.platforms or [*TORCH])
    except PackagingError as error:
        missing = [str(error)]
    for sentence in missing:
        print(sentence, file=sys.stderr)
    if missing:
        print("Not everything could be built here; the same command finishes it where pip has these.", file=sys.stderr)
    return 1 if missing else 0


if __name__ == "__main__":
    sys.exit(main())
