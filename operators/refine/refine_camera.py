"""The operator that improves a camera that already sees a model about as the photo does."""

from __future__ import annotations

from typing import TYPE_CHECKING

import bpy
from bpy.app.translations import pgettext_rpt as rpt_
from bpy.props import FloatVectorProperty, StringProperty

from ...inference.errors import PoseError
from ...inference.steps import Steps, within
from ...preferences import preferred
from ...properties import OURS, RELATIVE, LockProperties, ViewProperties
from ..blender import cameras
from ..blender.match_record import distortion_of, keep_score, known_score, lens_of, show_straight
from ..blender.models import chosen_models, evaluated, scene_object
from ..blender.photo_files import kept, located, path_of, read_photo
from ..blender.result_text import distortion_told
from ..running.long_operator import MATCHING, StepsOperator

if TYPE_CHECKING:
    from ...inference.photo.distortion import Distortion
    from ...inference.photo.image import Photo
    from ...inference.search.start_poses import Target
    from ...inference.verify.candidates import Candidate


class PHOTOPOSE_OT_refine_camera(ViewProperties, LockProperties, StepsOperator, bpy.types.Operator):
    bl_idname = "photopose.refine_camera"
    bl_label = "Refine Camera"
    bl_description = "Move the active camera, as far as locks allow, until the model it sees lies better on the photo"
    phases = MATCHING

    filepath: StringProperty(
        name="Photo", subtype="FILE_PATH", options=RELATIVE, description="Default: the one the camera belongs to"
    )
    box: FloatVectorProperty(
        name="Box", translation_context=OURS, size=4, description="Left, top, right, bottom in pixels; zeros: not known"
    )
    object: StringProperty(name="Model", options={"SKIP_SAVE"}, description="Default: what is nearest to the middle")

    def steps(self, context: bpy.types.Context) -> Steps[None]:
        from ...inference.matching import possible_locks, refine
        from ...inference.photo.checks import checked_box
        from ...inference.pose.alignment import Locks
        from ...inference.views.view_options import ViewOptions, sphere_for
        from ..blender.models import model_in_view
        from ..pictures.model_targets import prepare, target_renderer
        from ..pictures.view_cache import cache_folder

        camera_object = cameras.active_camera(context.scene)
        photo = read_photo(self._path(camera_object))
        box = checked_box(self.box, photo.size) if any(self.box) else None
        camera = cameras.read_camera(context.scene, camera_object, photo.size)
        locks = possible_locks(camera, Locks(*(getattr(self, f"lock_{name}") for name in Locks._fields)))
        roots = chosen_models(context.scene, [self.object] if self.object else None, self.warn)
        root = model_in_view(roots, camera, box)
        with evaluated(root) as model:
            sphere = sphere_for(self.stands, camera.position[2] - model.sphere.center[2])
        views = ViewOptions(sphere, self.subdivisions, device=preferred().device)
        preparing = prepare([root], views, cache_folder(), self.warn)
        (target,) = yield from within(preparing, 0.0, 0.5)
        with target_renderer() as renderer:
            known = distortion_of(camera_object, camera.focal)
            how = {"box": box, "locks": locks, "distortion": known, "device": views.device}
            refining = refine(photo, camera, target, renderer, **how)
            before, after = yield from within(refining, 0.5, 1.0)
        if after.score > before.score:
            known = known_score(context.scene, camera_object)
            before_that = lens_of(camera_object.data.photo_pose, camera.focal)
            # what stays near a guess is not known much better
            deviation = max(after.lens_deviation, before_that.deviation)
            after = after._replace(lens_deviation=deviation, lens_by=after.lens_by or before_that.by)
            self._write(context, camera_object, photo, after, target)
            gained = None if known is None else known + after.score - before.score
            root = scene_object(context.scene, target.name)
            keep_score(context.scene, root, after.camera, target.sphere, gained, after.known_lens)
        else:
            self.outcome = "CANCELLED"
            told = rpt_("The camera stays as it was: nothing better was found (score {score:.2f})")
            told = told.format(score=before.score) + distortion_told(after.distortion)
            self.report({"INFO"}, told)

    def _path(self, camera_object: bpy.types.Object) -> str:
        """`located` of the photo."""
        own = path_of(camera_object)
        if not (self.filepath or own):
            raise PoseError("Choose a photo first.")
        path = located(self.filepath or own)
        if own not in (None, path):
            raise PoseError(f"The camera {camera_object.name} belongs to another photo, '{own}'.")
        return path

    def _write(
        self,
        context: bpy.types.Context,
        camera_object: bpy.types.Object,
        photo: Photo,
        best: Candidate,
        target: Target,
    ) -> None:
        from ..blender.result_text import summary

        sensor = cameras.sensor_of(context.scene, camera_object, photo.size)
        camera_object[cameras.PHOTO] = kept(self.filepath or photo.path)
        cameras.write_camera(context.scene, camera_object, best.camera, model=target.sphere, sensor=sensor)
        show_straight(camera_object, photo, best.camera, _lens(camera_object, best))
        cameras.view_through_camera(context)
        context.scene.photo_pose.result = summary(best, target.sphere, camera_object.data)
        self.report({"INFO"}, context.scene.photo_pose.result)


def _lens(camera_object: bpy.types.Object, best: Candidate) -> Distortion | None:
    """That by which the photo is straightened now: the candidate's, where it was asked for, else as before."""
    from ...inference.photo.distortion import Distortion

    if best.distortion:
        return best.distortion if best.distortion.coefficients.any() else None
    known = distortion_of(camera_object, best.camera.focal)
    return Distortion(known, camera_object.data.photo_pose.distortion_deviation) if known.any() else None


classes = (PHOTOPOSE_OT_refine_camera,)
