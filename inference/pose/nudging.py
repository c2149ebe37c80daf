"""Small changes of a camera about what it looks at, as a user makes them until the model lies on the photo."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from ..geometry import Camera, angles_from_direction, rotation_from_vector


class Nudge(NamedTuple):
    """Angles in radians, as everywhere; factors of the distance and of the focal length; pan in px of the photo."""

    azimuth: float = 0.0
    elevation: float = 0.0
    roll: float = 0.0
    distance: float = 1.0
    lens: float = 1.0
    pan: tuple[float, float] = (0.0, 0.0)  # right and down, of the centre


def nudged(camera: Camera, center: np.ndarray, nudge: Nudge) -> Camera:
    """camera, in the world, after one change after the other; center (3,) lies in front of it.

    Only pan and lens move the centre in the picture.
    """
    camera = orbited(camera, center, nudge.azimuth, nudge.elevation)
    camera = rolled(camera, center, nudge.roll)
    camera = camera.placed(_with_position(camera, center + (camera.position - center) * nudge.distance))
    K = camera.K @ np.diag([nudge.lens, nudge.lens, 1.0])
    return panned(Camera(K, camera.camera_to_world, camera.size), center, nudge.pan)


def orbited(camera: Camera, center: np.ndarray, azimuth: float, elevation: float) -> Camera:
    """Carried round center, which it goes on seeing at the same pixel; elevation ends at the poles."""
    now, height = angles_from_direction(camera.position - center)
    tilt = float(np.clip(height + elevation, -np.pi / 2, np.pi / 2)) - height
    right = np.array([np.cos(now), np.sin(now), 0.0])
    return _turned(camera, center, rotation_from_vector([0, 0, azimuth]) @ rotation_from_vector(-tilt * right))


def rolled(camera: Camera, center: np.ndarray, roll: float) -> Camera:
    """Turned about its ray to center."""
    ray = center - camera.position
    return _turned(camera, center, rotation_from_vector(-roll * ray / np.linalg.norm(ray)))


def panned(camera: Camera, center: np.ndarray, pan: tuple[float, float]) -> Camera:
    """Shifted sideways, until center lies pan px further to the right and down."""
    depth = camera.to_camera(center)[2]
    across = -np.array([*pan, 0.0]) * depth / [*camera.K.diagonal()[:2], 1]
    return camera.placed(_with_position(camera, camera.position + camera.camera_to_world[:3, :3] @ across))


def _turned(camera: Camera, center: np.ndarray, rotation: np.ndarray) -> Camera:
    camera_to_world = _with_position(camera, center + rotation @ (camera.position - center))
    camera_to_world[:3, :3] = rotation @ camera.camera_to_world[:3, :3]
    return camera.placed(camera_to_world)


def _with_position(camera: Camera, position: np.ndarray) -> np.ndarray:
    camera_to_world = camera.camera_to_world.copy()
    camera_to_world[:3, 3] = position
    return camera_to_world
