"""Photos: reading any file a user may have, boxes and focal lengths in them, and views warped out of them."""

from __future__ import annotations

import math
import warnings
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import cache
from numbers import Real
from pathlib import Path
from threading import Lock

import numpy as np
from PIL import Image, ImageFile, UnidentifiedImageError
from PIL.ExifTags import Base
from PIL.Image import Resampling, Transform, Transpose

from ..errors import PoseError
from ..geometry import Box, Camera
from .focal_length import Focal, exif_focal
from .masks import cuts_out_object, marked

LARGEST_PHOTO = 500_000_000  # px; Pillow holds 4 bytes for each of them while it reads the file
SMALLEST_SIDE = 16  # px
LONGEST_SIDE = 4096  # px of Photo.image
SMALLEST_BOX = 8  # px
DEFAULT_LENS, DEFAULT_SENSOR = 50.0, 36.0  # mm, Blender's own defaults
OVERSAMPLING = 1.75  # reduced photo pixels per warped pixel: of 1 to 2 the nearest to exact area averages
EDGE_ON = 1e-6  # depth below which a view's ray passes beside or behind the camera that took the photo

TURNS = {  # by EXIF Orientation
    2: Transpose.FLIP_LEFT_RIGHT,
    3: Transpose.ROTATE_180,
    4: Transpose.FLIP_TOP_BOTTOM,
    5: Transpose.TRANSPOSE,
    6: Transpose.ROTATE_270,
    7: Transpose.TRANSVERSE,
    8: Transpose.ROTATE_90,
}
QUARTERS = {1: 0, 6: 1, 3: 2, 8: 3}  # clockwise, by EXIF Orientation; the others mirror
# Kinds of files that Blender opens as a still; of an animation it shows nothing, or treats it as a movie.
SHOWN_BY_BLENDER = {"JPEG", "MPO", "PNG", "WEBP", "TIFF", "BMP", "TGA", "JPEG2000"}
ANIMATED_KINDS = {"PNG", "WEBP"}  # several pictures in a TIFF or MPO are pages: the first is the photo
CHANGED_BY_BLENDER = {"CMYK", "I", "F", "LAB"}


_pillow_lock = Lock()


@dataclass(frozen=True)
class Photo:
    """A photo as people see it: EXIF orientation applied, transparency laid on white.

    image        RGB, the longer side at most LONGEST_SIDE, so perhaps smaller than size
    size         (width, height) px of the whole photo; boxes, focal lengths and cameras are in these pixels
    alpha        mode L, the same pixels as image; None when nothing in the photo is transparent
    exif_focal   None when EXIF tells none of this picture
    shown_as_is  whether Blender shows the file itself like this, so that no turned copy is needed
    """

    image: Image.Image
    size: tuple[int, int]
    alpha: Image.Image | None
    exif_focal: Focal | None
    path: Path
    shown_as_is: bool

    @property
    def mask(self) -> np.ndarray | None:
        """(H, W) bool of image: the object, where the photo is transparent around it; None where it is not."""
        alpha = None if self.alpha is None else np.array(self.alpha)
        return None if alpha is None or not cuts_out_object(alpha) else alpha >= 128


def load_photo(path: str | Path) -> Photo:
    """Photo of a file of any kind, depth and size that Pillow reads; of an animation the first picture.

    PoseError: missing, a folder, empty, no permission, no image, damaged or cut off, smaller than
    SMALLEST_SIDE or larger than LARGEST_PHOTO.
    """
    with _opened(Path(path), "Photo") as file:
        return _read(file, Path(path))


def load_mask(path: str | Path, photo: Photo) -> np.ndarray:
    """(H, W) bool of photo.image: the object in a file that is as large as the photo or was scaled with it.

    PoseError as for photos, and where it has another shape than the photo, or marks nothing or all of it.
    """
    with _opened(Path(path), "Mask") as file:
        return _read_mask(file, Path(path), photo)


def quarter_turns(path: str | Path) -> int:
    """By how many quarters EXIF turns the file's pixels clockwise into the photo.

    PoseError as of `load_photo`, and where they are mirrored.
    """
    with _opened(Path(path), "Photo") as file:
        orientation = file.getexif().get(Base.Orientation)
    orientation = orientation if orientation in TURNS else 1
    if orientation not in QUARTERS:
        name = Path(path).name
        raise PoseError(
            f"Photo '{name}' is mirrored by its EXIF data, which other programs ignore: save it mirrored instead."
        )
    return QUARTERS[orientation]


@contextmanager
def _opened(path: Path, kind: str) -> Iterator[ImageFile.ImageFile]:
    """PoseError, too, for what Pillow raises while the file is read; kind: what errors call it."""
    try:
        _check_file(path, kind)
        with _pillow_for_photos(), Image.open(path) as file:
            _check_size(file.size, path.name, kind)
            yield file
    except PoseError:
        raise
    except PermissionError as error:
        raise PoseError(f"{kind} '{path.name}' may not be read: permission denied.") from error
    except UnidentifiedImageError as error:
        raise PoseError(f"{kind} '{path.name}' is damaged or of an unknown kind; try JPEG or PNG.") from error
    except MemoryError as error:
        raise PoseError(f"{kind} '{path.name}' does not fit into the memory of this computer.") from error
    except Exception as error:  # from damaged files Pillow raises nearly every kind there is
        raise PoseError(f"{kind} '{path.name}' is damaged or incomplete.") from error


def _check_file(path: Path, kind: str) -> None:
    try:
        is_folder, size = path.is_dir(), path.stat().st_size
    except PermissionError:
        raise
    except (OSError, ValueError) as error:
        raise PoseError(f"{kind} '{path.name}' does not exist.") from error
    if is_folder:
        raise PoseError(f"{kind} '{path.name or path}' is a folder.")
    if size == 0:
        raise PoseError(f"{kind} '{path.name}' is an empty file.")


@contextmanager
def _pillow_for_photos() -> Iterator[None]:
    """Pillow without its size limit, its warnings about metadata, its grey where a file was cut off."""
    with _pillow_lock, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        before = Image.MAX_IMAGE_PIXELS, ImageFile.LOAD_TRUNCATED_IMAGES
        Image.MAX_IMAGE_PIXELS, ImageFile.LOAD_TRUNCATED_IMAGES = None, False
        try:
            yield
        finally:
            Image.MAX_IMAGE_PIXELS, ImageFile.LOAD_TRUNCATED_IMAGES = before


def _read(file: ImageFile.ImageFile, path: Path) -> Photo:
    told = exif_focal(file.getexif(), file.size)
    shown_as_is = _shown_as_is(file)
    image, size = _reduced_pixels(file)
    orientation = file.getexif().get(Base.Orientation)  # only now, for Pillow turns a TIFF as it reads it
    if orientation in TURNS:
        image = image.transpose(TURNS[orientation])
        size = size[::-1] if orientation >= 5 else size
    image, alpha = _on_white(image)
    return Photo(image, size, alpha, told, path, shown_as_is)


def _read_mask(file: ImageFile.ImageFile, path: Path, photo: Photo) -> np.ndarray:
    file.load()
    mask = Image.fromarray(marked(file).astype(np.uint8) * 255)
    orientation = file.getexif().get(Base.Orientation)
    mask = mask.transpose(TURNS[orientation]) if orientation in TURNS else mask
    if abs(np.subtract(mask.size, np.multiply(photo.size, max(mask.size) / max(photo.size)))).max() > 1:
        sizes = "{} x {} px, another shape than its photo of {} x {} px".format(*mask.size, *photo.size)
        raise PoseError(f"Mask '{path.name}' has {sizes}.")
    shown = np.asarray(mask.resize(photo.image.size, Resampling.BILINEAR)) >= 128
    if not shown.any():
        raise PoseError(f"Mask '{path.name}' is empty: nothing in it is marked as the object.")
    if shown.all():
        raise PoseError(f"Mask '{path.name}' marks all of the photo as the object.")
    return shown


def _shown_as_is(file: ImageFile.ImageFile) -> bool:
    turned = file.getexif().get(Base.Orientation) in TURNS  # Blender does not look at it
    animated = file.format in ANIMATED_KINDS and file.is_animated
    return file.format in SHOWN_BY_BLENDER and file.mode not in CHANGED_BY_BLENDER and not (turned or animated)


def _check_size(size: tuple[int, int], name: str, kind: str) -> None:
    width, height = size
    if min(size) < SMALLEST_SIDE:
        raise PoseError(f"{kind} '{name}' has {width} x {height} px; it needs {SMALLEST_SIDE} a side.")
    if width * height > LARGEST_PHOTO:
        limit = LARGEST_PHOTO // 10**6
        raise PoseError(f"{kind} '{name}' has {width} x {height} px, more than the {limit} megapixels allowed.")


def _reduced_pixels(file: ImageFile.ImageFile) -> tuple[Image.Image, tuple[int, int]]:
    """Picture (L, RGB or RGBA) of at most LONGEST_SIDE and the full size (width, height), both unturned."""
    size = file.size
    scale = min(1.0, LONGEST_SIDE / max(size))
    target = tuple(max(1, round(side * scale)) for side in size)
    drafted = file.draft(None, target)  # a JPEG is decoded at 1/2, 1/4 or 1/8 of its size
    box = drafted[1] if drafted else (0, 0, *size)
    file.load()
    image = _eight_bit(file)
    return (image.resize(target, Resampling.BICUBIC, box, reducing_gap=2.0) if scale < 1 else image), size


def _eight_bit(image: Image.Image) -> Image.Image:
    """L, RGB or RGBA. Deeper grey is scaled, for Pillow itself cuts it off at 255."""
    if image.mode.startswith("I;16"):
        return Image.fromarray((np.asarray(image) >> 8).astype(np.uint8))
    if image.mode in ("I", "F"):
        return _grey_from_numbers(image)
    mode = "RGBA" if image.has_transparency_data else "L" if image.mode in ("1", "L") else "RGB"
    return image if image.mode == mode else image.convert(mode)  # a needless copy would cost up to 2 GB


def _grey_from_numbers(image: Image.Image) -> Image.Image:
    """L from 32-bit integers or floats. They do not name their white: the usual value that none exceeds."""
    values = np.nan_to_num(np.asarray(image), nan=0.0, posinf=0.0, neginf=0.0).clip(0)
    peak = float(values.max())
    whites = (1, 255, 65535) if image.mode == "F" else (255, 65535)
    white = next((white for white in whites if white >= peak), peak)
    return Image.fromarray((values * (255 / white) + 0.5).astype(np.uint8))


def _on_white(image: Image.Image) -> tuple[Image.Image, Image.Image | None]:
    """A fresh RGB picture, without the file's metadata, and its transparency."""
    alpha = image.getchannel("A") if image.mode == "RGBA" else None
    white = Image.new("RGB", image.size, "white")
    white.paste(image, mask=alpha)
    return white, alpha if alpha and alpha.getextrema()[0] < 255 else None


def checked_box(box: Iterable[float], size: tuple[int, int]) -> Box:
    """Box (left, top, right, bottom) px in a photo of size (width, height); it may stick out of the photo.

    PoseError: not four finite numbers, empty, or less than SMALLEST_BOX px of it inside the photo.
    """
    values = tuple(box) if isinstance(box, Iterable) else ()
    if len(values) != 4 or not all(_is_finite(value) for value in values):
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


def _is_finite(value: object) -> bool:
    return isinstance(value, Real) and abs(value) < 1e9  # also keeps out integers too long for a float


def checked_focal(focal: float) -> float:
    """Focal length in px. PoseError unless it is a positive, finite number."""
    if not _is_finite(focal) or focal <= 0:
        raise PoseError("The focal length must be a positive number of pixels.")
    return float(focal)


def checked_point(point: Iterable[float]) -> tuple[float, float]:
    """Principal point (x, y) px. PoseError unless it is two finite numbers."""
    values = tuple(point) if isinstance(point, Iterable) else ()
    if len(values) != 2 or not all(_is_finite(value) for value in values):
        raise PoseError("The principal point must be two numbers: x and y in pixels.")
    return float(values[0]), float(values[1])


def default_focal(size: tuple[int, int]) -> float:
    """Focal length in px of Blender's default camera: 50 mm, 36 mm of sensor along the longer side."""
    return focal_from_lens(DEFAULT_LENS, DEFAULT_SENSOR, size)


def focal_from_lens(lens_mm: float, sensor_mm: float, size: tuple[int, int]) -> float:
    """Focal length in px; the sensor lies along the longer side of size (Blender's sensor fit AUTO).

    PoseError unless both lengths are positive, finite numbers.
    """
    for name, value in (("focal length", lens_mm), ("sensor size", sensor_mm)):
        if not _is_finite(value) or value <= 0:
            raise PoseError(f"The {name} must be a positive number of millimetres.")
    return float(lens_mm) / float(sensor_mm) * max(size)


def reduced(photo: Photo, factor: float) -> Photo:
    """The photo with fewer pixels in image, by factor a side, and without alpha; size, boxes and cameras stay."""
    if factor <= 1:
        return photo
    smaller = tuple(math.ceil(side / factor) for side in photo.image.size)
    return replace(photo, image=photo.image.resize(smaller, Resampling.BILINEAR, reducing_gap=2.0), alpha=None)


def warp_views(
    photo: Photo, camera: Camera, views: Sequence[Camera], fill: tuple[int, int, int] = (255, 255, 255)
) -> np.ndarray:
    """The photo as cameras that only turn and zoom would have taken it: (N, H, W, 3) uint8, antialiased.

    camera took the photo (its K and size in pixels of photo.size); the views stand at its position and share
    one size (W, H). What lies outside the photo gets the colour fill. Many views of one place cost little
    more than one, for they share a reduced copy of it.
    """
    camera = camera.windowed(Box(0, 0, *photo.size), photo.image.size)
    seen = _seen(camera, views)

    @cache
    def reduced(level: int) -> tuple[Image.Image, Camera]:
        return _reduced_window(photo.image, camera, seen, 2 ** (level / 4))

    return np.stack([_warped(*reduced(_level(camera, view)), view, fill) for view in views])


def _homography(camera: Camera, view: Camera) -> np.ndarray:
    """(3, 3): homogeneous view pixels -> camera pixels times depth, where the view's ray has depth 1."""
    turn = camera.world_to_camera[:3, :3] @ view.camera_to_world[:3, :3]
    return camera.K @ turn @ np.linalg.inv(view.K)


def _corners(size: tuple[int, int]) -> np.ndarray:
    """(3, 4) homogeneous."""
    width, height = size
    return np.array([[0, width, width, 0], [0, 0, height, height], [1, 1, 1, 1.0]])


def _seen(camera: Camera, views: Sequence[Camera]) -> Box:
    """Box around all that the views may show, px of the camera, not clipped to its image."""
    corners = np.concatenate([_homography(camera, view) @ _corners(view.size) for view in views], axis=1)
    if corners[2].min() < EDGE_ON:  # past a right angle a view's corners no longer enclose what it shows
        return Box(0, 0, *camera.size)
    return Box.around((corners[:2] / corners[2]).T)


def _level(camera: Camera, view: Camera) -> int:
    """How far to reduce the camera's image for view, in quarter octaves so that like views share one."""
    matrix = _homography(camera, view)
    depth = matrix[2] @ [view.size[0] / 2, view.size[1] / 2, 1]
    if depth < EDGE_ON:
        return 0
    minification = math.sqrt(abs(np.linalg.det(matrix)) / depth**3)
    return max(0, round(4 * math.log2(minification / OVERSAMPLING)))


def _reduced_window(image: Image.Image, camera: Camera, seen: Box, factor: float) -> tuple[Image.Image, Camera]:
    """The seen part of the camera's image, made smaller by about factor, and the camera that shows it."""
    if factor <= 1:
        return image, camera
    margin, last = 2 * factor, np.array(image.size)  # the margin is what the filters reach
    start = np.clip(np.floor(np.array(seen[:2]) - margin), 0, last - 1)
    stop = np.clip(np.ceil(np.array(seen[2:]) + margin), start + 1, last)
    window = Box(*start.tolist(), *stop.tolist())
    size = math.ceil(window.width / factor), math.ceil(window.height / factor)
    return image.resize(size, Resampling.BILINEAR, window, reducing_gap=1.5), camera.windowed(window, size)


def _warped(image: Image.Image, camera: Camera, view: Camera, fill: tuple[int, int, int]) -> np.ndarray:
    matrix = _homography(camera, view)
    numbers = (matrix / (matrix[2, 2] or 1e-12)).ravel()[:8]  # Pillow takes the ninth to be 1
    warped = image.transform(view.size, Transform.PERSPECTIVE, numbers, Resampling.BILINEAR, fillcolor=fill)
    pixels = np.array(warped)
    if (matrix[2] @ _corners(view.size)).min() < EDGE_ON:  # behind the camera Pillow sees the photo mirrored
        columns, rows = np.arange(view.size[0]) + 0.5, np.arange(view.size[1]) + 0.5
        pixels[matrix[2, 0] * columns + matrix[2, 1] * rows[:, None] + matrix[2, 2] < EDGE_ON] = fill
    return pixels


def alpha_box(alpha: np.ndarray, threshold: float) -> Box | None:
    """Tight box, px, around the pixels of alpha (H, W) above threshold; None when there are none."""
    rows, columns = (alpha > threshold).nonzero()
    if not len(rows):
        return None
    return Box(float(columns.min()), float(rows.min()), float(columns.max() + 1), float(rows.max() + 1))
