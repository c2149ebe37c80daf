"""The operator that deletes the cached training views, and what the panel tells of them."""

from __future__ import annotations

import bpy
from bpy.props import StringProperty

from ..inference.errors import PoseError


class PHOTOPOSE_OT_clear_cache(bpy.types.Operator):
    bl_idname = "photopose.clear_cache"
    bl_label = "Clear Cache"
    bl_description = "Delete the cached training views of all models; they are rendered again when they are needed"

    def invoke(self, context: bpy.types.Context, event: bpy.types.Event) -> set[str]:
        manager = context.window_manager
        return manager.invoke_confirm(self, event, message=f"Training views: {manager.photo_pose_cache}")

    def execute(self, _context: bpy.types.Context) -> set[str]:
        try:
            from .views import cache_folder, clear_cache

            count = clear_cache(cache_folder())
        except PoseError as error:
            self.report({"ERROR"}, str(error))
            return {"CANCELLED"}
        self.report({"INFO"}, f"Training views of {count} models deleted")
        return {"FINISHED"}


def _told(_manager: bpy.types.WindowManager) -> str:
    from .views import cache_files, cache_folder

    files = cache_files(cache_folder())
    models = sum(file.suffix == ".npz" for file in files)
    return f"{models} cached, {sum(file.stat().st_size for file in files) / 1e6:.1f} MB"


classes = (PHOTOPOSE_OT_clear_cache,)


def register() -> None:
    bpy.types.WindowManager.photo_pose_cache = StringProperty(name="Cache", get=_told, description="Training views")


def unregister() -> None:
    del bpy.types.WindowManager.photo_pose_cache
