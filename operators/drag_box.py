"""The operator that shows the photo over a 3D view and lets the user drag a box around the object."""

from __future__ import annotations

from typing import TYPE_CHECKING

import bpy
import numpy as np

from ..inference.errors import PoseError
from ..inference.geometry import Box
from .pick_object import box_at, proposals
from .steps import require_packages

if TYPE_CHECKING:
    from PIL import Image


SHOWN_SIDE = 1024  # px, of the picture on screen at most
MARGIN = 0.04  # of the view, left free around the photo
CLICK = 4  # px on screen: what is dragged less far is a click


class PHOTOPOSE_OT_drag_box(bpy.types.Operator):
    bl_idname = "photopose.drag_box"
    bl_label = "Drag Box"
    bl_description = "Show the photo and drag a box around the object, or click on it; Esc keeps the box as it was"
    bl_options = {"REGISTER", "UNDO"}

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        cls.poll_message_set("Choose a photo first, and use this in a 3D view")
        return bool(context.scene.photo_pose.photo) and context.space_data is not None

    def execute(self, _context: bpy.types.Context) -> set[str]:
        self.report({"ERROR"}, "A box can only be dragged in a 3D view; type its numbers instead")
        return {"CANCELLED"}

    def invoke(self, context: bpy.types.Context, _event: bpy.types.Event) -> set[str]:
        if context.area is None or context.area.type != "VIEW_3D":
            return self.execute(context)
        try:
            require_packages()
            from ..inference.image import load_photo

            self._photo = load_photo(bpy.path.abspath(context.scene.photo_pose.photo))
        except PoseError as error:
            self.report({"ERROR"}, str(error))
            return {"CANCELLED"}
        self._area = context.area
        self._region = next(region for region in context.area.regions if region.type == "WINDOW")
        self._start = self._end = None
        self._texture = texture(self._photo.image)
        self._handle = bpy.types.SpaceView3D.draw_handler_add(self._draw, (), "WINDOW", "POST_PIXEL")
        context.workspace.status_text_set("Drag a box around the object or click on it, Esc to cancel")
        context.window_manager.modal_handler_add(self)
        context.area.tag_redraw()
        return {"RUNNING_MODAL"}

    def modal(self, context: bpy.types.Context, event: bpy.types.Event) -> set[str]:
        self._area.tag_redraw()
        at = event.mouse_x - self._region.x, event.mouse_y - self._region.y
        if event.type in {"ESC", "RIGHTMOUSE"}:
            self.cancel(context)
            return {"CANCELLED"}
        if event.type == "LEFTMOUSE" and event.value == "PRESS":
            self._start = at
        self._end = at
        if event.type == "LEFTMOUSE" and event.value == "RELEASE" and self._start:
            self.cancel(context)
            return self._take(context)
        return {"RUNNING_MODAL"}

    def cancel(self, context: bpy.types.Context) -> None:
        bpy.types.SpaceView3D.draw_handler_remove(self._handle, "WINDOW")
        context.workspace.status_text_set(None)
        self._area.tag_redraw()

    def _take(self, context: bpy.types.Context) -> set[str]:
        """Stores what was dragged, or found where the user clicked, in photo pixels."""
        frame = _frame(self._photo.size, self._region)
        corners = np.array([self._start, self._end], float)
        pixels = (corners - [frame.left, frame.bottom]) / [frame.width, -frame.height] * self._photo.size
        try:
            clicked = np.abs(corners[1] - corners[0]).max() < CLICK
            box = box_at(proposals(self._photo), *pixels[1]) if clicked else self._dragged(pixels)
            context.scene.photo_pose.box = box
        except PoseError as error:
            self.report({"ERROR"}, str(error))
            return {"CANCELLED"}
        return {"FINISHED"}

    def _dragged(self, corners: np.ndarray) -> Box:
        from ..inference.image import checked_box

        inside = np.clip(corners, 0, self._photo.size)
        return checked_box((*inside.min(0).tolist(), *inside.max(0).tolist()), self._photo.size)

    def _draw(self) -> None:
        from gpu_extras.presets import draw_texture_2d

        frame = _frame(self._photo.size, self._region)
        draw_texture_2d(self._texture, (frame.left, frame.top), frame.width, frame.height)
        if self._start:
            _draw_rectangle(self._start, self._end)


def _frame(size: tuple[int, int], region: bpy.types.Region) -> Box:
    """Where a photo of this size is shown in a region: px from its bottom left, so that top < bottom is below."""
    scale = min(region.width / size[0], region.height / size[1]) * (1 - 2 * MARGIN)
    width, height = size[0] * scale, size[1] * scale
    left, low = (region.width - width) / 2, (region.height - height) / 2
    return Box(left, low, left + width, low + height)


def texture(image: Image.Image):
    """The image, reduced where it is large, for draw_texture_2d."""
    import gpu

    shown = image.convert("RGBA")
    shown.thumbnail((SHOWN_SIDE, SHOWN_SIDE))
    rows = np.asarray(shown, np.float32)[::-1] / 255  # the first row at the bottom
    linear = rows**2.2  # near enough to sRGB, which the view turns it into again
    pixels = gpu.types.Buffer("FLOAT", linear.size, linear.ravel())
    return gpu.types.GPUTexture(shown.size, format="RGBA16F", data=pixels)


def _draw_rectangle(start: tuple[float, float], end: tuple[float, float]) -> None:
    import gpu
    from gpu_extras.batch import batch_for_shader

    (x0, y0), (x1, y1) = start, end
    shader = gpu.shader.from_builtin("UNIFORM_COLOR")
    corners = [(x0, y0), (x1, y0), (x1, y1), (x0, y1)]
    for width, color in ((3.0, (0, 0, 0, 1)), (1.0, (1, 1, 1, 1))):  # visible on dark and on bright photos
        gpu.state.line_width_set(width)
        shader.bind()
        shader.uniform_float("color", color)
        batch_for_shader(shader, "LINE_LOOP", {"pos": corners}).draw(shader)
    gpu.state.line_width_set(1.0)


classes = (PHOTOPOSE_OT_drag_box,)
