"""Draws all our panels and menus once, in an empty scene, with a model in it or in a file's, and prints their names.

Blender gives no layout in the background, except to a panel that is called by an operator: that one draws the others.
"""

from __future__ import annotations

import os
import sys
import tempfile
import traceback
from collections.abc import Callable, Iterator

os.environ.setdefault("BLENDER_USER_RESOURCES", tempfile.mkdtemp())

import bpy
from conftest import REPOSITORY, enable_extension

NAME = f"{REPOSITORY}.photo_pose"
DRAWS = ("draw_header", "draw_header_preset", "draw")


def drawing(kind: type, layout: bpy.types.UILayout):
    """Something with the functions of a panel's class, which Blender alone may instantiate, and with a layout."""
    plain = [base for base in reversed(kind.__mro__) if not issubclass(bpy.types.Panel, base)]
    names = {name: value for base in plain for name, value in vars(base).items() if not name.startswith("__")}
    return type(kind.__name__, (), names | {"layout": layout})()


def shown(layout: bpy.types.UILayout) -> Iterator[str]:
    """The texts of a layout; of a long one Blender 5.2 cuts its own words off in the middle, and so none."""
    try:
        yield from texts(layout.introspect())
    except SyntaxError:
        yield "?"


def texts(items: list[dict]) -> Iterator[str]:
    for item in items:
        yield from texts(item["items"]) if "items" in item else filter(None, [item.get("draw_string")])


def draw_all(layout: bpy.types.UILayout, context: bpy.types.Context) -> None:
    kinds = [*bpy.types.Panel.__subclasses__(), *bpy.types.Menu.__subclasses__()]
    for kind in kinds:
        if kind.__module__.startswith(NAME) and getattr(kind, "poll", lambda _context: True)(context):
            panel = drawing(kind, layout.column())
            for name in DRAWS:
                getattr(panel, name, lambda _context: None)(context)
            print(f"DRAWN {kind.__name__}", *shown(panel.layout), sep=" | ")
    own = layout.column()
    sys.modules[f"{NAME}.preferences"].draw(
        own, context.preferences.addons[NAME].preferences, context.window_manager.photo_pose
    )
    print("DRAWN PhotoPosePreferences", *shown(own), sep=" | ")
    print("DRAWN with PyTorch imported:", "torch" in sys.modules)


class PHOTOPOSE_PT_test(bpy.types.Panel):
    bl_space_type, bl_region_type, bl_label = "VIEW_3D", "UI", "Test"

    def draw(self, context: bpy.types.Context) -> None:
        """Ends the process: Blender would crash when it shows the panel."""
        status = 1
        try:
            asked[0](self.layout, context)
            status = 0
        except BaseException:
            traceback.print_exc()
        sys.stdout.flush()
        os._exit(status)


def call(draw: Callable[[bpy.types.UILayout, bpy.types.Context], None]) -> None:
    """Calls it as a panel of a 3D view."""
    asked.append(draw)
    window = bpy.context.window_manager.windows[0]
    area = next(area for area in window.screen.areas if area.type == "VIEW_3D")
    region = next(region for region in area.regions if region.type == "WINDOW")
    with bpy.context.temp_override(window=window, area=area, region=region):
        bpy.ops.wm.call_panel(name="PHOTOPOSE_PT_test", keep_open=False)


def add_linked_model() -> None:
    bpy.ops.mesh.primitive_cube_add()
    bpy.ops.photopose.add_models()
    library = os.path.join(tempfile.mkdtemp(), "library.blend")
    bpy.data.libraries.write(library, {bpy.context.object})
    with bpy.data.libraries.load(library, link=True) as (_source, target):
        target.objects = [bpy.context.object.name]
    for kind in ("models", "answers"):
        getattr(bpy.context.scene.photo_pose, kind).add().object = target.objects[0]
    answer = bpy.context.scene.photo_pose.library_answers.add()
    answer.name, answer.likeness, answer.verified = "Chair", 7.0, True
    bpy.context.scene.photo_pose.focal_source = "LENS"


def show_scene(file: str) -> None:
    with bpy.data.libraries.load(file) as (source, target):
        target.scenes = source.scenes
    bpy.context.window_manager.windows[0].scene = target.scenes[0]


asked: list[Callable] = []
enable_extension()
bpy.utils.register_class(PHOTOPOSE_PT_test)
bpy.ops.wm.read_homefile(use_factory_startup=True, use_empty=True)
if __name__ == "__main__":
    if sys.argv[-1] == "model":
        add_linked_model()
    elif sys.argv[-1].endswith(".blend"):
        show_scene(sys.argv[-1])
    call(draw_all)
