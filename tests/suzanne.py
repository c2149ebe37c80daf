"""A small model in the scene, and a photo of it by a camera that is known."""

from pathlib import Path

import bpy
import numpy as np
from PIL import Image

from photo_pose.inference.geometry import Camera, in_unit_sphere, intrinsics, look_at
from photo_pose.operators.blender.models import evaluated
from photo_pose.operators.pictures.rendering import studio

SIZE = (320, 240)
PLACE = np.array([3.0, 1.0, 2.0])
TRUE = Camera(intrinsics(400, SIZE), look_at(PLACE + np.array([2.2, -3.5, 1.3]), PLACE + [0.3, 0, -0.1], 0.1), SIZE)


def add_monkey() -> bpy.types.Object:
    """Suzanne with coloured faces."""
    bpy.ops.mesh.primitive_monkey_add(location=PLACE)
    colors = ((0.8, 0.1, 0.1, 1), (0.1, 0.5, 0.1, 1), (0.1, 0.1, 0.8, 1), (0.9, 0.8, 0.2, 1))
    for number, color in enumerate(colors):
        material = bpy.data.materials.new(f"Color {number}")
        material.diffuse_color = color
        material.use_nodes = True
        material.node_tree.nodes["Principled BSDF"].inputs["Base Color"].default_value = color
        bpy.context.object.data.materials.append(material)
    for polygon in bpy.context.object.data.polygons:
        x, _y, z = polygon.center
        polygon.material_index = 2 * (x > 0) + (z > 0.2)
    return bpy.context.object


def photographed(monkey: bpy.types.Object, path: Path, camera: Camera = TRUE) -> Path:
    """Saves a photo of it."""
    with evaluated(monkey) as model, studio(model, "HDRI", samples=16) as render:
        picture = render(in_unit_sphere(camera, model.sphere)).rgb
    Image.fromarray(picture).save(path)
    return path


def vertices(monkey: bpy.types.Object) -> np.ndarray:
    """(N, 3) world."""
    with evaluated(monkey) as model:
        return model.vertices


def box(monkey: bpy.types.Object) -> tuple[float, ...]:
    """Around it in the photo by TRUE."""
    pixels = TRUE.project(vertices(monkey))
    return (*pixels.min(0), *pixels.max(0))
