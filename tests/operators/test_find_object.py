"""The object is looked for in the photo that was shown when the user asked."""

from types import SimpleNamespace

import pytest

bpy = pytest.importorskip("bpy")
pytest.importorskip("torch")

from suzanne import add_monkey, photographed  # noqa: E402

from photo_pose.inference.steps import finish  # noqa: E402
from photo_pose.operators.photo.find_object import NOWHERE, PHOTOPOSE_OT_propose_box  # noqa: E402


def test_settings_that_change_after_the_first_step_do_not_count(scene, tmp_path):
    settings = scene.photo_pose
    settings.photo = str(photographed(add_monkey(), tmp_path / "photo.png"))
    told = []
    asked = SimpleNamespace(x=NOWHERE, y=NOWHERE, report=lambda _kind, text: told.append(text))
    steps = PHOTOPOSE_OT_propose_box.steps(asked, bpy.context)
    next(steps)
    settings.photo = str(tmp_path / "another.png")
    finish(steps)
    assert len(told) == 1 and any(settings.box)
