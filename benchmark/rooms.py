"""`python -m benchmark.rooms`: takes pictures of rooms, in which walls, floor and furniture were seen by one camera.

The other benchmark puts most of its models before photos that another camera took, so that lines of the photo tell
nothing of the lens. Here they do: skirtings, boards, tiles, windows, doors, shelves, pictures on walls. Not all is at
right angles: furniture is turned, some tables are round, some walls slant, some rooms are bare, and some things stand
on a floor without walls. Even numbers are the half "tune", odd ones "test", with models of its own. Pictures that are
there are not taken again.
"""

from __future__ import annotations

import sys
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from PIL import Image

from benchmark import assets, made_up
from inference.errors import PoseError

FOLDER = assets.CACHE.parent / "rooms"
COUNT = 120
HALVES = ("tune", "test")
MODELS, PICTURES = 3, 4  # seeds

SIZES = ((640, 480), (640, 480), (640, 480), (480, 640), (672, 448), (448, 672))
LENSES = (20.0, 100.0)  # mm on 36 mm
SHARE = (0.2, 0.65)  # of the picture's width or height that the model takes
FARTHEST = 650.0  # cm: what is seen by a long lens is seen larger instead
EYE = (105.0, 178.0)  # cm above the floor
ROOMS = ("furnished", "furnished", "furnished", "furnished", "slanting", "bare", "floor")

# Models of sweethome3d-furniture, turn by turn for the halves, which no other benchmark shows; "made" are chairs by
# carpentry
CATALOGUE = {
    "chair": """blendswap-cc-0/plasticChair scopia/chair4 blendswap-cc-0/antiqueChair blendswap-cc-0/thonet
        blendswap-cc-by/chair4 blendswap-cc-by/ella_chair_f blendswap-cc-by/plaidChair scopia/white_kitchen_chair
        scopia/office_chair katorlegaz/cafe-chair""",
    "sofa": """blendswap-cc-0/armchair2 blendswap-cc-0/winchesterSofa blendswap-cc-by/armchair1 blendswap-cc-by/sofa2
        katorlegaz/mid-century-chair scopia/clear_sofa scopia/leather_sofa scopia/armchair""",
    "table": """scopia/table-on-trestles blendswap-cc-0/table blendswap-cc-by/coffeeTable
        blendswap-cc-0/tableWithTablecloth blendswap-cc-by/cafe_set_mota_table scopia/wooden_table_office
        scopia/saloon_table scopia/table-with-leaning-feet""",
    "cabinet": """blendswap-cc-0/bookcase blendswap-cc-by/bookcase blendswap-cc-0/televisionCabinet
        blendswap-cc-by/dresserWithDrawers blendswap-cc-0/verticalShelves katorlegaz/utility-shelving
        scopia/kids_shelves blendswap-cc-by/wardrobe scopia/changing-table blendswap-cc-0/lowerCabinet""",
    "small": """blendswap-cc-by/radio blendswap-cc-0/tableFan blendswap-cc-0/coffeeBrewer scopia/toaster
        scopia/phone scopia/apple_pc blendswap-cc-by/breadBox scopia/small-oven katorlegaz/apple-imac-1998
        scopia/mini_stereo blendswap-cc-by/kitchenScale scopia/inkjet_and_scanner_printer scopia/basic_camera
        blendswap-cc-0/teddyBear""",
    "other": """scopia/step-ladder-wood blendswap-cc-0/fireExtinguisher scopia/baby_high_chair
        scopia/open-cardboard-box""",
}
# What one half has, in the order in which it is photographed
CATEGORIES = (
    *("chair", "table", "small", "sofa", "cabinet", "small", "made", "chair", "small", "cabinet"),
    *("sofa", "small", "table", "chair", "other", "small", "cabinet", "sofa", "made", "table"),
    *("small", "chair", "cabinet", "sofa", "small", "table", "other", "chair", "cabinet", "made"),
)
AT_WALLS = {"sofa": 0.5, "cabinet": 0.85}  # share that stands with its back to a wall


class Entry(NamedTuple):
    """A model of the set: longest: cm; symmetry as the index has it."""

    category: str
    obj: Path
    longest: float
    symmetry: list[dict[str, Any]]


def names(category: str) -> list[str]:
    return CATALOGUE[category].split()


@cache
def catalogue() -> dict[str, Path]:
    """The models' and the other furniture's .obj files by name."""
    from benchmark.indoors import furnishing

    wanted = [name for category in CATALOGUE for name in names(category)]
    return assets.models((*wanted, *furnishing.NAMES), "sweethome3d-furniture rooms")


def models(folder: Path) -> list[Entry]:
    """All models of both halves; writes those into the folder that are not there."""
    return [_model(number, folder / "models") for number in range(len(HALVES) * len(CATEGORIES))]


def _model(number: int, folder: Path) -> Entry:
    from benchmark.tabletop import things

    half, place = number % 2, number // 2
    category = CATEGORIES[place]
    same = CATEGORIES[:place].count(category)
    if category == "made":
        obj = _carpentered(number, folder)
        longest = 100 * float(np.ptp(assets.vertices(obj), axis=0).max())
    else:
        name = names(category)[2 * same + half]
        obj = made_up.copied(catalogue()[name], folder / f"{category}_{number:03d}")
        longest = float(assets.catalogue_size(name).max())
    return Entry(category, obj, longest, things.symmetry(obj))


def _carpentered(number: int, folder: Path) -> Path:
    """A chair made up by chance, metres."""
    import bpy

    from benchmark import carpentry

    obj = folder / f"made_{number:03d}" / f"made_{number:03d}.obj"
    if not obj.exists():
        obj.parent.mkdir(parents=True, exist_ok=True)
        bpy.ops.wm.read_homefile(use_factory_startup=True, use_empty=True)
        carpentry.build(np.random.default_rng([MODELS, number]))
        bpy.ops.wm.obj_export(filepath=str(obj), export_normals=False)
    return obj


def take(number: int, entries: list[Entry], folder: Path, threads: int) -> dict[str, Any]:
    """Renders a picture into the folder; its entry for the index. Resets Blender's scene."""
    import bpy

    from benchmark import sensor, stage
    from benchmark.indoors import interior

    bpy.ops.wm.read_homefile(use_factory_startup=True, use_empty=True)
    random = np.random.default_rng([PICTURES, number])
    entry = entries[_model_of(number)]
    shot, room = _shot(random), ROOMS[random.integers(len(ROOMS))]
    at_wall = room != "floor" and random.random() < AT_WALLS.get(entry.category, 0)
    plan = interior.Plan(room, at_wall, entry.category == "small", float(random.uniform(*EYE)), FARTHEST)
    obj, camera = interior.built(plan, entry.obj, entry.longest, shot, _store(), threads, random)
    layers = stage.render_layers(obj, share=100)
    faults = sensor.Sensor.random(random)
    picture = sensor.developed(layers.light, layers.alpha, layers.mask, np.zeros_like(layers.light), faults)
    name = f"{entry.category}_{number:03d}"
    picture.save(folder / f"photos/{name}.jpg", quality=faults.quality)
    Image.fromarray(layers.mask).save(folder / f"masks/{name}.png")
    return {
        "id": name,
        "set": HALVES[number % 2],
        "category": entry.category,
        "photo": f"photos/{name}.jpg",
        "mesh": str(entry.obj.relative_to(folder)),
        "size": list(camera.size),
        **made_up.truth(camera, np.array(obj.matrix_world), assets.vertices(entry.obj)),
        "mask": f"masks/{name}.png",
        "occluded": False,
        "hidden": round(float(1 - layers.mask.sum() / layers.silhouette.sum()), 3),
        "symmetry": entry.symmetry,
        "stands": "upright",
        "room": room,
        "lens": round(shot.lens, 1),
    }


def _model_of(picture: int) -> int:
    """The number of the model that a picture shows: all others of its half come before it comes again."""
    return 2 * (picture // 2 % len(CATEGORIES)) + picture % 2


def _shot(random: np.random.Generator) -> Any:
    from benchmark.recipes import Frame
    from benchmark.tabletop.arrangement import Shot

    place = tuple(float(share) for share in random.normal(0.5, 0.25, 2).clip(0, 1))
    return Shot(
        size=SIZES[random.integers(len(SIZES))],
        lens=float(np.exp(random.uniform(*np.log(LENSES)))),
        azimuth=float(random.uniform(-np.pi / 4, np.pi / 4)),
        elevation=0.2,
        roll=float(np.radians(random.normal(0, 2))),
        frame=Frame(float(random.uniform(*SHARE)), place, (0.0, 0.0)),
        area=0.0,
    )


def _store() -> Any:
    from benchmark.indoors.furnishing import Store
    from benchmark.indoors.interior import put

    return Store(lambda name, turn, foot: put(name, catalogue()[name], turn, foot), made_up.photos())


def main(arguments: list[str] | None = None) -> None:
    made_up.photograph(arguments, __doc__, COUNT, FOLDER, models, take)


if __name__ == "__main__":
    try:
        main()
    except PoseError as error:
        sys.exit(str(error))
