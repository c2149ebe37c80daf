"""How the paper's systems describe a picture, and which training views of each model are nearest by that; cached."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Iterator, Sequence
from functools import cache
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from benchmark import nsfwjs as nsfwjs
from benchmark import pyramid
from benchmark.paper_pictures import FOLDER, WHITE, Wanted, pictures
from benchmark.protocol import Nearest
from photo_pose.inference.errors import PoseError
from photo_pose.inference.networks.inception import find_weights, last_layer, weights_folder
from photo_pose.inference.networks.loading import feature_network
from photo_pose.inference.networks.registry import identity
from photo_pose.inference.networks.torch_layers import AT_ONCE, TorchLayers, TorchNetwork, TorchRun
from photo_pose.inference.views.retrieval import POOLED

CELLS = POOLED  # a side of every network's map
BATCH = 16  # pictures whose SIFT descriptors are in memory at once
LEARNT, LEARNT_VIEWS = 16, 8  # models whose views make the visual words, and every how manieth of these views

Described = dict[str, np.ndarray]  # by layer (N, D)


class Tests(NamedTuple):
    """T pictures: crops (T, S, S, 3), their models, their true directions (T, 3), their kinds; key names them."""

    crops: np.ndarray
    models: np.ndarray
    directions: np.ndarray
    kinds: np.ndarray
    key: str

    @classmethod
    def of(cls, models: Sequence[str], sets: Sequence[Wanted]) -> Tests:
        taken = [(model, wanted, pictures(wanted, model)) for model in models for wanted in sets]
        return cls(
            np.concatenate([some.crops for _, _, some in taken]),
            np.repeat([model for model, _, _ in taken], [len(some.crops) for _, _, some in taken]),
            np.concatenate([some.directions for _, _, some in taken]),
            np.repeat([wanted.kind for _, wanted, _ in taken], [len(some.crops) for _, _, some in taken]),
            hashlib.sha256(repr((tuple(models), tuple(sets))).encode()).hexdigest()[:10],
        )


class Describer(NamedTuple):
    """A way to compare pictures: crops to descriptions, and two lists of these to distances (T, V) by name."""

    name: str
    describe: Callable[[np.ndarray], Described]
    distances: Callable[[np.ndarray, np.ndarray], dict[str, np.ndarray]]


def nearest_views(describer: Describer, models: Sequence[str], tests: Tests) -> dict[str, Nearest]:
    """The nearest views of every model, by layer and distance, like "inception_v3:6 L2"; from the cache, or made."""
    folder = FOLDER / "nearest" / f"{describer.name.replace(':', '_')}-{tests.key}"
    folder.mkdir(parents=True, exist_ok=True)
    paths = [folder / f"{model.replace('/', '_')}.npz" for model in models]
    missing = [(model, path) for model, path in zip(models, paths, strict=True) if not path.exists()]
    described = describer.describe(tests.crops) if missing else {}
    for number, (model, path) in enumerate(missing, start=1):
        began = time.process_time()
        _keep(_nearest(describer, described, model), path)
        print(f"{describer.name}: {number} of {len(missing)}  {time.process_time() - began:.1f} s  {model}", flush=True)
    tables = [_kept(path) for path in paths]
    return {name: Nearest.joined([table[name] for table in tables]) for name in tables[0]}


def network_describer(name: str) -> Describer:
    """All layers of a network, each as CELLS x CELLS cells, by plain distance as in the paper and by angle."""
    network = feature_network(name, "cpu")
    return Describer(identity(name), lambda crops: layer_maps(network, name.partition(":")[0], crops), _distances)


def available_inception() -> str:
    """inception_v3 with its last layer of the paper's ten that weights are there for."""
    try:
        weights = find_weights(weights_folder())
    except PoseError:
        nsfwjs.fetch()
        weights = find_weights(weights_folder())
    return f"inception_v3:{min(10, last_layer(weights))}"


def layer_maps(network: TorchRun, name: str, crops: np.ndarray) -> Described:
    """By layer, like "inception_v3:1": (N, CELLS * CELLS * C) of crops (N, S, S, 3); as retrieval.pooled has it."""
    described: dict[str, list[Tensor]] = {}
    with torch.inference_mode():
        for some in torch.from_numpy(crops).split(AT_ONCE):
            for number, maps in enumerate(_maps(network, some.permute(0, 3, 1, 2) / 255), start=1):
                cells = functional.adaptive_avg_pool2d(maps, CELLS).permute(0, 2, 3, 1)
                described.setdefault(f"{name}:{number}", []).append(cells.flatten(1))
    return {layer: torch.cat(parts).numpy() for layer, parts in described.items()}


def _maps(network: TorchRun, images: Tensor) -> Iterator[Tensor]:
    """What each of its layers makes of images (N, 3, S, S) in 0..1."""
    if isinstance(network, TorchNetwork):
        return network.architecture.blocks(TorchLayers(dict(network.named_parameters())), images)
    return network.maps(images)


def sift_describer(models: Sequence[str], seed: int) -> Describer:
    """Spatial pyramids of visual words, by histogram intersection."""
    learnt = tuple(models[:LEARNT])
    digest = hashlib.sha256(repr((learnt, seed)).encode()).hexdigest()[:8]

    def describe(crops: np.ndarray) -> Described:
        parts = np.array_split(crops, len(crops) // BATCH + 1)  # descriptors of many pictures take much memory
        found = [pyramid.words(pyramid.descriptors(part), _words(learnt, seed)) for part in parts if len(part)]
        return {"sift": pyramid.histograms(np.concatenate(found))}

    return Describer(f"sift-{digest}", describe, lambda a, b: {"intersection": 1 - pyramid.intersection(a, b)})


@cache
def _words(models: tuple[str, ...], seed: int) -> np.ndarray:
    """The visual words, made from white views; they know nothing of poses."""
    crops = [pictures(Wanted(WHITE), model).crops[::LEARNT_VIEWS] for model in models]
    found = [pyramid.descriptors(some) for some in crops]
    return pyramid.vocabulary(np.concatenate(found).reshape(-1, found[0].shape[-1]), seed)


def _distances(tests: np.ndarray, views: np.ndarray) -> dict[str, np.ndarray]:
    products = tests @ views.T
    squares = [(some**2).sum(1) for some in (tests, views)]
    return {
        "L2": np.sqrt((squares[0][:, None] + squares[1] - 2 * products).clip(0)),
        "cosine": 1 - products / np.sqrt(np.outer(*squares)).clip(1e-12),
    }


def _nearest(describer: Describer, described: Described, model: str) -> dict[str, Nearest]:
    views = describer.describe(pictures(Wanted(WHITE), model).crops)
    found = {}
    for layer, tests in described.items():
        for kind, distances in describer.distances(tests, views.pop(layer)).items():
            found[f"{layer} {kind}"] = Nearest.of(distances)
    return found


def _keep(table: dict[str, Nearest], path: Path) -> None:
    arrays = {
        f"{name}/{field}": getattr(nearest, field) for name, nearest in table.items() for field in Nearest._fields
    }
    temporary = path.with_suffix(".part.npz")
    np.savez(temporary, **arrays)
    temporary.replace(path)


def _kept(path: Path) -> dict[str, Nearest]:
    with np.load(path) as arrays:
        names = {key.rpartition("/")[0] for key in arrays}
        return {name: Nearest(*(arrays[f"{name}/{field}"] for field in Nearest._fields)) for name in sorted(names)}
