"""Refinement: start poses become poses that lie on the photo, and every one is judged by rendering the model there."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from ..geometry import Camera, rotation_angle
from ..photo.warping import warp_views
from ..pose.alignment import FREE, LensPrior, Locks, PrincipalPointPrior, Term, feature_terms, minimise
from ..pose.details import STEPS, Details
from ..pose.details import agreement as detail_agreement
from ..pose.pose import Pose
from ..search.start_poses import PhotoCrops, Start, Target, with_flip
from ..steps import Steps, shares, within
from ..views.crops import DISTANCE, SIZE
from ..views.retrieval import Whitening, pooled, unit
from ..views.templates import Render, Rendering, Template, Templates
from .agreement import Agreement

if TYPE_CHECKING:
    from ..networks.aligner import Seen

# By judgement where nothing is said; five rounds and eight neighbours were no better on real photos.
# `python -m benchmark.accuracy` measures stages as a whole.
ALIGNING_ROUNDS = 3  # of alignment to the training views, each in a new crop
NEIGHBOURS = 3  # templates aligned together: their errors differ, and each shows other parts
FARTHEST = np.radians(30)  # that alignment may turn a start: further off it is another view's business
SAME = np.radians(5)  # poses nearer than this are one
LENS_DEVIATION, LENS_WEIGHT = 0.1, 0.05  # of a lens that is free but was somehow known: log focal length, cost
# Of a principal point that is free: in the photo's longer sides, twice what calibrated cameras have it off the middle,
# for small crops; cost
POINT_DEVIATION, POINT_WEIGHT = 0.04, 0.1

Renderer = Callable[[Target], Render]  # what draws a target in its unit sphere
See = Callable[[np.ndarray, np.ndarray, np.ndarray], "Seen"]  # rendering, crop (SIZE, SIZE, 3) and alpha, all uint8


class Closeup(NamedTuple):
    """A pose in the crop of the photo that frames it like a training view: view in the photo camera's axes."""

    start: Start
    pose: Pose
    view: Camera
    picture: np.ndarray  # (SIZE, SIZE, 3) uint8
    features: np.ndarray  # (G, G, C)

    @property
    def nearest(self) -> list[Template]:
        templates = self.start.target.index.templates
        return [templates.template(index) for index in nearest_templates(self.pose, templates)]


def approach(
    crops: PhotoCrops, starts: Sequence[Start], count: int, rounds: int = ALIGNING_ROUNDS
) -> Steps[list[Closeup]]:
    """Aligns the starts to the training views nearest to them; those that meet are merged, the better start stays.

    After the first round only count are followed further, among them the best one that sees the other side.
    """
    closeups = look_closely(crops, starts, [start.pose for start in starts])
    for round_ in range(rounds):
        poses = [aligned(crops, closeup, closeup.nearest) for closeup in closeups]
        kept = distinct([closeup.start for closeup in closeups], poses)
        closeups = look_closely(crops, [closeups[number].start for number in kept], [poses[number] for number in kept])
        if len(closeups) > count:
            closeups = _best(crops, closeups, count)
        yield (round_ + 1) / rounds
    return closeups[:count]


def _best(crops: PhotoCrops, closeups: Sequence[Closeup], count: int) -> list[Closeup]:
    scores = np.array([agreement(crops, closeup, closeup.nearest[0]).score for closeup in closeups])
    rotations = np.stack([closeup.pose.rotation for closeup in closeups])
    chosen = with_flip(np.argsort(-scores)[:count].tolist(), scores, rotations, count)
    return [closeups[index] for index in chosen]


class Verified(NamedTuple):
    """A closeup beside a rendering of the model in its pose; score is comparable within one photo.

    seen: what the aligner says of the two, once it was asked.
    """

    closeup: Closeup
    shown: Template
    rendering: Rendering
    inside: np.ndarray  # (SIZE, SIZE) bool, what of the crop the photo shows
    details: list[Details]  # coarse to fine
    agreement: Agreement
    score: float
    seen: Seen | None = None

    @property
    def alpha(self) -> np.ndarray:
        """(SIZE, SIZE) uint8, the model's silhouette."""
        return self.rendering.rgba[..., 3]


def verify(crops: PhotoCrops, closeups: Sequence[Closeup], renderer: Renderer) -> Steps[list[Verified]]:
    """Renders the model in every closeup's own crop, through the very camera, and compares the two pictures."""
    renderings: list[Rendering] = []
    for closeup, (_began, done) in shares(closeups):
        camera_to_world = closeup.pose.camera_to_world() @ closeup.view.camera_to_world
        renderings.append(renderer(closeup.start.target)(closeup.view.placed(camera_to_world)))
        yield done
    pictures = np.stack([rendering.rgb for rendering in renderings])
    return [
        _verified(crops, *parts) for parts in zip(closeups, renderings, pictures, crops.look(pictures), strict=True)
    ]


def _verified(
    crops: PhotoCrops, closeup: Closeup, rendering: Rendering, rendered: np.ndarray, features: np.ndarray
) -> Verified:
    inside, shown = crops.inside(closeup.view, closeup.pose.K), Template.of(rendering, features)
    alpha = rendering.rgba[..., 3] * inside.astype(np.uint8)
    details: list[Details] = []
    for step in STEPS:
        details.append(Details.of(rendered, alpha, closeup.picture, step))
        if not details[-1].textured:  # nor are finer ones
            break
    agrees = agreement(crops, closeup, shown)._replace(details=detail_agreement(details))
    return Verified(closeup, shown, rendering, inside, details, agrees, agrees.score)


def agreement(crops: PhotoCrops, closeup: Closeup, shown: Template) -> Agreement:
    """Of the photo's crop and the box with what a view of the model shows."""
    index = closeup.start.target.index
    misfit = crops.box_term(index.templates.outline).misfit(closeup.pose)
    similar = patch_similarity(index.whitening, shown, closeup.features)
    return Agreement(*similar, misfit, closeup.start.score)


def patch_similarity(whitening: Whitening, shown: Template, features: np.ndarray) -> tuple[float, float]:
    """Cosine of the pooled maps, and the mean cosine of the whitened patches: -1..1 each."""
    coarse = unit(pooled(features[None]))[0] @ unit(pooled(shown.features[None]))[0]
    cosines = (unit(whitening(features)) * unit(whitening(shown.features))).sum(-1)
    covered = shown.covered
    return float(coarse), float((cosines * covered).sum() / max(covered.sum(), 1))


def refine_verified(
    crops: PhotoCrops, verified: Sequence[Verified], renderer: Renderer, locks: Locks = FREE, details: bool = True
) -> Steps[list[Verified]]:
    """Aligns every pose to its own rendering; each stays as it was where its score falls.

    details: to the fine texture too, where there is some and the photo has the same.
    """
    refined = []
    for old, part in shares(verified):
        refined.append((yield from within(_refined(crops, old, renderer, locks, details), *part)))
    return refined


def _refined(crops: PhotoCrops, old: Verified, renderer: Renderer, locks: Locks, details: bool) -> Steps[Verified]:
    pose = aligned(crops, old.closeup, [old.shown, *old.closeup.nearest], locks)
    finer = _follow_details(crops, old, pose, locks) if details else pose
    for better in [pose] if finer is pose else [finer, pose]:
        closeups = look_closely(crops, [old.closeup.start], [better])
        (new,) = yield from verify(crops, closeups, renderer)
        if new.score > old.score:
            return new
    return old


def _follow_details(crops: PhotoCrops, one: Verified, pose: Pose, locks: Locks = FREE) -> Pose:
    """pose, moved until the details that one shows lie on the photo's; as it is when the model is plain there."""
    closeup, index = one.closeup, one.closeup.start.target.index
    features = feature_terms(index.whitening, [one.shown], closeup.view, closeup.features, pose.K)[-1:]
    others = [*features, crops.box_term(index.templates.outline), *lens_terms(crops, closeup, locks)]
    for details in one.details:
        term = details.term(one.rendering, closeup.view, pose.K) if details.textured else None
        if term:
            pose, _cost = minimise([term, *others], pose, locks)
    return pose


def aligned(crops: PhotoCrops, closeup: Closeup, shown: Sequence[Template], locks: Locks = FREE) -> Pose:
    """The closeup's pose moved until what the rendered views show agrees with the photo; not far from its start."""
    index, pose = closeup.start.target.index, closeup.pose
    box = crops.box_term(index.templates.outline)
    lens = lens_terms(crops, closeup, locks)
    for features in feature_terms(index.whitening, shown, closeup.view, closeup.features, pose.K):
        pose, _cost = minimise([features, box, *lens], pose, locks)
    near = rotation_angle(pose.rotation, closeup.start.pose.rotation) < FARTHEST
    return pose if near else closeup.pose


def lens_terms(crops: PhotoCrops, closeup: Closeup, locks: Locks) -> list[Term]:
    """What is free of the start's lens stays near it, for a turn of the camera does nearly the same to the picture."""
    K, terms = closeup.start.pose.K, []
    if not locks.lens:
        terms.append(LensPrior(np.log(K[0, 0]), LENS_DEVIATION, LENS_WEIGHT))
    if not locks.principal_point:
        deviation = POINT_DEVIATION * max(crops.camera.size)
        terms.append(PrincipalPointPrior(K[:2, 2], deviation, POINT_WEIGHT))
    if not locks.distortion:
        terms.append(crops.distortion)
    return terms


def look_closely(crops: PhotoCrops, starts: Sequence[Start], poses: Sequence[Pose]) -> list[Closeup]:
    """Poses, each in a crop of its own."""
    views = [aligned_view(pose, start.target.index.templates) for start, pose in zip(starts, poses, strict=True)]
    pictures = np.stack(
        [
            warp_views(crops.photo, Camera(pose.K, np.eye(4), crops.camera.size), [view])[0]
            for pose, view in zip(poses, views, strict=True)
        ]
    )
    return [Closeup(*parts) for parts in zip(starts, poses, views, pictures, crops.look(pictures), strict=True)]


def nearest_templates(pose: Pose, templates: Templates) -> np.ndarray:
    """Indices of the NEIGHBOURS views whose directions are nearest to the one that pose sees the model from."""
    direction = -pose.rotation.T @ pose.translation
    return np.argsort(-templates.directions @ direction)[:NEIGHBOURS]


def aligned_view(pose: Pose, templates: Templates) -> Camera:
    """The crop of the photo in which, if pose is right, the model lies where it does in the nearest template's own
    crop; a camera at the photo camera's place, in its axes."""
    nearest = nearest_templates(pose, templates)[0]
    distance = np.linalg.norm(pose.translation)
    forward = pose.translation / distance
    right = pose.rotation @ templates.rotations[nearest][0]  # where the template's camera has its right
    right -= forward * (forward @ right)
    right /= np.linalg.norm(right)
    view = np.eye(4)
    view[:3, :3] = np.stack([right, np.cross(forward, right), forward], axis=1)
    K = templates.K[nearest].copy()
    K[[0, 1], [0, 1]] *= distance / DISTANCE
    return Camera(K, view, (SIZE, SIZE))


def distinct(starts: Sequence[Start], poses: Sequence[Pose]) -> list[int]:
    """Which poses are not the same as an earlier one of the same model."""
    kept: list[int] = []
    for number, (start, pose) in enumerate(zip(starts, poses, strict=True)):
        same = [poses[other] for other in kept if starts[other].target is start.target]
        if all(rotation_angle(other.rotation, pose.rotation) > SAME for other in same):
            kept.append(number)
    return kept
