"""Boxes, focal lengths and principal points as users type them, checked against the photo."""

from __future__ import annotations

from collections.abc import Iterable
from numbers import Real

from ..errors import PoseError
from ..geometry import Box

SMALLEST_BOX = 8  # px
DEFAULT_LENS, DEFAULT_SENSOR = 50.0, 36.0  # mm, Blender's own defaults


def checked_box(box: Iterable[float], size: tuple[int, int]) -> Box:
    """Box (left, top, right, bottom) px in a photo of size (width, height); it may stick out of the photo.

    PoseError: not four finite numbers, empty, or less than SMALLEST_BOX px of it inside the photo.
    """
    values = tuple(box) if isinstance(box, Iterable) else ()
    if len(values) != 4 or not all(is_finite(value) for value in values):
        raise PoseError("The box must be four numbers: left, top, right and bottom in pixels.")
    left, top, right, bottom = (float(value) for value in values)
    if right <= left or bottom <= top:
        raise PoseError("The box is empty: right must exceed left, and bottom must exceed top.")
    inside = min(right, size[0]) - max(left, 0), min(bottom, size[1]) - max(top, 0)
    if min(inside) <= 0:
        raise PoseError(f"The box lies outside the photo, which has {size[0]} x {size[1]} px.")
    if min(inside) < SMALLEST_BOX:
        raise PoseError(f"The box is too small: {SMALLEST_BOX} px a side inside the photo are needed.")
    return Box(left, top, right, bottom)


def is_finite(value: object) -> bool:
    return isinstance(value, Real) and abs(value) < 1e9  # also keeps out integers too long for a float


def checked_focal(focal: float) -> float:
    """Focal length in px. PoseError unless it is a positive, finite number."""
    if not is_finite(focal) or focal <= 0:
        raise PoseError("The focal length must be a positive number of pixels.")
    return float(focal)


def checked_point(point: Iterable[float]) -> tuple[float, float]:
    """Principal point (x, y) px. PoseError unless it is two finite numbers."""
    values = tuple(point) if isinstance(point, Iterable) else ()
    if len(values) != 2 or not all(is_finite(value) for value in values):
        raise PoseError("The principal point must be two numbers: x and y in pixels.")
    return float(values[0]), float(values[1])


def default_focal(size: tuple[int, int]) -> float:
    """Focal length in px of Blender's default camera: 50 mm, 36 mm of sensor along the longer side."""
    return focal_from_lens(DEFAULT_LENS, DEFAULT_SENSOR, size)


def focal_from_lens(lens_mm: float, sensor_mm: float, size: tuple[int, int]) -> float:
    """Focal length in px; the sensor lies along the longer side of size (Blender's sensor fit AUTO).

    PoseError unless both lengths are positive, finite numbers.
    """
    return _millimetres("focal length", lens_mm) / checked_sensor(sensor_mm) * max(size)


def checked_sensor(sensor_mm: float) -> float:
    """Longer side of a sensor in mm. PoseError unless it is a positive, finite number."""
    return _millimetres("sensor size", sensor_mm)


def _millimetres(name: str, value: float) -> float:
    if not is_finite(value) or value <= 0:
        raise PoseError(f"The {name} must be a positive number of millimetres.")
    return float(value)
