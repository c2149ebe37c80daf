"""What runs the networks where PyTorch is missing, broken or too old; and that nobody imports it to find that out.

Each in a Python of its own, that has numpy and what lies in one folder.
"""

from __future__ import annotations

import sys
from importlib.util import find_spec
from pathlib import Path

import pytest
from conftest import ROOT, run

OLD = "__version__ = '1.13.1'\ndef from_numpy(array): return array"
BROKEN = "raise ImportError('libtorch_cpu.so: cannot open shared object file.\\nmore')"
USELESS = [  # __init__.py of a torch, and what is said of it
    (BROKEN, "does not load (ImportError: libtorch_cpu.so: cannot open shared object file)"),
    ("import nowhere", "does not load (ModuleNotFoundError: No module named 'nowhere')"),
    ("1 / 0", "does not load (ZeroDivisionError: division by zero)"),
    ("import sys\nsys.exit('no AVX2')", "does not load (SystemExit: no AVX2)"),
    (OLD, "is too old (1.13.1)"),
    ("x = 1", "is too old (0)"),
    ("__version__ = None", "is too old (None)"),
    *(
        (OLD.replace("1.13.1", "2.6.0").replace("return array", f"raise {error}"), "does not work with numpy")
        for error in ("RuntimeError('Numpy is not available')", "TypeError('expected np.ndarray (got numpy.ndarray)')")
    ),
]
START = """
import importlib.util, sys
root, folder = sys.argv[1:3]
sys.path.insert(0, folder)
spec = importlib.util.spec_from_file_location("photo_pose", root + "/__init__.py")
sys.modules["photo_pose"] = importlib.util.module_from_spec(spec)
from photo_pose.inference.errors import PoseError
from photo_pose.inference.networks import backends
def error(function, *args):
    try:
        return function(*args)
    except PoseError as sentence:
        return sentence
assert "torch" not in sys.modules
"""


@pytest.fixture
def said(tmp_path: Path):
    """What code prints where torch/__init__.py is this; None: where there is none."""
    bare = tmp_path / "numpy only"
    bare.mkdir()
    numpy = Path(find_spec("numpy").origin).parent
    for folder in (numpy, *numpy.parent.glob("numpy.libs")):
        (bare / folder.name).symlink_to(folder)

    def process(torch: str | None, code: str) -> str:
        if torch is not None:
            (tmp_path / "packages/torch").mkdir(parents=True)
            (tmp_path / "packages/torch/__init__.py").write_text(torch + "\n")
        packages = tmp_path / "packages"
        return run(sys.executable, "-S", "-B", "-c", START + code, ROOT, packages, PYTHONPATH=str(bare))

    return process


def test_without_pytorch_numpy_runs_the_networks(said, tmp_path):
    (tmp_path / "packages/torch/lib").mkdir(parents=True)  # left behind by a half removed one
    code = """
print(backends.torch_problem(), backends.found_torch(), backends.chosen_device(), backends.chosen_device("numpy"))
print(error(backends.require_torch, "Training networks"))
from photo_pose.inference.networks.registry import identity
print(identity("efficientnet_lite0"), error(identity, "inception_v3:5"))
for device in ("cpu", "cuda", "mps", "abacus"):
    print(error(backends.chosen_device, device))
"""
    first, *lines = said(None, code).splitlines()
    missing = f"PyTorch is not installed for Python {sys.version_info.major}.{sys.version_info.minor}"
    assert first == f"{missing} None numpy numpy"
    asking = [
        "Training networks",
        "efficientnet_lite0 The network inception_v3",
        *(f"The device '{device}'" for device in ("cpu", "cuda", "mps")),
    ]
    for what, line in zip(asking, lines[:5], strict=True):
        assert line == f"{what} needs PyTorch 2.0 or newer: {missing}; the manual's section PyTorch says how to add it."
    assert lines[5] == "There is no device 'abacus'; choose one of: auto, numpy, cpu, cuda, mps."


@pytest.mark.parametrize(("torch", "words"), USELESS)
def test_a_pytorch_of_no_use_is_told_once_and_not_used(said, tmp_path, torch, words):
    code = """
print(backends.chosen_device("numpy"), backends.found_torch(), sys.modules.get("torch"))
print(backends.chosen_device(), backends.chosen_device())
print(backends.torch_problem())
print(backends.found_torch().problem == backends.torch_problem())
print(error(backends.chosen_device, "cpu"))
"""
    logged, *lines = sorted(said(torch, code).splitlines(), key=lambda line: "so that NumPy runs" not in line)
    assert lines[:2] == ["numpy Found(version='?', problem=None) None", "numpy numpy"]
    problem = lines[2]
    assert words in problem and f'in "{tmp_path / "packages/torch"}"' in problem and lines[3] == "True"
    assert lines[4].startswith(f"The device 'cpu' needs PyTorch 2.0 or newer: {problem}; repair it, or disable")
    assert logged.startswith(f"{problem}, so that NumPy runs the networks; repair it") and len(lines) == 5


def test_a_repaired_pytorch_is_tried_again_when_the_first_answer_is_forgotten(said, tmp_path):
    code = f"""
first = backends.torch_problem()
from pathlib import Path
import importlib
Path(folder, "torch/__init__.py").write_text({OLD!r})
assert backends.torch_problem() == first
backends.forget_torch()
print(backends.torch_problem())
"""
    assert "is too old (1.13.1)" in said(BROKEN, code).splitlines()[-1]


def test_the_version_is_told_before_anything_is_imported(said, tmp_path):
    """Also of one in the folder that the user chose, where Python finds none."""
    for packages in ("packages", "chosen"):
        (tmp_path / packages / "torch-2.6.0+cpu.dist-info").mkdir(parents=True)
        (tmp_path / packages / "torch-2.6.0+cpu.dist-info/METADATA").write_text("Name: torch\nVersion: 2.6.0+cpu\n")
    (tmp_path / "chosen/torch").mkdir()
    (tmp_path / "chosen/torch/__init__.py").touch()
    code = f"print(backends.found_torch(), backends.found_torch({str(tmp_path / 'chosen')!r}), 'torch' in sys.modules)"
    assert said(None, code) == "None Found(version='2.6.0+cpu', problem=None) False\n"


def test_what_another_add_on_puts_in_the_place_of_a_missing_pytorch_is_none(said):
    code = "import types; sys.modules['torch'] = types.ModuleType('torch'); print(backends.chosen_device())"
    assert said(None, code) == "numpy\n"


def test_a_pytorch_that_is_in_use_is_told_although_its_folder_is_another_now(said):
    code = "import torch; sys.path.remove(folder); print(backends.found_torch(), backends.found_torch('/another'))"
    told = "Found(version='?', problem=None)"
    assert said("__version__ = '2.6.0'", code) == f"{told} {told}\n"


def test_numpy_has_as_many_threads_as_are_wanted(said):
    code = """
import os
print(backends.threads() == len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else True)
backends.set_threads(3)
print(backends.threads())
backends.set_threads(0)
print(backends.threads() > 0)
"""
    assert said(None, code).split() == ["True", "3", "True"]


def test_pytorch_has_as_many_threads_as_are_wanted_also_when_it_is_loaded_later(said):
    if not find_spec("torch"):
        pytest.skip("no PyTorch")
    site = str(Path(find_spec("torch").origin).parents[1])
    code = f"""
sys.path.append({site!r})
backends.set_threads(3)
assert backends.torch_problem() is None and backends.chosen_device("cpu") == "cpu"
import torch
print(torch.get_num_threads())
backends.set_threads(2)
print(torch.get_num_threads())
backends.set_threads(0)
print(torch.get_num_threads())
print(backends.chosen_device() in ("cpu", "cuda", "mps"), backends.require_torch("Nothing"))
"""
    own = run(sys.executable, "-c", "import torch; print(torch.get_num_threads())").strip()
    assert said(None, code).split() == ["3", "2", own, "True", "None"]
