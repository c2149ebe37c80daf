"""Installs the extension from a repository in a folder, brings out a newer version there, updates to it, removes it.

python from_repository.py FOLDER COMMAND...      the command makes the folder's index anew
"""

from __future__ import annotations

import importlib
import json
import os
import subprocess
import sys
import traceback
import zipfile
from pathlib import Path

import bpy

FOLDER, GENERATE = Path(sys.argv[1]), sys.argv[2:]
MODULE = "bl_ext.served.photo_pose"


def version() -> str:
    """That Blender has installed."""
    manifest = Path(importlib.import_module(MODULE).__file__).parent / "blender_manifest.toml"
    return next(line for line in manifest.read_text().splitlines() if line.startswith("version")).split('"')[1]


def bring_out(number: str) -> None:
    """Replaces the served zip by one with another version number."""
    (served,) = FOLDER.glob("*.zip")
    newer = served.with_name(f"photo_pose-{number}.zip")
    with zipfile.ZipFile(served) as old, zipfile.ZipFile(newer, "w") as new:
        for name in old.namelist():
            content = old.read(name)
            if name == "blender_manifest.toml":
                content = content.replace(f'version = "{version()}"'.encode(), f'version = "{number}"'.encode())
            new.writestr(name, content)
    served.unlink()
    subprocess.run(GENERATE, check=True, capture_output=True)


def go_through() -> None:
    bpy.context.preferences.system.use_online_access = True  # of which a folder makes no use
    repositories = bpy.context.preferences.extensions.repos
    repository = repositories.new(name="Served", module="served", remote_url=FOLDER.as_uri() + "/index.json")
    index = list(repositories).index(repository)
    bpy.ops.extensions.repo_sync(repo_index=index)
    bpy.ops.extensions.package_install(repo_index=index, pkg_id="photo_pose", enable_on_install=True)
    print("INSTALLED", version(), importlib.import_module("photo_pose_probe").TOLD)
    bring_out("9.9.9")
    bpy.ops.extensions.repo_sync(repo_index=index)
    bpy.ops.extensions.package_upgrade_all()
    print("UPDATED", version())
    bpy.ops.extensions.package_uninstall(repo_index=index, pkg_id="photo_pose")
    left = [*Path(repository.directory).glob("*/__init__.py"), *Path(repository.directory, "../.local").rglob("*.py")]
    print("REMOVED", json.dumps([str(path) for path in left]))


status = 1
try:
    go_through()
    status = 0
except BaseException:
    traceback.print_exc()
sys.stdout.flush()
os._exit(status)  # bpy 4.x may not end by itself
