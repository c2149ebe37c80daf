"""Views of models become pictures to learn from: moved, rolled, in other colours and light, before photos."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from PIL import Image
from torch import Tensor
from torch.nn import functional

from ..errors import LOG, PoseError
from ..photo.image import load_photo

VIEW_SIDE = 208  # px of views and backgrounds
PHOTOS = {".jpg", ".jpeg", ".png", ".webp", ".bmp", ".tif", ".tiff"}
# By judgement; `python -m benchmark.train_chairs` measures networks that learnt by all of them
SMALLEST_CROP = 0.35  # of a photo's shorter side
SCALES = (0.85, 1.15)
SHIFT = 0.06  # of a crop's side
RECOLOURED = 0.5  # part of the pictures whose model gets other colours; the next, that are soft, and grey
SOFT, GREY = 0.3, 0.1
LARGEST_HALF = 0.3  # of the sides of what hides a model, in sides of the picture
OF_NO_MODEL = -1
NOISE = 0.13  # of the whole range, at most, evenly spread


class Views(NamedTuple):
    """Rendered crops: rgba (N, S, S, 4) uint8, straight alpha; rotations (N, 3, 3) world -> camera, of cameras that
    look at the model's centre; model (N,) int: which model each one shows; those OF_NO_MODEL are never held out of
    training."""

    rgba: np.ndarray
    rotations: np.ndarray
    model: np.ndarray


def backgrounds(
    folder: Path | None = None, count: int = 400, seed: int = 0, warn: Callable[[str], None] = LOG.warning
) -> np.ndarray:
    """Random square crops (count, SIDE, SIDE, 3) uint8 of a folder's photos; without a folder, made-up patterns.

    Photos that cannot be read are left out, and warn is told why in a sentence. PoseError where none is left.
    """
    random = np.random.default_rng(seed)
    if folder is None:
        return np.stack([_pattern(random) for _ in range(count)])
    if not folder.is_dir():
        raise PoseError(f'The folder of backgrounds "{folder}" does not exist.')
    paths = [path for path in sorted(folder.iterdir()) if path.suffix.lower() in PHOTOS and _readable(path, warn)]
    if not paths:
        raise PoseError(f'The folder of backgrounds "{folder}" has no photos that can be read.')
    return crops_of(paths, count, seed)


def _readable(path: Path, warn: Callable[[str], None]) -> bool:
    try:
        load_photo(path)
    except PoseError as error:
        warn(str(error))
        return False
    return True


def crops_of(photos: list[Path], count: int, seed: int) -> np.ndarray:
    """Random square crops (count, SIDE, SIDE, 3) uint8, as many of each photo, in a random order."""
    random = np.random.default_rng(seed)
    crops = []
    for number, path in enumerate(photos):
        image = load_photo(path).image
        crops += [_square(image, random) for _ in range(number, count, len(photos))]
    return np.stack(crops)[random.permutation(len(crops))]


def _square(image: Image.Image, random: np.random.Generator) -> np.ndarray:
    side = random.uniform(SMALLEST_CROP, 1) * min(image.size)
    left, top = (np.array(image.size) - side) * random.random(2)
    return np.asarray(
        image.resize((VIEW_SIDE, VIEW_SIDE), Image.Resampling.BILINEAR, (left, top, left + side, top + side))
    )


def _pattern(random: np.random.Generator) -> np.ndarray:
    """A slope between two colours, with smooth noise of a random coarseness."""
    one, other = random.uniform(0, 255, (2, 3))
    x, y = np.meshgrid(np.linspace(-1, 1, VIEW_SIDE), np.linspace(-1, 1, VIEW_SIDE))
    angle = random.uniform(0, math.tau)
    slope = (x * math.cos(angle) + y * math.sin(angle) + 1.5) / 3
    cells = int(2 ** random.uniform(1, 6.5))
    noise = random.normal(0, random.uniform(0, 40), (cells, cells, 3)).clip(-120, 120)
    coarse = Image.fromarray((noise + 128).astype(np.uint8)).resize((VIEW_SIDE, VIEW_SIDE), Image.Resampling.BICUBIC)
    return (one + (other - one) * slope[..., None] + np.asarray(coarse) - 128.0).clip(0, 255).astype(np.uint8)


def pictures(
    rgba: Tensor,
    rotations: Tensor,
    backdrops: Tensor,
    side: int,
    roll: float,
    mirror: bool,
    random: torch.Generator,
    plain: float = 0.0,
    hidden: float = 0.0,
) -> tuple[Tensor, Tensor]:
    """Pictures (N, 3, side, side) in 0..1 of views (N, 4, S, S) uint8 and the rotations (N, 3, 3) that they show.

    backdrops (M, 3, S, S) uint8; roll: standard deviation, radians; mirror: half of them are mirrored, which is right
    for models that have a mirror image among their like, as chairs do; plain: about this part of them is only moved,
    and white behind; hidden: in about this part of them something stands before the model.
    """
    moves, rotations = _moves(rotations, roll, mirror, random)
    grid = functional.affine_grid(moves, [len(rgba), 4, side, side], align_corners=False)
    views = rgba.float() / 255
    views = torch.cat([views[:, :3] * views[:, 3:], views[:, 3:]], 1)  # else the colours of nothing bleed in
    moved = functional.grid_sample(views, grid, align_corners=False)
    alpha = moved[:, 3:]
    colours = _relit(_recoloured(moved[:, :3] / alpha.clamp(min=1e-3), random), random)
    behind = _behind(backdrops, len(rgba), side, random)
    images = _hidden(colours * alpha + behind * (1 - alpha), backdrops, hidden, random)
    images = _photographed(images, random)
    if plain:
        chosen = _some(plain, len(images), random)
        images[chosen] = moved[chosen, :3] + 1 - alpha[chosen]
    return images, rotations


def plain(rgba: Tensor, backdrops: Tensor, side: int) -> Tensor:
    """Pictures (N, 3, side, side) in 0..1 of views (N, 4, S, S) uint8 before the first backdrops, without chance."""
    views = functional.interpolate(rgba.float() / 255, (side, side), mode="bilinear", antialias=True)
    chosen = backdrops[torch.arange(len(rgba)) % len(backdrops)].float() / 255
    behind = functional.interpolate(chosen, (side, side), mode="bilinear", antialias=True)
    return views[:, :3] * views[:, 3:] + behind * (1 - views[:, 3:])


def _moves(rotations: Tensor, roll: float, mirror: bool, random: torch.Generator) -> tuple[Tensor, Tensor]:
    """Affine maps (N, 2, 3) from the pictures to the views, and the rotations afterwards."""
    count = len(rotations)
    angles = roll * torch.randn(count, generator=random)
    scales = SCALES[0] + (SCALES[1] - SCALES[0]) * torch.rand(count, generator=random)
    signs = torch.where(torch.rand(count, generator=random) < 0.5 * mirror, -1.0, 1.0)
    turns = torch.zeros(count, 3, 3)
    turns[:, 0, 0] = turns[:, 1, 1] = angles.cos()
    turns[:, 1, 0], turns[:, 0, 1] = -angles.sin(), angles.sin()  # geometry.roll_matrix
    turns[:, 2, 2] = 1
    flips = torch.eye(3).repeat(count, 1, 1)
    flips[:, 0, 0] = signs
    shifts = SHIFT * torch.randn(count, 2, 1, generator=random)
    maps = torch.cat([(flips @ turns)[:, :2, :2] * scales[:, None, None], shifts], 2)
    return maps, turns.transpose(1, 2) @ flips @ rotations @ flips


def _some(part: float, count: int, random: torch.Generator) -> Tensor:
    """Numbers of about this part of the pictures: what is done to few of them costs little."""
    return torch.nonzero(torch.rand(count, generator=random) < part)[:, 0]


def _recoloured(colours: Tensor, random: torch.Generator) -> Tensor:
    """Some with another order of red, green and blue and other strengths; some of them inverted."""
    chosen = _some(RECOLOURED, len(colours), random)
    orders = torch.rand(len(chosen), 3, generator=random).argsort(1)
    changed = colours[chosen[:, None], orders]
    inverted = _some(0.25, len(chosen), random)
    changed[inverted] = 1 - changed[inverted]
    colours[chosen] = changed * (0.4 + 0.8 * torch.rand(len(chosen), 3, 1, 1, generator=random))
    return colours


def _relit(colours: Tensor, random: torch.Generator) -> Tensor:
    """Light that falls off across the picture, brightness and contrast by chance."""
    count, _, side, _ = colours.shape
    slopes = 0.35 * torch.randn(count, 2, 1, 1, generator=random)
    across = torch.linspace(-1, 1, side)
    light = 1 + slopes[:, :1] * across + slopes[:, 1:] * across[:, None]
    gamma = (0.4 * torch.randn(count, 1, 1, 1, generator=random)).exp()
    gain = 0.55 + 0.6 * torch.rand(count, 1, 1, 1, generator=random)
    return (colours.clamp(1e-3, 1) ** gamma * gain * light).clamp(0, 1)


def _behind(backdrops: Tensor, count: int, side: int, random: torch.Generator) -> Tensor:
    """A backdrop for each picture, half of them mirrored."""
    chosen = backdrops[torch.randint(len(backdrops), (count,), generator=random)].float() / 255
    mirrored = _some(0.5, count, random)
    chosen[mirrored] = chosen[mirrored].flip(3)
    return functional.interpolate(chosen, (side, side), mode="bilinear")


def _hidden(images: Tensor, backdrops: Tensor, part: float, random: torch.Generator) -> Tensor:
    """Some behind a rectangle at a random place that shows a piece of another backdrop."""
    if not part:
        return images
    chosen, side = _some(part, len(images), random), images.shape[-1]
    middles, halves = torch.rand(2, len(chosen), 2, 1, generator=random)
    places = (torch.arange(side) / side).expand(len(chosen), 2, side)
    near = (places - middles).abs() < LARGEST_HALF * halves
    cover = (near[:, 0, :, None] & near[:, 1, None, :])[:, None]
    images[chosen] = torch.where(cover, _behind(backdrops, len(chosen), side, random), images[chosen])
    return images


def _photographed(images: Tensor, random: torch.Generator) -> Tensor:
    """Some soft, some grey, all with noise."""
    count, _, side, _ = images.shape
    soft = _some(SOFT, count, random)
    images[soft] = functional.interpolate(functional.avg_pool2d(images[soft], 2), (side, side), mode="bilinear")
    grey = _some(GREY, count, random)
    images[grey] = images[grey].mean(1, keepdim=True)
    strength = NOISE * torch.rand(count, 1, 1, 1, generator=random)
    return (images + strength * (torch.rand(images.shape, generator=random) - 0.5)).clamp_(0, 1)
