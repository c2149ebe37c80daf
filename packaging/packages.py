"""Full packages: the extension with PyTorch, torchvision and Pillow inside, a zip for each platform.

python packaging/packages.py [PLATFORM ...]      after `make build`, whose zip it extends
"""

from __future__ import annotations

import argparse
import json
import shutil
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Sequence
from pathlib import Path

from wheels import PLATFORMS, PYTHONS, PackagingError, fetch

BUILD = Path(__file__).resolve().parents[1] / "build"


def package(slim: Path, platform: str, wheels: Sequence[Path], folder: Path, tool: Sequence[str]) -> Path:
    """Puts wheels into a copy of the slim zip, in folder and named after the platform; Blender's own tool checks it.

    PackagingError where they have numpy among them, which would take the place of Blender's.
    """
    if any(wheel.name.startswith("numpy-") for wheel in wheels):
        raise PackagingError("Packages must not bring numpy: Blender has its own.")
    folder.mkdir(parents=True, exist_ok=True)
    ending = f"-{platform.replace('-', '_')}.zip"  # Blender's
    for older in folder.glob(f"*{ending}"):
        older.unlink()
    with tempfile.TemporaryDirectory(dir=folder) as place:
        with zipfile.ZipFile(slim) as file:
            file.extractall(place)
        (Path(place) / "wheels").mkdir()
        for wheel in wheels:
            shutil.copy(wheel, Path(place) / "wheels")
        manifest = Path(place) / "blender_manifest.toml"
        manifest.write_text(full_manifest(manifest.read_text(), platform, [wheel.name for wheel in wheels]))
        run(*tool, "build", "--split-platforms", "--source-dir", place, "--output-dir", folder)
    (built,) = folder.glob(f"*{ending}")
    run(*tool, "validate", built)
    return built


def full_manifest(slim: str, platform: str, wheels: Sequence[str]) -> str:
    """The manifest with a platform and the wheels for it."""
    head, table, rest = slim.partition("\n[permissions]")
    names = [f"./wheels/{name}" for name in sorted(set(wheels))]
    return f"{head}\nplatforms = {json.dumps([platform])}\nwheels = {json.dumps(names, indent=4)}\n{table}{rest}"


def run(*command: str | Path) -> None:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise PackagingError(f"Blender's tool refuses: {(done.stdout + done.stderr).strip().splitlines()[-1]}")


def main() -> int:
    """Builds what can be built here; 0 when that is everything."""
    parser = argparse.ArgumentParser(description="Build the full packages.")
    parser.add_argument("platforms", nargs="*", default=[*PLATFORMS], metavar="PLATFORM", help=", ".join(PLATFORMS))
    parser.add_argument("--tool", required=True, help="Blender's blender_ext.py")
    options = parser.parse_args()
    (slim,) = BUILD.glob("photo_pose-*.zip")
    missing = []
    for platform in options.platforms:
        wheels: list[Path] = []
        for python in PYTHONS:
            try:
                wheels += fetch(platform, python, BUILD / "wheels")
            except PackagingError as error:
                missing.append(str(error))
        if wheels:
            built = package(slim, platform, wheels, BUILD / "packages", [sys.executable, options.tool])
            print(f"{built.relative_to(BUILD.parent)}: {built.stat().st_size >> 20} MB")
    for sentence in missing:
        print(sentence, file=sys.stderr)
    if missing:
        print("Not everything could be built here; the same command finishes it where pip has these.", file=sys.stderr)
    return 1 if missing else 0


if __name__ == "__main__":
    sys.exit(main())
