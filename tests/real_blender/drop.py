"""A photo's file, dragged out of another program and dropped on the 3D view."""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
from blender import check, check_same
from looks import difference
from window import Window

DRAG = Path(__file__).resolve().with_name("drag.tcl")
HANDLE, TITLE = (30, 420), "Photo"  # in and of the small window that the file is dragged out of
MENU = (110, 40)  # px on both sides of the mouse
STEP = 0.7  # s between the mouse's moves


@contextmanager
def offered(window: Window, photo: Path) -> Iterator[None]:
    """While another program has the photo's file, at HANDLE."""
    source = subprocess.Popen(["wish", DRAG, photo], env=os.environ | {"DISPLAY": window.screen.name})
    try:
        window.screen.wait_for(TITLE)
        yield
    finally:
        source.kill()
        source.wait()


def drop(window: Window, photo: Path, what: str, holds: Callable[[dict], bool]) -> dict:
    """On the middle of the view; the first state of which that holds.

    Blender's timers stand still while a file is over its window: nothing tells when it has seen a move.
    """
    left, top, right, bottom = window.state()["view"]
    start, end = np.array(HANDLE), np.array([(left + right) / 2, (top + bottom) / 2])
    with offered(window, photo):
        window.screen.move(*start)
        window.settled()
        window.screen.hold()
        for part in np.linspace(0.1, 1, 6):
            window.screen.move(*(start + part * (end - start)))
            time.sleep(STEP)
        window.screen.release()
        return window.until(what, holds)


def drop_without_models(window: Window, photo: Path) -> None:
    before = window.state()["scene"]
    state = drop(window, photo, "a photo is dropped", lambda state: state["scene"] != before)
    more = state["scene"]["counts"][0] - before["counts"][0]
    check(more == 1 and not state["stage"], "without models in the list a dropped photo is Blender's, an empty")
    window.screen.press("ctrl+z")
    window.until("one undo takes the empty back", lambda state: state["scene"] == before)


def drop_with_models(window: Window, photo: Path) -> None:
    """Blender asks then what to do with it; the underlined letter of our answer takes that."""
    before = drop_and_answer(window, photo, "m")
    window.until("with models in the list a dropped photo is matched", lambda state: state["stage"])
    window.screen.press("Escape")
    state = window.until("Esc ends that match", lambda state: not state["modal"])
    check_same(state["scene"], before["scene"], "a dropped photo is matched, and Esc leaves the scene as it was")


def drop_and_point(window: Window, photo: Path) -> None:
    before = drop_and_answer(window, photo, "p")
    window.until("the photo is shown", lambda state: "PHOTOPOSE_OT_point_and_match" in state["modal"])
    window.picture("point_and_match")
    window.screen.press("Escape")
    state = window.until("Esc keeps the photo in the panel", lambda state: state["photo"].endswith(photo.name))
    check(not state["modal"] and not state["stage"], "Esc keeps a dropped photo in the panel, and matches nothing")
    window.screen.press("ctrl+z")
    undone = {"photo": "", "scene": before["scene"]}  # the camera's matrix follows a moment later
    window.until("one undo leaves all as it was", lambda state: undone.items() <= state.items())


def drop_and_answer(window: Window, photo: Path, letter: str) -> dict:
    """The state before; letter: the underlined one of an answer."""
    before, picture = window.state(), window.screen.picture()
    middle = np.reshape(before["view"], (2, 2)).mean(0)
    menu = np.concatenate([middle - MENU, middle + MENU])
    drop(window, photo, "Blender asks", lambda _state: difference(picture, window.screen.picture(), menu) > 3)
    window.screen.picture().save(window.folder / "drop.png")
    window.screen.press(letter)
    return before
