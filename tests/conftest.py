"""Makes the repository importable as `photo_pose`; where Blender is there, that is the enabled extension."""

from __future__ import annotations

import atexit
import importlib
import importlib.util
import json
import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from pathlib import Path
from subprocess import PIPE, STDOUT
from types import ModuleType
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    import bpy

ROOT = Path(__file__).resolve().parents[1]
REPOSITORY = "bl_ext.user_default"
IN_BLENDER = "bpy" in sys.modules  # else it is the package of that name, if that is installed
HAS_BLENDER = IN_BLENDER or importlib.util.find_spec("bpy") is not None


class ExtensionAlias(MetaPathFinder, Loader):
    """Imports `photo_pose.x` as the very module `bl_ext.user_default.photo_pose.x`: no class exists twice."""

    def find_spec(
        self, name: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        return ModuleSpec(name, self) if name.partition(".")[0] == "photo_pose" else None

    def create_module(self, spec: ModuleSpec) -> ModuleType:
        module = importlib.import_module(f"{REPOSITORY}.{spec.name}")
        spec.loader_state = module.__spec__
        return module

    def exec_module(self, module: ModuleType) -> None:
        # The module has run under its own name; the import system just replaced its spec by the alias's.
        module.__spec__ = module.__spec__.loader_state


def load_root() -> None:
    """Without Blender: the repository's folder, whatever its name, as the package `photo_pose`."""
    spec = importlib.util.spec_from_file_location("photo_pose", ROOT / "__init__.py")
    sys.modules["photo_pose"] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(sys.modules["photo_pose"])


def enable_extension() -> None:
    """Link the repository among the user's extensions and enable it there."""
    import bpy

    repositories = bpy.context.preferences.extensions.repos
    link = Path(next(r.directory for r in repositories if r.module == "user_default"), "photo_pose")
    link.parent.mkdir(parents=True, exist_ok=True)
    if link.resolve() != ROOT:
        link.symlink_to(ROOT, target_is_directory=True)
    try:
        bpy.ops.preferences.addon_enable(module=f"{REPOSITORY}.photo_pose")
    except RuntimeError as error:
        raise pytest.UsageError(f"the extension cannot be enabled: {error}") from None
    sys.meta_path.insert(0, ExtensionAlias())


if not IN_BLENDER:
    user_folders = tempfile.TemporaryDirectory(prefix="photo_pose_")
    os.environ["BLENDER_USER_RESOURCES"] = user_folders.name  # read when bpy is imported


def only_shares_out(config: pytest.Config) -> bool:
    """Whether other processes run the tests. They would inherit what Blender sets in the environment here."""
    return config.getoption("dist", "no") != "no"


def pytest_configure(config: pytest.Config) -> None:
    if not only_shares_out(config):
        enable_extension() if HAS_BLENDER else load_root()


def pytest_unconfigure(config: pytest.Config) -> None:
    if HAS_BLENDER and not only_shares_out(config):
        sys.modules["bpy"].ops.preferences.addon_disable(module=f"{REPOSITORY}.photo_pose")
    if not IN_BLENDER:
        user_folders.cleanup()


def pytest_sessionfinish(session: pytest.Session, exitstatus: int) -> None:
    """The bpy package 4.x can hang or crash when Python ends: leave before that."""
    if HAS_BLENDER and not IN_BLENDER and not only_shares_out(session.config):
        atexit.register(os._exit, int(exitstatus))
        atexit.register(sys.stdout.flush)


@pytest.fixture
def scene() -> bpy.types.Scene:
    """The scene of a fresh, empty factory file."""
    bpy = pytest.importorskip("bpy")
    bpy.ops.wm.read_homefile(use_factory_startup=True, use_empty=True)
    return bpy.context.scene


def run(*command: str | Path, **environment: str) -> str:
    """What a command prints; a failure shows its output."""
    done = subprocess.run(
        command, env=os.environ | environment, stdout=PIPE, stderr=STDOUT, text=True, timeout=600, check=False
    )
    assert done.returncode == 0, done.stdout
    return done.stdout


def documented() -> set[str]:
    """Names that the page for authors of scripts explains."""
    return set(re.findall(r"`(\w+)`", (ROOT / "docs/scripting.md").read_text(encoding="utf-8")))


@pytest.fixture(scope="session")
def tool() -> list[str | Path]:
    """Blender's own command for extensions."""
    bpy = pytest.importorskip("bpy")
    return [sys.executable, Path(bpy.utils.system_resource("SCRIPTS"), "addons_core/bl_pkg/cli/blender_ext.py")]


@pytest.fixture(scope="session")
def extension_tool(tool: list[str | Path]) -> Callable[..., str]:
    """The same, as strict as in Blender: `extension_tool("validate", path)`."""
    tags = tool[1].parents[3] / "modules/_bpy_internal/extensions/tags.py"
    return lambda command, *arguments: run(*tool, command, "--valid-tags", tags, *arguments)


@pytest.fixture(scope="session")
def extension_zip(extension_tool: Callable[..., str], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The extension without wheels."""
    folder = tmp_path_factory.mktemp("build")
    extension_tool("build", "--source-dir", ROOT, "--output-dir", folder)
    return next(folder.glob("*.zip"))


@pytest.fixture(scope="session")
def small_zip(extension_zip: Path, tool: list[str | Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What users install; its wheels are fetched into build/wheels the first time."""
    from packages import build_small

    return build_small(extension_zip, tool, tmp_path_factory.mktemp("small"))


@pytest.fixture(scope="session")
def installed(extension_zip: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """What tests/installed.py saw in another Blender with empty user folders."""
    import bpy

    blender = [bpy.app.binary_path, "-b", "--factory-startup", "--python-exit-code", "1", "--python"]
    command = [
        *(blender if IN_BLENDER else [sys.executable]),
        ROOT / "tests/installed.py",
        "--",
        extension_zip,
    ]
    output = run(*command, BLENDER_USER_RESOURCES=str(tmp_path_factory.mktemp("user")))
    messages, report = output.split("REPORT ")
    return {"messages": messages} | json.loads(report.splitlines()[0])


@pytest.fixture(scope="module")
def views_folder(tmp_path_factory):
    """Training views shared by the tests of one file, which have the same model."""
    return tmp_path_factory.mktemp("views")
