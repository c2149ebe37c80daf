"""The operator that chooses the panel's photo in a file browser, which shows pictures alone."""

from __future__ import annotations

import bpy
from bpy.props import BoolProperty, StringProperty

from ..blender.photo_files import kept, located


class PHOTOPOSE_OT_choose_photo(bpy.types.Operator):
    bl_idname = "photopose.choose_photo"
    bl_label = "Choose Photo"
    bl_description = "Choose the photo in the file browser; its path can be typed, too"
    bl_options = {"REGISTER", "UNDO"}

    filepath: StringProperty(
        name="Photo",
        subtype="FILE_PATH",
        options={"SKIP_SAVE"},
        description="Picture of the object: a file, or the name of an image of this .blend",
    )
    filter_image: BoolProperty(default=True, options={"HIDDEN", "SKIP_SAVE"})
    filter_folder: BoolProperty(default=True, options={"HIDDEN", "SKIP_SAVE"})

    def invoke(self, context: bpy.types.Context, _event: bpy.types.Event) -> set[str]:
        photo = context.scene.photo_pose.photo
        self.filepath = located(photo) if photo else ""  # of none, Blender opens the folder that was the last
        context.window_manager.fileselect_add(self)
        return {"RUNNING_MODAL"}

    def execute(self, context: bpy.types.Context) -> set[str]:
        if not self.filepath:
            self.report({"ERROR"}, "Choose a photo first")
            return {"CANCELLED"}
        settings = context.scene.photo_pose
        another = located(self.filepath) != located(settings.photo)
        settings.photo = kept(self.filepath)
        if another:
            settings.box = (0, 0, 0, 0)
        return {"FINISHED"}


classes = (PHOTOPOSE_OT_choose_photo,)
