"""From a photo to ranked camera candidates: crops, retrieval, start poses, alignment. Every stage stands alone."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import numpy as np
from PIL import Image

from ..geometry import Box, Camera, Sphere, look_at, rotation_angle
from ..look import DEFAULT_CANDIDATES
from ..photo.focal_length import Focal, Lens
from ..photo.image import Photo, reduced
from ..photo.warping import warp_views
from ..pose.alignment import BOX_DEVIATION, BoxTerm, DistortionPrior, cut_edges
from ..pose.pose import Pose
from ..steps import Steps, finish, shares
from ..views.crops import SIZE, photo_view
from ..views.retrieval import Hypotheses, Index, diverse, pooled, similarity, standardised

# By judgement where nothing is said. Rolls within 24 degrees, 12 apart, and APART are a prototype's: on 80 rendered
# pictures of 21 models these rolls brought the nearest view's mean error from 12.7 to 10.0 degrees.
UPRIGHT_ROLLS = np.radians([0, -24, -12, 24, 12])
ALL_ROLLS = np.radians(np.arange(0, 360, 15))
SCALES = 2.0 ** (np.arange(-2, 3) / 4)  # of crops, for objects that fill a turned crop otherwise than their box
SHARPNESS = 2.5  # pixels of the photo that are kept for one of a crop around the box
BATCH = 16  # crops that go through the network at once
APART = np.radians(14)  # between starts
FLIPPED = np.radians(25)  # how far from exactly turned round a view may be to stand for the model's other side
CUT_OFF = 0.35  # of a box's size, that may lie beyond each border of the photo that it touches
ASPECT_WEIGHT = 4.0  # standard deviations lost per unit of log aspect between the box and a view's box
ASPECT_LIMIT = 1.0  # of that log, for a box may be cut off
FLAT = 1e-3  # of a box's longer side, and of a model's radius: nothing is flatter
OPPOSITE = 0.1  # length of the mean of unit directions below which they have none

Extract = Callable[[np.ndarray], np.ndarray]  # crops (N, S, S, 3) uint8 -> features (N, G, G, C)


class Target(NamedTuple):
    """A model to look for: its name, where it stands in the world, its templates and the file that caches them."""

    name: str
    sphere: Sphere
    index: Index
    file: Path | None = None


class Start(NamedTuple):
    """A pose in which one of the target's templates looks like the photo; score in standard deviations.

    lens: where its focal length was found; None where it is the photo camera's.
    """

    target: Target
    pose: Pose
    score: float
    lens: Lens | None = None


class PhotoCrops:
    """The photo's object in crops of several rolls (R,) and scales; features are computed when first asked for.

    Crop roll * len(SCALES) + scale looks through views[...], a camera at the photo camera's place.
    """

    def __init__(
        self,
        photo: Photo,
        camera: Camera,
        box: Box,
        rolls: np.ndarray,
        extract: Extract,
        mask: np.ndarray | None = None,
        deviation: float = BOX_DEVIATION,
        lens: Focal | None = None,
        distortion: DistortionPrior | None = None,
        without_lines: np.ndarray | None = None,
    ) -> None:
        """mask: the object in the pixels of photo.image, (H, W) bool, when the user knows it; deviation of the box's
        edges, in units of its longer side; lens: how far the camera's focal length is known, default: it is given;
        distortion: what is known of how the lens still bends the photo, needed only where that is free; without_lines:
        segments (N, 4), px of the photo, that are not to tell of the lens."""
        shown = max(box.width, box.height) * photo.image.size[0] / photo.size[0]  # px of the picture across the box
        self.photo = reduced(photo, shown / (SHARPNESS * SIZE))
        self.camera, self.box, self.rolls = camera, box, rolls
        self.extract, self.mask, self.deviation = extract, mask, deviation
        self.lens, self.distortion = lens or Focal(camera.focal), distortion
        self.without_lines = np.zeros((0, 4)) if without_lines is None else without_lines
        self.views = [photo_view(camera, box, roll, scale) for roll in rolls for scale in SCALES]
        self.seconds = 0.0  # spent on features so far
        self._features: dict[int, np.ndarray] = {}

    @property
    def upright(self) -> int:
        """The crop that is rolled least and frames the box itself."""
        return int(np.abs(self.rolls).argmin()) * len(SCALES) + len(SCALES) // 2

    def look(self, pictures: np.ndarray) -> np.ndarray:
        """Features (N, G, G, C) of crops (N, SIZE, SIZE, 3) uint8."""
        began = time.perf_counter()
        features = self.extract(pictures)
        self.seconds += time.perf_counter() - began
        return features

    def box_term(self, outline: np.ndarray) -> BoxTerm:
        """That a model with this outline (P, 3) fills the box."""
        return BoxTerm.of(outline, self.camera, self.box, self.deviation)

    def mask_in(self, view: Camera, K: np.ndarray) -> np.ndarray:
        """The given mask in a view at the photo camera's place, when that has intrinsics K: (H, W) 0..1."""
        return self._warped(self.mask, view, K)

    def inside(self, view: Camera, K: np.ndarray) -> np.ndarray:
        """Which pixels of a view, as in `mask_in`, the photo shows: (H, W) bool."""
        return self._warped(np.ones(self.photo.image.size[::-1], bool), view, K) > 0.99

    def _warped(self, mask: np.ndarray, view: Camera, K: np.ndarray) -> np.ndarray:
        picture = Image.fromarray(mask.astype(np.uint8) * 255).convert("RGB")
        camera = Camera(K, np.eye(4), self.camera.size)
        return warp_views(replace(self.photo, image=picture), camera, [view], fill=(0, 0, 0))[0][..., 0] / 255

    def compute(self, crops: Sequence[int]) -> Steps[np.ndarray]:
        """Features (N, G, G, C) of the crops with these numbers."""
        missing = [int(crop) for crop in crops if int(crop) not in self._features]
        for start, (_began, done) in shares(range(0, len(missing), BATCH)):
            some = missing[start : start + BATCH]
            pictures = warp_views(self.photo, self.camera, [self.views[crop] for crop in some])
            self._features.update(zip(some, self.look(pictures), strict=True))
            yield done
        return np.stack([self._features[int(crop)] for crop in crops])


def find_starts(crops: PhotoCrops, target: Target, count: int = DEFAULT_CANDIDATES) -> Steps[list[Start]]:
    """The best matches between the photo and the target's templates, at most count, diverse, best first."""
    found = yield from hypotheses(crops, target.index)
    rotations = np.stack([view.camera_to_world[:3, :3] for view in crops.views])[found.crop]
    rotations = rotations @ target.index.templates.rotations[found.template]
    chosen = diverse(found.score, rotations, count, APART)
    chosen = with_flip(chosen, found.score, rotations, count)
    outline = target.index.templates.outline
    poses = [start_pose(crops.camera, crops.box, outline, rotations[i]) for i in chosen]
    starts = [Start(target, pose, float(found.score[i])) for i, pose in zip(chosen, poses, strict=True)]
    return sorted(starts, key=lambda start: -start.score)


def whole_box(box: Box, size: tuple[int, int]) -> Box | None:
    """What the box may be of an object that the photo's border cuts off; None where it does not."""
    cut = cut_edges(box, size)
    outwards = np.array([-box.width, -box.height, box.width, box.height]) * cut
    return Box(*(np.array(box) + CUT_OFF * outwards)) if cut.any() else None


def nearest_neighbours(crops: PhotoCrops, targets: Sequence[Target]) -> list[Start]:
    """The paper's recipe: the two views with the nearest 8 x 8 feature maps (L2), their camera positions averaged.

    Eberts & Ulges: upright cameras only. One start a target; score is the negative mean distance.
    """
    upright = crops.upright
    photo = pooled(finish(crops.compute([upright])))
    starts = []
    for target in targets:
        templates = target.index.templates
        distances = np.linalg.norm(pooled(target.index.features) - photo, axis=1)
        nearest = np.argsort(distances)[:2]
        seen_upright = look_at(_mean_direction(templates.directions[nearest]), np.zeros(3))[:3, :3].T
        rotation = crops.views[upright].camera_to_world[:3, :3] @ seen_upright
        pose = start_pose(crops.camera, crops.box, templates.outline, rotation)
        starts.append(Start(target, pose, -float(distances[nearest].mean())))
    return sorted(starts, key=lambda start: -start.score)


def _mean_direction(directions: np.ndarray) -> np.ndarray:
    """(3,) of directions (N, 3), nearest first; opposite ones, as of symmetric models, have none but the nearest's."""
    mean = directions.mean(0)
    return mean if np.linalg.norm(mean) > OPPOSITE else directions[0]


def with_flip(chosen: list[int], scores: np.ndarray, rotations: np.ndarray, count: int) -> list[int]:
    """The best one seen from the model's other side is always among them: front and back are what is mixed up most."""
    turned_round = rotations[chosen[0]] @ np.diag([-1.0, -1.0, 1.0])
    away = rotation_angle(rotations, turned_round)
    if count < 2 or away[chosen].min() < FLIPPED or away.min() >= FLIPPED:
        return chosen
    flip = int(np.where(away < FLIPPED, scores, -np.inf).argmax())
    return [*chosen[: count - 1], flip]


def hypotheses(crops: PhotoCrops, index: Index) -> Steps[Hypotheses]:
    """Scores every view with every roll, each in the crop that frames the object as the view's own crop does."""
    crop, misfit = framing(crops, index)
    used, place = np.unique(crop, return_inverse=True)
    features = yield from crops.compute(used)

    coarse, fine = similarity(index, features)
    template, roll = np.indices(crop.shape)
    place = place.reshape(crop.shape)
    score = standardised(coarse[template, place]) + standardised(fine[template, place]) - ASPECT_WEIGHT * misfit
    return Hypotheses(template.ravel(), roll.ravel(), crop.ravel(), score.ravel())


def framing(crops: PhotoCrops, index: Index) -> tuple[np.ndarray, np.ndarray]:
    """For every view with every roll (V, R): the crop that frames the object as the view's own crop does, and by how
    much the aspects of the view's box and of the photo's differ, 0..ASPECT_LIMIT."""
    sizes, upright = index.sizes(crops.rolls), index.sizes(np.zeros(1))
    sizes, upright = np.maximum(sizes, FLAT), np.maximum(upright, FLAT)
    scale = np.abs(np.log(upright.max(-1) / sizes.max(-1))[..., None] - np.log(SCALES)).argmin(-1)
    aspect = np.log(sizes[..., 0] / sizes[..., 1]) - np.log(crops.box.width / crops.box.height)
    return np.arange(len(crops.rolls)) * len(SCALES) + scale, np.minimum(np.abs(aspect), ASPECT_LIMIT)


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
        zoom = np.sqrt(_area(apparent) / _area(wanted))
        across = translation[:2] / translation[2] + wanted.center - apparent.center
        translation = np.array([*across, 1.0]) * translation[2] * zoom
    return Pose(rotation, translation, camera.K)


def _area(box: Box) -> float:
    """Of a box that is at least a bit wide and high: a flat model, seen from its edge, has none."""
    least = FLAT * max(box.width, box.height, FLAT)
    return max(box.width, least) * max(box.height, least)
