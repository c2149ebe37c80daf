"""Pictures and folders on disk; one sentence where they cannot be written."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from ...inference.files import writing
from ...inference.geometry import Box, Camera, Sphere, in_unit_sphere
from ...inference.views.templates import Render

if TYPE_CHECKING:
    from PIL import Image

OUTPUT = 'Output folder "{path}" cannot be written ({reason}).'


def make_folder(folder: Path, sentence: str = OUTPUT) -> None:
    """PoseError with this sentence where it cannot be made or written."""
    with writing(folder, sentence):
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            pass


def save_picture(picture: Image.Image, path: Path) -> None:
    """PoseError where it cannot be written."""
    with writing(path):
        picture.save(path)


def model_in_photo(camera: Camera, sphere: Sphere, render: Render, side: int) -> np.ndarray:
    """What the photo's camera in the world sees of a model with this sphere: (H, W, 4) uint8, at most side px."""
    scale = min(1.0, side / max(camera.size))
    size = (round(camera.size[0] * scale), round(camera.size[1] * scale))
    return render(in_unit_sphere(camera, sphere).windowed(Box(0, 0, *camera.size), size)).rgba
