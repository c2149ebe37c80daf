"""fSpy's project files, made up."""

from __future__ import annotations

import json
import math
import struct

from photo_pose.inference.geometry import Camera, blender_axes


def fspy_project(camera: Camera, picture: bytes = b"picture", **changes) -> bytes:
    """As fSpy writes it: halves of the longer side, the field of view along it."""
    (width, height), longer = camera.size, max(camera.size)
    parameters = {
        "imageWidth": width,
        "imageHeight": height,
        "principalPoint": {
            "x": (2 * camera.K[0, 2] - width) / longer,
            "y": (height - 2 * camera.K[1, 2]) / longer,
        },
        "horizontalFieldOfView": 2 * math.atan(longer / 2 / camera.focal),
        "cameraTransform": {"rows": blender_axes(camera.camera_to_world).tolist()},
    } | changes
    state = json.dumps({"cameraParameters": parameters}).encode()
    return struct.pack("<4sIII", b"fspy", 1, len(state), len(picture)) + state + picture
