"""The operator that draws the view sphere around the active model, to look at it from where its training views are."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import bpy
import numpy as np
from bpy.app.translations import pgettext_iface as iface_
from bpy.app.translations import pgettext_tip as tip_
from mathutils import Vector

from ...inference.errors import PoseError
from ...inference.geometry import Sphere, angles_from_direction
from ..blender.models import chosen_models, evaluated
from ..running.long_operator import require_packages

if TYPE_CHECKING:
    from pathlib import Path

RADIUS = 1.6  # of the drawn sphere, in the model's
DISTANCE = 4.0  # from which a click looks, in the model's radius
DOT, REACH = 5.0, 14.0  # px, radius of a point, and how near to it the mouse must be
CORNERS = 12  # of a point's disc
SHOWN = 128  # px, side of a training view on screen
FAR = 1e6  # m, of the eye of a view without perspective
BEHIND = 0.25  # opacity of what lies behind the model
READY, MISSING, NEAREST, HOVERED = (1.0, 0.6, 0.1), (0.55, 0.55, 0.55), (0.2, 0.7, 1.0), (1.0, 1.0, 1.0)
HINT = "Orange: rendered, grey: not yet, blue: nearest to the active camera; click to look from there, Esc to end"


class PHOTOPOSE_OT_browse_views(bpy.types.Operator):
    bl_idname = "photopose.browse_views"
    bl_label = "Browse Training Views"
    bl_description = "Draw the training views around the active model; a click turns the 3D view to one, Esc ends"

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        possible = context.area is not None and context.area.type == "VIEW_3D"
        if not possible:
            cls.poll_message_set(tip_, "Use this in a 3D view")
        return possible

    def invoke(self, context: bpy.types.Context, _event: bpy.types.Event) -> set[str]:
        stop()
        try:
            require_packages("PIL")
            gallery = Gallery(context.scene)
        except PoseError as error:
            self.report({"ERROR"}, str(error))
            return {"CANCELLED"}
        self._gallery = gallery
        _shown.append((gallery, bpy.types.SpaceView3D.draw_handler_add(gallery.draw, (), "WINDOW", "POST_PIXEL")))
        context.workspace.status_text_set(iface_(HINT))
        context.window_manager.modal_handler_add(self)
        _redraw(context)
        return {"RUNNING_MODAL"}

    def modal(self, context: bpy.types.Context, event: bpy.types.Event) -> set[str]:
        """All but clicks on points goes on as ever."""
        if event.type == "ESC" or all(gallery is not self._gallery for gallery, _handle in _shown):
            self.cancel(context)
            return {"CANCELLED"}
        region = _region_at(context, event.mouse_x, event.mouse_y)
        if event.type == "MOUSEMOVE":
            self._gallery.hover(region and ViewRegion.of(region), event.mouse_x, event.mouse_y)
            _redraw(context)
        if event.type == "LEFTMOUSE" and event.value == "PRESS" and region and self._gallery.hovered is not None:
            look_from(region.data, self._gallery.sphere, self._gallery.directions[self._gallery.hovered])
            return {"RUNNING_MODAL"}
        return {"PASS_THROUGH"}

    def cancel(self, context: bpy.types.Context) -> None:
        if any(gallery is self._gallery for gallery, _handle in _shown):
            stop()
            context.workspace.status_text_set(None)
            _redraw(context)


class ViewRegion(NamedTuple):
    """What a region of a 3D view shows: pointer, which tells it from others; origin in the window and size, px;
    to_clip (4, 4) takes the world to clip space; eye (3,): far away in views without perspective."""

    pointer: int
    origin: tuple[int, int]
    size: tuple[int, int]
    to_clip: np.ndarray
    eye: np.ndarray

    @classmethod
    def of(cls, region: bpy.types.Region) -> ViewRegion:
        view, place = region.data, np.array(region.data.view_matrix.inverted())
        eye = place[:3, 3] if view.is_perspective else FAR * place[:3, 2]
        corner, size = (region.x, region.y), (region.width, region.height)
        return cls(region.as_pointer(), corner, size, np.array(view.perspective_matrix), eye)


class Mouse(NamedTuple):
    """In px of the region that it is over."""

    region: int
    x: float
    y: float


class Gallery:
    """The view sphere of one model, drawn over 3D views; hovered: number of the view under the mouse."""

    def __init__(self, scene: bpy.types.Scene) -> None:
        from ...inference.views.view_options import ViewOptions, sphere_for
        from ..pictures.view_cache import cache_folder, cached_file

        settings = scene.photo_pose
        sphere, network = sphere_for(settings.stands), bpy.path.abspath(settings.network)
        options = ViewOptions(sphere, settings.subdivisions, network=network)
        with evaluated(_active_model(scene)) as model:
            self.name, self.sphere = model.name, model.sphere
            self.file: Path = cached_file(model, options, cache_folder())
        self.directions, self.hovered, self._mouse = options.directions, None, None
        self._textures = {}
        self._colors = np.tile(READY if self.file.exists() else MISSING, (len(self.directions), 1))
        if scene.camera:
            place = np.array(scene.camera.matrix_world.translation) - self.sphere.center
            self._colors[(self.directions @ place).argmax()] = NEAREST

    def hover(self, shown: ViewRegion | None, x: int, y: int) -> None:
        """The mouse, in px of the window, is over this 3D view, or over none."""
        self.hovered = self._mouse = None
        if shown:
            self._mouse = Mouse(shown.pointer, x - shown.origin[0], y - shown.origin[1])
            places, front = self._places(shown)
            away = np.hypot(*(places - self._mouse[1:]).T) + np.where(front, 0.0, REACH)  # what is in front comes first
            self.hovered = int(away.argmin()) if away.min() < REACH else None

    def draw(self) -> None:
        region = bpy.context.region
        places, front = self._places(ViewRegion.of(region))
        colors = np.c_[self._colors, np.where(front, 1.0, BEHIND)]
        sizes = np.full(len(places), DOT)
        if self.hovered is not None:
            colors[self.hovered], sizes[self.hovered] = (*HOVERED, 1.0), 1.6 * DOT
        order = np.argsort(front, kind="stable")
        _draw_discs(places[order], sizes[order] * bpy.context.preferences.system.ui_scale, colors[order])
        if self.hovered is not None and self._mouse.region == region.as_pointer():
            self._draw_view(self.hovered, region)

    def _places(self, shown: ViewRegion) -> tuple[np.ndarray, np.ndarray]:
        """Where the views (V, 2) are in px of the region, and which (V,) are on the near side."""
        points = self.sphere.center + RADIUS * self.sphere.radius * self.directions
        clip = np.c_[points, np.ones(len(points))] @ shown.to_clip.T
        ahead = clip[:, 3] > 1e-6
        places = np.full((len(points), 2), -1e6)
        places[ahead] = (clip[ahead, :2] / clip[ahead, 3:] + 1) / 2 * shown.size
        return places, self.directions @ (shown.eye - self.sphere.center) > RADIUS * self.sphere.radius

    def _draw_view(self, view: int, region: bpy.types.Region) -> None:
        """The training view beside the mouse, if the cache has it, and its angles."""
        import blf
        from gpu_extras.presets import draw_texture_2d

        scale = bpy.context.preferences.system.ui_scale
        side, gap, line = SHOWN * scale, 18 * scale, 16 * scale
        left = min(self._mouse.x + gap, region.width - side)
        low = max(self._mouse.y - gap - side, 2 * line)
        picture = self._texture(view)
        if picture:
            draw_texture_2d(picture, (left, low), side, side)
        azimuth, elevation = np.degrees(angles_from_direction(self.directions[view]))
        blf.size(0, 12 * scale)
        blf.color(0, 1, 1, 1, 1)
        blf.enable(0, blf.SHADOW)
        blf.shadow(0, 3, 0, 0, 0, 1)
        angles = ("Azimuth", azimuth), ("Elevation", elevation)
        for number, (name, angle) in enumerate(angles):
            blf.position(0, left, low - (number + 1) * line, 0)
            blf.draw(0, f"{iface_(name)} {angle:.1f}°")
        blf.disable(0, blf.SHADOW)

    def _texture(self, view: int):
        from ...inference.views.thumbnails import thumbnail
        from ..pictures.textures import preset_texture

        if view not in self._textures:
            picture = thumbnail(self.file, view)
            self._textures[view] = preset_texture(picture, SHOWN) if picture else None
        return self._textures[view]


_shown: list[tuple[Gallery, object]] = []  # with its draw handler; one at most


def stop() -> None:
    """Draws nothing any more."""
    while _shown:
        bpy.types.SpaceView3D.draw_handler_remove(_shown.pop()[1], "WINDOW")


def look_from(view: bpy.types.RegionView3D, sphere: Sphere, direction: np.ndarray) -> None:
    """Turns a 3D view to the model in this sphere."""
    view.view_perspective = "PERSP"
    view.view_rotation = Vector(direction).to_track_quat("Z", "Y")
    view.view_location = sphere.center
    view.view_distance = DISTANCE * sphere.radius


def _active_model(scene: bpy.types.Scene) -> bpy.types.Object:
    """Of the list, or else the active object, if it is a model, or the first one."""
    settings, models = scene.photo_pose, chosen_models(scene)
    listed = settings.models[settings.active_model].object if settings.active_model < len(settings.models) else None
    active = listed or bpy.context.view_layer.objects.active
    return active if active in models else models[0]


def _region_at(context: bpy.types.Context, x: int, y: int) -> bpy.types.Region | None:
    """The 3D view's region at a place in the window, unless another one lies over it there."""
    for area in context.screen.areas:
        over = [r for r in area.regions if 0 <= x - r.x < r.width and 0 <= y - r.y < r.height and r.width > 1]
        if area.type == "VIEW_3D" and over and all(region.type == "WINDOW" for region in over):
            return over[0]
    return None


def _redraw(context: bpy.types.Context) -> None:
    for area in context.screen.areas:
        if area.type == "VIEW_3D":
            area.tag_redraw()


def _draw_discs(centers: np.ndarray, sizes: np.ndarray, colors: np.ndarray) -> None:
    """Discs (N, 2) px of these radii (N,) and colours (N, 4), dark around: seen on any background."""
    import gpu
    from gpu_extras.batch import batch_for_shader

    turns = np.linspace(0, 2 * np.pi, CORNERS, endpoint=False)
    rim = np.stack([np.cos(turns), np.sin(turns)], 1)
    fan = np.array([(0, corner, corner + 1) for corner in range(1, CORNERS - 1)])
    shader = gpu.shader.from_builtin("SMOOTH_COLOR")
    shades = np.stack([colors * (0, 0, 0, 0.7), colors], 1).reshape(-1, 4)  # rim and disc in turn, far ones first
    radii = np.stack([sizes + 1.5, sizes], 1).ravel()
    corners = np.repeat(centers, 2, 0)[:, None] + radii[:, None, None] * rim
    triangles = (np.arange(len(radii))[:, None, None] * CORNERS + fan).reshape(-1, 3)
    shape = {
        "pos": corners.reshape(-1, 2).astype(np.float32),
        "color": np.repeat(shades, CORNERS, 0).astype(np.float32),
    }
    gpu.state.blend_set("ALPHA")
    batch_for_shader(shader, "TRIS", shape, indices=triangles.astype(np.int32)).draw(shader)
    gpu.state.blend_set("NONE")


classes = (PHOTOPOSE_OT_browse_views,)
