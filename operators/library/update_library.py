"""Operators that make a library of the models of folders, and bring it up to date."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import bpy
from bpy.app.translations import pgettext_n as n_
from bpy.app.translations import pgettext_rpt as rpt_
from bpy.props import EnumProperty, StringProperty

from ...inference.errors import PoseError
from ...inference.steps import Steps
from ...preferences import preferred
from ...properties import LIBRARY
from ..models.add_folder import UP_ITEMS
from ..running.long_operator import FileOperator, StepsOperator
from .library_folder import known_library, library_at, warn_of


class LibraryUpdating(StepsOperator):
    """Mixin: the scene stays as it is, and the library keeps what was made of it when Esc ends that."""

    bl_options = set()
    phases = ((0.0, "Looking for Models"),)
    cancelled = n_("Cancelled: what was made stays in the library")

    library: LIBRARY

    def update(self, scene: bpy.types.Scene, folder: Path, sources: Sequence[Path], up: str | None) -> Steps[None]:
        """sources: model files and folders of them; none: those that it was made of. up: see `update`."""
        from ...inference.library.records import views_of
        from ...inference.views.view_options import ViewOptions, sphere_for
        from .update import begun, found_in, update

        sentences: list[str] = []
        known = views_of(folder)
        settings = scene.photo_pose
        found = found_in(folder, sources, sentences.append)  # without models no library begins
        views = begun(folder, known or ViewOptions(sphere_for(settings.stands), settings.subdivisions), sources)
        views = views._replace(device=preferred().device)
        outcome = yield from update(folder, found, views, up=up, warn=sentences.append)
        told = rpt_("Model files: {made} made, {kept} as they were, {removed} removed, {failed} failed")
        failed = len(outcome.failed)
        self.report({"INFO"}, told.format(**outcome._replace(failed=failed)._asdict()))
        warn_of([*outcome.failed, *sentences], self.warn)


class PHOTOPOSE_OT_add_to_library(LibraryUpdating, FileOperator, bpy.types.Operator):
    bl_idname = "photopose.add_to_library"
    bl_label = "Add Folder to Library"
    bl_description = "Make training views of all model files of a folder and the folders in it, in the library's folder"
    asked = "directory"

    directory: StringProperty(
        name="Folder", subtype="DIR_PATH", description="Where the files are", options={"SKIP_SAVE"}
    )
    up: EnumProperty(name="Up", items=UP_ITEMS, description="Which axis points up in the files")

    def invoke(self, context: bpy.types.Context, event: bpy.types.Event) -> set[str]:
        """Whoever has chosen no library is told so before the file browser opens."""
        return super().invoke(context, event) if self.library else self.execute(context)

    def steps(self, context: bpy.types.Context) -> Steps[None]:
        folder = library_at(self.library)
        if not self.directory:
            raise PoseError("Choose a folder with model files.")
        source = Path(bpy.path.abspath(self.directory))
        yield from self.update(context.scene, folder, [source], "" if self.up == "FILE" else self.up)


class PHOTOPOSE_OT_update_library(LibraryUpdating, bpy.types.Operator):
    bl_idname = "photopose.update_library"
    bl_label = "Update Library"
    bl_description = (
        "Look through the library's folders again: make what is new, changed or damaged, and remove what is gone"
    )

    def steps(self, context: bpy.types.Context) -> Steps[None]:
        yield from self.update(context.scene, known_library(self.library), [], None)


classes = (PHOTOPOSE_OT_add_to_library, PHOTOPOSE_OT_update_library)
