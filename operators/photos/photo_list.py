"""Operators for the list of photos: several of one object, a camera each."""

from __future__ import annotations

import os
from pathlib import Path

import bpy
from bpy.app.translations import pgettext_tip as tip_
from bpy.props import BoolProperty, CollectionProperty, IntProperty, StringProperty

from ...inference.errors import printable
from ..blender.photo_files import kept, located, path_of


class PHOTOPOSE_OT_add_photos(bpy.types.Operator):
    bl_idname = "photopose.add_photos"
    bl_label = "Add Photos"
    bl_description = "Add photos of the object to the list; choose several files with Shift or Ctrl"
    bl_options = {"REGISTER", "UNDO"}

    files: CollectionProperty(type=bpy.types.OperatorFileListElement, options={"HIDDEN", "SKIP_SAVE"})
    directory: StringProperty(subtype="DIR_PATH", options={"HIDDEN"})
    filter_image: BoolProperty(default=True, options={"HIDDEN", "SKIP_SAVE"})
    filter_folder: BoolProperty(default=True, options={"HIDDEN", "SKIP_SAVE"})

    def invoke(self, context: bpy.types.Context, _event: bpy.types.Event) -> set[str]:
        if context.scene.photo_pose.photo:
            self.directory = os.path.dirname(bpy.path.abspath(context.scene.photo_pose.photo))
        context.window_manager.fileselect_add(self)
        return {"RUNNING_MODAL"}

    def execute(self, context: bpy.types.Context) -> set[str]:
        settings, folder = context.scene.photo_pose, Path(bpy.path.abspath(self.directory))
        paths = [os.path.abspath(folder / file.name) for file in self.files if os.path.isfile(folder / file.name)]
        listed = {located(item.path) for item in settings.photos}
        new = [path for path in paths if path not in listed]
        if not new:
            self.report({"ERROR"}, "Choose one or more photos that are not in the list yet")
            return {"CANCELLED"}
        for path in new:
            add(context.scene, path)
        settings.active_photo = len(settings.photos) - len(new)
        return {"FINISHED"}


class PHOTOPOSE_OT_remove_photo(bpy.types.Operator):
    bl_idname = "photopose.remove_photo"
    bl_label = "Remove Photo"
    bl_description = "Take the active photo off the list; its camera stays in the scene"
    bl_options = {"REGISTER", "UNDO"}

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        possible = len(context.scene.photo_pose.photos) > 0
        if not possible:
            cls.poll_message_set(tip_, "The list of photos is empty")
        return possible

    def execute(self, context: bpy.types.Context) -> set[str]:
        settings = context.scene.photo_pose
        settings.photos.remove(min(settings.active_photo, len(settings.photos) - 1))
        settings.active_photo = max(0, settings.active_photo - 1)
        return {"FINISHED"}


class PHOTOPOSE_OT_bind_markers(bpy.types.Operator):
    bl_idname = "photopose.bind_markers"
    bl_label = "Markers for Cameras"
    bl_description = (
        "Put a marker on the timeline for each photo's camera, so that every frame shows another photo; "
        "markers that are there stay"
    )
    bl_options = {"REGISTER", "UNDO"}

    first: IntProperty(name="First Frame", default=1, description="Frames that have a marker are left out")
    step: IntProperty(name="Step", default=1, min=1, description="Frames from one photo to the next")

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        possible = any(item.present for item in context.scene.photo_pose.photos)
        if not possible:
            cls.poll_message_set(tip_, "No photo of the list has a camera yet")
        return possible

    def execute(self, context: bpy.types.Context) -> set[str]:
        markers = context.scene.timeline_markers
        bound, taken = {marker.camera for marker in markers}, {marker.frame for marker in markers}
        frame = self.first
        for camera in photo_cameras(context.scene):
            if camera in bound:
                continue
            while frame in taken:
                frame += self.step
            markers.new(camera.name, frame=frame).camera = camera
            taken.add(frame)
        return {"FINISHED"}


def add(current: bpy.types.Scene, path: str) -> bpy.types.PropertyGroup:
    """Lists the photo at an absolute path, with the camera that belongs to it already, if any.

    The box that the panel has for it is newer than that of its match.
    """
    settings = current.photo_pose
    item = settings.photos.add()
    item.name, item.path = printable(Path(path).name), kept(path)
    camera = next((obj for obj in current.objects if path_of(obj) == path), None)
    if camera:
        match = camera.data.photo_pose
        item.camera, item.state, item.box, item.box_found = camera, "MATCHED", match.box, match.box_found
    if any(settings.box) and located(settings.photo) == path:
        item.box, item.box_found = settings.box, settings.box_found
    return item


def photo_cameras(current: bpy.types.Scene) -> list[bpy.types.Object]:
    """Cameras of the listed photos, those that are still in the scene."""
    return [item.camera for item in current.photo_pose.photos if item.present]


classes = (PHOTOPOSE_OT_add_photos, PHOTOPOSE_OT_remove_photo, PHOTOPOSE_OT_bind_markers)
