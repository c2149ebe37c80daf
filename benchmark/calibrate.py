"""`python -m benchmark.calibrate RESULTS ...`: fits how candidates are chosen and how sure the choice is.

To results of `benchmark.accuracy` (only the tuning half serves) and of `benchmark.photographs`, JSON lines, on pictures
that nothing is reported on. The weights of inference.verify.agreement are fitted to pairs of a right and a wrong
candidate of one picture, the constants of inference.verify.confidence to the chosen ones. What is told of both is of
objects of a kind that was left out of the fit: each kind in turn.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from benchmark.recipes import SUBJECTS
from benchmark.report import lines
from inference.verify.agreement import WEIGHTS, Agreement
from inference.verify.confidence import LEAD_LIMIT, known_of

RIGHT, WRONG = 10.0, 20.0  # degrees of view error: below, above
SURE = 0.9
STIFFNESS = 2.0  # of the regressions, in standardised units: few answers are wrong
ROUNDS = 50


class Answer(NamedTuple):
    """kind: of the object; views (C,): degrees that the candidates are off; signs (C, 9): of their agreement;
    alike (C,): whether they look as the first one; located: nobody gave the box; possible: asked with the right model.
    """

    kind: str
    views: np.ndarray
    signs: np.ndarray
    alike: np.ndarray
    located: bool
    possible: bool


def answers(path: Path) -> Iterator[Answer]:
    """Of a file's lines, those that serve for fitting."""
    for line in lines(path):
        some = [one for one in line.get("candidates", ()) if one.get("agreement")]
        if not some or line.get("half") == "test" or line.get("variant", "match") != "match":
            continue
        model = some[0].get("model")
        kind = SUBJECTS[model].category if model in SUBJECTS else f"{line['set']} {line['category']}"
        wrong = bool(line.get("wrong_model"))
        views = np.array([180.0 if wrong else one["view"] for one in some])
        signs = np.array([Agreement(*one["agreement"]).signs for one in some])
        alike = np.array([bool(one["alike"]) for one in some])
        yield Answer(kind, views, signs, alike, bool(line.get("located")), not wrong)


def pairs(known: Sequence[Answer]) -> np.ndarray:
    """(P, 9): by how much the signs of the best right candidate exceed those of each wrong one, picture by picture."""
    found = []
    for one in known:
        if one.possible and one.views.min() < RIGHT:
            right = one.signs[one.views < RIGHT]
            best = right[(right @ WEIGHTS).argmax()]
            found += [best - other for other in one.signs[(one.views > WRONG) & ~one.alike]]
    return np.array(found).reshape(-1, len(WEIGHTS))


def chosen(one: Answer, weights: np.ndarray) -> int:
    return int((one.signs @ weights).argmax())


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
    used = differences @ np.array(WEIGHTS)
    return weights * np.abs(used).mean() / np.abs(differences @ weights).mean()


def evidence(one: Answer, weights: np.ndarray) -> np.ndarray:
    scores, best = one.signs @ weights, chosen(one, weights)
    behind = [scores[best] - score for number, score in enumerate(scores) if number != best and not one.alike[number]]
    return known_of(one.signs[best], min([LEAD_LIMIT, *behind]), one.located)


def fitted_odds(known: Sequence[Answer], weights: np.ndarray) -> np.ndarray:
    """Of `evidence`, and the constant."""
    inputs = np.array([evidence(one, weights) for one in known])
    right = np.array([one.views[chosen(one, weights)] < RIGHT for one in known], float)
    middle, spread = inputs.mean(0), inputs.std(0) + 1e-9
    inputs = np.c_[(inputs - middle) / spread, np.ones(len(inputs))]
    odds = regression(inputs, right, np.r_[np.full(len(middle), STIFFNESS), 1e-6])
    slopes = odds[:-1] / spread
    return np.r_[slopes, odds[-1] - slopes @ middle]


def probabilities(known: Sequence[Answer], weights: np.ndarray, odds: np.ndarray) -> np.ndarray:
    inputs = np.array([evidence(one, weights) for one in known])
    return 1 / (1 + np.exp(-(inputs @ odds[:-1] + odds[-1])))


def left_out(
    known: Sequence[Answer], fit: Callable[[list[Answer]], tuple[np.ndarray, np.ndarray]]
) -> tuple[np.ndarray, np.ndarray]:
    """Confidence of every answer by a fit without its kind, and whether it is right."""
    sure, right = np.zeros(len(known)), np.zeros(len(known), bool)
    for kind in sorted({one.kind for one in known}):
        weights, odds = fit([one for one in known if one.kind != kind])
        for number, one in enumerate(known):
            if one.kind == kind:
                sure[number] = probabilities([one], weights, odds)[0]
                right[number] = one.views[chosen(one, weights)] < RIGHT
    return sure, right


def told(name: str, known: Sequence[Answer], sure: np.ndarray, right: np.ndarray) -> None:
    """Prints what the choice and the confidence are worth, altogether and by kind."""
    possible = np.array([one.possible for one in known])
    best = np.array([one.views.min() < RIGHT for one in known])
    high = sure >= SURE
    print(f"{name}: right {right[possible].mean():.1%}, best candidate {best[possible].mean():.1%};", end=" ")
    print(f"Brier {((sure - right) ** 2).mean():.3f}; told {SURE} or more {high.sum()}, wrong {(high & ~right).sum()}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("results", type=Path, nargs="+")
    known = [one for path in parser.parse_args().results for one in answers(path)]
    used = np.array(WEIGHTS)
    print(f"{len(known)} answers of {len({one.kind for one in known})} kinds, {len(pairs(known))} pairs")
    told("weights in use", known, *left_out(known, lambda some: (used, fitted_odds(some, used))))

    def both(some: list[Answer]) -> tuple[np.ndarray, np.ndarray]:
        weights = fitted_weights(some)
        return weights, fitted_odds(some, weights)

    sure, right = left_out(known, both)
    told("weights fitted", known, sure, right)
    for kind in sorted({one.kind for one in known}):
        here = np.array([one.kind == kind for one in known])
        print(f"  {kind}: {here.sum()}, right {right[here].mean():.0%}, told {sure[here].mean():.2f}")
    weights, odds = both(known)
    print("WEIGHTS =", Agreement(*(round(value, 3) for value in weights.tolist())))
    print("ODDS =", [round(value, 2) for value in odds.tolist()])
    print("ODDS with the weights in use =", [round(value, 2) for value in fitted_odds(known, used).tolist()])


if __name__ == "__main__":
    main()
