"""From start poses to ranked candidates: the stages of the work after retrieval, one after the other."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from ..errors import PoseError
from ..geometry import Camera, rotation_angle
from ..look import ALL_STAGES, ANY_WAY, AUTOMATIC, DEFAULT_CANDIDATES, STANDING, UPRIGHT, Stages
from ..photo.distortion import Distortion
from ..photo.focal_length import OBJECT, Lens
from ..photo.overlay_picture import intersection_over_union
from ..pose.alignment import FREE, Locks
from ..pose.pose import Pose, confused, is_standing, placed, relative
from ..search.start_poses import APART, PhotoCrops, Start, Target
from ..steps import Steps, shares, within
from ..views.retrieval import pooled, unit
from .agreement import Agreement
from .flow_alignment import follow_flow, judged, seen_at
from .lens import find_lens, with_focal
from .refinement import (
    ALIGNING_ROUNDS,
    LENS_DEVIATION,
    SAME,
    Closeup,
    Renderer,
    See,
    Verified,
    agreement,
    approach,
    distinct,
    look_closely,
    refine_verified,
    verify,
)
from .silhouette import follow_given_mask

# By judgement, and not measured by themselves: `python -m benchmark.accuracy` measures what they give together
REFINED = 3  # of the verified: the others have hardly ever been the right ones
FIRST_ROUNDS = 2  # of following the flow, before the best one alone goes on
# px of flow that fine texture may add. On 44 real and rendered pictures it added 0 to 0.6 to printed boxes, where it
# mostly helped, and 1 to 2.3 to furniture and plain parts, all of which it made worse
MORE_FLOW = 0.75
FINER = 0.02  # of score that it must gain: less is gained by chance, and would let the last digits decide
LEAD_LIMIT = 0.1  # of score: a larger lead says no more
ALIKE_LEAD = 0.5  # of score, that may lie between two that look the same
COMPARED = 3  # next to the best, whose looks are compared with its own
RIVALS, RIVALRY = 2, 0.5  # of poses that are easily taken for the best one; of score, that they may be behind it
ALIKE_FEATURES, ALIKE_SHAPES = 0.92, 0.6  # cosine and overlap of two views that look the same


class Candidate(NamedTuple):
    """One pose hypothesis: camera in the world, with the photo's intrinsics, and score, comparable within one photo.

    lens_deviation: standard deviation of the focal length's logarithm, 0 where it was given, SPREAD of a guess;
    lens_by: what tells it, as in Lens.
    alike: whether the model looks the same from here as in the best pose: it is symmetric, or hides what would tell.
    agreement: what the score is made of, where that was measured; lens: the focal length, where it was estimated.
    distortion: of the lens, where that was asked for.
    """

    model: str
    camera: Camera
    score: float
    lens_deviation: float = 0.0
    alike: bool = False
    agreement: Agreement | None = None
    lens: Lens | None = None
    lens_by: tuple[str, ...] = ()
    distortion: Distortion | None = None

    @property
    def known_lens(self) -> Lens:
        """Also where it was not estimated; its focal length in px."""
        differ = self.lens is not None and self.lens.lines_differ
        return Lens(self.camera.focal, self.lens_deviation, self.lens_by, differ)


def find_candidates(
    crops: PhotoCrops,
    starts: Sequence[Start],
    renderer: Renderer,
    see: See,
    count: int = DEFAULT_CANDIDATES,
    stages: Stages = ALL_STAGES,
    stands: str = AUTOMATIC,
) -> Steps[list[Candidate]]:
    """At most count poses for the starts, best first; where the lens is in doubt, that of the best one is found.

    stands: as in look.py; where it is left open, poses that do not stand are tried beside the best one, too.
    """
    closeups = yield from within(approach(crops, starts, count, ALIGNING_ROUNDS if stages.align else 0), 0.0, 0.4)
    if not stages.verify:
        agreements = [agreement(crops, closeup, closeup.nearest[0]) for closeup in closeups]
        found = [_candidate(crops, *known) for known in zip(closeups, agreements, strict=True)]
        return sorted(found, key=lambda candidate: -candidate.score)
    verified = _ranked((yield from within(verify(crops, closeups, renderer), 0.4, 0.5)))
    if stages.flow:
        flowed = yield from within(_flowed(crops, verified, renderer, see, stages.details, stands), 0.5, 0.8)
        verified = flowed[:count]
    else:
        for count, start, end in ((REFINED, 0.5, 0.75), (1, 0.75, 0.8)) if stages.refine else ():
            refined = yield from within(
                refine_verified(crops, verified[:count], renderer, details=stages.details), start, end
            )
            verified = _ranked([*refined, *verified[count:]])
        verified = _ranked([judged(one, see) for one in verified])
    if crops.lens.doubt and stages.lens:
        looking = find_lens(crops, verified[0], renderer, see, stands != ANY_WAY)
        found = yield from within(looking, 0.8, 0.87)
        if stages.flow:
            found = yield from within(_settled(crops, found, renderer, see, details=stages.details), 0.87, 0.9)
        verified = _with_best(verified, found)
    if stages.silhouette and crops.mask is not None:
        verified = yield from within(_follow_mask(crops, verified, renderer, see), 0.9, 0.95)
    alike = yield from within(_alike(crops, verified, renderer), 0.95, 1.0)
    found = [verified_candidate(crops, one) for one in verified]
    return [one._replace(alike=same) for one, same in zip(found, alike, strict=True)]


def _flowed(
    crops: PhotoCrops, verified: Sequence[Verified], renderer: Renderer, see: See, details: bool, stands: str
) -> Steps[list[Verified]]:
    """The best ones moved to where the network sees the model; so are those that are easily taken for the best one. Of
    poses that meet the best one stays, and the best of all goes on until nothing moves."""
    ranked = _ranked([judged(one, see) for one in verified])
    yield 0.1
    followed = yield from within(_followed(crops, ranked[:REFINED], renderer, see), 0.1, 0.5)
    ranked = _apart(_ranked([*followed, *ranked[REFINED:]]))
    rivals = yield from within(_rivals(crops, ranked, renderer, see, stands), 0.5, 0.8)
    ranked = _apart(_ranked([*ranked, *rivals]))
    settled = yield from within(_settled(crops, ranked[0], renderer, see, details=details), 0.8, 1.0)
    return _with_best(ranked, settled)


def _followed(crops: PhotoCrops, some: Sequence[Verified], renderer: Renderer, see: See) -> Steps[list[Verified]]:
    moved = []
    for one, part in shares(some):
        moved.append((yield from within(follow_flow(crops, one, renderer, see, rounds=FIRST_ROUNDS), *part)))
    return moved


def _rivals(
    crops: PhotoCrops, ranked: Sequence[Verified], renderer: Renderer, see: See, stands: str
) -> Steps[list[Verified]]:
    """Other ways to see the best one's outline that nobody has tried, as far as they agree nearly as well.

    Where it is left open how the object stands, those that do not stand must be ahead of those that do.
    """
    best = ranked[0]
    known = np.stack([one.closeup.pose.rotation for one in ranked])
    poses = [
        pose
        for pose in confused(best.closeup.pose)
        if rotation_angle(known, pose.rotation).min() > APART and (stands != UPRIGHT or is_standing(pose))
    ]
    starts = [best.closeup.start._replace(pose=pose) for pose in poses]
    if not starts:
        return []
    tried = yield from within(verify(crops, look_closely(crops, starts, poses), renderer), 0.0, 0.4)
    close = _ranked([judged(one, see) for one in tried if one.score > best.agreement.alone.score - RIVALRY])[:RIVALS]
    followed = yield from within(_followed(crops, close, renderer, see), 0.4, 1.0)
    if stands == ANY_WAY:
        return followed
    return [one if is_standing(one.closeup.pose) else one._replace(score=one.score - STANDING) for one in followed]


def _apart(ranked: Sequence[Verified]) -> list[Verified]:
    kept = distinct([one.closeup.start for one in ranked], [one.closeup.pose for one in ranked])
    return [ranked[number] for number in kept]


def _settled(
    crops: PhotoCrops, one: Verified, renderer: Renderer, see: See, locks: Locks = FREE, details: bool = True
) -> Steps[Verified]:
    """Moved by the flow until nothing moves; and then by fine texture, which knows better where a print is, and worse
    where light and shade only look like one."""
    one = yield from within(follow_flow(crops, one, renderer, see, locks), 0.0, 0.8)
    if details and one.details[0].textured:
        alone = one._replace(score=one.agreement.alone.score)
        (finer,) = yield from within(refine_verified(crops, [alone], renderer, locks), 0.8, 1.0)
        gained, finer = finer.score - alone.score, judged(finer, see)
        if gained > FINER and finer.agreement.flow < one.agreement.flow + MORE_FLOW:
            return finer
    return one


def _alike(crops: PhotoCrops, ranked: Sequence[Verified], renderer: Renderer) -> Steps[list[bool]]:
    """Which of the verified, best first, show in the best one's crop what the best one shows."""
    best, *others = ranked
    asked = [
        one
        for one in others[:COMPARED]
        if one.score > best.score - ALIKE_LEAD and one.closeup.start.target is best.closeup.start.target
    ]
    closeups = [best.closeup._replace(pose=one.closeup.pose) for one in asked]
    views = (yield from verify(crops, closeups, renderer)) if closeups else []
    same = [one for one, view in zip(asked, views, strict=True) if _same_view(best, view)]
    return [any(one is other for other in same) for one in ranked]


def _same_view(first: Verified, second: Verified) -> bool:
    features = [unit(pooled(one.shown.features[None]))[0] for one in (first, second)]
    shapes = [one.alpha >= 128 for one in (first, second)]
    return bool(features[0] @ features[1] > ALIKE_FEATURES and intersection_over_union(*shapes) > ALIKE_SHAPES)


def judge(crops: PhotoCrops, target: Target, camera: Camera, renderer: Renderer, see: See) -> Steps[Verified]:
    """A camera of the world that sees the target; crops looks through the camera's intrinsics."""
    return (yield from seen_at(crops, Start(target, relative(camera, target.sphere), 0.0), renderer, see))


def improve(
    crops: PhotoCrops, target: Target, camera: Camera, renderer: Renderer, see: See, locks: Locks = FREE
) -> Steps[tuple[Candidate, Candidate]]:
    """A camera of the world that already sees the target about right, before and after refinement.

    What locks names stays; where the score does not rise, all stays. A free principal point stays, too, where
    that is better. crops looks through the camera's intrinsics.
    """
    before = yield from within(judge(crops, target, camera, renderer, see), 0.0, 0.2)
    ways = [locks] if locks.principal_point else [locks._replace(principal_point=True), locks]
    tried = []
    for way, part in shares(ways, 0.2, 1.0):
        tried.append((yield from within(_settled(crops, before, renderer, see, way), *part)))
    yield 1.0
    after = max(tried, key=lambda one: one.score)
    first, last = (verified_candidate(crops, one) for one in (before, after))
    if not after.score > before.score:
        return first._replace(camera=camera), first._replace(camera=camera)
    if last.camera.focal != camera.focal:
        last = last._replace(lens_deviation=LENS_DEVIATION, lens_by=(OBJECT,))
    return first._replace(camera=camera), last


def with_lens(
    crops: PhotoCrops, ranked: Sequence[Candidate], found: Verified, lens: Lens, distortion: Distortion | None
) -> list[Candidate]:
    """The candidates of one photo, best first, with another lens, its focal length in px: the best one as it was found
    with it, the others of found's model seen from the same sides."""
    target, best = found.closeup.start.target, ranked[0]
    known = {"lens_deviation": lens.deviation, "lens_by": lens.by, "distortion": distortion}
    first = verified_candidate(crops, found)._replace(score=max(found.score, best.score), alike=best.alike, lens=lens)
    others = []
    for one in ranked[1:]:
        if one.model == target.name:
            pose = with_focal(relative(one.camera, target.sphere), lens.focal)
            camera = placed(one.camera, pose._replace(K=found.closeup.pose.K), target.sphere)
            others.append(one._replace(camera=camera))
    return [one._replace(**known) for one in (first, *others)]


def as_they_are(crops: PhotoCrops, starts: Sequence[Start], renderer: Renderer) -> Steps[list[Candidate]]:
    """Starts taken for the answer, in their order, with the scores of their renderings."""
    closeups = look_closely(crops, starts, [start.pose for start in starts])
    verified = yield from verify(crops, closeups, renderer)
    return [verified_candidate(crops, one) for one in verified]


def _ranked(verified: Sequence[Verified]) -> list[Verified]:
    return sorted(verified, key=lambda one: -one.score)


def _with_best(ranked: Sequence[Verified], found: Verified) -> list[Verified]:
    """found in the place of the best; it goes on being the best, for the others were judged without what it has."""
    best, *others = ranked
    return [found._replace(score=max(found.score, best.score)), *others]


def _follow_mask(crops: PhotoCrops, ranked: Sequence[Verified], renderer: Renderer, see: See) -> Steps[list[Verified]]:
    """All of them moved onto the mask that the user gives, where that pays; how they fill it counts, too."""
    followed = []
    for one in ranked:
        moved = yield from follow_given_mask(crops, one._replace(score=one.agreement.alone.score), renderer, see)
        filled = moved.score - moved.agreement.alone.score
        moved = judged(moved, see)
        followed.append(moved._replace(score=moved.score + filled))
    return _ranked(followed)


def verified_candidate(crops: PhotoCrops, one: Verified) -> Candidate:
    """A verified pose as an answer."""
    return _candidate(crops, one.closeup, one.agreement)._replace(score=one.score)


def _candidate(crops: PhotoCrops, closeup: Closeup, agrees: Agreement) -> Candidate:
    return candidate_of(crops, closeup.start, closeup.pose, agrees.score)._replace(agreement=agrees)


def candidate_of(crops: PhotoCrops, start: Start, pose: Pose, score: float) -> Candidate:
    """A start, moved to pose, as an answer."""
    deviation, by = (start.lens.deviation, start.lens.by) if start.lens else (crops.lens.spread, crops.lens.by)
    camera = placed(crops.camera, pose, start.target.sphere)
    return Candidate(start.target.name, camera, score, deviation, lens=start.lens, lens_by=by)


def finite(candidates: Sequence[Candidate]) -> list[Candidate]:
    """Those that have no number which is none; PoseError where all have."""
    known = []
    for one in candidates:
        numbers = *one.camera.K.flat, *one.camera.camera_to_world.flat, one.score, one.lens_deviation
        known += [one] if np.isfinite(numbers).all() else []
    if not known:
        raise PoseError("No pose can be computed from this photo: drag another box around the object.")
    return known


def distinct_candidates(candidates: Sequence[Candidate]) -> list[Candidate]:
    """Those whose camera is not turned as that of an earlier one of the same model."""
    kept: list[Candidate] = []
    for one in candidates:
        same = [other.camera.camera_to_world[:3, :3] for other in kept if other.model == one.model]
        if not same or rotation_angle(np.stack(same), one.camera.camera_to_world[:3, :3]).min() > SAME:
            kept.append(one)
    return kept


def as_candidates(crops: PhotoCrops, starts: Sequence[Start]) -> list[Candidate]:
    """Start poses taken for the answer."""
    return [candidate_of(crops, start, start.pose, start.score) for start in starts]
