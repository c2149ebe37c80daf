"""How sure a match is, and in a sentence for the user why not surer: the likeliest cause that he can mend."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

import numpy as np

from ..geometry import Box
from .agreement import Agreement
from .candidates import LEAD_LIMIT, Candidate

# What is a reason is by judgement; the odds are fitted
CLEAR = 0.8  # confidence from which there is nothing to explain
CLOSE = 0.1  # of score: a smaller lead decides nothing
BORDER = 0.005  # of the box's longer side: nearer to the photo's edge than this, the object probably goes on
MISFIT = 1.5  # ratio of the longer sides of the box and of the model in the photo
OVERLAP = 0.5  # of the model with the object's mask
KIND = "The photo shows none of the models but one of their kind, of which only the direction can be told."
UNLIKE = "A rendering of the model agrees little with the photo: is it the very object?"
UNVERIFIED = "Nearest views are not verified: no rendering of the model was compared with the photo."
# Of `evidence`, and the constant; by benchmark.calibrate
ODDS, ODDS_OF_NOTHING = np.array([-0.74, 4.58, -1.33, -0.43, -0.55, 28.3, -0.66]), 0.28
SHARE_ODDS, VOTE_ODDS = 5.10, -2.90  # by benchmark.category


class Evidence(NamedTuple):
    """What tells more than scores: the box, the photo's size (width, height), the box of the model as the best
    candidate sees it, all px; the overlap, 0..1, of its silhouette with what seems to be the object; and whether that
    seems to be but of the models' kind."""

    box: Box
    size: tuple[int, int]
    shown: Box
    overlap: float
    of_a_kind: bool = False


def why_low(
    candidates: Sequence[Candidate], confidence: float | None, evidence: Evidence, translate: Callable[[str], str] = str
) -> str:
    """One sentence, in the user's language, empty where the confidence, 0..1, is high; None: it is not known."""
    if confidence is None:
        return translate(UNVERIFIED)
    return "" if confidence >= CLEAR else next(_reasons(candidates, evidence, translate))


def _reasons(candidates: Sequence[Candidate], evidence: Evidence, translate: Callable[[str], str]) -> Iterator[str]:
    """The first one counts."""
    if evidence.of_a_kind:
        yield translate(KIND)
    ratio = _side(evidence.box, evidence.size) / max(_side(evidence.shown, evidence.size), 1.0)
    if ratio > MISFIT:
        yield translate("The box is much larger than the model in it: drag it closer, and around the right object.")
    if ratio < 1 / MISFIT:
        yield translate("The box is much smaller than the model: drag it around the whole object.")
    best, *others = candidates
    for number, other in enumerate(others, 2):
        if best.score - other.score < CLOSE and not other.alike:
            who = f"{number}" if other.model == best.model else f"{number}, {other.model},"
            yield translate("Candidate {number} scores nearly as well as the first: compare them.").format(number=who)
    if _cut_off(evidence.box, evidence.size):
        yield translate("The object seems to be cut off by the edge of the photo.")
    if evidence.overlap < OVERLAP:
        yield translate("The model covers only a part of what seems to be the object.")
    if any(other.alike for other in others):
        yield translate("The model looks the same from several sides.")
    yield translate(UNLIKE)


def _side(box: Box, size: tuple[int, int]) -> float:
    """The longer one of what the photo shows of the box."""
    return max(min(box.right, size[0]) - max(box.left, 0), min(box.bottom, size[1]) - max(box.top, 0))


def _cut_off(box: Box, size: tuple[int, int]) -> bool:
    near = BORDER * max(box.width, box.height)
    return min(box.left, box.top) < near or box.right > size[0] - near or box.bottom > size[1] - near


def confidence(candidates: Sequence[Candidate], located: bool = False) -> float:
    """Probability, 0..1, that the first candidate's view is less than 10 degrees off; located: nobody gave the box.

    By logistic regression on what was measured of it and on its lead over the next one that looks different
    (benchmark.calibrate); only for verified candidates.
    """
    best, *others = candidates
    leads = [best.score - other.score for other in others if not other.alike]
    return probability(float(evidence(best.agreement, leads, located) @ ODDS + ODDS_OF_NOTHING))


def evidence(agrees: Agreement, leads: Sequence[float], located: bool) -> np.ndarray:
    """(7,): what confidence depends on: the best candidate, its leads over others that look different, and whether
    nobody gave the box. How alike features are is left out: between pictures it tells nothing."""
    lead = np.clip(min([LEAD_LIMIT, *leads]), 0, LEAD_LIMIT)  # the first one is not ahead where it alone stands
    return np.array([agrees.misfit, agrees.certain, agrees.hidden, agrees.flow, agrees.deviation, lead, located])


def probability(log_odds: float) -> float:
    """0..1: the logistic function, without overflow."""
    return float(1 + np.tanh(log_odds / 2)) / 2


def confidence_of_vote(share: float) -> float:
    """Probability, 0..1, that a direction with this share of the votes is less than 10 degrees off.

    By logistic regression on pictures of chairs that were none of the models (benchmark.category).
    """
    return probability(SHARE_ODDS * share + VOTE_ODDS)
