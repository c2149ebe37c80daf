"""`python -m benchmark.distortion`: how exactly Refine Camera finds the distortion of wide-angle pictures.

Models of the catalogue in rooms, whose lines tell it, and on sand under the sky, where little but the model does. A
pinhole camera takes a larger picture, which is bent. Each camera begins beside the truth, and knows no distortion.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import bpy
import numpy as np
from mathutils import Matrix
from PIL import Image

from benchmark import assets, stage
from benchmark.product import ROOT, import_product
from benchmark.recipes import CLUTTER, SUBJECTS
from inference.geometry import (
    Box,
    Camera,
    Sphere,
    blender_axes,
    direction_from_angles,
    intrinsics,
    look_at,
    turn_between,
    turned_about,
)
from inference.photo.distortion import distorted, straightened, undistorted
from inference.photo.image import Photo
from inference.photo.plumb_lines import plumb_lines

MODELS = (
    *("blendswap-cc-0/oakChair", "scopia/kids_wooden_desk", "blendswap-cc-by/piano", "scopia/armchair2"),
    *("blendswap-cc-by/microwave", "katorlegaz/scooter", "blendswap-cc-by/toyTrain", "scopia/table_wood_and_iron"),
)
COEFFICIENTS = (-0.3, -0.2, -0.1, 0.0, 0.05, 0.1)  # k1
SIZE = (900, 600)
LENSES = 20.0, 30.0  # mm on 36 mm
SQUEEZED = 0.35
EXTENT = 0.65  # of the picture, that the model fills
ASIDE = 0.15  # of the picture's width, that its middle may be off the picture's
OFF = np.radians(3)  # by which the first camera is turned about the model
SAMPLES, NOISE = 8, 2.0  # of the renderer; grey levels


class Shot(NamedTuple):
    """A picture to take: of a model, through a lens with k1, in a room or under the sky."""

    number: int
    model: str
    k1: float
    room: bool


class Scene(NamedTuple):
    """A model that stands in Blender's scene, its vertices (N, 3), and the camera that sees it."""

    root: bpy.types.Object
    sphere: Sphere
    vertices: np.ndarray
    camera: Camera


def shots(count: int) -> Iterator[Shot]:
    for number in range(count):
        model, k1 = MODELS[3 * number % len(MODELS)], COEFFICIENTS[number // 2 % len(COEFFICIENTS)]
        yield Shot(number, model, k1, number % 2 == 0)


def measured(shot: Shot, folder: Path) -> dict[str, Any]:
    """What Refine Camera finds of a picture, which is written into folder beside the straightened one; off: mean
    distance of the model's vertices from where the picture shows them, in sides of its box."""
    random = np.random.default_rng(shot.number)
    scene = _set(shot, random)
    photo, some = _taken(shot, scene.camera, random), scene.vertices[:: len(scene.vertices) // 3000 + 1]
    truth = shown(scene.camera, np.array([shot.k1, 0]), some)
    box, began = Box.around(truth), time.process_time()
    without, found = (_refined(scene, photo, box, free, folder / "views") for free in (False, True))
    seconds, (coefficients, deviation) = time.process_time() - began, found.distortion
    _save(photo, found.camera, coefficients, folder / f"{shot.number:02d}_{Path(shot.model).name}")
    lines = plumb_lines(photo, scene.camera.K)
    side, middle = max(box.width, box.height), np.array(SIZE) / 2
    off = [
        float(np.linalg.norm(shown(one.camera, bent, some) - truth, axis=1).mean() / side)
        for one, bent in ((without, np.zeros(2)), (found, coefficients))
    ]
    return {
        **shot._asdict(),
        "told": found.distortion.told,
        "found": coefficients.round(4).tolist(),
        "deviation": round(deviation, 4),
        "lines": lines and [round(lines.k1, 4), round(lines.deviation, 4)],
        "off_without": round(off[0], 5),
        "off": round(off[1], 5),
        "reach": round(float(np.linalg.norm((truth - middle) / np.linalg.norm(middle), axis=1).max()), 2),
        "cpu_seconds": round(seconds, 1),
    }


def _refined(scene: Scene, photo: Photo, box: Box, free: bool, views: Path) -> Any:
    """The candidate after refinement, with a free distortion or without."""
    from photo_pose.inference.matching import refine
    from photo_pose.inference.pose.alignment import Locks
    from photo_pose.inference.steps import finish
    from photo_pose.inference.views.view_options import ViewOptions
    from photo_pose.operators.pictures import model_targets

    axis = np.random.default_rng(7).normal(size=3)
    start = scene.camera.placed(turned_about(scene.camera.camera_to_world, scene.sphere.center, axis, OFF))
    (target,) = finish(model_targets.prepare([scene.root], ViewOptions(device="cpu"), views))
    with model_targets.target_renderer() as renderer:
        return finish(refine(photo, start, target, renderer, box=box, locks=Locks(distortion=not free)))[1]


def shown(camera: Camera, distortion: np.ndarray, points: np.ndarray) -> np.ndarray:
    """Where the picture shows points (N, 3) of the world, px."""
    seen = camera.to_camera(points)
    return distorted(seen[:, :2] / seen[:, 2:], distortion) * camera.K.diagonal()[:2] + camera.K[:2, 2]


def _set(shot: Shot, random: np.random.Generator) -> Scene:
    """Blender's scene."""
    from photo_pose.operators.blender.models import evaluated
    from photo_pose.operators.models.model_files import import_models

    bpy.ops.wm.read_homefile(use_factory_startup=True, use_empty=True)
    (root,) = import_models(bpy.context.scene, _files()[shot.model])
    with evaluated(root) as model:
        sphere, vertices = model.sphere, model.vertices
    foot = np.array([*sphere.center[:2], vertices[:, 2].min()])
    if shot.room:
        _add_room(foot, sphere.radius, random)
    else:
        stage.light(("forest", "sunset")[shot.number // 2 % 2], random.uniform(0, 6), sun=2.0)
        bpy.ops.mesh.primitive_plane_add(size=40 * sphere.radius, location=foot)
        _paint(bpy.context.object, "TexNoise", 3 / sphere.radius, random)
    return Scene(root, sphere, vertices, _framed(vertices, sphere, _shortest(shot.k1), random))


@cache
def _files() -> dict[str, Path]:
    return assets.models((*SUBJECTS, *CLUTTER), "sweethome3d-furniture benchmark")


def _add_room(foot: np.ndarray, radius: float, random: np.random.Generator) -> None:
    """Walls of stones, and a lamp."""
    height = 5 * radius
    bpy.ops.mesh.primitive_cube_add(size=1, location=foot + [0, 0, height / 2], rotation=(0, 0, random.uniform(0, 1.5)))
    room = bpy.context.object
    room.scale = 8 * radius, 7 * radius, height
    _paint(room, "TexBrick", random.uniform(8, 16), random)
    lamp = bpy.data.lights.new("lamp", "AREA")
    lamp.size, lamp.energy = 2 * radius, 120 * radius**2
    holder = bpy.data.objects.new("lamp", lamp)
    holder.location = foot + [0, 0, 0.98 * height]
    bpy.context.collection.objects.link(holder)


def _paint(obj: bpy.types.Object, kind: str, scale: float, random: np.random.Generator) -> None:
    material = bpy.data.materials.new(kind)
    material.use_nodes = True
    tree = material.node_tree
    where, texture = tree.nodes.new("ShaderNodeTexCoord"), tree.nodes.new(f"ShaderNode{kind}")
    texture.inputs["Scale"].default_value = scale
    if kind == "TexBrick":
        texture.inputs["Color1"].default_value = stage.random_colour(random, 0.4)
        texture.inputs["Color2"].default_value = stage.random_colour(random, 0.4)
    tree.links.new(where.outputs["UV" if kind == "TexBrick" else "Object"], texture.inputs["Vector"])
    tree.links.new(texture.outputs["Color"], tree.nodes["Principled BSDF"].inputs["Base Color"])
    obj.data.materials.append(material)


def _shortest(k1: float) -> float:
    """Focal length, px, with which the corners' scale along a radius is still SQUEEZED times that of the middle."""
    radius = np.sqrt((1 - SQUEEZED) / 3 / max(-k1, 1e-3))
    return float(np.linalg.norm(SIZE) / 2 / (radius * (1 + k1 * radius**2)))


def _framed(vertices: np.ndarray, sphere: Sphere, shortest: float, random: np.random.Generator) -> Camera:
    """Sees the model large, off the middle of the picture; shortest: of the focal length, px."""
    focal = max(float(np.exp(random.uniform(*np.log(LENSES)))) / stage.SENSOR * SIZE[0], shortest)
    camera, distance = Camera(intrinsics(focal, SIZE), np.eye(4), SIZE), 3 * sphere.radius
    direction = direction_from_angles(random.uniform(-0.9, 0.9), random.uniform(0.15, 0.6))
    ray, turn = np.array([*(random.uniform(-ASIDE, ASIDE, 2) * SIZE / focal), 1.0]), np.eye(4)
    turn[:3, :3] = turn_between(ray, np.array([0, 0, 1.0]))
    for _ in range(20):
        camera = camera.placed(look_at(sphere.center + distance * direction, sphere.center) @ turn)
        box = Box.around(camera.project(vertices))
        larger = max(box.width / SIZE[0], box.height / SIZE[1])
        distance = np.clip(distance * larger / EXTENT, 1.2 * sphere.radius, 3 * sphere.radius)
    return camera


def _taken(shot: Shot, camera: Camera, random: np.random.Generator) -> Photo:
    """The picture, bent out of a larger one that holds all it shows."""
    K, bent = camera.K, np.array([shot.k1, 0])
    rows, columns = np.mgrid[: SIZE[1], : SIZE[0]] + 0.5
    at = undistorted((np.stack([columns, rows], -1) - K[:2, 2]) / camera.focal, bent) * camera.focal
    size = tuple(2 * int(np.ceil(np.abs(side).max()) + 2) for side in (at[..., 0], at[..., 1]))
    straight = _rendered(Camera(intrinsics(camera.focal, size), camera.camera_to_world, size))
    pixels = _sampled(straight, at + np.array(size) / 2 - 0.5) + random.normal(0, NOISE, (*SIZE[::-1], 1))
    return Photo(Image.fromarray(pixels.clip(0, 255).astype(np.uint8)), SIZE, None, None, Path("photo.jpg"), True)


def _sampled(picture: np.ndarray, at: np.ndarray) -> np.ndarray:
    """Bilinear."""
    corner = np.floor(at).astype(int)
    (x, y), (i, j) = np.moveaxis(at - corner, -1, 0)[..., None], np.moveaxis(corner, -1, 0)
    above = picture[j, i] * (1 - x) + picture[j, i + 1] * x
    below = picture[j + 1, i] * (1 - x) + picture[j + 1, i + 1] * x
    return above * (1 - y) + below * y


def _rendered(camera: Camera) -> np.ndarray:
    """(H, W, 3)."""
    scene, data = bpy.context.scene, bpy.data.cameras.new("camera")
    scene.camera = bpy.data.objects.new("camera", data)
    scene.collection.objects.link(scene.camera)
    larger = max(camera.size)
    data.sensor_width, data.lens = stage.SENSOR, camera.focal / larger * stage.SENSOR
    reach = np.linalg.norm(camera.position) + 1
    data.clip_start, data.clip_end = 1e-3 * reach, 1e3 * reach
    scene.camera.matrix_world = Matrix(blender_axes(camera.camera_to_world))
    render, cycles = scene.render, scene.cycles
    render.engine, render.resolution_percentage = "CYCLES", 100
    render.resolution_x, render.resolution_y = camera.size
    cycles.samples, cycles.max_bounces, cycles.seed, cycles.use_adaptive_sampling = SAMPLES, 3, 1, False
    cycles.use_denoising, cycles.denoiser = True, "OPENIMAGEDENOISE"
    render.image_settings.file_format = "PNG"
    with tempfile.TemporaryDirectory() as folder:
        render.filepath = f"{folder}/picture.png"
        with stage.quiet():
            bpy.ops.render.render(write_still=True)
        return np.array(Image.open(render.filepath).convert("RGB"), float)


def _save(photo: Photo, camera: Camera, coefficients: np.ndarray, path: Path) -> None:
    photo.image.save(f"{path}.jpg", quality=92)
    straightened(photo, camera.K, coefficients).image.save(f"{path}_straight.jpg", quality=92)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=12, help="of pictures")
    options = parser.parse_args()
    import_product()
    folder = ROOT / "build" / "benchmark" / "distortion"
    folder.mkdir(parents=True, exist_ok=True)
    rows = []
    for shot in shots(options.count):
        rows.append(measured(shot, folder))
        print(json.dumps(rows[-1]), flush=True)
    (folder / "figures.json").write_text(json.dumps(rows, indent=1))
    errors = np.array([row["found"][0] - row["k1"] for row in rows if row["told"]])
    z = errors / [row["deviation"] for row in rows if row["told"]]
    print(
        f"told {len(errors)} of {len(rows)}; k1 off by {np.median(np.abs(errors)):.3f} in the median, "
        f"{np.abs(errors).max():.3f} at most, {np.mean(np.abs(errors) <= 0.03):.0%} within 0.03; "
        f"{np.mean(np.abs(z) < 1):.0%} within one deviation, {np.mean(np.abs(z) < 2):.0%} within two"
    )
    for key in ("off_without", "off"):
        print(f"{key}: {100 * np.median([row[key] for row in rows]):.2f} % in the median")


if __name__ == "__main__":
    main()
