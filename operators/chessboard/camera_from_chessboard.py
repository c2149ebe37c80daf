"""The operator that finds a photo's camera by a chessboard in another photo from the same place."""

from __future__ import annotations

from typing import TYPE_CHECKING

import bpy
import numpy as np
from bpy.app.translations import pgettext_rpt as rpt_
from bpy.props import StringProperty

from ...inference.errors import PoseError
from ...properties import (
    BOARD,
    BOARD_COLUMNS,
    BOARD_PHOTO,
    BOARD_ROWS,
    BOARD_SQUARE,
    RELATIVE,
    RENDER_SIZE,
    LensProperties,
)
from ..blender import cameras
from ..blender.match_record import show_straight
from ..blender.models import scene_object, unscaled
from ..blender.photo_files import read_photo
from ..blender.result_text import new_camera, sight
from ..photo.photo_properties import photo_sensor
from ..pictures.camera_view import frame_camera
from ..running.long_operator import require_packages

if TYPE_CHECKING:
    from ...inference.chessboard.labelling import Board, Label
    from ...inference.photo.image import Photo


class PHOTOPOSE_OT_label_photo(LensProperties, bpy.types.Operator):
    bl_idname = "photopose.label_photo"
    bl_label = "Camera from Chessboard"
    bl_description = "Set the active camera by a second photo from the same place that shows a chessboard"
    bl_options = {"REGISTER", "UNDO"}

    filepath: StringProperty(name="Photo", subtype="FILE_PATH", options=RELATIVE, description="Without the chessboard")
    board_photo: BOARD_PHOTO
    columns: BOARD_COLUMNS
    rows: BOARD_ROWS
    square: BOARD_SQUARE
    board: StringProperty(**BOARD)
    use_photo_size: RENDER_SIZE

    def execute(self, context: bpy.types.Context) -> set[str]:
        try:
            require_packages("PIL")
            from ...inference.chessboard.labelling import checked_board, label

            if not self.filepath or not self.board_photo:
                raise PoseError("Choose a photo with the chessboard and one without it first.")
            photo, board_photo = (read_photo(path) for path in (self.filepath, self.board_photo))
            place = board_place(context.scene, self.board)
            board = checked_board(self.columns, self.rows, self.square, place)
            labelled = label(board_photo, photo, board, *self._intrinsics(context, photo))
        except PoseError as error:
            self.report({"ERROR"}, str(error))
            return {"CANCELLED"}
        active, why = context.scene.camera, cameras.passed_over(context.scene, photo.path, orthographic=False)
        self._write(context, labelled, board)
        context.scene.photo_pose.result = label_summary(labelled, board, context.scene.camera.data)
        self.report({"INFO"}, context.scene.photo_pose.result)
        if why:
            self.report({"WARNING"}, new_camera(active, why, context.scene.camera))
        return {"FINISHED"}

    def _intrinsics(self, context: bpy.types.Context, photo: Photo) -> tuple[np.ndarray | None, float]:
        """The photo's K, from where the user says, and its focal length's deviation; None: the board is to tell it."""
        from ...inference.chessboard.labelling import given_intrinsics

        if self.focal_source == "LENS":
            return given_intrinsics(photo, lens=self.lens, sensor=self.sensor)
        if self.focal_source == "PHOTO":
            return given_intrinsics(photo)
        if self.focal_source == "CAMERA":
            if context.scene.camera is None:
                raise PoseError("The scene has no active camera to take the lens from.")
            camera = cameras.read_camera(context.scene, context.scene.camera, photo.size)
            if not camera.is_orthographic:
                return camera.K, 0.0
        raise PoseError("A chessboard tells no orthographic camera: choose another focal length.")

    def _write(self, context: bpy.types.Context, labelled: Label, board: Board) -> None:
        sensor = photo_sensor(self, context.scene, labelled.photo.size)
        camera_object = cameras.camera_for_photo(context.scene, self.filepath, beside=board.sphere.radius)
        how = {"model": board.sphere, "sensor": sensor, "set_resolution": self.use_photo_size}
        cameras.write_camera(context.scene, camera_object, labelled.camera, **how)
        show_straight(camera_object, labelled.photo, labelled.camera)
        frame_camera(context)


def board_place(current: bpy.types.Scene, key: str | None) -> np.ndarray:
    """From the board's axes to the world's (4, 4): those of the object with this key, without its scale."""
    return unscaled(scene_object(current, key)) if key else np.eye(4)


classes = (PHOTOPOSE_OT_label_photo,)


def label_summary(labelled: Label, board: Board, data: bpy.types.Camera) -> str:
    """What the user is told, the camera having these data: parts separated by commas."""
    from ...inference.photo.distortion import NOTICED

    sure = f" ± {100 * labelled.found.focal_deviation:.1f} %" if labelled.found.focal_deviation else ""
    found, bent = labelled.found, rpt_(", distortion of up to {bent:.0f} px taken out").format(bent=labelled.bent)
    return (
        sight(rpt_("Chessboard"), labelled.camera, board.sphere, data, sure)
        + rpt_(", reprojection error {rms:.2f} px").format(rms=found.rms)
        + (bent if labelled.bent > NOTICED else "")
    )
