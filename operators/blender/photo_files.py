"""Where photos are: files, by paths as Blender keeps its own so that they move with the .blend, or images in that."""

from __future__ import annotations

import io
import ntpath
import os
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import bpy
import numpy as np
from bpy.app.handlers import persistent

from ...inference.errors import PoseError

if TYPE_CHECKING:
    from ...inference.photo.image import Photo

PHOTO = "photo_pose"  # custom property of cameras, image copies and materials: what photo they belong to, as `kept`
STRAIGHT = "photo_pose_straight"  # of image copies: whether they are without their lens's distortion
SIZE = "photo_pose_size"  # of image copies: of the photo, which may be larger
_rebased: list[tuple[bpy.types.bpy_struct, str, str]] = []  # while Blender saves elsewhere: what paths were before
_saved_as: list[str] = []  # and where the .blend was


def located(told: str | Path, library: bpy.types.Library | None = None) -> str:
    """Absolute path of a photo, whether its file is there or not; or the name of an image of the .blend without one.

    told: as `kept`, by a data-block of the library; a name of an image counts where there is no such file.
    """
    path = os.path.abspath(bpy.path.abspath(str(told), library=library))
    image = None if os.path.isfile(path) else _named(str(told))
    if image is None:
        return path
    return located(image.filepath, image.library) if image.filepath else image.name


def kept(told: str | Path) -> str:
    """What is written down of a photo: as Blender's file browser, relative to a saved .blend where the user prefers
    that, or gave it so, on the same drive."""
    path = located(told)
    followed = hasattr(bpy.types.Scene, "photo_pose")  # else nothing takes relative paths along when Blender saves
    relative = followed and (bpy.context.preferences.filepaths.use_relative_paths or str(told).startswith("//"))
    same_drive = os.path.isabs(path) and Path(path).drive == Path(bpy.data.filepath).drive
    return bpy.path.relpath(path) if bpy.data.is_saved and relative and same_drive else path


def path_of(camera_object: bpy.types.Object) -> str | None:
    """`located` of the photo that a camera belongs to, None where it belongs to none.

    Where that is gone, but one of this name is among the camera's background images, whose paths Blender itself keeps
    right, it has moved there.
    """
    told = camera_object.get(PHOTO)
    if told is None:
        return None
    path = located(told, camera_object.library)
    if _is_there(path) or camera_object.type != "CAMERA":
        return path
    images = [slot.image for slot in camera_object.data.background_images if slot.image and slot.image.filepath]
    moved = (located(image.filepath, image.library) for image in images)
    name = ntpath.basename(path)  # after any kind of slash: the path may be another system's
    return next((one for one in moved if ntpath.basename(one) == name and _is_there(one)), path)


def read_photo(told: str | Path) -> Photo:
    """As `load_photo`, also of an image in the .blend: by its name, or the packed one where the file is gone."""
    from ...inference.photo.image import load_photo

    path = located(told)
    image = None if os.path.isfile(path) else stand_in(path)
    if image is None:
        return load_photo(path)
    photo = load_photo(path, _content(image))
    return replace(photo, size=tuple(image[SIZE])) if SIZE in image else photo


def stand_in(path: str) -> bpy.types.Image | None:
    """The image of the .blend for a photo `located` there that is no file: of that name, or its packed file or copy."""
    packed = (image for image in bpy.data.images if image.packed_file and image.filepath)
    inside = (image for image in packed if located(image.filepath, image.library) == path)
    return _named(path) or next(inside, None) or copy_of(path)


def _named(name: str) -> bpy.types.Image | None:
    """By comparison, for Blender's own look-up fails at paths that are no UTF-8."""
    return next((image for image in bpy.data.images if image.name == name), None)


def copy_of(path: str, straight: bool = False) -> bpy.types.Image | None:
    """The packed picture of a photo `located` there that Blender would show otherwise.

    straight: without the lens's distortion.
    """
    copies = (image for image in bpy.data.images if PHOTO in image and bool(image.get(STRAIGHT)) == straight)
    return next((image for image in copies if located(image[PHOTO], image.library) == path), None)


def _is_there(path: str) -> bool:
    return os.path.isfile(path) or stand_in(path) is not None


def _content(image: bpy.types.Image) -> bytes:
    """A file of what the image shows; PoseError where it shows nothing."""
    if image.packed_file and not image.is_dirty:
        return image.packed_file.data
    values = np.empty(len(image.pixels), np.float32)
    if not values.size:
        raise PoseError(f'Image "{image.name}" has no pixels that can be read: save it as a file.')
    image.pixels.foreach_get(values)
    if image.is_float:  # which are linear
        values = np.where(values < 0.0031308, 12.92 * values, 1.055 * values.clip(0.0031308) ** (1 / 2.4) - 0.055)
    width, height = image.size
    return _png(values.reshape(height, width, image.channels)[::-1])  # Blender's rows begin at the bottom


def _png(values: np.ndarray) -> bytes:
    """Of (H, W, channels), 1 is white."""
    from PIL import Image

    file = io.BytesIO()
    Image.fromarray((values.clip(0, 1) * 255 + 0.5).astype(np.uint8).squeeze()).save(file, "PNG")
    return file.getvalue()


@persistent
def _rebase(target: str, *_more: object) -> None:
    """Before Blender saves in another folder: as it does with its own relative paths, or in a new .blend with all."""
    before, folder = bpy.data.filepath, os.path.dirname(target)
    _saved_as[:] = [before]
    if not target or folder == os.path.dirname(before):
        return
    all_too = not before and bpy.context.preferences.filepaths.use_relative_paths
    for holder, name in _holders():
        told = _told(holder, name)
        if told.startswith("//") or (all_too and os.path.isabs(told) and Path(told).drive == Path(target).drive):
            _rebased.append((holder, name, told))
            _tell(holder, name, bpy.path.relpath(located(told), start=folder))


@persistent
def _put_back(*_arguments: object) -> None:
    """After it: where that was a copy, or has failed, the open .blend is still the same."""
    if [bpy.data.filepath] == _saved_as:
        for holder, name, told in _rebased:
            _tell(holder, name, told)
    _rebased.clear()


@persistent
def _follow(*_file: object) -> None:
    """In a .blend that is opened: what earlier versions kept as absolute paths, and Blender's own images show moved."""
    for camera_object in [obj for obj in bpy.data.objects if obj.type == "CAMERA" and PHOTO in obj and not obj.library]:
        before, path = located(camera_object[PHOTO]), path_of(camera_object)
        for holder, name in _holders() if path != before else ():
            if located(_told(holder, name)) == before:
                _tell(holder, name, kept(path))


def _holders() -> Iterator[tuple[bpy.types.bpy_struct, str]]:
    """All that keeps the path of a photo or a library, and by which name."""
    for block in (*bpy.data.objects, *bpy.data.images, *bpy.data.materials):
        if PHOTO in block and not block.library:
            yield block, PHOTO
    yield from ((data.photo_pose, "photo") for data in bpy.data.cameras if not data.library)
    for scene in bpy.data.scenes:
        yield scene.photo_pose, "photo"
        yield from ((scene.photo_pose, name) for name in ("board_photo", "library", "searched", "searched_photo"))
        yield from ((item, "path") for item in scene.photo_pose.photos)


def _told(holder: bpy.types.bpy_struct, name: str) -> str:
    return holder[name] if name == PHOTO else getattr(holder, name)


def _tell(holder: bpy.types.bpy_struct, name: str, told: str) -> None:
    if name == PHOTO:
        holder[name] = told
        return
    result = getattr(holder, "result", None)  # of a scene, which forgets it with another photo
    setattr(holder, name, told)
    if result is not None:
        holder.result = result


def _handlers() -> tuple[tuple[list, Callable[..., None]], ...]:
    handlers = bpy.app.handlers
    saving = ((handlers.save_pre, _rebase), (handlers.save_post, _put_back), (handlers.save_post_fail, _put_back))
    return *saving, (handlers.load_post, _follow)


def register() -> None:
    for called, function in _handlers():
        called.append(function)


def unregister() -> None:
    for called, function in _handlers():
        called.remove(function)
