"""The manual's pictures, cut out of what the screen showed."""

from __future__ import annotations

from pathlib import Path

from looks import photo_on_screen
from PIL import Image

WIDEST = 900  # px
MARGIN = 12  # px around a photo


def write_pictures(shown: Path, state: dict, size: list[int], folder: Path) -> None:
    """From the proof's folder; state: where things are on screen, size: of the photo."""
    left, top, right, bottom = state["sidebar"]
    photo = photo_on_screen(state["frame"], size) + [-MARGIN, -MARGIN, MARGIN, MARGIN]
    places = {
        "panel": (left, top, right, bottom - (bottom - top) // 8),
        "box": state["view"],
        "candidates": (0, 0, right, bottom),
        "compare_edges": photo,
        "compare_fit": photo,
        "gallery": state["view"],
    }
    folder.mkdir(parents=True, exist_ok=True)
    Image.open(shown / "over_photo.png").convert("RGB").save(folder / "over_photo.jpg", quality=82)
    for name, place in places.items():
        picture = Image.open(shown / f"{name}.png").crop([round(edge) for edge in place])
        picture.thumbnail((WIDEST, WIDEST))
        picture.save(folder / f"{name}.jpg", quality=82)
