"""`python -m benchmark.fit_descriptors`: fits the linear map by which thousands of models are searched at once.

It learns from the furniture models of the tuning half: from their training views before backdrops, composed of
features, and from the pictures of them that `python -m benchmark.library_pictures` takes, each beside the view that
looks most like it. Directions in which such pairs differ are suppressed, those in which views differ are kept (a linear
discriminant analysis). Training views are rendered once, into the cache; what was stopped goes on.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import NamedTuple

import numpy as np
from PIL import Image

from benchmark import accuracy, assets, library_pictures, queries
from benchmark.product import import_product
from benchmark.queries import Query
from inference.errors import PoseError
from inference.views.descriptors import DIMENSIONS, WEIGHTS
from inference.views.retrieval import pooled, unit
from inference.views.templates import Templates

SEED = 1
SUBDIVISIONS = 2  # 57 views of each model
BASIS, EXTRA, ROWS = 768, 132, 2  # main directions that are looked at, some more to find them by, from every ROWSth row
EACH = 24  # views of a model that are put before a backdrop
BACKDROPS = 236
SCALES = (1, 2, 3)  # of the upright crops of a picture that are learnt from: those about the box
# Chosen on pictures of half of the tuning half's families, with a map that learnt from the other half
COMPOSED = 3.0  # how much pairs with composed views count for one with a picture
SHRUNK = 0.2  # towards differences that are alike in all directions
POWER = 0.5  # of a direction's variance, by which it is divided
# Of composed views, by judgement: features that spread beyond the model, that change by light; parts that are hidden
SPREAD, GAIN, OFFSET, HIDDEN, MOVED = 0.35, 0.25, 0.3, 0.15, 0.5


class Pair(NamedTuple):
    """Pooled, unit features (N, D) of crops and of the views that they show."""

    crops: np.ndarray
    views: np.ndarray


def fitted(views: np.ndarray, composed: Pair, pictures: Sequence[tuple[np.ndarray, int]]) -> dict[str, np.ndarray]:
    """What descriptors.npz holds. views (M, V, D): pooled, unit features of all models; pictures: the same of a
    picture's crops (C, D), and its model's number."""
    basis = _basis(np.concatenate([views.reshape(-1, views.shape[-1])[::ROWS], *(crops for crops, _model in pictures)]))
    low = views @ basis
    mean = low.mean((0, 1))
    crops = np.stack([crops @ basis for crops, _model in pictures])
    crop_mean = crops.mean((0, 1))
    shown = np.stack(
        [_nearest(one - crop_mean, low[model] - mean) for one, (_c, model) in zip(crops, pictures, strict=True)]
    )
    behind = composed.crops @ basis
    pairs = (behind - behind.mean(0)) - (composed.views @ basis - mean), (crops - crop_mean - shown).reshape(-1, BASIS)
    noise = COMPOSED * _moment(pairs[0]) + _moment(pairs[1])
    noise = (1 - SHRUNK) * noise / np.trace(noise) * BASIS + SHRUNK * np.eye(BASIS)
    values, vectors = np.linalg.eigh(noise)
    whitened = vectors / np.sqrt(values) @ vectors.T
    variances, axes = np.linalg.eigh(whitened @ _moment((low - mean).reshape(-1, BASIS)) @ whitened)
    variances, axes = variances[: -DIMENSIONS - 1 : -1], axes[:, : -DIMENSIONS - 1 : -1]
    axes = basis @ whitened @ (axes / variances ** (POWER / 2))
    return {"axes": axes, "views_mean": basis @ mean, "crops_mean": basis @ crop_mean}


def _basis(rows: np.ndarray) -> np.ndarray:
    """(D, BASIS) orthonormal: the main directions of rows (N, D), by a random sketch of them."""
    random = np.random.default_rng(SEED)
    sketch = rows.T @ (rows @ random.standard_normal((rows.shape[1], BASIS + EXTRA)).astype(np.float32))
    sketch = np.linalg.qr(sketch)[0]
    inside = rows @ sketch
    return (sketch @ np.linalg.eigh(inside.T @ inside)[1][:, : -BASIS - 1 : -1]).astype(np.float32)


def _nearest(crops: np.ndarray, views: np.ndarray) -> np.ndarray:
    """Of each crop (C, D) the view among (V, D) that looks most like it."""
    return views[(unit(crops) @ unit(views).T).argmax(1)]


def _moment(rows: np.ndarray) -> np.ndarray:
    return rows.T.astype(float) @ rows / len(rows)


def composed(features: np.ndarray, coverage: np.ndarray, behind: np.ndarray, random: np.random.Generator) -> Pair:
    """Some of a model's views, features (V, G, G, C) and coverage (V, G, G), before backdrops, (B, G, G, C)."""
    chosen = random.permutation(len(features))[:EACH]
    features, coverage = features[chosen].astype(np.float32), coverage[chosen].astype(np.float32)
    count, grid, _grid, channels = features.shape
    wide = np.pad(coverage, ((0, 0), (1, 1), (1, 1)))
    near = np.max([wide[:, y : y + grid, x : x + grid] for y in range(3) for x in range(3)], axis=0)
    weight = ((1 - SPREAD) * coverage + SPREAD * near)[..., None]
    backdrop = behind[random.integers(len(behind), size=count)]
    shifts = random.integers(grid, size=(count, 2))
    backdrop = np.stack([np.roll(one, shift, (0, 1)) for one, shift in zip(backdrop, shifts, strict=True)])
    strengths = random.random((2, count, 1, 1, 1))
    lit = features * np.exp(GAIN * strengths[0] * random.standard_normal((count, 1, 1, channels)))
    lit += OFFSET * behind.std((0, 1, 2)) * strengths[1] * random.standard_normal((count, 1, 1, channels))
    for hidden in weight[random.random(count) < HIDDEN]:
        row, column, side = *random.integers(grid - 4, size=2), random.integers(3, 6)
        hidden[row : row + side, column : column + side] = 0
    seen = weight * lit + (1 - weight) * backdrop
    for number in np.flatnonzero(random.random(count) < MOVED):
        seen[number] = np.roll(seen[number], random.integers(-1, 2, size=2), (0, 1))
    return Pair(_rows(seen.astype(np.float32)), _rows(features))


def _rows(features: np.ndarray) -> np.ndarray:
    return unit(pooled(features.astype(np.float32)))


def save(arrays: dict[str, np.ndarray], path: Path = WEIGHTS) -> None:
    """The axes as whole numbers of a byte with a scale each."""
    scale = np.abs(arrays["axes"]).max(0) / 127
    bytes_ = np.round(arrays["axes"] / scale).astype(np.int8)
    means = {name: arrays[name].astype(np.float32) for name in ("views_mean", "crops_mean")}
    np.savez_compressed(path, axes=bytes_, scale=scale.astype(np.float32), **means)


def learnt_from() -> list[Query]:
    """Pictures of the tuning half before backdrops that the test half does not have."""
    kept = set(library_pictures.kept_backdrops())
    chosen = zip(library_pictures.recipes("tuning"), library_pictures.pictures("tuning"), strict=True)
    count = len(queries.backdrops())
    return [query for recipe, query in chosen if recipe.backdrop is None or recipe.backdrop % count not in kept]


def backdrops(look: partial) -> np.ndarray:
    """Features (B, G, G, C) of parts of photos that the test half does not have, and of made-up patterns."""
    from photo_pose.inference.networks.augmentation import backgrounds, crops_of
    from photo_pose.inference.views.crops import SIZE

    kept = library_pictures.kept_backdrops()
    photos = [path for number, path in enumerate(assets.backdrops()) if number not in kept]
    parts = [*crops_of(photos, BACKDROPS * 3 // 4, SEED), *backgrounds(None, BACKDROPS // 4, SEED)]
    pictures = np.stack([np.asarray(Image.fromarray(part).resize((SIZE, SIZE))) for part in parts])
    return np.concatenate([look(some) for some in np.array_split(pictures, len(pictures) // 16)])


def crops_of_picture(query: Query, look: partial) -> np.ndarray:
    """Features (C, G, G, C) of its upright crops at SCALES; nobody tells the lens."""
    from photo_pose.inference import matching
    from photo_pose.inference.geometry import Box
    from photo_pose.inference.photo.image import load_photo
    from photo_pose.inference.search.start_poses import PhotoCrops
    from photo_pose.inference.steps import finish

    photo = load_photo(query.photo)
    crops = PhotoCrops(photo, matching.photo_camera(photo), Box(*query.box), np.zeros(1), look)
    return finish(crops.compute(SCALES))


def templates_of(names: Sequence[str], folder: Path) -> list[Templates]:
    """Training views of the models; rendered where the folder has none."""
    import_product()
    import bpy

    from photo_pose.inference.steps import finish
    from photo_pose.inference.views.view_options import ViewOptions
    from photo_pose.operators.models.model_files import import_models
    from photo_pose.operators.pictures import model_targets

    found = []
    for number, name in enumerate(names, 1):
        bpy.ops.wm.read_homefile(use_factory_startup=True, use_empty=True)
        roots = import_models(bpy.context.scene, library_pictures.files()[name])
        options = ViewOptions(subdivisions=SUBDIVISIONS, device="cpu")
        found.append(finish(model_targets.prepare(roots, options, folder))[0].index.templates)
        print(f"{number} of {len(names)}  {name}", flush=True)
    return found


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--views", type=Path, default=accuracy.VIEWS, help="folder of training views")
    options = parser.parse_args(arguments)
    import_product()
    from photo_pose.inference.networks.loading import extract_features, feature_network

    look = partial(extract_features, feature_network(device="cpu"))
    names = [name for name, half in library_pictures.half_of().items() if half == "tuning"]
    behind, random, views, pairs = backdrops(look), np.random.default_rng(SEED), [], []
    for templates in templates_of(names, options.views):
        views.append(_rows(templates.features))
        pairs.append(composed(templates.features, templates.coverage, behind, random))
    pictures = [(_rows(crops_of_picture(query, look)), names.index(query.model)) for query in learnt_from()]
    save(fitted(np.stack(views), Pair(*(np.concatenate(rows) for rows in zip(*pairs, strict=True))), pictures))
    print(f"{WEIGHTS} of {len(names)} models and {len(pictures)} pictures")


if __name__ == "__main__":
    try:
        main()
    except PoseError as error:
        sys.exit(str(error))
