"""Runs pytest in a real Blender: blender -b --python tests/run_in_blender.py -- -q tests"""

from __future__ import annotations

import os
import sys

import pytest

# conftest.py puts a link to this repository among the user's extensions: never among the real ones.
if "BLENDER_USER_RESOURCES" not in os.environ:
    sys.exit("Set BLENDER_USER_RESOURCES to an empty folder: your own extensions must stay as they are.")

sys.exit(int(pytest.main(sys.argv[sys.argv.index("--") + 1 :])))
