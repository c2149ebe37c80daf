"""Uses the extension in a window as a newcomer would, from an empty list of models to a saved match."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
from blender import Blender, check
from drop import drop_and_point, drop_with_models, drop_without_models
from looks import (
    BLUE,
    LINES,
    ORANGE,
    color_box,
    color_spots,
    difference,
    likeness,
    on_screen,
    photo_on_screen,
    view_error,
)
from parts import prove_parts
from PIL import Image
from screen import Screen
from shape import prove_render, prove_shape
from take_model import prove_library
from themes import prove_themes
from view import prove_view
from window import LONG, Window

BROWSE_KEY = "F6"  # which watch.py has set up
PHOTO = Path(__file__).resolve().parent / "photo.jpg"
CLOSE = 0.03  # of the box: how far an outline may be off


def prove_window(blender: Blender, truth: dict) -> dict:
    """Returns what Blender tells at the end."""
    print("In a window", flush=True)
    file = blender.folder / "scene.blend"
    with Screen(blender.folder) as screen:
        with Window(blender, screen, file) as window:
            drop_without_models(window, PHOTO)
            add_model(window)
            drop_with_models(window, PHOTO)
            drop_and_point(window, PHOTO)
            choose_photo(window, truth)
            cancel_match(window)
            matched = match(window, truth)
            take_candidate(window, matched)
            fit(window, truth)
            compare(window, truth)
            lines(window, truth)
            prove_view(window, truth)
            browse(window, truth)
            saved = save(window)
        with Window(blender, screen, file) as window:
            state = reload(window, saved)
        prove_shape(blender, screen, file, truth)
        prove_render(blender, file, PHOTO)
        prove_parts(blender, screen, file)
        prove_library(blender, screen, truth, PHOTO)
        prove_themes(blender, screen, file)
    printed = (blender.folder / "window.log").read_text()
    check("Traceback" not in printed and "Error" not in printed, "Blender prints no error")
    return state


def add_model(window: Window) -> None:
    window.picture("start")
    window.click("photopose.add_models(", 0.9)
    state = window.until("the model is in the list", lambda state: state["scene"]["models"])
    check(state["scene"]["models"] == ["Truck"], "the selected model is added to the list")


def choose_photo(window: Window, truth: dict) -> None:
    """Its path is typed, relative to the .blend file; its box is dragged."""
    shutil.copy(PHOTO, window.folder)
    window.click("photo_pose.photo$")
    window.settled()
    window.screen.type(f"//{PHOTO.name}")
    window.screen.press("Return")
    window.until("the photo is chosen", lambda state: state["photo"] == f"//{PHOTO.name}")
    window.click("photopose.drag_box(", 0.2)
    state = window.until("the photo is shown", lambda state: "PHOTOPOSE_OT_drag_box" in state["modal"])
    left, top, right, bottom = state["view"]
    margin = 0.04 * np.array([right - left, bottom - top])
    place = photo_on_screen(np.array(state["view"]) + [*margin, *-margin], truth["size"])
    picture = window.picture("photo")
    check(likeness(picture, place, Image.open(PHOTO)) > 0.9, "Drag Box shows the photo")
    corners = on_screen(truth["box"], place, truth["size"])
    window.drag(corners[:2], corners[2:])
    state = window.until("the box is dragged", lambda state: any(state["scene"]["box"]))
    check(np.allclose(state["scene"]["box"], truth["box"], atol=3), "the box is where it was dragged")
    window.click("photopose.drag_box(", 0.2)
    window.until("the box is shown", lambda state: state["modal"])
    check(difference(picture, window.picture("box"), place) > 0.2, "Drag Box shows the box that there is")
    window.screen.press("Escape")
    window.until("Esc ends Drag Box", lambda state: not state["modal"])


def cancel_match(window: Window) -> None:
    """Esc in the middle; progress is seen until then."""
    before, idle = window.state()["scene"], window.picture("panel")
    window.click("photopose.match_photo(")
    state = window.until("the match runs", lambda state: state["stage"] and state["progress"] > 0.5, LONG)
    running = window.picture("progress")
    check(difference(idle, running, state["sidebar"]) > 0.2, "the panel shows progress")
    window.screen.press("Escape")
    state = window.until("Esc ends the match", lambda state: not state["modal"], 10)
    check(state["scene"] == before, "Esc leaves the scene as it was")
    check(difference(idle, window.picture("cancelled"), state["view"]) < 1, "after Esc the view is as it was")


def match(window: Window, truth: dict) -> dict:
    """Also undone and redone; returns the matched scene."""
    before = window.state()["scene"]
    window.click("photopose.match_photo(")
    state = window.until("the match ends", lambda state: state["scene"]["candidates"] and not state["stage"], LONG)
    matched = state["scene"]
    off = view_error(matched["matrix"], truth)
    check(off < 10, f"the match finds the view, {off:.1f} degrees off")
    check(state["perspective"] == "CAMERA", "the view looks through the camera")
    check(state["compare"] == "EDGES", "the match ends in Edges")
    check(matched["pictures"] == matched["candidates"] > 0, "every candidate has a picture")
    check(matched["render"] == before["render"], "the render size is kept")
    window.picture("matched")
    view, shown = (np.reshape(window.settled()[name], (2, 2)) for name in ("view", "frame"))
    whole = (shown[0] >= view[0] - 1).all() and (shown[1] <= view[1] + 1).all()
    check(whole and (np.ptp(shown, axis=0) / np.ptp(view, axis=0)).max() > 0.9, "the whole frame is as large as fits")
    window.screen.press("ctrl+z")
    state = window.until("one undo takes the match back", lambda state: state["scene"] == before)
    check(state["compare"] == "PHOTO", "and Edges with it")
    window.screen.press("ctrl+shift+z")
    window.until("redo brings the match back", lambda state: state["scene"] == matched)
    check(True, "one undo takes the match back, and redo brings it again")
    return matched


def take_candidate(window: Window, matched: dict) -> None:
    window.click("photopose.take_candidate(index=1)", 0.58)
    window.until("a click takes another candidate", lambda state: far(state["scene"], matched))
    window.picture("other_candidate")
    window.click("photopose.take_candidate(index=0)", 0.25)
    window.until("a click takes the first again", lambda state: not far(state["scene"], matched))
    check(True, "a click on a candidate takes it")
    window.picture("candidates")


def compare(window: Window, truth: dict) -> None:
    photo, pictures = Image.open(PHOTO), {}
    for view, column in (("EDGES", 0.38), ("DIFFERENCE", 0.17), ("WIPE", 0.62), ("PHOTO", 0.12)):
        window.click(f"photopose.compare(view='{view}')", column)
        state = window.until(f"Compare shows {view}", lambda state, view=view: state["compare"] == view)
        pictures[view] = window.picture(f"compare_{view.lower()}")
    place = photo_on_screen(state["frame"], truth["size"])
    check(likeness(pictures["EDGES"], place, photo) > 0.7, "Edges lie over the photo")
    found, true = color_box(pictures["EDGES"], place, ORANGE), on_screen(truth["box"], place, truth["size"])
    off = np.abs(found - true).max() / (true[2:] - true[:2]).max() if found is not None else np.inf
    check(off < CLOSE, f"the orange outline is where the photo shows the model, {off:.1%} of the box off")
    for view in ("EDGES", "DIFFERENCE", "WIPE"):
        check(difference(pictures[view], pictures["PHOTO"], place) > 3, f"{view.title()} looks unlike the photo alone")


def fit(window: Window, truth: dict) -> None:
    """Of the match and of another candidate, until a click on the first tells that it is of another camera."""
    pictures, off = [], []
    for index, column in ((0, 0.25), (1, 0.58)):
        window.click(f"photopose.take_candidate(index={index})", column)
        window.until("nothing is told of another camera", lambda state: "%" not in state["fit"])
        window.click("photopose.compare(view='FIT')", 0.5)
        state = window.until(f"Fit tells of candidate {index + 1}", lambda state: "%" in state["fit"], LONG)
        off.append(float(state["fit"].partition("%")[0].split()[-1]))
        pictures.append(window.picture("compare_fit"))
    place = photo_on_screen(state["frame"], truth["size"])
    check(off[0] < 1 < off[1], f"Fit tells the match, {off[0]} % off, from another candidate, {off[1]} % off")
    check(difference(*pictures, place) > 3, "and shows it")
    window.click("photopose.take_candidate(index=0)", 0.25)
    state = window.until("nothing is told of another camera", lambda state: "%" not in state["fit"])
    check(state["compare"] == "FIT", "a click on a candidate keeps the way to compare")


def lines(window: Window, truth: dict) -> None:
    """The photo's lines are shown, and a click switches one off; Esc puts it back, Enter keeps it."""
    window.click("photopose.compare(view='LINES')", 0.83)
    state = window.until("Lines are shown", lambda state: state["compare"] == "LINES" and state["fit"], LONG)
    picture, place = window.picture("compare_lines"), photo_on_screen(state["frame"], truth["size"])
    spots = [spot for color in LINES for spot in color_spots(picture, place, color)]
    check(len(spots) > 0, f"{len(spots)} px of the photo have the colours of lines")
    for key, kept in (("Escape", 0), ("Return", 1)):
        window.click("photopose.switch_lines(")
        window.until("lines can be clicked on", lambda state: "PHOTOPOSE_OT_switch_lines" in state["modal"])
        window.screen.click(*spots[len(spots) // 2])
        window.until("a click switches a line off", lambda state: state["scene"]["without_lines"] == 1)
        window.screen.press(key)
        state = window.until("the clicks end", lambda state: not state["modal"])
        check(state["scene"]["without_lines"] == kept, f"{key} {'keeps' if kept else 'puts back'} what was clicked")
    window.screen.press("ctrl+z")
    window.until("undo switches it on again", lambda state: state["scene"]["without_lines"] == 0)
    check(True, "a click on a line switches it off, and one undo on again")


def browse(window: Window, truth: dict) -> None:
    """The mouse over the training view nearest to the camera shows that."""
    window.screen.press(BROWSE_KEY)
    state = window.until("the training views are drawn", lambda state: "PHOTOPOSE_OT_browse_views" in state["modal"])
    drawn = window.picture("training_views")
    nearest = color_box(drawn, photo_on_screen(state["frame"], truth["size"]), BLUE)
    check(nearest is not None, "the training view nearest to the camera is drawn in blue")
    if nearest is not None:

        def shows(picture: Image.Image) -> bool:
            return difference(drawn, picture, state["view"]) > 0.3

        hovered = window.picture_once("gallery", np.reshape(nearest, (2, 2)).mean(0), shows)
        check(shows(hovered), "the mouse over a training view shows it")
    window.screen.press("Escape")
    window.until("Esc ends browsing", lambda state: not state["modal"])


def save(window: Window) -> dict:
    window.screen.press("ctrl+s")
    state = window.until("the file is saved", lambda state: not state["dirty"])
    check(window.quit() == 0, "Blender ends well")
    return state["scene"]


def reload(window: Window, saved: dict) -> dict:
    state = window.settled()
    check(state["scene"] == saved, "the saved file has the match, its candidates with pictures and the camera")
    check(state["perspective"] == "CAMERA", "the saved file still looks through the camera")
    window.picture("reloaded")
    return state


def far(scene: dict, other: dict) -> bool:
    return not np.allclose(scene["matrix"], other["matrix"], atol=1e-3)
