"""The operator that makes the active camera's perspective stronger or weaker without making the model larger."""

from __future__ import annotations

import bpy
from bpy.props import FloatProperty, StringProperty

from ...inference.errors import PoseError
from ..blender import cameras
from ..blender.match_record import keep_score
from ..blender.models import chosen_models, evaluated
from ..compare.camera_and_model import strengthened
from ..running.long_operator import require_packages


class PHOTOPOSE_OT_perspective_strength(bpy.types.Operator):
    bl_idname = "photopose.perspective_strength"
    bl_label = "Perspective Strength"
    bl_description = "Move the active camera nearer and widen its lens, or the reverse; the model keeps its size"
    bl_options = {"REGISTER", "UNDO"}

    strength: FloatProperty(
        name="Strength",
        default=1.0,
        min=0.01,
        max=100.0,
        soft_min=0.25,
        soft_max=4.0,
        options={"SKIP_SAVE"},
        description="2 is half the focal length from about half the distance, 0.5 twice both",
    )
    object: StringProperty(name="Model", options={"SKIP_SAVE"}, description="Default: what is nearest to the middle")

    def invoke(self, context: bpy.types.Context, event: bpy.types.Event) -> set[str]:
        return context.window_manager.invoke_props_popup(self, event)

    def execute(self, context: bpy.types.Context) -> set[str]:
        try:
            require_packages("PIL")
            self._change(context.scene)
        except PoseError as error:
            self.report({"ERROR"}, str(error))
            return {"CANCELLED"}
        return {"FINISHED"}

    def _change(self, current: bpy.types.Scene) -> None:
        from ..blender.models import model_in_view

        camera_object = cameras.active_camera(current)
        known = tuple(camera_object.data.photo_pose.size)
        size = known if all(known) else None
        camera = cameras.read_camera(current, camera_object, size)
        root = model_in_view(chosen_models(current, [self.object] if self.object else None), camera)
        with evaluated(root) as model:
            sphere, vertices = model.sphere, model.vertices
        changed = strengthened(camera, self.strength, sphere, vertices)
        sensor = cameras.sensor_of(current, camera_object, size)
        cameras.write_camera(current, camera_object, changed, model=sphere, sensor=sensor)
        keep_score(current, root, changed, sphere)


classes = (PHOTOPOSE_OT_perspective_strength,)
