"""U2-Net-p (Qin et al. 2020): what stands out in a photo."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import NamedTuple

from .architecture import Array, Layers

Filter = Callable[[Array], Array]


class Level(NamedTuple):
    """A small U-Net of so many levels, whose output is added to its own input, perhaps of half its size; dilated ones
    widen their kernels, not the pixels."""

    name: str
    depth: int
    halving: bool = False
    dilated: bool = False

    @property
    def dilations(self) -> list[int]:
        """Of its levels, from the finest to the coarsest; where it is 1, halving makes them coarser."""
        return [2**level for level in range(self.depth)] if self.dilated else [1] * (self.depth - 1) + [2]

    @property
    def convolutions(self) -> Iterator[str]:
        """Their names."""
        yield f"{self.name}.entry"
        yield from (f"{self.name}.down.{number}" for number in range(self.depth))
        yield from (f"{self.name}.up.{number}" for number in range(self.depth - 1))

    def __call__(self, layers: Layers, image: Array) -> Array:
        entered = layers.convolution(f"{self.name}.entry", layers.halved(image) if self.halving else image, then="relu")
        down = [self._filter(layers, "down.0")]
        for number, dilation in enumerate(self.dilations[1:], start=1):
            down.append(self._filter(layers, f"down.{number}", dilation, halving=dilation == 1))
        dilations = [*self.dilations[-2:0:-1], 1]
        up = [self._filter(layers, f"up.{number}", dilation) for number, dilation in enumerate(dilations)]
        return _down_and_up(entered, down, up, layers)[-1] + entered

    def _filter(self, layers: Layers, name: str, dilation: int = 1, halving: bool = False) -> Filter:
        def filtered(image: Array) -> Array:
            image = layers.halved(image) if halving else image
            return layers.convolution(f"{self.name}.{name}", image, dilation=dilation, then="relu")

        return filtered


DOWN = (
    Level("down.0", depth=7),
    *(Level(f"down.{number}", depth, halving=True) for number, depth in enumerate((6, 5, 4), start=1)),
    *(Level(f"down.{number}", depth=4, halving=True, dilated=True) for number in (4, 5)),
)
UP = (
    Level("up.0", depth=4, dilated=True),
    *(Level(f"up.{number}", depth) for number, depth in enumerate((4, 5, 6, 7), start=1)),
)
VOTES = tuple(f"votes.{number}" for number in range(len(UP) + 1))


class U2NetP:
    """U2-Net-p (Qin et al. 2020, trained on DUTS): which pixels belong to what stands out in a picture, as one channel
    of 0..1. Images: less MEAN, by DEVIATION, of their brightest value.

    A U of blocks that are U's themselves. Each level of its upward half votes with a mask of its own, and a
    weighted sum of the six votes decides.
    """

    inputs = 3  # channels
    side = 320  # px, of the pictures it was trained on
    MEAN, DEVIATION = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)

    def __call__(self, layers: Layers, images: Array) -> Array:
        down, up = ([partial(level, layers) for level in levels] for levels in (DOWN, UP))
        maps = _down_and_up(images, down, up, layers)
        votes = [
            layers.resized(layers.convolution(name, image), images)
            for name, image in zip(VOTES, reversed(maps), strict=True)
        ]
        return layers.sigmoid(layers.convolution("fuse", layers.joined(votes)))


def _down_and_up(image: Array, down: Sequence[Filter], up: Sequence[Filter], layers: Layers) -> list[Array]:
    """Results of the coarsest filter down and of all filters up; those see the last result and their own level's."""
    levels = []
    for filtered in down:
        image = filtered(image)
        levels.append(image)
    results = [levels.pop()]
    for filtered in up:
        level = levels.pop()
        results.append(filtered(layers.joined([layers.resized(results[-1], level), level])))
    return results
