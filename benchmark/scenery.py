"""From a recipe to a Blender scene: where its camera stands, and what is around the model."""

from __future__ import annotations

from pathlib import Path

import bpy
import numpy as np
from mathutils import Vector

from benchmark import stage
from benchmark.recipes import Recipe
from inference.geometry import Box, Camera, direction_from_angles, intrinsics, look_at

NEAREST = 1.8  # distance of the camera, in radii of the model
SPREAD = (0.6, 1.1)  # size of clutter, in sizes of the model
HIDDEN = (0.12, 0.3)  # share of the model behind an occluder
SUNNY = 0.4  # share of the pictures with a sun

Random = np.random.Generator


def framed(recipe: Recipe, points: np.ndarray) -> Camera:
    """The camera, as the recipe wants it, that sees points (N, 3) of the world in the recipe's frame."""
    size, frame = np.array(recipe.size), recipe.frame
    K = intrinsics(recipe.lens / stage.SENSOR * size.max(), recipe.size)
    low, high = points.min(0), points.max(0)
    center, radius = (low + high) / 2, np.linalg.norm(high - low) / 2
    direction = direction_from_angles(recipe.azimuth, recipe.elevation)
    distance, pixel = 4 * radius, size / 2
    some = points[:: len(points) // 3000 + 1]
    for _ in range(30):
        camera_to_world = look_at(center + distance * direction, center, recipe.roll)
        camera_to_world[:3, :3] = camera_to_world[:3, :3] @ _turn_to_axis(np.linalg.solve(K, [*pixel, 1.0]))
        camera = Camera(K, camera_to_world, recipe.size)
        box = Box.around(camera.project(some))
        sides = np.array([box.width, box.height])
        room = size * 0.96 - sides
        wanted = np.where(frame.cut, _beyond(np.array(frame.cut), sides, size), size / 2)
        wanted += np.where(frame.cut, 0, (np.array(frame.place) - 0.5) * room.clip(0))
        pixel = pixel + wanted - box.center
        distance = max(distance * (sides / size).max() / frame.extent, NEAREST * radius)
    return camera


def _beyond(cut: np.ndarray, sides: np.ndarray, size: np.ndarray) -> np.ndarray:
    """Centre, in x and in y, of a box that sticks out by the share cut: at the left or top where cut is negative."""
    return np.where(cut < 0, sides / 2 + cut * sides, size - sides / 2 + cut * sides)


def _turn_to_axis(ray: np.ndarray) -> np.ndarray:
    """The smallest rotation (3, 3) that takes a ray (3,) of camera axes to the viewing axis."""
    x, y, z = ray / np.linalg.norm(ray)
    cross = np.array([[0, 0, -x], [0, 0, -y], [x, y, 0]])
    return np.eye(3) + cross + cross @ cross / (1 + z)


def furnish(
    recipe: Recipe, obj: bpy.types.Object, points: np.ndarray, camera: Camera, objs: dict[str, Path], random: Random
) -> None:
    """Light, floor, clutter behind and beside the model, something in front of it, other materials.

    points (N, 3): the model's vertices in the world; objs: the files of the clutter by name.
    """
    low, high = points.min(0), points.max(0)
    radius = float(np.linalg.norm(high - low) / 2)
    foot = np.array([*(low + high)[:2] / 2, low[2]])
    sun = random.uniform(1, 4) if random.random() < SUNNY else 0.0
    stage.light(recipe.hdri, random.uniform(0, 2 * np.pi), sun, random.uniform(0.4, 1.3))
    if recipe.floor and camera.position[2] > low[2] + 0.05 * radius:
        stage.add_floor(foot, radius, recipe.backdrop is not None, random)
    for name in recipe.clutter:
        piece = stage.import_obj(objs[name])
        size = radius * random.uniform(*SPREAD)
        away = recipe.azimuth + np.pi / 2 + random.uniform(-1.3, 1.3)  # the camera is at azimuth - 90 degrees
        offset = (radius + size) * random.uniform(0.9, 1.7) * np.array([np.cos(away), np.sin(away), 0])
        stage.place(piece, size / _radius(stage.world_vertices(piece)), random.uniform(0, 7), foot + offset)
    if recipe.new_materials:
        repaint(obj, random)
    if recipe.occluder:
        _occlude(stage.import_obj(objs[recipe.occluder]), obj, points, camera, random)


def _radius(points: np.ndarray) -> float:
    return float(np.linalg.norm(points.max(0) - points.min(0)) / 2)


def _occlude(
    piece: bpy.types.Object, obj: bpy.types.Object, points: np.ndarray, camera: Camera, random: Random
) -> None:
    """Moves the piece from the edge of the model's box towards its middle until it hides enough."""
    box = Box.around(camera.project(points))
    depth = 0.55 * camera.to_camera(points)[:, 2].min()
    size = depth * random.uniform(0.2, 0.35) * np.hypot(box.width, box.height) / camera.focal
    stage.place(piece, size / _radius(stage.world_vertices(piece)), random.uniform(0, 7), np.zeros(3))
    start = np.array([[box.left, box.center[1]], [box.right, box.center[1]], [box.center[0], box.bottom]])
    start = start[random.integers(3)] + random.uniform(-0.3, 0.3, 2) * [box.width, box.height]
    wanted, whole = random.uniform(*HIDDEN), stage.silhouette(obj, percentage=25).sum()
    for way in np.linspace(0, 1, 14):
        ray = camera.ray(start + way * (box.center - start))
        middle = camera.position + camera.camera_to_world[:3, :3] @ (ray * depth / ray[2])
        piece.matrix_world.translation += Vector(middle - stage.world_vertices(piece).mean(0))
        bpy.context.view_layer.update()
        if 1 - stage.visible(25).sum() / whole >= wanted:
            return


def repaint(obj: bpy.types.Object, random: Random) -> None:
    """Gives every material of the object another colour and another gloss; keeps some textures."""
    for material in obj.data.materials:
        shader = material.node_tree.nodes["Principled BSDF"]
        base = shader.inputs["Base Color"]
        if not (base.links and random.random() < 0.35):
            for link in list(base.links):
                material.node_tree.links.remove(link)
        base.default_value = stage.random_colour(random, saturation=0.9)
        shader.inputs["Roughness"].default_value = random.uniform(0.1, 0.9)
        shader.inputs["Metallic"].default_value = float(random.random() < 0.12)
