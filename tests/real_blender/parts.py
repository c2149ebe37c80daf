"""An object of several parts, imported by Blender and added as one model; several models are asked about first."""

from __future__ import annotations

from pathlib import Path

from blender import Blender, check
from looks import difference
from screen import Screen
from window import Window

IMPORT = Path(__file__).resolve().with_name("import_parts.py")
CHAIR = 4  # parts


def prove_parts(blender: Blender, screen: Screen, file: Path) -> None:
    with Window(blender, screen, file, IMPORT, write_chair(blender.folder / "chair.obj")) as window:
        before = window.until("the parts are imported", lambda state: state["selected"] == CHAIR)
        window.picture("parts")
        window.click("photopose.add_models(", 0.9)
        state = window.until("the parts are added", lambda state: state["scene"]["models"])
        check(state["scene"]["models"] == ["chair"], "what was imported together is added as one model")
        window.picture("parts_added")
        window.screen.press("ctrl+z")
        window.until("one undo takes the model back", lambda state: state["scene"] == before["scene"])
        left, top, right, bottom = before["view"]
        window.screen.move((left + right) / 2, (top + bottom) / 2)
        window.screen.press("a")
        window.until("all is selected", lambda state: state["selected"] > CHAIR)
        plain = window.picture("selected")
        window.click("photopose.add_models(", 0.9)
        window.settled()
        asked = window.picture("several_models")
        check(difference(plain, asked, before["sidebar"]) > 1, "several models are asked about first")
        check(not window.state()["scene"]["models"], "and not added before the answer")
        window.screen.press("Return")
        state = window.until("they are added", lambda state: state["scene"]["models"])
        check(len(state["scene"]["models"]) == CHAIR + 1, "several models are added when that was wanted")


def write_chair(path: Path) -> Path:
    """A seat and a back, and two sides."""
    boxes = {"seat": (0, 0, 0), "back": (0, 1, 0), "left": (-1, 0, 0), "right": (1, 0, 0)}
    lines, corners = [], [(x, y, z) for x in (0, 0.9) for y in (0, 0.9) for z in (0, 0.9)]
    faces = ((1, 2, 4, 3), (5, 7, 8, 6), (1, 5, 6, 2), (3, 4, 8, 7), (1, 3, 7, 5), (2, 6, 8, 4))
    for number, (name, place) in enumerate(boxes.items()):
        lines.append(f"o chair_{name}")
        lines += ["v {} {} {}".format(*(a + b for a, b in zip(place, corner, strict=True))) for corner in corners]
        lines += [f"f {' '.join(str(8 * number + corner) for corner in face)}" for face in faces]
    path.write_text("\n".join(lines) + "\n")
    return path
