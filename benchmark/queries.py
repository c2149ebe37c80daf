"""`python -m benchmark.queries`: takes the benchmark's pictures and writes down what each one shows.

Pictures that are in the cache already are not taken again, so that it may be stopped at any time.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from PIL import Image

from benchmark import assets
from benchmark.recipes import CLUTTER, HALVES, SUBJECTS, Recipe, Subject, recipes
from inference.errors import PoseError
from inference.geometry import Box, Camera

FOLDER = assets.CACHE.parent / "queries"


class Query(NamedTuple):
    """A picture and the truth about it; camera: in the numbers of the .obj file; box: jittered, as a user's is;
    mask and silhouette: PNG, white where the model is seen and where it would be if nothing hid it;
    flags: what is special about it, degrees and millimetres."""

    id: str
    model: str
    half: str
    obj: Path
    photo: Path
    mask: Path
    silhouette: Path
    camera: Camera
    box: Box
    true_box: Box
    flags: dict[str, Any]


class Gallery(NamedTuple):
    """What is photographed, the .obj files by name, also those of what stands around, and where the pictures lie."""

    subjects: dict[str, Subject]
    files: dict[str, Path]
    folder: Path

    def index(self, recipe: Recipe) -> Path:
        return self.folder / f"{recipe.id}.json"


def queries(half: str, limit: int | None = None) -> list[Query]:
    """The queries of a half, "tuning" or "test", or the first ones; PoseError where some are not there yet."""
    return taken(recipes(half)[:limit], half, gallery(), "benchmark.queries")


def taken(chosen: Sequence[Recipe], half: str, gallery: Gallery, module: str) -> list[Query]:
    """What the recipes have become; PoseError, which names the module that takes them, where some are missing."""
    missing = sum(not gallery.index(recipe).exists() for recipe in chosen)
    if missing:
        raise PoseError(f"{missing} of {len(chosen)} pictures are missing: run python -m {module}.")
    return [_read(recipe, half, gallery) for recipe in chosen]


def gallery() -> Gallery:
    """That of the benchmark."""
    return Gallery(SUBJECTS, models(), FOLDER)


@cache
def models() -> dict[str, Path]:
    """The .obj files of all subjects and clutter by name."""
    return assets.models((*SUBJECTS, *CLUTTER), "sweethome3d-furniture benchmark")


backdrops = cache(assets.backdrops)


def _read(recipe: Recipe, half: str, gallery: Gallery) -> Query:
    known = json.loads(gallery.index(recipe).read_text())
    world_to_camera = np.eye(4)
    world_to_camera[:3, :3], world_to_camera[:3, 3] = known["R"], known["t"]
    camera = Camera(np.array(known["K"]), np.linalg.inv(world_to_camera), recipe.size)
    files = (gallery.folder / f"{recipe.id}{end}" for end in (".jpg", "_mask.png", "_silhouette.png"))
    boxes = Box(*known["box"]), Box(*known["true_box"])
    return Query(recipe.id, recipe.model, half, gallery.files[recipe.model], *files, camera, *boxes, known["flags"])


def take(recipe: Recipe, gallery: Gallery, threads: int) -> None:
    """Renders a picture into the gallery's folder, the index entry last; resets Blender's scene."""
    import bpy

    from benchmark import scenery, sensor, stage

    bpy.ops.wm.read_homefile(use_factory_startup=True, use_empty=True)
    random = np.random.default_rng(recipe.seed)
    obj = stage.import_obj(gallery.files[recipe.model])
    obj.pass_index = stage.OBJECT
    points = stage.world_vertices(obj)
    camera = scenery.framed(recipe, points)
    stage.set_up(camera, recipe.lens, recipe.backdrop is not None, threads)
    scenery.furnish(recipe, obj, points, camera, gallery.files, random)
    layers = stage.render_layers(obj)

    backdrop = np.zeros_like(layers.light)
    if recipe.backdrop is not None:
        photos = backdrops()
        backdrop = sensor.linear_backdrop(photos[recipe.backdrop % len(photos)], recipe.size, random)
    picture = sensor.developed(layers.light, layers.alpha, layers.mask, backdrop, recipe.sensor)
    picture.save(gallery.folder / f"{recipe.id}.jpg", quality=recipe.sensor.quality)
    for name in ("mask", "silhouette"):
        Image.fromarray(getattr(layers, name)).save(gallery.folder / f"{recipe.id}_{name}.png")
    known = _known(recipe, camera, np.array(obj.matrix_world), points, layers)
    known["flags"]["category"] = gallery.subjects[recipe.model].category
    gallery.index(recipe).write_text(json.dumps(known, indent=1))


def _known(recipe: Recipe, camera: Camera, to_world: np.ndarray, points: np.ndarray, layers: Any) -> dict[str, Any]:
    """The index entry, but for the model's category."""
    to_camera = camera.world_to_camera @ to_world
    whole = Box.around(camera.project(points))
    true_box = _bounds(layers.silhouette)
    sides = np.array([true_box.width, true_box.height] * 2)
    inside = np.minimum(whole[2:], recipe.size) - np.maximum(whole[:2], 0)
    hidden = 1 - layers.mask.sum() / layers.silhouette.sum()
    flags = {
        "lens": recipe.lens,
        "elevation": float(np.degrees(recipe.elevation)),
        "roll": float(np.degrees(recipe.roll)),
        "backdrop": "hdri" if recipe.backdrop is None else "photo",
        "materials": recipe.new_materials,
        "hidden": float(hidden),
        "cut": float(1 - inside.prod() / (whole.width * whole.height)),
    }
    return {
        "K": camera.K.tolist(),
        "R": to_camera[:3, :3].tolist(),
        "t": to_camera[:3, 3].tolist(),
        "box": list(np.array(true_box) + recipe.jitter * sides),
        "true_box": list(true_box),
        "flags": flags,
    }


def _bounds(shape: np.ndarray) -> Box:
    """Around the true pixels of shape (H, W): of a model that is cut off only what is in the picture counts."""
    rows, columns = shape.nonzero()
    return Box(float(columns.min()), float(rows.min()), float(columns.max() + 1), float(rows.max() + 1))


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--limit", type=int, help="only so many pictures of each half")
    parser.add_argument("--threads", type=int, default=1)
    options = parser.parse_args(arguments)
    take_all([recipe for half in HALVES for recipe in recipes(half)[: options.limit]], gallery(), options.threads)


def take_all(chosen: Sequence[Recipe], gallery: Gallery, threads: int) -> None:
    """Those that are not there yet, in that order."""
    gallery.folder.mkdir(parents=True, exist_ok=True)
    wanted = [recipe for recipe in chosen if not gallery.index(recipe).exists()]
    began = time.perf_counter()
    for number, recipe in enumerate(wanted, start=1):
        take(recipe, gallery, threads)
        each = (time.perf_counter() - began) / number
        left = each * (len(wanted) - number) / 60
        print(f"{number} of {len(wanted)}  {recipe.id}  {each:.1f} s each, {left:.0f} min left", flush=True)
    print(f"All pictures are in {gallery.folder}.")


if __name__ == "__main__":
    try:
        main()
    except PoseError as error:
        sys.exit(str(error))
