"""The object is looked for in the photo that was shown when the user asked."""

import numpy as np
import pytest

bpy = pytest.importorskip("bpy")

from PIL import Image  # noqa: E402
from suzanne import add_monkey, box, photographed  # noqa: E402

from photo_pose.inference.steps import finish  # noqa: E402
from photo_pose.operators.photo.find_object import PHOTOPOSE_OT_propose_box  # noqa: E402


def test_settings_that_change_after_the_first_step_do_not_count(scene, tmp_path, monkeypatch):
    settings = scene.photo_pose
    settings.photo = str(photographed(add_monkey(), tmp_path / "photo.png"))

    def execute(self: PHOTOPOSE_OT_propose_box, context: bpy.types.Context) -> set[str]:
        steps = self.steps(context)
        next(steps)
        settings.photo = str(tmp_path / "another.png")
        finish(steps)
        return {"FINISHED"}

    monkeypatch.setattr(PHOTOPOSE_OT_propose_box, "execute", execute)
    assert bpy.ops.photopose.propose_box() == {"FINISHED"} and any(settings.box)


def test_what_is_pointed_at_gets_the_box(scene, tmp_path):
    """Where nothing stands out a sentence says so, and the box stays."""
    monkey, settings = add_monkey(), scene.photo_pose
    settings.photo = str(photographed(monkey, tmp_path / "photo.png"))
    left, top, right, bottom = box(monkey)
    assert bpy.ops.photopose.propose_box(x=(left + right) / 2, y=(top + bottom) / 2) == {"FINISHED"}
    np.testing.assert_allclose(settings.box, (left, top, right, bottom), atol=0.1 * (right - left))
    found = tuple(settings.box)
    Image.new("RGB", (96, 64), (130, 120, 110)).save(tmp_path / "wall.png")
    settings.photo = str(tmp_path / "wall.png")
    with pytest.raises(RuntimeError, match="^Error: Nothing stands out there: drag a box around the object"):
        bpy.ops.photopose.propose_box(x=20, y=30)
    assert tuple(settings.box) == found
