"""Models that are not there, in large numbers: their descriptors, made of the features of real ones."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from typing import Any

import numpy as np

from benchmark import assets

FILE = assets.CACHE.parent / "library_simulated.npy"
CELLS = 8  # a side of the pooled feature maps
STRETCHED = 0.7, 1.4
LOUDER = 0.15  # deviation of the logarithm of a channel's factor
SEED = 7


def with_simulated(index: Any, count: int) -> Any:
    """The index of a library with so many models, of which those that it lacks are simulated."""
    from photo_pose.inference.library.index import Rows

    views = index.models[0].count
    wanted = count - len(index.models)
    if not FILE.exists():
        temporary = FILE.with_suffix(".part.npy")
        np.save(temporary, np.concatenate(list(simulated(index, wanted))))
        temporary.replace(FILE)
    model = index.models[0]._replace(name="simulated")
    begins = np.concatenate([index.begins, (len(index.models) + np.arange(wanted)) * views])
    pieces = [*index.pieces, Rows(FILE, 0, wanted * views)]
    return index._replace(models=[*index.models, *[model] * wanted], begins=begins, pieces=pieces)


def simulated(index: Any, count: int) -> Iterator[np.ndarray]:
    """Rows of the views of so many models: of each, the left or upper part of a real model's feature maps, stretched,
    beside the rest of another's, with channels louder or fainter."""
    from photo_pose.inference.library.index import rows_of
    from photo_pose.inference.library.records import views_file
    from photo_pose.inference.views.descriptors import described
    from photo_pose.inference.views.retrieval import pooled
    from photo_pose.inference.views.templates import Templates

    random = np.random.default_rng(SEED)

    @cache
    def real(number: int) -> tuple[np.ndarray, np.ndarray]:
        """Its pooled features (V, CELLS, CELLS, C), and the aspects of its views."""
        templates = Templates.load(views_file(index.folder, index.models[number]))
        maps = pooled(templates.features.astype(np.float32)).reshape(len(templates.directions), CELLS, CELLS, -1)
        return maps.astype(np.float16), rows_of(templates)[:, -1:]

    for _ in range(count):
        first, second = (int(one) for one in random.choice(len(index.models), 2, replace=False))
        (maps, aspects), (others, _aspects) = real(first), real(second)
        axis, stretch, cut = int(random.integers(1, 3)), random.uniform(*STRETCHED), int(random.integers(2, CELLS - 1))
        middle = (CELLS - 1) / 2
        cells = np.round((np.arange(CELLS) - middle) / stretch + middle).clip(0, CELLS - 1).astype(int)
        maps = maps.astype(np.float32).take(cells, axis=axis)
        rest = (slice(None),) * axis + (slice(cut, None),)
        maps[rest] = others[rest]
        maps *= np.exp(random.normal(0, LOUDER, maps.shape[-1])).astype(np.float32)
        wider = np.log(stretch) if axis == 2 else -np.log(stretch)
        yield np.concatenate([described(maps), aspects + wider], 1).astype(np.float32)
