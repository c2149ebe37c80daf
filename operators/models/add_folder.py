"""The operator that adds the models of a folder's files to the scene."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import bpy
from bpy.app.translations import pgettext_rpt as rpt_
from bpy.props import EnumProperty, StringProperty

from ...inference.errors import PoseError
from ...inference.steps import Steps, shares
from ..blender.own_data_blocks import added_to, remove
from ..running.long_operator import FileOperator

UP_ITEMS = (
    ("FILE", "By Kind of File", "Y in .obj, .fbx and .glb, Z in .ply and .stl, in .usd as it says"),
    ("Y", "Y", "Also in .ply and .stl"),
    ("Z", "Z", "Also in .obj and .fbx, of programs that have it so: else their models lie on their backs"),
)


class PHOTOPOSE_OT_add_folder(FileOperator, bpy.types.Operator):
    bl_idname = "photopose.add_folder"
    bl_label = "Add Models of a Folder"
    phases = ((0.0, "Importing"),)
    bl_description = "Import all model files of a folder, such as an asset library of .blend files, as models"
    needs = ()
    asked = "directory"

    directory: StringProperty(
        name="Folder", subtype="DIR_PATH", description="Where the files are", options={"SKIP_SAVE"}
    )

    up: EnumProperty(name="Up", items=UP_ITEMS, description="Which axis points up in the files")

    def steps(self, context: bpy.types.Context) -> Steps[None]:
        if not self.directory:
            raise PoseError("Choose a folder with model files.")
        from .model_files import model_files

        files = model_files(Path(bpy.path.abspath(self.directory)))
        roots = yield from imported(context.scene, files, "" if self.up == "FILE" else self.up)
        listed = {item.object for item in context.scene.photo_pose.models}
        for root in roots:
            if root not in listed:
                context.scene.photo_pose.models.add().object = root
        self.report({"INFO"}, rpt_("Models: {models}, files: {files}").format(models=len(roots), files=len(files)))


def imported(scene: bpy.types.Scene, files: Sequence[Path], up: str = "") -> Steps[list[bpy.types.Object]]:
    """The models of all files, read as by `import_models`; where that ends before, what they brought is gone, and
    nothing else."""
    from .model_files import import_models

    brought, roots = [], []
    try:
        for file, (_began, done) in shares(files):
            with added_to(brought):
                roots += import_models(scene, file, up)
            yield done
    except BaseException:  # Esc too
        remove(brought)
        raise
    return roots


classes = (PHOTOPOSE_OT_add_folder,)
