"""Runs in the Blender that is driven: opens the panel Library, and closes the others; fills in what it asks for.

blender empty.blend --python open_library.py -- LIBRARY PHOTO LEFT TOP RIGHT BOTTOM ...
"""

from __future__ import annotations

import sys

import bpy

OPEN = {"VIEW3D_PT_photo_pose_which", "VIEW3D_PT_photo_pose_library"}


def open_panels() -> None:
    panels = next(module for name, module in sys.modules.items() if name.endswith(".photo_pose.panels"))
    panels.unregister()
    for panel in bpy.types.Panel.__subclasses__():
        if panel.__module__.startswith(panels.__name__) and panel.bl_region_type == "UI":
            closed = set() if panel.__name__ in OPEN else {"DEFAULT_CLOSED"}
            panel.bl_options = getattr(panel, "bl_options", set()) - {"DEFAULT_CLOSED"} | closed
    panels.register()


library, photo, *box = sys.argv[sys.argv.index("--") + 1 :][:6]
open_panels()
settings = bpy.context.scene.photo_pose
settings.library, settings.photo, settings.box = library, photo, [float(edge) for edge in box]
settings.method = "KNN"  # quick, where others prove how well photos are matched
