"""The sentence that says why a match is doubtful: the cause that is there is named, none where there is no doubt."""

import numpy as np
import pytest

pytest.importorskip("PIL")

from photo_pose.inference.geometry import Box, Camera, intrinsics
from photo_pose.inference.verify.candidates import Candidate
from photo_pose.inference.verify.confidence import UNLIKE, UNVERIFIED, Evidence, why_low

SIZE = (640, 480)
CAMERA = Camera(intrinsics(500, SIZE), np.eye(4), SIZE)
BOX = Box(200, 100, 400, 300)
GOOD = Evidence(BOX, SIZE, BOX, 0.9)


def candidates(*scores, alike=(), models=()):
    return [
        Candidate((models or ["Chair"] * 9)[number], CAMERA, score, alike=number in alike)
        for number, score in enumerate(scores)
    ]


@pytest.mark.parametrize(
    ("found", "evidence", "words"),
    [
        (candidates(0.4, 0.1), GOOD, UNLIKE),
        (candidates(0.4), GOOD, UNLIKE),
        (candidates(0.9, 0.87), GOOD, "Candidate 2 scores nearly as well"),
        (candidates(0.9, 0.88, 0.87, alike={1}), GOOD, "Candidate 3 scores nearly as well"),
        (candidates(0.9, 0.87, models=["Chair", "Stool"]), GOOD, "Candidate 2, Stool, scores"),
        (candidates(0.9, 0.88, 0.2, alike={1}), GOOD, "same from several sides"),
        (candidates(0.4, 0.1), GOOD._replace(shown=Box(250, 150, 350, 250)), "much larger than the model"),
        (candidates(0.4, 0.1), GOOD._replace(shown=Box(100, 0, 500, 400)), "much smaller than the model"),
        (candidates(0.4, 0.1), GOOD._replace(overlap=0.2), "only a part"),
        (candidates(0.4, 0.1), GOOD._replace(overlap=0.2, of_a_kind=True), "one of their kind"),
        # of a model that goes on beyond the photo, only what is in it counts
        (candidates(0.4), Evidence(Box(0, 100, 200, 300), SIZE, Box(-300, 100, 200, 300), 0.9), "cut off by the edge"),
        (candidates(0.4), Evidence(Box(440, 100, 640, 300), SIZE, Box(440, 100, 640, 300), 0.9), "cut off by the edge"),
        (candidates(0.4), Evidence(Box(9, 9, 200, 300), SIZE, Box(9, 9, 200, 300), 0.9), UNLIKE),
    ],
)
def test_the_cause_is_named(found, evidence, words):
    sentence = why_low(found, 0.4, evidence)
    assert words in sentence and sentence.count(".") + sentence.count("?") == 1
    assert why_low(found, 0.9, evidence) == ""


def test_what_was_compared_with_nothing_is_not_doubted_but_unknown():
    assert why_low(candidates(-25.0, -26.0), None, GOOD) == UNVERIFIED
    assert why_low(candidates(-25.0), None, Evidence(Box(0, 0, 640, 480), SIZE, BOX, 0.1)) == UNVERIFIED
