"""Light, floors and backdrops: the rows of IMAGE in kernels.cu."""

from __future__ import annotations

import math
from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn import functional

from .chance import Chance, constant
from .mesh_pack import MeshPack
from .rasteriser import IMAGE, IMAGE_LENGTH, put
from .surfaces import SEEDS

SHADOW = 256  # px, side of the buffers that tell where the first lamp shines
LAMPS = 3


class Light(NamedTuple):
    """image (B, IMAGE_LENGTH); lamp (B, 3, 4): from the camera's axes to px of the first lamp's buffer."""

    image: Tensor
    lamp: Tensor


def studio(chance: Chance, K: Tensor) -> Tensor:
    """(B, IMAGE_LENGTH): even white light, as renderings have it; most of them with Cycles' noise of two samples.
    K (B, 3, 3)."""
    count = len(K)
    image = _seen_by(chance, K)
    cycles, turned = chance.often(0.7, count), chance.often(0.3, count)
    put(image, IMAGE, studio=1.0, two=cycles, noisy=cycles, aok=chance.uniform(count, low=0.8, high=1.2))
    put(image, IMAGE, sstrength=torch.where(turned, chance.uniform(count, high=0.5), 0.0))
    put(image, IMAGE, sradius=chance.uniform(count, high=0.15))
    return image


def room(chance: Chance, pack: MeshPack, K: Tensor, pose: Tensor, low: Tensor) -> Light:
    """A sky, up to three lamps, perhaps a floor that the object stands on, a backdrop.

    K (B, 3, 3); pose (B, 3, 4): of the object in the camera's axes; low (B,): its lowest point.
    """
    image = _seen_by(chance, K)
    lamps = _lamps(chance, image, pose)
    _floor(chance, image, pack, pose, low)
    _backdrop(chance, image, pack)
    lamp = _view_of_lamp(chance, lamps[:, 0], pose[:, :, 3])
    count = len(K)
    put(image, IMAGE, sm=lamp.flatten(1), sbias=0.035, sradius=chance.log_uniform(0.6, 9, count))
    put(image, IMAGE, sstrength=torch.where(chance.often(0.7, count), chance.uniform(count, low=0.5), 0.0))
    return Light(image, lamp)


def _seen_by(chance: Chance, K: Tensor) -> Tensor:
    image = torch.zeros(len(K), IMAGE_LENGTH, device=chance.device)
    put(image, IMAGE, fx=K[:, 0, 0], fy=K[:, 1, 1], cx=K[:, 0, 2], cy=K[:, 1, 2], btex=-1.0)
    put(image, IMAGE, seed=chance.whole(SEEDS, len(K)))
    return image


def _lamps(chance: Chance, image: Tensor, pose: Tensor) -> Tensor:
    """Places of the lamps (B, LAMPS, 3) in the camera's axes."""
    count, R = len(pose), pose[:, :, :3]
    away = functional.normalize(chance.normal(count, 3), dim=1)
    up = torch.where(chance.often(0.85, count)[:, None], R[:, :, 2], away)
    sky = chance.uniform(count, 1, low=0.05, high=0.8) * chance.tint(count)
    azimuth = chance.uniform(count, LAMPS, high=2 * math.pi)
    elevation = torch.deg2rad(chance.uniform(count, LAMPS, low=10, high=85))
    around = azimuth.cos() * elevation.cos(), azimuth.sin() * elevation.cos(), elevation.sin()
    distance = chance.log_uniform(2.8, 14, count, LAMPS)[..., None]
    places = (torch.stack(around, 2) * distance) @ R.transpose(1, 2) + pose[:, None, :, 3]
    colours = chance.uniform(count, LAMPS, 1, low=0.15, high=1.2) * chance.tint(count, LAMPS)
    colours[:, 0] *= 1.4
    there = chance.uniform(count, 1, 1, high=3) > constant((1.0, 2.0), chance.device).view(1, 2, 1)
    colours[:, 1:] *= there.float()
    colours *= chance.often(0.9, count)[:, None, None]
    soft = chance.uniform(count, LAMPS, 1, high=0.6)
    soft[:, 0] *= chance.uniform(count, 1)
    ground = sky * chance.uniform(count, 1, low=0.15, high=1.0)
    put(image, IMAGE, up=up, sky=sky, ground=ground, aok=chance.uniform(count, low=0.5, high=1.6))
    put(image, IMAGE, light=torch.cat([places, colours, soft], 2).flatten(1))
    return places


def _view_of_lamp(chance: Chance, lamp: Tensor, middle: Tensor) -> Tensor:
    """(B, 3, 4): a lamp that looks at the object, wide enough for what stands around it."""
    ahead = functional.normalize(middle - lamp, dim=1)
    side = functional.normalize(torch.linalg.cross(ahead, chance.normal(len(lamp), 3)), dim=1)
    R = torch.stack([side, torch.linalg.cross(ahead, side), ahead], 1)
    half = torch.asin((2.2 / (middle - lamp).norm(dim=1)).clamp(max=0.85))
    focal, zero = SHADOW / 2 / torch.tan(half), 0 * half
    K = torch.stack([focal, zero, zero + SHADOW / 2, zero, focal, zero + SHADOW / 2, zero, zero, zero + 1], 1)
    return K.view(-1, 3, 3) @ torch.cat([R, -(R @ lamp[..., None])], 2)


def _floor(chance: Chance, image: Tensor, pack: MeshPack, pose: Tensor, low: Tensor) -> None:
    count, R = len(pose), pose[:, :, :3]
    normal = R[:, :, 2]
    height = (normal * (low[:, None] * normal + pose[:, :, 3])).sum(1)
    angle = chance.uniform(count, high=2 * math.pi)
    along = (R @ torch.stack([angle.cos(), angle.sin(), 0 * angle], 1)[..., None])[..., 0]
    textures = torch.cat([pack.floors.repeat(4), pack.prints[:20], pack.photos[:20]])
    put(image, IMAGE, floor=chance.often(0.6, count) & (height < -0.05), fn=normal, fc=height, fu=along)
    put(image, IMAGE, fv=torch.linalg.cross(normal, along), ftex=chance.pick(textures, count))
    put(image, IMAGE, ftint=chance.uniform(count, 1, low=0.05, high=0.9) ** 1.3 * chance.tint(count))
    put(image, IMAGE, fscale=chance.log_uniform(0.15, 1.5, count), ffar=chance.log_uniform(4, 40, count))
    put(image, IMAGE, fmix=torch.where(chance.often(0.25, count), 0.0, chance.uniform(count, low=0.3)))


def _backdrop(chance: Chance, image: Tensor, pack: MeshPack) -> None:
    """A picture, turned a little, cut out, perhaps mirrored; or hardly anything of it."""
    count = len(image)
    pictures = torch.cat([pack.photos.repeat(3), pack.floors, pack.prints[:60]])
    turn, scale = chance.normal(count, sigma=0.1), chance.log_uniform(0.35, 1.0, count)
    mirrored = torch.where(chance.often(0.5, count), -1.0, 1.0)
    x, y = scale * turn.cos(), scale * turn.sin()
    place = chance.uniform(count), chance.uniform(count)
    put(image, IMAGE, btex=chance.pick(pictures, count))
    put(image, IMAGE, ba=torch.stack([x * mirrored, -y, place[0], -y * mirrored, -x, place[1]], 1))
    put(image, IMAGE, btint=chance.log_uniform(0.08, 1.2, count)[:, None] * chance.tint(count))
    put(image, IMAGE, bmix=torch.where(chance.often(0.13, count), 0.0, chance.uniform(count, low=0.6)))
