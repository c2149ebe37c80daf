"""Packages that Blender does not bring: missing, broken, old, or in a chosen folder; one sentence for each trouble.

What is wrong with a PyTorch is told by inference/networks/backends.py, and tested with it.
"""

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
    "torch": """__version__ = '2.6.0'
def from_numpy(array): return array
def get_num_threads(): return 1
def set_num_threads(n): print(n, 'threads')""",
    "PIL": """__version__ = '11.0.0'
import sys
sys.modules['PIL.Image'] = sys.modules['PIL']  # what needs the compiled part""",
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
from bl_ext.user_default.photo_pose.inference.networks.backends import chosen_device, torch_problem
from bl_ext.user_default.photo_pose.operators.running.python_packages import require_packages
def sentence():
    try:
        require_packages()
    except PoseError as error:
        return str(error)
    return f"Pillow is there, {torch_problem() or 'PyTorch, too'}"
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
    from photo_pose.panels.sidebar import _has_pillow

    for second, packages in enumerate([(), ["PIL"]]):
        write(tmp_path, dict.fromkeys(packages, ""))
        os.utime(tmp_path, (second, second))
        assert _has_pillow((str(tmp_path),), second) == bool(packages)
        assert _has_pillow((str(tmp_path), str(tmp_path / "none")), second) == bool(packages)
    shutil.rmtree(tmp_path / "PIL")
    os.utime(tmp_path, (9, 9))
    assert not _has_pillow((str(tmp_path),), 9)


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
    output = said({"torch": GOOD["torch"]}, {})
    assert (
        "needs Pillow, which Blender's Python" in output
        and "install the extension again, whose zip brings it." in output
    )
    assert "also not in the chosen folder" in output


def test_without_pytorch_nothing_is_said_and_numpy_runs_the_networks(said):
    output = said({"PIL": GOOD["PIL"]}, {}, f"{TELL}\nprint('Networks:', chosen_device())")
    assert "Pillow is there, PyTorch is not installed for Python 3." in output and "Networks: numpy" in output
    assert "photo_pose:" not in output


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
    assert "3 threads" in output and "PyTorch, too" in output and "LEFT []" in output


def test_the_chosen_folder_is_searched_from_the_start_on(said):
    """Panels draw what a .blend keeps, such as pictures, before any work asks for a package."""
    code = """
import importlib.util
extension = sys.modules[NAME]
extension.unregister()
extension.register()
print("Pillow in the folder:", importlib.util.find_spec("PIL").origin.startswith(chosen), "PIL" in sys.modules)
"""
    output = said({}, GOOD, code)
    assert "Pillow in the folder: True False" in output and "LEFT []" in output


def test_another_chosen_folder_takes_the_place_of_the_first(said, tmp_path):
    code = f"{TELL}\npreferences.packages = {str(tmp_path / 'other')!r}\n{TELL}\nprint(chosen in sys.path)"
    write(tmp_path / "other", {"torch": GOOD["torch"]})
    output = said({"PIL": GOOD["PIL"]}, {}, code)
    assert "PyTorch is not installed" in output and "PyTorch, too\nFalse" in output and "LEFT []" in output


def test_pytorch_is_left_alone_where_numpy_is_chosen(said):
    code = """
preferences.device = "numpy"
require_packages()
print("first", "torch" in sys.modules)
require_packages(device="cpu")
print("then", "torch" in sys.modules)
"""
    output = said(GOOD, {}, code)
    assert "first False" in output and "then True" in output


def test_packages_that_python_finds_are_taken_without_the_folder(said):
    output = said(GOOD, GOOD, f"{TELL}\nimport torch\nprint(chosen in sys.path, torch.__file__.startswith(elsewhere))")
    assert "PyTorch, too\nFalse True" in output


def test_the_folder_helps_where_a_half_removed_package_left_its_empty_folder(said, tmp_path):
    for package in GOOD.keys() - {"numpy"}:
        (tmp_path / "elsewhere" / package / "lib").mkdir(parents=True)
    assert "PyTorch, too" in said({}, GOOD)


@pytest.mark.parametrize(
    ("pillow", "words"),
    [
        ("raise ImportError('DLL load failed while importing _imaging.\\nmore')", "ImportError: DLL load failed while"),
        ("import nowhere", "ModuleNotFoundError: No module named 'nowhere'"),
        ("1 / 0", "ZeroDivisionError"),
        ("__version__ = '11.0.0'", "ModuleNotFoundError: No module named 'PIL.Image'"),  # without its compiled part
        (GOOD["PIL"].replace("11.0.0", "9.3.0"), "9.4 or newer, but finds 9.3.0"),
        ("x = 1", "9.4 or newer, but finds 0"),
    ],
)
def test_a_package_of_no_use_is_told_with_its_place(said, tmp_path, pillow, words):
    line = said(GOOD | {"PIL": pillow}, {}).splitlines()[-2]
    assert words in line and str(tmp_path / "elsewhere/PIL") in line and "disable the add-on" in line
    assert line.count(". ") <= 1 and line.endswith(".")


@pytest.mark.parametrize("torch", ["raise OSError('libtorch_cpu.so: cannot open')", "__version__ = '1.13.1'"])
def test_a_pytorch_of_no_use_is_told_once_and_nothing_fails(said, torch):
    output = said(GOOD | {"torch": torch}, {}, f"{TELL}\n{TELL}\nprint('Networks:', chosen_device())")
    assert output.count("photo_pose: PyTorch in") == 1 and output.count("Pillow is there, PyTorch in") == 2
    assert "Networks: numpy" in output


def test_what_another_add_on_puts_in_the_place_of_pytorch_is_left_alone(said):
    code = f"""
import types
sys.modules["torch"] = types.ModuleType("torch")
{TELL}
from bl_ext.user_default.photo_pose.inference.networks.memory import unload_networks
print("Unloaded", unload_networks())
from bl_ext.user_default.photo_pose.operators.support.copy_diagnostics import diagnostics
print(diagnostics())
"""
    output = said({"PIL": GOOD["PIL"]}, {}, code)
    assert "Pillow is there, PyTorch is not installed" in output and "Unloaded 0" in output
    assert "torch: not found" in output and "Networks on: numpy with" in output


@pytest.fixture(scope="module")
def training_views(tmp_path_factory):
    return tmp_path_factory.mktemp("training views")


@pytest.mark.parametrize("torch", [{}, {"torch": "raise ImportError('DLL load failed')"}, {"torch": "x = 1"}])
def test_a_photo_is_matched_without_a_pytorch_of_use(said, tmp_path, training_views, torch):
    """Missing, broken, too old: the self-test passes, and what remains to PyTorch says its sentence."""
    pillow = Path(find_spec("PIL").origin).parent
    for folder in (pillow, *pillow.parent.glob("pillow.libs")):
        (tmp_path / "pillow" / folder.name).parent.mkdir(exist_ok=True)
        (tmp_path / "pillow" / folder.name).symlink_to(folder)
    code = f"""
sys.path.append({str(tmp_path / "pillow")!r})
preferences.cache, preferences.log_level = {str(training_views)!r}, "INFO"
bpy.context.view_layer.objects.active = None  # a cube looks the same from many sides: the last digits would decide
bpy.ops.photopose.self_test(seed=1)
try:
    bpy.ops.photopose.train_regressor(filepath={str(tmp_path / "net.npz")!r})
except RuntimeError as error:
    print(error)
from bl_ext.user_default.photo_pose.operators.support.copy_diagnostics import diagnostics
print("Diagnosed:", next(line for line in diagnostics().splitlines() if "Networks on" in line))
"""
    output = said(torch, {}, code)
    assert "Self-test passed" in output and "Diagnosed: Networks on: numpy with" in output
    assert output.count("so that NumPy runs the networks; repair it") == len(torch)
    assert "Error: Training networks needs PyTorch 2.0 or newer: PyTorch " in output


@pytest.mark.parametrize("lacking", [("torch",), ("torch", "PIL"), ()])
def test_the_panel_misses_pillow_only_and_the_preferences_offer_pytorch(tmp_path, lacking):
    """In a Python that has everything of this one but these."""
    site = tmp_path / "site"
    site.mkdir()
    folders = [Path(folder) for folder in sys.path if folder.endswith("-packages")]
    for entry in (entry for folder in folders for entry in folder.iterdir()):
        if not entry.name.startswith(lacking) and not (site / entry.name).is_symlink():
            (site / entry.name).symlink_to(entry)
    given = {"PYTHONPATH": str(site), "BLENDER_USER_RESOURCES": str(tmp_path / "user")}
    lines = run(sys.executable, "-S", "-B", ROOT / "tests/draw_panels.py", "model", **given).splitlines()
    panel = next(line for line in lines if line.split(" | ")[0] == "DRAWN VIEW3D_PT_photo_pose_models")
    assert ("Pillow Is Missing | Choose a Folder with It" in panel) == ("PIL" in lacking) and "PyTorch" not in panel
    preferences = next(line for line in lines if line.startswith("DRAWN PhotoPosePreferences"))
    found = "torch" not in lacking and find_spec("torch") is not None
    assert ("No PyTorch: NumPy is used; with PyTorch the networks run about" in preferences) != found
    assert ("found: with it the networks run about" in preferences) == found
    assert lines[-1] == "DRAWN with PyTorch imported: False"


WATCHED = """
import threading, time
from bl_ext.user_default.photo_pose.inference.networks import backends
folder = Path(backends.origin("torch")).parent
loading, times = threading.Thread(target=backends._load_library, args=(folder,)), [time.perf_counter()]
loading.start()
while loading.is_alive():
    time.sleep(0.005)
    times.append(time.perf_counter())
print(sys.modules.get("torch"), max(b - a for a, b in zip(times, times[1:])) / (times[-1] - times[0]))
"""


def test_other_threads_go_on_while_torch_is_loaded(said):
    """Python's own import would hold them up all the while."""
    if not find_spec("torch"):
        pytest.skip("no PyTorch")
    site = str(Path(find_spec("torch").origin).parents[1])
    told, _left = said({}, {}, f"sys.path.append({site!r}){WATCHED}").split("LEFT")
    module, longest = told.split()[-2:]  # before them a Blender without all its packages may complain
    assert module == "None" and float(longest) < 0.5
