"""COLMAP's text format: cameras.txt, images.txt and an empty points3D.txt (COLMAP's "Output Format").

Its pixels and its camera axes are ours; the world is whatever was reconstructed, or Blender's.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

import numpy as np

from ..errors import PoseError
from ..files import writing
from ..geometry import Camera

FOCALS = {"SIMPLE_PINHOLE": 1, "PINHOLE": 2, "SIMPLE_RADIAL": 1, "RADIAL": 1, "OPENCV": 2, "FULL_OPENCV": 2}


class PosedPhoto(NamedTuple):
    """An image's camera, without its lens's distortion: up to eight coefficients, as in `photo.distortion`."""

    camera: Camera
    distortion: np.ndarray = np.zeros(0)


def write_colmap(folder: Path, photos: Mapping[str, PosedPhoto]) -> None:
    """One image for each photo's name; equal lenses become one camera. PoseError where a file cannot be written.

    Of distortions k1 and k2 are written.
    """
    lenses, images = {}, []
    for number, (name, (camera, distortion)) in enumerate(photos.items(), 1):
        K, pose = camera.K, camera.world_to_camera
        kind, bent = ("OPENCV", [*distortion[:2], 0, 0]) if distortion.any() else ("PINHOLE", [])
        lens = f"{kind} {camera.size[0]} {camera.size[1]} {_row([K[0, 0], K[1, 1], K[0, 2], K[1, 2], *bent])}"
        index = lenses.setdefault(lens, len(lenses) + 1)
        images += [f"{number} {_row(quaternion(pose[:3, :3]))} {_row(pose[:3, 3])} {index} {name}", ""]
    _write(folder / "cameras.txt", ["# CAMERA_ID MODEL WIDTH HEIGHT PARAMS", *(f"{i} {k}" for k, i in lenses.items())])
    _write(folder / "images.txt", ["# IMAGE_ID QW QX QY QZ TX TY TZ CAMERA_ID NAME, then POINTS2D", *images])
    _write(folder / "points3D.txt", ["# POINT3D_ID X Y Z R G B ERROR TRACK"])


def read_colmap(folder: Path) -> dict[str, PosedPhoto]:
    """Shots by the images' names. PoseError where a file is missing, damaged, or a lens is of another kind."""
    try:
        lenses = {words[0]: _lens(words) for words in map(str.split, _lines(folder / "cameras.txt")) if words}
        return dict(_shots(_lines(folder / "images.txt"), lenses))
    except PoseError:
        raise
    except OSError as error:
        raise PoseError(f"'{Path(error.filename).name}' cannot be read ({error.strerror}).") from error
    except (ValueError, IndexError, KeyError) as error:
        raise PoseError(f"The COLMAP model in '{folder.name}' is damaged.") from error


def quaternion(rotation: np.ndarray) -> np.ndarray:
    """(4,), the real part first and not negative, of a rotation matrix (3, 3)."""
    (a, b, c), (d, e, f), (g, h, i) = rotation
    # the eigenvector of the largest eigenvalue: exact near half turns too
    symmetric = [[a + e + i, h - f, c - g, d - b], [0, a - e - i, b + d, c + g], [0, 0, e - a - i, f + h]]
    matrix = np.array([*symmetric, [0, 0, 0, i - a - e]])
    vector = np.linalg.eigh(matrix, UPLO="U")[1][:, -1]
    return vector if vector[0] >= 0 else -vector


def rotation_of(quaternion: np.ndarray) -> np.ndarray:
    """The rotation matrix (3, 3) of a quaternion (4,) of any length."""
    w, x, y, z = quaternion / np.linalg.norm(quaternion)
    cross = np.array([[0, -z, y], [z, 0, -x], [-y, x, 0]])
    return np.eye(3) + 2 * w * cross + 2 * cross @ cross


def _shots(lines: list[str], lenses: dict[str, tuple]) -> Iterator[tuple[str, PosedPhoto]]:
    rows = iter(lines)
    for line in rows:
        if not line.strip():
            continue
        numbers, (lens, name) = np.array(line.split()[1:8], float), line.split(maxsplit=9)[8:]
        if not (np.isfinite(numbers).all() and numbers[:4].any()):
            raise ValueError(f"no camera stands at {numbers}")
        next(rows, None)  # the image's points
        pose = np.eye(4)
        pose[:3, :3], pose[:3, 3] = rotation_of(numbers[:4]), numbers[4:]
        K, size, distortion = lenses[lens]
        yield name.strip(), PosedPhoto(Camera(K, np.linalg.inv(pose), size), distortion)


def _lens(words: list[str]) -> tuple[np.ndarray, tuple[int, int], np.ndarray]:
    """K, size and distortion, of a line of cameras.txt."""
    _index, kind, width, height, *numbers = words
    if kind not in FOCALS:
        raise PoseError(f"COLMAP's camera model {kind} is none of {', '.join(FOCALS)}.")
    values = [float(number) for number in numbers]
    fx, (fy, cx, cy, *distortion) = values[0], values[FOCALS[kind] - 1 :]
    if not (np.isfinite(values).all() and min(fx, fy) > 0 and len(distortion) <= 8):
        raise ValueError(f"no lens has {numbers}")
    return np.array([[fx, 0, cx], [0, fy, cy], [0, 0, 1.0]]), (int(width), int(height)), np.array(distortion)


def _lines(path: Path) -> list[str]:
    text = path.read_text(encoding="utf-8-sig", errors="surrogateescape")  # names of files may be no UTF-8
    return [line for line in text.split("\n") if not line.startswith("#")]


def _write(path: Path, lines: list[str]) -> None:
    with writing(path):
        path.write_text("\n".join(lines) + "\n", encoding="utf-8", errors="surrogateescape")


def _row(numbers: np.ndarray | list[float]) -> str:
    return " ".join(repr(float(number)) for number in numbers)
