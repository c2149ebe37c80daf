"""Pose of a known 3D model in one photo: numpy, Pillow and torch where it is there, no Blender (a test enforces it)."""

import os

# Read when PyTorch loads: threads that wait must not spin, or a busy machine takes three times as long.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
