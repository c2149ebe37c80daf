"""Where a known model may be in a photo: small copies of its training views are slid over all of it.

What counts as similar is measured in the photo itself: its own patches whiten the features, and what a copy finds in
one place is compared with what it finds everywhere else.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

import numpy as np
import torch
from PIL.Image import Resampling
from torch import Tensor
from torch.nn import functional

from .crops import FIRST_PATCH, GRID, STRIDE, photo_view
from .geometry import Box, Camera, roll_matrix, view_sphere
from .image import SMALLEST_BOX, Photo, warp_views
from .masks import objects, saliency
from .networks import U2NetP
from .pose import Extract
from .retrieval import Index, Whitening, unit
from .steps import Steps
from .templates import Templates

SIDES = (896, 448, 224, 112)  # px, longer sides of the reduced photos that are searched
CELLS = (6, 8, 11)  # patches along the longer side of a stencil: with SIDES, half an octave from size to size
QUARTERS = np.radians([0, 90, 180, 270])  # rolls that are searched when any roll is allowed
TURNS = np.radians([-30, 0, 30])  # of closer looks at what was found
ZOOMS = 1.15, 1.4  # of these looks; their largest stencils are 1.1 and 1.3 times a find, which is often too small
CLOSER = 5  # finds that are looked at more closely
PEAKS, CLOSE_PEAKS = 20, 3  # at most, of one size of stencils in one picture
SAMPLES = 2  # a side of each cell of a stencil
COVERED = 0.3  # part of a cell that the model must cover to count
SAME, RELATED = 0.5, 0.3  # overlaps from which boxes are one, and from which a closer look still shows its find
BLUR = 1.5  # by how much scores of better and worse boxes around one object differ
DETECTED = 2  # boxes that come before the first of other origin
AROUND = 1.4  # side of the picture in which a rough box becomes a tight one, in longer sides of that box


class Picture(NamedTuple):
    """What view, a rolled camera at the photo camera's place, sees: unit whitened patches (1, D, H, W)."""

    view: Camera
    roll: float
    patches: Tensor

    @classmethod
    def of(cls, view: Camera, roll: float, features: np.ndarray, whitening: Whitening) -> Picture:
        """Of a view with features (H, W, C)."""
        return cls(view, roll, torch.from_numpy(unit(whitening(features))).float().permute(2, 0, 1)[None])

    def box(self, pixels: np.ndarray, camera: Camera) -> Box:
        """Around pixels (P, 2) of this picture, in the photo that camera took."""
        rays = np.c_[pixels, np.ones(len(pixels))] @ np.linalg.inv(self.view.K).T
        return Box.around(camera.project(rays @ self.view.camera_to_world[:3, :3].T + camera.position))


class Stencils(NamedTuple):
    """Small copies of N views. outlines (N, P, 2) in patches from the middle; kernels (N, D, cells, cells), whose
    products with a picture's patches are mean cosines on the model."""

    outlines: np.ndarray
    kernels: Tensor

    @classmethod
    def of(cls, templates: Templates, whitening: Whitening, cells: int) -> Stencils:
        """Of views about 18 degrees apart, resampled so that the model's longer side has that many cells."""
        views = np.unique((templates.directions @ view_sphere(2, full=True).T).argmax(0))
        outlines = np.stack([templates.camera(view).project(templates.outline) for view in views])
        low, high = outlines.min(1, keepdims=True), outlines.max(1, keepdims=True)
        middles, sides = (low + high) / 2, (high - low).max(-1, keepdims=True)
        offsets = (np.arange(cells * SAMPLES) + 0.5) / (cells * SAMPLES) - 0.5
        at = middles[:, None] + np.stack(np.meshgrid(offsets, offsets), -1) * sides[:, None]
        coverage = templates.coverage[views].astype(np.float32)[..., None]
        shares = _sampled(coverage, at)
        features = _sampled(templates.features[views].astype(np.float32) * coverage, at) / np.maximum(shares, 1e-3)
        patches = unit(whitening(features)) * (shares > COVERED)
        patches /= np.maximum((shares > COVERED).sum((1, 2, 3), keepdims=True), 1)
        kernels = torch.from_numpy(patches).float().permute(0, 3, 1, 2).contiguous()
        return cls((outlines - middles) * (cells / sides), kernels)

    def cosines(self, picture: Picture) -> Tensor:
        """(N, H', W') at every place; stencils may stick out by half."""
        return functional.conv2d(picture.patches, self.kernels, padding=self.kernels.shape[-1] // 2)[0]

    def outline(self, stencil: int, row: int, column: int) -> np.ndarray:
        """(P, 2) px in a picture, of the stencil in that place of its cosines."""
        cells = self.kernels.shape[-1]
        middle = np.array([column, row]) + (cells - 1) / 2 - cells // 2
        return FIRST_PATCH + STRIDE * (middle + self.outlines[stencil])


def _sampled(maps: np.ndarray, at: np.ndarray) -> np.ndarray:
    """maps (N, G, G, C) at crop pixels at (N, S, S, 2), averaged over SAMPLES x SAMPLES of them."""
    grid = torch.from_numpy((2 * (at - FIRST_PATCH) / STRIDE + 1) / GRID - 1).float()
    values = functional.grid_sample(torch.from_numpy(maps).permute(0, 3, 1, 2), grid, align_corners=False)
    return functional.avg_pool2d(values, SAMPLES).permute(0, 2, 3, 1).numpy()


class Found(NamedTuple):
    """A box, px of the photo, where pictures with that roll look like the model; score in standard deviations."""

    box: Box
    roll: float
    score: float


class Search(NamedTuple):
    """Stencils of one size, with means and deviations (N, 1, 1) of their cosines all over the photo of camera."""

    camera: Camera
    stencils: Stencils
    means: Tensor
    deviations: Tensor

    @classmethod
    def everywhere(cls, camera: Camera, stencils: Stencils, pictures: Sequence[Picture]) -> tuple[Search, list[Found]]:
        """A search calibrated on pictures of the whole photo, and what it finds in them."""
        cosines = [stencils.cosines(picture) for picture in pictures]
        values = torch.cat([some.flatten(1) for some in cosines], 1)
        deviations = values.std(1)[:, None, None].clamp(min=1e-6)
        search = cls(camera, stencils, values.mean(1)[:, None, None], deviations)
        pairs = zip(pictures, cosines, strict=True)
        return search, [found for picture, some in pairs for found in search.peaks(picture, some, PEAKS)]

    def peaks(self, picture: Picture, cosines: Tensor, count: int) -> list[Found]:
        """The best places in a picture, from the cosines (N, H', W') of every stencil everywhere in it."""
        scores, stencil = ((cosines - self.means) / self.deviations).max(0)
        peak = scores == functional.max_pool2d(scores[None], 3, 1, 1)[0]
        rows, columns = peak.nonzero(as_tuple=True)
        best = scores[rows, columns].argsort(descending=True)[:count]
        found = []
        for row, column in zip(rows[best].tolist(), columns[best].tolist(), strict=True):
            outline = self.stencils.outline(int(stencil[row, column]), row, column)
            found.append(Found(picture.box(outline, self.camera), picture.roll, float(scores[row, column])))
        return found


def detect(
    photo: Photo,
    camera: Camera,
    proposals: Sequence[Box],
    index: Index,
    extract: Extract,
    network: U2NetP,
    any_roll: bool = False,
    count: int = 3,
) -> Steps[list[Box]]:
    """Boxes, px, in which the photo looks like the model, best first, at most count; they may stick out of the photo.

    proposals are boxes of other origin, best first: where they are not found here as well, they follow after
    DETECTED boxes. network makes the boxes tight.
    """
    found = yield from find(photo, camera, index, extract, QUARTERS if any_roll else np.zeros(1))
    found = [one for one in found if min(one.box.width, one.box.height) >= SMALLEST_BOX]
    tight = [one._replace(box=tightened(photo, one.box, network)) for one in found[:DETECTED]]
    boxes = [one.box for one in distinct([*tight, *found[DETECTED:]])]
    others = [box for box in proposals if all(overlap(box, known) < SAME for known in boxes[:count])]
    return [*boxes[:DETECTED], *others[:1], *boxes[DETECTED:], *others[1:]][:count]


def tightened(photo: Photo, box: Box, network: U2NetP) -> Box:
    """The box of what stands out in the surroundings of a rough box, px; the box itself where that lies elsewhere."""
    side = max(box.width, box.height) * AROUND / 2
    low, high = np.maximum(box.center - side, 0), np.minimum(box.center + side, photo.size)
    scale = np.divide(photo.image.size, photo.size)
    window = (*(low * scale), *(high * scale))
    size = (network.side, network.side)
    picture = photo.image.resize(size, Resampling.BILINEAR, window, reducing_gap=2.0)
    corners = [np.reshape(found, (2, 2)) for found in objects(saliency(network, picture))]
    boxes = [Box(*(low + (high - low) * ends / network.side).ravel().tolist()) for ends in corners]
    best = max(boxes, key=lambda found: overlap(found, box), default=box)
    return best if overlap(best, box) >= SAME else box


def find(photo: Photo, camera: Camera, index: Index, extract: Extract, rolls: np.ndarray) -> Steps[list[Found]]:
    """Where the photo, seen with rolls (R,), looks like the model, best first."""
    views = [(whole_view(camera, roll, side), float(roll)) for roll in rolls for side in SIDES]
    maps = []
    for view, _roll in views:
        maps.append(extract(warp_views(photo, camera, [view]))[0])
        yield 0.6 * len(maps) / len(views)
    whitening = Whitening.of(np.concatenate([features.reshape(-1, features.shape[-1]) for features in maps]))
    pictures = [Picture.of(*view, features, whitening) for view, features in zip(views, maps, strict=True)]

    first: list[Found] = []
    for cells in CELLS:
        search, more = Search.everywhere(camera, Stencils.of(index.templates, whitening, cells), pictures)
        first += more
        yield 0.8
    closer = []
    for one in distinct(first):
        views = [(photo_view(camera, one.box, one.roll + t, zoom), one.roll + t) for t in TURNS for zoom in ZOOMS]
        crops = extract(warp_views(photo, camera, [view for view, _roll in views]))
        pictures = [Picture.of(*view, features, whitening) for view, features in zip(views, crops, strict=True)]
        near = [f for p in pictures for f in search.peaks(p, search.stencils.cosines(p), CLOSE_PEAKS)]
        closer.append(combined(one, near))
        yield 0.8 + 0.2 * len(closer) / CLOSER
    return distinct(closer)


def combined(one: Found, near: Iterable[Found]) -> Found:
    """A find with the box of closer looks, the mean of all that agree with the best one; their scores are summed."""
    related = [other for other in near if overlap(other.box, one.box) > RELATED]
    if not related:
        return Found(one.box, one.roll, 2 * one.score)
    best = max(related, key=lambda other: other.score)
    agreeing = [other for other in related if overlap(other.box, best.box) >= SAME]
    weights = np.exp([(other.score - best.score) / BLUR for other in agreeing])
    box = Box(*np.average([other.box for other in agreeing], axis=0, weights=weights).tolist())
    return Found(box, best.roll, one.score + best.score)


def distinct(found: Iterable[Found], count: int = CLOSER) -> list[Found]:
    """The best ones, at most count, without those whose box is that of a better one."""
    kept: list[Found] = []
    for one in sorted(found, key=lambda one: -one.score):
        if len(kept) == count:
            break
        if all(overlap(one.box, other.box) < SAME for other in kept):
            kept.append(one)
    return kept


def overlap(a: Box, b: Box) -> float:
    """Intersection over union of two boxes."""
    width = min(a.right, b.right) - max(a.left, b.left)
    height = min(a.bottom, b.bottom) - max(a.top, b.top)
    shared = max(width, 0.0) * max(height, 0.0)
    return shared / (a.width * a.height + b.width * b.height - shared)


def whole_view(camera: Camera, roll: float, side: int) -> Camera:
    """Camera that sees camera's whole photo, rolled, in a picture whose longer side has about that many px."""
    rolled = Camera(np.eye(3), camera.camera_to_world @ roll_matrix(roll), camera.size)
    width, height = camera.size
    corners = np.array([(x, y, 1.0) for x in (0, width) for y in (0, height)]) @ np.linalg.inv(camera.K).T
    window = Box.around((corners @ roll_matrix(roll)[:3, :3])[:, :2])
    cell = max(window.width, window.height) * STRIDE / side
    columns, rows = (max(1, round(length / cell)) for length in (window.width, window.height))
    return rolled.windowed(window, (columns * STRIDE, rows * STRIDE))
