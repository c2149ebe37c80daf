"""The operator that matches the active camera to a photo, also to one that is dropped on a 3D view."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import bpy
from bpy.app.translations import pgettext_rpt as rpt_
from bpy.props import BoolProperty, StringProperty

from ...inference.geometry import Box, Camera
from ...inference.look import AUTOMATIC
from ...inference.steps import Steps, within
from ...properties import METHOD, RENDER_SIZE
from ..blender import cameras
from ..blender.match_record import Shown, lines_without_of, note, show_candidates, store_match
from ..blender.models import chosen_models
from ..blender.photo_files import kept, located
from ..blender.shown_models import show_only
from ..compare import compare_views
from ..pictures.camera_view import frame_camera
from ..running.long_operator import MATCHING, FileOperator
from .match_presets import KEPT
from .photo_properties import PhotoProperties, photo_sensor

if TYPE_CHECKING:
    from ...inference.matching import Match
    from ...inference.photo.image import Photo
    from ...inference.search.start_poses import Target
    from ...inference.views.view_options import ViewOptions
    from ...properties import PhotoPoseSettings


class Found(NamedTuple):
    """A photo's match, of which nothing is written yet."""

    photo: Photo
    box: Box
    match: Match
    targets: list[Target]
    shown: Shown


class PhotoMatching(PhotoProperties):
    """Mixin of what matches the active camera to a photo."""

    method: METHOD
    use_photo_size: RENDER_SIZE

    def find(
        self,
        context: bpy.types.Context,
        asked: tuple[Photo, Box | None, Camera],
        roots: Sequence[bpy.types.Object],
        views: ViewOptions,
        cache: Path,
    ) -> Steps[Found]:
        """Matches the photo, as `photo_box_camera` gives it, with models whose training views the cache has."""
        from ...inference.matching import find_and_match
        from ..pictures.model_targets import all_around, prepare, target_renderer

        photo, box, camera = asked
        targets = yield from within(prepare(roots, views, cache, self.warn), 0.0, 0.5)
        with target_renderer() as renderer:
            told = {"lens": self.focal_of(photo), "mask": photo.mask}
            told["all_around"] = all_around(roots, *self.views_and_cache())
            told["without_lines"] = lines_without_of(context.scene, photo.path)
            finding = find_and_match(photo, camera, box, targets, renderer, self.look(self.method), **told)
            box, found = yield from within(finding, 0.5, 1.0)
            shown = show_candidates(photo, box, found.candidates, targets, renderer)
        return Found(photo, box, found, targets, shown)

    def write(self, context: bpy.types.Context, found: Found) -> None:
        """Gives the match to the photo's camera."""
        from ..blender.result_text import lies, new_camera, other_lens, summary

        photo, match = found.photo, found.match
        best, spheres = match.candidates[0], {target.name: target.sphere for target in found.targets}
        sphere, sensor = spheres[best.model], photo_sensor(self, context.scene, photo.size)
        orthographic, active = best.camera.is_orthographic, context.scene.camera
        why = cameras.passed_over(context.scene, self.filepath, orthographic)
        camera_object = cameras.camera_for_photo(
            context.scene, self.filepath, orthographic=orthographic, beside=sphere.radius
        )
        how = {"model": sphere, "sensor": sensor, "set_resolution": self.use_photo_size}
        cameras.write_camera(context.scene, camera_object, best.camera, **how)
        cameras.show_photo(camera_object, photo)
        store_match(camera_object, match, spheres, found.shown, sensor)
        hidden = show_only(context.scene, context.view_layer, camera_object.data.photo_pose.model)
        frame_camera(context)
        context.scene.photo_pose.result = summary(best, sphere, camera_object.data)
        note(context.scene, photo.path, camera_object, context.scene.photo_pose.result)
        compare_views.show_match(context)
        told = rpt_(", other listed models are hidden") if hidden else ""
        self.report({"INFO"}, context.scene.photo_pose.result + told)
        if why:
            self.warn(new_camera(active, why, camera_object))
        if self.stands == AUTOMATIC and match.verified and lies(best.camera, sphere):
            told = rpt_(
                '"{name}" lies in this photo, or that is turned: where the object stands, turn the model upright'
            )
            self.warn(told.format(name=best.model))
        if best.known_lens.lines_differ:
            self.warn(other_lens())


class PHOTOPOSE_OT_match_photo(PhotoMatching, FileOperator, bpy.types.Operator):
    bl_idname = "photopose.match_photo"
    bl_label = "Match Camera to Photo"
    bl_description = "Set the active camera so that the model lies on the photo"
    phases = MATCHING

    model: StringProperty(name="Model", options={"SKIP_SAVE"}, description="Only this one")
    remember: BoolProperty(options={"SKIP_SAVE", "HIDDEN"}, description="Show the photo and its box in the panel")
    filter_image: BoolProperty(default=True, options={"SKIP_SAVE", "HIDDEN"})
    filter_folder: BoolProperty(default=True, options={"SKIP_SAVE", "HIDDEN"})

    def invoke(self, context: bpy.types.Context, event: bpy.types.Event | None) -> set[str]:
        """One gesture: whoever gives no box, as the panel does, wants all as the scene's settings say."""
        if not self.properties.is_property_set("box"):
            self._take_settings(context.scene.photo_pose)
        if not self.filepath:
            self.remember, self.box = True, (0, 0, 0, 0)
        return super().invoke(context, event)

    def _take_settings(self, settings: PhotoPoseSettings) -> None:
        """The photo stays where one is given; nobody knows the box of another one than the scene's."""
        self.remember, self.filepath = True, self.filepath or settings.photo
        for name in KEPT:
            setattr(self, name, getattr(settings, name))
        same = located(self.filepath) == located(settings.photo)
        self.box = settings.known_box if same else (0, 0, 0, 0)

    def steps(self, context: bpy.types.Context) -> Steps[None]:
        asked = self.photo_box_camera(context)
        roots = chosen_models(context.scene, [self.model] if self.model else None, self.warn)
        found = yield from self.find(context, asked, roots, *self.views_and_cache())
        self.write(context, found)
        if self.remember:
            settings = context.scene.photo_pose
            settings.photo, settings.box = kept(self.filepath), found.box
            settings.box_found = found.match.located


def _passed_over(current: bpy.types.Scene) -> str:
    """Before a match that the panel's settings ask for."""
    settings, active = current.photo_pose, current.camera
    kind = active.data.type if active and active.type == "CAMERA" else ""
    orthographic = settings.focal_source == "ORTHO" or (settings.focal_source == "CAMERA" and kind == "ORTHO")
    why = cameras.passed_over(current, settings.photo, orthographic)
    return rpt_("{camera} is {why}: the match makes a new one").format(camera=active.name, why=rpt_(why)) if why else ""


class DroppedPhoto:
    """Mixin: what takes a photo, beside Blender's own ways to drop one, which alone are offered where no models are
    listed."""

    bl_file_extensions = ".jpg;.jpeg;.png;.webp;.tif;.tiff;.bmp"

    @classmethod
    def poll_drop(cls, context: bpy.types.Context) -> bool:
        in_view = context.area is not None and context.area.type == "VIEW_3D"
        return in_view and any(item.object for item in context.scene.photo_pose.models)


class PHOTOPOSE_FH_photo(DroppedPhoto, bpy.types.FileHandler):
    bl_idname = "PHOTOPOSE_FH_photo"
    bl_label = "Match Camera to Photo"
    bl_import_operator = "photopose.match_photo"


classes = (PHOTOPOSE_OT_match_photo, PHOTOPOSE_FH_photo)


def register() -> None:
    bpy.types.Scene.photo_pose_passed_over = StringProperty(
        name="Passed Over", get=_passed_over, description="Why a match would make a new camera beside the active one"
    )


def unregister() -> None:
    del bpy.types.Scene.photo_pose_passed_over
