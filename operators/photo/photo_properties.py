"""What operators that look for models in a photo ask for; the panel fills it from the scene's settings."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import bpy
import numpy as np
from bpy.props import FloatVectorProperty, StringProperty

from ...inference.errors import PoseError
from ...inference.geometry import Box, Camera
from ...inference.look import DEFAULT_LOOK, Look
from ...preferences import preferred
from ...properties import OURS, RELATIVE, LookProperties
from ..blender import cameras
from ..blender.photo_files import read_photo

if TYPE_CHECKING:
    from ...inference.photo.focal_length import Focal
    from ...inference.photo.image import Photo
    from ...inference.views.view_options import ViewOptions


class LookingProperties(LookProperties):
    """Mixin: how photos are looked at, as matching wants it."""

    def views_and_cache(self) -> tuple[ViewOptions, Path]:
        from ...inference.views.view_options import ViewOptions, sphere_for
        from ..pictures.view_cache import cache_folder

        look = self.look()
        sphere = sphere_for(self.stands)
        return ViewOptions(sphere, self.subdivisions, network=look.network, device=look.device), cache_folder()

    def look(self, method: str = DEFAULT_LOOK.method) -> Look:
        return Look(method, self.stands, network=bpy.path.abspath(self.network), device=preferred().device)

    def focal_of(self, photo: Photo) -> Focal | None:
        """How far the photo's focal length is known; None: it is given."""
        from ...inference.matching import photo_focal

        return photo_focal(photo) if self.focal_source == "PHOTO" else None

    def camera_of(self, context: bpy.types.Context, photo: Photo) -> Camera:
        """The photo's camera, its lens from where the user says."""
        from ...inference.matching import photo_camera

        if self.focal_source == "LENS":
            return photo_camera(photo, lens=self.lens, sensor=self.sensor)
        if self.focal_source != "CAMERA":
            return photo_camera(photo, orthographic=self.focal_source == "ORTHO")
        if context.scene.camera is None:
            raise PoseError("The scene has no active camera to take the lens from.")
        return cameras.read_camera(context.scene, context.scene.camera, photo.size).placed(np.eye(4))


def photo_sensor(source: bpy.types.Operator, current: bpy.types.Scene, size: tuple[int, int]) -> float:
    """Longer side in mm of the sensor of a photo of size by which source, with a `focal_source`, tells its lens."""
    from ...inference.photo.checks import DEFAULT_SENSOR

    if source.focal_source == "LENS":
        return source.sensor
    if source.focal_source == "CAMERA" and current.camera:
        return cameras.sensor_of(current, current.camera, size)
    return DEFAULT_SENSOR


class PhotoProperties(LookingProperties):
    """Mixin: also the photo and the box."""

    filepath: StringProperty(
        name="Photo",
        subtype="FILE_PATH",
        options={"SKIP_SAVE"} | RELATIVE,
        description="Picture of the object: a file, or the name of an image of this .blend",
    )
    box: FloatVectorProperty(
        name="Box", translation_context=OURS, size=4, description="Left, top, right, bottom in pixels; zeros: found"
    )

    def photo_box_camera(self, context: bpy.types.Context) -> tuple[Photo, Box | None, Camera]:
        """PoseError where one of them is of no use."""
        from ...inference.photo.checks import checked_box

        if not self.filepath:
            raise PoseError("Choose a photo first.")
        photo = read_photo(self.filepath)
        box = checked_box(self.box, photo.size) if any(self.box) else None
        return photo, box, self.camera_of(context, photo)
