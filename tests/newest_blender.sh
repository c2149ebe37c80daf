#!/usr/bin/env bash
# Tests with the bpy package VERSION, in a virtual environment that sees what Python 3.13 has, PyTorch perhaps.
# usage: tests/newest_blender.sh VERSION TESTS...
set -euo pipefail
cd "$(dirname "$0")/.."
venv=.venv-$1
[ -x "$venv/bin/python" ] || rm -rf "$venv" # of another Python, perhaps
python3.13 -m venv --system-site-packages "$venv"
"$venv/bin/python" -m pip install --disable-pip-version-check --quiet "bpy==$1" pillow pytest pytest-xdist
"$venv/bin/python" -m pytest "${@:2}"
