"""What a photo's EXIF data tell of its focal length, and how far they are to be believed."""

from __future__ import annotations

import math
from numbers import Real

from PIL import Image
from PIL.ExifTags import IFD, Base

from .focal_length import DIAGONAL_35MM, UNPROVEN, Focal

UNIT_MM = {2: 25.4, 3: 10.0, 4: 1.0, 5: 0.001}  # by EXIF FocalPlaneResolutionUnit
SENSORS_MM = 4.0, 60.0  # longer side: from compact cameras' smallest to medium format
USED_MM = 2.5, 75.0  # diagonal of what of a sensor made the picture: from phones' front cameras to medium format
SHAPE = 0.01  # relative tolerance of a picture's shape; cameras leave some rows of a sensor out
SENSOR_SHAPES = 4 / 3, 3 / 2
# Others that cameras and phones cut out of a sensor themselves: whether they count that in the 35 mm equivalent differs
CAMERA_SHAPES = 1, 5 / 4, 16 / 9, 17 / 9, 2, 18.5 / 9, 19 / 9, 19.5 / 9, 20 / 9, 21 / 9, 65 / 24
# Deviations of log focal length: lenses are named by round numbers and breathe; a 35 mm equivalent is in whole mm
# (uniform within one); the camera used a part of the sensor.
NAMED, ROUNDED, IN_PART = 0.02, 1 / math.sqrt(12), 0.035
AGREE = 0.1  # difference of two focal lengths' logs: makers compare widths or diagonals, 4 % apart
# Probabilities that the data do not tell this picture's focal length, by judgement: where it is small only clear
# evidence overrules them. Nothing says how large the picture was; it was resized, unless cropped to the same shape; the
# camera cropped it; somebody did; digital zoom, which cameras count or do not; the two ways differ; the one that
# is often wrong stands alone.
UNRECORDED, RESIZED, CUT_BY_CAMERA, CUT, ZOOMED, CONTRADICTED, SENSOR_ALONE = 0.05, 0.1, 0.1, 0.5, 0.4, 0.4, 0.4


def exif_focal(exif: Image.Exif, size: tuple[int, int]) -> Focal | None:
    """Of a photo of size (width, height), turned or not; None when EXIF tells none, or an absurd or another picture's.

    The 35 mm equivalent compares image diagonals (CIPA DCG-001): focal = f35 / 43.27 mm * diagonal in px. It holds
    however the photo was resized, but no more where it was cropped. Without it: millimetres times the sensor's pixels
    per millimetre, of the picture as it was taken; some cameras write these wrongly, and few editors update them.
    """
    tags = exif.get_ifd(IFD.Exif)
    recorded = _number(tags, Base.ExifImageWidth), _number(tags, Base.ExifImageHeight)
    known = recorded[0] > 0 and recorded[1] > 0
    if known and not _alike(_shape(recorded), _shape(size), SHAPE + 1 / min(size)):
        return None
    taken = max(recorded if known else size)
    f35 = _number(tags, Base.FocalLengthIn35mmFilm)
    from_35mm = _plausible(f35 / DIAGONAL_35MM * math.hypot(*size), size)
    from_sensor = _plausible(_number(tags, Base.FocalLength) * _density(tags, taken) / taken * max(size), size)
    told = from_35mm or from_sensor
    if told is None:
        return None
    zoom = max(1.0, _number(tags, Base.DigitalZoomRatio))  # NaN is no larger
    zoom_counts = bool(from_35mm and from_sensor) and _alike(from_35mm, from_sensor * zoom, AGREE)
    used = _number(tags, Base.FocalLength) / f35 * DIAGONAL_35MM if from_35mm else math.nan
    contradicted = not (zoom_counts or _alike(from_sensor or told, told, AGREE)) or not _is_sensor(used, zoom)
    shape_deviation, shape_doubt = _by_shape(_shape(size))
    doubts = [
        shape_doubt,
        0.0 if known else UNRECORDED,
        0.0 if _alike(taken, max(size), SHAPE) else RESIZED,
        ZOOMED if zoom > 1 + SHAPE and not zoom_counts else 0.0,
        0.0 if from_35mm else SENSOR_ALONE,
        CONTRADICTED if contradicted else 0.0,
    ]
    rounded = ROUNDED / f35 if from_35mm else 0.0
    doubt = round(1 - math.prod(1 - one for one in doubts), 9)  # one that stands alone stays what it is
    return Focal(told, math.hypot(NAMED, rounded, shape_deviation), doubt)


def _by_shape(shape: float) -> tuple[float, float]:
    """Deviation and doubt that the shape of a picture brings, longer by shorter side."""
    if any(_alike(shape, usual, SHAPE) for usual in SENSOR_SHAPES):
        return 0.0, UNPROVEN
    return IN_PART, CUT_BY_CAMERA if any(_alike(shape, usual, SHAPE) for usual in CAMERA_SHAPES) else CUT


def _density(tags: dict, side: float) -> float:
    """Pixels of the picture as it was taken, side px long, on a millimetre of the sensor; NaN where that is absurd."""
    across, down = _number(tags, Base.FocalPlaneXResolution), _number(tags, Base.FocalPlaneYResolution)
    density = across / UNIT_MM.get(tags.get(Base.FocalPlaneResolutionUnit), 25.4)
    square = not down > 0 or (across > 0 and _alike(across, down, AGREE))
    return density if square and density > 0 and SENSORS_MM[0] < side / density < SENSORS_MM[1] else math.nan


def _is_sensor(diagonal: float, zoom: float) -> bool:
    """Whether there are sensors of so many mm, or would be without digital zoom; so it is where nobody tells."""
    return not diagonal > 0 or any(USED_MM[0] < diagonal * counted < USED_MM[1] for counted in (1.0, zoom))


def _plausible(focal: float, size: tuple[int, int]) -> float | None:
    return focal if 0.2 <= focal / max(size) <= 30 else None


def _shape(size: tuple[float, float]) -> float:
    """Longer by shorter side: nobody knows whether recorded sizes were turned with the picture."""
    return max(size) / min(size)


def _alike(one: float, other: float, tolerance: float) -> bool:
    return abs(math.log(one / other)) < tolerance


def _number(tags: dict, tag: Base) -> float:
    value = tags.get(tag)
    return float(value) if isinstance(value, Real) and math.isfinite(value) else math.nan
