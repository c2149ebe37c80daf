"""What surfaces look like, beyond their models' own: the rows of LOOK in kernels.cu."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from .chance import Chance
from .mesh_pack import MeshPack
from .rasteriser import LOOK, LOOK_LENGTH, put

SEEDS = 1 << 20


class Looks(NamedTuple):
    """(B, LOOK_LENGTH), and seeds (B,) of their colours."""

    look: Tensor
    seed: Tensor


def looks_of_object(chance: Chance, pack: MeshPack, count: int, differs: Tensor) -> tuple[Looks, Looks]:
    """In the rendering and in the photo. Colours are the model's own in both (45 %), the same others in both (15 %),
    others in the photo only (32 %), or two different ones (8 %). differs (B,): parts are missing or moved in the photo.
    """
    rendering = _colours(chance, count)
    photo = rendering.clone()
    part = torch.where(chance.often(0.6, count), 1.0, 0.5)  # of the materials that are recoloured
    kind = chance.uniform(count)
    other = kind > 0.92
    put(rendering, LOOK, recolour=part * ((kind > 0.45) & (kind < 0.6) | other))
    put(rendering, LOOK, colours=torch.where(other, 1, rendering[:, LOOK["colours"]][:, 0]))
    put(photo, LOOK, recolour=part * (kind > 0.45))
    put(photo, LOOK, colours=torch.where(other, 1 + chance.whole(6, count), photo[:, LOOK["colours"]][:, 0]))
    printed, pictures = chance.uniform(count), torch.cat([pack.prints, pack.prints, pack.floors, pack.photos])
    chosen = chance.pick(pictures, count).float()
    put(rendering, LOOK, print=torch.where(printed < 0.14, chosen, -1.0))
    put(photo, LOOK, print=torch.where(printed < 0.2, chosen, -1.0))
    _shine(chance, photo)
    _take_apart(chance, photo, differs)
    seed = chance.whole(SEEDS, count)
    return Looks(rendering, seed), Looks(photo, torch.where(other, chance.whole(SEEDS, count), seed))


def looks_of_others(chance: Chance, pack: MeshPack, count: int) -> Looks:
    look = torch.zeros(count, LOOK_LENGTH, device=chance.device)
    put(look, LOOK, recolour=1.0 * chance.often(0.5, count), colours=1.0 + chance.whole(4, count), pscale=1.0, pmix=1.0)
    print_ = chance.pick(pack.prints, count).float()
    put(look, LOOK, print=torch.where(chance.often(0.12, count), print_, -1.0))
    _shine(chance, look)
    return Looks(look, chance.whole(SEEDS, count))


def solid(look: Tensor) -> Tensor:
    """The same, but glass hides what is behind it."""
    look = look.clone()
    put(look, LOOK, solid=1.0)
    return look


def _colours(chance: Chance, count: int) -> Tensor:
    look = torch.zeros(count, LOOK_LENGTH, device=chance.device)
    put(look, LOOK, colours=1 + chance.whole(6, count), keep=chance.whole(3, count) * 0.5, own=1.0)
    put(look, LOOK, bypart=chance.often(0.3, count), pox=chance.uniform(count), poy=chance.uniform(count))
    mixed = torch.where(chance.often(0.7, count), 1.0, chance.uniform(count, low=0.3))
    put(look, LOOK, pscale=chance.log_uniform(0.4, 2.2, count), pmix=mixed)
    return look


def _shine(chance: Chance, look: Tensor) -> None:
    count = len(look)
    put(look, LOOK, own=chance.often(0.4, count), gloss=0.9 * chance.uniform(count) ** 2)
    put(look, LOOK, power=chance.log_uniform(5, 120, count), metal=0.9 * chance.often(0.08, count))


def _take_apart(chance: Chance, look: Tensor, differs: Tensor) -> None:
    count, move = len(look), chance.normal(len(look), 3, sigma=0.15)
    put(look, LOOK, hide=0.15 * (differs & chance.often(0.6, count)), move=0.1 * (differs & chance.often(0.4, count)))
    put(look, LOOK, mx=move[:, 0], my=move[:, 1], mz=move[:, 2])
