"""What the panels of the tab "Photo Pose" share; they name operators by their ids and import nothing of ours."""

from __future__ import annotations

import sys
import textwrap
import time
from functools import lru_cache
from importlib.machinery import PathFinder

import bpy

PHOTO = ("focal_source", "lens", "sensor", "stands", "subdivisions", "network")  # besides photo and box
FAIR = 0.5  # confidence from which it is not low
LETTER, MARGINS, ICON = 6, 60, 20  # px at normal size: a letter's width, about, what tabs and margins take, an icon's
UNIT = 20  # px of a button's height, at normal size
FLAT = 0.01  # height of what takes no room, so that what follows lies on it
WIDE = "\u2e80"  # letters from this one on, those of East Asia, are twice as wide


class SidebarPanel:
    bl_space_type = "VIEW_3D"
    bl_region_type = "UI"
    bl_category = "Photo Pose"


def fill(button, settings, *more: str) -> None:
    """Gives an operator's button the photo and how to look at it."""
    button.filepath, button.box = settings.photo, settings.known_box
    copy(button, settings, *PHOTO, *more)


def copy(button, settings, *names: str) -> None:
    """Gives an operator's button settings of the same names."""
    for name in names:
        setattr(button, name, getattr(settings, name))


def draw_list(layout, settings, what: str, rows: int, add: str, remove: str) -> bpy.types.UILayout:
    """The settings' list of what, with the buttons of these operators beside it; gives their column."""
    row = layout.row()
    active = f"active_{what.removesuffix('s')}"
    row.template_list(f"PHOTOPOSE_UL_{what}", "", settings, what, settings, active, rows=rows, maxrows=rows)
    column = row.column(align=True)
    column.operator(add, icon="ADD", text="")
    column.operator(remove, icon="REMOVE", text="")
    return column


def draw_picture(layout, icon: int, scale: float, operator: str) -> bpy.types.OperatorProperties:
    """Blender's pictures are no buttons: an invisible one lies on it."""
    picture, over = layout.column(), layout.row()
    picture.ui_units_y = FLAT
    picture.template_icon(icon, scale=scale)
    over.scale_y = scale
    return over.operator(operator, text=" ", emboss=False)  # without text it is small


def width_of(context: bpy.types.Context) -> float:
    """Of what the region shows between its margins, px at normal size."""
    return context.region.width / (context.preferences.system.ui_scale or 1) - MARGINS  # 0 in the background


def draw_text(context: bpy.types.Context, layout: bpy.types.UILayout, text: str, icon: str = "NONE") -> None:
    """A sentence in as many lines as the sidebar's width asks for, the icon before the first one."""
    width = width_of(context)
    letter = 2 * LETTER if max(text, default="") >= WIDE else LETTER
    lines, other = layout.column(align=True), icon if icon == "NONE" else "BLANK1"
    for number, line in enumerate(textwrap.wrap(text, max(int((width - (icon != "NONE") * ICON) / letter), 10))):
        lines.label(text=line, icon=other if number else icon)


def draw_missing(layout, preferences: bpy.types.Preferences) -> None:
    """Says so where Python would not find Pillow, not even in the folder that the user chose."""
    name = __package__.rpartition(".")[0]
    addon = preferences.addons.get(name)
    chosen = bpy.path.abspath(addon.preferences.packages) if addon else ""
    if not _has_pillow((*sys.path, chosen) if chosen else tuple(sys.path), int(time.monotonic())):
        layout.label(text="Pillow Is Missing", icon="ERROR")
        layout.operator("preferences.addon_show", text="Choose a Folder with It", icon="PREFERENCES").module = name


@lru_cache(1)
def _has_pillow(folders: tuple[str, ...], _second: int) -> bool:
    """Looks into the folders, which may be slow ones, once a second at most."""
    return PathFinder.find_spec("PIL", folders) is not None
