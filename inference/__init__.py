"""Pose of a known 3D model in one photo: numpy, torch and Pillow only, no Blender (a test enforces it)."""
