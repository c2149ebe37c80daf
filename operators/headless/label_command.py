"""The headless command `label`: photos of a chessboard in, a lens and photos with known cameras out."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

import bpy
import numpy as np
from PIL import Image, ImageDraw

from ...inference.chessboard.calibration import Calibration
from ...inference.chessboard.labelling import Board, Label, calibrated, checked_board, given_intrinsics, label
from ...inference.errors import PoseError, sentence_of
from ...inference.files import writing
from ...inference.formats.strict_json import json_text
from ...inference.geometry import Sphere, seen_from
from ...inference.photo.distortion import NOTICED
from ...inference.photo.image import Photo, load_photo
from ..chessboard.camera_from_chessboard import board_place
from ..pictures.saving import make_folder, save_picture
from .jobs import stems_of
from .output import add_camera, failing_alone, open_scene, save_scene
from .result_fields import blender_camera
from .terminal import to_stderr

MARK = 0.006  # of the photo's longer side: radius of a corner's mark


def run(options: argparse.Namespace) -> int:
    """0 when all went well, 1 when some photos failed. PoseError when nothing can be done at all.

    Writes calibration.json of --calibrate; labels.jsonl, a picture of the corners and labelled.blend of --photo.
    """
    if not (options.calibrate or options.photo) or bool(options.photo) != bool(options.board_photo):
        raise PoseError("Give --board-photo with --photo, or --calibrate, or all of them.")
    open_scene(options)
    place = board_place(bpy.context.scene, options.board)
    board = checked_board(*options.corners, options.square / _millimetres(), place)
    make_folder(options.out)
    lens, failed = None, 0
    if options.calibrate:
        lens, failed = _calibrate(options, board)
    if options.photo:
        failed += _label_all(options, board, lens)
        save_scene(options.out / "labelled.blend")
    return 1 if failed else 0


def _calibrate(options: argparse.Namespace, board: Board) -> tuple[Calibration, int]:
    """The lens, and how many photos failed."""
    photos, unreadable = [], {}
    for path in options.calibrate:
        try:
            photos.append(load_photo(path))
        except Exception as error:  # whatever it is, the other photos go on
            unreadable[str(path)] = sentence_of(error, path)
    found, unseen = calibrated(photos, board)
    failed = unreadable | unseen
    for sentence in failed.values():
        to_stderr(sentence)
    used = [str(photo.path) for photo in photos if str(photo.path) not in unseen]
    listing = {
        "K": found.K.tolist(),
        **_lens(found),
        "size": list(found.size),
        "photos": dict(zip(used, found.errors.round(4).tolist(), strict=True)),
        "failed": failed,
    }
    path = options.out / "calibration.json"
    with writing(path):
        path.write_text(json_text(listing, indent=1), encoding="utf-8")
    return found, len(failed)


def _label_all(options: argparse.Namespace, board: Board, lens: Calibration | None) -> int:
    """Writes a line of labels.jsonl for every photo; gives how many failed."""
    failed, cameras = 0, []
    listing = options.out / "labels.jsonl"
    with writing(listing), listing.open("w", encoding="utf-8") as file:
        for path, stem in zip(options.photo, stems_of(options.photo), strict=True):
            line: dict[str, Any] = {"photo": str(path), "board_photo": str(options.board_photo)}
            with failing_alone(line, path):
                line.update(status="ok", error=None, **_labelled(path, stem, options, board, lens, cameras))
            failed += line["status"] == "error"
            file.write(json_text(line) + "\n")
    return failed


def _labelled(
    path: Path,
    stem: str,
    options: argparse.Namespace,
    board: Board,
    lens: Calibration | None,
    cameras: list[bpy.types.Object],
) -> dict[str, Any]:
    """The photo's line of labels.jsonl; its camera joins the others."""
    photo, board_photo = load_photo(path), load_photo(options.board_photo)
    if lens and lens.size != photo.size:
        raise PoseError(f"Photo '{path.name}' has another size than those that calibrated the lens.")
    given = options.focal, options.lens, options.sensor, options.principal_point
    K, deviation = (lens.K, lens.focal_deviation) if lens else given_intrinsics(board_photo, *given)
    found = label(board_photo, photo, board, K, deviation, lens.distortion if lens else None)
    save_picture(_marked(board_photo, found.corners), options.out / f"{stem}_board.png")
    straight = None
    if found.bent > NOTICED:
        straight = options.out / f"{stem}_undistorted.png"
        save_picture(found.photo.image, straight)
    add_camera(found.photo, found.camera, board.sphere, cameras, options.sensor)
    described = _described(found, board, options.sensor)
    return {"size": list(photo.size), "undistorted": straight and str(straight), **described}


def _described(labelled: Label, board: Board, sensor: float) -> dict[str, Any]:
    """Angles in degrees and lengths in millimetres; opencv and the angles are in the board's axes."""
    found, own = labelled.found, Sphere(np.zeros(3), board.sphere.radius)
    angles, pose = seen_from(found.camera(), own), found.poses[0]
    return {
        "camera": blender_camera(labelled.camera, board.sphere, sensor),
        "opencv": {"K": found.K.tolist(), "R": pose[:3, :3].tolist(), "t": (pose[:3, 3] * _millimetres()).tolist()},
        "azimuth": angles.azimuth,
        "elevation": angles.elevation,
        "roll": angles.roll,
        "distance": angles.distance * _millimetres(),
        **_lens(found),
    }


def _lens(found: Calibration) -> dict[str, Any]:
    return {
        "distortion": found.distortion.tolist(),
        "focal_deviation": found.focal_deviation or None,
        "reprojection_error": found.rms,
    }


def _marked(photo: Photo, corners: np.ndarray) -> Image.Image:
    """The photo with rings around the corners, red around the first one, and a line through all in their order."""
    picture, shrunk = photo.image.copy(), photo.image.size[0] / photo.size[0]
    drawing, radius = ImageDraw.Draw(picture), max(3.0, MARK * max(picture.size))
    points = [(float(x), float(y)) for x, y in corners * shrunk]
    drawing.line(points, fill="orange", width=max(1, round(radius / 4)))
    for number, (x, y) in enumerate(points):
        color = "red" if number == 0 else "orange"
        drawing.ellipse(
            (x - radius, y - radius, x + radius, y + radius), outline=color, width=max(1, round(radius / 3))
        )
    return picture


def _millimetres() -> float:
    """In a unit of the scene."""
    return 1000.0 * bpy.context.scene.unit_settings.scale_length
