"""Which model a photo shows: the most alike are aligned, rendered and moved onto the photo, and stand by how they look
there."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import NamedTuple

from ..errors import PoseError
from ..search.model_likeness import compare, ranked
from ..search.start_poses import PhotoCrops, Start, Target, find_starts
from ..steps import Steps, within
from .candidates import FIRST_ROUNDS, Candidate, candidate_of, verified_candidate
from .flow_alignment import follow_flow, judged
from .refinement import Renderer, See, approach, verify

# By judgement where nothing is said. `python -m benchmark.which --half test --subdivisions 2 --limit 51` measures what
# VERIFIED gives: the right model comes first for 96 %.
VERIFIED = 5  # models that are rendered to be identified
PATIENCE = 3  # so many times as many at most, while none of them is likely
STARTS_PER_MODEL = 3  # views of each of them
# Of likeness beside the score: on the tuning half of `benchmark.library` 0.2 is better still, but there likeness has
# learnt from the very models
LIKENESS_WEIGHT = 0.1
# Score from which a model may be the one: on that half 85 % of the right ones have more, 25 % of the best wrong ones
LIKELY = 0.65
STRANGE, FEWEST_MODELS = 8.0, 8  # likeness, and models, below and from which the photo shows none of them (tuning half)


def is_strange(likeness: Sequence[float]) -> bool:
    """Whether the photo seems to show none of these models, by their scores; a few models cannot tell."""
    return len(likeness) >= FEWEST_MODELS and max(likeness) < STRANGE


class Answer(NamedTuple):
    """A model that the photo may show: its best view as a candidate; likeness: its score by `ranked`;
    verified: whether it was rendered there, only then the candidate's score tells anything."""

    candidate: Candidate
    likeness: float
    verified: bool

    @property
    def likely(self) -> bool:
        """Whether it looks there as the photo does."""
        return self.verified and self.candidate.score > LIKELY

    @property
    def standing(self) -> float:
        """Comparable with that of other verified ones of the photo."""
        return self.candidate.score + LIKENESS_WEIGHT * self.likeness


def any_likely(answers: Sequence[Answer]) -> bool:
    """Else the photo seems to show none of these models. The first one may stand there by its likeness alone."""
    return any(answer.likely for answer in answers)


def identify(
    crops: PhotoCrops,
    targets: Sequence[Target],
    renderer: Renderer,
    see: See,
    count: int = VERIFIED,
    whole: Callable[[Target], Target] = lambda target: target,
    failed: Callable[[PoseError], None] | None = None,
    known: Mapping[str, float] = MappingProxyType({}),
) -> Steps[list[Answer]]:
    """All targets, best first: the most alike are aligned, rendered, moved onto the photo, and stand by how they look
    there, and by their likeness.

    count: of those that are rendered, PATIENCE times as many while none of them is likely; known: likeness of targets,
    by name, that was found before, and is added. whole: gives the targets with all their views, where these have only
    some; failed: is told of those that cannot be rendered, which are then left out, in place of raising that PoseError;
    of the last one where none is left.
    """
    compared = yield from within(compare(crops, targets), 0.0, 0.3)
    views = [start._replace(score=start.score + known.get(start.target.name, 0.0)) for start in ranked(crops, compared)]
    views.sort(key=lambda start: -start.score)
    tried, last = [], None
    while views and (len(tried) < count or _doubtful(tried, count)):
        best, *views = views
        try:
            best = best._replace(target=whole(best.target))
            shares = _progress(len(tried), count), _progress(len(tried) + 1, count)
            tried.append((yield from within(_verified(crops, best, renderer, see), *shares)))
        except PoseError as error:
            if not failed:
                raise
            failed(error)
            last = error
    if last and not tried:
        raise last
    tried.sort(key=lambda answer: -answer.standing)
    return tried + [Answer(candidate_of(crops, best, best.pose, 0.0), best.score, False) for best in views]


def _doubtful(tried: Sequence[Answer], count: int) -> bool:
    """Whether it is worth while to try more than count models."""
    return len(tried) < PATIENCE * count and not any_likely(tried)


def _progress(tried: int, count: int) -> float:
    """0..1, after so many models; most often count is the end."""
    return 0.3 + 0.5 * min(tried, count) / count + 0.2 * max(tried - count, 0) / ((PATIENCE - 1) * count)


def _verified(crops: PhotoCrops, best: Start, renderer: Renderer, see: See) -> Steps[Answer]:
    starts = yield from within(find_starts(crops, best.target, STARTS_PER_MODEL), 0.0, 0.2)
    starts = [start._replace(score=start.score + best.score - starts[0].score) for start in starts]
    closeups = yield from within(approach(crops, starts, STARTS_PER_MODEL), 0.2, 0.5)
    verified = yield from within(verify(crops, closeups, renderer), 0.5, 0.6)
    likeliest = max((judged(one, see) for one in verified), key=lambda one: one.score)
    found = yield from within(follow_flow(crops, likeliest, renderer, see, rounds=FIRST_ROUNDS), 0.6, 1.0)
    return Answer(verified_candidate(crops, found), best.score, True)
