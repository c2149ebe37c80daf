"""An installation that its user cannot write, as administrators make them."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from blender import Blender, check

NOBODY = ("setpriv", "--reuid=65534", "--regid=65534", "--clear-groups")  # root may write everywhere


def prove_read_only(blender: Blender, look: Sequence[object]) -> None:
    """look: arguments of the command that say how to match."""
    folder, out = blender.folder / "read_only", blender.folder / "read_only/out"
    out.mkdir(parents=True)
    out.chmod(0o777)
    reader = Blender(blender.executable, folder, *(() if os.getuid() else NOBODY))
    command = ["-b", blender.folder / "scene.blend", "--command", "photo_pose", "--out", out, *look]
    with read_only_copy(blender.folder / "user", folder / "user"):
        printed = reader.run(*command, status=2)
        told = [line for line in printed.splitlines() if "cannot be written (Permission denied)" in line]
        check(len(told) == 1 and "choose another one in the preferences" in told[0], "a read-only cache is told, once")
        check("Traceback" not in printed, "nothing else is wrong where all is read-only")
        reader.run(*command, "--cache", out)
    check(True, "a read-only installation works with another cache")


@contextmanager
def read_only_copy(source: Path, copy: Path) -> Iterator[None]:
    """Without training views; afterwards it can be deleted."""
    shutil.copytree(source, copy, ignore=shutil.ignore_patterns("cache"))
    paths = [copy, *copy.rglob("*")]
    for path in paths:
        path.chmod(path.stat().st_mode & ~0o222)
    try:
        yield
    finally:
        for path in paths:
            path.chmod(path.stat().st_mode | 0o200)
