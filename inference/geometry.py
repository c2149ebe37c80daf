"""Cameras, directions and view spheres.

World: Blender's (Z up, scene units). Camera axes: OpenCV's (+X right, +Y down, +Z forward).
Pixels are continuous, (0, 0) is the outer corner of the top-left pixel. Angles in radians.
Azimuth 0 is Blender's Front view (camera on -Y) and grows counter-clockwise seen from above;
roll turns the camera counter-clockwise as the photographer sees it (Blender's local +Z).
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import numpy as np

# Focal lengths in a picture's longer sides. No lens is longer than LONGEST: a longer one stands for an orthographic
# camera. With ORTHOGRAPHIC a model that fills a picture of 1000 px is off by 0.1 px at most in its middle, by 0.2 px
# beside that; with 100 it would be 1 and 2 px, and with more the 32 bits of Blender's numbers would be off by as much.
LONGEST, ORTHOGRAPHIC = 500.0, 1000.0
NEARBY = 2.0  # longer sides of its picture, from what it looks at: where an orthographic camera stands in the scene


class Box(NamedTuple):
    """Rectangle in a picture, px."""

    left: float
    top: float
    right: float
    bottom: float

    @property
    def width(self) -> float:
        return self.right - self.left

    @property
    def height(self) -> float:
        return self.bottom - self.top

    @property
    def center(self) -> np.ndarray:
        return np.array([(self.left + self.right) / 2, (self.top + self.bottom) / 2])

    @classmethod
    def around(cls, pixels: np.ndarray) -> Box:
        """Smallest box that holds pixels (N, 2)."""
        return cls(*(float(v) for v in (*pixels.min(0), *pixels.max(0))))


@dataclass(frozen=True)
class Camera:
    """Pinhole camera: K (3, 3) px without skew, camera_to_world (4, 4), size (width, height) px."""

    K: np.ndarray
    camera_to_world: np.ndarray
    size: tuple[int, int]

    @cached_property
    def world_to_camera(self) -> np.ndarray:
        """(4, 4), the inverse of camera_to_world."""
        return np.linalg.inv(self.camera_to_world)

    @property
    def position(self) -> np.ndarray:
        """(3,) world."""
        return self.camera_to_world[:3, 3]

    @property
    def focal(self) -> float:
        """Horizontal focal length, px."""
        return float(self.K[0, 0])

    @property
    def longer_side(self) -> float:
        """Of the picture, in widths of its pixels."""
        return float(max(self.size[0], self.size[1] * self.K[0, 0] / self.K[1, 1]))

    @property
    def is_orthographic(self) -> bool:
        """Whether it stands for a camera without perspective."""
        return self.focal > LONGEST * self.longer_side

    def to_camera(self, points: np.ndarray) -> np.ndarray:
        """World points (..., 3) -> camera points (..., 3); the last coordinate is the depth."""
        return points @ self.world_to_camera[:3, :3].T + self.world_to_camera[:3, 3]

    def project(self, points: np.ndarray) -> np.ndarray:
        """World points (..., 3) -> pixels (..., 2). Points at or behind the camera give no meaningful pixel."""
        pixels = self.to_camera(points) @ self.K.T
        return pixels[..., :2] / pixels[..., 2:]

    def ray(self, pixel: np.ndarray) -> np.ndarray:
        """Pixel (2,) -> unit viewing ray (3,) in camera axes."""
        ray = np.linalg.solve(self.K, np.array([pixel[0], pixel[1], 1.0]))
        return ray / np.linalg.norm(ray)

    def placed(self, camera_to_world: np.ndarray) -> Camera:
        """The same intrinsics at another pose."""
        return Camera(self.K, camera_to_world, self.size)

    def turned(self, quarters: int) -> Camera:
        """The same camera when its image is turned clockwise by so many quarters."""
        turn = quarter_turn(quarters)
        size = self.size[::-1] if quarters % 2 else self.size
        K = np.diag([*np.abs(turn) @ self.K.diagonal()[:2], 1.0])
        K[:2, 2] = turn @ (self.K[:2, 2] - np.divide(self.size, 2)) + np.divide(size, 2)
        pose = self.camera_to_world.copy()
        pose[:3, :2] = pose[:3, :2] @ turn.T
        return Camera(K, pose, size)

    def windowed(self, window: Box, size: tuple[int, int]) -> Camera:
        """The same camera when only window of its image is kept and resized to size (width, height)."""
        scale = np.diag([size[0] / window.width, size[1] / window.height, 1.0])
        shift = np.array([[1, 0, -window.left], [0, 1, -window.top], [0, 0, 1.0]])
        return Camera(scale @ shift @ self.K, self.camera_to_world, size)


def nearby(camera: Camera, center: np.ndarray) -> Camera:
    """The orthographic camera for which camera stands, before center (3,): it sees there what camera does.

    Its K has pixels a world unit in the place of focal lengths, and nothing is divided by depths.
    """
    depth = float(camera.to_camera(center)[2])
    near = Camera(camera.K @ np.diag([1 / depth, 1 / depth, 1.0]), camera.camera_to_world, camera.size)
    return near.placed(_forward(camera.camera_to_world, depth - NEARBY * near.longer_side / near.focal))


def afar(near: Camera) -> Camera:
    """The inverse of `nearby`, for a camera with ORTHOGRAPHIC."""
    side = near.longer_side / near.focal
    depth = ORTHOGRAPHIC * side
    K = near.K @ np.diag([depth, depth, 1.0])
    return Camera(K, _forward(near.camera_to_world, NEARBY * side - depth), near.size)


def _forward(camera_to_world: np.ndarray, way: float) -> np.ndarray:
    moved = camera_to_world.copy()
    moved[:3, 3] += way * camera_to_world[:3, 2]
    return moved


class Sphere(NamedTuple):
    """Bounding sphere of a model: center (3,) and radius, world units."""

    center: np.ndarray
    radius: float


def quarter_turn(quarters: int) -> np.ndarray:
    """(2, 2): turns image coordinates, y down, clockwise by so many quarters."""
    return np.linalg.matrix_power(np.array([[0, -1], [1, 0]]), quarters % 4)


def intrinsics(focal: float, size: tuple[int, int], principal_point: tuple[float, float] | None = None) -> np.ndarray:
    """K (3, 3) for square pixels; focal and principal point in px, the latter by default the image centre."""
    cx, cy = principal_point or (size[0] / 2, size[1] / 2)
    return np.array([[focal, 0, cx], [0, focal, cy], [0, 0, 1.0]])


def blender_axes(camera_to_world: np.ndarray) -> np.ndarray:
    """OpenCV camera_to_world (4, 4) <-> Blender's matrix_world; its own inverse."""
    return camera_to_world @ np.diag([1.0, -1.0, -1.0, 1.0])


def direction_from_angles(azimuth: float, elevation: float) -> np.ndarray:
    """Unit vector (3,) from the model's centre towards the camera."""
    return np.array([np.sin(azimuth) * np.cos(elevation), -np.cos(azimuth) * np.cos(elevation), np.sin(elevation)])


def angles_from_direction(direction: np.ndarray) -> tuple[float, float]:
    """(azimuth, elevation) of a direction (3,) of any length; azimuth in (-pi, pi], 0 at the poles; without length both
    are 0."""
    x, y, z = direction / max(float(np.linalg.norm(direction)), 1e-12)
    horizontal = np.hypot(x, y)
    azimuth = np.arctan2(x, -y) if horizontal > 1e-9 else 0.0
    return float(azimuth), float(np.arctan2(z, horizontal))


def angle_between(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Angle between vectors (..., 3); the error E of Eberts & Ulges when both are camera positions."""
    cosine = (a * b).sum(-1) / (np.linalg.norm(a, axis=-1) * np.linalg.norm(b, axis=-1))
    return np.arccos(np.clip(cosine, -1, 1))


def rotation_angle(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Angle of the rotation that takes rotation matrices a (..., 3, 3) to b (..., 3, 3)."""
    trace = np.einsum("...ij,...ij->...", a, b)
    return np.arccos(np.clip((trace - 1) / 2, -1, 1))


def rotation_from_vector(vector: np.ndarray) -> np.ndarray:
    """Rotation matrices (..., 3, 3) about vectors (..., 3) by their length (Rodrigues' formula)."""
    vector = np.asarray(vector, float)
    angle = np.linalg.norm(vector, axis=-1)[..., None, None]
    cross = np.zeros((*vector.shape, 3))
    cross[..., 0, 1], cross[..., 0, 2], cross[..., 1, 2] = -vector[..., 2], vector[..., 1], -vector[..., 0]
    cross -= np.swapaxes(cross, -1, -2)
    # sinc keeps both factors finite at angle 0
    return np.eye(3) + np.sinc(angle / np.pi) * cross + 0.5 * np.sinc(angle / 2 / np.pi) ** 2 * cross @ cross


def nearest_rotation(matrix: np.ndarray) -> np.ndarray:
    """The rotation (3, 3) in matrix (3, 3); of a positive determinant what remains is a stretch, without a mirror."""
    left, _stretch, right = np.linalg.svd(matrix)
    left[:, 2] *= np.linalg.det(left @ right)
    return left @ right


def turn_between(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """(3, 3): the smallest rotation that takes the direction of a (3,) to that of b (3,); they are less than 180
    degrees apart."""
    axis = np.cross(a, b)
    angle = np.arctan2(np.linalg.norm(axis), a @ b)
    return rotation_from_vector(axis / max(float(np.linalg.norm(axis)), 1e-12) * angle)


def turned_about(camera_to_world: np.ndarray, center: np.ndarray, axis: np.ndarray, angle: float) -> np.ndarray:
    """camera_to_world (4, 4) turned about a line through center (3,) along axis (3,), counter-clockwise where that
    points at the viewer: center stays where it is in the picture, and as far away."""
    turn = np.eye(4)
    turn[:3, :3] = rotation_from_vector(axis / max(float(np.linalg.norm(axis)), 1e-12) * angle)
    turn[:3, 3] = center - turn[:3, :3] @ center
    return turn @ camera_to_world


def roll_matrix(roll: float) -> np.ndarray:
    """(4, 4): applied on the right of a camera_to_world it rolls that camera about its viewing axis."""
    matrix = np.eye(4)
    matrix[:3, :3] = rotation_from_vector(np.array([0, 0, -roll]))
    return matrix


def look_at(position: np.ndarray, target: np.ndarray, roll: float = 0.0) -> np.ndarray:
    """camera_to_world (4, 4) of a camera at position (3,) that looks at target (3,), upright at roll 0.

    Straight down or up, where upright means nothing, azimuth is taken as 0.
    """
    forward = target - position
    forward = forward / np.linalg.norm(forward)
    azimuth, _elevation = angles_from_direction(-forward)
    right = np.array([np.cos(azimuth), np.sin(azimuth), 0.0])
    matrix = np.eye(4)
    matrix[:3, :3] = np.stack([right, np.cross(forward, right), forward], axis=1)
    matrix[:3, 3] = position
    return matrix @ roll_matrix(roll)


def roll_of(camera_to_world: np.ndarray) -> float:
    """Roll of a camera (4, 4) about its own viewing axis, in (-pi, pi]."""
    forward = camera_to_world[:3, 2]
    upright = look_at(np.zeros(3), forward)[:3, :3]
    turn = upright.T @ camera_to_world[:3, :3]
    return float(np.arctan2(-turn[1, 0], turn[0, 0]))


def view_sphere(subdivisions: int = 3, full: bool = False) -> np.ndarray:
    """Unit directions (V, 3): a cube's faces halved `subdivisions` times, every new point pushed onto the sphere.

    The upper half, equator included, of three halvings has the 209 views of Eberts & Ulges (full: 386),
    8.8 to 11.5 degrees apart. Counts for 0, 1, 2, 3, 4: 4, 17, 57, 209, 801 (full: 8, 26, 98, 386, 1538).
    """
    faces = [_cube_face(axis, side, subdivisions) for axis in range(3) for side in (-1, 1)]
    points = np.concatenate(faces)
    _, first = np.unique(points.round(9) + 0.0, axis=0, return_index=True)  # edges belong to two faces
    points = points[np.sort(first)]
    return points if full else points[above(points)]


def above(directions: np.ndarray) -> np.ndarray:
    """Which of directions (N, 3) belong to the upper half of a view sphere, equator included: (N,) bool."""
    return directions[:, 2] > -1e-9


def _cube_face(axis: int, side: int, subdivisions: int) -> np.ndarray:
    u, v = np.meshgrid([-1.0, 1.0], [-1.0, 1.0])
    grid = np.roll(np.stack([np.full_like(u, side), u, v], -1), axis, axis=-1) / np.sqrt(3)
    for _ in range(subdivisions):
        grid = _halved(_halved(grid).swapaxes(0, 1)).swapaxes(0, 1)
    return grid.reshape(-1, 3)


def _halved(grid: np.ndarray) -> np.ndarray:
    middles = grid[1:] + grid[:-1]
    result = np.empty((2 * len(grid) - 1, *grid.shape[1:]))
    result[::2], result[1::2] = grid, middles / np.linalg.norm(middles, axis=-1, keepdims=True)
    return result


def in_unit_sphere(camera: Camera, sphere: Sphere) -> Camera:
    """A camera of the world as a studio wants it, where the model's sphere is the unit sphere."""
    camera_to_world = camera.camera_to_world.copy()
    camera_to_world[:3, 3] = (camera_to_world[:3, 3] - sphere.center) / sphere.radius
    return camera.placed(camera_to_world)


class Angles(NamedTuple):
    """How a model is seen: azimuth, elevation and roll in degrees, distance to its centre in scene units."""

    azimuth: float
    elevation: float
    roll: float
    distance: float


def seen_from(camera: Camera, sphere: Sphere) -> Angles:
    """How camera, in the world, sees a model with this bounding sphere."""
    offset = camera.position - sphere.center
    azimuth, elevation = angles_from_direction(offset)
    angles = np.degrees([azimuth, elevation, roll_of(camera.camera_to_world)])
    return Angles(*(float(angle) for angle in angles), float(np.linalg.norm(offset)))
