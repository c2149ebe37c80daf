"""All our panels at once, in Blender's dark and light themes and at twice the size."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from blender import Blender, check
from looks import difference, least_text
from PIL import Image
from screen import Screen
from window import Window

FULL_PANELS = Path(__file__).resolve().parent / "full_panels.py"
LOOKS = (("Blender_Dark", 1), ("Blender_Light", 1), ("Blender_Light", 2))
MOST, CLICKS = 20, 12  # pages, and of the mouse's wheel for one at normal size
BAND, TEXT = 120, 0.004  # px of the panels' height at normal size, and the least share of text in it


def prove_themes(blender: Blender, screen: Screen, file: Path) -> None:
    for theme, scale in LOOKS:
        with Window(blender, screen, file, FULL_PANELS, theme, scale) as window:
            seen = pages(window, f"panels_{theme.lower()}_{scale}", CLICKS // scale)
            least = [least_text(page, BAND * scale) for page in seen]
            look = f"{theme.replace('_', ' ')} at {scale}x"
            check(min(least) > TEXT, f"{len(least)} pages of panels are full of readable text in {look}")


def pages(window: Window, name: str, clicks: int) -> Iterator[Image.Image]:
    """The sidebar from its top to its end; clicks: of the mouse's wheel, less than a page."""
    left, top, right, bottom = place = window.state()["sidebar"]
    last = None
    for number in range(MOST):
        picture = window.picture(f"{name}_{number}")
        if last and difference(picture, last, place) < 0.01:
            return
        yield picture.crop(place)
        last = picture
        window.screen.move((left + right) / 2, (top + bottom) / 2)
        window.screen.scroll(up=False, clicks=clicks)
        window.settled()
