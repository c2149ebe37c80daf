"""A library of two models is brought up to date and searched in the panel, and a click takes one of them."""

from __future__ import annotations

import shutil
from pathlib import Path

from blender import Blender, check, check_same
from looks import difference, view_error
from parts import write_chair
from screen import Screen
from window import LONG, Window

OPEN = Path(__file__).resolve().with_name("open_library.py")
NEAREST = 45  # degrees that the nearest of few views may be off
EMPTY = "import bpy; bpy.ops.wm.save_as_mainfile(filepath={path!r})"


def prove_library(blender: Blender, screen: Screen, truth: dict, photo: Path) -> None:
    models, library, file = (blender.folder / name for name in ("models", "library", "empty.blend"))
    models.mkdir()
    shutil.copy(blender.folder / "scene.blend", models / "truck.blend")
    blender.run("-b", "--command", "photo_pose", "library", "--out", library, "--model", models, "--views", 10)
    blender.run("-b", "--factory-startup", "--python-expr", EMPTY.format(path=str(file)))
    write_chair(models / "chair.obj")
    with Window(blender, screen, file, OPEN, library, photo, *truth["box"]) as window:
        before = window.settled()["scene"]
        window.click("photopose.update_library(", 0.7)
        window.until(
            "the new model is in the library", lambda _state: len([*library.glob("records/*.json")]) == 2, LONG
        )
        state = window.until("the update ends", lambda state: not state["modal"], LONG)
        check_same(state["scene"], before, "an update of the library leaves the scene as it was")
        window.click("photopose.search_library(", 0.5)
        state = window.until("the search ends", lambda state: state["answers"] and not state["stage"], LONG)
        check(state["answers"] == ["Truck", "chair"], f"the library's likeliest models are {state['answers']}")
        check_same(state["scene"], before, "a search of the library leaves the scene as it was")
        found = window.picture("library")
        taken = take(window, before)
        off = view_error(taken["matrix"], truth)
        check(off < NEAREST, f"a click on a thumbnail matches the camera with that model, {off:.1f} degrees off")
        check(difference(found, window.picture("taken_from_library"), state["view"]) > 1, "and shows both")
        window.screen.press("ctrl+z")
        window.until("one undo takes the model back", lambda state: state["scene"] == before)
        check(window.settled()["answers"] == state["answers"], "one undo takes the model back, and no thumbnail")


def take(window: Window, before: dict) -> dict:
    """The scene after a click on the first thumbnail."""
    window.click("photopose.take_from_library(", 0.2)
    state = window.until("it is taken", lambda state: state["scene"]["candidates"] and not state["stage"], LONG)
    check(state["scene"]["counts"][0] > before["counts"][0], "a click on a thumbnail appends that model")
    return state["scene"]
