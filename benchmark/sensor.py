"""What a camera does to the light: exposure, backdrop, blur, noise, colours, JPEG. numpy and Pillow only."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import numpy as np
from PIL import Image, ImageFilter, ImageOps

BRIGHTEST = 0.5  # a whole picture is at most twice as bright as its object is meant to be
DARKEST = 0.3  # of its lighter parts: a black piano with white keys is not made grey
KNEE = 0.8  # linear light above which highlights are compressed


class Sensor(NamedTuple):
    """A camera's faults. exposure: mean linear light of the object; tint: gain of red and of blue; blur: Gaussian
    sigma, px; shake: length of motion, px, 0 mostly; noise: variance per unit of light; quality: of the JPEG."""

    exposure: float
    tint: tuple[float, float]
    blur: float
    shake: int
    vignette: float
    noise: float
    quality: int
    seed: int

    @classmethod
    def random(cls, random: np.random.Generator) -> Sensor:
        return cls(
            exposure=float(np.exp(random.uniform(np.log(0.12), np.log(0.42)))),
            tint=tuple(float(gain) for gain in np.exp(random.normal(0, 0.06, 2))),
            blur=float(random.uniform(0, 1.1)),
            shake=int(random.integers(3, 8)) if random.random() < 0.1 else 0,
            vignette=float(random.uniform(0, 0.4) if random.random() < 0.4 else 0),
            noise=float(np.exp(random.uniform(np.log(1e-4), np.log(4e-3)))),
            quality=int(random.integers(60, 96)),
            seed=int(random.integers(1 << 31)),
        )


def developed(light: np.ndarray, alpha: np.ndarray, mask: np.ndarray, backdrop: np.ndarray, sensor: Sensor) -> Image:
    """The picture, RGB, of linear light (H, W, 3) premultiplied by alpha (H, W) over a linear backdrop (H, W, 3).

    mask (H, W) bool: the object, by which the light is exposed; the backdrop is exposed already.
    """
    random = np.random.default_rng(sensor.seed)
    lit = np.quantile(light[mask], 0.95)
    metered = max(light[mask].mean(), DARKEST * lit, BRIGHTEST * light.mean(), 1e-4)
    gain = sensor.exposure / metered
    picture = light * gain + backdrop * (1 - alpha[..., None])
    picture = picture * np.array([sensor.tint[0], 1.0, sensor.tint[1]])
    picture = _shaken(_blurred(picture, sensor.blur), sensor.shake, random)
    picture = picture * _vignette(picture.shape[:2], sensor.vignette)[..., None]
    noise = np.sqrt(sensor.noise * picture.clip(0) + (2 * sensor.noise) ** 2)
    picture = picture + noise * random.standard_normal(picture.shape)
    return Image.fromarray(encoded(compressed(picture)))


def linear_backdrop(path: Path, size: tuple[int, int], random: np.random.Generator) -> np.ndarray:
    """A part of a photo as linear light (height, width, 3): cut out, mirrored and blurred by chance."""
    photo = Image.open(path).convert("RGB")
    zoom, corner = random.uniform(0.7, 1.0), random.uniform(0, 1, 2)
    scale = zoom * min(photo.width / size[0], photo.height / size[1])
    part = np.array(size) * scale
    left, top = (np.array(photo.size) - part) * corner
    box = (left, top, left + part[0], top + part[1])
    photo = photo.resize(size, Image.Resampling.BICUBIC, box=tuple(float(edge) for edge in box))
    photo = ImageOps.mirror(photo) if random.random() < 0.5 else photo
    photo = photo.filter(ImageFilter.GaussianBlur(float(random.choice([0, 0, 1, 2.5]))))
    return (np.asarray(photo) / 255.0) ** 2.2


def _blurred(picture: np.ndarray, sigma: float) -> np.ndarray:
    if sigma < 0.2:
        return picture
    offsets = np.arange(-4, 5)
    kernel = np.exp(-0.5 * (offsets / sigma) ** 2)
    kernel /= kernel.sum()
    for axis in (0, 1):
        widths = [(4, 4) if axis == a else (0, 0) for a in range(3)]
        padded, length = np.pad(picture, widths, mode="edge"), picture.shape[axis]
        parts = [padded.take(range(k, k + length), axis) * weight for k, weight in enumerate(kernel)]
        picture = sum(parts)
    return picture


def _shaken(picture: np.ndarray, length: int, random: np.random.Generator) -> np.ndarray:
    """Motion blur along a straight line, about its middle."""
    if not length:
        return picture
    angle = random.uniform(0, np.pi)
    steps = np.linspace(-length / 2, length / 2, length + 1)
    shifts = np.round(np.stack([np.sin(angle) * steps, np.cos(angle) * steps], 1)).astype(int)
    height, width = picture.shape[:2]
    padded = np.pad(picture, ((length, length), (length, length), (0, 0)), mode="edge")
    parts = [padded[length + y : length + y + height, length + x : length + x + width] for y, x in shifts]
    return sum(parts) / len(parts)


def _vignette(shape: tuple[int, int], strength: float) -> np.ndarray:
    y, x = (np.linspace(-1, 1, side) for side in shape)
    return 1 - strength * (x[None] ** 2 + y[:, None] ** 2) / 2


def compressed(light: np.ndarray) -> np.ndarray:
    """Highlights above the knee approach 1 instead of being cut off."""
    light = light.clip(0)
    room = 1 - KNEE
    return np.where(light < KNEE, light, 1 - room * np.exp(-(light - KNEE).clip(0) / room))


def encoded(light: np.ndarray) -> np.ndarray:
    """sRGB (H, W, 3) uint8."""
    curve = np.where(light <= 0.0031308, 12.92 * light, 1.055 * light.clip(1e-9) ** (1 / 2.4) - 0.055)
    return np.round(curve.clip(0, 1) * 255).astype(np.uint8)
