"""The operator that deletes the cached training views, and what the panel tells of them."""

from __future__ import annotations

import bpy
from bpy.app.translations import pgettext_iface as iface_
from bpy.app.translations import pgettext_rpt as rpt_
from bpy.props import StringProperty

from ...inference.errors import PoseError


class PHOTOPOSE_OT_clear_cache(bpy.types.Operator):
    bl_idname = "photopose.clear_cache"
    bl_label = "Clear Cache"
    bl_description = "Delete the cached training views of all models; they are rendered again when they are needed"

    def invoke(self, context: bpy.types.Context, event: bpy.types.Event) -> set[str]:
        manager = context.window_manager
        message = f"{iface_('Training Views')}: {manager.photo_pose_cache}"
        return manager.invoke_confirm(self, event, message=message)

    def execute(self, _context: bpy.types.Context) -> set[str]:
        try:
            from ..pictures.view_cache import cache_folder, clear_cache

            count = clear_cache(cache_folder())
        except PoseError as error:
            self.report({"ERROR"}, str(error))
            return {"CANCELLED"}
        self.report({"INFO"}, rpt_("Training views of {count} models deleted").format(count=count))
        return {"FINISHED"}


def _told(_manager: bpy.types.WindowManager) -> str:
    from ..pictures.view_cache import cache_folder, cache_size

    count, size = cache_size(cache_folder())
    return iface_("{count} cached, {size:.1f} MB").format(count=count, size=size / 1e6)


classes = (PHOTOPOSE_OT_clear_cache,)


def register() -> None:
    bpy.types.WindowManager.photo_pose_cache = StringProperty(name="Cache", get=_told, description="Training views")


def unregister() -> None:
    del bpy.types.WindowManager.photo_pose_cache
