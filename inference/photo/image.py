"""Photos: reading any file a user may have, boxes and focal lengths in them, and views warped out of them."""

from __future__ import annotations

import io
import math
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from threading import Lock

import numpy as np
from PIL import Image, ImageFile, UnidentifiedImageError
from PIL.ExifTags import Base
from PIL.Image import Resampling, Transpose

from ..errors import PoseError
from ..geometry import Box
from .exif import exif_focal
from .focal_length import Focal
from .masks import cuts_out_object, marked, surrounds, without_specks

LARGEST_PHOTO = 500_000_000  # px; Pillow holds 4 bytes for each of them while it reads the file
SMALLEST_SIDE = 16  # px
LONGEST_SIDE = 4096  # px of Photo.image
WALL_GLANCE = 32  # px a side of what is looked at to see whether there is anything
AROUND = 0.1  # of the box's longer side, that is looked at, too: of a plain object only its edge shows
FLAT = 2.5  # grey levels of 255, by which it differs from a smooth wall at most

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
    orientation  EXIF's, by which the file's pixels were turned; 1 where they were not
    straight     whether its lens's distortion was taken out
    """

    image: Image.Image
    size: tuple[int, int]
    alpha: Image.Image | None
    exif_focal: Focal | None
    path: Path
    shown_as_is: bool
    orientation: int = 1
    straight: bool = False

    @property
    def mask(self) -> np.ndarray | None:
        """(H, W) bool of image: the object, where the photo is transparent around it; None where it is not."""
        alpha = None if self.alpha is None else np.array(self.alpha)
        return None if alpha is None or not cuts_out_object(alpha) else without_specks(alpha >= 128)


def load_photo(path: str | Path, content: bytes | None = None) -> Photo:
    """Photo of a file of any kind, depth and size that Pillow reads; of an animation the first picture.

    content: what would be in the file, where there is none.

    PoseError: missing, a folder, empty, no permission, no image, damaged or cut off, smaller than
    SMALLEST_SIDE or larger than LARGEST_PHOTO.
    """
    with _opened(Path(path), "Photo", content) as file:
        return _read(file, Path(path))


def load_mask(path: str | Path, photo: Photo) -> np.ndarray:
    """(H, W) bool of photo.image: the object in a file that is as large as the photo or was scaled with it.

    It may lie as the photo does in its file, where its shape tells that: many programs ignore EXIF data.

    PoseError as for photos, and where it has another shape than the photo, or marks nothing, all of it or all around.
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
def _opened(path: Path, kind: str, content: bytes | None = None) -> Iterator[ImageFile.ImageFile]:
    """PoseError, too, for what Pillow raises while the file is read; kind: what errors call it."""
    try:
        if content is None:
            _check_file(path, kind)
        with _pillow_for_photos(), Image.open(path if content is None else io.BytesIO(content)) as file:
            _check_size(file.size, path.name, kind)
            yield file
    except PoseError:
        raise
    except PermissionError as error:
        raise PoseError(f"{kind} '{path}' may not be read: permission denied.") from error
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
        raise PoseError(f"{kind} '{path}' does not exist.") from error
    if is_folder:
        raise PoseError(f"{kind} '{path}' is a folder.")
    if size == 0:
        raise PoseError(f"{kind} '{path}' is an empty file.")


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
    return Photo(image, size, alpha, told, path, shown_as_is, orientation if orientation in TURNS else 1)


def _read_mask(file: ImageFile.ImageFile, path: Path, photo: Photo) -> np.ndarray:
    file.load()
    mask = Image.fromarray(marked(file).astype(np.uint8) * 255)
    orientation = file.getexif().get(Base.Orientation)
    mask = mask.transpose(TURNS[orientation]) if orientation in TURNS else mask
    if not _has_shape_of(photo, mask.size) and photo.orientation >= 5:
        mask = mask.transpose(TURNS[photo.orientation])
    if not _has_shape_of(photo, mask.size):
        sizes = "{} x {} px, another shape than its photo of {} x {} px".format(*mask.size, *photo.size)
        raise PoseError(f"Mask '{path.name}' has {sizes}.")
    shown = np.asarray(mask.resize(photo.image.size, Resampling.BILINEAR)) >= 128
    if not shown.any():
        raise PoseError(f"Mask '{path.name}' is empty: nothing in it is marked as the object.")
    if shown.all():
        raise PoseError(f"Mask '{path.name}' marks all of the photo as the object.")
    if surrounds(shown):
        raise PoseError(f"Mask '{path.name}' marks what is around the object: invert it.")
    return without_specks(shown)


def _has_shape_of(photo: Photo, size: tuple[int, int]) -> bool:
    """Whether a picture of size (width, height) is the photo's, scaled; to a pixel."""
    return abs(np.subtract(size, np.multiply(photo.size, max(size) / max(photo.size)))).max() <= 1


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


def reduced(photo: Photo, factor: float) -> Photo:
    """The photo with fewer pixels in image, by factor a side, and without alpha; size, boxes and cameras stay."""
    if factor <= 1:
        return photo
    smaller = tuple(math.ceil(side / factor) for side in photo.image.size)
    return replace(photo, image=photo.image.resize(smaller, Resampling.BILINEAR, reducing_gap=2.0), alpha=None)


def shows_nothing(photo: Photo, box: Box) -> bool:
    """Whether in and around the box, px, the photo is but one colour, perhaps brighter on one side or in the middle."""
    scale, around = photo.image.size[0] / photo.size[0], AROUND * max(box.width, box.height)
    grown = box.left - around, box.top - around, box.right + around, box.bottom + around
    left, top, right, bottom = (edge * scale for edge in grown)
    inside = max(left, 0), max(top, 0), min(right, photo.image.size[0]), min(bottom, photo.image.size[1])
    values = np.asarray(photo.image.resize((WALL_GLANCE, WALL_GLANCE), Resampling.BOX, inside), float).reshape(-1, 3)
    x, y = (axis.ravel() for axis in np.meshgrid(*[np.linspace(-1, 1, WALL_GLANCE)] * 2))
    smooth = np.stack([np.ones_like(x), x, y, x * x, x * y, y * y], 1)
    return bool(np.abs(values - smooth @ np.linalg.lstsq(smooth, values, rcond=None)[0]).max() < FLAT)


def alpha_box(alpha: np.ndarray, threshold: float) -> Box | None:
    """Tight box, px, around the pixels of alpha (H, W) above threshold; None when there are none."""
    rows, columns = (alpha > threshold).nonzero()
    if not len(rows):
        return None
    return Box(float(columns.min()), float(rows.min()), float(columns.max() + 1), float(rows.max() + 1))
