"""How candidates are chosen and how sure that is: fitted to made-up results whose rule is known."""

from __future__ import annotations

import json

import numpy as np
import pytest

from benchmark import calibrate
from inference.verify.candidates import LEAD_LIMIT

RANDOM = np.random.default_rng(4)
ODDS, NOTHING = np.array([-2.0, 1.0]), 0.5


def candidate(view: float, fine: float, hidden: float = 0.0, alike: bool = False) -> dict:
    agreement = [0.5, fine, 0.1, 3.0, 0.1, 0.05, hidden, 1.0, 0.5]
    return {"view": view, "score": fine - hidden, "alike": alike, "agreement": agreement}


def line(kind: str, *candidates: dict, **more: object) -> str:
    return json.dumps({"set": "made up", "category": kind, "candidates": candidates, **more})


def test_odds_are_found_again():
    inputs = RANDOM.normal(0, 2, (20000, 2))
    right = RANDOM.uniform(size=20000) < 1 / (1 + np.exp(-(inputs @ ODDS + NOTHING)))
    slopes, constant = calibrate.fitted(inputs, right)
    np.testing.assert_allclose(slopes, ODDS, atol=0.1)
    assert constant == pytest.approx(NOTHING, abs=0.1)


def test_answers_are_read_as_they_are_judged(tmp_path):
    path = tmp_path / "results.jsonl"
    path.write_text(
        "\n".join(
            [
                line("can", candidate(3, 0.6), candidate(170, 0.4)),
                line("can", candidate(3, 0.6), candidate(170, 0.55)),
                line("can", candidate(3, 0.6), wrong_model=True),
                line("box", candidate(40, 0.6), candidate(2, 0.5, alike=True), located=True),
                line("box", candidate(1, 0.6), half="test"),  # nothing is fitted to those
                line("box", candidate(1, 0.6), variant="no flow"),
                json.dumps({"set": "made up", "category": "box", "error": "no"}),
            ]
        )
    )
    first, close, wrong, other = calibrate.answers(path)
    assert [one.right for one in (first, wrong, other)] == [True, False, False]
    assert [one.kind for one in (first, other)] == ["made up can", "made up box"]
    assert (first.evidence[-2], first.evidence[-1]) == (LEAD_LIMIT, 0)
    assert close.evidence[-2] == pytest.approx(0.05)
    assert (other.evidence[-2], other.evidence[-1]) == (LEAD_LIMIT, 1)
    assert not wrong.possible and len(calibrate.pairs([first, wrong, other])) == 1  # what looks alike is no pair


def test_what_tells_right_from_wrong_gets_the_weight(tmp_path):
    """Here hidden parts do, and features nothing; the confidence of a kind is told by the others."""
    path = tmp_path / "results.jsonl"
    rows = []
    for kind in ("can", "box", "tool"):
        for _ in range(40):
            fine, other = RANDOM.uniform(0.3, 0.7, 2)
            good = RANDOM.uniform() < 0.7
            hidden = RANDOM.uniform(0, 0.1) if good else RANDOM.uniform(0.3, 0.5)
            rows.append(line(kind, candidate(2 if good else 90, fine, hidden), candidate(120, other, 0.6)))
    path.write_text("\n".join(rows))
    known = list(calibrate.answers(path))
    weights = calibrate.Agreement(*calibrate.fitted_weights(known))
    assert weights.hidden < 0 and abs(weights.fine) < 0.3 * abs(weights.hidden)
    sure, right = calibrate.without_its_kind(known), np.array([one.right for one in known])
    assert sure[right].mean() > 0.8 > 0.35 > sure[~right].mean()
    assert calibrate.chosen_without_its_kind(known) == pytest.approx(right.mean())
