"""`python -m benchmark.chessboard`: calibrates a real camera with Debian's photos of a chessboard."""

from __future__ import annotations

import json
import sys
import time

import numpy as np

from benchmark.assets import fetch_deb
from benchmark.product import ROOT
from inference.chessboard.calibration import board_points, calibrate, locate_board
from inference.chessboard.corners import find_chessboard
from inference.errors import PoseError
from inference.geometry import rotation_angle
from inference.photo.image import load_photo

COLUMNS, ROWS, SQUARE = 9, 6, 25.0  # mm
FOLDER = "usr/share/doc/opencv-doc/examples/data"


def measured(side: str) -> dict[str, object]:
    """What 13 photos by one camera tell together, and how far off each of them is alone.

    focal_alone: relative errors of the focal length; turn_alone: degrees, of the pose with the calibrated K, by the one
    coefficient of distortion that a single photo tells.
    """
    began = time.process_time()
    photos = [load_photo(path) for path in sorted((fetch_deb("opencv-doc") / FOLDER).glob(f"{side}[01]*.jpg"))]
    pixels = np.stack([find_chessboard(photo, COLUMNS, ROWS).reshape(-1, 2) for photo in photos])
    points, size = board_points(COLUMNS, ROWS, SQUARE), photos[0].size
    found = calibrate(points, pixels, size)
    alone = [locate_board(points, seen, size) for seen in pixels]
    with_lens = [locate_board(points, seen, size, found.K) for seen in pixels]
    turns = [
        rotation_angle(one.poses[0, :3, :3], pose[:3, :3]) for one, pose in zip(with_lens, found.poses, strict=True)
    ]
    return {
        "photos": len(photos),
        "K": found.K.round(2).tolist(),
        "distortion": found.distortion.round(4).tolist(),
        "reprojection_error": round(found.rms, 4),
        "worst_photo": round(float(found.errors.max()), 4),
        "focal_alone": [round(one.K[0, 0] / found.K[0, 0] - 1, 3) for one in alone],
        "turn_alone": np.degrees(turns).round(2).tolist(),
        "cpu_seconds": round(time.process_time() - began, 1),
    }


def main() -> None:
    path = ROOT / "build" / "benchmark" / "chessboard.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    figures = {side: measured(side) for side in ("left", "right")}
    path.write_text(json.dumps(figures, indent=1))
    for side, row in figures.items():
        print(side, *(f"  {key}: {value}" for key, value in row.items()), sep="\n")


if __name__ == "__main__":
    try:
        main()
    except PoseError as error:
        sys.exit(str(error))
