"""Starts without retrieval: a regressor names the directions from which the photo may have been taken."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from ..geometry import turn_between
from ..photo.warping import warp_views
from ..pose.pose import Pose
from ..views.retrieval import diverse
from ..views.thumbnails import thumbnail
from .start_poses import APART, PhotoCrops, Start, Target, start_pose

if TYPE_CHECKING:
    from ..networks.regressor import Prediction

ABOUT = np.radians(30)  # that a direction which is known may be off

Predict = Callable[[np.ndarray], "Prediction"]  # of crops (N, S, S, 3) uint8


# By judgement, as ABOUT
ASKED = 24  # views, of all models together
REGRESSOR = "regressor_lite0"


def named_starts(crops: PhotoCrops, targets: Sequence[Target], predict: Predict, count: int = 1) -> list[Start]:
    """What a regressor says of the photo: for every target at most count poses, diverse, the most probable first.

    Where it names one direction only, the one from the model's other side follows.
    """
    prediction = named(crops, predict)
    rotations, scores = prediction.rotations[0], np.log(prediction.probabilities[0] + 1e-9)
    if len(rotations) == 1:
        rotations = np.concatenate([rotations, rotations @ np.diag([-1.0, -1.0, 1.0])])
        scores = np.append(scores, np.log(1e-9))
    chosen = diverse(scores, rotations, count, APART)
    turn = crops.views[crops.upright].camera_to_world[:3, :3]
    starts = [
        Start(target, _aimed(crops, target.index.templates.outline, turn @ rotations[i]), float(scores[i]))
        for target in targets
        for i in chosen
    ]
    return sorted(starts, key=lambda start: -start.score)


def named(crops: PhotoCrops, predict: Predict) -> Prediction:
    """What a regressor says of the photo's upright crop."""
    return predict(warp_views(crops.photo, crops.camera, [crops.views[crops.upright]]))


def _aimed(crops: PhotoCrops, outline: np.ndarray, rotation: np.ndarray) -> Pose:
    """The start pose for a rotation that a camera would see which looks at the model's centre, not at its box."""
    pose = start_pose(crops.camera, crops.box, outline, rotation)
    turn = turn_between(crops.camera.ray(crops.box.center), pose.translation / np.linalg.norm(pose.translation))
    return start_pose(crops.camera, crops.box, outline, turn @ rotation)


def knows(predict: Predict, pictures: np.ndarray, directions: np.ndarray) -> bool:
    """Whether a regressor names about the directions (N, 3) of most of these views, (N, S, S, 3) uint8, of models: then
    they are of the kind that it has learnt."""
    return bool(np.mean((predict(pictures).directions * directions).sum(1) > np.cos(ABOUT)) > 0.5)


def regressor_for(targets: Sequence[Target], device: str) -> Predict | None:
    """What names directions, where it names those of most of the targets' own views."""
    from ..networks.regressor import load_regressor, predict

    pictures, directions = _views(targets)
    if not pictures:
        return None
    named = partial(predict, load_regressor(REGRESSOR, device))
    return named if knows(named, np.stack(pictures), np.stack(directions)) else None


def _views(targets: Sequence[Target]) -> tuple[list[np.ndarray], list[np.ndarray]]:
    """Small pictures (S, S, 3) of about ASKED views from above, and their directions (3,); none where the cache has
    none."""
    pictures, directions, each = [], [], max(1, ASKED // len(targets))
    for number, target in enumerate(targets):
        seen = target.index.templates.directions
        above = np.flatnonzero(seen[:, 2] >= 0)
        apart = np.arange(each) / each + number / len(targets)  # so that few views of many models are not all alike
        for view in above[(apart % 1 * len(above)).astype(int)]:
            picture = thumbnail(target.file, int(view)) if target.file else None
            if picture:
                pictures.append(np.asarray(picture))
                directions.append(seen[view])
    return pictures, directions
