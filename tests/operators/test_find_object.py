"""The object is looked for in the photo that was shown when the user asked."""

import pytest

bpy = pytest.importorskip("bpy")

from suzanne import add_monkey, photographed  # noqa: E402

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
