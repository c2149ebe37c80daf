"""Where a 3D view shows the photo of the camera that it looks through."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import bpy
import numpy as np
from bpy.app.translations import pgettext_iface as iface_
from bpy_extras.view3d_utils import location_3d_to_region_2d

from ...inference.errors import PoseError
from ...inference.geometry import Box, Camera
from ..blender.cameras import filling, fitted_side, view_through_camera
from ..blender.models import chosen_models
from ..running.long_operator import until_undo, was_stopped

SMALLEST_VIEW = 50  # px


class ViewOperator:
    """Mixin: a modal operator that draws over the 3D view in which it is invoked, until it calls `end` or `cancel`.

    A subclass gives `begin(context)`, which raises PoseError before it changes anything, `draw_over()`, and
    `follow(context, event)`, which is its modal. What begin puts as `put_back` is called unless it ends well.
    """

    hint = ""  # in the status bar and above the view
    through_camera = False  # whether it works in the active camera's view only, to which it then turns
    elsewhere = ""  # the sentence where there is no 3D view
    put_back: Callable[[], None] | None = None

    def execute(self, _context: bpy.types.Context) -> set[str]:
        self.report({"ERROR"}, self.elsewhere)
        return {"CANCELLED"}

    def invoke(self, context: bpy.types.Context, _event: bpy.types.Event) -> set[str]:
        if context.area is None or context.area.type != "VIEW_3D":
            return self.execute(context)
        try:
            self.begin(context)
        except PoseError as error:
            self.report({"ERROR"}, str(error))
            return {"CANCELLED"}
        self._area, self._region = context.area, window_region(context)
        if self.through_camera:
            view_through_camera(context)
            self._region = main_region(context.area)
        self._drawing = until_undo(self._draws(context))
        next(self._drawing)
        context.window_manager.modal_handler_add(self)
        context.area.tag_redraw()
        return {"RUNNING_MODAL"}

    def modal(self, context: bpy.types.Context, event: bpy.types.Event) -> set[str]:
        if was_stopped(self._drawing):
            return {"CANCELLED", "PASS_THROUGH"}
        self._area.tag_redraw()
        return self.follow(context, event)

    def cancel(self, _context: bpy.types.Context) -> None:
        self._drawing.close()

    def end(self) -> None:
        """Keeps what was done."""
        self.put_back = None
        self._drawing.close()

    def _draws(self, context: bpy.types.Context) -> Iterator[None]:
        """Closed, it leaves no trace."""
        workspace = context.workspace
        handle = bpy.types.SpaceView3D.draw_handler_add(self._draw, (), "WINDOW", "POST_PIXEL")
        workspace.status_text_set(iface_(self.hint))
        self._area.header_text_set(iface_(self.hint))
        try:
            yield
        finally:
            bpy.types.SpaceView3D.draw_handler_remove(handle, "WINDOW")
            workspace.status_text_set(None)
            self._area.header_text_set(None)
            self._area.tag_redraw()
            if self.put_back:
                self.put_back()

    def _draw(self) -> None:
        if bpy.context.region == self._region:  # every other one of 3D views calls this, too
            self.draw_over()


def main_region(area: bpy.types.Area) -> bpy.types.Region:
    """Of a 3D view, the one whose view `region_3d` of its space is: the last of a quad view."""
    return [region for region in area.regions if region.type == "WINDOW"][-1]


def window_region(context: bpy.types.Context) -> bpy.types.Region:
    """That of a 3D view's regions which context is in; of its sidebar, say, the main one."""
    return context.region if context.region.type == "WINDOW" else main_region(context.area)


def free_part(area: bpy.types.Area, region: bpy.types.Region) -> Box:
    """What sidebar, toolbar and headers leave free of a region that they may lie over: px from its bottom left, top is
    below bottom."""
    left, low, right, high = 0, 0, region.width, region.height
    for other in area.regions:
        x, y = other.x - region.x, other.y - region.y
        beside = not (-other.width < x < region.width and -other.height < y < region.height)
        if beside or min(other.width, other.height) <= 1:  # hidden ones are as small
            continue
        if other.alignment == "LEFT":
            left = max(left, x + other.width)
        elif other.alignment == "RIGHT":
            right = min(right, x)
        elif other.alignment == "BOTTOM":
            low = max(low, y + other.height)
        elif other.alignment == "TOP":
            high = min(high, y)
    return Box(left, low, right, high)


def is_free(area: bpy.types.Area, region: bpy.types.Region, event: bpy.types.Event) -> bool:
    """Whether the mouse is over the region, and over nothing that lies over it."""
    free = free_part(area, region)
    x, y = event.mouse_x - region.x, event.mouse_y - region.y
    return free.left <= x <= free.right and free.top <= y <= free.bottom


def frame_camera(context: bpy.types.Context) -> None:
    """Turns 3D views to the active camera, its whole frame as large as fits beside what lies over their edges."""
    for area in view_through_camera(context):
        region = main_region(area)
        if not context.window or min(region.width, region.height) < SMALLEST_VIEW:
            continue
        with context.temp_override(window=context.window, area=area, region=region):
            if bpy.ops.view3d.view_center_camera.poll():
                bpy.ops.view3d.view_center_camera()
                _into_free_part(context.scene.render, area, region)


def _into_free_part(render: bpy.types.RenderSettings, area: bpy.types.Area, region: bpy.types.Region) -> None:
    """Moves the frame that fills a region to where toolbars and sidebars leave the photo free."""
    left, bottom, right, top = free_part(area, region)
    if min(right - left, top - bottom) < SMALLEST_VIEW:
        return
    aspect = render.resolution_x * render.pixel_aspect_x / (render.resolution_y * render.pixel_aspect_y)
    part = min(right - left, (top - bottom) * aspect) / min(region.width, region.height * aspect)
    view = area.spaces.active.region_3d
    scale = part * (2**0.5 + view.view_camera_zoom / 50) ** 2 / 4  # as Blender zooms
    view.view_camera_zoom = 50 * ((4 * scale) ** 0.5 - 2**0.5)
    beside = (left + right - region.width) / region.width, (bottom + top - region.height) / region.height
    view.view_camera_offset = [-part / (4 * scale) for part in beside]


def camera_seen(
    current: bpy.types.Scene, space: bpy.types.SpaceView3D, region_3d: bpy.types.RegionView3D
) -> bpy.types.Object | None:
    """The camera that a view looks through, None when it does not."""
    if region_3d.view_perspective != "CAMERA":
        return None
    camera_object = space.camera if space.use_local_camera else current.camera
    return camera_object if camera_object and camera_object.type == "CAMERA" else None


def photo_in_view(
    camera_object: bpy.types.Object,
    size: tuple[int, int],
    current: bpy.types.Scene,
    region: bpy.types.Region,
    region_3d: bpy.types.RegionView3D,
) -> Box:
    """Where a view through camera_object shows a photo of this size, in px from the region's bottom left: top is below
    bottom."""
    matrix = camera_object.matrix_world.normalized()
    corners = camera_object.data.view_frame(scene=current)
    seen = [location_3d_to_region_2d(region, region_3d, matrix @ corner) for corner in corners]
    return fitted(size, Box.around(np.array(seen)), fitted_side(camera_object))


def fitted(size: tuple[int, int], frame: Box, fit: str = "AUTO") -> Box:
    """A picture of this size, as large as fits in the middle of frame, or as fills that side of it."""
    across, down = frame.width / size[0], frame.height / size[1]
    half = np.array(size) * filling(across, down, fit) / 2
    return Box(*(frame.center - half), *(frame.center + half))


def to_photo(points: np.ndarray, frame: Box, size: tuple[int, int]) -> np.ndarray:
    """(..., 2) px of a region that shows a photo of this size in frame -> px of the photo."""
    return (points - [frame.left, frame.bottom]) / [frame.width, -frame.height] * size


def to_region(points: np.ndarray, frame: Box, size: tuple[int, int]) -> np.ndarray:
    """The inverse of to_photo."""
    return points / np.array(size) * [frame.width, -frame.height] + [frame.left, frame.bottom]


def shown_model(current: bpy.types.Scene, camera_object: bpy.types.Object, camera: Camera) -> bpy.types.Object:
    """The model that camera_object was matched with, else the one in the middle of camera, which is the same one."""
    from ..blender.models import model_in_view

    matched = camera_object.data.photo_pose.model
    return matched if matched in current.objects[:] else model_in_view(chosen_models(current), camera)
