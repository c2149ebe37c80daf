"""Prints the processor's ms for drawing each of our panels, in a scene of matched photos.

Usage: draw_speed.py CACHE OBJECTS FILES: of so many objects, with so many cached views.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import bpy
import draw_panels
from draw_panels import DRAWS, NAME, drawing

PHOTOS, CANDIDATES, ANSWERS, TIMES = 20, 6, 8, 7


def match_photos(scene: bpy.types.Scene) -> None:
    """Every photo has a camera, each moved since it was matched."""
    for number in range(PHOTOS):
        camera = bpy.data.objects.new(f"Camera {number}", bpy.data.cameras.new(f"Camera {number}"))
        scene.collection.objects.link(camera)
        camera["photo_pose"] = f"/photo{number}.jpg"
        match = camera.data.photo_pose
        match.photo, match.size, match.model = f"/photo{number}.jpg", (640, 480), scene.objects[0]
        for turn in range(CANDIDATES):
            item = match.candidates.add()
            item.model, item.focal, item.principal_point = scene.objects[0], 500, (320, 240)
            item.matrix = [turn + 1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1, 5, 0, 0, 0, 1]
        photo = scene.photo_pose.photos.add()
        photo.name, photo.path, photo.camera, photo.state = match.photo, match.photo, camera, "MATCHED"
    scene.camera = camera
    for number in range(ANSWERS):
        scene.photo_pose.library_answers.add().name = f"Model {number}"


def fill(scene: bpy.types.Scene, cache: Path, objects: int, files: int) -> None:
    mesh = bpy.data.meshes.new("Many")
    for number in range(objects):
        scene.collection.objects.link(bpy.data.objects.new(f"Object {number}", mesh))
    for number in range(files):
        (cache / f"{number:024x}.{'npz' if number % 2 else 'png'}").write_bytes(b"0" * 1000)
    bpy.context.view_layer.update()


class Sized:
    """The context with a scale of the interface, which the background lacks."""

    def __init__(self, context: bpy.types.Context) -> None:
        self.context = context
        system = SimpleNamespace(ui_scale=1.0)
        self.preferences = SimpleNamespace(system=system, addons=context.preferences.addons)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.context, name)


def told(name: str, draw: Callable[[], object]) -> None:
    """The least of some times: what else the machine does only adds to it."""
    spent = []
    for _again in range(TIMES):
        began = time.thread_time()
        draw()
        spent.append(1000 * (time.thread_time() - began))
    print(f"DRAWN {name} {min(spent):.3f}")


def draw(kind: type, layout: bpy.types.UILayout, context: Sized) -> None:
    if getattr(kind, "poll", lambda _context: True)(context):
        panel = drawing(kind, layout.column())
        for name in DRAWS:
            getattr(panel, name, lambda _context: None)(context)


def measure(layout: bpy.types.UILayout, context: bpy.types.Context) -> None:
    """Panels, then the rows of a list, and what Blender asks operators for their buttons."""
    for kind in [*bpy.types.Panel.__subclasses__(), *bpy.types.Menu.__subclasses__()]:
        if kind.__module__.startswith(NAME):
            told(kind.__name__, partial(draw, kind, layout, Sized(context)))
    rows, photos = bpy.types.PHOTOPOSE_UL_photos, context.scene.photo_pose.photos
    told(rows.__name__, lambda: [rows.draw_item(None, context, layout, None, item, 0, None, "") for item in photos])
    for kind in bpy.types.Operator.__subclasses__():
        if kind.__module__.startswith(NAME) and hasattr(kind, "poll"):
            told(kind.__name__, partial(kind.poll, context))


if __name__ == "__main__":
    cache, objects, files = Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3])
    fill(bpy.context.scene, cache, objects, files)
    match_photos(bpy.context.scene)
    bpy.context.preferences.addons[NAME].preferences.cache = str(cache)
    draw_panels.call(measure)
