"""The way from a photo to its camera, without Blender: what the operators and the headless commands share."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from .errors import LOG, PoseError
from .geometry import LONGEST, ORTHOGRAPHIC, Box, Camera, intrinsics
from .look import ANY_WAY, AUTOMATIC, DEFAULT_LOOK, DEFAULT_NETWORK, STANDING, Look
from .networks.registry import feature_name, is_regressor
from .photo.checks import checked_box, checked_focal, checked_point, checked_sensor, default_focal, focal_from_lens
from .photo.focal_length import FULL_FRAME, LENSES, SPREAD, Focal, LensEvidence, is_guess
from .photo.image import Photo, alpha_box, shows_nothing
from .search.regressed_starts import regressor_for
from .steps import Steps, all_aside, aside, shares, within

if TYPE_CHECKING:
    from .library.index import Index
    from .pose.alignment import DistortionPrior, Locks
    from .search.regressed_starts import Predict
    from .search.start_poses import Extract, PhotoCrops, Start, Target
    from .verify.candidates import Candidate
    from .verify.model_ranking import Answer
    from .verify.refinement import Renderer, See, Verified


FOCALS = 0.05, LONGEST  # of a photo's longer side: wider and longer than any lens is
# By judgement, and not measured by themselves
TRIES = 3  # places, at most, that are matched in full when nobody knows where the object is
SURE = 0.9  # confidence from which no other place, and no other way of standing, is tried
SURE_WITH_LENS = 0.95  # the same where the lens was estimated: with one that fits wrong poses look better, too
CONVINCING = 1.1  # score of a pose in a place from which no smaller objects are looked for
# From so many models on a photo may show none of them but one of their kind; a match's score from which it does not,
# and the one below which it does (chosen on rendered chairs)
SEVERAL, CLEAR, UNLIKE = 4, 1.2, 0.75

AllAround = Callable[[tuple[str, ...]], Steps[Sequence["Target"]]]  # targets by name, with views from below, too


class Match(NamedTuple):
    """Candidates, best first, and the seconds spent on features, match and refine; located: nobody gave the box; share:
    of the votes, 0..1, for the best candidate, where its direction is one on which views of all models agree."""

    candidates: list[Candidate]
    seconds: dict[str, float]
    located: bool = False
    share: float | None = None

    @property
    def verified(self) -> bool:
        """Whether they were compared with the photo, as nearest views are not."""
        return self.share is not None or self.candidates[0].agreement is not None

    @property
    def confidence(self) -> float | None:
        """Probability, 0..1, that the best candidate's view is less than 10 degrees off; None: not verified."""
        from .verify import confidence

        if not self.verified:
            return None
        if self.share is not None:
            return confidence.confidence_of_vote(self.share)
        return confidence.confidence(self.candidates, self.located)


def photo_camera(
    photo: Photo,
    focal: float | None = None,
    lens: float | None = None,
    sensor: float = 36.0,
    principal_point: tuple[float, float] | None = None,
    orthographic: bool = False,
) -> Camera:
    """The photo's camera at the origin, whose lens is what `photo_focal` says."""
    if principal_point is not None:
        principal_point = checked_point(principal_point)
    K = intrinsics(photo_focal(photo, focal, lens, sensor, orthographic).focal, photo.size, principal_point)
    return Camera(K, np.eye(4), photo.size)


def photo_focal(
    photo: Photo,
    focal: float | None = None,
    lens: float | None = None,
    sensor: float = 36.0,
    orthographic: bool = False,
) -> Focal:
    """That of focal in px, or of lens and sensor in mm; else EXIF's, else a guess: 50 mm on 36 mm.

    orthographic: what stands for no perspective, whatever else is given.
    PoseError where one is given that no lens has, or a sensor that is none.
    """
    sensor = checked_sensor(sensor)
    if orthographic:
        return Focal(ORTHOGRAPHIC * max(photo.size))
    if focal is not None or lens is not None:
        given = checked_focal(focal) if focal is not None else focal_from_lens(lens, sensor, photo.size)
        if not FOCALS[0] <= given / max(photo.size) <= FOCALS[1]:
            sizes = "{} x {} px".format(*photo.size)
            raise PoseError(f"No lens has a focal length of {given:g} px in a photo of {sizes}.")
        return Focal(given)
    return photo.exif_focal or Focal(default_focal(photo.size), SPREAD, 1.0)


@all_aside
def match(
    photo: Photo,
    camera: Camera,
    box: Box,
    targets: Sequence[Target],
    renderer: Renderer,
    look: Look = DEFAULT_LOOK,
    *,
    lens: Focal | None = None,
    mask: np.ndarray | None = None,
    without_lines: np.ndarray | None = None,
) -> Steps[Match]:
    """Finds the cameras that see one of the targets in the photo's box as the photo does.

    lens: how far the camera's focal length is known, default: it is given.
    mask: the object, (H, W) bool in photo.image; without_lines: segments (N, 4), px of the photo, that tell nothing of
    its lens.
    A photo that shows none of several models, which a bundled regressor knows, is taken for one of their kind.
    """
    from .verify import candidates as finding

    began = time.perf_counter()
    crops = _crops_in(box, photo, camera, look, mask, lens, without_lines)
    starts = yield from within(_starts(photo, crops, targets, look), 0.0, 0.6)
    matched, features, share = time.perf_counter(), crops.seconds, None
    if look.method == "MATCH":
        steps = finding.find_candidates(
            crops, starts, renderer, aligner(look.device), look.count, look.stages, look.stands
        )
        candidates = yield from within(steps, 0.6, 0.9)
        if len(targets) >= SEVERAL and candidates[0].score < CLEAR and (named := regressor_for(targets, look.device)):
            candidates, share = yield from within(_doubted(crops, targets, renderer, named, candidates), 0.9, 1.0)
    else:
        candidates, share = finding.as_candidates(crops, starts), starts[0].score if look.method == "VOTE" else None
    candidates = finding.finite(candidates)
    seconds = {"features": features, "match": matched - began - features, "refine": time.perf_counter() - matched}
    times = ", ".join(f"{name} {value:.1f} s" for name, value in seconds.items())
    LOG.info("%s: score %.2f; %s", candidates[0].model, candidates[0].score, times)
    return Match(candidates, seconds, share=share)


def _starts(photo: Photo, crops: PhotoCrops, targets: Sequence[Target], look: Look) -> Steps[list[Start]]:
    """What the look's method takes for the poses in the photo, of which crops are; likely ones first."""
    from .networks.regressor import load_regressor, predict
    from .search import regressed_starts, start_poses, voting

    named = partial(predict, load_regressor(look.network, look.device)) if is_regressor(look.network) else None
    if look.method == "VOTE":
        vote = yield from voting.vote(crops, targets, named or regressor_for(targets, look.device))
        return voting.winners(crops, vote, look.count)
    if named:
        return regressed_starts.named_starts(crops, targets, named, look.count)
    if look.method == "KNN":
        return start_poses.nearest_neighbours(crops, targets)
    return (yield from _retrieved(photo, crops, targets, look.count))


def _doubted(
    crops: PhotoCrops, targets: Sequence[Target], renderer: Renderer, named: Predict, found: list[Candidate]
) -> Steps[tuple[list[Candidate], float | None]]:
    """As many candidates: those found, best first; or where these are unlike the photo, or the vote of all targets is
    against them, what got the votes comes first, and its share."""
    from .search import voting
    from .verify import candidates

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
    from .search import start_poses
    from .search.model_likeness import find_starts_among

    starts = yield from within(find_starts_among(crops, targets, 2 * count), 0.0, 0.8)
    whole = start_poses.whole_box(crops.box, photo.size)
    if whole:  # a box that ends with the photo frames the object otherwise than its views
        framed = start_poses.PhotoCrops(photo, crops.camera, whole, crops.rolls[::2], crops.extract, lens=crops.lens)
        starts += yield from within(find_starts_among(framed, targets, count), 0.8, 1.0)
        crops.seconds += framed.seconds
    return starts


def find_and_match(
    photo: Photo,
    camera: Camera,
    box: Box | None,
    targets: Sequence[Target],
    renderer: Renderer,
    look: Look = DEFAULT_LOOK,
    *,
    lens: Focal | None = None,
    mask: np.ndarray | None = None,
    without_lines: np.ndarray | None = None,
    all_around: AllAround | None = None,
) -> Steps[tuple[Box, Match]]:
    """`match` in the given box, or in the mask's, or else in one that is found: that box and the match.

    all_around: asked where nobody knows how the object stands, and upright it is found in doubt only.
    """
    known = {"lens": lens, "without_lines": without_lines}
    box = yield from aside(_shown_box, photo, box, mask)
    if look.method != "MATCH":
        all_around = None
    if box is None:
        return (yield from _located(photo, camera, targets, renderer, look, known, all_around))
    steps = partial(match, photo, camera, box, renderer=renderer, mask=mask, **known)
    return box, (yield from _however_it_stands(steps, targets, look, all_around))


def _however_it_stands(
    steps: Callable[..., Steps[Match]], targets: Sequence[Target], look: Look, all_around: AllAround | None
) -> Steps[Match]:
    """`match`, of which steps wants targets and look; where that is left open, the better answer for an object that
    stands and, if that is doubtful, for one in any way."""
    from .verify.candidates import distinct_candidates

    if look.stands != AUTOMATIC or all_around is None:
        return (yield from steps(targets, look=look))
    standing = yield from within(steps(targets, look=look), 0.0, 0.4)
    sure = SURE_WITH_LENS if standing.candidates[0].lens else SURE
    if standing.confidence > sure or standing.share is not None:
        return standing
    names = tuple(dict.fromkeys(one.model for one in standing.candidates))
    everywhere = yield from within(all_around(names), 0.4, 0.7)
    lying = yield from within(steps(everywhere, look=look._replace(stands=ANY_WAY)), 0.7, 1.0)
    lying = lying._replace(candidates=[one._replace(score=one.score - STANDING) for one in lying.candidates])
    first, second = sorted([standing, lying], key=lambda match: -match.candidates[0].score)
    ranked = sorted([*first.candidates, *second.candidates], key=lambda one: -one.score)
    return first._replace(candidates=distinct_candidates(ranked)[: look.count])


def _located(
    photo: Photo,
    camera: Camera,
    targets: Sequence[Target],
    renderer: Renderer,
    look: Look,
    known: Mapping[str, Any],
    all_around: AllAround | None,
) -> Steps[tuple[Box, Match]]:
    """`match`, which knows the photo's lens and lines so, for a photo whose box nobody knows.

    Every target is posed in the places where the photo looks like it; the likeliest one is matched again in its own
    box, and so are the next ones as long as that is doubtful.
    """
    from .networks.loading import feature_network, has_patches, load_network
    from .networks.salient_objects import proposed_boxes
    from .pose.alignment import projected

    if not has_patches(feature_network(feature_name(look.network), look.device)) or look.method == "VOTE":
        # then nothing but what stands out can be told
        box = (yield from aside(proposed_boxes, photo, load_network("u2netp", look.device)))[0]
        found = yield from match(photo, camera, box, targets, renderer, look, **known)
        return box, found._replace(located=True)
    looking = _places(photo, camera, targets, renderer, look, all_around)
    places, way, whole = yield from within(looking, 0.0, 0.5)
    by_name = {target.name: target for target in (*targets, *whole)}
    if not places:
        raise PoseError("The models are nowhere to be found in the photo: drag a box around the object.")
    tried: list[tuple[Box, Match]] = []
    for one, part in shares(places[:TRIES], 0.5, 1.0):
        target = by_name[one.closeup.start.target.name]
        box = Box.around(projected(one.closeup.pose, target.index.templates.outline, np.eye(3)))
        steps = partial(match, photo, camera, box, renderer=renderer, **known)
        tried.append((box, (yield from within(_however_it_stands(steps, [target], way, all_around), *part))))
        if (tried[-1][1].confidence or 0.0) > SURE:
            break
    box, best = max(tried, key=lambda one: one[1].candidates[0].score)
    if len(targets) >= SEVERAL and best.candidates[0].score < CLEAR:  # perhaps it is none of them, but of their kind
        together = yield from match(photo, camera, box, targets, renderer, look, **known)
        best = best if together.share is None else together
    return box, best._replace(located=True)


def _places(
    photo: Photo,
    camera: Camera,
    targets: Sequence[Target],
    renderer: Renderer,
    look: Look,
    all_around: AllAround | None,
) -> Steps[tuple[list[Verified], Look, Sequence[Target]]]:
    """Poses of the targets in places where the photo looks like them, likeliest first, and how they were looked for.

    As long as none is convincing they are looked for in any way, where that is left open, and in a larger picture,
    where small ones are seen.
    """
    from .search.detection import FINER, SIDES
    from .verify.location import seen_everywhere

    extract, see = extractor(look.network, look.device), (yield from aside(aligner, look.device))
    ways = [(SIDES, look)]
    if look.stands == AUTOMATIC and all_around:
        ways = [(SIDES, look), (SIDES, look._replace(stands=ANY_WAY))]
    if max(photo.image.size) >= FINER[0]:
        ways.append((FINER, ways[-1][1]))
    found: list[Verified] = []
    for (sides, way), (begins, ends) in shares(ways):
        if found and found[0].score > CONVINCING:
            break
        if way.stands != look.stands:
            targets = yield from within(all_around(_likely(targets, found)), begins, begins)
        look = way
        steps = seen_everywhere(photo, camera, targets, renderer, extract, see, look.stands == ANY_WAY, sides)
        found += yield from within(steps, begins, ends)
        found.sort(key=lambda one: -one.score)
    return found, look, targets


def _likely(targets: Sequence[Target], found: Sequence[Verified]) -> tuple[str, ...]:
    """Names of the targets, of many only those of the likeliest places: views from below take time."""
    places = [one.closeup.start.target for one in found[:TRIES]]
    return tuple(dict.fromkeys(target.name for target in (places if len(targets) >= SEVERAL and places else targets)))


def _shown_box(photo: Photo, box: Box | None, mask: np.ndarray | None) -> Box | None:
    """The given box, or the mask's; PoseError where there is nothing to be seen in it, or in all of the photo."""
    box = box or mask_box(mask, photo)
    if shows_nothing(photo, box or Box(0, 0, *photo.size)):
        raise PoseError(f"Photo '{photo.path.name}' shows nothing but one colour{' in the box' if box else ''}.")
    return box


def mask_box(mask: np.ndarray | None, photo: Photo) -> Box | None:
    """Around the object in the photo, None without a mask or an object in it."""
    around = None if mask is None else alpha_box(mask, 0.5)
    if around is None:
        return None
    scale = photo.size[0] / photo.image.size[0]
    return checked_box([edge * scale for edge in around], photo.size)


class Shown(NamedTuple):
    """A photo, its box, and the match in it."""

    photo: Photo
    box: Box
    found: Match


@all_aside
def share_lens(
    photos: Sequence[Shown],
    targets: Sequence[Target],
    renderer: Renderer,
    look: Look,
    principal_point: bool = False,
    distortion: bool = False,
) -> Steps[list[Match]]:
    """The matches with one lens for all photos, but those whose lens is given or which were not verified; as they are
    where none tells it. principal_point, distortion: whether these are found, too; PoseError where the photos' sizes
    differ then.
    """
    from .photo.plumb_lines import plumb_lines
    from .pose.alignment import Locks
    from .verify import candidates, shared_lens

    if (principal_point or distortion) and len({one.photo.size for one in photos}) > 1:
        raise PoseError("Photos of several sizes share only a focal length: match them without Shift and Distortion.")
    by_name = {target.name: target for target in targets}
    free = [one for one in photos if one.found.candidates[0].agreement and one.found.candidates[0].lens_deviation]
    given = [one for one in photos if not one.found.candidates[0].lens_deviation]
    if len(free) + bool(given) < 2:
        return [one.found for one in photos]
    extract, see = extractor(look.network, look.device), aligner(look.device)
    sights = []
    for one in free:
        best = one.found.candidates[0]
        through = partial(_straight_crops, one.photo, best.camera, one.box, extract)
        lines = plumb_lines(one.photo, best.camera.K) if distortion else None
        sights.append(shared_lens.Sight(through, by_name[best.model], best.camera, _evidence(best), lines))
    others = [_evidence(one.found.candidates[0]) for one in given]
    locks = Locks(lens=False, principal_point=not principal_point, distortion=not distortion)
    answer = yield from shared_lens.share_lens(sights, others, renderer, see, locks)
    matches = {id(one): one.found for one in photos}
    for one, sight, (crops, verified) in zip(free, sights, answer.seen, strict=True) if answer else ():
        own = answer.lens._replace(focal=verified.closeup.pose.K[0, 0], evidence=sight.evidence)
        ranked = candidates.with_lens(crops, one.found.candidates, verified, own, answer.distortion)
        matches[id(one)] = one.found._replace(candidates=ranked)
    return list(matches.values())


def _evidence(best: Candidate) -> LensEvidence:
    """What a photo says of its lens, whose best candidate this is."""
    if best.lens and best.lens.evidence:
        return best.lens.evidence
    doubt = float(is_guess(best.lens_deviation))
    focal = best.camera.focal / max(best.camera.size) * FULL_FRAME
    nothing = np.zeros(len(LENSES))
    return LensEvidence(Focal(focal, best.lens_deviation, doubt), nothing, nothing)


@all_aside
def refine(
    photo: Photo,
    camera: Camera,
    target: Target,
    renderer: Renderer,
    *,
    box: Box | None = None,
    locks: Locks | None = None,
    distortion: np.ndarray | None = None,
    network: str = DEFAULT_NETWORK,
    device: str = "auto",
) -> Steps[tuple[Candidate, Candidate]]:
    """A camera of the world that sees the target about right, before and after improvement; locks: Locks() by default.

    The first has that very camera; where nothing better is found so does the second. distortion: k1 and k2, by which
    the photo is to be straightened so that the camera sees it; where locks leave them free the candidates tell others.
    """
    from .photo.plumb_lines import plumb_lines
    from .pose.alignment import Locks
    from .verify import candidates, straightening

    locks, known = possible_locks(camera, locks or Locks()), np.zeros(2) if distortion is None else distortion
    see, through = aligner(device), partial(_straight_crops, photo, camera, box, extractor(network, device))
    if locks.distortion:
        return (yield from candidates.improve(through(camera.K, known), target, camera, renderer, see, locks))
    lines = plumb_lines(photo, camera.K)
    yield 0.0
    steps = straightening.improve_straightened(through, lines, known, target, camera, renderer, see, locks)
    return (yield from steps)


def possible_locks(camera: Camera, locks: Locks) -> Locks:
    """Of an orthographic camera scale and shift are its position's, and nothing bends. PoseError where that is
    locked."""
    if not camera.is_orthographic:
        return locks
    if locks.position:
        raise PoseError("The position of an orthographic camera cannot be locked: it is its scale and shift.")
    return locks._replace(lens=True, principal_point=True, distortion=True)


def _straight_crops(
    photo: Photo,
    camera: Camera,
    box: Box | None,
    extract: Extract,
    K: np.ndarray,
    distortion: np.ndarray,
    left: DistortionPrior | None = None,
) -> PhotoCrops:
    """Of the photo and its box, straightened by k1 and k2, for a camera whose intrinsics are K; left: what may be left
    of them."""
    from .photo.distortion import straight_box, straightened

    if distortion.any():
        photo = straightened(photo, K, distortion)
        box = straight_box(box, K, distortion) if box else None
    return crops_for(photo, replace(camera, K=K), box, extract, left)


def crops_for(
    photo: Photo, camera: Camera, box: Box | None, extract: Extract, distortion: DistortionPrior | None = None
) -> PhotoCrops:
    """To judge a camera of the world, and others with its intrinsics; an unknown box binds nothing."""
    from .search import start_poses

    deviation = start_poses.BOX_DEVIATION if box else np.inf
    whole = Box(0, 0, *photo.size)
    how = {"deviation": deviation, "distortion": distortion}
    return start_poses.PhotoCrops(photo, camera.placed(np.eye(4)), box or whole, np.zeros(1), extract, **how)


def _crops_in(
    box: Box,
    photo: Photo,
    camera: Camera,
    look: Look,
    mask: np.ndarray | None,
    lens: Focal | None = None,
    without_lines: np.ndarray | None = None,
) -> PhotoCrops:
    """To look for the models in the photo's box."""
    from .search import start_poses

    rolls = start_poses.ALL_ROLLS if look.stands == ANY_WAY else start_poses.UPRIGHT_ROLLS
    extract = extractor(look.network, look.device, patches=look.method != "KNN")
    return start_poses.PhotoCrops(photo, camera, box, rolls, extract, mask, lens=lens, without_lines=without_lines)


def aligner(device: str) -> See:
    """Sees where a photo shows what a rendering shows."""
    from .networks.aligner import look
    from .networks.loading import load_network

    return partial(look, load_network("aligner", device))


def extractor(network: str, device: str, patches: bool = True) -> Extract:
    """Makes features as those of the targets' templates."""
    from .networks.loading import extract_features, feature_network

    return partial(extract_features, feature_network(feature_name(network), device, patches))


@all_aside
def which(
    photo: Photo,
    camera: Camera,
    box: Box | None,
    targets: Sequence[Target],
    renderer: Renderer,
    look: Look = DEFAULT_LOOK,
    *,
    lens: Focal | None = None,
    mask: np.ndarray | None = None,
) -> Steps[tuple[Box, list[Answer]]]:
    """Which of the targets the photo shows: the box, given or found, and all of them, best first.

    lens and mask as in `match`, but no lens is looked for. look's network: of the features; a regressor, which knows no
    models, leaves this to those of the targets' templates.
    """
    from .verify import model_ranking

    crops = _crops_to_identify(photo, camera, box, look, lens, mask)
    see = yield from aside(aligner, look.device)
    return crops.box, (yield from model_ranking.identify(crops, targets, renderer, see))


@all_aside
def which_of_library(
    photo: Photo,
    camera: Camera,
    box: Box | None,
    library: Index,
    renderer: Renderer,
    look: Look = DEFAULT_LOOK,
    *,
    lens: Focal | None = None,
    mask: np.ndarray | None = None,
) -> Steps[tuple[Box, list[Answer], list[str]]]:
    """Which models of a library the photo shows: as `which`, of those that may be it at all; their names are the keys
    of its models. And sentences of models that are left out, as they are gone or damaged.

    renderer: may raise PoseError for a target whose model is gone.
    """
    from .library.shortlist import VERIFIED, known_likeness, shortlist, shortlisted_targets, whole_target
    from .verify import model_ranking

    crops = _crops_to_identify(photo, camera, box, look, lens, mask)
    chosen = yield from within(shortlist(crops, library), 0.0, 0.2)
    targets, left_out = shortlisted_targets(library, chosen)
    yield 0.25
    see = yield from aside(aligner, look.device)
    how = {"count": VERIFIED, "whole": whole_target, "known": known_likeness(chosen)}
    steps = model_ranking.identify(crops, targets, renderer, see, **how, failed=lambda why: left_out.append(str(why)))
    return crops.box, (yield from within(steps, 0.25, 1.0)), left_out


def _crops_to_identify(
    photo: Photo, camera: Camera, box: Box | None, look: Look, lens: Focal | None, mask: np.ndarray | None
) -> PhotoCrops:
    """Of the box, or where there is none of what stands out in the photo."""
    from .networks.loading import load_network
    from .networks.salient_objects import proposed_boxes

    box = _shown_box(photo, box, mask)
    box = box or proposed_boxes(photo, load_network("u2netp", look.device))[0]
    return _crops_in(box, photo, camera, look, mask, lens)
