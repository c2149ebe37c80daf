"""Imports USD files as models: only what has faces, in the scene as it is."""

from __future__ import annotations

from pathlib import Path

import bpy

from ...inference.errors import PoseError
from ..blender.models import lineage
from .import_options import imported_with

_OPTIONS = {
    **dict.fromkeys(("import_cameras", "import_lights", "import_volumes", "import_points"), False),
    "set_frame_range": False,
    "support_scene_instancing": False,  # else the originals of instances lie in the scene, too
    "validate_meshes": True,  # broken ones may crash Blender
}


def import_usd(path: str) -> None:
    """The file's meshes with their parents and rigs, upright and in metres as it says.

    PoseError where this Blender cannot read USD.
    """
    if not bpy.app.build_options.usd:
        raise PoseError(f'Model file "{Path(path).name}" cannot be read: this Blender was built without USD.')
    scene = bpy.context.scene
    before = set(scene.objects)
    imported_with(bpy.ops.wm.usd_import, path, **_OPTIONS)
    brought = [obj for obj in scene.objects if obj not in before]
    kept = {one for obj in brought if obj.type != "EMPTY" for one in lineage(obj)}
    bpy.data.batch_remove(set(brought) - kept)  # what stood for materials, cameras and lights
