"""Pictures on the graphics card."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from gpu.types import GPUTexture
    from PIL import Image


def texture(image: Image.Image, side: int) -> GPUTexture:
    """The image, reduced to side px where it is larger: in sRGB, first row on top."""
    return _texture(_pixels(image, side), "RGBA8")


def preset_texture(image: Image.Image, side: int) -> GPUTexture:
    """The same for draw_texture_2d: linear, first row at the bottom."""
    linear = _pixels(image, side)[::-1] ** 2.2  # near enough to sRGB, which the view turns it into again
    return _texture(linear, "RGBA16F")


def _pixels(image: Image.Image, side: int) -> np.ndarray:
    """(H, W, 4) float32, 0..1."""
    shown = image.convert("RGBA")
    shown.thumbnail((side, side))
    return np.asarray(shown, np.float32) / 255


def _texture(pixels: np.ndarray, format: str) -> GPUTexture:
    import gpu

    height, width, _channels = pixels.shape
    data = gpu.types.Buffer("FLOAT", pixels.size, pixels.ravel())
    return gpu.types.GPUTexture((width, height), format=format, data=data)
