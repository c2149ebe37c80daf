"""Operators for the list of models."""

from __future__ import annotations

import bpy
from bpy.app.translations import pgettext_rpt as rpt_
from bpy.app.translations import pgettext_tip as tip_

from ..blender.models import families, lineage, scene_roots
from ..blender.shown_models import bring_back, show_only


class PHOTOPOSE_OT_add_models(bpy.types.Operator):
    bl_idname = "photopose.add_models"
    bl_label = "Add Selected as Models"
    bl_description = "Add each selected object, with its children, as a model to be found in photos"
    bl_options = {"REGISTER", "UNDO"}

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        possible = bool(context.selected_objects)
        if not possible:
            cls.poll_message_set(tip_, "Select one or more objects")
        return possible

    def execute(self, context: bpy.types.Context) -> set[str]:
        selected = set(context.selected_objects)
        roots = [obj for obj in context.selected_objects if not selected & set(lineage(obj.parent))]
        shown = set(scene_roots(context.scene, roots))
        added = _add(context.scene, [obj for obj in roots if obj in shown])
        for obj in roots:
            if obj not in shown:
                self.report({"WARNING"}, rpt_('"{name}" has no faces that show in a render').format(name=obj.name))
        return {"FINISHED"} if added else {"CANCELLED"}


class PHOTOPOSE_OT_add_scene_models(bpy.types.Operator):
    bl_idname = "photopose.add_scene_models"
    bl_label = "Add All Models of the Scene"
    bl_description = "Add every object without a parent that shows faces in a render, with its children"
    bl_options = {"REGISTER", "UNDO"}

    def execute(self, context: bpy.types.Context) -> set[str]:
        if _add(context.scene, scene_roots(context.scene)):
            return {"FINISHED"}
        self.report({"WARNING"}, "The scene has no further object with faces that show in a render")
        return {"CANCELLED"}


class PHOTOPOSE_OT_remove_model(bpy.types.Operator):
    bl_idname = "photopose.remove_model"
    bl_label = "Remove Model"
    bl_description = "Take the active model off the list; the object itself stays"
    bl_options = {"REGISTER", "UNDO"}

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        possible = len(context.scene.photo_pose.models) > 0
        if not possible:
            cls.poll_message_set(tip_, "The list of models is empty")
        return possible

    def execute(self, context: bpy.types.Context) -> set[str]:
        settings = context.scene.photo_pose
        index = min(settings.active_model, len(settings.models) - 1)
        if removed := settings.models[index].object:
            bring_back(context.scene, context.view_layer, families([removed]))
        settings.models.remove(index)
        settings.active_model = max(0, settings.active_model - 1)
        return {"FINISHED"}


class PHOTOPOSE_OT_show_model(bpy.types.Operator):
    bl_idname = "photopose.show_model"
    bl_label = "Show Model"
    bl_description = "Show the active camera's model in the place of the other ones of the list"
    bl_options = {"INTERNAL"}

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        camera = context.scene.camera
        possible = bool(camera and camera.type == "CAMERA" and camera.data.photo_pose.model)
        if not possible:
            cls.poll_message_set(tip_, "The active camera was not matched to a photo")
        return possible

    def execute(self, context: bpy.types.Context) -> set[str]:
        show_only(context.scene, context.view_layer, context.scene.camera.data.photo_pose.model)
        return {"FINISHED"}


def _add(scene: bpy.types.Scene, objects: list[bpy.types.Object]) -> int:
    """Adds what is not yet on the list; gives how many that were."""
    models = scene.photo_pose.models
    listed = {item.object for item in models}
    new = [obj for obj in objects if obj not in listed]
    for obj in new:
        models.add().object = obj
    return len(new)


classes = (PHOTOPOSE_OT_add_models, PHOTOPOSE_OT_add_scene_models, PHOTOPOSE_OT_remove_model, PHOTOPOSE_OT_show_model)
