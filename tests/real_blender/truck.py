"""Builds a toy truck in this Blender: blender -b --python truck.py -- FOLDER [photo.png]

Writes scene.blend with the truck alone, and truth.json: where the photo shows the truck, and from where. The photo
beside this file was rendered by the second word; that takes long where the processor is slow.
"""

from __future__ import annotations

import json
import sys
from math import radians
from pathlib import Path

import bpy
from bpy_extras.object_utils import world_to_camera_view
from mathutils import Vector

SIZE = (800, 600)
PLACE, TARGET = Vector((3.4, -4.6, 2.5)), Vector((0.1, 0.15, 0.45))  # of the photo's camera, and what it looks at
RED, BLUE, DARK = (0.6, 0.03, 0.02), (0.03, 0.1, 0.45), (0.02, 0.02, 0.02)
GLASS, WOOD = (0.5, 0.7, 0.8), (0.8, 0.5, 0.1)
TABLE = (0.25, 0.2, 0.16)
SKY = "studiolights/world/courtyard.exr"
BLOCKS = (  # colour, centre, size
    (DARK, (0, 0, 0.3), (2.6, 0.7, 0.12)),
    (RED, (-0.9, 0, 0.75), (0.7, 0.9, 0.8)),
    (GLASS, (-1.255, 0, 0.95), (0.02, 0.74, 0.26)),
    (GLASS, (-0.95, 0, 0.95), (0.4, 0.92, 0.26)),
    (BLUE, (0.4, 0.43, 0.55), (1.7, 0.06, 0.38)),
    (BLUE, (0.4, -0.43, 0.55), (1.7, 0.06, 0.38)),
    (BLUE, (1.23, 0, 0.55), (0.06, 0.86, 0.38)),
    (BLUE, (0.4, 0, 0.39), (1.7, 0.86, 0.06)),
)
ROUNDS = (  # colour, centre, radius, length, turned about
    *((DARK, (x, y, 0.24), 0.24, 0.16, "X") for x in (-0.85, 0.75) for y in (-0.42, 0.42)),
    *((RED, (x, 1.2 * y, 0.24), 0.1, 0.02, "X") for x in (-0.85, 0.75) for y in (-0.42, 0.42)),
    *((WOOD, (0.35, y, 0.57 + z), 0.13, 1.5, "Y") for y, z in ((-0.26, 0), (0, 0), (0.26, 0), (-0.13, 0.22))),
)


def paint(color: tuple[float, float, float]) -> None:
    material = bpy.data.materials.get(str(color)) or bpy.data.materials.new(str(color))
    material.use_nodes = True
    material.diffuse_color = (*color, 1)
    material.node_tree.nodes["Principled BSDF"].inputs["Base Color"].default_value = (*color, 1)
    bpy.context.object.data.materials.append(material)


def add_truck() -> bpy.types.Object:
    """Of painted pieces, joined; it alone is selected."""
    pieces = []
    for color, center, size in BLOCKS:
        bpy.ops.mesh.primitive_cube_add(size=1, location=center, scale=size)
        paint(color)
        pieces.append(bpy.context.object)
    for color, center, radius, length, axis in ROUNDS:
        turn = (radians(90), 0, 0) if axis == "X" else (0, radians(90), 0)
        bpy.ops.mesh.primitive_cylinder_add(radius=radius, depth=length, location=center, rotation=turn)
        paint(color)
        pieces.append(bpy.context.object)
    for piece in pieces:
        piece.select_set(True)
    bpy.context.view_layer.objects.active = pieces[0]
    bpy.ops.object.join()
    bpy.context.object.name = "Truck"
    return bpy.context.object


def add_camera(scene: bpy.types.Scene) -> bpy.types.Object:
    """The photo's."""
    camera = bpy.data.objects.new("True", bpy.data.cameras.new("True"))
    scene.collection.objects.link(camera)
    camera.location, camera.rotation_euler = PLACE, (TARGET - PLACE).to_track_quat("-Z", "Y").to_euler()
    camera.data.lens = 45
    scene.camera = camera
    scene.render.resolution_x, scene.render.resolution_y = SIZE
    bpy.context.view_layer.update()
    return camera


def truth(scene: bpy.types.Scene, truck: bpy.types.Object) -> dict[str, object]:
    """The photo's size, the truck's box in it in px, and where in the world the camera and what it looks at are."""
    places = [truck.matrix_world @ vertex.co for vertex in truck.data.vertices]
    seen = [world_to_camera_view(scene, scene.camera, place) for place in places]
    pixels = [(SIZE[0] * x, SIZE[1] * (1 - y)) for x, y, _depth in seen]
    box = [edge(values) for edge in (min, max) for values in zip(*pixels, strict=True)]
    return {"size": SIZE, "box": box, "place": tuple(PLACE), "center": tuple(TARGET)}


def photograph(scene: bpy.types.Scene, path: Path) -> None:
    """On a table, under one of Blender's own skies."""
    bpy.ops.mesh.primitive_plane_add(size=30)
    paint(TABLE)
    scene.render.engine, scene.render.filepath = "CYCLES", str(path)
    scene.cycles.samples, scene.cycles.use_denoising = 24, False
    nodes = scene.world.node_tree.nodes
    sky = nodes.new("ShaderNodeTexEnvironment")
    sky.image = bpy.data.images.load(str(Path(bpy.utils.system_resource("DATAFILES"), SKY)))
    scene.world.node_tree.links.new(sky.outputs["Color"], nodes["Background"].inputs["Color"])
    bpy.ops.render.render(write_still=True)


def main(folder: Path, photo: str | None = None) -> None:
    bpy.ops.wm.read_factory_settings()
    bpy.data.objects.remove(bpy.data.objects["Cube"])
    truck, scene = add_truck(), bpy.context.scene
    bpy.ops.wm.save_as_mainfile(filepath=str(folder / "scene.blend"))
    add_camera(scene)
    (folder / "truth.json").write_text(json.dumps(truth(scene, truck)))
    if photo:
        photograph(scene, folder / photo)


folder, *photo = sys.argv[sys.argv.index("--") + 1 :]
main(Path(folder), *photo)
