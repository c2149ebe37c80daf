"""How a thing comes to rest on a table: on a face of its convex hull."""

from __future__ import annotations

import bmesh
import numpy as np

TOLERANCE = 1e-4  # of its size


def resting(points: np.ndarray, random: np.random.Generator) -> np.ndarray:
    """(3, 3): turns a thing of vertices (N, 3) so that it rests on a face, let go in a chance position, then turned
    about Z by chance."""
    normals, offsets = _hull(points)
    direction = random.standard_normal(3)
    facing = normals @ direction
    face = np.argmin(np.where(facing > 1e-6, offsets / facing.clip(1e-6), np.inf))
    while True:  # tips over an edge where its centre of mass is beyond that; it sinks each time
        foot = offsets[face] * normals[face]
        beyond = normals @ foot - offsets
        if beyond.max() < TOLERANCE * np.ptp(points, axis=0).max():
            break
        face = int(np.argmax(beyond))
    return about_z(random.uniform(0, 2 * np.pi)) @ _turn_to_down(normals[face])


def about_z(angle: float) -> np.ndarray:
    """(3, 3)."""
    cosine, sine = np.cos(angle), np.sin(angle)
    return np.array([[cosine, -sine, 0], [sine, cosine, 0], [0, 0, 1]])


def _hull(points: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Outward normals (F, 3) of the hull's triangles and their distances (F,) from its centre of mass."""
    made = bmesh.new()
    for point in points[:: len(points) // 4000 + 1]:
        made.verts.new(point)
    bmesh.ops.convex_hull(made, input=made.verts)
    triangles = np.array([[corner.co[:] for corner in face.verts[:3]] for face in made.faces])
    made.free()
    middle = triangles.mean((0, 1))
    a, b, c = (triangles - middle).transpose(1, 0, 2)
    cross = np.cross(b - a, c - a)
    volumes = np.abs((a * cross).sum(1))
    mass = (volumes[:, None] * (a + b + c) / 4).sum(0) / max(volumes.sum(), 1e-12)
    large = np.linalg.norm(cross, axis=1) > 1e-9 * np.ptp(points, axis=0).max() ** 2
    normals = cross[large] / np.linalg.norm(cross[large], axis=1, keepdims=True)
    offsets = (normals * (a[large] - mass)).sum(1)
    return normals * np.sign(offsets)[:, None], np.abs(offsets)


def _turn_to_down(normal: np.ndarray) -> np.ndarray:
    """A rotation (3, 3) that takes the normal to -Z."""
    side = np.cross(normal, np.eye(3)[np.abs(normal).argmin()])
    side /= np.linalg.norm(side)
    return np.stack([side, np.cross(-normal, side), -normal])
