"""`python -m benchmark.calibrate --run NAME`: fits the constants of inference.verify.candidates.confidence.

To the tuning half of the rendered benchmark (benchmark.accuracy --half tuning --variants match --run NAME), never to
the test half; and, with --real, to what a developer's set of real photos gave: JSON lines {"view", "candidates"}.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np

from benchmark.accuracy import FOLDER
from benchmark.report import lines
from inference.verify.candidates import LEAD_LIMIT

RIGHT = 10.0  # degrees
STIFFNESS = 0.5  # of the regression, in standardised units: few answers are wrong
ROUNDS = 50


def evidence(candidates: list[dict[str, Any]]) -> tuple[float, float]:
    """Score of the best candidate, and its lead over the next that looks different."""
    best, *others = candidates
    leads = [best["score"] - other["score"] for other in others if not other.get("alike")]
    return best["score"], min([LEAD_LIMIT, *leads])


def fitted(known: np.ndarray, right: np.ndarray) -> tuple[np.ndarray, float]:
    """Logistic regression of right (N,) on known (N, D): weights (D,) and constant."""
    middle, spread = known.mean(0), known.std(0)
    inputs = np.c_[(known - middle) / spread, np.ones(len(known))]
    stiffness = np.diag([STIFFNESS] * known.shape[1] + [1e-6])
    weights = np.zeros(known.shape[1] + 1)
    for _ in range(ROUNDS):
        likely = 1 / (1 + np.exp(-inputs @ weights))
        gradient = inputs.T @ (likely - right) + stiffness @ weights
        hessian = (inputs * (likely * (1 - likely))[:, None]).T @ inputs + stiffness
        weights -= np.linalg.solve(hessian, gradient)
    slopes = weights[:-1] / spread
    return slopes, float(weights[-1] - slopes @ middle)


def answers(run: str, real: Path | None) -> Iterable[tuple[float, list[dict[str, Any]]]]:
    """View error, degrees, and candidates of every answer that serves for fitting."""
    for line in lines(FOLDER / f"{run}.jsonl"):
        if line["variant"] == "match" and line["half"] == "tuning" and "candidates" in line:
            yield line["candidates"][0]["view"], line["candidates"]
    for line in lines(real) if real else ():
        yield line["view"], line["candidates"]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--run", required=True)
    parser.add_argument("--real", type=Path)
    options = parser.parse_args()
    views, candidates = zip(*answers(options.run, options.real), strict=True)
    right = np.array(views) < RIGHT
    (score, lead), constant = fitted(np.array([evidence(some) for some in candidates]), right)
    print(f"{len(right)} answers, {right.mean():.0%} right")
    print(f"SCORE_ODDS, LEAD_ODDS, ODDS = {score:.2f}, {lead:.2f}, {constant:.2f}")


if __name__ == "__main__":
    main()
