"""Operators for the list of models."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

import bpy
from bpy.app.translations import pgettext_iface as iface_
from bpy.app.translations import pgettext_rpt as rpt_
from bpy.app.translations import pgettext_tip as tip_
from bpy.props import BoolProperty

from ...inference.errors import PoseError, printable
from ...inference.views.view_options import ViewOptions, sphere_for
from ..blender.models import families, joined, lineage, scene_roots
from ..blender.shown_models import bring_back, show_only

SHORTEST = 3  # letters of a name that tells something
A_VIEW = 0.05  # s, about: a training view takes 0.03 on the graphics card, 0.08 by Cycles


class AddingOperator:
    """Mixin: a subclass gives `roots(context)`; several that do not belong together are asked about first."""

    bl_options = {"REGISTER", "UNDO"}
    _told = ""

    as_one: BoolProperty(
        name="As One Model",
        options={"SKIP_SAVE"},
        description="Together they are one model: they get a common parent, and stay where they are",
    )

    def invoke(self, context: bpy.types.Context, event: bpy.types.Event) -> set[str]:
        roots = self.roots(context)
        if len(roots) < 2 or belong_together(context, roots):
            return self.execute(context)
        settings = context.scene.photo_pose
        views = len(ViewOptions(sphere_for(settings.stands), settings.subdivisions).directions)
        self._told = iface_("{models} models, {models} × {views} training views, about {minutes} min").format(
            models=len(roots), views=views, minutes=max(1, round(len(roots) * views * A_VIEW / 60))
        )
        title = iface_("Add Models")
        return context.window_manager.invoke_props_dialog(self, width=350, title=title, confirm_text=title)

    def draw(self, _context: bpy.types.Context) -> None:
        """Also in Adjust Last Operation, where nothing is asked any more."""
        if self._told:
            self.layout.label(text=self._told)
        self.layout.prop(self, "as_one")

    def execute(self, context: bpy.types.Context) -> set[str]:
        roots = self.roots(context)
        if not self.properties.is_property_set("as_one"):
            self.as_one = len(roots) > 1 and belong_together(context, roots)
        try:
            added = _add(context.scene, *self._models(context.scene, roots))
        except PoseError as error:
            self.report({"ERROR"}, str(error))
            return {"CANCELLED"}
        if not added:
            self.tell_of_nothing()
        return {"FINISHED"} if added else {"CANCELLED"}

    def tell_of_nothing(self) -> None:
        """Where nothing was added."""

    def _models(
        self, current: bpy.types.Scene, roots: list[bpy.types.Object]
    ) -> tuple[list[bpy.types.Object], list[bpy.types.Object]]:
        """What they are, and those that are but parts of it."""
        if len(roots) < 2 or not self.as_one:
            return roots, []
        model = as_one(current, roots)
        told = rpt_('{count} objects are one model, "{name}"').format(count=len(roots), name=model.name)
        self.report({"INFO"}, told)
        return [model], roots


class PHOTOPOSE_OT_add_models(AddingOperator, bpy.types.Operator):
    bl_idname = "photopose.add_models"
    bl_label = "Add Selected as Models"
    bl_description = (
        "Add the selected objects, with their children, as models to be found in photos; what was imported together, "
        "or one parent or collection holds, is one model"
    )

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        possible = bool(context.selected_objects)
        if not possible:
            cls.poll_message_set(tip_, "Select one or more objects")
        return possible

    def roots(self, context: bpy.types.Context) -> list[bpy.types.Object]:
        return scene_roots(context.scene, _selected(context))

    def execute(self, context: bpy.types.Context) -> set[str]:
        shown = self.roots(context)
        for obj in _selected(context):
            if obj not in shown:
                self.report({"WARNING"}, rpt_('"{name}" has no faces that show in a render').format(name=obj.name))
        return super().execute(context)


class PHOTOPOSE_OT_add_scene_models(AddingOperator, bpy.types.Operator):
    bl_idname = "photopose.add_scene_models"
    bl_label = "Add All Models of the Scene"
    bl_description = "Add every object without a parent that shows faces in a render, with its children"

    def tell_of_nothing(self) -> None:
        self.report({"WARNING"}, "The scene has no further object with faces that show in a render")

    def roots(self, context: bpy.types.Context) -> list[bpy.types.Object]:
        listed = {item.object for item in context.scene.photo_pose.models}
        return [obj for obj in scene_roots(context.scene) if obj not in listed]


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


def _selected(context: bpy.types.Context) -> list[bpy.types.Object]:
    """Without those that come with a parent."""
    selected = set(context.selected_objects)
    return [obj for obj in context.selected_objects if not selected & set(lineage(obj.parent))]


def belong_together(context: bpy.types.Context, roots: Sequence[bpy.types.Object]) -> bool:
    """Whether they surely are one thing: just imported, or of a file that has one place for all its parts, or all that
    a parent holds, or a collection which sets them apart from others."""
    if any(obj.library for obj in roots):  # which can get no parent
        return False
    same_place = len({obj.matrix_world.copy().freeze() for obj in roots}) == 1
    just_imported = same_place or _just_imported(context, roots)
    return just_imported or any(find(context.scene, roots) for find in (_parent_of, _collection_of))


def _just_imported(context: bpy.types.Context, roots: Sequence[bpy.types.Object]) -> bool:
    """Whether the user did nothing after that, and these are the newest objects."""
    done = [operator.bl_idname for operator in context.window_manager.operators[-1:]]
    if not any("import" in name and not name.startswith("PHOTOPOSE") for name in done):
        return False
    others = (obj.session_uid for obj in bpy.data.objects if obj not in families(roots))
    return min(obj.session_uid for obj in roots) > max(others, default=0)


def _parent_of(scene: bpy.types.Scene, roots: Sequence[bpy.types.Object]) -> bpy.types.Object | None:
    """That of which they are all children that show."""
    parent = roots[0].parent
    return parent if parent and set(roots) == set(scene_roots(scene, parent.children)) else None


def _collection_of(scene: bpy.types.Scene, roots: Sequence[bpy.types.Object]) -> bpy.types.Collection | None:
    """That which holds them, and no other model, where there are other meshes elsewhere."""
    for collection in scene.collection.children_recursive:
        held = set(collection.all_objects)
        if held >= set(roots) and any(obj.type == "MESH" for obj in scene.objects if obj not in held):
            if set(roots) == set(scene_roots(scene, [obj for obj in held if not obj.parent])):
                return collection
    return None


def as_one(scene: bpy.types.Scene, roots: Sequence[bpy.types.Object]) -> bpy.types.Object:
    """The parent that they have, or get."""
    return _parent_of(scene, roots) or joined(scene, roots, _name_of(scene, roots))


def _name_of(scene: bpy.types.Scene, roots: Sequence[bpy.types.Object]) -> str:
    """Of the file that they were just imported from, of their collection, or what their names have in common."""
    done = bpy.context.window_manager.operators[-1:]
    file = Path(getattr(done[0], "filepath", "")).stem if _just_imported(bpy.context, roots) else ""
    collection = _collection_of(scene, roots)
    common = os.path.commonprefix([obj.name for obj in roots]).strip(" ._-")
    told = common if len(common) >= SHORTEST else roots[0].name
    return printable(file) or (collection.name if collection else told)


def _add(scene: bpy.types.Scene, objects: list[bpy.types.Object], parts: list[bpy.types.Object]) -> int:
    """Adds what is not yet on the list, from which parts go; gives how many lines came and went."""
    models = scene.photo_pose.models
    gone = [index for index, item in enumerate(models) if item.object in parts]
    for index in reversed(gone):
        models.remove(index)
    listed = {item.object for item in models}
    new = [obj for obj in objects if obj not in listed]
    for obj in new:
        models.add().object = obj
    return len(new) + len(gone)


classes = (PHOTOPOSE_OT_add_models, PHOTOPOSE_OT_add_scene_models, PHOTOPOSE_OT_remove_model, PHOTOPOSE_OT_show_model)
