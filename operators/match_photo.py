"""The operator that matches the active camera to a photo."""

from __future__ import annotations

from typing import TYPE_CHECKING

import bpy
import numpy as np
from bpy.props import BoolProperty, EnumProperty, StringProperty

from ..inference.steps import Steps, within
from ..properties import METHOD_ITEMS
from . import scene
from .models import chosen_models
from .photo_properties import PhotoProperties
from .steps import StepsOperator, require_packages

if TYPE_CHECKING:
    from ..inference.image import Photo
    from ..inference.pose import Candidate, Target


class PHOTOPOSE_OT_match_photo(PhotoProperties, StepsOperator, bpy.types.Operator):
    bl_idname = "photopose.match_photo"
    bl_label = "Match Camera to Photo"
    bl_description = "Set the active camera so that the model lies on the photo"
    bl_options = {"REGISTER", "UNDO"}

    method: EnumProperty(name="Method", items=METHOD_ITEMS, description="How the pose is found")
    model: StringProperty(name="Model", options={"SKIP_SAVE"}, description="Only this one")
    use_photo_size: BoolProperty(name="Set Render Size", description="Make the render as large as the photo")

    def steps(self, context: bpy.types.Context) -> Steps[None]:
        require_packages()
        from .matching import find_and_match, prepare, target_renderer

        photo, box, camera = self.photo_box_camera(context)
        roots = chosen_models(context.scene, [self.model] if self.model else None)
        views, cache = self.views_and_cache()
        targets = yield from within(prepare(roots, views, cache), 0.0, 0.8)
        with target_renderer() as renderer:
            free_lens = self.focal_source == "PHOTO" and photo.exif_focal is None
            mask = None if photo.alpha is None else np.array(photo.alpha) >= 128
            options = {"mask": mask, "any_roll": self.any_roll, "method": self.method, "free_lens": free_lens}
            options |= {"network": views.network, "device": views.device}
            finding = find_and_match(photo, camera, box, targets, renderer, **options)
            _box, found = yield from within(finding, 0.8, 1.0)
        self._write(context, photo, found.candidates[0], targets)

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
