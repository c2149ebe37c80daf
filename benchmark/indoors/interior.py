"""A furnished room in Blender around a model, as somebody sees it who stands or sits in it."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import bpy
import numpy as np
from mathutils import Matrix

from benchmark import assets, scenery, stage
from benchmark.tabletop.arrangement import Bounds, Shot, Surroundings, footprint
from inference.geometry import Camera, roll_of

from . import building, furnishing
from .furnishing import Store

STEEPEST = 0.85  # sine of the view's elevation
BACK = 2  # number of the wall that the camera looks at, behind the model

Random = np.random.Generator


class Plan(NamedTuple):
    """room: "furnished", "slanting", "bare" or "floor"; at_wall: the model's back is to one; on_table: it stands on
    one; eye: height of the camera, farthest: its distance, centimetres."""

    room: str
    at_wall: bool
    on_table: bool
    eye: float
    farthest: float


def built(
    plan: Plan, model: Path, longest: float, shot: Shot, store: Store, threads: int, random: Random
) -> tuple[bpy.types.Object, Camera]:
    """The model in its room, and the camera; the scene is ready to be rendered. longest: its largest side, cm."""
    obj = stage.import_obj(model)
    obj.pass_index = stage.OBJECT
    scale = longest / np.ptp(stage.world_vertices(obj), axis=0).max()
    turn = 0.0 if plan.at_wall else _turn(random)
    foot, table = np.zeros(3), None
    if plan.on_table:
        table = store.put(furnishing.TABLES[random.integers(len(furnishing.TABLES))], _turn(random), foot)
        half = np.ptp(stage.world_vertices(table), axis=0) / 2
        foot = np.array([*(half[:2] * random.uniform(-0.4, 0.4, 2)), 2 * half[2]])
    stage.place(obj, scale, turn, foot)
    camera = seen(shot, plan, stage.world_vertices(obj))
    stage.set_up(camera, shot.lens, False, threads)
    bounds = _bounds(plan, [obj, table or obj], camera, random)
    around = Surroundings(obj, camera, bounds, random)
    if table:
        around.take(table)
    height = max(random.uniform(235, 320), camera.position[2] + 25)
    building.light(np.mean(bounds, axis=0), height, random)
    _enclose(plan, obj, bounds, height, around, store, random)
    if plan.room != "bare":
        furnishing.strew(around, furnishing.FREE, int(random.integers(1, 6)), 0.0, store, random)
    if table:
        on = Surroundings(obj, camera, footprint(table), random)
        furnishing.strew(on, furnishing.ON_TABLES, int(random.integers(2, 6)), foot[2], store, random)
    return obj, camera


def _turn(random: Random) -> float:
    """As the room stands, about, or any."""
    if random.random() < 0.55:
        return float(np.pi / 2 * random.integers(4) + random.normal(0, 0.03))
    return float(random.uniform(0, 2 * np.pi))


def seen(shot: Shot, plan: Plan, points: np.ndarray) -> Camera:
    """The camera at the plan's height that sees points (N, 3) as the shot wants it, larger where it would be too far
    away; the shot's roll is the horizon's, wherever the points are in the picture."""
    middle, roll = (points.min(0) + points.max(0)) / 2, shot.roll
    for _ in range(6):
        camera = scenery.framed(shot, points)
        distance = float(np.linalg.norm(camera.position - middle))
        rise = np.clip((plan.eye - middle[2]) / distance, -STEEPEST, STEEPEST)
        extent = min(shot.frame.extent * max(1.0, distance / plan.farthest), 0.85)
        shot = shot._replace(
            elevation=float(np.arcsin(rise)),
            roll=shot.roll + roll - roll_of(camera.camera_to_world),
            frame=shot.frame._replace(extent=extent),
        )
    return scenery.framed(shot, points)


def _bounds(plan: Plan, objs: list[bpy.types.Object], camera: Camera, random: Random) -> Bounds:
    """Of a room around these things and the camera, who looks along Y, about."""
    footprints = [footprint(obj) for obj in objs]
    low = np.min([low for low, _ in footprints], axis=0)
    high = np.max([high for _, high in footprints], axis=0)
    eye = camera.position[:2]
    beside, beyond = random.uniform(25, 280, 2), random.uniform(30, 130, 3)
    left = min(low[0] - beside[0], eye[0] - beyond[0])
    right = max(high[0] + beside[1], eye[0] + beyond[1])
    far = high[1] + (random.uniform(1, 5) if plan.at_wall else random.uniform(25, 280))
    return np.array([left, min(low[1] - 30, eye[1] - beyond[2])]), np.array([right, max(far, eye[1] + 30)])


def _enclose(
    plan: Plan, obj: bpy.types.Object, bounds: Bounds, height: float, around: Surroundings, store: Store, random: Random
) -> None:
    """Floor, and perhaps walls with what is on and before them."""
    if plan.room == "floor":
        building.floor(
            building.corners((-np.full(2, building.OUTSIDE), np.full(2, building.OUTSIDE)), 0, random), random
        )
        return
    skew = random.uniform(60, 220) if plan.room == "slanting" else 0.0
    points = building.corners(bounds, skew, random)
    sides = np.linalg.norm(np.roll(points, -1, axis=0) - points, axis=1)
    chance = 0.25 if plan.room == "bare" else 0.65
    openings = [
        furnishing.openings(side, height, random) if number and random.random() < chance else []
        for number, side in enumerate(sides)
    ]
    building.floor(points, random)
    walls = building.walls(points, height, openings, around.camera.position[:2], random)
    boards = random.random() < 0.8
    for number, wall in enumerate(walls):
        if boards:
            building.skirting(wall, random)
        low, high = footprint(obj)
        taken = (bounds[1][0] - high[0], bounds[1][0] - low[0]) if plan.at_wall and number == BACK else None
        furnishing.furnish_wall(wall, taken, plan.room == "bare" or number == 0, around, store, random)


def put(name: str, obj: Path, turn: float, foot: np.ndarray) -> bpy.types.Object:
    """A model of the catalogue in the scene, as large as it is there, turned and standing on foot (3,)."""
    piece = stage.import_obj(obj)
    upright = np.eye(4)
    upright[:3, :3] = assets.catalogue_rotation(name)
    piece.matrix_world = piece.matrix_world @ Matrix(upright)
    bpy.context.view_layer.update()
    size = np.ptp(stage.world_vertices(piece), axis=0).max()
    stage.place(piece, assets.catalogue_size(name).max() / size, turn, foot)
    return piece
