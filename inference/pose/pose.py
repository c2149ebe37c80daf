"""Poses of a model in a camera's axes, and the cameras that see it so."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from ..geometry import Camera, Sphere, nearest_rotation, rotation_from_vector

LEVEL = 0.1  # sine of the elevation from below which still counts as level
STRAIGHT = np.zeros(2)
STRAIGHT.setflags(write=False)


class Pose(NamedTuple):
    """How a photo shows a model: x ~ K bent(rotation X + translation); rotation and K (3, 3), translation (3,).

    distortion (2,): k1 and k2 of Brown's model, by which the lens bends rays; of a photo that was straightened what is
    left of them.
    """

    rotation: np.ndarray
    translation: np.ndarray
    K: np.ndarray
    distortion: np.ndarray = STRAIGHT

    def camera_to_world(self) -> np.ndarray:
        matrix = np.eye(4)
        matrix[:3, :3] = self.rotation.T
        matrix[:3, 3] = -self.rotation.T @ self.translation
        return matrix

    def moved(self, step: np.ndarray) -> Pose:
        """By a turn and a shift of the model in camera axes, a factor exp(step[6]) of both focal lengths, a shift of
        the principal point, in focal lengths, and what the distortion grows by."""
        K = self.K.copy()
        K[:2, 2] += step[7:9] * K[0, 0]
        K[[0, 1], [0, 1]] *= np.exp(step[6])
        rotation, translation = rotation_from_vector(step[:3]) @ self.rotation, self.translation + step[3:6]
        return Pose(rotation, translation, K, self.distortion + step[9:])


def confused(pose: Pose) -> list[Pose]:
    """What is easily taken for this pose of a model whose outline is as symmetric as its box: the model turned by half
    about each axis, and turned inside out, concave for convex, for a picture does not tell near from far."""
    away = pose.translation / np.linalg.norm(pose.translation)
    mirrored = np.eye(3) - 2 * np.outer(away, away)  # near for far
    turned = [pose.rotation @ np.diag(2.0 * axis - 1) for axis in np.eye(3)]
    reversed_ = [mirrored @ pose.rotation @ np.diag(1 - 2.0 * axis) for axis in np.eye(3)]
    return [pose._replace(rotation=rotation) for rotation in (*turned, *reversed_)]


def is_standing(pose: Pose) -> bool:
    """Whether a level camera may see it so, from above or nearly so."""
    place = -pose.rotation.T @ pose.translation
    return bool(place[2] > -LEVEL * np.linalg.norm(place) and pose.rotation[1, 2] < 0)


def placed(camera: Camera, pose: Pose, sphere: Sphere) -> Camera:
    """The photo's camera in the world, from its pose relative to the model's unit sphere."""
    camera_to_world = pose.camera_to_world()
    camera_to_world[:3, 3] = camera_to_world[:3, 3] * sphere.radius + sphere.center
    return Camera(pose.K, camera_to_world, camera.size)


def relative(camera: Camera, sphere: Sphere) -> Pose:
    """How a camera in the world sees a model: the inverse of `placed`.

    Blender's matrices are of few digits: what they lack of a rotation would grow with every step that starts from it.
    """
    rotation = nearest_rotation(camera.world_to_camera[:3, :3])
    return Pose(rotation, rotation @ (sphere.center - camera.position) / sphere.radius, camera.K)
