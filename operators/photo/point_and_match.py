"""The operator that asks where the object is in a photo that was dropped on a 3D view, and matches it then."""

from __future__ import annotations

import bpy
from bpy.props import StringProperty

from ...inference.errors import PoseError
from ...inference.geometry import Box
from ..blender.photo_files import kept, located
from .drag_box import BoxDragging
from .match_photo import DroppedPhoto

UNKNOWN = (0.0, 0.0, 0.0, 0.0)  # the box of what is looked for in the whole photo


class PHOTOPOSE_OT_point_and_match(BoxDragging, bpy.types.Operator):
    bl_idname = "photopose.point_and_match"
    bl_label = "Point at Object and Match"
    bl_description = "Show the photo; after a click on the object, or a box around it, set the active camera by it"
    bl_options = {"UNDO"}
    hint = "Click on the object or drag a box around it   Enter: find it   Esc: only keep the photo in the panel"

    filepath: StringProperty(
        name="Photo",
        subtype="FILE_PATH",
        options={"SKIP_SAVE"},
        description="Picture of the object: a file, or the name of an image of this .blend",
    )

    def path(self, _context: bpy.types.Context) -> str:
        if not self.filepath:
            raise PoseError("Choose a photo first.")
        return self.filepath

    def follow(self, context: bpy.types.Context, event: bpy.types.Event) -> set[str]:
        if event.type in {"RET", "NUMPAD_ENTER"} and event.value == "PRESS":
            self.end()
            return self.finish(context, UNKNOWN)
        return super().follow(context, event)

    def finish(self, context: bpy.types.Context, box: Box | tuple[float, ...] | None) -> set[str]:
        settings = context.scene.photo_pose
        another = located(self.filepath) != located(settings.photo)
        settings.photo = kept(self.filepath)
        if another or box is not None:
            settings.box = box or UNKNOWN
        if box is None:
            return {"FINISHED"}
        bpy.ops.photopose.match_photo("INVOKE_DEFAULT")  # as the panel's button
        return {"CANCELLED"}  # the match's undo step is that of both


class PHOTOPOSE_FH_point(DroppedPhoto, bpy.types.FileHandler):
    bl_idname = "PHOTOPOSE_FH_point"
    bl_label = "Point at Object and Match"
    bl_import_operator = "photopose.point_and_match"


classes = (PHOTOPOSE_OT_point_and_match, PHOTOPOSE_FH_point)
