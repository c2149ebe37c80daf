"""What is done with mouse and keys in the view of a matched camera."""

from __future__ import annotations

import numpy as np
from blender import check, check_same
from looks import on_screen, photo_on_screen
from window import Window

CLOSE = 0.02  # of the photo's width: how far what is dragged may be off
HIGH = 0.05  # of the photo's height from its top, where nothing but the wipe's line is taken hold of


def prove_view(window: Window, truth: dict) -> None:
    """Leaves the scene as it was."""
    window.screen.move(*np.reshape(window.state()["view"], (2, 2)).mean(0))
    press_keys(window)
    place = photo_on_screen(still_frame(window), truth["size"])
    drag_wipe(window, place)
    drag_box(window, place, truth["size"])
    nudge(window)
    pin(window, on_screen(truth["box"], place, truth["size"]))


def still_frame(window: Window) -> list[float]:
    """Once the view has followed the camera."""
    seen = [window.settled()["frame"]]
    while len(seen) < 2 or seen[-1] != seen[-2]:
        window.picture("still", np.reshape(window.state()["view"], (2, 2)).mean(0))  # which takes its time
        seen.append(window.settled()["frame"])
    return seen[-1]


def press_keys(window: Window) -> None:
    for key, number in (("alt+Right", 1), ("alt+Left", 0)):
        window.screen.press(key)
        window.until(f"{key} takes candidate {number + 1}", lambda state, number=number: state["taken"] == number)
    for key, view in (("ctrl+alt+e", "EDGES"), ("ctrl+alt+e", "PHOTO"), ("ctrl+alt+v", "WIPE")):
        window.screen.press(key)
        window.until(f"{key} shows {view}", lambda state, view=view: state["compare"] == view)
    check(True, "keys step through candidates and show Edges, and Wipe")


def drag_wipe(window: Window, place: np.ndarray) -> None:
    left, top, right, bottom = place
    start = (left + right) / 2, top + HIGH * (bottom - top)
    window.drag(start, (left + (right - left) / 4, start[1]))
    window.until("the line of Wipe follows the mouse", lambda state: abs(state["wipe"] - 0.25) < CLOSE)
    window.picture("wipe_dragged")
    window.screen.press("ctrl+alt+v")
    window.until("ctrl+alt+v takes it away", lambda state: state["compare"] == "PHOTO")
    check(True, "the line of Wipe is dragged in the view")


def drag_box(window: Window, place: np.ndarray, size: list[int]) -> None:
    """By the left edge, a tenth of its width to the left."""
    before = window.state()["scene"]
    left, top, right, bottom = on_screen(before["box"], place, size)
    start = left, top + 0.25 * (bottom - top)
    window.drag(start, (left - 0.1 * (right - left), start[1]))
    wanted = before["box"][0] - 0.1 * (before["box"][2] - before["box"][0])
    off = CLOSE * size[0]
    state = window.until("the box follows", lambda state: abs(state["scene"]["box"][0] - wanted) < off)
    others = np.subtract(state["scene"]["box"], before["box"])[1:]
    check(np.abs(others).max() < 0.1, "an edge of the box is dragged in the view, and no other")
    window.picture("box_dragged")
    window.screen.press("ctrl+z")
    window.until("one undo takes that back", lambda state: state["scene"] == before)


def nudge(window: Window) -> None:
    before = window.state()["scene"]
    window.click("photopose.nudge(", 0.25)
    window.until("the camera is nudged", lambda state: "PHOTOPOSE_OT_nudge" in state["modal"])
    middle = np.reshape(window.state()["view"], (2, 2)).mean(0)
    window.screen.move(*middle)
    moved, camera = window.settled()["scene"], {name: before[name] for name in ("matrix", "lens")}
    check_same(moved, camera, "the way from the button moves nothing")  # a score is measured, for which meshes are made
    window.drag(middle, middle + [40, 0])
    window.until("dragging moves the camera", lambda state: state["scene"]["matrix"] != before["matrix"])
    window.screen.press("Escape")
    window.until("Esc puts it back", lambda state: not state["modal"] and state["scene"] == before)


def pin(window: Window, box: np.ndarray) -> None:
    """A point of the model, which is in this box on screen, is dragged; its pin is there when it is asked for again."""
    before, point = window.state()["scene"], np.reshape(box, (2, 2)).mean(0)
    window.click("photopose.pin_model(", 0.75)
    window.until("points can be dragged", lambda state: "PHOTOPOSE_OT_pin_model" in state["modal"])
    window.drag(point, point + 15)
    window.screen.press("Return")
    state = window.until("Enter keeps the pin", lambda state: state["scene"]["pins"] == 1)
    check(state["scene"]["matrix"] != before["matrix"], "a point of the model is dragged, and the camera follows")
    window.click("photopose.pin_model(", 0.75)
    window.until("points can be dragged", lambda state: "PHOTOPOSE_OT_pin_model" in state["modal"])
    window.screen.move(*(point + 15))
    window.picture("pinned", point + 60)
    window.screen.move(*(point + 15))
    window.settled()
    window.screen.press("x", "Return")
    window.until("X takes the pin out", lambda state: state["scene"]["pins"] == 0)
    window.screen.press("ctrl+z")
    window.until("one undo brings the pin back", lambda state: state["scene"]["pins"] == 1)
    window.screen.press("ctrl+z")
    window.until("one more puts the camera back", lambda state: state["scene"] == before)
    check(True, "pins stay with the camera until X takes one out, and undo brings it back")
