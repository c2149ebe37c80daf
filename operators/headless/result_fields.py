"""Fields of results.jsonl, cameras.json and the other listings: cameras, angles, poses."""

from __future__ import annotations

from typing import Any

import bpy
import numpy as np

from ...inference import geometry
from ...inference.geometry import Camera, Sphere, afar, blender_axes, nearby, nearest_rotation
from ...inference.photo.checks import DEFAULT_SENSOR
from ...inference.verify.candidates import Candidate
from ..blender import cameras
from ..blender.models import placed, with_key

SAME_SCALE = 1e-5  # part by which the scales of an evenly scaled object may differ: Blender's numbers have 32 bits
Placed = tuple[np.ndarray, np.ndarray]
NO_LENS = dict.fromkeys(("lens", "sensor_width", "ortho_scale"))  # of which a camera has the first two or the last


def blender_camera(camera: Camera, sphere: Sphere, sensor: float = DEFAULT_SENSOR) -> dict[str, Any]:
    """For renders of the photo's size, whose sensor has so many mm along the longer side; sphere: what is seen."""
    if camera.is_orthographic:
        camera = nearby(camera, sphere.center)
        lens = cameras.blender_scale(camera)._asdict()
    else:
        lens = cameras.blender_lens(camera, sensor)._asdict()
    matrix = blender_axes(camera.camera_to_world).tolist()
    return {"matrix_world": matrix, **NO_LENS, **lens, "resolution": list(camera.size)}


def camera_of_fields(fields: dict[str, Any]) -> Camera:
    """The inverse of `blender_camera`."""
    width, height = size = tuple(fields["resolution"])
    side, orthographic = max(size), fields["type"] == "ORTHO"
    focal = side / fields["ortho_scale"] if orthographic else side / fields["sensor_width"] * fields["lens"]
    principal_point = (width / 2 - fields["shift_x"] * side, height / 2 + fields["shift_y"] * side)
    pose = blender_axes(np.array(fields["matrix_world"]))
    camera = Camera(geometry.intrinsics(focal, size, principal_point), pose, size)
    return afar(camera) if orthographic else camera


def described(candidate: Candidate, sphere: Sphere, placed_so: Placed | None = None) -> dict[str, Any]:
    """A candidate as in results.jsonl; placed_so: of its model where that is none of the scene's."""
    placed_so = placed_so or placed(with_key(bpy.data.objects, candidate.model))
    angles = geometry.seen_from(candidate.camera, sphere)
    return {
        "model": candidate.model,
        "opencv": opencv(candidate.camera, *placed_so),
        "azimuth": angles.azimuth,
        "elevation": angles.elevation,
        "roll": angles.roll,
        "score": candidate.score,
        "focal_deviation": candidate.lens_deviation or None,
        "focal_by": list(candidate.lens_by) if candidate.lens_deviation else None,
    }


def opencv(camera: Camera, place: np.ndarray, scale: np.ndarray) -> dict[str, Any]:
    """K, R, t with x_cam = R x + t for x in the own coordinates of a model that is `placed` so, whose unit t has too.

    Where it is scaled unevenly, mirrored or sheared: x_cam = R (scale x) + t, in the scene's unit.
    """
    matrix = camera.world_to_camera @ place
    found = {"K": camera.K.tolist(), "R": nearest_rotation(matrix[:3, :3]).tolist(), "t": matrix[:3, 3].tolist()}
    unit = scale.diagonal().mean()
    if unit > 0 and np.allclose(scale / unit, np.eye(3), atol=SAME_SCALE):
        return found | {"t": (matrix[:3, 3] / unit).tolist()}
    return found | {"scale": scale.tolist()}
