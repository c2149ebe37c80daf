"""The aligner: where a photo shows what a rendering shows, after PWC-Net (Sun et al. 2018) and MegaPose's idea of
rendering and comparing (Labbé et al. 2022)."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from PIL import Image

from .architecture import Array, Layers
from .efficientnet import EfficientNetLite0

if TYPE_CHECKING:
    from .loading import Network

UNIT = 8.0  # px of the pictures: flows inside the network are in these
LOG_DEVIATION = (-3.0, 4.0)  # px, natural logarithms; beyond these nothing is learnt
LEVELS = (16, 8, 4)  # px of the pictures between a map's pixels, the coarsest first
REACH = {16: 3, 8: 3, 4: 2}  # pixels of that level's maps around the place where a rendering's is looked for
ROUNDS = 2  # on the finest level, with the same parameters
FLOW_CHANNELS, MASK_CHANNELS = 4, 8  # of what comes out: flow, logarithm of the deviation, visibility; two masks


class Maps(NamedTuple):
    """Of one picture: the trunk's finest map, of stride 2, and those that are compared, by stride."""

    fine: Array
    levels: dict[int, Array]


class Stages(NamedTuple):
    """What the network thinks on its way.

    coarse: flows (2 channels), UNIT, of strides 16 and 8.
    rounds: flow, UNIT, logarithm of its deviation, px, and visibility before the sigmoid (FLOW_CHANNELS), of stride 4.
    masks: before the sigmoid, of stride 4: the object's visible part at 2 x 2 places, and all of it (MASK_CHANNELS).
    """

    coarse: tuple[Array, Array]
    rounds: list[Array]
    masks: Array


class Aligner:
    """Compares a rendering with a photo of nearly the same view, for which both are cut out alike.

    Pairs: rendering before white, photo, the rendering's alpha, as 7 channels; sides are multiples of 16. A trunk
    describes both on several levels. From the coarsest to the finest, each point of the rendering is looked for around
    the place in the photo where the level before has found it; masks are looked for in the photo likewise. Out come
    the last of the rounds, and the masks: cells of stride 4 with 12 channels.
    """

    side = 224  # px, of the pictures it was trained on

    def __init__(self) -> None:
        self.trunk = EfficientNetLite0("trunk.")

    def __call__(self, layers: Layers, images: Array) -> Array:
        stages = self.stages(layers, images)
        return layers.joined([stages.rounds[-1], stages.masks])

    def stages(self, layers: Layers, images: Array) -> Stages:
        """All that is learnt, for `images` as above."""
        *pictures, alpha = layers.split(images, (3, 3, 1))
        described = layers.each(partial(self._described, layers), pictures)
        rendering, photo = (Maps(fine, dict(zip(LEVELS, levels, strict=True))) for fine, *levels in described)
        coarse, rounds = self._flows(layers, rendering, photo, alpha)
        return Stages(coarse, rounds, self._masks(layers, rendering, photo, alpha))

    def _described(self, layers: Layers, image: Array) -> list[Array]:
        """The trunk's finest map, then maps by level, of which finer ones know what coarser ones see."""
        fine, *trunk = self.trunk.maps(layers, image)
        maps, above = [], None
        for level, own in zip(LEVELS, reversed(trunk), strict=True):
            name = f"pyramid.{level}"
            here = layers.convolution(f"{name}.own", own)
            if above is not None:
                here = here + layers.resized(layers.convolution(f"{name}.above", above), here)
            maps.append(layers.convolution(f"{name}.out", here))
            above = here
        return [fine, *maps]

    def _flows(self, layers: Layers, rendering: Maps, photo: Maps, alpha: Array) -> tuple[tuple, list[Array]]:
        """Flows of the coarser levels, and the rounds on the finest."""
        coverage = {level: layers.averaged(alpha, level) for level in LEVELS}
        there = photo.levels[16]
        compared = _compared(layers, 16, rendering.levels[16], there)
        hidden = _chain(layers, "flow.16", layers.joined([*compared, coverage[16]]), (1, 1, 1))
        flows, rounds = [layers.convolution("flow.16.out", hidden)], []
        for level, dilations in ((8, (1, 1, 2)), *[(4, (1, 1, 2, 4))] * ROUNDS):
            here = rendering.levels[level]
            before = layers.detached(layers.resized(flows[-1], here))
            there = layers.warped(photo.levels[level], before * (UNIT / level))
            known = [*_compared(layers, level, here, there), coverage[level], before, layers.resized(hidden, here)]
            hidden = _chain(layers, f"flow.{level}", layers.joined(known), dilations)
            out = layers.convolution(f"flow.{level}.out", hidden)
            if level > LEVELS[-1]:
                flows.append(before + out)
                continue
            change, others = layers.split(out, (2, FLOW_CHANNELS - 2))
            flows.append(before + change)
            rounds.append(layers.joined([flows[-1], others]))
        return (flows[0], flows[1]), rounds

    def _masks(self, layers: Layers, rendering: Maps, photo: Maps, alpha: Array) -> Array:
        compared = _compared(layers, 16, photo.levels[16], rendering.levels[16])
        mask = _chain(layers, "mask.16", layers.joined([*compared, layers.averaged(alpha, 16)]), (1, 1))
        here, there = photo.levels[8], rendering.levels[8]
        known = [layers.resized(mask, here), here, there, layers.averaged(alpha, 8)]
        mask = _chain(layers, "mask.8", layers.joined(known), (1, 1))
        here, there = photo.levels[4], rendering.levels[4]
        fine = layers.convolution("mask.fine", layers.unshuffled(photo.fine))
        edges = layers.unshuffled(layers.averaged(alpha, 2))
        mask = _chain(
            layers, "mask.4", layers.joined([layers.resized(mask, here), fine, here, there, edges]), (1, 1, 1)
        )
        return layers.convolution("mask.out", mask)


def _compared(layers: Layers, level: int, here: Array, there: Array) -> list[Array]:
    return [layers.correlated(here, there, REACH[level]), here, there]


def _chain(layers: Layers, name: str, image: Array, dilations: Sequence[int]) -> Array:
    for number, dilation in enumerate(dilations):
        image = layers.convolution(f"{name}.{number}", image, dilation=dilation, then="relu")
    return image


class Seen(NamedTuple):
    """What the aligner says of a pair of S x S px, in cells of 4 x 4 px or by pixels, float32.

    flow       (S / 4, S / 4, 2): so many px to the right and below of where the rendering shows a point, the photo does
    deviation  (S / 4, S / 4): px; the flow's errors are distributed as exp(-length / deviation), in the mean twice that
    visible    (S / 4, S / 4): 0..1, whether that point is in the photo and not hidden
    seen       (S, S): 0..1, whether the photo shows the object there
    whole      (S, S): 0..1, the same if nothing stood before it and the photo did not end
    Cells that the rendering leaves empty mean nothing.
    """

    flow: np.ndarray
    deviation: np.ndarray
    visible: np.ndarray
    seen: np.ndarray
    whole: np.ndarray


class Pair(NamedTuple):
    """A rendering before white and the crop of a photo, (S, S, 3) uint8 sRGB, and the rendering's alpha (S, S) uint8;
    S is a multiple of 16."""

    rendering: np.ndarray
    photo: np.ndarray
    alpha: np.ndarray


def look(network: Network, rendering: np.ndarray, photo: np.ndarray, alpha: np.ndarray) -> Seen:
    """What the aligner, load_network("aligner"), says of one pair: see Pair."""
    return looks(network, [Pair(rendering, photo, alpha)])[0]


def looks(network: Network, pairs: Sequence[Pair]) -> list[Seen]:
    """The same of several pairs of one size, faster than one after the other."""
    if not pairs:
        return []
    images = np.stack([np.dstack(pair) for pair in pairs])
    return [_seen(cells) for cells in network.run(images)]


def _seen(cells: np.ndarray) -> Seen:
    """cells: (H, W, FLOW_CHANNELS + MASK_CHANNELS), what the network makes of a pair."""
    flow, log_deviation, visible, masks = np.split(cells, (2, 3, FLOW_CHANNELS), -1)
    return Seen(
        flow * np.float32(UNIT),
        np.exp(log_deviation[..., 0].clip(*LOG_DEVIATION)),
        _sigmoid(visible[..., 0]),
        *(_sigmoid(_doubled(mask)) for mask in _masks_of(masks)),
    )


def _masks_of(cells: np.ndarray) -> np.ndarray:
    """(2, 2 H, 2 W): the masks whose 2 x 2 pixels are channels of cells (H, W, MASK_CHANNELS)."""
    height, width, _ = cells.shape
    return cells.reshape(height, width, 2, 2, 2).transpose(2, 0, 3, 1, 4).reshape(2, 2 * height, 2 * width)


def _doubled(mask: np.ndarray) -> np.ndarray:
    """Linearly."""
    height, width = mask.shape
    return np.array(Image.fromarray(mask).resize((2 * width, 2 * height), Image.Resampling.BILINEAR))


def _sigmoid(values: np.ndarray) -> np.ndarray:
    return 1 / (1 + np.exp(-values))
