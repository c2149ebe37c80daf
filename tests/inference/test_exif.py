"""What EXIF data tell of a photo's lens, and how far that is to be believed."""

from __future__ import annotations

import pytest
from PIL import Image
from PIL.TiffImagePlugin import IFDRational

from photo_pose.inference.photo.focal_length import SPREAD, UNPROVEN, Focal, is_guess
from photo_pose.inference.photo.image import load_photo

ORIENTATION = 0x0112
PHONE = {"f35": 26, "mm": IFDRational(43, 10), "width": 4000, "height": 3000}


def with_exif(path, size=(120, 80), orientation=1, **tags) -> Focal | None:
    """What the EXIF data of a photo of that size, as it is stored, tell of its lens."""
    codes = {
        "f35": 0xA405,
        "mm": 0x920A,
        "density": 0xA20E,
        "unit": 0xA210,
        "width": 0xA002,
        "height": 0xA003,
        "zoom": 0xA404,
        "down": 0xA20F,
    }
    exif = Image.Exif()
    exif[ORIENTATION] = orientation
    exif.get_ifd(0x8769).update({codes[name]: value for name, value in tags.items()})
    exif[0x8769] = 0  # Pillow writes it into a TIFF only when its key is there too
    Image.new("L", size).save(path, exif=exif)
    return load_photo(path).exif_focal


@pytest.mark.parametrize("suffix", ["jpg", "png", "tif", "webp"])
@pytest.mark.parametrize("orientation", [1, 6])
def test_exif_35_mm_focal_compares_diagonals(tmp_path, suffix, orientation):
    focal = with_exif(tmp_path / f"photo.{suffix}", (120, 90), orientation, f35=50, mm=IFDRational(5, 1))
    assert focal.focal == pytest.approx(50 / 43.2666 * 150, rel=1e-5)


def test_exif_focal_is_for_the_full_size(tmp_path):
    focal = with_exif(tmp_path / "photo.jpg", (8000, 6000), f35=50)
    assert focal.focal == pytest.approx(50 / 43.2666 * 10000, rel=1e-5)


@pytest.mark.parametrize(
    ("tags", "focal"),
    [
        ({"density": IFDRational(254, 1), "unit": 2}, 200),  # 20 mm at 10 px per mm
        ({"density": IFDRational(254, 1)}, 200),  # inches unless said otherwise
        ({"density": IFDRational(200, 2), "unit": 3}, 200),
        ({"density": IFDRational(10, 1), "unit": 4, "f35": 0}, 200),
        ({"density": IFDRational(1, 100), "unit": 5}, 200),
        ({"density": IFDRational(10, 1), "unit": 4, "width": 240, "height": 160}, 100),  # halved since
        ({"density": IFDRational(10, 1), "unit": 4, "width": 160, "height": 240}, 100),  # and turned
        ({"density": IFDRational(10, 1), "unit": 4, "width": 0, "height": 0}, 200),
        ({"density": IFDRational(10, 1), "unit": 4, "f35": 1}, 200),  # 1 mm is absurd
        ({"density": IFDRational(10, 1), "unit": 4, "f35": 60000}, 200),
        ({"density": IFDRational(0, 1), "unit": 4}, None),
        ({"density": IFDRational(1, 0), "unit": 4}, None),
        ({"density": IFDRational(10000, 1), "unit": 4}, None),
        ({"mm": IFDRational(0, 0), "density": IFDRational(10, 1), "unit": 4}, None),
        ({"density": "ten", "unit": "mm", "f35": "fifty"}, None),
        ({}, None),
    ],
)
def test_exif_focal_from_the_sensor(tmp_path, tags, focal):
    told = with_exif(tmp_path / "photo.jpg", **({"mm": IFDRational(20, 1)} | tags))
    assert (told and told.focal) == (focal and pytest.approx(focal))


def told_of(tmp_path, size, **tags) -> Focal | None:
    return with_exif(tmp_path / "photo.jpg", size, **tags)


def from_35mm(f35: float, size: tuple[int, int]) -> float:
    return f35 / 43.2666 * (size[0] ** 2 + size[1] ** 2) ** 0.5


@pytest.mark.parametrize(
    ("size", "orientation", "tags"),
    [
        ((400, 300), 1, {"width": 400, "height": 300}),
        ((400, 300), 6, {"width": 400, "height": 300}),  # an upright phone's
        ((300, 400), 1, {"width": 400, "height": 300}),  # turned by a program that left the recorded size
        ((300, 400), 1, {"width": 300, "height": 400}),
        (
            (600, 400),
            1,
            {"width": 600, "height": 400, "mm": IFDRational(26, 1), "density": IFDRational(600, 36), "unit": 4},
        ),
        ((602, 401), 8, {"width": 602, "height": 401, "zoom": IFDRational(1, 1)}),
        ((400, 300), 1, {"width": 400, "height": 300, "zoom": IFDRational(0, 1)}),  # not used
    ],
)
def test_an_unedited_photo_is_trusted(tmp_path, size, orientation, tags):
    """But for what nothing tells: that it was cropped to its own shape."""
    told = told_of(tmp_path, size, orientation=orientation, f35=26, **tags)
    assert told.focal == pytest.approx(from_35mm(26, size), rel=1e-4)
    assert 0.02 < told.deviation < 0.03 and 0 < told.doubt == UNPROVEN < 0.05


def test_a_wide_lens_is_rounded_more(tmp_path):
    wide, long = (told_of(tmp_path, (400, 300), f35=f35, width=400, height=300) for f35 in (13, 100))
    assert wide.deviation > 1.2 * long.deviation


@pytest.mark.parametrize("size", [(1600, 1200), (1200, 1600), (320, 240), (150, 112)])
def test_a_photo_made_smaller_keeps_its_angle(tmp_path, size):
    """But so looks one that was cropped to the same shape."""
    told = told_of(tmp_path, size, **PHONE)
    assert told.focal == pytest.approx(from_35mm(26, size), rel=1e-4)
    assert told.deviation < 0.03 and 0 < told.doubt < 0.2


@pytest.mark.parametrize("size", [(600, 510), (400, 400), (300, 220), (1600, 900), (390, 300), (300, 390)])
@pytest.mark.parametrize("tags", [PHONE, {**PHONE, "f35": 0, "density": IFDRational(4000, 6), "unit": 4}])
def test_a_crop_that_kept_its_tags_is_not_believed(tmp_path, size, tags):
    assert told_of(tmp_path, size, **tags) is None


@pytest.mark.parametrize("size", [(600, 510), (500, 290), (300, 420), (900, 250)])
def test_a_shape_that_no_camera_makes_is_doubted(tmp_path, size):
    told = told_of(tmp_path, size, f35=32, width=size[0], height=size[1])
    assert told.doubt >= 0.5 and told.spread > 0.3


@pytest.mark.parametrize("size", [(1600, 900), (400, 400), (900, 1600), (1950, 900)])
def test_what_the_camera_itself_cuts_out_of_its_sensor_is_less_certain(tmp_path, size):
    told = told_of(tmp_path, size, f35=26, width=size[0], height=size[1])
    assert told.focal == pytest.approx(from_35mm(26, size), rel=1e-4)
    assert 0.03 < told.deviation < 0.06 and 0 < told.doubt < 0.2


@pytest.mark.parametrize("unit", [{"unit": 2}, {}])
def test_pixels_of_the_sensor_alone_are_doubted(tmp_path, unit):
    """Some cameras write them wrongly (Exiv2 issue 3097)."""
    told = told_of(tmp_path, (600, 400), mm=33, density=IFDRational(600 * 254, 238), width=600, height=400, **unit)
    assert told.focal == pytest.approx(33 / 23.8 * 600, rel=1e-4)
    assert told.doubt > 0.3 and told.spread > 0.2


@pytest.mark.parametrize(
    ("sensor", "down"), [(2.7, 1), (100, 1), (36, 1.5)], ids=["smaller than any", "larger", "no squares"]
)
def test_an_absurd_sensor_tells_nothing(tmp_path, sensor, down):
    density = 600 / sensor
    tags = {"mm": 20, "density": density, "down": down * density, "unit": 4, "width": 600, "height": 400}
    tags |= {name: IFDRational(round(1000 * tags[name]), 1000) for name in ("density", "down")}
    assert told_of(tmp_path, (600, 400), **tags) is None
    assert told_of(tmp_path, (600, 400), **tags, f35=28).doubt == UNPROVEN


@pytest.mark.parametrize(
    "tags",
    [{"mm": 26, "density": IFDRational(600, 18), "unit": 4}, {"zoom": IFDRational(2, 1)}],
    ids=["sensor", "zoom"],
)
def test_contradictions_are_doubted(tmp_path, tags):
    told = told_of(tmp_path, (600, 400), f35=26, width=600, height=400, **tags)
    assert told.focal == pytest.approx(from_35mm(26, (600, 400)), rel=1e-4) and told.doubt > 0.3


@pytest.mark.parametrize("f35", [12, 800], ids=["larger than any", "smaller"])
def test_an_equivalent_that_no_sensor_makes_of_the_focal_length_is_doubted(tmp_path, f35):
    told = told_of(tmp_path, (600, 400), f35=f35, mm=50 if f35 == 12 else 4, width=600, height=400)
    assert told.focal == pytest.approx(from_35mm(f35, (600, 400)), rel=1e-4) and told.doubt > 0.3


@pytest.mark.parametrize("mm", [IFDRational(215, 100), IFDRational(35, 1), IFDRational(0, 1)])
def test_a_small_sensor_and_a_large_one_are_no_contradiction(tmp_path, mm):
    """A phone's front camera, medium format, a lens that tells nothing."""
    told = told_of(tmp_path, (400, 300), f35=31 if mm < 30 else 28, mm=mm, width=400, height=300)
    assert told.doubt == UNPROVEN


def test_a_digital_zoom_that_both_ways_count_is_believed(tmp_path):
    """Of 25 mm on a sensor of 36 mm half was kept, and the equivalent says so; of a phone's the whole sensor is one."""
    size = {"width": 600, "height": 400, "zoom": IFDRational(2, 1)}
    told = told_of(tmp_path, (600, 400), f35=50, mm=25, density=IFDRational(600, 36), unit=4, **size)
    assert told.focal == pytest.approx(from_35mm(50, (600, 400)), rel=1e-4) and told.doubt == UNPROVEN
    phone = told_of(tmp_path, (600, 400), f35=112, mm=IFDRational(4, 1), **size)
    assert 0.3 < phone.doubt < 0.5  # whether it counts


def test_only_a_mere_guess_is_called_one():
    given, exif, doubted, guess = Focal(400.0), Focal(400.0, 0.02), Focal(400.0, 0.02, 0.5), Focal(400.0, SPREAD, 1.0)
    assert [is_guess(one.spread) for one in (given, exif, doubted, guess)] == [False, False, False, True]
    assert 0 == given.spread < exif.spread < doubted.spread < guess.spread == SPREAD
