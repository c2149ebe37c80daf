"""Operators that render the training views: into the cache, or as pictures into a folder."""

from __future__ import annotations

from pathlib import Path

import bpy
from bpy.app.translations import pgettext_rpt as rpt_
from bpy.props import StringProperty

from ...inference.errors import PoseError, printable
from ...inference.steps import Steps, shares, within
from ...preferences import preferred
from ...properties import CROP, PictureProperties
from ..blender.missing_textures import warn_of_lacking
from ..blender.models import chosen_models, evaluated
from ..running.long_operator import FileOperator, StepsOperator


class PictureOptions(PictureProperties):
    """What both operators ask for; the panel fills it from the scene's settings."""

    def view_options(self):
        from ...inference.views.view_options import ViewOptions, sphere_for

        options = sphere_for(self.stands), self.subdivisions, self.background
        return ViewOptions(*options, device=preferred().device)


class PHOTOPOSE_OT_render_views(PictureOptions, StepsOperator, bpy.types.Operator):
    bl_idname = "photopose.render_views"
    bl_label = "Render Training Views"
    phases = ((0.0, "Rendering"),)
    bl_description = "Render the models from all around and keep what matching needs; the scene is not changed"
    bl_options = set()

    def steps(self, context: bpy.types.Context) -> Steps[None]:
        from ..pictures.model_targets import prepare
        from ..pictures.view_cache import cache_folder

        roots = chosen_models(context.scene, warn=self.warn)
        targets = yield from prepare(roots, self.view_options(), cache_folder(), self.warn)
        views = sum(len(target.index.templates.directions) for target in targets)
        told = rpt_("{views} training views of {models} models are ready")
        self.report({"INFO"}, told.format(views=views, models=len(targets)))


class PHOTOPOSE_OT_save_views(PictureOptions, FileOperator, bpy.types.Operator):
    bl_idname = "photopose.save_views"
    bl_label = "Save Training Views"
    phases = ((0.0, "Rendering"),)
    bl_description = "Save pictures of the models from all around to a folder, with their angles"
    bl_options = set()
    asked = "directory"

    crop: CROP
    directory: StringProperty(
        name="Folder", subtype="DIR_PATH", description="Where the pictures go", options={"SKIP_SAVE"}
    )

    def steps(self, context: bpy.types.Context) -> Steps[None]:
        if not self.directory:
            raise PoseError("Choose a folder for the pictures.")
        from ..pictures.rendered_views import save_views

        folder = Path(bpy.path.abspath(self.directory))
        roots = chosen_models(context.scene, warn=self.warn)
        count = 0
        for root, part in shares(roots):
            with evaluated(root) as model:
                warn_of_lacking(model.name, model.lacking, self.warn)
                steps = save_views(model, self.view_options(), self.crop, folder)
                count += yield from within(steps, *part)
        self.report(
            {"INFO"}, rpt_("{count} pictures saved in {folder}").format(count=count, folder=printable(str(folder)))
        )


classes = (PHOTOPOSE_OT_render_views, PHOTOPOSE_OT_save_views)
