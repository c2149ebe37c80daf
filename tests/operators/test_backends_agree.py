"""Whole matches whose networks PyTorch runs, and numpy: the same answers."""

import json

import numpy as np
import pytest

bpy = pytest.importorskip("bpy")
pytest.importorskip("torch")

from suzanne import add_monkey, box, photographed  # noqa: E402

from photo_pose.batch import main  # noqa: E402
from photo_pose.inference.geometry import angle_between  # noqa: E402


def test_the_first_candidates_are_the_same(scene, views_folder, tmp_path):
    monkey = add_monkey()
    photo = photographed(monkey, tmp_path / "monkey.png")
    given = ["--photo", str(photo), "--box", *(f"{edge:.1f}" for edge in box(monkey)), "--focal", "400"]
    answers = []
    for device in ("cpu", "numpy"):
        out = tmp_path / device
        views = ["--views", "50", "--cache", str(views_folder)]
        assert main(["match", *given, *views, "--device", device, "--out", str(out)]) == 0
        answers.append(json.loads((out / "results.jsonl").read_text()))
    places = [np.array(answer["camera"]["matrix_world"])[:3, 3] - monkey.location for answer in answers]
    assert np.degrees(angle_between(*places)) < 0.1
    assert answers[0]["score"] == pytest.approx(answers[1]["score"], abs=0.01)
