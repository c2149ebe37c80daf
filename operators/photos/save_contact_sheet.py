"""The operator that saves one picture of all photos of the list, the models laid over them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import bpy
from bpy.app.translations import pgettext_rpt as rpt_
from bpy.app.translations import pgettext_tip as tip_
from bpy.props import BoolProperty, StringProperty

from ...inference.errors import PoseError, printable
from ...inference.steps import Steps, shares
from ..blender import cameras
from ..blender.match_record import as_seen, is_sure
from ..blender.models import evaluated
from ..blender.photo_files import read_photo
from ..running.long_operator import FileOperator

if TYPE_CHECKING:
    from ...inference.photo.contact_sheet import Cell
    from ...inference.views.templates import Render


class PHOTOPOSE_OT_contact_sheet(FileOperator, bpy.types.Operator):
    bl_idname = "photopose.contact_sheet"
    bl_label = "Save Contact Sheet"
    bl_description = "Save one picture of all photos of the list, their models laid over them as their cameras see them"
    bl_options = set()
    needs = ("PIL",)
    suggested = "contact_sheet.png"

    filepath: StringProperty(
        name="File", subtype="FILE_PATH", options={"SKIP_SAVE"}, description="The picture that is written"
    )
    check_existing: BoolProperty(default=True, options={"HIDDEN"})
    filter_image: BoolProperty(default=True, options={"HIDDEN", "SKIP_SAVE"})

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        possible = len(context.scene.photo_pose.photos) > 0
        if not possible:
            cls.poll_message_set(tip_, "Add photos to the list first")
        return possible

    def steps(self, context: bpy.types.Context) -> Steps[None]:
        if not self.filepath:
            raise PoseError("Choose a file for the contact sheet.")
        from ...inference.photo.contact_sheet import contact_sheet
        from ..pictures.model_targets import model_renderer
        from ..pictures.saving import save_picture

        path = Path(bpy.path.ensure_ext(bpy.path.abspath(self.filepath), ".png"))
        photos, cells = context.scene.photo_pose.photos, []
        with model_renderer() as renderer:
            for item, (began, _done) in shares(photos):
                yield began
                cells.append(_cell(context.scene, item, renderer))
        save_picture(contact_sheet(cells), path)
        self.report({"INFO"}, rpt_("Contact sheet saved as {path}").format(path=printable(str(path))))


def _cell(current: bpy.types.Scene, item: bpy.types.PropertyGroup, renderer: Callable[[str], Render]) -> Cell:
    """The photo with its model over it, as its camera sees it now, where it has one."""
    from ...inference.photo.contact_sheet import SIDE, Cell
    from ...inference.photo.overlay_picture import overlay
    from ..pictures.saving import model_in_photo

    try:
        photo = read_photo(item.path)
    except PoseError as error:
        return Cell(None, item.name, str(error))
    present = current.objects[:]
    known = item.camera.data.photo_pose if item.camera in present else None
    if not (known and known.model in present):
        return Cell(photo.image, item.name, item.message)
    try:
        camera = cameras.read_camera(current, item.camera, photo.size)
        with evaluated(known.model) as model:
            key, sphere = model.name, model.sphere
    except PoseError as error:
        return Cell(photo.image, item.name, str(error))
    rgba = model_in_photo(camera, sphere, renderer(key), SIDE)
    sure = f"confidence {known.confidence:.2f}" if known.verified else "not verified"
    sure = sure if is_sure(current, item.camera) else "adjusted"
    return Cell(overlay(as_seen(photo, item.camera, camera), rgba), item.name, f"{key}, {sure}")


classes = (PHOTOPOSE_OT_contact_sheet,)
