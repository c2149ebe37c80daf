"""A match in a render of another shape, and a render over the photo."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from blender import Blender, check
from looks import ORANGE, color_box, likeness, on_screen, photo_on_screen
from PIL import Image
from screen import Screen
from window import Window

TALL = Path(__file__).resolve().with_name("tall_render.py")
CLOSE = 0.03  # of the box: how far an outline may be off
SIZE = (400, 300)  # px, of the render
ABOVE = 0.25  # of the photo's height from its top, where no truck is and no shadow
RENDER = """
import bpy
current = bpy.context.scene
current.render.engine, current.cycles.samples, current.cycles.use_denoising = "CYCLES", 16, False
current.render.resolution_x, current.render.resolution_y = {size}
current.render.image_settings.file_format, current.render.filepath = "PNG", "{path}"
bpy.ops.photopose.render_over_photo()
bpy.ops.photopose.shadow_catcher()
bpy.ops.render.render(write_still=True)
"""


def prove_shape(blender: Blender, screen: Screen, file: Path, truth: dict) -> None:
    with Window(blender, screen, file, TALL) as window:
        window.until("the render is tall", lambda state: state["scene"]["render"] == [600, 900])
        window.click("photopose.fit_to_render(")
        window.until("the whole photo is shown again", lambda state: state["scene"]["render"] == [600, 900])
        state = window.settled()
        check(not state["adjusted"], "a render of another shape is no adjustment")
        window.click("photopose.compare(view='EDGES')", 0.5)
        window.until("Compare shows EDGES", lambda state: state["compare"] == "EDGES")
        place = photo_on_screen(window.settled()["frame"], truth["size"])
        found = color_box(window.picture("tall_render"), place, ORANGE)
        true = on_screen(truth["box"], place, truth["size"])
        off = np.abs(found - true).max() / (true[2:] - true[:2]).max() if found is not None else np.inf
        check(off < CLOSE, f"the model lies on the photo in a tall render, {off:.1%} of the box off")


def prove_render(blender: Blender, file: Path, photo: Path) -> None:
    path = blender.folder / "over_photo.png"
    blender.run("-b", file, "--python-exit-code", 9, "--python-expr", RENDER.format(size=SIZE, path=path))
    shown, taken = Image.open(path).convert("RGB"), Image.open(photo).convert("RGB").resize(SIZE)
    check(likeness(shown, (0, 0, *SIZE), taken) > 0.8, "the render lies over the photo")
    above = [np.asarray(picture, float)[: round(ABOVE * SIZE[1])] for picture in (shown, taken)]
    check(np.abs(above[0] - above[1]).mean() < 1, "and the photo has its colours")
