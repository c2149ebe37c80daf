"""From a photo to ranked camera candidates: crops, retrieval, start poses, alignment. Every stage stands alone."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np

from .alignment import Frame, Pose, agreement, align, aligned_view, nearest_templates
from .crops import photo_view
from .geometry import Box, Camera, Sphere, look_at, rotation_angle
from .image import Photo, warp_views
from .retrieval import Hypotheses, Index, apparent_sizes, diverse, pooled, similarity, standardised
from .steps import Steps, finish, within

UPRIGHT_ROLLS = np.radians([0, -24, -12, 12, 24])
ALL_ROLLS = np.radians(np.arange(0, 360, 15))
SCALES = 2.0 ** (np.arange(-2, 3) / 4)  # of crops, for objects that fill a turned crop otherwise than their box
BATCH = 16  # crops that go through the network at once
ROUNDS = 3  # of alignment, each in a new crop
APART = np.radians(14)  # between starts
FARTHEST = np.radians(30)  # that alignment may turn a start: further off it is another view's business
SAME = np.radians(5)  # poses nearer than this are one
FLIPPED = np.radians(25)  # how far from exactly turned round a view may be to stand for the model's other side
RETRIEVAL_WEIGHT = 0.02  # of a start's score in the final one; chosen on real photos, on a broad plateau
ASPECT_WEIGHT = 4.0  # standard deviations lost per unit of log aspect between the box and a view's box
ASPECT_LIMIT = 1.0  # of that log, for a box may be cut off

Extract = Callable[[np.ndarray], np.ndarray]  # crops (N, S, S, 3) uint8 -> features (N, G, G, C)


class Target(NamedTuple):
    """A model to look for: its name, where it stands in the world, its templates."""

    name: str
    sphere: Sphere
    index: Index


class Candidate(NamedTuple):
    """One pose hypothesis: camera in the world, with the photo's intrinsics; score, comparable within one photo."""

    model: str
    camera: Camera
    score: float


class Start(NamedTuple):
    """A template that looks like one of the photo's crops."""

    target: Target
    template: int
    crop: int
    score: float


class PhotoCrops:
    """The photo's object in crops of several rolls (R,) and scales; features are computed when first asked for.

    Crop roll * len(SCALES) + scale looks through views[...], a camera at the photo camera's place.
    """

    def __init__(self, photo: Photo, camera: Camera, box: Box, rolls: np.ndarray, extract: Extract) -> None:
        self.photo, self.camera, self.box, self.rolls, self.extract = photo, camera, box, rolls, extract
        self.views = [photo_view(camera, box, roll, scale) for roll in rolls for scale in SCALES]
        self.seconds = 0.0  # spent on features so far
        self._features: dict[int, np.ndarray] = {}

    def look(self, views: Sequence[Camera]) -> np.ndarray:
        """Features (N, G, G, C) of any views at the photo camera's place."""
        began = time.perf_counter()
        features = self.extract(warp_views(self.photo, self.camera, views))
        self.seconds += time.perf_counter() - began
        return features

    def compute(self, crops: Sequence[int]) -> Steps[np.ndarray]:
        """Features (N, G, G, C) of the crops with these numbers."""
        missing = [int(crop) for crop in crops if int(crop) not in self._features]
        for start in range(0, len(missing), BATCH):
            some = missing[start : start + BATCH]
            self._features.update(zip(some, self.look([self.views[crop] for crop in some]), strict=True))
            yield min(1.0, (start + BATCH) / len(missing))
        return np.stack([self._features[int(crop)] for crop in crops])


def find_starts(crops: PhotoCrops, targets: Sequence[Target], count: int = 6) -> Steps[list[Start]]:
    """The best matches between the photo and the targets' templates, at most count, diverse, best first."""
    starts: list[Start] = []
    for number, target in enumerate(targets):
        steps = _starts(crops, target, count)
        starts += yield from within(steps, number / len(targets), (number + 1) / len(targets))
    return sorted(starts, key=lambda start: -start.score)[:count]


def find_candidates(crops: PhotoCrops, starts: Sequence[Start], refine: bool = True) -> Steps[list[Candidate]]:
    """Poses for the starts, best first; without refine they are only as good as the views are dense.

    Their score is `agreement` with the templates nearest to the final pose, and a little of the start's.
    """
    first = poses = [_first_pose(crops, start) for start in starts]
    rounds = ROUNDS if refine else 0
    for round_ in range(rounds):
        moved = [align(*closeup)[0] for closeup in _closeups(crops, starts, poses)]
        poses = [
            new if rotation_angle(new.rotation, origin.rotation) < FARTHEST else old
            for old, new, origin in zip(poses, moved, first, strict=True)
        ]
        yield (round_ + 1) / (rounds + 1)
    scores = [
        agreement(*closeup) + RETRIEVAL_WEIGHT * start.score
        for start, closeup in zip(starts, _closeups(crops, starts, poses), strict=True)
    ]
    ranked = sorted(zip(starts, poses, scores, strict=True), key=lambda item: -item[2])
    return [
        Candidate(start.target.name, placed(crops.camera, pose, start.target.sphere), score)
        for start, pose, score in _without_repeats(ranked)
    ]


def nearest_neighbours(crops: PhotoCrops, targets: Sequence[Target], neighbours: int = 2) -> list[Candidate]:
    """The paper's recipe: the views with the nearest 8 x 8 feature maps (L2), their camera positions averaged.

    Eberts & Ulges: upright cameras only. One candidate a target; score is the negative mean distance.
    """
    upright = int(np.abs(crops.rolls).argmin()) * len(SCALES) + len(SCALES) // 2
    photo = pooled(finish(crops.compute([upright])))
    candidates = []
    for target in targets:
        templates = target.index.templates
        distances = np.linalg.norm(pooled(target.index.features) - photo, axis=1)
        nearest = np.argsort(distances)[:neighbours]
        seen_upright = look_at(templates.directions[nearest].sum(0), np.zeros(3))[:3, :3].T
        rotation = crops.views[upright].camera_to_world[:3, :3] @ seen_upright
        pose = start_pose(crops.camera, crops.box, templates.outline, rotation)
        score = -float(distances[nearest].mean())
        candidates.append(Candidate(target.name, placed(crops.camera, pose, target.sphere), score))
    return sorted(candidates, key=lambda candidate: -candidate.score)


def _starts(crops: PhotoCrops, target: Target, count: int) -> Steps[list[Start]]:
    """Diverse good hypotheses about one target."""
    found = yield from hypotheses(crops, target.index)
    rotations = np.stack([view.camera_to_world[:3, :3] for view in crops.views])[found.crop]
    rotations = rotations @ target.index.templates.rotations[found.template]
    chosen = diverse(found.score, rotations, count, APART)
    chosen = _with_flip(chosen, found.score, rotations, count)
    return [Start(target, int(found.template[i]), int(found.crop[i]), float(found.score[i])) for i in chosen]


def _with_flip(chosen: list[int], scores: np.ndarray, rotations: np.ndarray, count: int) -> list[int]:
    """The best one seen from the model's other side is always among them: front and back are what is mixed up most."""
    turned_round = rotations[chosen[0]] @ np.diag([-1.0, -1.0, 1.0])
    away = rotation_angle(rotations, turned_round)
    if count < 2 or away[chosen].min() < FLIPPED or away.min() >= FLIPPED:
        return chosen
    flip = int(np.where(away < FLIPPED, scores, -np.inf).argmax())
    return [*chosen[: count - 1], flip]


def _first_pose(crops: PhotoCrops, start: Start) -> Pose:
    templates = start.target.index.templates
    rotation = crops.views[start.crop].camera_to_world[:3, :3] @ templates.rotations[start.template]
    return start_pose(crops.camera, crops.box, templates.outline, rotation)


class _Closeup(NamedTuple):
    """What a pose is aligned and judged by: a crop of its own, framed as its nearest templates are."""

    pose: Pose
    index: Index
    chosen: np.ndarray
    view: Camera
    features: np.ndarray
    frame: Frame


def _closeups(crops: PhotoCrops, starts: Sequence[Start], poses: Sequence[Pose]) -> list[_Closeup]:
    indices = [start.target.index for start in starts]
    chosen = [nearest_templates(pose, index.templates) for index, pose in zip(indices, poses, strict=True)]
    views = [
        aligned_view(crops.camera, pose, index.templates, nearest[0])
        for pose, index, nearest in zip(poses, indices, chosen, strict=True)
    ]
    frames = [Frame.of(index.templates.outline, crops.camera, crops.box) for index in indices]
    parts = zip(poses, indices, chosen, views, crops.look(views), frames, strict=True)
    return [_Closeup(*part) for part in parts]


def _without_repeats(ranked: list[tuple[Start, Pose, float]]) -> list[tuple[Start, Pose, float]]:
    """Drops poses that were aligned to the same one as a better pose of the same model."""
    kept: list[tuple[Start, Pose, float]] = []
    for item in ranked:
        same = [other for other in kept if other[0].target is item[0].target]
        if all(rotation_angle(other[1].rotation, item[1].rotation) > SAME for other in same):
            kept.append(item)
    return kept


def hypotheses(crops: PhotoCrops, index: Index) -> Steps[Hypotheses]:
    """Scores every view with every roll, each in the crop that frames the object as the view's own crop does."""
    sizes = apparent_sizes(index.templates, crops.rolls)
    upright = apparent_sizes(index.templates, np.zeros(1))
    scale = np.abs(np.log(upright.max(-1) / sizes.max(-1))[..., None] - np.log(SCALES)).argmin(-1)
    crop = np.arange(len(crops.rolls)) * len(SCALES) + scale
    used, place = np.unique(crop, return_inverse=True)
    features = yield from crops.compute(used)

    coarse, fine = similarity(index, features)
    template, roll = np.indices(crop.shape)
    place = place.reshape(crop.shape)
    aspect = np.log(sizes[..., 0] / sizes[..., 1]) - np.log(crops.box.width / crops.box.height)
    score = standardised(coarse[template, place]) + standardised(fine[template, place])
    score -= ASPECT_WEIGHT * np.minimum(np.abs(aspect), ASPECT_LIMIT)
    return Hypotheses(template.ravel(), roll.ravel(), crop.ravel(), score.ravel())


def start_pose(camera: Camera, box: Box, outline: np.ndarray, rotation: np.ndarray) -> Pose:
    """Moves the model, turned by rotation into the axes of camera, until its outline (P, 3) fills the box.

    The distance follows from the box's area, the direction from its middle; a few rounds settle perspective.
    """
    focal, center = camera.K.diagonal()[:2], camera.K[:2, 2]
    wanted = Box(*((np.array(box).reshape(2, 2) - center) / focal).ravel())
    turned = outline @ rotation.T
    translation = np.array([*wanted.center, 1.0]) * max(2 / max(wanted.width, wanted.height), 1.5)
    for _ in range(8):
        translation[2] = max(translation[2], 0.05 - turned[:, 2].min())
        seen = turned + translation
        apparent = Box.around(seen[:, :2] / seen[:, 2:])
        zoom = np.sqrt(apparent.width * apparent.height / (wanted.width * wanted.height))
        across = translation[:2] / translation[2] + wanted.center - apparent.center
        translation = np.array([*across, 1.0]) * translation[2] * zoom
    return Pose(rotation, translation)


def placed(camera: Camera, pose: Pose, sphere: Sphere) -> Camera:
    """The photo's camera in the world, from its pose relative to the model's unit sphere."""
    camera_to_world = pose.camera_to_world()
    camera_to_world[:3, 3] = camera_to_world[:3, 3] * sphere.radius + sphere.center
    return camera.placed(camera_to_world)
