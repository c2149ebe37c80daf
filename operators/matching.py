"""One photo in, the camera out: what the operator and the headless command share."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from functools import cache, partial
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import bpy
import numpy as np

from ..inference.geometry import Box, Camera, Sphere, angles_from_direction, intrinsics, roll_of
from ..inference.image import Photo, checked_focal, checked_point, default_focal, focal_from_lens
from ..inference.steps import Steps, within
from ..inference.templates import Render
from . import drawing
from .models import evaluated
from .rendering import studio
from .views import ViewOptions, model_templates

if TYPE_CHECKING:
    from ..inference.candidates import Stages
    from ..inference.pose import Candidate, Target
    from ..inference.refinement import Renderer

SAMPLES = 2  # of Cycles, for views that verify a pose
SCORE_NOISE = 0.05  # by which scores of right and wrong candidates may be mixed up


class Match(NamedTuple):
    """Candidates, best first, and the seconds spent on features, match and refine."""

    candidates: list[Candidate]
    seconds: dict[str, float]

    @property
    def confidence(self) -> float:
        """The best candidate's share, 0..1, among all that were found; not yet calibrated."""
        scores = np.array([candidate.score for candidate in self.candidates])
        return float(1 / np.exp((scores - scores[0]) / SCORE_NOISE).sum())


class Angles(NamedTuple):
    """How a model is seen: azimuth, elevation and roll in degrees, distance to its centre in scene units."""

    azimuth: float
    elevation: float
    roll: float
    distance: float


def photo_camera(
    photo: Photo,
    focal: float | None = None,
    lens: float | None = None,
    sensor: float = 36.0,
    principal_point: tuple[float, float] | None = None,
) -> Camera:
    """The photo's camera at the origin. focal in px, or lens and sensor in mm; else EXIF's, else 50 mm on 36 mm."""
    if focal is not None:
        focal = checked_focal(focal)
    elif lens is not None:
        focal = focal_from_lens(lens, sensor, photo.size)
    else:
        focal = photo.exif_focal or default_focal(photo.size)
    if principal_point is not None:
        principal_point = checked_point(principal_point)
    return Camera(intrinsics(focal, photo.size, principal_point), np.eye(4), photo.size)


def prepare(roots: Sequence[bpy.types.Object], options: ViewOptions, cache: Path) -> Steps[list[Target]]:
    """Targets for matching: the training views of every model, rendered where the cache has none."""
    from ..inference.pose import Target
    from ..inference.retrieval import Index

    targets = []
    for number, root in enumerate(roots):
        with evaluated(root) as model:
            steps = model_templates(model, options, cache)
            templates = yield from within(steps, number / len(roots), (number + 1) / len(roots))
        targets.append(Target(root.name, model.sphere, Index(templates)))
    return targets


@contextmanager
def target_renderer() -> Iterator[Renderer]:
    """Gives what draws targets: with the graphics card where that is safe and faithful, else with Cycles.

    A model is set up when it is first asked for and stays so until the end.
    """
    with ExitStack() as opened:

        @cache
        def render(name: str) -> Render:
            model = opened.enter_context(evaluated(bpy.data.objects[name]))
            drawn = drawing.available() and drawing.drawable(model)
            return opened.enter_context(drawing.drawing(model) if drawn else studio(model, samples=SAMPLES))

        yield lambda target: render(target.name)


def match(
    photo: Photo,
    camera: Camera,
    box: Box,
    targets: Sequence[Target],
    renderer: Renderer,
    *,
    any_roll: bool = False,
    method: str = "MATCH",
    count: int = 6,
    stages: Stages | None = None,
    free_lens: bool = False,
    mask: np.ndarray | None = None,
    network: str = "efficientnet_lite0",
    device: str = "auto",
) -> Steps[Match]:
    """Finds the cameras that see one of the targets in the photo's box as the photo does; stages: all by default.

    With a free lens the camera's focal length is but a first guess. mask: the object, (H, W) bool in photo.image.
    """
    from ..inference import candidates as finding
    from ..inference import pose
    from ..inference.networks import extract_features, feature_network

    began = time.perf_counter()
    rolls = pose.ALL_ROLLS if any_roll else pose.UPRIGHT_ROLLS
    extract = partial(extract_features, feature_network(network, device))
    crops = pose.PhotoCrops(photo, camera, box, rolls, extract, mask)
    if method == "KNN":
        candidates = pose.nearest_neighbours(crops, targets)
        matched, features = time.perf_counter(), crops.seconds
    else:
        starts = yield from within(pose.find_starts(crops, targets, count), 0.0, 0.6)
        matched, features = time.perf_counter(), crops.seconds
        steps = finding.find_candidates(crops, starts, renderer, stages or finding.ALL, free_lens)
        candidates = yield from within(steps, 0.6, 1.0)
    return Match(
        candidates,
        {"features": features, "match": matched - began - features, "refine": time.perf_counter() - matched},
    )


def seen_from(camera: Camera, sphere: Sphere) -> Angles:
    """How camera, in the world, sees a model with this bounding sphere."""
    offset = camera.position - sphere.center
    azimuth, elevation = angles_from_direction(offset)
    angles = np.degrees([azimuth, elevation, roll_of(camera.camera_to_world)])
    return Angles(*(float(angle) for angle in angles), float(np.linalg.norm(offset)))
