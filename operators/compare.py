"""Lays the photo of the active camera over its view in ways that show how well the model lies on it.

All is drawn over the view: nothing in the scene changes, and so nothing has to be put back.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import bpy
import gpu
import numpy as np
from bpy.props import EnumProperty, FloatProperty, PointerProperty
from gpu.types import GPUTexture
from gpu_extras.batch import batch_for_shader

from ..inference.errors import PoseError
from ..inference.geometry import Box
from . import scene
from .camera_view import camera_seen, photo_in_view, shown_model
from .drawing import Stage
from .models import evaluated
from .rendering import in_unit_sphere
from .shaders import COMPARE_VIEWS, compare_shader
from .steps import require_packages

if TYPE_CHECKING:
    from ..inference.image import Photo

VIEWS = (
    ("PHOTO", "Photo", "The model under Blender's own half-transparent photo"),
    ("EDGES", "Edges", "The model's outline and creases over the photo"),
    ("DIFFERENCE", "Difference", "Orange where the model is brighter than the photo, blue where it is darker"),
    ("WIPE", "Wipe", "The photo on the left, the model on the right"),
    ("BLINK", "Blink", "The photo with and without the model, twice a second"),
)
SHOWN_SIDE = 2048  # px, of the photo on the graphics card at most
BLINK = 0.25  # s
PAUSE = 0.2  # s, before a changed model is drawn anew: it may go on changing

_running: list[Comparison] = []  # at most one


class PHOTOPOSE_OT_compare(bpy.types.Operator):
    bl_idname = "photopose.compare"
    bl_label = "Compare"
    bl_options = {"INTERNAL"}

    view: EnumProperty(name="View", items=VIEWS)

    @classmethod
    def description(cls, _context: bpy.types.Context, properties: bpy.types.OperatorProperties) -> str:
        return next(text for name, _label, text in VIEWS if name == properties.view)

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        cls.poll_message_set("Match a camera to a photo first: the active camera belongs to none")
        return context.scene.camera is not None and scene.PHOTO in context.scene.camera

    def execute(self, context: bpy.types.Context) -> set[str]:
        try:
            show(context, self.view)
        except PoseError as error:
            self.report({"ERROR"}, str(error))
            return {"CANCELLED"}
        return {"FINISHED"}


# Functions, for Blender evaluates these annotations where a lambda would not find the names of this file
def _view(_self: PhotoPoseCompare) -> int:
    return [name for name, _label, _text in VIEWS].index(_running[0].view if _running else "PHOTO")


def _redraw(_self: PhotoPoseCompare, context: bpy.types.Context) -> None:
    redraw(context)


class PhotoPoseCompare(bpy.types.PropertyGroup):
    """What 3D views show now; of the session, neither saved nor undone."""

    view: EnumProperty(name="Compare", items=VIEWS, get=_view)
    wipe: FloatProperty(
        name="Wipe",
        default=0.5,
        min=0,
        max=1,
        subtype="FACTOR",
        update=_redraw,
        description="How much of the photo is shown, from its left",
    )


class Comparison:
    """A photo and a model on the graphics processor, and the handlers that draw them."""

    def __init__(self, context: bpy.types.Context, view: str) -> None:
        self.view, self.blink, self.path, self.stage = view, 0.0, "", None
        self.shader = compare_shader()
        self.renew(context)

    def renew(self, context: bpy.types.Context) -> None:
        """Takes the active camera's photo and its model as they are now."""
        from ..inference.image import load_photo

        camera_object = context.scene.camera
        path = camera_object[scene.PHOTO]
        if path != self.path:
            photo = load_photo(path)
            self.path, self.size, self.photo = path, photo.size, _texture(photo)
        camera = scene.read_camera(context.scene, camera_object, self.size)
        with evaluated(shown_model(context.scene, camera_object, camera)) as model:
            self.stage, self.drawn = Stage(model), ()

    def start(self) -> None:
        self.handle = bpy.types.SpaceView3D.draw_handler_add(self.draw, (), "WINDOW", "POST_PIXEL")
        bpy.app.handlers.load_pre.append(stop)
        bpy.app.handlers.depsgraph_update_post.append(_changed)
        if self.view == "BLINK":
            bpy.app.timers.register(_blink, first_interval=BLINK)

    def stop(self) -> None:
        bpy.types.SpaceView3D.draw_handler_remove(self.handle, "WINDOW")
        bpy.app.handlers.load_pre.remove(stop)
        bpy.app.handlers.depsgraph_update_post.remove(_changed)
        for timer in (_blink, _renew):
            if bpy.app.timers.is_registered(timer):
                bpy.app.timers.unregister(timer)

    def draw(self) -> None:
        context = bpy.context
        current, region, region_3d = context.scene, context.region, context.region_data
        camera_object = camera_seen(current, context.space_data, region_3d)
        if camera_object is None or camera_object.get(scene.PHOTO) != self.path or camera_object.data.type != "PERSP":
            return
        photo = photo_in_view(camera_object, self.size, current, region, region_3d)
        visible = np.clip(photo, 0, [region.width, region.height] * 2).round()
        size = tuple(int(side) for side in visible[2:] - visible[:2])
        if min(size) > 1:
            self._draw(context, camera_object, photo, Box(*visible), size)

    def _draw(self, context, camera_object, photo: Box, visible: Box, size: tuple[int, int]) -> None:
        """photo: where it lies in the region; visible: the part of it that the region shows, of size px."""
        scale = np.divide(self.size, [photo.width, photo.height])
        corners = np.array([[visible.left, visible.bottom], [visible.right, visible.top]])
        window = (corners - [photo.left, photo.bottom]) * [1, -1] * scale  # px of the photo
        camera = scene.read_camera(context.scene, camera_object, self.size).windowed(Box(*window.ravel()), size)
        self._draw_model(in_unit_sphere(camera, self.stage.sphere))
        region = np.array([context.region.width, context.region.height])
        ends = {
            "corner": 2 * corners / region - 1,
            "photo_at": window / self.size,
            "view_at": np.array([[0, 0], [1, 1]]),
        }
        quad = {name: [(x, y) for y in (a[1], b[1]) for x in (a[0], b[0])] for name, (a, b) in ends.items()}
        self._draw_quad(quad, context)

    def _draw_model(self, camera) -> None:
        state = camera.size, camera.K.tobytes(), camera.camera_to_world.tobytes()
        if state != self.drawn:
            draw = self.stage.trace if self.view == "EDGES" else self.stage.draw
            self.textures, self.drawn = draw(camera), state

    def _draw_quad(self, quad: dict[str, list], context: bpy.types.Context) -> None:
        wipe = self.blink if self.view == "BLINK" else context.window_manager.photo_pose_compare.wipe
        self.shader.bind()
        self.shader.uniform_int("view", [COMPARE_VIEWS.index(self.view)])
        self.shader.uniform_int("thickness", [max(1, round(context.preferences.system.ui_scale))])
        self.shader.uniform_float("wipe", wipe)
        for name, texture in {"photo": self.photo, **self.textures}.items():
            self.shader.uniform_sampler(name, texture)
        batch_for_shader(self.shader, "TRI_STRIP", quad).draw(self.shader)
        gpu.shader.from_builtin("UNIFORM_COLOR").bind()  # see drawing._solid


def show(context: bpy.types.Context, view: str) -> None:
    """Turns 3D views through the active camera to one of VIEWS; PoseError where that cannot be shown."""
    require_packages("PIL")
    comparison = None if view == "PHOTO" else Comparison(context, view)
    stop()
    if comparison:
        comparison.start()
        _running.append(comparison)
    redraw(context)


def stop(*_file: object) -> None:
    """Shows no comparison any more."""
    while _running:
        _running.pop().stop()


def redraw(context: bpy.types.Context) -> None:
    for window in context.window_manager.windows:
        for area in window.screen.areas:
            if area.type == "VIEW_3D":
                area.tag_redraw()


def _texture(photo: Photo) -> GPUTexture:
    """The photo in sRGB, first row on top."""
    shown = photo.image.convert("RGBA")
    shown.thumbnail((SHOWN_SIDE, SHOWN_SIDE))
    pixels = np.asarray(shown, np.float32).ravel() / 255
    return GPUTexture(shown.size, format="RGBA8", data=gpu.types.Buffer("FLOAT", pixels.size, pixels))


def _changed(current: bpy.types.Scene, depsgraph: bpy.types.Depsgraph) -> None:
    """Takes photo and model anew, soon, where another camera is active or more than cameras has moved."""
    path = current.camera.get(scene.PHOTO) if current.camera else None
    solid = [
        update
        for update in depsgraph.updates
        if isinstance(update.id, bpy.types.Object) and update.id.type != "CAMERA"
        if update.is_updated_geometry or update.is_updated_transform
    ]
    if path and (solid or path != _running[0].path) and not bpy.app.timers.is_registered(_renew):
        bpy.app.timers.register(_renew, first_interval=PAUSE)


def _renew() -> None:
    try:
        _running[0].renew(bpy.context)
    except (PoseError, KeyError):  # the model, the photo's file or the camera is gone
        stop()
    redraw(bpy.context)


def _blink() -> float:
    _running[0].blink = 1.0 - _running[0].blink
    redraw(bpy.context)
    return BLINK


classes = (PHOTOPOSE_OT_compare, PhotoPoseCompare)


def register() -> None:
    bpy.types.WindowManager.photo_pose_compare = PointerProperty(type=PhotoPoseCompare)


def unregister() -> None:
    stop()
    del bpy.types.WindowManager.photo_pose_compare
