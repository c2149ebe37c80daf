"""Nothing but Blender's own thread calls Blender, whatever an operator has done in the other one."""

import os
import threading
from functools import partial
from types import FrameType, ModuleType
from typing import Any

import pytest

bpy = pytest.importorskip("bpy")

from conftest import REPOSITORY  # noqa: E402
from suzanne import TRUE, add_monkey, box, photographed  # noqa: E402

from photo_pose.inference.steps import aside  # noqa: E402
from photo_pose.inference.views import view_options
from photo_pose.operators.blender import cameras  # noqa: E402
from photo_pose.operators.compare.live_score import LiveScore  # noqa: E402
from photo_pose.operators.pictures import view_cache  # noqa: E402
from photo_pose.operators.running import log
from photo_pose.operators.running.long_operator import StepsOperator  # noqa: E402
from photo_pose.operators.running.python_packages import require_packages  # noqa: E402
from photo_pose.operators.running.worker import responsive  # noqa: E402
from photo_pose.preferences import preferred  # noqa: E402

BLENDER = {"bpy", "_bpy", "bpy_types", "gpu", "blf", "bmesh"}


def of_blender(value: Any) -> bool:
    """Whether it is a module, a function or data of Blender's."""
    if isinstance(value, ModuleType):
        return value.__name__.partition(".")[0] in BLENDER
    if isinstance(value, bpy.types.bpy_struct | bpy.types.bpy_prop_collection):
        return True
    return type(getattr(value, "__self__", None)).__module__.partition(".")[0] in BLENDER | {"bpy.app"}


@pytest.fixture
def trespasses():
    """What threads that begin now have of Blender in hand: names in functions of ours that they call."""
    found, all_calls = set(), []

    def watch(frame: FrameType, event: str, called: Any) -> None:
        name, where = frame.f_globals.get("__name__", ""), frame.f_code.co_qualname
        if not name.startswith(f"{REPOSITORY}.photo_pose"):
            return
        if event == "call":
            all_calls.append(where)
            used = {word: frame.f_globals.get(word) for word in frame.f_code.co_names} | frame.f_locals
            found.update(f"{where}: {word}" for word, value in used.items() if of_blender(value))
        elif event == "c_call" and of_blender(called):
            found.add(f"{where}: {called}")

    threading.setprofile(watch)
    yield found
    threading.setprofile(None)
    assert all_calls  # else nothing was watched


@pytest.fixture
def in_two_threads(monkeypatch):
    """Operators that are executed have their work done aside, as in the interface."""
    shown = StepsOperator._shown
    monkeypatch.setattr(StepsOperator, "_shown", lambda self, context, steps: shown(self, context, responsive(steps)))


@pytest.fixture
def photo(scene, views_folder, monkeypatch):
    monkeypatch.setattr(view_cache, "cache_folder", lambda: views_folder)
    monkey, path = add_monkey(), str(views_folder / "monkey.jpg")
    if not os.path.exists(path):
        photographed(monkey, path)
    scene.photo_pose.photo, scene.photo_pose.box, scene.photo_pose.subdivisions = path, box(monkey), 0
    scene.photo_pose.photos.add().path = path
    return path


def test_a_trespass_is_seen(trespasses):
    list(responsive(aside(preferred)))
    assert any("preferred: bpy" in one for one in trespasses)


def test_packages_and_log(trespasses):
    for call in (require_packages, partial(log.LOG.info, "aside")):
        list(responsive(aside(call)))
    assert trespasses == set()


def test_a_match_and_what_follows(photo, scene, in_two_threads, trespasses):
    look = {"filepath": photo, "box": scene.photo_pose.box, "subdivisions": 0}
    assert bpy.ops.photopose.match_photo(**look) == {"FINISHED"}
    assert bpy.ops.photopose.score_camera() == {"FINISHED"}
    assert bpy.ops.photopose.refine_camera(**look) <= {"FINISHED", "CANCELLED"}
    assert bpy.ops.photopose.match_photos(subdivisions=0, method="VOTE", focal_source="CAMERA") == {"FINISHED"}
    assert trespasses == set()


def test_a_search_for_object_and_model(photo, scene, in_two_threads, trespasses):
    assert bpy.ops.photopose.match_photo(filepath=photo, subdivisions=0) == {"FINISHED"}
    assert bpy.ops.photopose.propose_box() == {"FINISHED"}
    assert bpy.ops.photopose.which_model(filepath=photo, subdivisions=0) == {"FINISHED"}
    assert trespasses == set()


def test_the_live_score(photo, scene, trespasses):
    from photo_pose.inference.photo.image import load_photo

    cameras.write_camera(scene, cameras.camera_for_photo(scene, photo), TRUE)
    score = LiveScore(load_photo(photo), TRUE, None, bpy.context.object, view_options.ViewOptions(subdivisions=0))
    while not score.ready:
        score.follow(TRUE)
    score.close()
    assert trespasses == set()
