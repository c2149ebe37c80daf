"""The object in masks as programs write them, and in the transparency of photos; which are none."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageDraw, ImageFilter
from test_image import save_png16

from photo_pose.inference.errors import PoseError
from photo_pose.inference.photo.image import Photo, load_mask, load_photo
from photo_pose.inference.photo.masks import cuts_out_object
from photo_pose.inference.photo.overlay_picture import intersection_over_union

SIZE = (200, 150)
PHOTO = Photo(Image.new("RGB", SIZE), SIZE, None, None, Path("photo.png"), True)


def drawn(draw_shape, size=SIZE, turn=0.0) -> np.ndarray:
    """(H, W) uint8, 0 and 255."""
    image = Image.new("L", size)
    draw_shape(ImageDraw.Draw(image))
    return np.asarray(image.rotate(turn)).copy()


OBJECT = drawn(lambda draw: draw.polygon([(30, 20), (120, 40), (100, 130), (60, 90)], fill=255)) > 0
LEFT = OBJECT & (np.arange(SIZE[0]) < 70)  # a part of it that has another label
EDGE = OBJECT & ~(np.asarray(Image.fromarray(OBJECT).filter(ImageFilter.MinFilter(5))) > 0)


def palette(indices: np.ndarray, *colours: tuple[int, int, int]) -> Image.Image:
    image = Image.fromarray(indices.astype(np.uint8), "P")
    image.putpalette(np.array(colours, np.uint8).tobytes())
    return image


def coloured(colour: tuple[int, ...], other: tuple[int, ...]) -> Image.Image:
    values = np.where(OBJECT[..., None], np.where(LEFT[..., None], other, colour), 0)
    return Image.fromarray(values.astype(np.uint8))


def transparent(colour: np.ndarray, alpha: np.ndarray) -> Image.Image:
    image = Image.fromarray(colour.astype(np.uint8)).convert("RGB")
    image.putalpha(Image.fromarray(alpha.astype(np.uint8)))
    return image


def soft() -> Image.Image:
    large = Image.fromarray(OBJECT.astype(np.uint8) * 255).resize((800, 600), Image.Resampling.NEAREST)
    return large.filter(ImageFilter.GaussianBlur(12)).resize(SIZE)


STORED = {  # how what is upright lies in the file
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_90,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_270,
}
NOISE = np.random.default_rng(0).integers(0, 256, (*OBJECT.shape, 3))
WRITTEN = {
    "255.png": lambda: Image.fromarray(OBJECT.astype(np.uint8) * 255),
    "1.png": lambda: Image.fromarray(OBJECT.astype(np.uint8)),
    "bool.png": lambda: Image.fromarray(OBJECT),
    "labels.png": lambda: Image.fromarray((OBJECT.astype(np.uint8) * 7 - LEFT * 4).astype(np.uint8)),
    "void.png": lambda: Image.fromarray(np.where(EDGE, 255, OBJECT).astype(np.uint8)),
    "grey.jpg": lambda: Image.fromarray(OBJECT.astype(np.uint8) * 255),
    "soft.png": soft,
    "soft16.tif": lambda: Image.fromarray(np.asarray(soft()).astype(np.uint16) * 257),
    "1_of_16_bit.png": lambda: Image.fromarray(OBJECT.astype(np.uint16)),
    "65535.png": lambda: Image.fromarray(OBJECT.astype(np.uint16) * 65535),
    "int.tif": lambda: Image.fromarray(OBJECT.astype(np.int32) * 3 - 1),
    "float.tif": lambda: Image.fromarray(np.where(OBJECT, 1, np.nan).astype(np.float32)),
    "voc.png": lambda: palette(OBJECT + 14 * LEFT, (0, 0, 0), (128, 0, 0), *[(9, 9, 9)] * 13, (192, 128, 128)),
    "voc.gif": lambda: palette(OBJECT, (0, 0, 0), (128, 0, 0)),
    "swapped.png": lambda: palette(~OBJECT, (255, 255, 255), (0, 0, 0)),
    "colours_only.png": lambda: palette(OBJECT, (120, 120, 120), (180, 120, 120)),
    "green.png": lambda: coloured((0, 255, 0), (0, 0, 90)),
    "identity.png": lambda: coloured((1, 0, 0), (2, 0, 0)),
    "red.jpg": lambda: coloured((130, 0, 0), (130, 0, 0)),
    "alpha.png": lambda: transparent(np.full_like(OBJECT, 255, np.uint8), OBJECT * 255),
    "black_alpha.png": lambda: transparent(0 * OBJECT, OBJECT * 255),
    "cut_out.png": lambda: transparent(NOISE, OBJECT * 255),
    "overlay.png": lambda: transparent(NOISE, OBJECT * 100),
    "alpha.webp": lambda: transparent(NOISE, OBJECT * 255),
    "grey_alpha.png": lambda: transparent(NOISE, OBJECT * 255).convert("LA"),
    "opaque.png": lambda: transparent(OBJECT * 255, np.full_like(OBJECT, 255, np.uint8)),
    "clear.png": lambda: transparent(OBJECT * 255, 0 * OBJECT),
    "one_clear_pixel.png": lambda: transparent(OBJECT * 255, one_pixel()),
    "hole.png": lambda: transparent(OBJECT * 255, NO_OBJECT["a hole"]()),
}


@pytest.mark.parametrize("name", WRITTEN)
def test_however_a_mask_is_written_the_object_is_where_it_was_marked(tmp_path, name):
    WRITTEN[name]().save(tmp_path / name)
    assert intersection_over_union(load_mask(tmp_path / name, PHOTO), OBJECT) > (0.97 if "jpg" in name else 0.985)


def test_colours_of_16_bits(tmp_path):
    save_png16(tmp_path / "deep.png", np.where(OBJECT[..., None], [0, 65535, 0], 0).astype(np.uint16))
    assert (load_mask(tmp_path / "deep.png", PHOTO) == OBJECT).all()


def test_dust_is_no_part_of_the_object(tmp_path):
    """Nor where transparency marks it; a part as large as a leg is."""
    other = drawn(lambda draw: draw.rectangle((170, 120, 178, 140), fill=255)) > 0
    dusty = (OBJECT | other) ^ (np.add.outer(np.arange(SIZE[1]), 3 * np.arange(SIZE[0])) % 997 == 0)
    Image.fromarray(dusty).save(tmp_path / "mask.png")
    transparent(NOISE, dusty * 255).save(tmp_path / "photo.png")
    near = np.asarray(Image.fromarray(OBJECT | other).filter(ImageFilter.MaxFilter(5)))
    for found in (load_mask(tmp_path / "mask.png", PHOTO), load_photo(tmp_path / "photo.png").mask):
        assert not (found & ~near).any() and intersection_over_union(found, OBJECT | other) > 0.97


@pytest.mark.parametrize("scale", [0.25, 0.33, 3])
def test_a_mask_may_be_scaled_with_the_photo(tmp_path, scale):
    size = [round(scale * side) for side in SIZE]
    Image.fromarray(OBJECT).resize(size).save(tmp_path / "mask.png")
    found = load_mask(tmp_path / "mask.png", PHOTO)
    assert found.shape == OBJECT.shape and intersection_over_union(found, OBJECT) > 0.93


def test_a_mask_is_turned_as_its_exif_data_say(tmp_path):
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.fromarray(OBJECT).transpose(Image.Transpose.ROTATE_90).save(tmp_path / "mask.png", exif=exif)
    assert (load_mask(tmp_path / "mask.png", PHOTO) == OBJECT).all()


@pytest.mark.parametrize("orientation", [5, 6, 7, 8])
def test_a_mask_may_lie_as_the_photo_does_in_its_file(tmp_path, orientation):
    """As a program made it that takes no notice of EXIF data."""
    exif = Image.Exif()
    exif[0x0112] = orientation
    Image.new("RGB", SIZE[::-1]).save(tmp_path / "photo.jpg", exif=exif)
    photo = load_photo(tmp_path / "photo.jpg")
    stored = Image.fromarray(OBJECT).transpose(STORED[orientation])
    for written in (stored, Image.fromarray(OBJECT)):
        written.save(tmp_path / "mask.png")
        assert photo.size == SIZE and (load_mask(tmp_path / "mask.png", photo) == OBJECT).all()


@pytest.mark.parametrize(
    ("mask", "message"),
    [
        (0 * OBJECT.astype(np.uint8), "Mask 'mask.png' is empty: nothing in it is marked as the object."),
        (np.full(OBJECT.shape, 255, np.uint8), "Mask 'mask.png' marks all of the photo as the object."),
        (np.full((*OBJECT.shape, 4), 255, np.uint8), "Mask 'mask.png' marks all of the photo as the object."),
        (OBJECT.T, "Mask 'mask.png' has 150 x 200 px, another shape than its photo of 200 x 150 px."),
        (np.where(OBJECT, 0, 255).astype(np.uint8), "Mask 'mask.png' marks what is around the object: invert it."),
        (OBJECT[:, :-4], "Mask 'mask.png' has 196 x 150 px, another shape than its photo of 200 x 150 px."),
    ],
    ids=["empty", "whole", "white", "turned", "inverted", "cropped"],
)
def test_what_is_no_mask_of_the_photo_is_said_in_one_sentence(tmp_path, mask, message):
    Image.fromarray(mask).save(tmp_path / "mask.png")
    with pytest.raises(PoseError) as error:
        load_mask(tmp_path / "mask.png", PHOTO)
    assert str(error.value) == message


def test_a_missing_or_damaged_mask_is_called_a_mask(tmp_path):
    (tmp_path / "mask.png").write_bytes(b"no picture")
    for name, message in (("none.png", "Mask '.*/none.png' does not"), ("mask.png", "Mask 'mask.png' is damaged")):
        with pytest.raises(PoseError, match=message):
            load_mask(tmp_path / name, PHOTO)


def one_pixel() -> np.ndarray:
    alpha = np.full(OBJECT.shape, 255, np.uint8)
    alpha[0, 0] = 0
    return alpha


def shadowed(radius: int = 8) -> np.ndarray:
    """A window with round corners in a soft shadow."""
    window = drawn(lambda draw: draw.rounded_rectangle((25, 15, 175, 125), radius, fill=255))
    shadow = Image.fromarray(window // 255 * 160).filter(ImageFilter.GaussianBlur(8))
    return np.maximum(window, np.roll(np.asarray(shadow), 4, 0))


NO_OBJECT = {
    "one pixel": one_pixel,
    "round corners": lambda: drawn(lambda draw: draw.rounded_rectangle((0, 0, 199, 149), 12, fill=255)),
    "a shadow": shadowed,
    "an icon": lambda: drawn(lambda draw: draw.rounded_rectangle((40, 15, 159, 134), 26, fill=255)),
    "a round picture": lambda: drawn(lambda draw: draw.ellipse((25, 0, 174, 149), fill=255)),
    "an oval": lambda: drawn(lambda draw: draw.ellipse((0, 0, 199, 149), fill=255)),
    "very round corners": lambda: drawn(lambda draw: draw.rounded_rectangle((0, 0, 199, 149), 65, fill=255)),
    "a round picture's shadow": lambda: shadowed(55),
    "a frame": lambda: drawn(lambda draw: draw.rectangle((1, 1, 198, 148), fill=255)),
    "half": lambda: drawn(lambda draw: draw.rectangle((100, 0, 199, 149), fill=255)),
    "a turned photo": lambda: drawn(lambda draw: draw.rectangle((30, 25, 170, 125), fill=255), turn=-11.5),
    "a hole": lambda: 255 - drawn(lambda draw: draw.ellipse((80, 50, 120, 90), fill=255)),
    "glass": lambda: np.full(OBJECT.shape, 90, np.uint8),
    "nothing": lambda: np.zeros(OBJECT.shape, np.uint8),
}
CUT_OUT = {
    "an object": lambda: OBJECT * np.uint8(255),
    "cropped tightly": lambda: OBJECT[20:131, 30:121] * np.uint8(255),
    "cut off below": lambda: OBJECT[:100] * np.uint8(255),
    "half transparent": lambda: OBJECT * np.uint8(160),
    "with a shadow": lambda: np.maximum(OBJECT * np.uint8(255), shadowed() // 3),
}


@pytest.mark.parametrize("name", [*NO_OBJECT, *CUT_OUT])
def test_transparency_is_a_mask_only_where_it_has_an_object_s_shape(tmp_path, name):
    alpha = (NO_OBJECT | CUT_OUT)[name]()
    assert cuts_out_object(alpha) == (name in CUT_OUT)
    picture = Image.new("RGB", alpha.shape[::-1], (90, 120, 60))
    picture.putalpha(Image.fromarray(alpha))
    picture.save(tmp_path / "photo.png")
    mask = load_photo(tmp_path / "photo.png").mask
    assert (mask is None) if name in NO_OBJECT else (mask == (alpha >= 128)).all()
