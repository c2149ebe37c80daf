"""Training pairs, made in batches on a device: a rendering as the product makes it, a photo-like picture of the same
model in nearly the same pose, or of one that differs from it, and exact flow, visibility and masks."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from inference.views.crops import FIRST_PATCH, PADDING, STRIDE
from inference.views.crops import SIZE as SIDE

from .chance import Chance, about_z, compose, constant, flat, rotations
from .film import developed, srgb
from .lamps import SHADOW, room, studio
from .mesh_pack import MeshPack
from .rasteriser import DRAW, DRAW_LENGTH, EMPTY, OBJECT, OTHER, launch, z_buffers
from .surfaces import Looks, looks_of_object, looks_of_others, solid

FINE = 2 * SIDE  # px, side of the z-buffers
CELL = 4  # px
OFFSET = (FIRST_PATCH - STRIDE / 2) / SIDE  # by which the product's windows are moved
CLUTTER, BEFORE, ADDED = slice(1, 4), slice(4, 6), slice(6, 8)  # what else a photo shows, beside its object in slot 0
SLOTS = 8
MOST_FACES_BESIDE = 6000  # of what is no object; heavier ones are drawn once more by chance, for speed
DIFFER = 0.3  # of the photos show another thing than their model, in parts, proportions or with something on it


class Truth(NamedTuple):
    """What a scene is made of, to be checked.

    models, images, kinds (D,): of everything that photos show, the pictures' objects first
    views (D, 3, 4): from its model's axes to the camera's
    K (B, 3, 3): of the photo's camera, px; rendering (B, 3, 4): from the object's axes to px of the rendering
    differs (B,): whether the photo's object is not just the model
    """

    models: np.ndarray
    images: np.ndarray
    kinds: np.ndarray
    views: Tensor
    K: Tensor
    rendering: Tensor
    differs: Tensor


class Pairs(NamedTuple):
    """rendering, photo (B, 3, S, S) sRGB 0..1; alpha (B, 1, S, S); all else is to be told: of cells of 4 x 4 px

    place (B, 2, S/4, S/4): px, a point of the rendering; target: where the photo shows it, if nothing hides it
    ok (B, S/4, S/4): whether there is such a point; visible: whether the photo does show it
    masks (B, 2, S/2, S/2): share of the object's visible part, and of all of it; inside (B, 1, S/2, S/2): of a picture
    """

    rendering: Tensor
    photo: Tensor
    alpha: Tensor
    place: Tensor
    target: Tensor
    ok: Tensor
    visible: Tensor
    masks: Tensor
    inside: Tensor
    truth: Truth

    @property
    def flow(self) -> Tensor:
        """(B, 2, S/4, S/4) px, meaningless where not ok."""
        return self.target - self.place

    @property
    def images(self) -> Tensor:
        """(B, 7, S, S), as the aligner takes them."""
        return torch.cat([self.rendering, self.photo, self.alpha], 1)


class _Cast(NamedTuple):
    """models (B, SLOTS), and which of them there are; differs (B,) on the device."""

    models: np.ndarray
    active: np.ndarray
    differs: Tensor


class _Poses(NamedTuple):
    """rendering, photo (B, 3, 4): from the object's axes to the camera's; K of both (B, 3, 3); stretch (B, 3, 3): of
    the photo's object."""

    rendering: Tensor
    photo: Tensor
    K_rendering: Tensor
    K_photo: Tensor
    stretch: Tensor


class _Drawing(NamedTuple):
    """A list of models to draw: draws (D, DRAW_LENGTH), faces of all, projections (D, 12) to px of FINE, views (D, 12)
    and looks (D, LOOK_LENGTH)."""

    draws: Tensor
    faces: int
    projections: Tensor
    views: Tensor
    look: Tensor


class Scenes:
    """Makes pairs of the models to learn from, or of the held-out ones, beside others of the same kind."""

    def __init__(self, pack: MeshPack, held_out: bool = False) -> None:
        self._pack = pack
        self._models = np.flatnonzero(pack.held == held_out)

    def pairs(self, count: int, seed: Sequence[int], ease: float = 0.0) -> Pairs:
        """ease: 0..1, how small the differences of pose are."""
        chance, pack = Chance(self._pack.device, seed), self._pack
        cast = self._cast(chance, count)
        poses = _poses(chance, pack, cast, ease)
        look, look_of_photo = looks_of_object(chance, pack, count, cast.differs)
        rendered = _drawing(pack, np.arange(count), cast.models[:, 0], poses.rendering, poses.K_rendering, look)
        rendering, alpha, buffers = _rendering(chance, pack, rendered, poses)
        images, models, views = _furnished(chance, pack, cast, poses)
        looks = _joined(look_of_photo, looks_of_others(chance, pack, len(images) - count))
        shown = _drawing(pack, images, models, views, poses.K_photo, looks)
        light, seen, shown_buffers = _photo(chance, pack, shown, views, poses, cast)
        photo, inside = developed(chance, light, seen)
        whole = _whole(pack, shown, count, cast)
        seen = seen * inside
        place, target, ok, visible = _cells(pack, rendered, buffers, shown, shown_buffers)
        enough = ((seen.sum((1, 2, 3)) > 0.3 * whole.sum((1, 2, 3))) & (whole.sum((1, 2, 3)) > 60))[:, None, None]
        kinds = np.where(np.arange(len(images)) < count, OBJECT, OTHER)
        projection = poses.K_rendering @ poses.rendering
        truth = Truth(models, images, kinds, views, poses.K_photo, projection, cast.differs)
        halves = (functional.avg_pool2d(mask, 2) for mask in (torch.cat([seen, whole], 1), inside))
        return Pairs(
            rendering, photo, alpha, place, target, ok * enough, visible * _at(inside, target) * enough, *halves, truth
        )

    def _cast(self, chance: Chance, count: int) -> _Cast:
        host, models = chance.host, self._models
        chosen = models[chance.host.integers(len(models), size=(count, SLOTS))]
        beside = chosen[:, 1:]
        heavy = self._pack.faces_of[beside] > MOST_FACES_BESIDE
        beside[heavy] = models[host.integers(len(models), size=int(heavy.sum()))]
        active = np.zeros((count, SLOTS), bool)
        active[:, 0] = True
        differs = host.random(count) < DIFFER
        for slots, share in ((CLUTTER, 0.5), (BEFORE, 0.25), (ADDED, np.where(differs, 0.55, 0.05))):
            most = slots.stop - slots.start
            some = np.where(host.random(count) < share, host.integers(1, most + 1, count), 0)
            active[:, slots] = np.arange(most) < some[:, None]
        return _Cast(chosen, active, chance.put(differs))


def _poses(chance: Chance, pack: MeshPack, cast: _Cast, ease: float) -> _Poses:
    """The photo's pose is a little turned, rolled, nearer or farther; its crop is moved and zoomed a little. Half of
    the crops frame the photo's own object, half that of the rendering, as the product's do."""
    count = len(cast.models)
    outline = pack.outline[chance.put(cast.models[:, 0])]
    R, far = _all_around(chance, count), chance.log_uniform(1.9, 7, count)
    rendering = _at_distance(R, far)
    window = _windows(outline @ R.transpose(1, 2) + rendering[:, None, :, 3])
    small = chance.often(0.3 + 0.35 * ease, count)
    wide = chance.normal(count) * torch.where(small, math.radians(2.5), math.radians(10 - 3 * ease))
    angle, toward = wide.abs().clamp(max=math.radians(24)), chance.uniform(count, high=2 * math.pi)
    roll = chance.normal(count) * math.radians(1) * torch.where(small, 1.3, 5.0 - ease)
    tilt = rotations(torch.stack([angle * toward.cos(), angle * toward.sin(), 0 * angle], 1))
    nearer = torch.exp((chance.normal(count) * torch.where(small, 0.02, 0.07)).clamp(-0.2, 0.2))
    photo = _at_distance(about_z(roll) @ tilt @ R, far * nearer)
    other = (cast.differs & chance.often(0.6, count))[:, None]
    stretch = torch.diag_embed(1 + (chance.normal(count, 3, sigma=0.035) * other).clamp(-0.1, 0.1))
    own = _windows((outline @ stretch) @ photo[:, :, :3].transpose(1, 2) + photo[:, None, :, 3])
    window_of_photo = _moved(chance, torch.where(chance.often(0.5, count)[:, None], own, window), small)
    return _Poses(rendering, photo, _intrinsics(window), _intrinsics(window_of_photo), stretch)


def _all_around(chance: Chance, count: int) -> Tensor:
    """(count, 3, 3): from all around, mostly from a little above, some rolled, half of them mirrored."""
    azimuth = chance.uniform(count, low=-math.pi, high=math.pi)
    one, two = chance.uniform(count), chance.uniform(count)
    low, peak, high = -10.0, 18.0, 75.0  # degrees, of a triangular distribution
    share = (peak - low) / (high - low)
    rising, falling = (one * share).sqrt(), 1 - ((1 - one) * (1 - share)).sqrt()
    above = torch.deg2rad(low + (high - low) * torch.where(one < share, rising, falling))
    elevation = torch.where(chance.often(0.75, count), above, torch.asin((2 * two - 1) * 0.999))
    back = torch.stack([azimuth.cos() * elevation.cos(), azimuth.sin() * elevation.cos(), elevation.sin()], 1)
    right = torch.stack([-azimuth.sin(), azimuth.cos(), 0 * azimuth], 1)
    R = torch.stack([right, torch.linalg.cross(-back, right), -back], 1)
    slight = chance.normal(count, sigma=math.radians(6))
    roll = torch.where(chance.often(0.25, count), chance.uniform(count, low=-math.pi, high=math.pi), slight)
    mirrored = torch.where(chance.often(0.5, count), -1.0, 1.0)[:, None, None]
    return about_z(roll) @ R * mirrored ** constant((1.0, 0.0, 0.0), chance.device)[:, None]


def _at_distance(R: Tensor, far: Tensor) -> Tensor:
    """(B, 3, 4)"""
    return torch.cat([R, torch.stack([0 * far, 0 * far, far], 1)[..., None]], 2)


def _windows(points: Tensor) -> Tensor:
    """(B, 3) left, top, side, on the plane at depth 1, of points (B, P, 3) in the camera's axes: as crops.py frames."""
    flat_points = points[..., :2] / points[..., 2:].clamp(min=0.05)
    low, high = flat_points.amin(1), flat_points.amax(1)
    side = (high - low).amax(1, keepdim=True).clamp(min=1e-3) * (1 + 2 * PADDING)
    return torch.cat([(low + high) / 2 - side * (0.5 + OFFSET), side], 1)


def _moved(chance: Chance, window: Tensor, small: Tensor) -> Tensor:
    count = len(window)
    zoom = torch.exp((chance.normal(count) * torch.where(small, 0.015, 0.05)).clamp(-0.15, 0.15))[:, None]
    shift = (chance.normal(count, 2) * torch.where(small, 2.0, 6.5)[:, None]).clamp(-22, 22) / SIDE
    corner, side = window.split((2, 1), 1)
    return torch.cat([corner + side * (shift + 0.5 - 0.5 * zoom), side * zoom], 1)


def _intrinsics(window: Tensor) -> Tensor:
    """(B, 3, 3) of windows (B, 3), which become SIDE px."""
    x, y, side = window.unbind(1)
    focal, zero = SIDE / side, 0 * side
    K = torch.stack([focal, zero, -x * focal, zero, focal, -y * focal, zero, zero, zero + 1], 1)
    return K.view(-1, 3, 3)


def _drawing(
    pack: MeshPack, images: np.ndarray, models: np.ndarray, views: Tensor, K: Tensor, looks: Looks
) -> _Drawing:
    """Of models (D,) in images (D,), the first ones each image's object; views (D, 3, 4); K (B, 3, 3)."""
    table = np.zeros((len(models), DRAW_LENGTH), np.int32)
    table[:, DRAW["buffer"]] = images[:, None]
    table[:, DRAW["kind"]] = np.where(np.arange(len(models)) < len(K), OBJECT, OTHER)[:, None]
    device = pack.device
    draws, at, of_image = (torch.from_numpy(some).to(device) for some in (table, models, images))
    draws[:, DRAW["face"]], draws[:, DRAW["count"]] = (some[at, None].int() for some in (pack.first_face, pack.faces))
    draws[:, DRAW["seed"]] = looks.seed[:, None].int()
    to_fine = constant((FINE / SIDE, FINE / SIDE, 1.0), device)[:, None]
    projections = (K * to_fine)[of_image] @ views
    faces = int(pack.faces_of[models].sum())
    return _Drawing(draws, faces, flat(projections), flat(views), looks.look.contiguous())


def _joined(one: Looks, other: Looks) -> Looks:
    return Looks(*(torch.cat(both) for both in zip(one, other, strict=True)))


def _rendering(chance: Chance, pack: MeshPack, drawing: _Drawing, poses: _Poses) -> tuple[Tensor, Tensor, Tensor]:
    """sRGB before white, alpha, z-buffers."""
    count = len(poses.rendering)
    buffers = z_buffers(drawing.draws, drawing.faces, drawing.projections, drawing.look, count, FINE, **pack.words)
    light, alpha, _ = _shaded(pack, drawing, buffers, studio(chance, poses.K_rendering), buffers)
    rgb = srgb(light * torch.exp(chance.normal(count, 1, 1, 1, sigma=0.04)))
    return ((rgb * alpha + 1 - alpha) * 255).round() / 255, alpha, buffers


def _furnished(chance: Chance, pack: MeshPack, cast: _Cast, poses: _Poses) -> tuple[np.ndarray, np.ndarray, Tensor]:
    """Images (D,) and models (D,) of everything that the photos show, their objects first, and views (D, 3, 4)."""
    count = len(cast.models)
    number = np.flatnonzero(cast.active.T)
    images, slots = number % count, number // count
    placed = _placed(chance, pack, chance.put(cast.models), poses)
    at = chance.put(images)
    return images, cast.models[images, slots], compose(poses.photo[at], placed[at, chance.put(slots)])


def _placed(chance: Chance, pack: MeshPack, models: Tensor, poses: _Poses) -> Tensor:
    """(B, SLOTS, 3, 4): where everything is in the object's axes. Clutter stands beside and behind it, others hang
    between it and the camera, what is added sits on it."""
    count, beside = len(models), SLOTS - 1
    R, t = poses.photo[:, :, :3], poses.photo[:, :, 3]
    eye = -(R.transpose(1, 2) @ t[..., None])[..., 0]
    low = pack.low[models[:, 0]]
    sizes = chance.uniform(count, 3, low=0.35, high=1.2)
    behind = torch.atan2(eye[:, 1], eye[:, 0])[:, None] + math.pi
    angle = behind + chance.uniform(count, 3, low=-1.9, high=1.9)
    distance = (0.7 + sizes) * chance.uniform(count, 3, low=0.75, high=1.7)
    height = low[:, None] - sizes * pack.low[models[:, CLUTTER]]
    clutter = torch.stack([distance * angle.cos(), distance * angle.sin(), height], 2)
    on = _vertices(chance, pack, models[:, :1].expand(-1, 4))
    ahead = chance.uniform(count, 2, 1, low=0.15, high=0.5)
    before = on[:, :2] * 1.05 + (eye[:, None] - on[:, :2]) * ahead
    sizes_before = chance.log_uniform(0.12, 0.5, count, 2) * (1 - ahead[..., 0])
    sizes = torch.cat([sizes, sizes_before, chance.log_uniform(0.07, 0.35, count, 2)], 1)
    spin = about_z(chance.uniform(count * beside, high=2 * math.pi)).view(count, beside, 3, 3)
    tumbled = chance.tumbled(count * beside).view(count, beside, 3, 3)
    turn = torch.where(chance.often(0.6, count, beside)[..., None, None], spin, tumbled)
    turn[:, :3] = spin[:, :3]
    flattened = torch.ones(count, beside, 3, device=chance.device)
    flattened[:, 5:, 2] = chance.uniform(count, 2, low=0.25, high=1.0)
    placed = torch.zeros(count, SLOTS, 3, 4, device=chance.device)
    placed[:, 0, :, :3] = poses.stretch
    placed[:, 1:, :, :3] = turn * flattened[:, :, None] * sizes[..., None, None]
    placed[:, 1:, :, 3] = torch.cat([clutter, before, on[:, 2:]], 1)
    return placed


def _vertices(chance: Chance, pack: MeshPack, models: Tensor) -> Tensor:
    """(..., 3): one by chance of each of the models (...)."""
    number = (chance.uniform(*models.shape) * pack.corners[models]).long()
    return pack.vertices[pack.first_corner[models] + number]


def _photo(
    chance: Chance, pack: MeshPack, drawing: _Drawing, views: Tensor, poses: _Poses, cast: _Cast
) -> tuple[Tensor, Tensor, Tensor]:
    """Linear light, the share of each pixel that shows the object, z-buffers."""
    count, draws = len(poses.photo), drawing.draws
    look, words = drawing.look, pack.words
    buffers = z_buffers(draws, drawing.faces, drawing.projections, look, count, FINE, **words)
    low = pack.low[chance.put(cast.models[:, 0])]
    image, lamp = room(chance, pack, poses.K_photo, poses.photo, low)
    to_lamp = compose(lamp[draws[:, DRAW["buffer"]].flatten().long()], views)
    shadow = z_buffers(draws, drawing.faces, flat(to_lamp), look, count, SHADOW, **words)
    light, _, seen = _shaded(pack, drawing, buffers, image, shadow)
    return light, seen, buffers


def _shaded(
    pack: MeshPack, drawing: _Drawing, buffers: Tensor, image: Tensor, shadow: Tensor
) -> tuple[Tensor, Tensor, Tensor]:
    """Linear light (B, 3, S, S), shares covered and that show the object (B, 1, S, S)."""
    count, device = len(buffers), pack.device
    rgb = torch.empty(count, 3, SIDE, SIDE, device=device)
    alpha, seen = (torch.empty(count, 1, SIDE, SIDE, device=device) for _ in range(2))
    drawn = {"draws": drawing.draws, "p": drawing.projections, "v": drawing.views, "look": drawing.look}
    buffers_of = {"zbuf": buffers, "side": FINE, "shadow": shadow, "shadow_side": SHADOW, "images": image}
    out = {"rgb": rgb, "alpha": alpha, "seen": seen}
    launch("shade", count * SIDE * SIDE, device, **pack.words, **drawn, **buffers_of, **out)
    return rgb, alpha, seen


def _whole(pack: MeshPack, shown: _Drawing, count: int, cast: _Cast) -> Tensor:
    """(count, 1, S, S): the photos' objects if nothing stood before them."""
    faces = int(pack.faces_of[cast.models[:, 0]].sum())
    draws, projections, look = (some[:count].contiguous() for some in (shown.draws, shown.projections, shown.look))
    alone = z_buffers(draws, faces, projections, solid(look), count, FINE, **pack.words)
    return functional.avg_pool2d((alone != EMPTY).float()[:, None], FINE // SIDE)


def _cells(
    pack: MeshPack, rendered: _Drawing, buffers: Tensor, shown: _Drawing, shown_buffers: Tensor
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """place, target, ok, visible: see Pairs."""
    count, cells, device = len(buffers), SIDE // CELL, pack.device
    place, target = (torch.empty(count, 2, cells, cells, device=device) for _ in range(2))
    ok, visible = (torch.empty(count, cells, cells, device=device) for _ in range(2))
    photo = {"draws": shown.draws, "p": shown.projections, "look": shown.look, "zbuf": shown_buffers, "side": FINE}
    rendering = {"rdraws": rendered.draws, "rp": rendered.projections, "rzbuf": buffers}
    out = {"place": place, "target": target, "ok": ok, "visible": visible}
    launch("cells", count * cells * cells, device, **pack.words, **photo, **rendering, **out)
    return place, target, ok, visible


def _at(mask: Tensor, target: Tensor) -> Tensor:
    """(B, n, n): a mask's values (B, 1, S, S) where targets (B, 2, n, n), px, are; 0 outside."""
    places = target.permute(0, 2, 3, 1) * 2 / SIDE - 1
    return functional.grid_sample(mask, places, mode="nearest", padding_mode="zeros", align_corners=False)[:, 0]
