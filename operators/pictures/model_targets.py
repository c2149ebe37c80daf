"""One photo in, the camera out: what the operator and the headless command share."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from functools import cache, partial
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import bpy
import numpy as np
from bpy.app.translations import pgettext_rpt as rpt_

from ...inference.errors import PoseError
from ...inference.geometry import Box, Camera, Sphere, angles_from_direction, intrinsics, roll_of
from ...inference.networks.registry import feature_name, is_regressor
from ...inference.photo.focal_length import SPREAD, Focal, is_guess
from ...inference.photo.image import (
    Photo,
    alpha_box,
    checked_box,
    checked_focal,
    checked_point,
    default_focal,
    focal_from_lens,
)
from ...inference.steps import Steps, all_aside, aside, within
from ...inference.views.templates import Render
from ..blender.missing_textures import warn_of_lacking
from ..blender.models import evaluated, with_key
from ..running.log import LOG
from ..running.worker import on_main
from ..which_model.of_a_kind import regressor_for
from . import drawing
from .rendering import studio
from .training_views import ViewOptions, cached_file, model_templates

if TYPE_CHECKING:
    from ...inference.pose.alignment import Locks
    from ...inference.search.regressed_starts import Predict
    from ...inference.search.start_poses import Candidate, Extract, PhotoCrops, Start, Target
    from ...inference.verify.candidates import Stages
    from ...inference.verify.refinement import Renderer

TRIES = 3  # places, at most, that are matched in full when nobody knows where the object is
SURE = 0.95  # confidence from which no other place is tried
# From so many models on a photo may show none of them but one of their kind; a match's score from which it does not,
# and the one below which it does (chosen on rendered chairs)
SEVERAL, CLEAR, UNLIKE = 4, 1.2, 0.75
SAMPLES = 2  # of Cycles, for views that verify a pose


class Match(NamedTuple):
    """Candidates, best first, and the seconds spent on features, match and refine; located: nobody gave the box; share:
    of the votes, 0..1, for the best candidate, where its direction is one on which views of all models agree; verified:
    whether they were compared with the photo, as nearest views are not."""

    candidates: list[Candidate]
    seconds: dict[str, float]
    located: bool = False
    share: float | None = None
    verified: bool = True

    @property
    def confidence(self) -> float | None:
        """Probability, 0..1, that the best candidate's view is less than 10 degrees off; None: not verified."""
        from ...inference.search import voting
        from ...inference.verify import candidates

        if not self.verified:
            return None
        if self.share is not None:
            return voting.confidence(self.share)
        return candidates.confidence(self.candidates, self.located)


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
    """The photo's camera at the origin, whose lens is what `photo_focal` says."""
    if principal_point is not None:
        principal_point = checked_point(principal_point)
    K = intrinsics(photo_focal(photo, focal, lens, sensor).focal, photo.size, principal_point)
    return Camera(K, np.eye(4), photo.size)


def photo_focal(photo: Photo, focal: float | None = None, lens: float | None = None, sensor: float = 36.0) -> Focal:
    """That of focal in px, or of lens and sensor in mm; else EXIF's, else a guess: 50 mm on 36 mm."""
    if focal is not None:
        return Focal(checked_focal(focal))
    if lens is not None:
        return Focal(focal_from_lens(lens, sensor, photo.size))
    return photo.exif_focal or Focal(default_focal(photo.size), SPREAD, 1.0)


def prepare(
    roots: Sequence[bpy.types.Object], options: ViewOptions, cache: Path, warn: Callable[[str], None] = LOG.warning
) -> Steps[list[Target]]:
    """Targets for matching: the training views of every model, rendered where the cache has none.

    warn is told, in a sentence, of a model that lacks textures, is left out, or can hardly be matched.
    PoseError where none is left.
    """
    from ...inference.networks.loading import feature_network, has_patches
    from ...inference.networks.regressor import load_regressor

    if is_regressor(options.network):
        # where it is missing or damaged, say so before the rendering
        yield from aside(load_regressor, options.network, options.device)
    found: list[Target | PoseError] = []
    for number, root in enumerate(roots):
        part = number / len(roots), (number + 1) / len(roots)
        found.append((yield from within(_onboarded(root, options, cache, warn), *part)))
    failed = [one for one in found if isinstance(one, PoseError)]
    targets = [one for one in found if not isinstance(one, PoseError)]
    if failed and not targets:
        raise failed[0]
    for error in failed:
        warn(str(error))
    if has_patches((yield from aside(feature_network, feature_name(options.network), options.device))):
        targets = yield from aside(_comparable, targets)
        told = rpt_('Model "{name}" is so thin that it can hardly be matched: only its shape tells.')
        for target in targets:
            if target.index.templates.thin:
                warn(told.format(name=target.name))
    yield 1.0
    return targets


def _onboarded(
    root: bpy.types.Object, options: ViewOptions, cache: Path, warn: Callable[[str], None]
) -> Steps[Target | PoseError]:
    """A model's target, or why there is none."""
    from ...inference.search.start_poses import Target
    from ...inference.views.retrieval import Index

    try:
        with evaluated(root) as model:
            warn_of_lacking(model.name, model.lacking, warn)
            templates = yield from model_templates(model, options, cache)
            file = cached_file(model, options, cache)
    except PoseError as error:
        return error
    if not templates.coverage.any():
        return PoseError(f'Model "{model.name}" is too thin or too small to be seen in any of its training views.')
    return Target(model.name, model.sphere, Index(templates), file)


def _comparable(targets: Sequence[Target]) -> list[Target]:
    """The targets with a common whitening; thin ones have no say in it unless all are."""
    from ...inference.views.retrieval import Index, Whitening, common_patches

    templates = [target.index.templates for target in targets]
    common = Whitening.common(map(common_patches, [one for one in templates if not one.thin] or templates))
    return [target._replace(index=Index(target.index.templates, common)) for target in targets]


@contextmanager
def model_renderer() -> Iterator[Callable[[str], Render]]:
    """Gives what draws models, by their keys: with the graphics card where that is safe and faithful, else with Cycles.

    A model is set up when it is first asked for and stays so until the end. Work aside may ask for it, too.
    """
    with ExitStack() as opened:

        @cache
        def render(key: str) -> Render:
            model = opened.enter_context(evaluated(with_key(bpy.data.objects, key)))
            drawn = drawing.preferable(model)
            return opened.enter_context(drawing.drawing(model) if drawn else studio(model, samples=SAMPLES))

        yield lambda key: lambda camera: on_main(lambda: render(key)(camera))


@contextmanager
def target_renderer() -> Iterator[Renderer]:
    """Gives what draws targets as `model_renderer` does."""
    with model_renderer() as render:
        yield lambda target: render(target.name)


@all_aside
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
    lens: Focal | None = None,
    mask: np.ndarray | None = None,
    network: str = "efficientnet_lite0",
    device: str = "auto",
) -> Steps[Match]:
    """Finds the cameras that see one of the targets in the photo's box as the photo does; stages: all by default.

    lens: how far the camera's focal length is known, default: it is given.
    mask: the object, (H, W) bool in photo.image.
    network: of the features, or a regressor, whose directions then take the place of retrieval or join its vote.
    A photo that shows none of several models, which a bundled regressor knows, is taken for one of their kind.
    """
    from ...inference.networks.regressor import load_regressor, predict
    from ...inference.search import regressed_starts, start_poses, voting
    from ...inference.verify import candidates as finding

    began = time.perf_counter()
    rolls = start_poses.ALL_ROLLS if any_roll else start_poses.UPRIGHT_ROLLS
    extract = extractor(network, device, patches=method != "KNN")
    crops = start_poses.PhotoCrops(photo, camera, box, rolls, extract, mask, lens=lens)
    named = partial(predict, load_regressor(network, device)) if is_regressor(network) else None
    if method == "VOTE":
        named = named or regressor_for(targets, device)
        vote = yield from within(voting.vote(crops, targets, named), 0.0, 0.6)
        starts = voting.winners(crops, vote, count)
    elif named:
        starts = regressed_starts.named_starts(crops, targets, named, count)
    elif method == "KNN":
        starts = start_poses.nearest_neighbours(crops, targets)
    else:
        starts = yield from within(_retrieved(photo, crops, targets, count), 0.0, 0.6)
    matched, features, share = time.perf_counter(), crops.seconds, None
    if method == "MATCH":
        steps = finding.find_candidates(crops, starts, renderer, count, stages or finding.ALL)
        candidates = yield from within(steps, 0.6, 0.9)
        if len(targets) >= SEVERAL and candidates[0].score < CLEAR and (named := regressor_for(targets, device)):
            candidates, share = yield from within(_doubted(crops, targets, renderer, named, candidates), 0.9, 1.0)
    else:
        candidates, share = regressed_starts.as_candidates(crops, starts), starts[0].score if method == "VOTE" else None
    candidates = start_poses.finite(candidates)
    seconds = {"features": features, "match": matched - began - features, "refine": time.perf_counter() - matched}
    times = ", ".join(f"{name} {value:.1f} s" for name, value in seconds.items())
    LOG.info("%s: score %.2f; %s", candidates[0].model, candidates[0].score, times)
    return Match(candidates, seconds, share=share, verified=method != "KNN")


def _doubted(
    crops: PhotoCrops, targets: Sequence[Target], renderer: Renderer, named: Predict, found: list[Candidate]
) -> Steps[tuple[list[Candidate], float | None]]:
    """As many candidates: those found, best first; or where these are unlike the photo, or the vote of all targets is
    against them, what got the votes comes first, and its share."""
    from ...inference.search import voting
    from ...inference.verify import candidates

    vote = yield from within(voting.vote(crops, targets, named), 0.0, 0.5)
    place = next(target.sphere.center for target in targets if target.name == found[0].model)
    away = found[0].camera.position - place
    if found[0].score > UNLIKE and vote.agrees(away / np.linalg.norm(away)):
        return found, None
    starts = voting.winners(crops, vote, (len(found) + 1) // 2)
    alike = yield from within(candidates.as_they_are(crops, starts, renderer), 0.5, 1.0)
    return [*alike, *found[: len(found) - len(alike)]], starts[0].score


def _retrieved(photo: Photo, crops: PhotoCrops, targets: Sequence[Target], count: int) -> Steps[list[Start]]:
    """Starts from the targets' templates that look like the photo, of which crops are."""
    from ...inference.search import start_poses
    from ...inference.search.model_likeness import find_starts_among

    starts = yield from within(find_starts_among(crops, targets, 2 * count), 0.0, 0.8)
    whole = start_poses.whole_box(crops.box, photo.size)
    if whole:  # a box that ends with the photo frames the object otherwise than its views
        framed = start_poses.PhotoCrops(photo, crops.camera, whole, crops.rolls[::2], crops.extract, lens=crops.lens)
        starts += yield from within(find_starts_among(framed, targets, count), 0.8, 1.0)
        crops.seconds += framed.seconds
    return starts


@all_aside
def find_and_match(
    photo: Photo,
    camera: Camera,
    box: Box | None,
    targets: Sequence[Target],
    renderer: Renderer,
    *,
    mask: np.ndarray | None = None,
    **options,
) -> Steps[tuple[Box, Match]]:
    """`match` in the given box, or in the mask's, or else in one that is found: that box and the match."""
    box = box or mask_box(mask, photo)
    if box is None:
        return (yield from _located(photo, camera, targets, renderer, **options))
    return box, (yield from match(photo, camera, box, targets, renderer, mask=mask, **options))


def _located(
    photo: Photo, camera: Camera, targets: Sequence[Target], renderer: Renderer, *, any_roll: bool = False, **options
) -> Steps[tuple[Box, Match]]:
    """`match` for a photo whose box nobody knows.

    Every target is posed in the places where the photo looks like it; the likeliest one is matched again in its own
    box, and so are the next ones as long as that is doubtful.
    """
    from ...inference.networks.loading import extract_features, feature_network, has_patches, load_network
    from ...inference.networks.salient_objects import proposed_boxes
    from ...inference.pose.alignment import projected
    from ...inference.search.detection import Overview
    from ...inference.verify.location import locate

    name, device = options.get("network", "efficientnet_lite0"), options.get("device", "auto")
    network = feature_network(feature_name(name), device)
    if not has_patches(network) or options.get("method") == "VOTE":  # then nothing but what stands out can be told
        box = proposed_boxes(photo, load_network("u2netp"))[0]
        found = yield from match(photo, camera, box, targets, renderer, any_roll=any_roll, **options)
        return box, found._replace(located=True)
    extract = partial(extract_features, network)
    seen = yield from within(Overview.of(photo, camera, extract, any_roll), 0.0, 0.2)
    found = []
    for number, target in enumerate(targets):
        part = 0.2 + 0.3 * number / len(targets), 0.2 + 0.3 * (number + 1) / len(targets)
        found += yield from within(locate(seen, target, renderer), *part)
    if not found:
        raise PoseError("The models are nowhere to be found in the photo: drag a box around the object.")
    tried: list[tuple[Box, Match]] = []
    for number, one in enumerate(sorted(found, key=lambda one: -one.score)[:TRIES]):
        target = one.closeup.start.target
        box = Box.around(projected(one.closeup.pose, target.index.templates.outline, np.eye(3)))
        steps = match(photo, camera, box, [target], renderer, any_roll=any_roll, **options)
        part = 0.5 + 0.5 * number / TRIES, 0.5 + 0.5 * (number + 1) / TRIES
        tried.append((box, (yield from within(steps, *part))))
        if (tried[-1][1].confidence or 0.0) > SURE:
            break
    box, best = max(tried, key=lambda one: one[1].candidates[0].score)
    if len(targets) >= SEVERAL and best.candidates[0].score < CLEAR:  # perhaps it is none of them, but of their kind
        together = yield from match(photo, camera, box, targets, renderer, any_roll=any_roll, **options)
        best = best if together.share is None else together
    return box, best._replace(located=True)


def mask_box(mask: np.ndarray | None, photo: Photo) -> Box | None:
    """Around the object in the photo, None without a mask or an object in it."""
    around = None if mask is None else alpha_box(mask, 0.5)
    if around is None:
        return None
    scale = photo.size[0] / photo.image.size[0]
    return checked_box([edge * scale for edge in around], photo.size)


@all_aside
def refine(
    photo: Photo,
    camera: Camera,
    target: Target,
    renderer: Renderer,
    *,
    box: Box | None = None,
    locks: Locks | None = None,
    network: str = "efficientnet_lite0",
    device: str = "auto",
) -> Steps[tuple[Candidate, Candidate]]:
    """A camera of the world that sees the target about right, before and after improvement; locks: Locks() by default.

    The first has that very camera; where nothing better is found so does the second.
    """
    from ...inference.pose.alignment import Locks
    from ...inference.verify import candidates

    crops = crops_for(photo, camera, box, extractor(network, device))
    return (yield from candidates.improve(crops, target, camera, renderer, locks or Locks()))


def crops_for(photo: Photo, camera: Camera, box: Box | None, extract: Extract) -> PhotoCrops:
    """To judge a camera of the world, and others with its intrinsics; an unknown box binds nothing."""
    from ...inference.search import start_poses

    deviation = start_poses.BOX_DEVIATION if box else np.inf
    whole = Box(0, 0, *photo.size)
    return start_poses.PhotoCrops(
        photo, camera.placed(np.eye(4)), box or whole, np.zeros(1), extract, deviation=deviation
    )


def extractor(network: str, device: str, patches: bool = True) -> Extract:
    """Makes features as those of the targets' templates."""
    from ...inference.networks.loading import extract_features, feature_network

    return partial(extract_features, feature_network(feature_name(network), device, patches))


def model_in_view(roots: Sequence[bpy.types.Object], camera: Camera, box: Box | None = None) -> bpy.types.Object:
    """Of the models that camera, in the world, sees, the one nearest to the middle of the box or else of the picture.

    PoseError when it sees none.
    """
    middle = box.center if box else np.divide(camera.size, 2)
    seen = []
    for root in roots:
        with evaluated(root) as model:
            depth, center = camera.to_camera(model.sphere.center)[2], camera.project(model.sphere.center)
            reach = camera.focal * model.sphere.radius / max(depth, 1e-9)
            if depth > 0 and ((center > -reach) & (center < camera.size + reach)).all():
                seen.append((float(np.linalg.norm(center - middle)), root))
    if not seen:
        raise PoseError("The active camera sees no model.")
    return min(seen, key=lambda one: one[0])[1]


def seen_from(camera: Camera, sphere: Sphere) -> Angles:
    """How camera, in the world, sees a model with this bounding sphere."""
    offset = camera.position - sphere.center
    azimuth, elevation = angles_from_direction(offset)
    angles = np.degrees([azimuth, elevation, roll_of(camera.camera_to_world)])
    return Angles(*(float(angle) for angle in angles), float(np.linalg.norm(offset)))


def sight(model: str, camera: Camera, sphere: Sphere, lens: float, lens_deviation: float = 0.0) -> str:
    """How camera, its lens in mm, sees the model of this name, for the user: parts separated by commas."""
    angles = seen_from(camera, sphere)
    told = rpt_(
        "{name}: azimuth {azimuth:.1f}°, elevation {elevation:.1f}°, distance {distance:.3g}, lens {lens:.1f} mm"
    ).format(name=model, lens=lens, **angles._asdict())
    if is_guess(lens_deviation):
        return told + rpt_(" (guessed)")
    return told + (f" ± {100 * lens_deviation:.0f} %" if lens_deviation else "")


def summary(candidate: Candidate, sphere: Sphere, lens: float) -> str:
    """What the user is told of a match, its camera's lens in mm: parts separated by commas."""
    seen = sight(candidate.model, candidate.camera, sphere, lens, candidate.lens_deviation)
    return seen + rpt_(", score {score:.2f}").format(score=candidate.score)
