"""Lays the photo of the active camera over its view in ways that show how well the model lies on it.

All is drawn over the view: nothing in the scene changes, and so nothing has to be put back.
"""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING

import bpy
import numpy as np
from bpy.app.handlers import persistent
from bpy.app.translations import pgettext_rpt as rpt_
from bpy.app.translations import pgettext_tip as tip_
from bpy.props import BoolProperty, EnumProperty, FloatProperty, PointerProperty, StringProperty

from ...inference.errors import PoseError
from ...inference.steps import Steps
from ...properties import OURS
from ..blender import cameras
from ..blender.match_record import lines_without, photo_of
from ..blender.models import evaluated
from ..pictures.camera_view import camera_seen, photo_in_view, shown_model
from ..pictures.photo_over_view import PhotoOverlay
from ..running.long_operator import MATCHING, StepsOperator, require_packages
from .fit_of_camera import CameraFit, fit_of_camera
from .lines_of_camera import CameraLines, lines_of_camera

if TYPE_CHECKING:
    from ...inference.geometry import Box, Camera

VIEWS = (
    ("PHOTO", "Photo", "The model under Blender's own half-transparent photo"),
    ("EDGES", "Edges", "The model's outline and creases over the photo"),
    ("WIPE", "Wipe", "The photo on the left, the model on the right"),
    ("BLINK", "Blink", "The photo with and without the model, twice a second"),
    ("DIFFERENCE", "Difference", "Orange where the model is brighter than the photo, blue where it is darker"),
    (
        "FIT",
        "Fit",
        "Where they disagree: blue parts of the model lie right, yellow and red ones do not, grey stripes are not "
        "seen, red stripes lie where no object is; pink is the object beside the model",
    ),
    (
        "LINES",
        "Lines",
        "Lines of the photo that may tell its lens: blue ones are upright in the scene, orange and green ones level, "
        "grey ones none of these or the model's own; the horizon is dashed",
    ),
)
PICTURED = {"FIT": fit_of_camera, "LINES": lines_of_camera}  # views of a picture that work gives
BLINK = 0.25  # s
REDRAW_PAUSE = 0.2  # s, before a changed model is drawn anew: it may go on changing

_running: list[Comparison] = []  # at most one


class PHOTOPOSE_OT_compare(StepsOperator, bpy.types.Operator):
    bl_idname = "photopose.compare"
    bl_label = "Compare"
    bl_description = "Lay the photo over the active camera's view so that you see how well the model lies on it"
    bl_options = {"INTERNAL"}
    phases = MATCHING
    needs = ()  # nearly all views are there at once

    view: EnumProperty(
        name="View", translation_context=OURS, items=VIEWS, description="How the photo is laid over the model"
    )
    toggle: BoolProperty(name="Toggle", description="Back to the photo where that is shown already")

    @classmethod
    def description(cls, _context: bpy.types.Context, properties: bpy.types.OperatorProperties) -> str:
        return tip_(next(text for name, _label, text in VIEWS if name == properties.view))

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        possible = context.scene.camera is not None and cameras.PHOTO in context.scene.camera
        if not possible:
            cls.poll_message_set(tip_, "Match a camera to a photo first: the active camera belongs to none")
        return possible

    def steps(self, context: bpy.types.Context) -> Steps[None]:
        view = "PHOTO" if self.toggle and seen(context) == self.view else self.view
        found = (yield from PICTURED[view](context)) if view in PICTURED else None
        show(context, view, found)
        cameras.view_through_camera(context)  # nothing is drawn over any other view


# Functions, for Blender evaluates these annotations where a lambda would not find the names of this file
def _view(_self: PhotoPoseCompare) -> int:
    return [name for name, _label, _text in VIEWS].index(_running[0].view if _running else "PHOTO")


def _told(_self: PhotoPoseCompare) -> str:
    return _running[0].told(bpy.context.scene) if _running else ""


def _redraw(_self: PhotoPoseCompare, context: bpy.types.Context) -> None:
    redraw(context)


class PhotoPoseCompare(bpy.types.PropertyGroup):
    """What 3D views show now; of the session, neither saved nor undone."""

    view: EnumProperty(
        name="Compare",
        translation_context=OURS,
        items=VIEWS,
        get=_view,
        description="How the photo is laid over the model",
    )
    told: StringProperty(name="Found", get=_told, description="What Fit or Lines have found")
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
    """What is laid over views through the active camera, and the handlers that keep it right."""

    def __init__(self, context: bpy.types.Context, view: str, found: CameraFit | CameraLines | None = None) -> None:
        self.view, self.blink, self.path, self.matched, self.found = view, 0.0, "", "", None
        self.bent: tuple[float, ...] = ()
        self.renew(context)
        if found:
            self.take(found)

    def take(self, found: CameraFit | CameraLines) -> None:
        """What the views FIT and LINES show."""
        self.found = found
        self.overlay.set_picture(found.picture)

    def renew(self, context: bpy.types.Context) -> None:
        """Takes the active camera's photo and its model as they are now."""
        camera_object = context.scene.camera
        path = camera_object.get(cameras.PHOTO) if camera_object else None
        if path is None:
            raise PoseError("The active camera belongs to no photo.")
        bent = _bent(camera_object)
        photo = photo_of(context.scene, camera_object) if (path, bent) != (self.path, self.bent) else None
        size = photo.size if photo else self.overlay.size
        camera = cameras.read_camera(context.scene, camera_object, size)
        self.matched = matched_with(camera_object)
        with evaluated(shown_model(context.scene, camera_object, camera)) as model:
            if photo or not np.array_equal(model.vertices, self.vertices):
                self.found = None
            self.vertices = model.vertices
            if photo:
                self.overlay, self.path, self.bent = PhotoOverlay(photo, model), path, bent
            else:
                self.overlay.set_model(model)

    def start(self) -> None:
        self.handle = bpy.types.SpaceView3D.draw_handler_add(self.draw, (), "WINDOW", "POST_VIEW")  # under gizmos
        bpy.app.handlers.depsgraph_update_post.append(_changed)
        if self.view == "BLINK":
            bpy.app.timers.register(_blink, first_interval=BLINK)

    def stop(self) -> None:
        bpy.types.SpaceView3D.draw_handler_remove(self.handle, "WINDOW")
        bpy.app.handlers.depsgraph_update_post.remove(_changed)
        for timer in (_blink, _renew):
            if bpy.app.timers.is_registered(timer):
                bpy.app.timers.unregister(timer)

    def draw(self) -> None:
        context, place = bpy.context, self.place(bpy.context)
        if place:
            camera_object = camera_seen(context.scene, context.space_data, context.region_data)
            target = context.region.width, context.region.height
            thickness = max(1, round(context.preferences.system.ui_scale))
            self.draw_over(context.scene, camera_object, place, target, thickness)

    def place(self, context: bpy.types.Context) -> Box | None:
        """Where the region that context is in shows the photo, px; None where it does not."""
        camera_object = camera_seen(context.scene, context.space_data, context.region_data)
        if camera_object is None or camera_object.get(cameras.PHOTO) != self.path:
            return None
        if camera_object.data.type not in cameras.SEEN_TYPES:
            return None
        return photo_in_view(camera_object, self.overlay.size, context.scene, context.region, context.region_data)

    def draw_over(
        self,
        current: bpy.types.Scene,
        camera_object: bpy.types.Object,
        place: Box,
        target: tuple[int, int],
        thickness: int = 1,
    ) -> None:
        """As PhotoOverlay.draw does: what is shown now."""
        camera = cameras.read_camera(current, camera_object, self.overlay.size)
        wipe = self.blink if self.view == "BLINK" else bpy.context.window_manager.photo_pose_compare.wipe
        view = "EDGES" if self.view in PICTURED and not self.knows(camera) else self.view
        self.overlay.draw(view, camera, place, target, wipe, thickness)

    def told(self, current: bpy.types.Scene) -> str:
        """What was found, or that nobody knows any more; empty in views that look for nothing."""
        if self.view not in PICTURED:
            return ""
        camera_object = current.camera
        with suppress(PoseError):  # of what shows no photo
            if camera_object and camera_object.get(cameras.PHOTO) == self.path:
                if self.knows(cameras.read_camera(current, camera_object, self.overlay.size)):
                    return self.found.told
        if self.view == "LINES":
            return rpt_("Camera or model have changed: press Lines again")
        return rpt_("Camera or model have changed: press Fit again")

    def knows(self, camera: Camera) -> bool:
        """Whether what was found is about what this camera sees."""
        return self.found is not None and self.found.is_of(camera)


def show(context: bpy.types.Context, view: str, found: CameraFit | CameraLines | None = None) -> None:
    """Turns 3D views through the active camera to one of VIEWS; PoseError where that cannot be shown.

    found: what FIT or LINES show.
    """
    require_packages("PIL")
    try:
        comparison = None if view == "PHOTO" else Comparison(context, view, found)
    except SystemError as error:  # Blender's own, of its gpu module
        raise PoseError("Nothing can be drawn here: Blender runs in the background.") from error
    stop()
    if comparison:
        comparison.start()
        _running.append(comparison)
    redraw(context)


def seen(context: bpy.types.Context) -> str:
    """Which of VIEWS is shown where context is; empty where no camera is looked through."""
    views = [area.spaces.active.region_3d.view_perspective for area in cameras.views_meant(context)]
    return context.window_manager.photo_pose_compare.view if "CAMERA" in views else ""


def show_match(context: bpy.types.Context) -> None:
    """After a match: whether the model lies on the photo, for whoever looks and has chosen no other view."""
    if watched() and not _running:
        with suppress(PoseError):  # what cannot be drawn is matched nevertheless
            show(context, "EDGES")


def wiped(context: bpy.types.Context) -> Box | None:
    """Where the region that context is in shows the photo that is wiped, px; None where none is."""
    return _running[0].place(context) if _running and _running[0].view == "WIPE" else None


def watched() -> bool:
    """Whether there is a window in which somebody sees what is drawn."""
    return not bpy.app.background


@persistent
def stop(*_file: object) -> None:
    """Shows no comparison any more, in another file either."""
    while _running:
        _running.pop().stop()


@persistent
def _undone(*_scene: object) -> None:
    """An undo of the first match leaves no photo to be compared with; one of clicks other lines."""
    if _running and not any(cameras.PHOTO in one for one in bpy.context.scene.objects):
        stop()
    renew_lines(bpy.context)


def lines_shown(context: bpy.types.Context) -> CameraLines | None:
    """Those of the active camera's photo, while they are shown and known."""
    current, camera_object = context.scene, context.scene.camera
    with suppress(PoseError):  # of what shows no photo
        for one in _running if camera_object else ():
            if one.view == "LINES" and camera_object.get(cameras.PHOTO) == one.path:
                known = one.knows(cameras.read_camera(current, camera_object, one.overlay.size))
                return one.found if known else None
    return None


def renew_lines(context: bpy.types.Context) -> None:
    """Where others are switched off than those that are shown so."""
    shown = lines_shown(context)
    without = lines_without(context.scene.camera.data.photo_pose) if shown else None
    if shown and not np.array_equal(without, shown.off):
        _running[0].take(shown.without(without))
        redraw(context)


def redraw(context: bpy.types.Context) -> None:
    for window in context.window_manager.windows:
        for area in window.screen.areas:
            if area.type == "VIEW_3D":
                area.tag_redraw()


def _changed(current: bpy.types.Scene, depsgraph: bpy.types.Depsgraph) -> None:
    """Takes photo and model anew, soon, where another camera is active, or has another model, or more than cameras has
    moved."""
    path = current.camera.get(cameras.PHOTO) if current.camera else None
    solid = [
        update
        for update in depsgraph.updates
        if isinstance(update.id, bpy.types.Object) and update.id.type != "CAMERA"
        if update.is_updated_geometry or update.is_updated_transform
    ]
    known = _running[0].path, _running[0].bent, _running[0].matched
    now = (path, _bent(current.camera), matched_with(current.camera)) if path else known
    if path and (solid or now != known) and not bpy.app.timers.is_registered(_renew):
        bpy.app.timers.register(_renew, first_interval=REDRAW_PAUSE)


def _bent(camera_object: bpy.types.Object) -> tuple[float, ...]:
    """By which distortion a camera's photo is straightened."""
    return tuple(camera_object.data.photo_pose.distortion) if camera_object.type == "CAMERA" else ()


def matched_with(camera_object: bpy.types.Object) -> str:
    """The name of the model that a camera was matched with; empty where there is none."""
    model = camera_object.data.photo_pose.model if camera_object.type == "CAMERA" else None
    return model.name_full if model else ""


def _renew() -> None:
    try:
        _running[0].renew(bpy.context)
    except PoseError:  # the model, the photo's file or the camera is gone
        stop()
    redraw(bpy.context)


def _blink() -> float:
    _running[0].blink = 1.0 - _running[0].blink
    redraw(bpy.context)
    return BLINK


classes = (PHOTOPOSE_OT_compare, PhotoPoseCompare)


def register() -> None:
    bpy.types.WindowManager.photo_pose_compare = PointerProperty(type=PhotoPoseCompare)
    for handlers in (bpy.app.handlers.undo_post, bpy.app.handlers.redo_post):
        handlers.append(_undone)
    bpy.app.handlers.load_pre.append(stop)  # for good: Blender skips one where another leaves the list meanwhile


def unregister() -> None:
    stop()
    for handlers in (bpy.app.handlers.undo_post, bpy.app.handlers.redo_post):
        handlers.remove(_undone)
    bpy.app.handlers.load_pre.remove(stop)
    del bpy.types.WindowManager.photo_pose_compare
