"""What is nudged, pinned or judged: a camera with the model that it looks at, as they were before."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import bpy
import numpy as np

from ...inference.errors import PoseError
from ...inference.geometry import Camera, Sphere
from ...inference.pose.nudging import Nudge, nudged
from ...inference.steps import Steps, all_aside, aside, shares, within
from ...preferences import preferred
from ..blender import cameras
from ..blender.match_record import photo_of
from ..blender.models import evaluated
from ..pictures.camera_view import shown_model
from ..running.long_operator import require_packages

if TYPE_CHECKING:
    from ...inference.photo.image import Photo
    from ...inference.verify.refinement import Verified
    from ...inference.views.view_options import ViewOptions
    from ...properties import PhotoPoseSettings


class Subject(NamedTuple):
    """A camera as it was, in px of its photo if it has one, and the model that it looks at."""

    photo: Photo | None
    camera: Camera
    sensor: float  # mm, of the picture's longer side
    root: bpy.types.Object
    sphere: Sphere
    vertices: np.ndarray

    @classmethod
    def read(cls, current: bpy.types.Scene, to_change: bool = True) -> Subject:
        """to_change: whether the camera is to get another pose, which not every one can."""
        require_packages("PIL")
        camera_object = cameras.active_camera(current, to_change)
        photo = photo_of(current, camera_object) if cameras.PHOTO in camera_object else None
        size = photo.size if photo else None
        camera = cameras.read_camera(current, camera_object, size)
        root = shown_model(current, camera_object, camera)
        with evaluated(root) as model:
            if camera.to_camera(model.sphere.center)[2] <= 0:
                raise PoseError(f'The camera {camera_object.name} does not look at "{root.name}".')
            sensor = cameras.sensor_of(current, camera_object, size)
            return cls(photo, camera, sensor, root, model.sphere, model.vertices)

    def views(self, settings: PhotoPoseSettings) -> ViewOptions:
        """The training views that tell how well the camera sees the model."""
        from ...inference.views.view_options import ViewOptions, sphere_for

        height = self.camera.position[2] - self.sphere.center[2]
        return ViewOptions(sphere_for(settings.stands, height), settings.subdivisions, device=preferred().device)

    def changed(self, nudge: Nudge, strength: float) -> Camera:
        camera = self.camera
        if camera.is_orthographic:  # its lens is its distance
            nudge = nudge._replace(distance=nudge.distance / nudge.lens, lens=1.0)
        if strength != 1:
            camera = strengthened(camera, strength, self.sphere, self.vertices)
        return nudged(camera, self.sphere.center, nudge)

    def write(self, current: bpy.types.Scene, camera: Camera) -> None:
        """Gives camera to the scene's active camera, which must be the one that was read."""
        cameras.write_camera(current, current.camera, camera, model=self.sphere, sensor=self.sensor)


def strengthened(camera: Camera, strength: float, sphere: Sphere, vertices: np.ndarray) -> Camera:
    """With stronger perspective, as in inference; PoseError where there is none."""
    from ...inference.verify.lens import strengthened

    if camera.is_orthographic:
        raise PoseError("The camera is orthographic: it has no perspective to be changed.")
    return strengthened(camera, strength, sphere, vertices)


def judged(
    views: ViewOptions, subject: Subject, box: tuple[float, ...], seen_by: list[Camera]
) -> Steps[list[Verified]]:
    """What each of the cameras sees of the subject's model, beside its photo, with scores that compare; box: zeros
    where none is known."""
    from ...inference.matching import aligner, crops_for, extractor
    from ...inference.photo.checks import checked_box
    from ...inference.verify.candidates import judge
    from ..pictures.model_targets import prepare, target_renderer
    from ..pictures.view_cache import cache_folder

    known = checked_box(box, subject.photo.size) if any(box) else None
    (target,) = yield from within(prepare([subject.root], views, cache_folder()), 0.0, 0.5)
    extract, see, found = extractor(views.network, views.device), (yield from aside(aligner, views.device)), []
    with target_renderer() as renderer:
        for camera, part in shares(seen_by, 0.5, 1.0):
            crops = crops_for(subject.photo, camera, known, extract)
            found.append((yield from within(all_aside(judge)(crops, target, camera, renderer, see), *part)))
    return found
