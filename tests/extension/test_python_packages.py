"""Packages that Blender does not bring: missing, broken, old, or in a chosen folder; one sentence for each trouble."""

from __future__ import annotations

import os
import shutil
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest
from conftest import IN_BLENDER, ROOT, run

pytest.importorskip("bpy")
pytestmark = pytest.mark.skipif(IN_BLENDER, reason="Blender's own Python cannot be started without its packages")

GOOD = {
    "torch": "__version__ = '2.6.0'\ndef from_numpy(array): return array\ndef set_num_threads(n): print(n, 'threads')",
    "PIL": "__version__ = '11.0.0'",
    "numpy": "raise RuntimeError('this is not the numpy of Blender')",
}
# A process of its own with the extension enabled, whose Python finds no packages but Blender's and those of a folder.
START = """
import os, sys, traceback
from pathlib import Path
import bpy
root, elsewhere, chosen = sys.argv[1:]
path = [*sys.path]
sys.path.append(elsewhere)
repositories = bpy.context.preferences.extensions.repos
link = Path(next(r.directory for r in repositories if r.module == "user_default"), "photo_pose")
link.parent.mkdir(parents=True, exist_ok=True)
link.symlink_to(root, target_is_directory=True)
NAME = "bl_ext.user_default.photo_pose"
bpy.ops.preferences.addon_enable(module=NAME)
preferences = bpy.context.preferences.addons[NAME].preferences
preferences.packages = chosen
from bl_ext.user_default.photo_pose.inference.errors import PoseError
from bl_ext.user_default.photo_pose.operators.running.python_packages import require_packages
def sentence():
    try:
        require_packages()
    except PoseError as error:
        return str(error)
    return "all is there"
try:
    exec(os.environ["CODE"])
    bpy.ops.preferences.addon_disable(module=NAME)
    print("LEFT", [entry for entry in sys.path if entry not in (*path, elsewhere)])
    status = 0
except BaseException:
    traceback.print_exc()
    status = 1
sys.stdout.flush()
os._exit(status)
"""
TELL = "print(sentence())"


def test_the_panel_soon_sees_packages_come_and_go(tmp_path):
    from photo_pose.panels.sidebar import _missing

    for second, (packages, missing) in enumerate([((), ["PyTorch", "Pillow"]), (["PIL"], ["PyTorch"])]):
        write(tmp_path, dict.fromkeys(packages, ""))
        os.utime(tmp_path, (second, second))
        assert _missing((str(tmp_path),), second) == missing
        assert _missing((str(tmp_path), str(tmp_path / "none")), second) == missing
    shutil.rmtree(tmp_path / "PIL")
    os.utime(tmp_path, (9, 9))
    assert _missing((str(tmp_path),), 9) == ["PyTorch", "Pillow"]


def write(folder: Path, packages: dict[str, str]) -> Path:
    """Makes packages of their __init__.py."""
    for name, code in packages.items():
        (folder / name).mkdir(parents=True)
        (folder / name / "__init__.py").write_text(code + "\n")
    return folder


@pytest.fixture
def said(tmp_path: Path):
    """What the process prints with these packages elsewhere on sys.path and those in the chosen folder."""
    blender = tmp_path / "blender"
    blender.mkdir()
    for name in ("bpy", "numpy"):
        (blender / name).symlink_to(Path(find_spec(name).origin).parent)
    for libraries in Path(find_spec("numpy").origin).parents[1].glob("numpy.libs"):
        (blender / "numpy.libs").symlink_to(libraries)

    def process(elsewhere: dict[str, str], chosen: dict[str, str], code: str = TELL) -> str:
        folders = [write(tmp_path / "elsewhere", elsewhere), write(tmp_path / "chosen", chosen)]
        given = {"PYTHONPATH": str(blender), "BLENDER_USER_RESOURCES": str(tmp_path / "user"), "CODE": code}
        return run(sys.executable, "-S", "-B", "-c", START, ROOT, *folders, **given)

    return process


def test_a_missing_package_is_named_with_a_way_out(said):
    output = said({"PIL": GOOD["PIL"]}, {})
    assert "needs PyTorch, which Blender's Python" in output and "Install says how to add it." in output
    assert "also not in the chosen folder" in output


def test_the_chosen_folder_is_searched_last_and_left_again(said, tmp_path):
    code = f"""
assert str({str(tmp_path / "chosen")!r}) not in sys.path
preferences.threads = 3
{TELL}
import torch, numpy
assert torch.__file__.startswith(chosen) and sys.path[-1] == chosen, (torch.__file__, sys.path)
assert not numpy.__file__.startswith(chosen)
require_packages()
assert sys.path.count(chosen) == 1
"""
    output = said({}, GOOD, code)
    assert "3 threads" in output and "all is there" in output and "LEFT []" in output


def test_packages_that_python_finds_are_taken_without_the_folder(said):
    output = said(GOOD, GOOD, f"{TELL}\nimport torch\nprint(chosen in sys.path, torch.__file__.startswith(elsewhere))")
    assert "all is there\nFalse True" in output


def test_the_folder_helps_where_a_half_removed_package_left_its_empty_folder(said, tmp_path):
    (tmp_path / "elsewhere/torch/lib").mkdir(parents=True)
    assert "all is there" in said({}, GOOD)


@pytest.mark.parametrize(
    ("torch", "words"),
    [
        (
            "raise ImportError('DLL load failed while importing _C.\\nmore')",
            "ImportError: DLL load failed while",
        ),
        ("raise OSError('libtorch_cpu.so: cannot open shared object')", "OSError: libtorch_cpu.so: cannot open"),
        ("import nowhere", "ModuleNotFoundError: No module named 'nowhere'"),
        ("1 / 0", "ZeroDivisionError"),
        (GOOD["torch"].replace("2.6.0", "1.13.1"), "2.0 or newer, but finds 1.13.1"),
        ("x = 1", "2.0 or newer, but finds 0"),
        (GOOD["torch"].replace("return array", "raise RuntimeError('Numpy is not available')"), "works with numpy"),
    ],
)
def test_a_package_of_no_use_is_told_with_its_place(said, tmp_path, torch, words):
    line = said(GOOD | {"torch": torch}, {}).splitlines()[-2]
    assert words in line and str(tmp_path / "elsewhere/torch") in line and "disable the add-on" in line
    assert line.count(". ") <= 1 and line.endswith(".")


WATCHED = """
import threading, time
from bl_ext.user_default.photo_pose.operators.running import python_packages as packages
loading, times = threading.Thread(target=packages._load_library), [time.perf_counter()]
loading.start()
while loading.is_alive():
    time.sleep(0.005)
    times.append(time.perf_counter())
print(packages.sys.modules.get("torch"), max(b - a for a, b in zip(times, times[1:])) / (times[-1] - times[0]))
"""


def test_other_threads_go_on_while_torch_is_loaded(said):
    """Python's own import would hold them up all the while."""
    if not find_spec("torch"):
        pytest.skip("no PyTorch")
    site = str(Path(find_spec("torch").origin).parents[1])
    told, _left = said({}, {}, f"sys.path.append({site!r}){WATCHED}").split("LEFT")
    module, longest = told.split()[-2:]  # before them a Blender without all its packages may complain
    assert module == "None" and float(longest) < 0.5
