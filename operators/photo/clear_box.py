"""The operator that forgets the box around the object."""

from __future__ import annotations

import bpy
from bpy.app.translations import pgettext_tip as tip_


class PHOTOPOSE_OT_clear_box(bpy.types.Operator):
    bl_idname = "photopose.clear_box"
    bl_label = "Clear Box"
    bl_description = "Forget the box: the object is looked for in the whole photo"
    bl_options = {"REGISTER", "UNDO"}

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        possible = any(context.scene.photo_pose.box)
        if not possible:
            cls.poll_message_set(tip_, "There is no box")
        return possible

    def execute(self, context: bpy.types.Context) -> set[str]:
        context.scene.photo_pose.box = (0, 0, 0, 0)
        return {"FINISHED"}


classes = (PHOTOPOSE_OT_clear_box,)
