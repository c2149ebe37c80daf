"""What the panel and the status bar tell of long work while it goes on."""

import time
from contextlib import contextmanager

import pytest

bpy = pytest.importorskip("bpy")

from photo_pose.inference.steps import Counted  # noqa: E402
from photo_pose.inference.views.view_options import ViewOptions  # noqa: E402
from photo_pose.operators.pictures.model_targets import prepare  # noqa: E402
from photo_pose.operators.running.long_operator import CALM, StepsOperator  # noqa: E402
from photo_pose.operators.running.time_left import Countdown  # noqa: E402

FEW = ViewOptions(subdivisions=0)


@contextmanager
def operator_of(steps):
    """Of ours, that does these steps."""

    class PHOTOPOSE_OT_told(StepsOperator, bpy.types.Operator):
        bl_idname, bl_label, bl_options, needs = "photopose.told", "Told", set(), ()
        phases = ((0.0, "Training Views"), (0.5, "Matching"))

        def steps(self, _context):
            yield from steps()

    bpy.utils.register_class(PHOTOPOSE_OT_told)
    try:
        yield bpy.ops.photopose.told
    finally:
        bpy.utils.unregister_class(PHOTOPOSE_OT_told)


def test_views_are_counted_and_other_work_is_told_in_percent(scene):
    status, told = bpy.context.window_manager.photo_pose, []

    def steps():
        for progress in (0.1, Counted(0.2, "Views of Chair", 45, 209), 0.75):
            yield progress
            told.append((status.stage, status.detail, round(status.progress, 3)))
            time.sleep(2 * CALM)  # for what comes sooner is not told

    with operator_of(steps) as run:
        assert run() == {"FINISHED"}
    assert told == [
        ("Training Views", "10%", 0.1),
        ("Views of Chair", "45 of 209", 0.2),
        ("Matching", "75%", 0.75),
    ]
    assert status.stage == ""


def test_the_time_left_is_that_of_the_same_views():
    countdown = Countdown()
    assert countdown.left(Counted(0.1, "Views of Chair", 5, 205), 100.0) == ""
    assert countdown.left(Counted(0.2, "Views of Chair", 10, 205), 100.5) == ""  # too soon
    assert countdown.left(Counted(0.3, "Views of Chair", 45, 205), 104.0) == "16 s"  # 160 at 10 a second
    assert countdown.left(Counted(0.5, "Views of Table", 1, 100), 104.1) == ""
    assert countdown.left(Counted(0.6, "Views of Table", 11, 100), 106.1) == "18 s"


def test_every_view_is_told_with_its_model(scene, tmp_path):
    for location in ((0, 0, 0), (0, 0, 3)):
        bpy.ops.mesh.primitive_cube_add(location=location)
    first, second = scene.objects
    second.data.vertices[0].co.x -= 1
    counted = [step for step in prepare([first, second], FEW, tmp_path) if isinstance(step, Counted)]
    views = len(FEW.directions)
    assert [step.what for step in counted] == [
        f"Model {number} of 2: Views of {root.name}" for number, root in ((1, first), (2, second)) for _ in range(views)
    ]
    assert [(step.done, step.count) for step in counted] == 2 * [(done, views) for done in range(1, views + 1)]
    (one, *_others) = [step for step in prepare([first], FEW, tmp_path / "other") if isinstance(step, Counted)]
    assert one.what == f"Views of {first.name}"
