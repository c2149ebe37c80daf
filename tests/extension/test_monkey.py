"""Random calls of our operators, bounded; `make monkey` goes on for hours."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("bpy")
pytest.importorskip("torch")

from conftest import IN_BLENDER, ROOT  # noqa: E402

SECONDS, SEED, TURNS = 30, 1, 120  # turns, so that fast computers do nothing that slow ones never tried


@pytest.mark.skipif(IN_BLENDER, reason="the process is of the bpy module")
def test_random_calls_leave_no_fault(tmp_path: Path) -> None:
    command = [sys.executable, ROOT / "tests/monkey.py", str(SECONDS), str(SEED), "--turns", str(TURNS)]
    user = {"BLENDER_USER_RESOURCES": str(tmp_path)}
    done = subprocess.run(command, env=os.environ | user, capture_output=True, text=True, timeout=600, check=False)
    lines = done.stdout.splitlines()
    assert done.returncode == 0, "\n".join([*(line for line in lines if " FAULT " in line), *lines[-80:], done.stderr])
    assert " calls of " in done.stdout
