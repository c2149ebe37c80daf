"""The operator that proves the installation: a picture from a known camera is matched, and the error told."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import bmesh
import bpy
import numpy as np
from bpy.app.translations import pgettext_rpt as rpt_
from bpy.props import IntProperty

from ...inference.errors import PoseError
from ...inference.geometry import Box, Camera, angle_between, direction_from_angles, in_unit_sphere, intrinsics, look_at
from ...inference.look import Look
from ...inference.steps import Steps, within
from ...preferences import preferred
from ..blender.models import Model, evaluated, lineage, scene_roots
from ..blender.own_data_blocks import remove
from ..pictures.rendering import studio
from ..running.log import LOG
from ..running.long_operator import StepsOperator

if TYPE_CHECKING:
    from ...inference.photo.image import Photo

SIZE = (480, 360)  # px, of the picture
FOCAL = 500.0  # px
DISTANCE = 3.5  # in the model's radius
SAMPLES = 8  # of Cycles
GOOD = 10.0  # degrees
FOUND = "{name} is seen {degrees:.1f}° off and lies {pixels:.1f} px off, after {seconds:.0f} s"


class Error(NamedTuple):
    """How far a found camera is off: its direction in degrees, the model's vertices in px, in the mean."""

    degrees: float
    pixels: float


class PHOTOPOSE_OT_self_test(StepsOperator, bpy.types.Operator):
    bl_idname = "photopose.self_test"
    bl_label = "Self-Test"
    bl_description = "Match a rendered picture of the active model, or of a monkey, and tell how far off the result is"
    bl_options = set()

    seed: IntProperty(name="Seed", min=0, description="Another number looks from another side")

    def _supplied(self, context: bpy.types.Context) -> Steps[None]:
        """Also tells beside the button, whose window has no status bar, what was found or why nothing was."""
        status = context.window_manager.photo_pose
        status.self_test = ""
        try:
            yield from super()._supplied(context)
        except PoseError as error:
            status.self_test, status.self_test_passed = str(error), False
            raise

    def steps(self, context: bpy.types.Context) -> Steps[None]:
        began = time.perf_counter()
        with _subject(context) as root:
            name, error = root.name, (yield from self_test(root, self.seed))
        good, seconds = error.degrees < GOOD, time.perf_counter() - began
        values = {"name": name, "seconds": seconds, **error._asdict()}
        LOG.info("Self-test: %s", FOUND.format(**values))
        hint = "" if good else rpt_("; try a model that looks different from every side")
        told = rpt_("Self-test passed") if good else rpt_("Self-test failed")
        status = context.window_manager.photo_pose
        status.self_test, status.self_test_passed = f"{told}: {rpt_(FOUND).format(**values)}{hint}", good
        self.report({"INFO"} if good else {"WARNING"}, status.self_test)


def self_test(root: bpy.types.Object, seed: int) -> Steps[Error]:
    """Renders a model from a random camera in front of a sky, and matches the picture."""
    from ...inference.matching import match
    from ...inference.views.view_options import ViewOptions
    from ..pictures.model_targets import prepare, target_renderer
    from ..pictures.view_cache import cache_folder

    options = ViewOptions(subdivisions=2, device=preferred().device)
    targets = yield from within(prepare([root], options, cache_folder()), 0.0, 0.6)
    with evaluated(root) as model:
        camera, vertices = random_camera(model, np.random.default_rng(seed)), model.vertices
        photo, center = _photo(model, camera), model.sphere.center
    with target_renderer() as renderer:
        box = Box.around(camera.project(vertices))
        matching = match(photo, camera.placed(np.eye(4)), box, targets, renderer, Look(device=options.device))
        best, *others = (yield from within(matching, 0.6, 1.0)).candidates
    same = [best, *(other for other in others if other.alike)]  # nobody could tell which of these it was
    return min(error_of(one.camera, camera, center, vertices) for one in same)


def error_of(found: Camera, true: Camera, center: np.ndarray, vertices: np.ndarray) -> Error:
    """Of a model with this center (3,) and vertices (N, 3)."""
    degrees = np.degrees(angle_between(found.position - center, true.position - center))
    return Error(float(degrees), float(np.linalg.norm(found.project(vertices) - true.project(vertices), axis=1).mean()))


def random_camera(model: Model, random: np.random.Generator) -> Camera:
    """One that sees the model from above, about level and about in the middle of its picture."""
    azimuth, elevation = random.uniform(-np.pi, np.pi), np.radians(random.uniform(5, 50))
    sphere = model.sphere
    position = sphere.center + DISTANCE * sphere.radius * direction_from_angles(azimuth, elevation)
    aim = sphere.center + random.uniform(-0.1, 0.1, 3) * sphere.radius
    return Camera(intrinsics(FOCAL, SIZE), look_at(position, aim), SIZE)


def _photo(model: Model, camera: Camera) -> Photo:
    from PIL import Image

    from ...inference.photo.image import load_photo

    with studio(model, "HDRI", SAMPLES) as render, tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "self_test.png")
        Image.fromarray(render(in_unit_sphere(camera, model.sphere)).rgb).save(path)
        return load_photo(path)


@contextmanager
def _subject(context: bpy.types.Context) -> Iterator[bpy.types.Object]:
    """The list's active model, else the one that the active object belongs to, else a monkey for the time being."""
    settings = context.scene.photo_pose
    listed = [item.object for item in settings.models[settings.active_model :]][:1]
    for root in scene_roots(context.scene, [*filter(None, listed), *lineage(context.object)]):
        yield root
        return
    mesh = bpy.data.meshes.new("Photo Pose Monkey")
    monkey = bpy.data.objects.new("Photo Pose Monkey", mesh)
    try:
        shape = bmesh.new()
        bmesh.ops.create_monkey(shape)
        shape.to_mesh(mesh)
        shape.free()
        context.scene.collection.objects.link(monkey)
        yield monkey
    finally:
        remove([monkey, mesh])


classes = (PHOTOPOSE_OT_self_test,)
