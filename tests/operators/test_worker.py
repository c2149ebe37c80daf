"""Steps in the interface: work is done in another thread, Blender's part in this one, and stopping never waits."""

import threading
import time
from functools import partial

import numpy as np
import pytest

bpy = pytest.importorskip("bpy")
torch = pytest.importorskip("torch")

from blender_state import differences, snapshot  # noqa: E402
from suzanne import add_monkey, box, photographed  # noqa: E402

from photo_pose.inference import matching
from photo_pose.inference.errors import PoseError  # noqa: E402
from photo_pose.inference.geometry import Box  # noqa: E402
from photo_pose.inference.look import Look  # noqa: E402
from photo_pose.inference.photo.image import load_photo  # noqa: E402
from photo_pose.inference.steps import all_aside, aside, finish, within  # noqa: E402
from photo_pose.inference.views.view_options import ViewOptions  # noqa: E402
from photo_pose.operators.pictures import model_targets  # noqa: E402
from photo_pose.operators.running import long_operator as operator_steps  # noqa: E402
from photo_pose.operators.running import python_packages  # noqa: E402
from photo_pose.operators.running.worker import on_main, responsive  # noqa: E402

SOON = 0.3  # s


def thread() -> threading.Thread:
    return threading.current_thread()


def busy(seconds: float) -> None:
    """Torch at work."""
    numbers, until = torch.rand(1500, 1500), time.monotonic() + seconds
    while time.monotonic() < until:
        numbers @ numbers


def photo_pose_threads() -> list[threading.Thread]:
    return [one for one in threading.enumerate() if one.name.startswith("Photo Pose")]


def gone(threads: list[threading.Thread]) -> bool:
    """Whether they end before long."""
    for one in threads:
        one.join(10)
    return not any(one.is_alive() for one in threads)


def test_work_is_done_aside_and_calls_come_back():
    where = {}

    @all_aside
    def inner():
        where["inner"] = thread()
        yield 0.5
        where["call"] = on_main(thread)
        where["nested"] = yield from aside(thread)
        return "result"

    def steps():
        where["steps"] = thread()
        where["result"] = yield from within(inner(), 0.0, 1.0)

    assert list(responsive(steps()))[-1:] in ([0.5], [])
    assert where["result"] == "result"
    assert where["steps"] is where["call"] is threading.main_thread()
    assert where["inner"] is where["nested"] is not threading.main_thread()
    assert gone([where["inner"]])
    finish(steps())  # as scripts do it
    assert where.pop("result") == "result" and set(where.values()) == {threading.main_thread()}


@pytest.mark.parametrize("far", [False, True])
def test_errors_arrive_where_the_steps_are(far):
    def failing():
        raise PoseError("One clear sentence.")

    def steps():
        with pytest.raises(PoseError, match="One clear sentence."):
            yield from aside(on_main, failing) if far else aside(failing)
        yield from aside(failing)

    with pytest.raises(PoseError, match="One clear sentence."):
        list(responsive(steps()))
    assert gone(photo_pose_threads())


def test_blender_gets_its_turns_while_torch_is_busy():
    turns = []
    for _progress in responsive(aside(busy, 1.0)):
        turns.append(time.monotonic())
    assert max(np.diff(turns)) < SOON / 2


@pytest.mark.parametrize("asking", [False, True])
def test_stopping_waits_for_nothing_and_gives_no_more_answers(asking):
    """Stopped in the midst of work, or when a call was asked for and is not made yet."""
    stopping, done = threading.Event(), []

    def work():
        if asking:
            stopping.wait(10)
        else:
            busy(1.0)
        on_main(done.append, "drawn")
        done.append("too far")

    def steps():
        try:
            yield from aside(work)
        finally:
            done.append("cleared")

    running = responsive(steps())
    next(running)
    threads = photo_pose_threads()
    stopping.set()
    time.sleep(0.1)
    began = time.monotonic()
    running.close()
    assert time.monotonic() - began < SOON
    assert len(threads) == 1 and gone(threads) and done == ["cleared"]


class Long(operator_steps.FileOperator):
    """In place of an operator that Blender would have made."""

    bl_label, filepath = "Long", "named"

    def __init__(self, done: list[str]) -> None:
        self.done = done

    def steps(self, _context):
        yield from aside(self.done.append, "begun")

    def report(self, _kind, sentence):
        self.done.append(sentence)


def test_an_operator_whose_file_browser_is_closed_has_nothing_to_stop(scene):
    done = []
    asking = Long(done)
    asking._asking = True
    asking.cancel(bpy.context)
    assert Long(done).execute(bpy.context) == {"FINISHED"} and done == ["begun"]


@pytest.mark.parametrize("needs", [("PIL",), ("PIL", "missing"), ()])
def test_an_operator_begins_when_it_has_the_packages_it_needs(scene, monkeypatch, needs):
    monkeypatch.setitem(python_packages.PACKAGES, "missing", python_packages.Package("Missing Package", (1, 0)))
    done = []
    one = Long(done)
    one.needs = needs
    one.execute(bpy.context)
    if "missing" in needs:
        assert len(done) == 1 and done[0].startswith("Photo Pose needs Missing Package, which Blender's Python")
    else:
        assert done == ["begun"]


def test_loading_a_file_stops_what_runs(scene):
    done = []

    def steps():
        try:
            yield from aside(busy, 0.5)
            done.append("finished")
        finally:
            done.append("cleared")

    running = responsive(steps())
    next(running)
    operator_steps.until_undo(running)
    bpy.ops.wm.read_homefile(use_factory_startup=True, use_empty=True)
    assert done == ["cleared"] and not list(running)


def matched(monkey: bpy.types.Object, photo_path, folder, drive) -> matching.Match:
    """The monkey in its photo; drive runs the steps."""
    photo, found = load_photo(photo_path), []
    around = Box(*box(monkey))

    def steps():
        targets = yield from within(model_targets.prepare([monkey], ViewOptions(subdivisions=1), folder), 0.0, 0.5)
        with model_targets.target_renderer() as renderer:
            camera = matching.photo_camera(photo, focal=400)
            steps = matching.match(photo, camera, around, targets, renderer, Look(count=2))
            found.append((yield from within(steps, 0.5, 1.0)))

    drive(steps())
    return found[0] if found else None


def test_a_match_is_the_same_and_can_be_stopped_and_done_again(scene, tmp_path):
    monkey = add_monkey()
    photo = photographed(monkey, tmp_path / "monkey.png")
    before, waited = snapshot(), []

    def stopped(at, steps):
        running = responsive(steps)
        for progress in running:
            if progress > at:
                began = time.monotonic()
                running.close()
                waited.append(time.monotonic() - began)

    assert matched(monkey, photo, tmp_path, partial(stopped, 0.1)) is None  # in the midst of the training views
    assert not list(tmp_path.glob("*.npz")) and not differences(before, snapshot())
    expected = matched(monkey, photo, tmp_path, finish)
    assert matched(monkey, photo, tmp_path, partial(stopped, 0.8)) is None
    assert max(waited) < SOON and not differences(before, snapshot())
    found = matched(monkey, photo, tmp_path, lambda steps: list(responsive(steps)))
    assert not differences(before, snapshot())
    for one, other in zip(found.candidates, expected.candidates, strict=True):
        assert one.score == pytest.approx(other.score, abs=1e-4)
        np.testing.assert_allclose(one.camera.camera_to_world, other.camera.camera_to_world, atol=1e-3)
    assert gone(photo_pose_threads())
