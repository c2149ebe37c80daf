"""What `make test-blender` judges by, on pictures made for it, and what it says where it cannot run."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

Image = pytest.importorskip("PIL.Image")
FOLDER = Path(__file__).resolve().parents[1] / "real_blender"
sys.path.append(str(FOLDER))

from looks import ORANGE, color_box, difference, least_text, likeness, photo_on_screen, view_error  # noqa: E402


def test_missing_programs_are_told_in_one_sentence() -> None:
    command = [sys.executable, FOLDER / "prove.py", "--blender", "no-such-blender"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert done.stderr.startswith("FAILED: The proof needs no-such-blender, which is not there; ")
    assert len(done.stderr.splitlines()) == 1


def test_the_outline_is_found_where_it_is() -> None:
    screen = np.full((200, 300, 3), 60, np.uint8)
    assert color_box(Image.fromarray(screen), (20, 10, 280, 190), ORANGE) is None
    screen[50, 100:180] = screen[120, 100:180] = ORANGE
    screen[5, :] = ORANGE  # outside the part that counts
    assert color_box(Image.fromarray(screen), (20, 10, 280, 190), ORANGE).tolist() == [100, 50, 180, 121]


def test_the_photo_is_known_where_it_is_shown() -> None:
    photo = Image.fromarray(np.random.default_rng(1).integers(0, 255, (60, 80), np.uint8)).convert("RGB")
    screen = Image.new("RGB", (300, 200))
    place = photo_on_screen((20, 10, 280, 190), photo.size)
    assert place.tolist() == [30, 10, 270, 190]
    assert difference(screen, screen, place) == 0
    screen.paste(photo.resize((240, 180)), (30, 10))
    assert likeness(screen, place, photo) > 0.99
    assert likeness(screen, place + 20, photo) < 0.5


def test_the_view_is_compared_with_the_true_one() -> None:
    truth = {"place": (2, 0, 1), "center": (0, 0, 1)}
    matrix = np.eye(4)
    matrix[:3, 3] = 0, 7, 1
    assert view_error(matrix.ravel().tolist(), truth) == pytest.approx(90)


@pytest.mark.parametrize(("text", "readable"), [(0, True), (60, True), (130, False)])
def test_text_that_is_hard_to_read_is_noticed(text: int, readable: bool) -> None:
    panel = np.full((100, 200, 3), 179, np.uint8)  # as the light theme's
    panel[10:20, 20:120:3] = panel[60:70, 20:120:3] = text
    assert (least_text(Image.fromarray(panel), 50) > 0.01) == readable
    panel[60:70] = 179
    assert least_text(Image.fromarray(panel), 50) == 0
