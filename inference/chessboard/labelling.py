"""Known cameras for real photos, the paper's way: a chessboard stands in the place, and is taken away for the photo."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

import numpy as np

from ..errors import PoseError, sentence_of
from ..geometry import Camera, Sphere
from ..matching import photo_camera, photo_focal
from ..photo.distortion import NOTICED, displacement, straightened
from ..photo.focal_length import UNPROVEN
from ..photo.image import Photo
from .calibration import Calibration, board_points, calibrate, locate_board
from .corners import find_chessboard


class Board(NamedTuple):
    """columns x rows inner corners, square apart in any unit; at place (4, 4), from its axes to the world's."""

    columns: int
    rows: int
    square: float
    place: np.ndarray

    @property
    def points(self) -> np.ndarray:
        """(N, 3): the corners in its own axes."""
        return board_points(self.columns, self.rows, self.square)

    @property
    def sphere(self) -> Sphere:
        """Around all of its corners, in the world."""
        return Sphere(self.place[:3, 3], float(np.linalg.norm(self.points, axis=1).max()))

    def corners(self, photo: Photo) -> np.ndarray:
        """(N, 2) px."""
        return find_chessboard(photo, self.columns, self.rows).reshape(-1, 2)


class Label(NamedTuple):
    """A photo without distortion and its camera in the world; the lens and the board's pose; corners (N, 2) seen in the
    board's photo; bent: by how many px at most the lens had moved the photo."""

    photo: Photo
    camera: Camera
    found: Calibration
    corners: np.ndarray
    bent: float


def checked_board(columns: int, rows: int, square: float, place: np.ndarray | None = None) -> Board:
    """place: default the world's XY plane; its scale does not count. PoseError where there can be no such board."""
    if not 0 < square < np.inf:
        raise PoseError("The size of the board's squares must be a positive number.")
    return Board(columns, rows, square, np.eye(4) if place is None else place)


def calibrated(photos: Iterable[Photo], board: Board) -> tuple[Calibration, dict[str, str]]:
    """The lens that took the photos of the board, and why the photos that it could not use failed, by path."""
    seen, size, failed = [], None, {}
    for photo in photos:
        try:
            if size and photo.size != size:
                raise PoseError(f"Photo '{photo.path.name}' has another size than the first one.")
            seen.append(board.corners(photo))
            size = photo.size
        except Exception as error:  # whatever it is, the other photos go on
            failed[str(photo.path)] = sentence_of(error, photo.path)
    return calibrate(board.points, np.array(seen), size or (0, 0)), failed


def label(
    board_photo: Photo,
    photo: Photo,
    board: Board,
    K: np.ndarray | None = None,
    deviation: float = 0.0,
    distortion: np.ndarray | None = None,
) -> Label:
    """The camera of photo, which was taken as board_photo was; what is not given of the lens is found by the board.

    deviation: relative, of the focal length in K.
    """
    if board_photo.size != photo.size:
        raise PoseError("The photos with and without the board differ in size.")
    corners = board.corners(board_photo)
    found = locate_board(board.points, corners, photo.size, K, distortion)
    found = found if K is None else found._replace(focal_deviation=deviation)
    bent = displacement(found.K, found.distortion, photo.size)
    if bent > NOTICED:
        photo = straightened(photo, found.K, found.distortion)
    camera = found.camera()
    return Label(photo, camera.placed(board.place @ camera.camera_to_world), found, corners, bent)


def given_intrinsics(
    photo: Photo,
    focal: float | None = None,
    lens: float | None = None,
    sensor: float = 36.0,
    principal_point: tuple[float, float] | None = None,
) -> tuple[np.ndarray | None, float]:
    """K of `photo_camera` and the deviation of its focal length, where anything tells that beyond doubt; else None and
    0: the board will tell it."""
    known = photo_focal(photo, focal, lens, sensor)
    if known.doubt > UNPROVEN:
        return None, 0.0
    return photo_camera(photo, focal, lens, sensor, principal_point).K, known.deviation
