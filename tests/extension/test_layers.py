"""Who may import whom: panels -> nothing of ours, operators -> inference, inference -> no Blender."""

from __future__ import annotations

import ast
import subprocess
import sys
from importlib.util import resolve_name
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[2]
BLENDER = {"bpy", "bpy_extras", "bl_ui", "bl_operators", "mathutils", "gpu", "gpu_extras", "bmesh", "blf"}
BLENDER |= {"blend_render_info", "rna_keymap_ui"}
MAY_IMPORT = {  # besides the standard library
    "panels": {"panels"} | BLENDER,
    "properties.py": {"inference", "numpy", "PIL"} | BLENDER,
    "preferences.py": {"inference", "keymaps", "properties"} | BLENDER | {"__package__"},
    "keymaps.py": BLENDER,
    "translations.py": BLENDER,
    "operators": {"operators", "inference", "preferences", "properties", "numpy", "torch", "PIL", "__package__"}
    | BLENDER,
    "inference": {"inference", "numpy", "torch", "torchvision", "PIL"},
}
# Folders of inference/, each of which imports only from those before it: as docs/architecture.md lists them
FLOORS = (
    "errors files geometry products steps look photo formats views networks pose search library verify matching "
    "chessboard"
).split()
# What must load without these packages, which Blender does not bring.
WITHOUT = {
    "inference.geometry": {"torch", "torchvision", "PIL"},
    "inference.errors": {"torch", "torchvision", "PIL"},
    "inference.photo.image": {"torch", "torchvision"},
    "inference.networks.backends": {"torch", "torchvision", "PIL"},
    "inference.search.detection": {"torch", "torchvision"},
}


def imports(file: Path, root: Path) -> set[str]:
    """Packages that a file imports, anywhere in it; of ours, the part below the root: "inference"."""
    package = ".".join(["photo_pose", *file.relative_to(root).parent.parts])
    names = set()
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            source = resolve_name("." * node.level + (node.module or ""), package)
            names |= {f"{source}.{alias.name}" for alias in node.names}
    return {name.removeprefix("photo_pose.").partition(".")[0] for name in names}


def violations(root: Path) -> list[str]:
    """One line for each import that is not allowed."""
    found = []
    for layer, allowed in MAY_IMPORT.items():
        for file in [root / layer] if layer.endswith(".py") else sorted((root / layer).rglob("*.py")):
            wrong = imports(file, root) - allowed - sys.stdlib_module_names
            found += [f"{file.relative_to(root)} imports {name}" for name in sorted(wrong)]
    return found


def test_imports_follow_the_layers() -> None:
    assert violations(ROOT) == []


def climbing(root: Path) -> list[str]:
    """One line for each import in inference/ of a folder that does not come before the own one."""
    found = []
    for file in sorted((root / "inference").rglob("*.py")):
        own, *_rest = file.relative_to(root / "inference").with_suffix("").parts
        package = ["photo_pose", *file.relative_to(root).parent.parts]
        for node in (node for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))) if own in FLOORS):
            if isinstance(node, ast.ImportFrom) and node.level:
                source = resolve_name("." * node.level + (node.module or ""), ".".join(package)).split(".")[2:]
                rooms = {source[0]} if source else {alias.name for alias in node.names}
                higher = {room for room in rooms - {own} if FLOORS.index(room) > FLOORS.index(own)}
                found += [f"{file.relative_to(root)} imports {room}" for room in sorted(higher)]
    return found


def test_inference_is_built_in_floors() -> None:
    assert climbing(ROOT) == []


@pytest.mark.parametrize("line", ["from ..verify import lens", "from ..matching import match", "from .. import search"])
def test_an_import_from_a_higher_floor_is_seen(line: str, tmp_path: Path) -> None:
    (tmp_path / "inference/pose").mkdir(parents=True)
    (tmp_path / "inference/pose/pins.py").write_text(f"from ..geometry import Box\nfrom .pose import Pose\n{line}\n")
    assert len(climbing(tmp_path)) == 1


@pytest.mark.parametrize(
    ("file", "line"),
    [
        ("panels/main.py", "from ..operators import scene"),
        ("panels/main.py", "from .. import inference"),
        ("operators/scene.py", "from ..panels.main import PHOTOPOSE_PT_main"),
        ("operators/scene.py", "from ..batch import main"),
        ("inference/pose.py", "from ..operators.scene import read_camera"),
        ("inference/deep/pose.py", "def turn():\n    from mathutils import Matrix"),
        ("inference/pose.py", "import photo_pose.operators"),
        ("inference/pose.py", "import scipy.optimize"),
        ("properties.py", "from . import operators"),
    ],
)
def test_wrong_import_is_seen(file: str, line: str, tmp_path: Path) -> None:
    for layer in MAY_IMPORT:
        if layer.endswith(".py"):
            (tmp_path / layer).touch()
    (tmp_path / file).parent.mkdir(parents=True, exist_ok=True)
    (tmp_path / file).write_text(line)
    assert len(violations(tmp_path)) == 1


@pytest.mark.parametrize("module", WITHOUT)
def test_loads_without(module: str) -> None:
    if "PIL" not in WITHOUT[module]:
        pytest.importorskip("PIL")
    blocked = dict.fromkeys(WITHOUT[module])  # None in sys.modules makes an import fail
    code = f"import sys; sys.path.insert(0, {str(ROOT / 'tests')!r}); import conftest; conftest.load_root()\n"
    code += f"sys.modules.update({blocked}); import photo_pose.{module}"
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)


def test_enabling_the_extension_loads_no_network_code(installed: dict[str, Any]) -> None:
    assert installed["imported"] == []
