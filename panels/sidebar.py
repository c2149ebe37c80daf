"""The tab "Photo Pose" in the sidebar of the 3D view; it names operators by their ids and imports nothing of ours."""

from __future__ import annotations

import sys
import textwrap
import time
from functools import lru_cache
from importlib.machinery import PathFinder
from math import degrees

import bpy
from bpy.app.translations import pgettext_iface as iface_

from .presets_panel import PHOTOPOSE_PT_presets, PHOTOPOSE_PT_sensors

PHOTO = ("focal_source", "lens", "sensor", "sphere", "subdivisions", "any_roll", "network")  # besides photo and box
VIEWS = ("sphere", "subdivisions", "background")
LETTER, MARGINS = 6, 60  # px at normal size: a letter's width, about, and what tabs and margins take
WIDE = "\u2e80"  # letters from this one on, those of East Asia, are twice as wide
PACKAGES = (("torch", "PyTorch"), ("PIL", "Pillow"))
LOCKS = ("lock_rotation", "lock_position", "lock_roll", "lock_lens", "lock_principal_point")


class SidebarPanel:
    bl_space_type = "VIEW_3D"
    bl_region_type = "UI"
    bl_category = "Photo Pose"


class PHOTOPOSE_UL_models(bpy.types.UIList):
    def draw_item(self, _context, layout, _data, item, _icon, _active_data, _active_property) -> None:
        if item.object and item.object.library:  # its name can be changed nowhere but there
            layout.label(text=item.object.name_full, icon="LIBRARY_DATA_DIRECT")
        elif item.object:
            layout.prop(item.object, "name", text="", emboss=False, icon="OBJECT_DATA")
        else:
            layout.label(text="Deleted object", icon="ERROR")


class PHOTOPOSE_UL_answers(bpy.types.UIList):
    """Models that the photo may show, best first; the button matches the camera with one of them."""

    def draw_item(self, context, layout, _data, item, _icon, _active_data, _active_property) -> None:
        if not item.object:
            layout.label(text="Deleted object", icon="ERROR")
            return
        split = layout.split(factor=0.4)
        split.label(text=item.object.name_full, icon="CHECKMARK" if item.verified else "BLANK1", translate=False)
        split = split.split(factor=0.6)
        split.label(text=f"{round(degrees(item.azimuth))}°, {round(degrees(item.elevation))}°")
        row = split.row(align=True)
        row.label(text=f"{item.score:.2f}" if item.verified else "")
        settings = context.scene.photo_pose
        button = row.operator("photopose.match_photo", text="", icon="OUTLINER_OB_CAMERA")
        fill(button, settings, "method", "use_photo_size")
        button.model = item.object.name_full


def fill(button, settings, *more: str) -> None:
    """Gives an operator's button the photo and how to look at it."""
    button.filepath, button.box = settings.photo, settings.known_box
    copy(button, settings, *PHOTO, *more)


def copy(button, settings, *names: str) -> None:
    """Gives an operator's button settings of the same names."""
    for name in names:
        setattr(button, name, getattr(settings, name))


def width_of(context: bpy.types.Context) -> float:
    """Of what the region shows between its margins, px at normal size."""
    return context.region.width / (context.preferences.system.ui_scale or 1) - MARGINS  # 0 in the background


def draw_text(context: bpy.types.Context, layout: bpy.types.UILayout, text: str) -> None:
    """A sentence in as many lines as the sidebar's width asks for."""
    width = width_of(context)
    letter = 2 * LETTER if max(text, default="") >= WIDE else LETTER
    lines = layout.column(align=True)
    for line in textwrap.wrap(text, max(int(width / letter), 10)):
        lines.label(text=line)


def draw_missing(layout, preferences: bpy.types.Preferences) -> None:
    """Says which packages Python would not find, not even in the folder that the user chose."""
    name = __package__.rpartition(".")[0]
    addon = preferences.addons.get(name)
    chosen = bpy.path.abspath(addon.preferences.packages) if addon else ""
    missing = _missing((*sys.path, chosen) if chosen else tuple(sys.path), int(time.monotonic()))
    if missing:
        layout.label(text=iface_("Missing: {packages}").format(packages=", ".join(missing)), icon="ERROR")
        layout.operator("preferences.addon_show", text="Choose a Folder with Them", icon="PREFERENCES").module = name


@lru_cache(1)
def _missing(folders: tuple[str, ...], _second: int) -> list[str]:
    """Looks into the folders, which may be slow ones, once a second at most."""
    return [title for module, title in PACKAGES if PathFinder.find_spec(module, folders) is None]


class VIEW3D_PT_photo_pose(SidebarPanel, bpy.types.Panel):
    bl_label = "Photo Pose"

    def draw_header_preset(self, _context: bpy.types.Context) -> None:
        PHOTOPOSE_PT_presets.draw_panel_header(self.layout)

    def draw(self, context: bpy.types.Context) -> None:
        draw_missing(self.layout, context.preferences)


class VIEW3D_PT_photo_pose_models(SidebarPanel, bpy.types.Panel):
    bl_label = "Models"
    bl_parent_id = "VIEW3D_PT_photo_pose"

    def draw(self, context: bpy.types.Context) -> None:
        settings, layout = context.scene.photo_pose, self.layout
        row = layout.row()
        row.template_list("PHOTOPOSE_UL_models", "", settings, "models", settings, "active_model", rows=2)
        column = row.column(align=True)
        column.operator("photopose.add_models", icon="ADD", text="")
        column.operator("photopose.remove_model", icon="REMOVE", text="")
        row = layout.row(align=True)
        row.operator("photopose.add_scene_models", text="Whole Scene", icon="SCENE_DATA")
        row.operator("photopose.add_folder", text="Folder", icon="FILE_FOLDER")
        if not settings.models:
            layout.label(text="Empty list: all models of the scene")


class VIEW3D_PT_photo_pose_photo(SidebarPanel, bpy.types.Panel):
    bl_label = "Photo"
    bl_parent_id = "VIEW3D_PT_photo_pose"

    def draw(self, context: bpy.types.Context) -> None:
        settings, layout = context.scene.photo_pose, self.layout
        layout.use_property_split = True
        layout.use_property_decorate = False
        layout.prop(settings, "photo")
        layout.prop(settings, "box")
        row = layout.row(align=True)
        row.operator("photopose.drag_box", icon="SELECT_SET")
        row.operator("photopose.propose_box", icon="VIEWZOOM")
        layout.prop(settings, "focal_source")
        if settings.focal_source == "LENS":
            layout.prop(settings, "lens")
            row = layout.row()
            row.prop(settings, "sensor")
            PHOTOPOSE_PT_sensors.draw_panel_header(row)
        self._draw_button(context, settings)
        lines = layout.column(align=True)
        for line in settings.result.split(", ") if settings.result else ():
            lines.label(text=line)

    def _draw_button(self, context: bpy.types.Context, settings) -> None:
        row, status = self.layout.row(), context.window_manager.photo_pose
        row.scale_y = 1.5
        if status.stage and context.window.modal_operators:
            text = iface_("{stage} {progress:.0%} (Esc to cancel)")
            row.progress(factor=status.progress, text=text.format(stage=iface_(status.stage), progress=status.progress))
            return
        fill(row.operator("photopose.match_photo", icon="OUTLINER_OB_CAMERA"), settings, "method", "use_photo_size")


class VIEW3D_PT_photo_pose_method(SidebarPanel, bpy.types.Panel):
    bl_label = "Method"
    bl_parent_id = "VIEW3D_PT_photo_pose_photo"
    bl_options = {"DEFAULT_CLOSED"}

    def draw(self, context: bpy.types.Context) -> None:
        layout = self.layout
        layout.use_property_split = True
        layout.use_property_decorate = False
        for name in ("method", "network", "any_roll", "use_photo_size"):
            layout.prop(context.scene.photo_pose, name)


class VIEW3D_PT_photo_pose_refine(SidebarPanel, bpy.types.Panel):
    bl_label = "Refine"
    bl_parent_id = "VIEW3D_PT_photo_pose"
    bl_options = {"DEFAULT_CLOSED"}

    def draw(self, context: bpy.types.Context) -> None:
        settings, layout = context.scene.photo_pose, self.layout
        locks = layout.grid_flow(row_major=True, columns=3, even_columns=True, align=True)
        for name in LOCKS:
            locks.prop(settings, name, toggle=True, icon="LOCKED" if getattr(settings, name) else "UNLOCKED")
        button = layout.operator("photopose.refine_camera", icon="CON_CAMERASOLVER")
        button.filepath, button.box = settings.photo, settings.known_box
        copy(button, settings, "sphere", "subdivisions", *LOCKS)
        layout.operator("photopose.perspective_strength", icon="CAMERA_DATA")


class VIEW3D_PT_photo_pose_board(SidebarPanel, bpy.types.Panel):
    bl_label = "Chessboard"
    bl_parent_id = "VIEW3D_PT_photo_pose"
    bl_options = {"DEFAULT_CLOSED"}

    def draw(self, context: bpy.types.Context) -> None:
        settings, layout = context.scene.photo_pose, self.layout
        layout.use_property_split = True
        layout.use_property_decorate = False
        for name in ("board_photo", "board_columns", "board_rows", "board_square", "board"):
            layout.prop(settings, name)
        button = layout.operator("photopose.label_photo", icon="VIEW_CAMERA")
        button.filepath, button.board_photo = settings.photo, settings.board_photo
        button.board = settings.board.name_full if settings.board else ""
        for name in ("columns", "rows", "square"):
            setattr(button, name, getattr(settings, f"board_{name}"))
        copy(button, settings, "focal_source", "lens", "sensor", "use_photo_size")


class VIEW3D_PT_photo_pose_which(SidebarPanel, bpy.types.Panel):
    bl_label = "Which Model?"
    bl_parent_id = "VIEW3D_PT_photo_pose"
    bl_options = {"DEFAULT_CLOSED"}

    def draw(self, context: bpy.types.Context) -> None:
        settings, layout = context.scene.photo_pose, self.layout
        layout.use_property_split = True
        layout.use_property_decorate = False
        layout.prop(settings, "collection")
        button = layout.operator("photopose.which_model", icon="VIEWZOOM")
        fill(button, settings)
        button.collection = settings.collection.name_full if settings.collection else ""
        if settings.answers:
            layout.template_list("PHOTOPOSE_UL_answers", "", settings, "answers", settings, "active_answer", rows=5)


class VIEW3D_PT_photo_pose_views(SidebarPanel, bpy.types.Panel):
    bl_label = "Training Views"
    bl_parent_id = "VIEW3D_PT_photo_pose"
    bl_options = {"DEFAULT_CLOSED"}

    def draw(self, context: bpy.types.Context) -> None:
        settings, layout = context.scene.photo_pose, self.layout
        layout.use_property_split = True
        layout.use_property_decorate = False
        layout.prop(settings, "sphere")
        layout.prop(settings, "subdivisions")
        layout.prop(settings, "background")
        layout.prop(settings, "crop")
        render = layout.operator("photopose.render_views")
        save = layout.operator("photopose.save_views")
        save.crop = settings.crop
        for button in (render, save):
            copy(button, settings, *VIEWS)
        layout.operator("photopose.train_regressor").sphere = settings.sphere


classes = (
    PHOTOPOSE_UL_models,
    PHOTOPOSE_UL_answers,
    VIEW3D_PT_photo_pose,
    VIEW3D_PT_photo_pose_models,
    VIEW3D_PT_photo_pose_photo,
    VIEW3D_PT_photo_pose_method,
    VIEW3D_PT_photo_pose_refine,
    VIEW3D_PT_photo_pose_board,
    VIEW3D_PT_photo_pose_which,
    VIEW3D_PT_photo_pose_views,
)
