"""Linear light becomes a picture as of a camera's file: exposure, blur, noise, tone, JPEG's blocks, a border."""

from __future__ import annotations

import math

import torch
from torch import Tensor
from torch.nn import functional

from .chance import Chance, constant

# Steps of the coefficients at quality 50: the standard's example tables (ITU-T T.81, annex K)
LUMA = (
    *(16, 11, 10, 16, 24, 40, 51, 61, 12, 12, 14, 19, 26, 58, 60, 55),
    *(14, 13, 16, 24, 40, 57, 69, 56, 14, 17, 22, 29, 51, 87, 80, 62),
    *(18, 22, 37, 56, 68, 109, 103, 77, 24, 35, 55, 64, 81, 104, 113, 92),
    *(49, 64, 78, 87, 103, 121, 120, 101, 72, 92, 95, 98, 112, 100, 103, 99),
)
CHROMA = (
    *(17, 18, 24, 47, 99, 99, 99, 99, 18, 21, 26, 66, 99, 99, 99, 99, 24, 26, 56, 99, 99, 99, 99, 99),
    *(47, 66, 99, 99, 99, 99, 99, 99, *[99] * 32),
)
TO_YCC = (0.299, 0.587, 0.114, -0.1687, -0.3313, 0.5, 0.5, -0.4187, -0.0813)
FROM_YCC = (1.0, 0.0, 1.402, 1.0, -0.344136, -0.714136, 1.0, 1.772, 0.0)
BLUR = 4  # px, as far as it reaches


def developed(chance: Chance, light: Tensor, seen: Tensor) -> tuple[Tensor, Tensor]:
    """sRGB (B, 3, S, S) of linear light; and where there is a picture (B, 1, S, S): some end before their border.

    seen (B, 1, S, S): where the object is, for which the exposure is right, more or less.
    """
    count = len(light)
    exposed = light * _exposure(chance, light, seen) * torch.exp(chance.normal(count, 3, 1, 1, sigma=0.08))
    picture = _toned(chance, _noisy(chance, _blurred(chance, exposed.clamp(0, 4))))
    compressed = chance.often(0.55, count, 1, 1, 1)
    picture = torch.where(compressed, _jpeg(chance, picture), picture)
    inside = _inside(chance, picture)
    return (picture * 255).round() / 255 * inside + 1 - inside, inside


def srgb(light: Tensor) -> Tensor:
    """Of linear 0..1."""
    return torch.where(light <= 0.0031308, 12.92 * light, 1.055 * light.clamp(min=1e-6) ** (1 / 2.4) - 0.055).clamp(
        0, 1
    )


def _exposure(chance: Chance, light: Tensor, seen: Tensor) -> Tensor:
    def mean(weight: Tensor) -> Tensor:
        return (light * weight).sum((1, 2, 3)) / weight.sum((1, 2, 3)).clamp(min=1) / 3

    metered = torch.maximum(mean(seen), 0.4 * mean(torch.ones_like(seen))).clamp(min=1e-3)
    return (chance.log_uniform(0.09, 0.5, len(light)) / metered)[:, None, None, None]


def _blurred(chance: Chance, picture: Tensor) -> Tensor:
    """By an ellipse for each picture."""
    count, _, height, width = picture.shape
    long = torch.where(chance.often(0.5, count), 0.25, chance.uniform(count, low=0.3, high=1.2))
    long = torch.where(chance.often(0.1, count), chance.uniform(count, low=1.2, high=2.2), long)
    short = torch.where(chance.often(0.2, count), 0.3 * long, long).clamp(min=0.25)
    angle = chance.uniform(count, high=math.pi)[:, None, None]
    axis = torch.arange(-BLUR, BLUR + 1, device=chance.device).float()
    y, x = torch.meshgrid(axis, axis, indexing="ij")
    along, across = x * angle.cos() + y * angle.sin(), y * angle.cos() - x * angle.sin()
    kernel = torch.exp(-0.5 * ((along / long[:, None, None]) ** 2 + (across / short[:, None, None]) ** 2))
    kernel = (kernel / kernel.sum((1, 2), keepdim=True))[:, None].repeat_interleave(3, 0)
    padded = functional.pad(picture, [BLUR] * 4, mode="replicate").flatten(0, 1)[None]
    return functional.conv2d(padded, kernel, groups=3 * count).view(count, 3, height, width)


def _noisy(chance: Chance, picture: Tensor) -> Tensor:
    """Of photons and of reading out; some grain is coarser, as of pictures that were made smaller or denoised."""
    count = len(picture)
    strength = torch.where(chance.often(0.85, count), chance.log_uniform(1e-4, 4e-3, count), 0.0)[:, None, None, None]
    grain = chance.normal(*picture.shape)
    grain = torch.where(chance.often(0.4, count, 1, 1, 1), functional.avg_pool2d(grain, 3, 1, 1) * 2, grain)
    return (picture + (strength * picture + 4 * strength**2).sqrt() * grain).clamp(min=0)


def _toned(chance: Chance, picture: Tensor) -> Tensor:
    count = len(picture)
    shoulder = 1 - 0.2 * torch.exp(-(picture - 0.8).clamp(min=0) / 0.2)
    picture = torch.where(picture < 0.8, picture, shoulder).clamp(0, 1)
    picture = srgb(picture) ** torch.exp(chance.normal(count, 1, 1, 1, sigma=0.08))
    grey = picture.mean(1, keepdim=True)
    return (grey + (picture - grey) * chance.uniform(count, 1, 1, 1, low=0.6, high=1.25)).clamp(0, 1)


def _jpeg(chance: Chance, picture: Tensor) -> Tensor:
    """Coarse coefficients of blocks of 8 x 8, which begin anywhere."""
    count, _, height, width = picture.shape
    shift = [int(number) for number in chance.host.integers(8, size=2)]
    colours = torch.einsum("kc,bchw->bkhw", constant(TO_YCC, chance.device).view(3, 3), picture.roll(shift, (2, 3)))
    k = torch.arange(8, device=chance.device).float()
    cosines = torch.cos((2 * k[None] + 1) * k[:, None] * math.pi / 16) * 0.5
    cosines[0] /= math.sqrt(2)
    blocks = 255 * colours.reshape(count, 3, height // 8, 8, width // 8, 8)
    coefficients = torch.einsum("ui,vj,bkpiqj->bkpuqv", cosines, cosines, blocks)
    quality = chance.uniform(count, low=35, high=95)
    scale = torch.where(quality < 50, 50 / quality, 2 - quality / 50).view(-1, 1, 1, 1, 1, 1)
    table = constant((*LUMA, *CHROMA, *CHROMA), chance.device).view(1, 3, 1, 8, 1, 8)
    step = (table * scale).clamp(min=1)
    coarse = (coefficients / step).round() * step
    colours = torch.einsum("ui,vj,bkpuqv->bkpiqj", cosines, cosines, coarse).reshape(count, 3, height, width) / 255
    picture = torch.einsum("kc,bchw->bkhw", constant(FROM_YCC, chance.device).view(3, 3), colours)
    return picture.roll([-number for number in shift], (2, 3)).clamp(0, 1)


def _inside(chance: Chance, picture: Tensor) -> Tensor:
    """1 where the photo has a picture: one in eight has a side beyond which there is none."""
    count, _, height, width = picture.shape
    y, x = (torch.arange(side, device=chance.device).float() + 0.5 for side in (height, width))
    cut = torch.where(chance.often(0.12, count), chance.uniform(count, low=0.05, high=0.33), -1.0)[:, None, None, None]
    side = chance.whole(4, count)[:, None, None, None]
    along = torch.where(side < 2, x.view(1, 1, 1, -1) / width, y.view(1, 1, -1, 1) / height)
    return (torch.where(side % 2 == 0, along, 1 - along) > cut).float()
