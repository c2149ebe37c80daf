"""What the headless commands share: opening the scene, and writing pictures, cameras and files."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import MappingProxyType
from typing import Any, NamedTuple

import bpy
import numpy as np

from ...inference.errors import PoseError, printable, sentence_of
from ...inference.files import writing
from ...inference.geometry import Camera, Sphere
from ...inference.matching import AllAround
from ...inference.networks.backends import set_threads
from ...inference.photo.checks import DEFAULT_SENSOR
from ...inference.photo.contact_sheet import Cell, contact_sheet
from ...inference.photo.image import Photo, load_photo
from ...inference.photo.overlay_picture import overlay
from ...inference.search.start_poses import Target
from ...inference.verify.refinement import Renderer
from ...inference.views.templates import Render
from ..blender import cameras
from ..pictures.saving import model_in_photo, save_picture
from ..running.quiet_blender import quiet
from .result_fields import camera_of_fields
from .terminal import Progress, to_stderr

OVERLAY_SIDE = 1024  # px, longer side at most


class Batch(NamedTuple):
    """What all photos share."""

    options: argparse.Namespace
    targets: Sequence[Target]
    renderer: Renderer
    progress: Progress
    cameras: list[bpy.types.Object]  # of the photos so far
    all_around: AllAround | None = None
    done: Mapping[str, dict[str, Any]] = MappingProxyType({})  # lines from before, by their fingerprints

    def target(self, model: str) -> Target:
        return next(target for target in self.targets if target.name == model)


def exit_status(lines: Iterable[dict[str, Any]], options: argparse.Namespace) -> int:
    """0 when all photos went well, or with --exit-zero when all have their lines; else 1."""
    return 0 if options.exit_zero or all(line["status"] == "ok" for line in lines) else 1


def open_scene(options: argparse.Namespace) -> None:
    """That of --blend, where there is such an option; else the commands work in the one that is open."""
    blend = getattr(options, "blend", None)
    if blend and not blend.is_file():
        raise PoseError(f'Scene "{blend}" does not exist.')
    if blend:
        with quiet():
            bpy.ops.wm.open_mainfile(filepath=str(blend.resolve()))


@contextmanager
def failing_alone(line: dict[str, Any], photo: object, told: Callable[[str], None] = to_stderr) -> Iterator[None]:
    """Whatever goes wrong with a photo within is told, and stands in its line, and the other photos go on."""
    try:
        yield
    except Exception as error:
        line.update(status="error", error=sentence_of(error, photo))
        told(line["error"])


@contextmanager
def threads(count: int | None) -> Iterator[None]:
    """So many of the networks, and of renders until the scene gets its own number back; None: as many as they like."""
    if not count:
        yield
        return
    set_threads(count)
    render = bpy.context.scene.render
    mode, render.threads_mode = render.threads_mode, "FIXED"  # in which alone the number is the scene's own
    own, render.threads = render.threads, count
    try:
        yield
    finally:
        render.threads, render.threads_mode = own, mode


def save_overlay(photo: Photo, camera: Camera, sphere: Sphere, render: Render, path: Path) -> np.ndarray:
    """Saves the photo with the model over it that has this sphere, and gives the model alone: (H, W, 4) uint8, at most
    OVERLAY_SIDE px."""
    rgba = model_in_photo(camera, sphere, render, OVERLAY_SIDE)
    save_picture(overlay(photo, rgba), path)
    return rgba


def sureness(line: dict[str, Any]) -> str:
    """Of a photo's line in results.jsonl."""
    return "not verified" if line["confidence"] is None else f"confidence {line['confidence']:.2f}"


def save_contact_sheet(folder: Path, lines: Sequence[dict[str, Any]], stems: Sequence[str]) -> None:
    """contact_sheet.png of the photos' lines in results.jsonl and the overlays that are saved under stems."""
    cells = []
    for line, stem in zip(lines, stems, strict=True):
        name, text = printable(Path(line["photo"] or "").name), line["error"]
        picture = None
        if text is None:
            text = f"{line['model']}, {sureness(line)}"
            picture = load_photo(folder / f"{stem}_overlay.png").image
        cells.append(Cell(picture, name, text))
    save_picture(contact_sheet(cells), folder / "contact_sheet.png")


def save_scene(path: Path) -> None:
    """PoseError where it cannot be written."""
    with writing(path):
        try:
            with quiet():
                bpy.ops.wm.save_as_mainfile(filepath=str(path.resolve()), copy=True)
        except RuntimeError as error:  # "Error: Cannot open file … for writing: Permission denied"
            raise OSError(str(error).strip().rpartition(": ")[2]) from error


def add_camera_of(line: dict[str, Any], photo: Photo, sphere: Sphere, there: list[bpy.types.Object]) -> None:
    """Sets up the camera again of the photo's line in results.jsonl."""
    fields = line["camera"]
    add_camera(photo, camera_of_fields(fields), sphere, there, fields["sensor_width"] or DEFAULT_SENSOR)


def add_camera(
    photo: Photo, camera: Camera, sphere: Sphere, there: list[bpy.types.Object], sensor: float = DEFAULT_SENSOR
) -> bpy.types.Object:
    """Sets up the photo's camera in the scene, whose render frame gets the size of the first photo.

    It joins those that are there for other photos, or for this one with another box.
    sensor: longer side of the photo's, mm, by which the lens is told.
    """
    current = bpy.context.scene
    first = not any(cameras.PHOTO in obj for obj in current.objects)
    how = {"orthographic": camera.is_orthographic, "beside": sphere.radius, "but": there}
    camera_object = cameras.camera_for_photo(current, photo.path, **how)
    there.append(camera_object)
    cameras.write_camera(current, camera_object, camera, model=sphere, sensor=sensor, set_resolution=first)
    cameras.show_photo(camera_object, photo)
    return camera_object
