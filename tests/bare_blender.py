"""A process with the bpy package for code that installs extensions as a user does: python bare_blender.py CODE ARGS...

The code finds here what it needs; the environment variable BLENDER_USER_RESOURCES says whose user folders these are.
"""

from __future__ import annotations

import importlib
import json
import os
import sys
import traceback
from pathlib import Path

import bpy
from registered import registered as registered

import addon_utils  # isort: skip  # which bpy brings

PHOTO_POSE = "bl_ext.user_default.photo_pose"
PHOTO = Path(__file__).parent / "real_blender/photo.jpg"
EXTENSIONS = Path(bpy.utils.user_resource("EXTENSIONS"))
REMEMBERED = EXTENSIONS.parent / "enabled.json"


def install(archive: str) -> None:
    bpy.ops.extensions.package_install_files(filepath=archive, repo="user_default", enable_on_install=True)


def enabled() -> bool:
    return PHOTO_POSE in bpy.context.preferences.addons


def remember() -> None:
    """Which extensions are enabled, for the next process."""
    REMEMBERED.write_text(json.dumps([name for name in bpy.context.preferences.addons.keys() if "bl_ext" in name]))


def restore() -> None:
    """Enables what was remembered, as Blender does when it starts; to read all preferences crashes bpy 4.2."""
    for module in json.loads(REMEMBERED.read_text()) if REMEMBERED.exists() else ():
        bpy.context.preferences.addons.new().module = module
    addon_utils.reset_all()


def uninstall(package: str = "photo_pose") -> None:
    module = "user_default"
    index = next(i for i, repo in enumerate(bpy.context.preferences.extensions.repos) if repo.module == module)
    bpy.ops.extensions.package_uninstall(repo_index=index, pkg_id=package)


def files() -> list[str]:
    """All that lies among the extensions, but for Blender's own notes about them."""
    found = (path.relative_to(EXTENSIONS) for path in EXTENSIONS.rglob("*") if path.is_file())
    return sorted(str(path) for path in found if ".blender_ext" not in path.parts and ".cache" not in path.parts)


def pillow() -> str:
    """Which one reads a photo for Photo Pose, and from where; or the sentence that says why none does."""
    packages = importlib.import_module(f"{PHOTO_POSE}.operators.running.python_packages")
    errors = importlib.import_module(f"{PHOTO_POSE}.inference.errors")
    try:
        packages.require_packages("PIL")
        importlib.import_module(f"{PHOTO_POSE}.inference.photo.image").load_photo(PHOTO)
    except errors.PoseError as error:
        return str(error)
    from PIL import Image, __version__

    return f"{__version__} {Path(Image.__file__).parent}"


def tell(**values: object) -> None:
    print("TOLD", json.dumps(values, default=str), flush=True)


if __name__ == "__main__":
    status = 1
    try:
        restore()
        exec(sys.argv[1])
        status = 0
    except BaseException:
        traceback.print_exc()
    sys.stdout.flush()
    os._exit(status)  # bpy 4.x may not end by itself
