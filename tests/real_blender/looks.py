"""What is seen in pictures of the screen, and how far cameras are off."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from PIL import Image

LINES = (86, 180, 233), (230, 159, 0), (0, 158, 115)  # upright ones, and those of two level directions
ORANGE, BLUE = (242, 153, 26), (51, 179, 255)  # of outlines, and of the training view nearest to the camera
NEAR = 40  # how far a pixel's colour may be from these
READABLE = 4.5  # contrast of text with what is behind it, as WCAG asks for


def view_error(matrix: Sequence[float], truth: dict) -> float:
    """Degrees between the true and the found direction to the camera; matrix: its world matrix, row by row."""
    found, true = (np.subtract(place, truth["center"]) for place in (matrix[3:12:4], truth["place"]))
    return float(np.degrees(np.arccos(found @ true / np.linalg.norm(found) / np.linalg.norm(true))))


def photo_on_screen(frame: Sequence[float], size: Sequence[int]) -> np.ndarray:
    """Left, top, right and bottom of a photo of size, FIT in the camera's frame."""
    left, top, right, bottom = frame
    half = np.array(size) * min((right - left) / size[0], (bottom - top) / size[1]) / 2
    center = np.array([left + right, top + bottom]) / 2
    return np.concatenate([center - half, center + half])


def on_screen(box: list[float], place: np.ndarray, size: list[int]) -> np.ndarray:
    """A box in px of the photo, which lies in this place."""
    scale = (place[2:] - place[:2]) / size
    return np.concatenate([place[:2] + box[:2] * scale, place[:2] + box[2:] * scale])


def color_box(picture: Image.Image, place: Sequence[float], color: Sequence[int]) -> np.ndarray | None:
    """Left, top, right and bottom of what has this colour in this part of the screen."""
    spots = color_spots(picture, place, color)
    return np.concatenate([spots.min(0), spots.max(0) + 1]) if len(spots) >= 30 else None


def color_spots(picture: Image.Image, place: Sequence[float], color: Sequence[int]) -> np.ndarray:
    """(N, 2): x and y of pixels that have this colour in this part of the screen."""
    shown = np.asarray(picture.crop([round(edge) for edge in place]), int)
    rows, columns = np.nonzero((np.abs(shown - color) < NEAR).all(2))
    return np.stack([columns, rows], 1) + np.round(place[:2]).astype(int)


def likeness(picture: Image.Image, place: Sequence[float], photo: Image.Image) -> float:
    """Correlation of this part of the screen with the photo, 1 where it is the photo."""
    shown = picture.crop([round(edge) for edge in place]).convert("L")
    parts = [np.asarray(part, float).ravel() for part in (shown, photo.convert("L").resize(shown.size))]
    return float(np.corrcoef(*parts)[0, 1])


def difference(one: Image.Image, other: Image.Image, place: Sequence[float]) -> float:
    """Mean difference of two pictures in this part of the screen, 0..255."""
    parts = [np.asarray(picture.crop([round(edge) for edge in place]), float) for picture in (one, other)]
    return float(np.abs(parts[0] - parts[1]).mean())


def least_text(picture: Image.Image, height: int) -> float:
    """The share of readable text in that band of so many px from left to right which has least of it."""
    colors = np.asarray(picture, float) / 255
    light = (
        np.where(colors <= 0.04, colors / 12.92, ((colors + 0.055) / 1.055) ** 2.4) @ (0.2126, 0.7152, 0.0722) + 0.05
    )
    bands = (light[top : top + height] for top in range(0, len(light) - height + 1, height))
    ratios = (band / np.median(band) for band in bands)
    return min(float((np.maximum(ratio, 1 / ratio) >= READABLE).mean()) for ratio in ratios)
