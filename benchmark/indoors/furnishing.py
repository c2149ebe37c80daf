"""What stands in a room and hangs on its walls: furniture of the catalogue, shelves with books, framed photos."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

import bpy
import numpy as np
from mathutils import Matrix
from PIL import Image

from benchmark import stage
from benchmark.tabletop.arrangement import Surroundings, cover
from inference.geometry import Camera

from . import building
from .building import Block, Wall

# Of sweethome3d-furniture; the rooms' own models, which are matched, are others.
ALONG_WALLS = (
    *("katorlegaz/full-bookcase", "blendswap-cc-by/wardrobe2", "blendswap-cc-by/tvStand", "scopia/wardrobe1"),
    *("scopia/box_room", "blendswap-cc-0/drawersCabinet", "blendswap-cc-0/wardrobeWithSlidingDoors"),
    *("scopia/fireplace1", "scopia/office_furniture1", "blendswap-cc-by/kitchenLowerCabinet", "scopia/dining_room"),
    *("blendswap-cc-0/largeFridge", "scopia/coffee-table2", "blendswap-cc-by/modernRadiator", "scopia/day_bed_frame"),
)
FREE = (
    *("scopia/chair3", "blendswap-cc-by/chair3", "scopia/coffee_table", "katorlegaz/bench", "scopia/chair"),
    *(
        "katorlegaz/glass-dining-table",
        "blendswap-cc-by/fotel",
        "blendswap-cc-by/childChair",
        "blendswap-cc-by/cafe_set_mota_chair",
    ),
    *("scopia/cardboard-box", "scopia/round-carpet", "blendswap-cc-0/couch2", "blendswap-cc-0/plant", "scopia/vase3"),
    *("katorlegaz/recycling-bin", "scopia/table3", "blendswap-cc-by/green_stool", "scopia/doormat"),
)
TABLES = (
    *("scopia/white_kitchen_table", "scopia/black_table", "scopia/table4", "scopia/desk_table"),
    *("blendswap-cc-by/simpleDesk", "katorlegaz/folding-table", "scopia/round-table", "blendswap-cc-0/oakTable"),
)
ON_TABLES = (
    *("katorlegaz/coffee-mug", "scopia/bowl", "katorlegaz/red-wine-bottle-01", "katorlegaz/dinner-plate", "scopia/cup"),
    *("blendswap-cc-by/book", "katorlegaz/newspaper", "scopia/vase1", "scopia/tray", "blendswap-cc-0/tetrapak"),
    *("katorlegaz/12-oz-glass", "scopia/tablet", "blendswap-cc-by/saltShaker", "scopia/paperTowelHolder"),
)
NAMES = tuple(dict.fromkeys((*ALONG_WALLS, *FREE, *TABLES, *ON_TABLES)))

VIEW = 0.25  # how far beyond the picture, in its widths, walls are still furnished
AWAY = 1e4, 1e4  # cm: where what has no place yet hides nothing

Random = np.random.Generator


class Store(NamedTuple):
    """put: stands a model of the catalogue, by name, turned about the vertical, on a point of the world (3,);
    photos: for frames."""

    put: Callable[[str, float, np.ndarray], bpy.types.Object]
    photos: Sequence[Image.Image]


def openings(length: float, height: float, random: Random) -> list[tuple[float, float, float, float]]:
    """Windows and doors of a wall: from, to, sill, head."""
    found, at = [], random.uniform(20, 120)
    while at < length - 60 and len(found) < 3:
        if random.random() < 0.3:
            wide, sill, head = random.uniform(78, 98), 0.0, random.uniform(198, 212)
        else:
            wide, sill = (
                random.uniform(70, 200),
                float(random.choice([random.uniform(20, 60), random.uniform(75, 105)])),
            )
            head = random.uniform(195, min(235, height - 12))
        if at + wide < length - 15:
            found.append((at, at + wide, sill, head))
        at += wide + random.uniform(40, 250)
    return found


def furnish_wall(
    wall: Wall, taken: tuple[float, float] | None, bare: bool, around: Surroundings, store: Store, random: Random
) -> None:
    """Windows and doors, and, if it is not bare, furniture, shelves, pictures on what is left of the wall; taken: the
    part of it, from and to, before which the model stands."""
    for opening in wall.openings:
        (building.door if opening[2] == 0 else building.window)(wall, opening, random)
    ends = sorted([one[:2] for one in wall.openings] + ([taken] if taken else []))
    edges = [0.0, *(edge for one in ends for edge in one), wall.length]
    for left, right in zip(edges[::2], edges[1::2], strict=True):
        at = left + random.uniform(5, 60)
        while at < right - 30 and not bare:
            kind = random.choice(["piece", "piece", "pictures", "shelf", "none"])
            if not _in_view(around.camera, wall, at):
                at += 50
            elif kind == "piece":
                at = _stand(wall, at, right, around, store, random)
            elif kind == "pictures":
                at = _hang(wall, at, right, store.photos, random)
            elif kind == "shelf":
                at = _shelve(wall, at, right, random)
            at += random.uniform(15, 120)


def _in_view(camera: Camera, wall: Wall, at: float) -> bool:
    """Whether the picture shows about this part of the wall."""
    post = (wall.matrix @ [[at + 60, at + 60], [0, 0], [0, wall.height], [1, 1]])[:3].T
    if (camera.to_camera(post)[:, 2] <= 0).any():
        return False
    across = camera.project(post)[:, 0] / camera.size[0]
    return across.max() > -VIEW and across.min() < 1 + VIEW


def _stand(wall: Wall, at: float, end: float, around: Surroundings, store: Store, random: Random) -> float:
    """Something against the wall, and perhaps a picture above; where the next thing may begin."""
    name = ALONG_WALLS[random.integers(len(ALONG_WALLS))]
    piece = store.put(name, float(np.arctan2(*-wall.matrix[[1, 0], 0])), np.zeros(3))
    points = stage.world_vertices(piece) @ wall.matrix[:3, :3]
    (wide, _, high), low = np.ptp(points, axis=0), points.min(0)
    if at + wide > end or high > wall.height:
        bpy.data.objects.remove(piece)
        return at
    move = wall.matrix[:3, :3] @ (np.array([at, random.uniform(0.5, 4), 0]) - low) + wall.matrix[:3, 3]
    piece.matrix_world = Matrix.Translation(move) @ piece.matrix_world
    bpy.context.view_layer.update()
    around.leave(piece)
    if high < 110 and random.random() < 0.5:
        _hang(wall, at, at + wide, store.photos, random)
    return at + wide


def _hang(wall: Wall, at: float, end: float, photos: Sequence[Image.Image], random: Random) -> float:
    """Some framed photos in a row."""
    middle, gap = random.uniform(145, 175), random.uniform(5, 25)
    frame, bar = stage.random_colour(random, 0.5)[:3], random.uniform(1, 4)
    for _ in range(int(random.integers(1, 4))):
        photo = photos[random.integers(len(photos))]
        wide = random.uniform(25, 110)
        high = wide * photo.height / photo.width
        if at + wide > end or high > 110:
            break
        mat = random.choice([0, random.uniform(2, 8)])
        low, top = middle - high / 2, middle + high / 2
        border = [
            ((at, 0, low), (at + bar, 3, top)),
            ((at + wide - bar, 0, low), (at + wide, 3, top)),
            ((at, 0, low), (at + wide, 3, low + bar)),
            ((at, 0, top - bar), (at + wide, 3, top)),
        ]
        building.blocks(border, wall.matrix, np.array(frame), 0.4)
        building.blocks([((at, 0, low), (at + wide, 1, top))], wall.matrix, np.full(3, 0.9), 0.7)
        edge = bar + mat
        _photo(wall, photo, (at + edge, low + edge), (wide - 2 * edge, high - 2 * edge), random)
        at += wide + gap
    return at


def _photo(wall: Wall, photo: Image.Image, at: tuple[float, float], size: tuple[float, float], random: Random) -> None:
    """On the wall, from at along it and above the floor."""
    bpy.ops.mesh.primitive_plane_add(size=1)
    plane = bpy.context.object
    plane.data.transform(Matrix.Diagonal((*size, 1, 1)))
    turned = wall.matrix @ np.array([[1, 0, 0, 0], [0, 0, -1, 0], [0, 1, 0, 0], [0, 0, 0, 1.0]])
    middle = wall.matrix @ [at[0] + size[0] / 2, 1.2, at[1] + size[1] / 2, 1]
    turned[:3, 3] = middle[:3]
    plane.matrix_world = Matrix(turned)
    cover(plane, photo, size[0], random, turns=(0,))


def _shelve(wall: Wall, at: float, end: float, random: Random) -> float:
    """Boards on the wall, one above the other, with books."""
    wide = random.uniform(50, 140)
    if at + wide > end:
        return at
    deep, paint = random.uniform(18, 30), stage.random_colour(random, 0.6)[:3]
    first, step = random.uniform(105, 125), random.uniform(30, 38)
    for low in first + step * np.arange(random.integers(1, 4)):
        if low + 30 > wall.height:
            break
        building.blocks([((at, 0, low), (at + wide, deep, low + 2.2))], wall.matrix, np.array(paint), 0.5)
        _books(wall, at + random.uniform(0, 0.3) * wide, at + random.uniform(0.5, 1) * wide, low + 2.2, deep, random)
    return at + wide


def _books(wall: Wall, at: float, end: float, low: float, deep: float, random: Random) -> None:
    colours = [np.array(stage.random_colour(random, 0.8)[:3]) for _ in range(5)]
    rows: list[list[Block]] = [[] for _ in colours]
    while at < end:
        thick, high = random.uniform(1.2, 5), random.uniform(16, 28)
        rows[random.integers(len(rows))].append(
            ((at, 1, low), (at + thick, random.uniform(0.6, 0.95) * deep, low + high))
        )
        at += thick + 0.15
    for boxes, colour in zip(rows, colours, strict=True):
        if boxes:
            building.blocks(boxes, wall.matrix, colour, 0.6)


def strew(around: Surroundings, names: Sequence[str], count: int, foot: float, store: Store, random: Random) -> None:
    """Some of these things around the one that is photographed, turned anyhow or as the room stands; foot: height."""
    for _ in range(count):
        turn = random.uniform(0, 2 * np.pi) if random.random() < 0.5 else np.pi / 2 * random.integers(4)
        around.add(store.put(names[random.integers(len(names))], float(turn), np.array([*AWAY, foot])))
