"""What stands out in a photo: a map of saliency, and boxes around the objects in it."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image
from PIL.Image import Resampling

from ..geometry import Box
from ..photo.checks import SMALLEST_BOX
from ..photo.image import Photo
from .u2net import U2NetP

if TYPE_CHECKING:
    from .loading import Network

# By judgement, from what U2-Net-p says of such pictures
FAINT = 0.2  # contrast of a mask that shows nothing: evenly grey pictures have 0.002, objects 0.9 and more
WINDOWS = (1.0, 0.6, 0.36, 0.2)  # of the photo's longer side, around a point at which something is looked for
LABELLED_SIDE = 160  # px of the reduced map in which touching pixels are found


def saliency(network: Network, image: Image.Image | np.ndarray) -> np.ndarray:
    """How much each pixel of an image, RGB or (H, W, 3) uint8, stands out: (H, W) float32 in 0..1.

    network: U2-Net-p. The whole range is used, except in pictures where nothing stands out.
    """
    picture = image if isinstance(image, Image.Image) else Image.fromarray(image)
    small = np.array(picture.resize((U2NetP.side, U2NetP.side), Resampling.LANCZOS), np.float32)
    normalised = (small / max(small.max(), 1e-6) - U2NetP.MEAN) / U2NetP.DEVIATION
    mask = network.run(normalised[None].astype(np.float32))[0, ..., 0]
    stretched = (mask - mask.min()) / max(np.ptp(mask), FAINT)
    return np.array(Image.fromarray(stretched).resize(picture.size, Resampling.BILINEAR))


def objects(saliency: np.ndarray, threshold: float = 0.5, smallest: float = 0.002) -> list[Box]:
    """Boxes, px, around the connected parts of a map (H, W) above threshold, best first.

    Large, salient and central is good. Parts with less than the share smallest of all pixels are left out,
    and parts less than about a 160th of the map apart count as one.
    """
    above = saliency > threshold
    rows, columns = above.nonzero()
    numbers = _parts(above)[rows, columns]
    order = np.argsort(numbers, kind="stable")
    ranked = []
    for part in np.split(order, np.flatnonzero(np.diff(numbers[order])) + 1):
        if len(part) > smallest * above.size:
            left, top, right, bottom = Box.around(np.stack([columns[part], rows[part]], 1))
            box = Box(left, top, right + 1, bottom + 1)
            ranked.append((_prior(box, above.shape) * saliency[rows[part], columns[part]].sum(), box))
    return [box for _, box in sorted(ranked, reverse=True)]


def _prior(box: Box, shape: tuple[int, int]) -> float:
    """1 for an object in the centre of a map, 0.6 at its edges, 0.4 in its corners."""
    off_center = 2 * box.center / shape[::-1] - 1
    return math.exp(-(off_center @ off_center) / 2)


def _parts(above: np.ndarray) -> np.ndarray:
    """(H, W) int: the pixels where above is true have the number of the connected part they belong to."""
    factor = math.ceil(max(above.shape) / LABELLED_SIDE)
    height, width = above.shape
    padded = np.pad(above, ((0, -height % factor), (0, -width % factor)))
    blocks = padded.reshape(len(padded) // factor, factor, -1, factor)
    numbers = _connected(blocks.any(axis=(1, 3)))
    return numbers.repeat(factor, 0).repeat(factor, 1)[:height, :width]


def _connected(cells: np.ndarray) -> np.ndarray:
    """(H, W) int: the same number in all true cells that touch, also at corners."""
    outside = cells.size
    numbers = np.where(cells, np.arange(outside).reshape(cells.shape), outside)
    while True:
        windows = np.lib.stride_tricks.sliding_window_view(np.pad(numbers, 1, constant_values=outside), (3, 3))
        lowest = np.where(cells, windows.min((2, 3)), outside)
        if np.array_equal(lowest, numbers):
            return numbers
        # A number names a cell of the same part: its number is lower still, so long parts take few rounds.
        numbers = np.append(lowest, outside)[lowest]


def proposed_boxes(photo: Photo, network: Network) -> list[Box]:
    """Boxes, px of photo.size, around what may be the object, best first; around everything when nothing is.

    Where the photo's transparency shows its object the network is not asked.
    """
    whole = Box(0.0, 0.0, *map(float, photo.size))
    return _boxes_in(photo, network, whole) or [whole]


def object_at(photo: Photo, network: Network, x: float, y: float) -> Box | None:
    """Box, px of photo.size, of what stands out at a point; None where nothing does.

    What does not stand out in all of the photo is looked for in ever narrower windows around the point, until one holds
    all of it.
    """
    for part in WINDOWS:
        window = _window(photo.size, (x, y), part)
        for box in _boxes_in(photo, network, window):
            if box.left <= x <= box.right and box.top <= y <= box.bottom and _is_whole(box, window, photo.size):
                return box
    return None


def _window(size: tuple[int, int], at: tuple[float, float], part: float) -> Box:
    """Around a point, within a photo, with this part of its longer side, or of all of the shorter one."""
    width, height = (min(part * max(size), side) for side in size)
    left, top = (
        min(max(middle - extent / 2, 0.0), side - extent)
        for middle, extent, side in zip(at, (width, height), size, strict=True)
    )
    return Box(left, top, left + width, top + height)


def _is_whole(box: Box, window: Box, size: tuple[int, int]) -> bool:
    """Whether the window does not end within it; where it ends with the photo nothing goes on."""
    ends = zip(box, window, (0, 0, *size), strict=True)
    return all(abs(edge - end) >= 1 or abs(end - last) < 1 for edge, end, last in ends)


def _boxes_in(photo: Photo, network: Network, window: Box) -> list[Box]:
    """Of what stands out in a part of the photo, px of photo.size, best first."""
    scale = min(1.0, U2NetP.side / max(window.width, window.height))
    size = tuple(max(1, round(side * scale)) for side in (window.width, window.height))
    mask = photo.mask
    if mask is None:
        part = photo.image.resize(size, Resampling.LANCZOS, _scaled(window, photo, photo.image.size), 2.0)
        found = saliency(network, part)
    else:
        image = Image.fromarray(mask.astype(np.uint8) * 255)
        found = np.asarray(image.resize(size, Resampling.BOX, _scaled(window, photo, image.size))) / 255
    factors, corner = np.divide((window.width, window.height), size), (window.left, window.top)
    boxes = [
        Box(*(float(v) for v in np.multiply(box, [*factors, *factors]) + [*corner, *corner])) for box in objects(found)
    ]
    return [box for box in boxes if min(box.width, box.height) >= SMALLEST_BOX]


def _scaled(window: Box, photo: Photo, size: tuple[int, int]) -> tuple[float, ...]:
    """A window in px of photo.size in those of a picture of the photo that has this size."""
    across, down = np.divide(size, photo.size)
    return tuple(np.minimum(np.multiply(window, [across, down, across, down]), [*size, *size]).tolist())
