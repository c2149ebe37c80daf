"""Photo-like pictures with a known camera: path-traced under a Blender HDRI, on a floor, among clutter."""

from __future__ import annotations

import json
from pathlib import Path
from typing import NamedTuple

import bpy
import numpy as np

from benchmark import stage
from inference.geometry import blender_axes, direction_from_angles, intrinsics, look_at

SIZE = (640, 480)
SAMPLES = 32  # no denoiser: the Blender of Linux distributions has none, and photos are a little noisy


class Piece(NamedTuple):
    """Clutter: .obj file, where it stands (x, y) and its turn about the vertical, radians."""

    obj: Path
    place: tuple[float, float]
    turn: float = 0.0


class Shot(NamedTuple):
    """How to take the picture: direction and roll of the camera, radians; lens, mm; distance, scene units;
    target: the world point in the middle of the picture; hdri: one of Blender's studio lights."""

    azimuth: float
    elevation: float
    roll: float
    lens: float
    distance: float
    target: tuple[float, float, float]
    hdri: str
    hdri_turn: float = 0.0


def photograph(obj: Path, clutter: list[Piece], shot: Shot, photo: Path, note: str) -> None:
    """Takes a picture of an .obj model; resets Blender's scene.

    Beside it goes its camera, in the numbers of the .obj file and as batch.py's results.jsonl has it, with a note.
    """
    bpy.ops.wm.read_homefile(use_factory_startup=True, use_empty=True)
    model = stage.import_obj(obj)
    floor = stage.world_vertices(model)[:, 2].min()
    for piece in clutter:
        stage.place(stage.import_obj(piece.obj), 1.0, piece.turn, np.array([*piece.place, floor]))
    _add_floor(floor)
    stage.light(shot.hdri, shot.hdri_turn)
    to_camera = np.linalg.inv(_aim(shot)) @ np.array(model.matrix_world)  # the importer turns Y up into Z up
    _render(photo)
    K = intrinsics(shot.lens / stage.SENSOR * SIZE[0], SIZE)
    camera = {"K": K.tolist(), "R": to_camera[:3, :3].tolist(), "t": to_camera[:3, 3].tolist()}
    known = {"note": note, "size": SIZE, "opencv": camera}
    photo.with_suffix(".json").write_text(json.dumps(known, indent=1) + "\n")


def _add_floor(height: float) -> None:
    bpy.ops.mesh.primitive_plane_add(size=4000, location=(0, 0, height))
    material = bpy.data.materials.new("floor")
    material.use_nodes = True
    nodes, links = material.node_tree.nodes, material.node_tree.links
    place, tiles = nodes.new("ShaderNodeTexCoord"), nodes.new("ShaderNodeTexBrick")
    links.new(place.outputs["Object"], tiles.inputs["Vector"])
    tiles.inputs["Color1"].default_value = (0.17, 0.19, 0.22, 1)
    tiles.inputs["Color2"].default_value = (0.21, 0.23, 0.26, 1)
    tiles.inputs["Mortar"].default_value = (0.08, 0.09, 0.10, 1)
    for name, value in {"Scale": 1.0, "Mortar Size": 0.3, "Brick Width": 60.0, "Row Height": 30.0}.items():
        tiles.inputs[name].default_value = value
    shader = nodes["Principled BSDF"]
    shader.inputs["Roughness"].default_value = 0.45
    links.new(tiles.outputs["Color"], shader.inputs["Base Color"])
    bpy.context.object.data.materials.append(material)


def _aim(shot: Shot) -> np.ndarray:
    """Puts the scene's camera in place; returns its camera_to_world (4, 4)."""
    target = np.array(shot.target)
    position = target + shot.distance * direction_from_angles(shot.azimuth, shot.elevation)
    camera_to_world = look_at(position, target, shot.roll)
    camera = bpy.data.objects.new("camera", bpy.data.cameras.new("camera"))
    camera.data.lens, camera.data.sensor_width = shot.lens, stage.SENSOR
    camera.data.clip_end = 10 * shot.distance  # the furniture is in centimetres
    camera.matrix_world = blender_axes(camera_to_world).T
    bpy.context.collection.objects.link(camera)
    bpy.context.scene.camera = camera
    return camera_to_world


def _render(photo: Path) -> None:
    scene = bpy.context.scene
    scene.render.engine = "CYCLES"
    scene.cycles.samples, scene.cycles.seed = SAMPLES, 1
    scene.cycles.max_bounces = 4
    scene.world.cycles.sampling_method = "AUTOMATIC"  # finer than the denoised pictures of the benchmark need
    scene.cycles.use_denoising = scene.cycles.use_adaptive_sampling = False
    scene.render.resolution_x, scene.render.resolution_y = SIZE
    scene.render.resolution_percentage = 100
    scene.render.image_settings.file_format, scene.render.image_settings.quality = "JPEG", 92
    scene.render.filepath = str(photo)
    with stage.quiet():
        bpy.ops.render.render(write_still=True)
