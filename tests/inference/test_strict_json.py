"""What is written is JSON, of which NaN and Infinity are no part."""

import json
import math

import numpy as np
import pytest

from photo_pose.inference.errors import PoseError
from photo_pose.inference.formats.bop import View, write_bop
from photo_pose.inference.formats.strict_json import json_text
from photo_pose.inference.geometry import Camera, intrinsics

SIZE = (640, 480)


def test_what_is_not_known_is_null():
    value = {"a": math.nan, "b": [1, -math.inf, {"c": (2.5, np.float64("inf"))}], "d": None, "e": True, "f": "NaN"}
    expected = {"a": None, "b": [1, None, {"c": [2.5, None]}], "d": None, "e": True, "f": "NaN"}
    for indent in (None, 1):
        assert json.loads(json_text(value, indent), parse_constant=pytest.fail) == expected


@pytest.mark.parametrize("where", ["camera", "lens", "model"])
def test_no_pose_that_is_no_number_goes_to_bop(tmp_path, where):
    matrices = {name: np.eye(4) for name in ("camera", "model")} | {"lens": intrinsics(500, SIZE)}
    matrices[where][0, 2] = math.nan
    view = View("a.png", Camera(matrices["lens"], matrices["camera"], SIZE), "Chair", matrices["model"])
    with pytest.raises(PoseError, match=r"a\.png"):
        write_bop(tmp_path, [view], 1000)
    assert not list(tmp_path.iterdir())
