"""From a photo to ranked camera candidates: crops, retrieval, start poses, alignment. Every stage stands alone."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np

from .alignment import Frame, Pose, align, aligned_view, nearest_templates
from .crops import photo_view
from .geometry import Box, Camera, Sphere, look_at
from .image import Photo, warp_views
from .retrieval import Hypotheses, Index, apparent_sizes, diverse, pooled, similarity, standardised
from .steps import Steps, finish, within

UPRIGHT_ROLLS = np.radians([0, -24, -12, 12, 24])
ALL_ROLLS = np.radians(np.arange(0, 360, 15))
SCALES = 2.0 ** (np.arange(-2, 3) / 4)  # of crops, for objects that fill a turned crop otherwise than their box
BATCH = 16  # crops that go through the network at once
ROUNDS = 3  # of alignment, each in a new crop
APART = np.radians(14)  # between candidates
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
    """Poses for the starts, in their order; without refine they are only as good as the views are dense."""
    poses = [_first_pose(crops, start) for start in starts]
    for round_ in range(ROUNDS if refine else 0):
        poses = _aligned(crops, starts, poses)
        yield (round_ + 1) / ROUNDS
    return [
        Candidate(start.target.name, placed(crops.camera, pose, start.target.sphere), start.score)
        for start, pose in zip(starts, poses, strict=True)
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
    return [Start(target, int(found.template[i]), int(found.crop[i]), float(found.score[i])) for i in chosen]


def _first_pose(crops: PhotoCrops, start: Start) -> Pose:
    templates = start.target.index.templates
    rotation = crops.views[start.crop].camera_to_world[:3, :3] @ templates.rotations[start.template]
    return start_pose(crops.camera, crops.box, templates.outline, rotation)


def _aligned(crops: PhotoCrops, starts: Sequence[Start], poses: Sequence[Pose]) -> list[Pose]:
    """One round: every pose gets a crop of its own, framed as its nearest template, and is aligned in it."""
    indices = [start.target.index for start in starts]
    chosen = [nearest_templates(pose, index.templates) for index, pose in zip(indices, poses, strict=True)]
    views = [
        aligned_view(crops.camera, pose, index.templates, nearest[0])
        for pose, index, nearest in zip(poses, indices, chosen, strict=True)
    ]
    maps = crops.look(views)
    frames = [Frame.of(index.templates.outline, crops.camera, crops.box) for index in indices]
    problems = zip(poses, indices, chosen, views, maps, frames, strict=True)
    return [align(*problem)[0] for problem in problems]


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
