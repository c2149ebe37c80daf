"""Photos of every kind a user may have."""

from __future__ import annotations

import os
import struct
import warnings
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageDraw, ImageFile

from photo_pose.inference.errors import PoseError
from photo_pose.inference.geometry import Box
from photo_pose.inference.matching import photo_focal
from photo_pose.inference.photo import image as photos

SIZE = (48, 32)
ORIENTATION = 0x0112


def quarters(size=SIZE):
    """Four colours, so that every turn and mirroring looks different."""
    picture = Image.new("RGB", size, (200, 40, 40))
    draw = ImageDraw.Draw(picture)
    width, height = size
    draw.rectangle((width // 2, 0, width, height // 2 - 1), fill=(40, 180, 40))
    draw.rectangle((0, height // 2, width // 2 - 1, height), fill=(40, 40, 220))
    draw.rectangle((width // 2, height // 2, width, height), fill=(240, 240, 240))
    return picture


def corner_colours(picture):
    """Colours (4, 3) at the middles of the four quarters, row by row."""
    width, height = picture.size
    places = [(x * width // 4, y * height // 4) for y in (1, 3) for x in (1, 3)]
    return np.array([picture.convert("RGB").getpixel(place) for place in places], int)


def half_transparent(picture):
    """The left half at alpha 0, the rest opaque."""
    alpha = Image.new("L", picture.size, 255)
    alpha.paste(0, (0, 0, picture.width // 2, picture.height))
    picture = picture.copy()
    picture.putalpha(alpha)
    return picture


def save_png16(path, values):
    """values (H, W) grey or (H, W, 3) RGB, uint16; Pillow itself writes no 16-bit RGB."""

    def chunk(kind, data):
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    height, width = values.shape[:2]
    header = struct.pack(">IIBBBBB", width, height, 16, 0 if values.ndim == 2 else 2, 0, 0, 0)
    rows = b"".join(b"\0" + row.astype(">u2").tobytes() for row in values)
    data = chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + data)


SAVED = {
    "rgb.png": (lambda p: p, {}),
    "rgb.jpg": (lambda p: p, {"quality": 95, "subsampling": 0}),
    "progressive.jpg": (lambda p: p, {"quality": 95, "subsampling": 0, "progressive": True}),
    "rgb.bmp": (lambda p: p, {}),
    "rgb.tif": (lambda p: p, {}),
    "deflate.tif": (lambda p: p, {"compression": "tiff_deflate"}),
    "rgb.webp": (lambda p: p, {"lossless": True}),
    "grey.png": (lambda p: p.convert("L"), {}),
    "grey.jpg": (lambda p: p.convert("L"), {"quality": 95}),
    "palette.png": (lambda p: p.quantize(8), {}),
    "palette.gif": (lambda p: p.quantize(8), {}),
    "one_bit.png": (lambda p: p.convert("1", dither=Image.Dither.NONE), {}),
    "cmyk.jpg": (lambda p: p.convert("CMYK"), {"quality": 95, "subsampling": 0}),
    "cmyk.tif": (lambda p: p.convert("CMYK"), {}),
    "opaque_rgba.png": (lambda p: p.convert("RGBA"), {}),
}
SAVED_TRANSPARENT = {
    "rgba.png": (lambda p: p, {}),
    "rgba.webp": (lambda p: p, {"lossless": True}),
    "la.png": (lambda p: p.convert("LA"), {}),
    "palette.png": (lambda p: p.quantize(8), {}),
    "palette.gif": (lambda p: p, {}),
}


@pytest.mark.parametrize("name", SAVED)
def test_kinds_of_photos(tmp_path, name):
    prepare, options = SAVED[name]
    prepare(quarters()).save(tmp_path / name, **options)
    photo = photos.load_photo(tmp_path / name)
    assert (photo.image.mode, photo.image.size, photo.size, photo.alpha) == ("RGB", SIZE, SIZE, None)
    expected = corner_colours(prepare(quarters()))
    np.testing.assert_allclose(corner_colours(photo.image), expected, atol=4)
    assert photo.shown_as_is == (name not in ("palette.gif", "cmyk.jpg", "cmyk.tif"))
    assert photo.exif_focal is None


@pytest.mark.parametrize("name", SAVED_TRANSPARENT)
def test_transparency_is_laid_on_white(tmp_path, name):
    prepare, options = SAVED_TRANSPARENT[name]
    prepare(half_transparent(quarters())).save(tmp_path / name, **options)
    photo = photos.load_photo(str(tmp_path / name))
    grey = prepare(quarters().convert("RGBA")).convert("RGB") if "la" == name[:2] else quarters()
    expected = corner_colours(grey)
    expected[[0, 2]] = 255
    np.testing.assert_allclose(corner_colours(photo.image), expected, atol=2)
    assert (photo.alpha.mode, photo.alpha.size) == ("L", SIZE)
    assert photos.alpha_box(np.asarray(photo.alpha), 128) == Box(24, 0, 48, 32)


def test_half_transparent_pixels_are_mixed_with_white(tmp_path):
    Image.new("RGBA", SIZE, (100, 0, 0, 51)).save(tmp_path / "glass.png")
    assert photos.load_photo(tmp_path / "glass.png").image.getpixel((5, 5)) == (224, 204, 204)


@pytest.mark.parametrize("name", ["deep.png", "deep.tif"])
def test_16_bit_grey_is_scaled_not_cut_off(tmp_path, name):
    values = np.linspace(0, 65535, 48 * 32).reshape(32, 48).astype(np.uint16)
    Image.fromarray(values).save(tmp_path / name)
    photo = photos.load_photo(tmp_path / name)
    np.testing.assert_allclose(np.asarray(photo.image)[..., 1], values / 257, atol=1)
    assert photo.shown_as_is


def test_16_bit_rgb(tmp_path):
    save_png16(tmp_path / "deep.png", np.asarray(quarters()).astype(np.uint16) * 257)
    assert (np.asarray(photos.load_photo(tmp_path / "deep.png").image) == np.asarray(quarters())).all()


@pytest.mark.parametrize(
    ("kind", "white"), [("f4", 1.0), ("f4", 255.0), ("f4", 65535.0), ("f4", 1e6), ("i4", 255), ("i4", 65535)]
)
def test_float_and_32_bit_grey(tmp_path, kind, white):
    values = (np.linspace(0, 1, 48 * 32).reshape(32, 48) * white).astype(kind)
    expected = values * (255 / white)
    if kind == "f4":
        values[0, :3] = np.nan, -5, -np.inf
    Image.fromarray(values).save(tmp_path / "deep.tif")
    photo = photos.load_photo(tmp_path / "deep.tif")
    np.testing.assert_allclose(np.asarray(photo.image)[..., 0], expected, atol=1)
    assert not photo.shown_as_is


@pytest.mark.parametrize("name", ["moving.gif", "moving.webp", "moving.png"])
def test_first_picture_of_an_animation(tmp_path, name):
    options = {"lossless": True} if name.endswith("webp") else {}
    others = [Image.new("RGB", SIZE, colour) for colour in ("yellow", "black")]
    quarters().save(tmp_path / name, save_all=True, append_images=others, duration=100, **options)
    photo = photos.load_photo(tmp_path / name)
    assert abs(corner_colours(photo.image) - corner_colours(quarters())).max() <= 4
    assert not photo.shown_as_is


@pytest.mark.parametrize(("name", "format"), [("pages.tif", "TIFF"), ("phone.jpg", "MPO")])
def test_pages_are_no_animation(tmp_path, name, format):
    other = Image.new("RGB", SIZE, "yellow")
    quarters().save(tmp_path / name, format=format, save_all=True, append_images=[other])
    photo = photos.load_photo(tmp_path / name)
    assert abs(corner_colours(photo.image) - corner_colours(quarters())).max() <= 12
    assert photo.shown_as_is


@pytest.mark.parametrize("suffix", ["jpg", "png", "webp", "tif", "deflate.tif"])
@pytest.mark.parametrize("orientation", range(10))
def test_exif_orientation(tmp_path, suffix, orientation):
    # where the four corners of the stored picture belong, by the definition in the EXIF standard
    order = {2: (1, 0, 3, 2), 3: (3, 2, 1, 0), 4: (2, 3, 0, 1), 5: (0, 2, 1, 3)}
    order |= {6: (2, 0, 3, 1), 7: (3, 1, 2, 0), 8: (1, 3, 0, 2)}
    exif = Image.Exif()
    exif[ORIENTATION] = orientation
    compressed = suffix == "deflate.tif" and 1 <= orientation <= 8  # libtiff itself writes no other
    options = {"compression": "tiff_deflate"} if compressed else {}
    quarters().save(tmp_path / f"turned.{suffix}", exif=exif, **options)
    photo = photos.load_photo(tmp_path / f"turned.{suffix}")
    expected = corner_colours(quarters())[list(order.get(orientation, range(4)))]
    assert abs(corner_colours(photo.image) - expected).max() <= 12
    assert photo.image.size == photo.size == (SIZE[::-1] if orientation in (5, 6, 7, 8) else SIZE)
    assert photo.shown_as_is == (orientation not in order)
    assert not photo.image.getexif()  # a saved copy must not be turned again
    if orientation in (2, 4, 5, 7):
        with pytest.raises(PoseError, match="is mirrored by its EXIF data"):
            photos.quarter_turns(photo.path)
    else:
        assert photos.quarter_turns(photo.path) == {6: 1, 3: 2, 8: 3}.get(orientation, 0)


@pytest.mark.parametrize("name", ["large.jpg", "large.png"])
def test_100_megapixels(tmp_path, name):
    exif = Image.Exif()
    exif[ORIENTATION] = 6
    quarters((12001, 8402)).convert("L").save(tmp_path / name, exif=exif, compress_level=1)
    settings = Image.MAX_IMAGE_PIXELS, ImageFile.LOAD_TRUNCATED_IMAGES
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        photo = photos.load_photo(tmp_path / name)
    assert (Image.MAX_IMAGE_PIXELS, ImageFile.LOAD_TRUNCATED_IMAGES) == settings
    assert (photo.size, photo.image.size) == ((8402, 12001), (2868, 4096))
    expected = corner_colours(quarters().convert("L"))[[2, 0, 3, 1]]
    assert abs(corner_colours(photo.image) - expected).max() <= 4


@pytest.mark.parametrize(
    ("suffix", "mode"), [("jpg", "L"), ("jpg", "CMYK"), ("png", "P"), ("tif", "1"), ("png", "RGBA")]
)
def test_reduced_photos_keep_places_and_average_details(tmp_path, suffix, mode):
    pixels = np.zeros((32, 33001), np.uint8)
    pixels[:, 30000:] = pixels[:, 1:10000:2] = 255  # a black-white edge, and stripes that average to grey
    Image.fromarray(pixels).convert(mode).save(tmp_path / f"long.{suffix}")
    photo = photos.load_photo(tmp_path / f"long.{suffix}")
    assert (photo.size, photo.image.size) == ((33001, 32), (4096, 4))
    row = np.asarray(photo.image)[2, :, 0].astype(float)
    assert (255 - row[3000:]).sum() / 255 + 3000 == pytest.approx(30000 * 4096 / 33001, abs=0.1)
    np.testing.assert_allclose(row[5:1000], 127.5, atol=8)


def test_size_limits(tmp_path):
    header = struct.pack(">IIBBBBB", 30000, 20000, 8, 2, 0, 0, 0)
    Image.new("RGB", SIZE).save(tmp_path / "huge.png")
    data = bytearray((tmp_path / "huge.png").read_bytes())
    data[16:29], data[29:33] = header, struct.pack(">I", zlib.crc32(b"IHDR" + header))
    (tmp_path / "huge.png").write_bytes(data)
    with pytest.raises(PoseError, match=r"'huge.png' has 30000 x 20000 px, more than the 500 megapixels"):
        photos.load_photo(tmp_path / "huge.png")
    for size in ((1, 1), (15, 400), (400, 15)):
        Image.new("RGB", size).save(tmp_path / "small.png")
        with pytest.raises(PoseError, match=rf"'small.png' has {size[0]} x {size[1]} px; it needs 16 a side"):
            photos.load_photo(tmp_path / "small.png")
    Image.new("RGB", (16, 16)).save(tmp_path / "small.png")
    assert photos.load_photo(tmp_path / "small.png").size == (16, 16)


@pytest.mark.parametrize(
    "name", ["rgb.jpg", "progressive.jpg", "rgb.png", "rgb.webp", "rgb.bmp", "rgb.tif", "palette.gif"]
)
def test_photos_that_were_cut_off(tmp_path, name, monkeypatch):
    noise = Image.fromarray(np.random.default_rng(0).integers(0, 255, (64, 96, 3)).astype(np.uint8))
    prepare, options = SAVED[name]
    prepare(noise).save(tmp_path / name, **options)
    data = (tmp_path / name).read_bytes()
    whole = np.asarray(photos.load_photo(tmp_path / name).image)
    monkeypatch.setattr(ImageFile, "LOAD_TRUNCATED_IMAGES", True)  # as another add-on may have left it
    refused = 0
    for length in np.linspace(1, len(data) - 1, 40).astype(int):
        (tmp_path / name).write_bytes(data[:length])
        try:
            photo = photos.load_photo(tmp_path / name)
            assert (np.asarray(photo.image) == whole).all()  # all that is gone is the end mark
        except PoseError as error:
            assert f"'{name}' is damaged" in str(error)
            refused += 1
    assert refused >= 38
    assert ImageFile.LOAD_TRUNCATED_IMAGES


def test_damaged_metadata_does_not_matter(tmp_path):
    exif = Image.Exif()
    exif[ORIENTATION] = 6
    exif.get_ifd(0x8769)[0xA405] = 28
    quarters().save(tmp_path / "photo.jpg", exif=exif, quality=95)
    data = (tmp_path / "photo.jpg").read_bytes()
    at = data.index(b"II*\0") if b"II*\0" in data else data.index(b"MM\0*")
    rng = np.random.default_rng(0)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for _ in range(100):
            damaged = bytearray(data)
            for place in rng.integers(at + 8, at + 50, 5):
                damaged[place] = rng.integers(256)
            (tmp_path / "photo.jpg").write_bytes(damaged)
            assert set(photos.load_photo(tmp_path / "photo.jpg").size) == set(SIZE)


def test_files_that_are_no_photos(tmp_path):
    (tmp_path / "folder.png").mkdir()
    (tmp_path / "empty.png").touch()
    (tmp_path / "text.png").write_text("not a photo at all, but long enough to look like one" * 50)
    sentences = {
        "missing.png": f"Photo '{tmp_path / 'missing.png'}' does not exist",
        "text.png/inside.png": "inside.png' does not exist",
        "x" * 300: "does not exist",
        "null\0.png": "does not exist",
        "folder.png": f"'{tmp_path / 'folder.png'}' is a folder",
        "empty.png": f"'{tmp_path / 'empty.png'}' is an empty file",
        "text.png": "'text.png' is damaged or of an unknown kind",
    }
    for name, sentence in sentences.items():
        with pytest.raises(PoseError, match=sentence) as caught:
            photos.load_photo(tmp_path / name)
        assert str(caught.value).endswith(".") and "\n" not in str(caught.value)


@pytest.mark.skipif(not hasattr(os, "seteuid"), reason="permissions of this kind exist on Unix only")
def test_photo_without_permission(tmp_path):
    quarters().save(tmp_path / "secret.png")
    (tmp_path / "secret.png").chmod(0)
    user = os.geteuid()
    if user == 0:
        os.seteuid(65534)  # nothing is forbidden to root
    try:
        with pytest.raises(PoseError, match=f"'{tmp_path / 'secret.png'}' may not be read: permission denied"):
            photos.load_photo(tmp_path / "secret.png")
    finally:
        os.seteuid(user)


def test_alpha_box():
    alpha = np.zeros((20, 30))
    assert photos.alpha_box(alpha, 0) is None
    alpha[4:9, 7:20], alpha[15, 25] = 0.8, 0.3
    assert photos.alpha_box(alpha, 0.5) == Box(7, 4, 20, 9)
    assert photos.alpha_box(alpha, 0.0) == Box(7, 4, 26, 16)
    assert photos.alpha_box((alpha * 255).astype(np.uint8), 127) == Box(7, 4, 20, 9)


def test_an_error_is_one_line_whatever_the_file_is_called(tmp_path):
    with pytest.raises(PoseError) as error:
        photos.load_photo(tmp_path / "two\nlines\r\x1b[31m.png")
    assert str(error.value) == f"Photo '{tmp_path}/two?lines??[31m.png' does not exist."


def wall(size: tuple[int, int] = (320, 240)) -> np.ndarray:
    """Lit from the side, darker in the corners, with a sensor's noise."""
    y, x = np.mgrid[-1 : 1 : size[1] * 1j, -1 : 1 : size[0] * 1j]
    noise = np.random.default_rng(0).normal(0, 3, (*x.shape, 3))
    return 120 + (30 * x - 25 * (x * x + y * y))[..., None] * [1, 0.9, 0.8] + noise


@pytest.mark.parametrize(
    ("contrast", "box", "nothing"),
    [
        (0, Box(0, 0, 640, 480), True),
        (0, Box(-50, 40, 500, 900), True),
        (8, Box(0, 0, 640, 480), False),  # white on white
        (60, Box(0, 0, 200, 480), True),  # beside it
        (60, Box(304, 200, 340, 230), False),  # nothing but it
        (60, Box(290, 190, 320, 240), False),
    ],
)
def test_a_blank_wall_shows_nothing(contrast, box, nothing):
    values = wall()
    values[100:115, 152:170] += contrast
    picture = photos.Image.fromarray(values.clip(0, 255).astype(np.uint8))
    photo = photos.Photo(picture, (640, 480), None, None, Path("wall.png"), True)
    assert photos.shows_nothing(photo, box) is nothing


@pytest.mark.parametrize("given", [{"focal": 1e-3}, {"focal": 9e8}, {"lens": 1e-300}, {"lens": 50, "sensor": 1e-6}])
def test_a_focal_length_that_no_lens_has_is_refused(given):
    photo = photos.Photo(photos.Image.new("RGB", (640, 480)), (640, 480), None, None, Path("a.png"), True)
    with pytest.raises(PoseError, match=r"^No lens has a focal length of \S+ px in a photo of 640 x 480 px\.$"):
        photo_focal(photo, **given)
    for focal in (200, 640, 64000):
        assert photo_focal(photo, focal) == (focal, 0, 0)
