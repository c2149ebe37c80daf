"""What the headless commands share: opening the scene, and writing pictures, cameras and files."""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path
from typing import Any

import bpy
from PIL import Image

from ..inference.errors import PoseError
from ..inference.geometry import Camera, Sphere, blender_axes
from ..inference.image import Photo
from . import scene
from .rendering import quiet


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


def use_threads(count: int | None) -> None:
    """Of torch and of renders; None: as many as they like."""
    if count:
        import torch

        torch.set_num_threads(count)
        bpy.context.scene.render.threads_mode, bpy.context.scene.render.threads = "FIXED", count


def make_folder(folder: Path) -> None:
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
