"""Poses as the BOP challenge's data sets store them: scene_camera.json and scene_gt.json, in millimetres.

A model's coordinates are its own, its object's scale applied. Each entry also names its photo, or its model and the
scale that takes the model's own coordinates to these millimetres.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from ..errors import PoseError
from ..files import writing
from ..geometry import Camera, nearest_rotation
from .strict_json import json_text


class View(NamedTuple):
    """A photo's camera, and the model in it: model_to_world (4, 4), after the object's own scale (3, 3)."""

    photo: str
    camera: Camera
    model: str
    model_to_world: np.ndarray
    scale: np.ndarray = np.eye(3)


def write_bop(folder: Path, views: Sequence[View], millimetres: float) -> None:
    """Images are numbered from 0, models from 1 in order of their names; millimetres: of a unit of the world.

    PoseError, before anything is written, for a view whose numbers are not finite: the format has none for that.
    PoseError also where a file cannot be written.
    """
    numbers = {name: number for number, name in enumerate(sorted({view.model for view in views}), 1)}
    cameras, truth = {}, {}
    for index, view in enumerate(views):
        if not np.isfinite([view.camera.K.sum(), view.camera.camera_to_world.sum(), view.model_to_world.sum()]).all():
            raise PoseError(f"The pose of '{view.photo}' is not known: its numbers are not finite.")
        world = view.camera.world_to_camera
        model = world @ view.model_to_world
        cameras[index] = {"cam_K": view.camera.K.ravel().tolist(), "depth_scale": 1.0}
        cameras[index] |= {**_pose(world, "w2c", millimetres), "photo": view.photo}
        entry = {**_pose(model, "m2c", millimetres), "obj_id": numbers[view.model], "model": view.model}
        truth[index] = [entry | {"scale": (view.scale * millimetres).tolist()}]
    for name, content in (("scene_camera.json", cameras), ("scene_gt.json", truth)):
        lines = ",\n".join(f'  "{index}": {json_text(entry)}' for index, entry in content.items())
        with writing(folder / name):
            (folder / name).write_text(f"{{\n{lines}\n}}\n", encoding="utf-8")


def _pose(matrix: np.ndarray, suffix: str, millimetres: float) -> dict[str, list[float]]:
    return {
        f"cam_R_{suffix}": nearest_rotation(matrix[:3, :3]).ravel().tolist(),
        f"cam_t_{suffix}": (matrix[:3, 3] * millimetres).tolist(),
    }
