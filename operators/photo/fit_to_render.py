"""The operator that lets renders show whole photos again, after their shape has changed."""

from __future__ import annotations

import bpy
from bpy.app.translations import pgettext_tip as tip_

from ...inference.errors import PoseError
from ..blender import cameras


class PHOTOPOSE_OT_fit_to_render(bpy.types.Operator):
    bl_idname = "photopose.fit_to_render"
    bl_label = "Fit to Render"
    bl_description = (
        "Let the render, whose shape has changed, show all of the photo again, for all cameras of photos; their poses "
        "and focal lengths stay, also where they were adjusted"
    )
    bl_options = {"REGISTER", "UNDO"}

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        camera = context.scene.camera
        possible = camera is not None and is_cropped(context.scene, camera)
        if not possible:
            cls.poll_message_set(tip_, "The render shows all of the active camera's photo")
        return possible

    def execute(self, context: bpy.types.Context) -> set[str]:
        for camera_object in context.scene.objects:
            if is_cropped(context.scene, camera_object):
                try:
                    cameras.fit_to_render(context.scene, camera_object)
                except PoseError as error:  # the others go on
                    self.report({"WARNING"}, str(error))
        return {"FINISHED"}


def is_cropped(current: bpy.types.Scene, camera_object: bpy.types.Object) -> bool:
    """Whether the render cuts off part of its photo, and its lens can be set."""
    if camera_object.type != "CAMERA" or camera_object.data.type not in cameras.SEEN_TYPES:
        return False
    return not (camera_object.data.library or cameras.fits_render(current, camera_object))


classes = (PHOTOPOSE_OT_fit_to_render,)
