"""`python -m benchmark.made_up`: takes pictures of made-up scenes to tune and calibrate on: groceries, mugs, tools,
toys, electronics and printed parts on tables, furniture seen small.

What is learnt or chosen may look at all of them: no figure is reported on them. Pictures that are there are not taken
again.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import sys
import time
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from PIL import Image

from benchmark import assets
from inference.errors import PoseError
from inference.geometry import Box, Camera

FOLDER = assets.CACHE.parent / "made_up"
COUNT = 240
HALVES = ("fit", "check")  # even and odd numbers; each has models of its own
MODELS, PICTURES = 1, 2  # seeds

# What one half has, in the order in which it is photographed
CATEGORIES = (
    *("box", "can", "tool", "bottle", "toy", "box", "mug", "electronics", "solid", "furniture"),
    *("box", "bottle", "tool", "box", "can", "toy", "box", "solid", "mug", "electronics"),
    *("box", "can", "bottle", "box", "tool", "furniture", "box", "toy", "solid", "bottle"),
    *("box", "can", "tool", "mug", "box", "electronics", "furniture", "toy", "box", "solid"),
    *("bottle", "box", "can", "tool", "box", "mug", "toy", "electronics", "solid", "furniture"),
    *("box", "bottle", "box", "can", "toy", "solid", "mug", "electronics", "tool", "furniture"),
)
# Models of sweethome3d-furniture that no other benchmark shows, and their largest side in centimetres; turn by turn for
# the halves
CATALOGUE = {
    "tool": {
        "blendswap-cc-0/cissors_swap": 14, "katorlegaz/tape-measure": 15, "blendswap-cc-by/kitchenKnife": 26,
        "katorlegaz/stapler": 12, "katorlegaz/flashlight": 15, "katorlegaz/spray-bottle": 30,
        "blendswap-cc-0/textMarker": 10, "scopia/kitchen_tool1": 30, "blendswap-cc-by/tableTennisBat": 25,
        "blendswap-cc-by/espressokettle": 18, "blendswap-cc-by/largePan": 33, "blendswap-cc-by/choppingBoard": 38,
    },
    "toy": {
        "blendswap-cc-0/woodToy": 12, "blendswap-cc-by/rubix2": 6, "blendswap-cc-by/dafTruck": 30,
        "blendswap-cc-0/motorbike": 22, "katorlegaz/concept-sedan-01v2": 20, "blendswap-cc-0/forkLift": 20,
        "blendswap-cc-0/deer": 15, "blendswap-cc-0/chicken": 12, "blendswap-cc-by/horse": 18,
        "blendswap-cc-by/siameseCat": 16, "blendswap-cc-by/rowboat": 20, "blendswap-cc-by/xylophone": 30,
    },
    "electronics": {
        "blendswap-cc-0/headphones": 20, "blendswap-cc-by/mobile": 11, "blendswap-cc-by/mp3Station": 40,
        "blendswap-cc-0/speaker2": 35, "blendswap-cc-by/wirelessOfficePhone3": 17, "blendswap-cc-by/laptop": 34,
        "scopia/dvd": 43, "blendswap-cc-by/surveillanceCamera": 39, "blendswap-cc-by/clock": 7,
        "katorlegaz/MIDI-keyboard": 80,
    },
    "furniture": {
        "blendswap-cc-0/desk": 139, "blendswap-cc-by/kitchenChair": 91, "katorlegaz/dining-chair": 100,
        "blendswap-cc-0/modernArmchair": 87, "blendswap-cc-by/officeTable": 189, "blendswap-cc-0/cupboard": 150,
        "katorlegaz/filing-cabinet": 60, "blendswap-cc-by/chest": 143, "katorlegaz/futon-couch": 196,
        "blendswap-cc-by/bedsideTable": 50,
    },
}  # fmt: skip
STANDING = ("can", "bottle", "mug")  # half of them upright


class Entry(NamedTuple):
    """A model of the set: longest: cm; symmetry as the index has it; flip: printed alike on two sides."""

    category: str
    obj: Path
    longest: float
    symmetry: list[dict[str, Any]]
    flip: bool


def category_of(number: int) -> str:
    """Of a model; even ones are of the first half."""
    return CATEGORIES[number // 2 % len(CATEGORIES)]


def model_of(picture: int) -> int:
    """The number of the model that a picture shows: all others of its half come before it comes again."""
    return 2 * (picture // 2 % len(CATEGORIES)) + picture % 2


@cache
def backdrops() -> list[Path]:
    return assets.backdrops()


@cache
def photos() -> list[Image.Image]:
    photos = [Image.open(path).convert("RGB") for path in backdrops()]
    for photo in photos:
        photo.thumbnail((600, 600))
    return photos


@cache
def _textures() -> list[Image.Image]:
    from benchmark.aligner_pairs.sources import textures

    return textures()


def models(folder: Path) -> list[Entry]:
    """All models of both halves; writes those into the folder that are not there."""
    return [_model(number, folder / "models") for number in range(len(HALVES) * len(CATEGORIES))]


def _model(number: int, folder: Path) -> Entry:
    from benchmark.tabletop import things

    category = category_of(number)
    same = [other for other in range(number % 2, number, 2) if category_of(other) == category]
    place = folder / f"{category}_{number:03d}"
    facts = place / "facts.json"
    if not facts.exists():
        place.mkdir(parents=True, exist_ok=True)
        if category in CATALOGUE:
            obj, longest = _from_catalogue(category, 2 * len(same) + number % 2, place)
            flip = False
        else:
            obj = place / f"{place.name}.obj"
            flip = _make(category, number, len(same), obj)
            longest = float(np.ptp(assets.vertices(obj), axis=0).max())
        known = {"obj": obj.name, "longest": longest, "symmetry": things.symmetry(obj), "flip": flip}
        facts.write_text(json.dumps(known))
    known = json.loads(facts.read_text())
    return Entry(category, place / known["obj"], known["longest"], known["symmetry"], known["flip"])


def _make(category: str, number: int, sort: int, obj: Path) -> bool:
    from benchmark.tabletop import prints, things

    random = np.random.default_rng([MODELS, number])
    brand = 2 * (number // 2 % 9) + number % 2  # some models of a half have the same brand, none of both halves
    return things.make(category, sort, obj, prints.product(brand, random, photos()), random)


def _from_catalogue(category: str, place: int, folder: Path) -> tuple[Path, float]:
    name, longest = list(CATALOGUE[category].items())[place]
    return copied(catalogue()[name], folder), longest


def copied(obj: Path, folder: Path) -> Path:
    """A model of the catalogue with all its files, so that the set's folder is complete."""
    shutil.copytree(obj.parent, folder, dirs_exist_ok=True)
    return folder / obj.name


@cache
def catalogue() -> dict[str, Path]:
    names = [name for some in CATALOGUE.values() for name in some]
    return assets.models(names, "sweethome3d-furniture made up")


def take(number: int, entries: list[Entry], folder: Path, threads: int) -> dict[str, Any]:
    """Renders a picture into the folder; its entry for the index. Resets Blender's scene."""
    import bpy

    from benchmark import scenery, sensor, stage
    from benchmark.tabletop import arrangement

    bpy.ops.wm.read_homefile(use_factory_startup=True, use_empty=True)
    random = np.random.default_rng([PICTURES, number])
    entry = entries[model_of(number)]
    upright = _stands(entry, random)
    obj = arrangement.laid(_placed(entry), upright, random)
    obj.pass_index = stage.OBJECT
    points = stage.world_vertices(obj)
    shot = arrangement.shot(entry.category == "furniture", upright, random)
    camera = arrangement.camera_for(shot, points)
    photo = bool(random.random() < 0.25)
    stage.set_up(camera, shot.lens, photo, threads)
    half = arrangement.surround(points, camera, photo, _textures(), random)
    if entry.category == "solid" and random.random() < 0.5:
        scenery.repaint(obj, random)
    around = arrangement.Surroundings(obj, camera, (np.full(2, -half), np.full(2, half)), random)
    others = _others(entry, entries[number % 2 :: 2], random)
    for place, other in enumerate(others):
        piece = arrangement.laid(_placed(other), _stands(other, random), random)
        if place == 0 and random.random() < 0.45:
            around.hide(piece)
        else:
            around.add(piece)
    layers = stage.render_layers(obj, share=100)  # prints are sharper than furniture

    backdrop, faults = np.zeros_like(layers.light), sensor.Sensor.random(random)
    if photo:
        backdrop = sensor.linear_backdrop(backdrops()[random.integers(len(backdrops()))], shot.size, random)
    picture = sensor.developed(layers.light, layers.alpha, layers.mask, backdrop, faults)
    name = f"{entry.category}_{number:03d}"
    picture.save(folder / f"photos/{name}.jpg", quality=faults.quality)
    Image.fromarray(layers.mask).save(folder / f"masks/{name}.png")
    hidden = 1 - layers.mask.sum() / layers.silhouette.sum()
    return {
        "id": name,
        "set": HALVES[number % 2],
        "category": entry.category,
        "photo": f"photos/{name}.jpg",
        "mesh": str(entry.obj.relative_to(folder)),
        "size": list(shot.size),
        **truth(camera, np.array(obj.matrix_world), assets.vertices(entry.obj)),
        "mask": f"masks/{name}.png",
        "occluded": False,
        "hidden": round(float(hidden), 3),
        "symmetry": entry.symmetry,
        "stands": "upright" if upright else "any",
        "flip": entry.flip,
    }


def truth(camera: Camera, to_world: np.ndarray, vertices: np.ndarray) -> dict[str, Any]:
    """K, R, t and bbox of vertices (N, 3), numbers of the file, that to_world (4, 4) turns, scales and moves.

    x_cam = R x + t, OpenCV axes, pixel centres at integers; the box is of the whole thing.
    """
    to_camera = camera.world_to_camera @ to_world
    to_camera = to_camera[:3] / np.cbrt(np.linalg.det(to_camera[:3, :3]))  # a picture does not tell the size
    K = camera.K.copy()
    K[:2, 2] -= 0.5
    pixels = (vertices @ to_camera[:, :3].T + to_camera[:, 3]) @ K.T
    box = Box.around(pixels[:, :2] / pixels[:, 2:])
    return {
        "bbox": list(map(float, box)),
        "K": K.tolist(),
        "R": to_camera[:, :3].tolist(),
        "t": to_camera[:, 3].tolist(),
    }


def _stands(entry: Entry, random: np.random.Generator) -> bool:
    return entry.category == "furniture" or (entry.category in STANDING and bool(random.random() < 0.5))


def _placed(entry: Entry) -> Any:
    from benchmark.tabletop.arrangement import Model

    return Model(entry.obj, entry.longest)


def _others(entry: Entry, half: list[Entry], random: np.random.Generator) -> list[Entry]:
    """What stands around: furniture around furniture, else half of the same category, half of any small one."""
    furniture = entry.category == "furniture"
    any_kind = [other for other in half if (other.category == "furniture") == furniture and other != entry]
    alike = [other for other in any_kind if other.category == entry.category]
    pools = [alike if random.random() < 0.5 else any_kind for _ in range(random.integers(3, 9))]
    return [pool[random.integers(len(pool))] for pool in pools]


def index(folder: Path) -> list[dict[str, Any]]:
    """What the folder has so far, by number."""
    path = folder / "index.json"
    return json.loads(path.read_text())["samples"] if path.exists() else []


def write_index(folder: Path, samples: list[dict[str, Any]]) -> None:
    """All at once, so that others may read it at any time."""
    scratch = folder / "index.json.new"
    scratch.write_text(json.dumps({"samples": samples}, indent=1))
    os.replace(scratch, folder / "index.json")


def main(arguments: list[str] | None = None) -> None:
    photograph(arguments, __doc__, COUNT, FOLDER, models, take)


def photograph(
    arguments: list[str] | None,
    about: str,
    count: int,
    folder: Path,
    models: Callable[[Path], list],
    take: Callable[[int, list, Path, int], dict[str, Any]],
) -> None:
    """The command of a set: takes those of its pictures that are not there yet."""
    parser = argparse.ArgumentParser(description=about)
    parser.add_argument("--count", type=int, default=count, help="pictures of both halves together")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--folder", type=Path, default=folder)
    options = parser.parse_args(arguments)
    for name in ("photos", "masks"):
        (options.folder / name).mkdir(parents=True, exist_ok=True)
    entries, samples = models(options.folder), index(options.folder)
    there = {int(sample["id"].rpartition("_")[2]) for sample in samples}
    began = time.perf_counter()
    for done, number in enumerate(sorted(set(range(options.count)) - there), start=1):
        samples.append(take(number, entries, options.folder, options.threads))
        write_index(options.folder, samples)
        each = (time.perf_counter() - began) / done
        print(f"{number}  {samples[-1]['id']}  {each:.1f} s each", flush=True)
    print(f"All pictures are in {options.folder}.")


if __name__ == "__main__":
    try:
        main()
    except PoseError as error:
        sys.exit(str(error))
