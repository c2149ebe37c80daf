"""The operator that matches the active camera to a photo."""

from __future__ import annotations

from typing import TYPE_CHECKING

import bpy
import numpy as np
from bpy.props import (
    BoolProperty,
    EnumProperty,
    FloatProperty,
    FloatVectorProperty,
    IntProperty,
    StringProperty,
)

from ..inference.errors import PoseError
from ..inference.geometry import Camera
from ..inference.steps import Steps, within
from ..properties import FOCAL_ITEMS, METHOD_ITEMS, NETWORK_SEARCH, SPHERE_ITEMS
from . import scene
from .models import chosen_models
from .steps import StepsOperator, require_packages

if TYPE_CHECKING:
    from ..inference.image import Photo
    from ..inference.pose import Candidate, Target


class PHOTOPOSE_OT_match_photo(StepsOperator, bpy.types.Operator):
    bl_idname = "photopose.match_photo"
    bl_label = "Match Camera to Photo"
    bl_description = "Set the active camera so that the model lies on the photo"
    bl_options = {"REGISTER", "UNDO"}

    filepath: StringProperty(name="Photo", subtype="FILE_PATH")
    box: FloatVectorProperty(name="Box", size=4, description="Left, top, right, bottom in pixels; zeros: found")
    focal_source: EnumProperty(name="Focal Length", items=FOCAL_ITEMS)
    lens: FloatProperty(name="Lens", default=50, description="Focal length in millimetres")
    sensor: FloatProperty(name="Sensor", default=36, description="Longer side of the sensor in millimetres")
    sphere: EnumProperty(name="View Sphere", items=SPHERE_ITEMS)
    subdivisions: IntProperty(name="Subdivisions", default=3, min=0, max=4)
    any_roll: BoolProperty(name="Any Roll", description="The photo may be turned, or the object lie on its side")
    network: StringProperty(**NETWORK_SEARCH)
    method: EnumProperty(name="Method", items=METHOD_ITEMS)
    use_photo_size: BoolProperty(name="Set Render Size", description="Make the render as large as the photo")

    def steps(self, context: bpy.types.Context) -> Steps[None]:
        require_packages()
        from ..inference.image import checked_box, load_photo
        from .matching import find_and_match, prepare, target_renderer
        from .views import ViewOptions, cache_folder

        if not self.filepath:
            raise PoseError("Choose a photo first.")
        photo = load_photo(bpy.path.abspath(self.filepath))
        box = checked_box(self.box, photo.size) if any(self.box) else None
        camera = self._camera(context, photo)
        network = bpy.path.abspath(self.network)
        views = ViewOptions(self.sphere, self.subdivisions, network=network)
        preparing = prepare(chosen_models(context.scene), views, cache_folder())
        targets = yield from within(preparing, 0.0, 0.8)
        with target_renderer() as renderer:
            free_lens = self.focal_source == "PHOTO" and photo.exif_focal is None
            mask = None if photo.alpha is None else np.array(photo.alpha) >= 128
            options = {"mask": mask, "any_roll": self.any_roll, "method": self.method, "free_lens": free_lens}
            finding = find_and_match(photo, camera, box, targets, renderer, network=network, **options)
            _box, found = yield from within(finding, 0.8, 1.0)
        self._write(context, photo, found.candidates[0], targets)

    def _camera(self, context: bpy.types.Context, photo: Photo) -> Camera:
        """The photo's camera, its lens from where the user says."""
        from .matching import photo_camera

        if self.focal_source == "LENS":
            return photo_camera(photo, lens=self.lens, sensor=self.sensor)
        if self.focal_source == "PHOTO":
            return photo_camera(photo)
        if context.scene.camera is None:
            raise PoseError("The scene has no active camera to take the lens from.")
        return photo_camera(photo, focal=scene.read_camera(context.scene, context.scene.camera, photo.size).focal)

    def _write(self, context: bpy.types.Context, photo: Photo, best: Candidate, targets: list[Target]) -> None:
        from .matching import summary

        sphere = next(target.sphere for target in targets if target.name == best.model)
        camera_object = scene.camera_for_photo(context.scene, photo.path)
        scene.write_camera(context.scene, camera_object, best.camera, model=sphere, set_resolution=self.use_photo_size)
        scene.show_photo(camera_object, photo)
        scene.view_through_camera(context)
        context.scene.photo_pose.result = summary(best, sphere)
        self.report({"INFO"}, context.scene.photo_pose.result)


classes = (PHOTOPOSE_OT_match_photo,)
