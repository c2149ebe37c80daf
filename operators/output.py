"""What the headless commands share: opening the scene, and writing pictures, cameras and files."""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import bpy
import numpy as np
from PIL import Image

from ..inference.contact_sheet import Cell, contact_sheet
from ..inference.errors import PoseError
from ..inference.geometry import Box, Camera, Sphere, blender_axes
from ..inference.image import Photo, load_photo
from ..inference.overlay import overlay
from ..inference.pose import Candidate, Target
from ..inference.refinement import Renderer
from ..inference.templates import Render
from . import matching, scene
from .models import with_key
from .rendering import in_unit_sphere, quiet

OVERLAY_SIDE = 1024  # px, longer side at most


class Work(NamedTuple):
    """What all photos share."""

    options: argparse.Namespace
    targets: Sequence[Target]
    renderer: Renderer


def open_scene(options: argparse.Namespace) -> None:
    """The module starts from --blend or an empty scene; Blender has already opened what it was told to."""
    blend = getattr(options, "blend", None)
    with quiet():
        if blend and not blend.is_file():
            raise PoseError(f'Scene "{blend}" does not exist.')
        if blend:
            bpy.ops.wm.open_mainfile(filepath=str(blend.resolve()))
        elif hasattr(options, "blend"):
            bpy.ops.wm.read_homefile(use_factory_startup=True, use_empty=True)


def tell(sentence: str) -> None:
    """What went wrong with a photo or a model, on stderr."""
    print(f"photo_pose: {sentence}", file=sys.stderr)


def use_threads(count: int | None) -> None:
    """Of torch and of renders; None: as many as they like."""
    if count:
        import torch

        torch.set_num_threads(count)
        bpy.context.scene.render.threads_mode, bpy.context.scene.render.threads = "FIXED", count


def make_folder(folder: Path) -> None:
    """PoseError where it cannot be made or written."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        raise PoseError(f'Output folder "{folder}" cannot be written ({error.strerror}).') from error


def save_picture(picture: Image.Image, path: Path) -> None:
    try:
        picture.save(path)
    except OSError as error:
        raise PoseError(f'"{path}" cannot be written ({error.strerror}).') from error


def save_overlay(photo: Photo, candidate: Candidate, work: Work, path: Path) -> np.ndarray:
    """Saves the photo with the model over it, and gives the model alone: (H, W, 4) uint8, at most OVERLAY_SIDE px."""
    target = next(target for target in work.targets if target.name == candidate.model)
    rgba = model_in_photo(candidate.camera, target.sphere, work.renderer(target), OVERLAY_SIDE)
    save_picture(overlay(photo, rgba), path)
    return rgba


def model_in_photo(camera: Camera, sphere: Sphere, render: Render, side: int) -> np.ndarray:
    """What the photo's camera in the world sees of a model with this sphere: (H, W, 4) uint8, at most side px."""
    scale = min(1.0, side / max(camera.size))
    size = (round(camera.size[0] * scale), round(camera.size[1] * scale))
    return render(in_unit_sphere(camera, sphere).windowed(Box(0, 0, *camera.size), size)).rgba


def save_contact_sheet(folder: Path, lines: Sequence[dict[str, Any]], stems: Sequence[str]) -> None:
    """contact_sheet.png of the photos' lines in results.jsonl and the overlays that are saved under stems."""
    cells = []
    for line, stem in zip(lines, stems, strict=True):
        name, text = Path(line["photo"]).name, line["error"]
        picture = None
        if text is None:
            known = line["confidence"] is not None
            text = f"{line['model']}, " + (f"confidence {line['confidence']:.2f}" if known else "not verified")
            picture = load_photo(folder / f"{stem}_overlay.png").image
        cells.append(Cell(picture, name, text))
    save_picture(contact_sheet(cells), folder / "contact_sheet.png")


def save_scene(path: Path) -> None:
    try:
        with quiet():
            bpy.ops.wm.save_as_mainfile(filepath=str(path.resolve()), copy=True)
    except RuntimeError as error:
        raise PoseError(f'"{path}" cannot be written.') from error


def add_camera(photo: Photo, camera: Camera, sphere: Sphere) -> bpy.types.Object:
    """Sets up the photo's camera in the scene, whose render frame gets the size of the first photo."""
    current = bpy.context.scene
    first = not any(scene.PHOTO in obj for obj in current.objects)
    camera_object = scene.camera_for_photo(current, photo.path)
    scene.write_camera(current, camera_object, camera, model=sphere, set_resolution=first)
    scene.show_photo(camera_object, photo)
    return camera_object


def blender_camera(camera: Camera) -> dict[str, Any]:
    """For renders of the photo's size."""
    lens = scene.blender_lens(camera)._asdict()
    matrix = blender_axes(camera.camera_to_world).tolist()
    return {"matrix_world": matrix, **lens, "resolution": list(camera.size)}


def described(candidate: Candidate, sphere: Sphere) -> dict[str, Any]:
    """A candidate as in results.jsonl."""
    angles = matching.seen_from(candidate.camera, sphere)
    return {
        "model": candidate.model,
        "opencv": opencv(candidate.camera, with_key(bpy.data.objects, candidate.model)),
        "azimuth": angles.azimuth,
        "elevation": angles.elevation,
        "roll": angles.roll,
        "score": candidate.score,
    }


def opencv(camera: Camera, root: bpy.types.Object) -> dict[str, Any]:
    """K, R, t with x_cam = R x + t for x in root's own coordinates, whose unit t has too."""
    matrix = camera.world_to_camera @ np.array(root.matrix_world)
    left, scales, right = np.linalg.svd(matrix[:3, :3])
    return {
        "K": camera.K.tolist(),
        "R": (left @ right).tolist(),
        "t": (matrix[:3, 3] / scales.mean()).tolist(),
    }
