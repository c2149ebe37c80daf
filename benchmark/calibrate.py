"""`python -m benchmark.calibrate RESULTS ...`: fits how candidates are chosen and how sure the choice is.

To results of `benchmark.accuracy` (only the tuning half serves) and of `benchmark.photographs`, JSON lines, on pictures
that nothing is reported on. The weights of inference.verify.agreement are fitted to pairs of a right and a wrong
candidate of one picture, the constants of inference.verify.confidence to the chosen ones. What is told of both is of
objects of a kind that was left out of the fit: each kind in turn.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from benchmark.recipes import SUBJECTS
from benchmark.report import RIGHT, lines
from inference.verify.agreement import WEIGHTS, Agreement
from inference.verify.confidence import evidence, probability

WRONG = 20.0  # degrees of view error, from which an answer is surely not right
SURE = 0.9
STIFFNESS = 5.0  # of the regressions, in standardised units: few answers are wrong
ROUNDS = 50


class Answer(NamedTuple):
    """kind: of the object; views (C,): degrees that the candidates are off; agreements (C,) and scores (C,): theirs;
    alike (C,): whether they look as the first one; located: nobody gave the box; possible: asked with the right model.
    """

    kind: str
    views: np.ndarray
    agreements: list[Agreement]
    scores: np.ndarray
    alike: np.ndarray
    located: bool
    possible: bool

    @property
    def right(self) -> bool:
        return bool(self.views[0] < RIGHT)

    @property
    def evidence(self) -> np.ndarray:
        """(7,)"""
        behind = self.scores[0] - self.scores[1:][~self.alike[1:]]
        return evidence(self.agreements[0], behind.tolist(), self.located)


def answers(path: Path) -> Iterator[Answer]:
    """Of a file's lines, those that serve for fitting."""
    for line in lines(path):
        some = [one for one in line.get("candidates", ()) if one.get("agreement")]
        if not some or line.get("half") == "test" or line.get("variant", "match") != "match":
            continue
        model = some[0].get("model")
        kind = SUBJECTS[model].category if model in SUBJECTS else f"{line['set']} {line['category']}"
        wrong = bool(line.get("wrong_model"))
        yield Answer(
            kind,
            np.array([180.0 if wrong else one["view"] for one in some]),
            [Agreement(*one["agreement"]) for one in some],
            np.array([one["score"] for one in some]),
            np.array([bool(one["alike"]) for one in some]),
            bool(line.get("located")),
            not wrong,
        )


def pairs(known: Sequence[Answer]) -> np.ndarray:
    """(P, 9): by how much the best right candidate's agreement exceeds that of each wrong one, picture by picture."""
    found = []
    for one in known:
        right = np.flatnonzero(one.views < RIGHT)
        if one.possible and len(right):
            best = max(right, key=lambda number: one.agreements[number].score)
            first = one.alike | (np.arange(len(one.views)) == 0)  # what looks as the first one does
            wrong = (one.views > WRONG) & ~(first & first[best])
            found += [_signs(one.agreements[best]) - _signs(one.agreements[number]) for number in np.flatnonzero(wrong)]
    return np.array(found).reshape(-1, len(WEIGHTS))


def _signs(one: Agreement) -> np.ndarray:
    return np.array(one._replace(details=one.certain))


def regression(inputs: np.ndarray, right: np.ndarray, stiffness: np.ndarray) -> np.ndarray:
    """(D,): logistic regression of right (N,) on inputs (N, D)."""
    weights = np.zeros(inputs.shape[1])
    for _ in range(ROUNDS):
        likely = 1 / (1 + np.exp(-np.clip(inputs @ weights, -30, 30)))
        gradient = inputs.T @ (likely - right) + stiffness * weights
        hessian = (inputs * (likely * (1 - likely))[:, None]).T @ inputs + np.diag(stiffness)
        weights -= np.linalg.solve(hessian, gradient)
    return weights


def fitted_weights(known: Sequence[Answer]) -> np.ndarray:
    """(9,): each pair counts in both orders; as large as those in use, so that scores mean what they meant."""
    differences = pairs(known)
    spread = differences.std(0) + 1e-9
    inputs = np.concatenate([differences, -differences]) / spread
    right = np.repeat([1.0, 0.0], len(differences))
    weights = regression(inputs, right, np.full(len(WEIGHTS), STIFFNESS)) / spread
    return weights * np.abs(differences @ WEIGHTS).mean() / np.abs(differences @ weights).mean()


def fitted(inputs: np.ndarray, right: np.ndarray) -> tuple[np.ndarray, float]:
    """Logistic regression of right (N,) on inputs (N, D): weights (D,) and constant."""
    middle, spread = inputs.mean(0), inputs.std(0) + 1e-9
    standard = np.c_[(inputs - middle) / spread, np.ones(len(inputs))]
    odds = regression(standard, right.astype(float), np.r_[np.full(len(middle), STIFFNESS), 1e-6])
    slopes = odds[:-1] / spread
    return slopes, float(odds[-1] - slopes @ middle)


def fitted_odds(known: Sequence[Answer]) -> tuple[np.ndarray, float]:
    """Of the evidence (7,), and of nothing."""
    return fitted(np.array([one.evidence for one in known]), np.array([one.right for one in known]))


def without_its_kind(known: Sequence[Answer]) -> np.ndarray:
    """(N,): confidence of every answer by a fit without answers of its kind."""
    sure = np.zeros(len(known))
    for kind in sorted({one.kind for one in known}):
        odds, nothing = fitted_odds([one for one in known if one.kind != kind])
        for number, one in enumerate(known):
            if one.kind == kind:
                sure[number] = probability(float(one.evidence @ odds + nothing))
    return sure


def chosen_without_its_kind(known: Sequence[Answer]) -> float:
    """Share of answers that are right if weights fitted without their kind choose among all candidates."""
    right = []
    for kind in sorted({one.kind for one in known}):
        weights = fitted_weights([one for one in known if one.kind != kind])
        for one in known:
            if one.kind == kind and one.possible:
                best = max(range(len(one.views)), key=lambda number: _signs(one.agreements[number]) @ weights)
                right.append(one.views[best] < RIGHT)
    return float(np.mean(right))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("results", type=Path, nargs="+")
    known = [one for path in parser.parse_args().results for one in answers(path)]
    possible = [one for one in known if one.possible]
    best = np.mean([one.views.min() < RIGHT for one in possible])
    print(f"{len(known)} answers of {len({one.kind for one in known})} kinds, {len(pairs(known))} pairs of candidates")
    print(f"right: {np.mean([one.right for one in possible]):.1%} as they were chosen,", end=" ")
    print(
        f"{chosen_without_its_kind(known):.1%} by weights fitted without their kind; of the best candidates {best:.1%}"
    )
    sure, right = without_its_kind(known), np.array([one.right for one in known])
    high = sure >= SURE
    print(f"confidence, without their kind: Brier {((sure - right) ** 2).mean():.3f},", end=" ")
    print(f"told {SURE} or more {high.sum()}, of which wrong {(high & ~right).sum()}")
    for kind in sorted({one.kind for one in known}):
        here = np.array([one.kind == kind for one in known])
        print(f"  {kind}: {here.sum()}, right {right[here].mean():.0%}, told {sure[here].mean():.2f}")
    print("WEIGHTS =", Agreement(*(round(value, 3) for value in fitted_weights(known).tolist())))
    odds, nothing = fitted_odds(known)
    print(f"ODDS, ODDS_OF_NOTHING = {odds.round(2).tolist()}, {nothing:.2f}")


if __name__ == "__main__":
    main()
