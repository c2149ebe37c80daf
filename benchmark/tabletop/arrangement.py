"""A thing on a table or a floor in Blender: camera, light, what is below, behind, around and in front of it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import bpy
import numpy as np
from mathutils import Matrix
from PIL import Image

from benchmark import scenery, stage
from benchmark.recipes import HDRIS, Frame
from inference.geometry import Box, Camera

from .resting import about_z, resting

SIZES = ((640, 480), (640, 480), (640, 480), (640, 480), (480, 640))
SMALL, SMALLEST, LARGEST = 0.08, 0.03, 0.6  # shares of the picture; a third of the boxes are below the first
HIDDEN = (0.1, 0.45)  # share of the thing behind something, where it is to be hidden
BARELY = 0.04  # what may be hidden else
TURNED = 0.15  # of the pictures of things that lie: by 90 or 180 degrees
LARGEST_FLOOR = 60  # radii, half a side

Random = np.random.Generator
Bounds = tuple[np.ndarray, np.ndarray]  # lowest and highest X and Y


class Shot(NamedTuple):
    """How a picture is taken, as scenery.framed() wants it; area: share of the picture that the box covers."""

    size: tuple[int, int]
    lens: float
    azimuth: float
    elevation: float
    roll: float
    frame: Frame
    area: float


class Model(NamedTuple):
    """A model to place: its .obj file, and its largest side in centimetres."""

    obj: Path
    longest: float


def shot(furniture: bool, upright: bool, random: Random) -> Shot:
    small = random.random() < 1 / 3
    area = np.exp(random.uniform(*np.log([SMALLEST, SMALL] if small else [SMALL, LARGEST])))
    elevation = random.triangular(2, 12, 45) if furniture else random.triangular(8, 32, 80)
    roll = random.normal(0, 3) if upright else random.uniform(-20, 20)
    if not upright and random.random() < TURNED:
        roll += random.choice([90, 180, 270])
    return Shot(
        size=SIZES[random.integers(len(SIZES))],
        lens=float(np.exp(random.uniform(np.log(24), np.log(65)))),
        azimuth=random.uniform(-np.pi, np.pi),
        elevation=np.radians(elevation),
        roll=np.radians(roll),
        frame=Frame(0.5, tuple(random.normal(0.5, 0.25, 2).clip(0, 1)), (0.0, 0.0)),
        area=float(area),
    )


def camera_for(shot: Shot, points: np.ndarray) -> Camera:
    """The camera whose picture's area is covered by the box around points (N, 3) as the shot wants it, as far as
    there is room."""
    for _ in range(6):
        camera = scenery.framed(shot, points)
        box = Box.around(camera.project(points))
        share = box.width * box.height / np.prod(shot.size)
        extent = min(shot.frame.extent * np.sqrt(shot.area / share), 0.93)
        shot = shot._replace(frame=shot.frame._replace(extent=float(extent)))
    return scenery.framed(shot, points)


def laid(model: Model, upright: bool, random: Random) -> bpy.types.Object:
    """The model in the scene, on the floor at the origin, standing or resting on any side."""
    obj = stage.import_obj(model.obj)
    points = stage.world_vertices(obj)
    scale = model.longest / np.ptp(points, axis=0).max()
    turn = about_z(random.uniform(0, 2 * np.pi)) if upright else resting(points, random)
    points = scale * points @ turn.T
    low, high = points.min(0), points.max(0)
    move = np.eye(4)
    move[:3, :3] = scale * turn
    move[:3, 3] = -np.array([*(low + high)[:2] / 2, low[2]])
    obj.matrix_world = Matrix(move) @ obj.matrix_world
    bpy.context.view_layer.update()
    return obj


def surround(points: np.ndarray, camera: Camera, photo: bool, textures: Sequence[Image.Image], random: Random) -> float:
    """Light, a floor or a table, and perhaps a wall behind. Half the side of the floor, whose middle is the origin.

    points (N, 3): the thing's, in the world; photo: a photo is the backdrop.
    """
    radius = float(np.linalg.norm(np.ptp(points, axis=0)) / 2)
    stage.light(
        HDRIS[random.integers(len(HDRIS))],
        random.uniform(0, 2 * np.pi),
        random.uniform(1, 4) if random.random() < scenery.SUNNY else 0.0,
        random.uniform(0.5, 1.3),
    )
    stage.add_floor(np.zeros(3), radius, False, random)
    floor, half = bpy.data.objects[stage.FLOOR], LARGEST_FLOOR * radius
    distance = np.linalg.norm(camera.position)
    if photo or random.random() < 0.35:
        half = random.uniform(0.5, 1.5) * distance + 2 * radius
        floor.scale = [half / (LARGEST_FLOOR * radius)] * 3
    kind = random.random()
    if kind < 0.5:
        cover(floor, textures[random.integers(len(textures))], random.uniform(0.7, 2.5) * distance, random)
    elif kind < 0.65:
        cover(floor, _checked(random), random.uniform(0.1, 0.5) * distance, random)
    if not photo and random.random() < 0.6:
        _add_wall(camera, random.uniform(0.4, 1.5) * distance + 2 * radius, textures, random)
    return half


def _add_wall(camera: Camera, away: float, textures: Sequence[Image.Image], random: Random) -> None:
    """So far behind the origin as the camera sees it."""
    behind = -camera.position * [1, 1, 0]
    behind /= np.linalg.norm(behind)
    length = 40 * away
    bpy.ops.mesh.primitive_plane_add(size=length, location=away * behind)
    wall = bpy.context.object
    turn = np.arctan2(behind[1], behind[0]) + random.uniform(-0.5, 0.5)
    wall.rotation_euler = (np.pi / 2, 0, turn - np.pi / 2)
    material = new_material(wall)
    shader = material.node_tree.nodes["Principled BSDF"]
    shader.inputs["Base Color"].default_value = stage.random_colour(random, saturation=0.4)
    shader.inputs["Roughness"].default_value = 0.8
    if random.random() < 0.4:
        cover(wall, textures[random.integers(len(textures))], random.uniform(0.7, 2) * away, random)


def new_material(obj: bpy.types.Object) -> bpy.types.Material:
    """The only one of the object from now on."""
    material = bpy.data.materials.new(obj.name)
    material.use_nodes = True
    obj.data.materials.clear()
    obj.data.materials.append(material)
    return material


def cover(
    plane: bpy.types.Object,
    picture: Image.Image,
    period: float,
    random: Random,
    turns: Sequence[float] = (0, np.pi / 2),
) -> None:
    """Repeats the picture, so wide in the world, over what lies in its own X and Y, turned by chance."""
    bpy.context.view_layer.update()
    tree = new_material(plane).node_tree
    where, scaled = tree.nodes.new("ShaderNodeTexCoord"), tree.nodes.new("ShaderNodeMapping")
    image, shader = tree.nodes.new("ShaderNodeTexImage"), tree.nodes["Principled BSDF"]
    image.image = _blender_image(picture)
    scaled.inputs["Scale"].default_value = [
        plane.scale.x / period,
        plane.scale.x / period * picture.width / picture.height,
        1,
    ]
    scaled.inputs["Rotation"].default_value[2] = random.choice(turns)
    tree.links.new(where.outputs["Object"], scaled.inputs["Vector"])
    tree.links.new(scaled.outputs["Vector"], image.inputs["Vector"])
    tree.links.new(image.outputs["Color"], shader.inputs["Base Color"])
    shader.inputs["Roughness"].default_value = random.uniform(0.3, 0.9)


def _blender_image(picture: Image.Image) -> bpy.types.Image:
    image = bpy.data.images.new("cover", *picture.size)
    pixels = np.asarray(picture.convert("RGBA"), np.float32)[::-1] / 255
    image.pixels.foreach_set(pixels.ravel())
    image.pack()
    return image


def _checked(random: Random) -> Image.Image:
    """A cloth's stripes across stripes."""
    colours = np.array([stage.random_colour(random, saturation=0.7)[:3] for _ in range(2)]) ** (1 / 2.2)
    stripes = np.repeat(random.random(random.integers(2, 6)), random.integers(4, 12))
    share = (stripes[:, None] + stripes * (random.random() < 0.7)) / 2
    weave = colours[0] + share[..., None] * (colours[1] - colours[0]) + random.normal(0, 0.03, (*share.shape, 1))
    return Image.fromarray((255 * weave.clip(0, 1)).astype(np.uint8)).resize((512, 512), Image.Resampling.BILINEAR)


class Surroundings:
    """Puts other things around the one that is photographed, so that none stands in another or beyond the bounds."""

    def __init__(self, obj: bpy.types.Object, camera: Camera, bounds: Bounds, random: Random) -> None:
        self._obj, self.camera, self._bounds, self._random = obj, camera, bounds, random
        self._taken = [footprint(obj)]
        self._box = Box.around(camera.project(stage.world_vertices(obj)))
        self._whole = stage.silhouette(obj, 25).sum()
        self._toward = np.arctan2(camera.position[1], camera.position[0])
        self.spread = 0.3 * np.sqrt(np.prod(camera.size) / (self._box.width * self._box.height))

    def hide(self, piece: bpy.types.Object) -> None:
        """Stands the piece in front, so that it hides a part; takes it away where that does not succeed."""
        self._try(piece, 0.6, 1.2, 0.9, 30, HIDDEN)

    def add(self, piece: bpy.types.Object) -> None:
        """Stands the piece beside or behind; takes it away where there is no room."""
        self._try(piece, 0.8, 1.2 + self.spread, np.pi, 12, (0.0, max(BARELY, self._hidden() + 0.01)))

    def take(self, piece: bpy.types.Object) -> None:
        """The place where the piece stands is no longer free."""
        self._taken.append(footprint(piece))

    def leave(self, piece: bpy.types.Object) -> None:
        """Leaves the piece where it stands; takes it away where that is not free, or would hide the thing."""
        if self._free(piece) and self._shows(piece, (0.0, BARELY)):
            self.take(piece)
        else:
            bpy.data.objects.remove(piece)

    def _try(
        self, piece: bpy.types.Object, near: float, far: float, aside: float, tries: int, hidden: tuple[float, float]
    ) -> None:
        """near, far: how far away, in radii of both; aside: how far from the direction to the camera, radians."""
        reach = _reach(self._obj) + _reach(piece)
        for _ in range(tries):
            angle = self._toward + self._random.uniform(-aside, aside)
            away = reach * self._random.uniform(near, far)
            piece.matrix_world.translation += _vector(away * np.array([np.cos(angle), np.sin(angle)]) - _middle(piece))
            bpy.context.view_layer.update()
            if self._free(piece) and self._shows(piece, hidden):
                self.take(piece)
                return
        bpy.data.objects.remove(piece)

    def _free(self, piece: bpy.types.Object) -> bool:
        low, high = footprint(piece)
        if (low < self._bounds[0]).any() or (high > self._bounds[1]).any():
            return False
        if (self.camera.to_camera(stage.world_vertices(piece))[:, 2] < 0.25 * self._distance).any():
            return False
        return not any((low < taken[1]).all() and (high > taken[0]).all() for taken in self._taken)

    @property
    def _distance(self) -> float:
        return float(np.linalg.norm(self.camera.position))

    def _shows(self, piece: bpy.types.Object, hidden: tuple[float, float]) -> bool:
        box = Box.around(self.camera.project(stage.world_vertices(piece)))
        apart = (
            box.right < self._box.left
            or box.left > self._box.right
            or box.bottom < self._box.top
            or box.top > self._box.bottom
        )
        return hidden[0] == 0 if apart else hidden[0] <= self._hidden() <= hidden[1]

    def _hidden(self) -> float:
        return 1 - stage.visible(25).sum() / self._whole


def footprint(obj: bpy.types.Object) -> Bounds:
    """Lowest and highest X and Y."""
    points = stage.world_vertices(obj)[:, :2]
    return points.min(0), points.max(0)


def _middle(obj: bpy.types.Object) -> np.ndarray:
    return sum(footprint(obj)) / 2


def _reach(obj: bpy.types.Object) -> float:
    low, high = footprint(obj)
    return float(np.linalg.norm(high - low) / 2)


def _vector(place: np.ndarray) -> Matrix:
    return Matrix.Translation((*place, 0)).translation
