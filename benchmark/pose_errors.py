"""How far a found camera is off, for a model that may look the same from several sides."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from math import tau
from typing import Any, NamedTuple

import numpy as np

from inference.geometry import Box, Camera, angle_between, rotation_angle, rotation_from_vector

WORST_OVERLAY = 10.0  # of a model behind the camera, say


class Truth(NamedTuple):
    """The camera that sees the numbers of a mesh file, some of its vertices (N, 3), the point (3,) from which
    directions are taken, the model's box in the picture, and the turns (4, 4) after which the model looks the same."""

    camera: Camera
    vertices: np.ndarray
    middle: np.ndarray
    box: Box
    same: Sequence[np.ndarray]


def turns(axis: np.ndarray, count: int, middle: np.ndarray) -> Iterator[np.ndarray]:
    """(4, 4): count turns, which together are a whole one, about a unit axis (3,) through middle; the first is none."""
    for number in range(count):
        turn = np.eye(4)
        turn[:3, :3] = rotation_from_vector(axis * tau * number / count)
        turn[:3, 3] = middle - turn[:3, :3] @ middle
        yield turn


def pose_errors(found: Camera, place: np.ndarray, truth: Truth) -> dict[str, float]:
    """Of the turn that is nearest to the truth: view and rotation in degrees, overlay in sizes of the box, focal length
    in shares of the true one. place (4, 4): where the model stands in the world of found."""
    to_camera, true = found.world_to_camera @ place, truth.camera.world_to_camera
    pose = min((to_camera @ turn for turn in truth.same), key=lambda one: rotation_angle(one[:3, :3], true[:3, :3]))
    seen = truth.vertices @ pose[:3, :3].T + pose[:3, 3]
    pixels = seen @ found.K.T
    off = np.linalg.norm(pixels[:, :2] / pixels[:, 2:] - truth.camera.project(truth.vertices), axis=1).mean()
    off = off / max(truth.box.width, truth.box.height) if seen[:, 2].min() > 0 else WORST_OVERLAY
    view = angle_between(np.linalg.inv(pose)[:3, 3] - truth.middle, truth.camera.position - truth.middle)
    turn = rotation_angle(pose[:3, :3], true[:3, :3])
    values = {"view": np.degrees(view), "rotation": np.degrees(turn), "overlay": min(off, WORST_OVERLAY)}
    values["focal"] = abs(found.focal / truth.camera.focal - 1)
    return {name: round(float(value), 5) for name, value in values.items()}


def lens_errors(candidate: Any, true: float) -> dict[str, Any]:
    """Of a matching.Candidate whose focal length was estimated: how far it is off, and how far it says it may be, both
    of logarithms; what told it; what each says. true: focal length, px."""
    lens = candidate.lens
    if lens is None:
        return {}
    known, *said = lens.evidence
    evidence = {"known": list(known), "perspective": list(said[0]), "lines": list(said[1])}
    told = {"off": float(np.log(candidate.camera.focal / true)), "deviation": lens.deviation, "by": lens.by}
    return {"lens": {**told, "differ": lens.lines_differ, "longer side": max(candidate.camera.size), **evidence}}
