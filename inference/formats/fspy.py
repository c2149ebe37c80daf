"""fSpy's projects: the camera that its user solved, and the photo inside (fSpy's project_file_format.md)."""

from __future__ import annotations

import json
import math
import struct
from pathlib import Path
from typing import NamedTuple

import numpy as np

from ..errors import PoseError
from ..geometry import Camera, blender_axes, intrinsics

HEADER = struct.Struct("<4sIII")  # magic, version, bytes of JSON, bytes of the picture
VERSION = 1


class Project(NamedTuple):
    """camera, in the project's own world, Z up; picture: the photo's file, empty where the project has none."""

    camera: Camera
    picture: bytes


def read_fspy(path: Path) -> Project:
    """PoseError where the file is no project, damaged, or its camera was never solved."""
    try:
        data = path.read_bytes()
    except OSError as error:
        raise PoseError(f"'{path.name}' cannot be read ({error.strerror}).") from error
    if len(data) < HEADER.size or data[:4] != b"fspy":
        raise PoseError(f"'{path.name}' is not an fSpy project.")
    _magic, version, state_size, picture_size = HEADER.unpack_from(data)
    if version != VERSION:
        raise PoseError(f"'{path.name}' has version {version} of fSpy's format; only {VERSION} is known.")
    end = HEADER.size + state_size
    if len(data) < end + picture_size:
        raise PoseError(f"'{path.name}' is cut off.")
    try:
        parameters = json.loads(data[HEADER.size : end])["cameraParameters"]
        camera = parameters and _camera(parameters)
    except (ValueError, KeyError, TypeError, ZeroDivisionError) as error:
        raise PoseError(f"'{path.name}' is damaged.") from error
    if not camera:
        raise PoseError(f"'{path.name}' has no camera: its vanishing points do not make one.")
    return Project(camera, data[end : end + picture_size])


def _camera(parameters: dict) -> Camera:
    """fSpy measures from the picture's middle, up, in halves of its longer side, and so it does the field of view,
    which it calls horizontal for upright pictures too."""
    size = int(parameters["imageWidth"]), int(parameters["imageHeight"])
    half, point = max(size) / 2, parameters["principalPoint"]
    center = size[0] / 2 + half * point["x"], size[1] / 2 - half * point["y"]
    focal = half / math.tan(parameters["horizontalFieldOfView"] / 2)
    pose = np.array(parameters["cameraTransform"]["rows"], float).reshape(4, 4)
    return Camera(intrinsics(focal, size, center), blender_axes(pose), size)
