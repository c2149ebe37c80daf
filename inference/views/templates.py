"""Templates: rendered views of a model, with what matching needs to know of each of their patches."""

from __future__ import annotations

import struct
import zipfile
from collections.abc import Callable
from dataclasses import dataclass, fields
from functools import cached_property
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

import numpy as np

from ..geometry import Camera, view_sphere
from .crops import FIRST_PATCH, SIZE, STRIDE

# What reading a file of templates raises that is damaged, or not there
UNREADABLE = OSError, ValueError, KeyError, IndexError, EOFError, struct.error, zipfile.BadZipFile
# By judgement, and not measured by themselves
COVERED = 0.4  # part of a patch that the model must cover to count
FEWEST = 4  # patches that a view of a model shows in the mean, unless that is thin


class Rendering(NamedTuple):
    """A rendered view.

    rgba (H, W, 4) uint8 sRGB with straight alpha; backdrop (H, W, 3) uint8, what lies behind; points (H, W, 3)
    float32 in units of the model's bounding sphere (centre 0, radius 1), meaningless where nothing was hit.
    """

    rgba: np.ndarray
    backdrop: np.ndarray
    points: np.ndarray

    @property
    def rgb(self) -> np.ndarray:
        """(H, W, 3) uint8: the model in front of its backdrop."""
        alpha = self.rgba[..., 3:].astype(np.uint16)
        blend = self.rgba[..., :3] * alpha + self.backdrop * (255 - alpha)
        return ((blend + 127) // 255).astype(np.uint8)


Render = Callable[[Camera], Rendering]  # cameras in the model's unit sphere


class Template(NamedTuple):
    """One view's patches: features (G, G, C), coverage (G, G), points (G, G, 3); see Templates."""

    features: np.ndarray
    coverage: np.ndarray
    points: np.ndarray

    @property
    def covered(self) -> np.ndarray:
        """(G, G) bool: patches that show the model."""
        return self.coverage > COVERED

    @classmethod
    def of(cls, view: Rendering, features: np.ndarray) -> Template:
        """Of a crop's rendering and its features."""
        alpha = view.rgba[..., 3]
        return cls(features, patch_coverage(alpha), patch_points(view.points, alpha))


@dataclass(frozen=True)
class Templates:
    """V views of one model in its unit sphere (centre 0, radius 1, world axes), G x G patches each.

    directions (V, 3) unit; camera_to_world (V, 4, 4) and K (V, 3, 3) of the crops' cameras; features
    (V, G, G, C) float16; coverage (V, G, G) float16, the part of a patch that the model covers; points
    (V, G, G, 3) float32 seen at the patch centres, NaN where there is none; outline (P, 3), the model's
    extreme points.
    """

    directions: np.ndarray
    camera_to_world: np.ndarray
    K: np.ndarray
    features: np.ndarray
    coverage: np.ndarray
    points: np.ndarray
    outline: np.ndarray

    def camera(self, index: int) -> Camera:
        return Camera(self.K[index], self.camera_to_world[index], (SIZE, SIZE))

    def template(self, index: int) -> Template:
        return Template(self.features[index].astype(np.float32), self.coverage[index], self.points[index])

    @cached_property
    def rotations(self) -> np.ndarray:
        """(V, 3, 3) world -> camera."""
        return self.camera_to_world[:, :3, :3].transpose(0, 2, 1)

    @cached_property
    def covered(self) -> np.ndarray:
        """(V, G, G) bool: patches that show the model."""
        return self.coverage > COVERED

    @property
    def thin(self) -> bool:
        """Whether the views hardly show a patch of the model, as those of a wire."""
        return bool(self.covered.sum() < FEWEST * len(self.covered))

    def on_model(self, features: np.ndarray) -> np.ndarray:
        """Those of features (V, G, G, C) that show the model: (N, C); of a thin one those that show most of it."""
        if not self.thin:
            return features[self.covered]
        most = np.argsort(-self.coverage, None)[: FEWEST * len(features)]
        return features[np.unravel_index(most, self.coverage.shape)]

    def with_views(self, more: Templates, places: np.ndarray) -> Templates:
        """Also the views of more of the same model, at those places (M,) of all; its own ones keep their order."""
        own = np.setdiff1d(np.arange(len(self.directions) + len(more.directions)), places)
        order = np.argsort(np.concatenate([own, places]))
        views = [f.name for f in fields(self) if f.name != "outline"]
        joined = {name: np.concatenate([getattr(self, name), getattr(more, name)])[order] for name in views}
        return Templates(**joined, outline=self.outline)

    def save(self, file: BinaryIO, **more: Any) -> None:
        np.savez(file, **{f.name: getattr(self, f.name) for f in fields(self)}, **more)

    @classmethod
    def load(cls, path: Path) -> Templates:
        with np.load(path, allow_pickle=False) as data:
            return cls(**{f.name: data[f.name] for f in fields(cls)})

    @classmethod
    def some_of(cls, path: Path, views: np.ndarray) -> Templates:
        """Those of these views (K,) alone: of the file, little more is read. UNREADABLE where that fails."""
        with zipfile.ZipFile(path) as archive:
            arrays = {f.name: _mapped(path, archive, f.name) for f in fields(cls)}
        return cls(**{name: np.array(array if name == "outline" else array[views]) for name, array in arrays.items()})


def _mapped(path: Path, archive: zipfile.ZipFile, name: str) -> np.memmap:
    """An array of a file that `Templates.save` has written, which packs nothing, mapped into memory."""
    member = archive.getinfo(f"{name}.npy")
    with path.open("rb") as file:
        file.seek(member.header_offset)
        header = file.read(30)  # a local header of the ZIP format, whose last fields are the lengths of what follows
        file.seek(member.header_offset + len(header) + sum(struct.unpack("<HH", header[26:])))
        np.lib.format.read_magic(file)
        shape, _fortran, dtype = np.lib.format.read_array_header_1_0(file)
        return np.memmap(path, dtype, "r", file.tell(), shape)


def extreme_points(vertices: np.ndarray) -> np.ndarray:
    """Those of vertices (N, 3) that lie farthest in some direction (P, 3): enough to know the box in any view."""
    directions = view_sphere(4, full=True)
    farthest = {int(i) for some in np.array_split(directions, 16) for i in (vertices @ some.T).argmax(0)}
    return vertices[sorted(farthest)]


def patch_coverage(alpha: np.ndarray) -> np.ndarray:
    """(S, S) uint8 -> (G, G): mean alpha, 0..1, over a stride-sized cell around every patch centre."""
    shift, grid = int(FIRST_PATCH - STRIDE / 2), len(alpha) // STRIDE
    moved = np.zeros_like(alpha)
    moved[:-shift, :-shift] = alpha[shift:, shift:]
    return moved.reshape(grid, STRIDE, grid, STRIDE).mean((1, 3)) / 255


def patch_points(points: np.ndarray, alpha: np.ndarray) -> np.ndarray:
    """points (S, S, 3), alpha (S, S) -> (G, G, 3): the point at every patch centre, NaN off the model."""
    at = (FIRST_PATCH + STRIDE * np.arange(len(alpha) // STRIDE)).astype(int)
    chosen = points[np.ix_(at, at)].astype(np.float32)
    chosen[alpha[np.ix_(at, at)] < 128] = np.nan
    return chosen
