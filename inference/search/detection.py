"""Where a known model may be in a photo: small copies of its training views are slid over all of it.

What counts as similar is measured in the photo itself: its own patches whiten the features, and what a copy finds in
one place is compared with what it finds everywhere else, and with what chance alone would find in so many places.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import NamedTuple

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from ..geometry import Box, Camera, roll_matrix, view_sphere
from ..photo.image import Photo, reduced
from ..photo.warping import warp_views
from ..products import product
from ..steps import Steps, shares
from ..views.crops import FIRST_PATCH, GRID, STRIDE, photo_view
from ..views.retrieval import Whitening, unit
from ..views.templates import Templates
from .start_poses import Extract

# By judgement where nothing is said, and not measured by themselves; `python batch.py match` of photos without boxes
# shows what they give together.
SIDES = (896, 448, 224, 112)  # px, longer sides of the reduced photos that are searched
FINER = (1792,)  # the same, where nothing is found in these
LARGEST = 2048  # px, side of the photo: the smallest finds fill half a crop of it
CELLS = (6, 8, 11)  # patches along the longer side of a stencil: with SIDES, half an octave from size to size
FEWEST_CELLS = 4  # of stencils that look for small objects, in the largest picture
QUARTERS = np.radians([0, 90, 180, 270])  # rolls that are searched when any roll is allowed
TURNS = np.radians([-30, 0, 30])  # of closer looks at what was found
ZOOMS = 1.15, 1.4  # of these looks; their largest stencils are 1.1 and 1.3 times a find, which is often too small
PLACES = 4  # that are looked at more closely
PEAKS, CLOSE_PEAKS = 20, 3  # at most, of one size of stencils in one picture
CHANCE = 1.5  # times what the best of as many normal values would reach is expected of the best place in a picture
SAMPLES = 2  # a side of each cell of a stencil
COVERED = 0.3  # part of a cell that the model must cover to count
SAME, RELATED = 0.5, 0.3  # overlaps from which boxes are one, and from which a closer look still shows its find
BLUR = 1.5  # by how much scores of better and worse boxes around one object differ


class Picture(NamedTuple):
    """What view, a rolled camera at the photo camera's place, sees: unit whitened patches (H, W, D) float32."""

    view: Camera
    roll: float
    patches: np.ndarray

    @classmethod
    def of(cls, view: Camera, roll: float, features: np.ndarray, whitening: Whitening) -> Picture:
        """Of a view with features (H, W, C)."""
        return cls(view, roll, unit(whitening(features)).astype(np.float32))

    def box(self, pixels: np.ndarray, camera: Camera) -> Box:
        """Around pixels (P, 2) of this picture, in the photo that camera took."""
        rays = np.c_[pixels, np.ones(len(pixels))] @ np.linalg.inv(self.view.K).T
        return Box.around(camera.project(rays @ self.view.camera_to_world[:3, :3].T + camera.position))


class Stencils(NamedTuple):
    """Small copies of N of a model's views (N,). outlines (N, P, 2) in patches from the middle; kernels
    (cells, N, cells * D) float32, row by row: their products with a picture's patches are mean cosines on the model."""

    views: np.ndarray
    outlines: np.ndarray
    kernels: np.ndarray

    @classmethod
    def of(cls, templates: Templates, whitening: Whitening, cells: int) -> Stencils:
        """Of views about 18 degrees apart, resampled so that the model's longer side has that many cells; none of views
        in which it is too thin to cover a cell."""
        views = np.unique((templates.directions @ view_sphere(2, full=True).T).argmax(0))
        outlines = np.stack([templates.camera(view).project(templates.outline) for view in views])
        low, high = outlines.min(1, keepdims=True), outlines.max(1, keepdims=True)
        middles, sides = (low + high) / 2, (high - low).max(-1, keepdims=True).clip(1)
        offsets = (np.arange(cells * SAMPLES) + 0.5) / (cells * SAMPLES) - 0.5
        at = middles + offsets[:, None] * sides
        coverage = templates.coverage[views].astype(np.float32)[..., None]
        shares = _sampled(coverage, at)
        features = _sampled(templates.features[views].astype(np.float32) * coverage, at) / np.maximum(shares, 1e-3)
        covered = shares > COVERED
        shown = covered.any((1, 2, 3))
        patches = (unit(whitening(features)) * covered)[shown] / covered[shown].sum((1, 2, 3), keepdims=True)
        rows = patches.reshape(len(patches), cells, cells * patches.shape[-1]).swapaxes(0, 1)
        return cls(views[shown], ((outlines - middles) * (cells / sides))[shown], rows.astype(np.float32, order="C"))

    def cosines(self, picture: Picture) -> np.ndarray:
        """(H', W', N) float32 at every place; stencils may stick out by half."""
        cells, count, length = self.kernels.shape
        edge = cells // 2
        patches = np.pad(picture.patches, ((edge, edge), (edge, edge), (0, 0)))
        strips = np.ascontiguousarray(sliding_window_view(patches, cells, 1).swapaxes(-1, -2))  # a stencil wide, 1 high
        height, width = len(strips) - cells + 1, strips.shape[1]
        cosines = np.zeros((height * width, count), np.float32)
        for row, kernels in enumerate(self.kernels):
            cosines += product(strips[row : row + height].reshape(-1, length), kernels.T)
        return cosines.reshape(height, width, count)

    def outline(self, stencil: int, row: int, column: int) -> np.ndarray:
        """(P, 2) px in a picture, of the stencil in that place of its cosines."""
        cells = len(self.kernels)
        middle = np.array([column, row]) + (cells - 1) / 2 - cells // 2
        return FIRST_PATCH + STRIDE * (middle + self.outlines[stencil])


def _sampled(maps: np.ndarray, at: np.ndarray) -> np.ndarray:
    """maps (N, GRID, GRID, C), zero around, in a grid of crop pixels with coordinates at (N, S, 2) along both axes:
    between patches bilinear, and averaged over SAMPLES x SAMPLES pixels: (N, S / SAMPLES, S / SAMPLES, C)."""
    distances = np.abs((at[..., None] - FIRST_PATCH) / STRIDE - np.arange(GRID))  # (N, S, 2, GRID)
    weights = (1 - distances).clip(0).astype(np.float32).reshape(len(at), -1, SAMPLES, 2, GRID).mean(2)
    rows = weights[:, :, 1] @ maps.reshape(len(maps), GRID, -1)
    return weights[:, None, :, 0] @ rows.reshape(len(maps), -1, GRID, maps.shape[-1])


class Found(NamedTuple):
    """A box, px of the photo, where pictures with that roll look like the model in one of its views; score in standard
    deviations."""

    box: Box
    roll: float
    view: int
    score: float


class Search(NamedTuple):
    """Stencils of one size, with means and deviations (N,) of their cosines all over the photo of camera."""

    camera: Camera
    stencils: Stencils
    means: np.ndarray
    deviations: np.ndarray

    @classmethod
    def everywhere(cls, camera: Camera, stencils: Stencils, pictures: Sequence[Picture]) -> tuple[Search, list[Found]]:
        """A search calibrated on pictures of the whole photo, and what it finds in them beyond chance."""
        cosines = [stencils.cosines(picture) for picture in pictures]
        values = np.concatenate([some.reshape(-1, some.shape[-1]) for some in cosines])
        search = cls(camera, stencils, values.mean(0, dtype=float), values.std(0, ddof=1, dtype=float).clip(1e-6))
        found = []
        for picture, some in zip(pictures, cosines, strict=True):
            chance = CHANCE * math.sqrt(2 * math.log(some[..., 0].size))
            found += [one._replace(score=one.score - chance) for one in search.peaks(picture, some, PEAKS)]
        return search, found

    def peaks(self, picture: Picture, cosines: np.ndarray, count: int) -> list[Found]:
        """The best places in a picture, from the cosines (H', W', N) of every stencil everywhere in it."""
        standardised = (cosines - self.means) / self.deviations
        scores, stencil = standardised.max(-1), standardised.argmax(-1)
        around = sliding_window_view(np.pad(scores, 1, constant_values=-np.inf), (3, 3)).max((2, 3))
        rows, columns = np.nonzero(scores == around)
        best = (-scores[rows, columns]).argsort()[:count]
        found = []
        for row, column in zip(rows[best].tolist(), columns[best].tolist(), strict=True):
            number = int(stencil[row, column])
            box = picture.box(self.stencils.outline(number, row, column), self.camera)
            if min(box.width, box.height) > 0:  # a flat model, seen from its side, has none
                found.append(Found(box, picture.roll, int(self.stencils.views[number]), float(scores[row, column])))
        return found


class Overview(NamedTuple):
    """A whole photo, taken by camera, in pictures of several sizes and rolls, and the whitening of its own patches."""

    photo: Photo
    camera: Camera
    extract: Extract
    whitening: Whitening
    pictures: list[Picture]

    @classmethod
    def of(
        cls, photo: Photo, camera: Camera, extract: Extract, any_way: bool = False, sides: Sequence[int] = SIDES
    ) -> Steps[Overview]:
        """It serves to look for any number of models. photo: a smaller copy where it is large."""
        photo = reduced(photo, max(photo.image.size) / LARGEST)
        rolls = QUARTERS if any_way else np.zeros(1)
        views = [(whole_view(camera, roll, side), float(roll)) for roll in rolls for side in sides]
        maps = []
        for (view, _roll), (_began, done) in shares(views):
            maps.append(extract(warp_views(photo, camera, [view]))[0])
            yield done
        whitening = Whitening.of(np.concatenate([features.reshape(-1, features.shape[-1]) for features in maps]))
        pictures = [Picture.of(*view, features, whitening) for view, features in zip(views, maps, strict=True)]
        return cls(photo, camera, extract, whitening, pictures)

    def find(self, templates: Templates) -> Steps[list[list[Found]]]:
        """The places where the photo looks like the model, likeliest first, at most PLACES: of each the closer looks
        that show it, best first."""
        first: list[Found] = []
        largest = max(max(picture.view.size) for picture in self.pictures)
        for cells, (_began, done) in shares((FEWEST_CELLS, *CELLS), 0.0, 0.5):
            stencils = Stencils.of(templates, self.whitening, cells)
            if not len(stencils.views):
                return []
            large = [picture for picture in self.pictures if cells > FEWEST_CELLS or max(picture.view.size) >= largest]
            search, found = Search.everywhere(self.camera, stencils, large)
            first += found
            yield done
        places: list[list[Found]] = []
        for one, (_began, done) in shares(distinct(first), 0.5, 1.0):
            _add(places, self.closer(one, search))
            yield done
        return places

    def closer(self, one: Found, search: Search) -> list[Found]:
        """What closer looks show in the place of a find, best first; the find itself where they show nothing."""
        looks = [(photo_view(self.camera, one.box, one.roll + t, z), one.roll + t) for t in TURNS for z in ZOOMS]
        crops = self.extract(warp_views(self.photo, self.camera, [view for view, _roll in looks]))
        pictures = [Picture.of(*look, features, self.whitening) for look, features in zip(looks, crops, strict=True)]
        near = [f for p in pictures for f in search.peaks(p, search.stencils.cosines(p), CLOSE_PEAKS)]
        related = [other for other in near if box_overlap(other.box, one.box) > RELATED]
        return sorted(related, key=lambda other: -other.score) or [one]


def _add(places: list[list[Found]], looks: list[Found]) -> None:
    """looks, as a place of their own or to the place that they show again."""
    box = mean_box(looks)
    known = next((place for place in places if box_overlap(mean_box(place), box) > RELATED), None)
    if known is None:
        places.append(looks)
    else:
        known[:] = sorted([*known, *looks], key=lambda look: -look.score)


def distinct(found: Iterable[Found]) -> list[Found]:
    """The best ones, at most PLACES, without those whose box is that of a better one."""
    kept: list[Found] = []
    for one in sorted(found, key=lambda one: -one.score):
        if len(kept) == PLACES:
            break
        if all(box_overlap(one.box, other.box) < SAME for other in kept):
            kept.append(one)
    return kept


def mean_box(looks: Sequence[Found]) -> Box:
    """The box of the best look, averaged with all that agree with it."""
    best = looks[0]
    agreeing = [look for look in looks if box_overlap(look.box, best.box) >= SAME]
    weights = np.exp([(look.score - best.score) / BLUR for look in agreeing])
    return Box(*np.average([look.box for look in agreeing], axis=0, weights=weights).tolist())


def box_overlap(a: Box, b: Box) -> float:
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
