"""Finding a known model in a photo: a printed card among other cards, with the bundled networks."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageDraw

from photo_pose.inference.geometry import Box, Camera, intrinsics, view_sphere
from photo_pose.inference.networks import loading
from photo_pose.inference.photo.image import Photo
from photo_pose.inference.search import detection
from photo_pose.inference.search.detection import Found, Overview, box_overlap, mean_box
from photo_pose.inference.steps import finish
from photo_pose.inference.views.crops import SIZE, template_view
from photo_pose.inference.views.retrieval import Index
from photo_pose.inference.views.templates import Template, Templates, patch_coverage

OUTLINE = np.array([(x, 0.0, z) for x in (-0.6, 0.6) for z in (-0.8, 0.8)])  # of a card that stands upright
EXTRACT = partial(loading.extract_features, loading.load_network())


def card(seed: int) -> Image.Image:
    """A print of coloured shapes, 240 x 320 px."""
    random = np.random.default_rng(seed)
    image = Image.new("RGB", (240, 320), tuple(random.integers(0, 256, 3).tolist()))
    draw = ImageDraw.Draw(image)
    for number in range(14):
        x, y, width, height = (random.uniform(0, 1, 4) * [200, 280, 90, 90]).astype(int).tolist()
        shape = draw.ellipse if number % 2 else draw.rectangle
        shape((x, y, x + 10 + width, y + 10 + height), fill=tuple(random.integers(0, 256, 3).tolist()))
    return image


def table(*placed: tuple[Image.Image, Box]) -> Photo:
    """A photo, 640 x 480 px, of pictures that lie in boxes on a mottled table."""
    mottled = np.random.default_rng(9).normal([150, 120, 90], 30, (60, 80, 3)).clip(0, 255).astype(np.uint8)
    image = Image.fromarray(mottled).resize((640, 480), Image.Resampling.BICUBIC)
    for picture, box in placed:
        image.paste(picture.resize((round(box.width), round(box.height))), (round(box.left), round(box.top)))
    return Photo(image, image.size, None, None, Path("photo.png"), True)


@pytest.fixture(scope="module")
def index() -> Index:
    """A model whose every view shows the card from the front."""
    directions = view_sphere(1)
    camera = template_view(np.array([0, -1.0, 0]), OUTLINE)
    left, top, right, bottom = (round(edge) for edge in Box.around(camera.project(OUTLINE)))
    crop, alpha = Image.new("RGB", (SIZE, SIZE), "white"), np.zeros((SIZE, SIZE), np.uint8)
    crop.paste(card(1).resize((right - left, bottom - top)), (left, top))
    alpha[top:bottom, left:right] = 255
    features = EXTRACT(np.asarray(crop)[None])[0].astype(np.float16)
    shown = Template(features, patch_coverage(alpha).astype(np.float16), np.full((*features.shape[:2], 3), np.nan))
    repeated = [np.repeat(part[None], len(directions), 0) for part in (camera.camera_to_world, camera.K, *shown)]
    return Index(Templates(directions, *repeated, OUTLINE))


def camera() -> Camera:
    return Camera(intrinsics(700, (640, 480)), np.eye(4), (640, 480))


@pytest.mark.parametrize("cells", [4, 11])
def test_cosines_are_torch_s_convolution(cells):
    """Of stencils and a picture that are anything, in a picture that is smaller than some of them."""
    torch, random = pytest.importorskip("torch"), np.random.default_rng(cells)
    patches = random.normal(size=(7, 9, 5)).astype(np.float32)
    kernels = random.normal(size=(3, cells, cells, 5)).astype(np.float32)
    rows = kernels.reshape(3, cells, -1).swapaxes(0, 1)
    given, weights = (torch.from_numpy(array).permute(0, 3, 1, 2) for array in (patches[None], kernels))
    expected = torch.nn.functional.conv2d(given, weights, padding=cells // 2)[0]
    found = detection.Stencils(np.arange(3), np.zeros((3, 1, 2)), rows).cosines(detection.Picture(None, 0.0, patches))
    np.testing.assert_allclose(found.transpose(2, 0, 1), expected, atol=1e-4)


def test_samples_are_torch_s_bilinear_ones():
    """Also outside of the maps, where there is nothing."""
    torch, random = pytest.importorskip("torch"), np.random.default_rng(3)
    maps = random.normal(size=(2, detection.GRID, detection.GRID, 3)).astype(np.float32)
    at = np.sort(random.uniform(-40, SIZE + 40, (2, 12, 2)), axis=1)
    grid = (2 * (at - detection.FIRST_PATCH) / detection.STRIDE + 1) / detection.GRID - 1
    places = np.stack([np.stack(np.meshgrid(*axes), -1) for axes in grid.swapaxes(1, 2)])
    values = torch.nn.functional.grid_sample(
        torch.from_numpy(maps).permute(0, 3, 1, 2), torch.from_numpy(places).float(), align_corners=False
    )
    expected = torch.nn.functional.avg_pool2d(values, detection.SAMPLES).permute(0, 2, 3, 1)
    np.testing.assert_allclose(detection._sampled(maps, at), expected, atol=1e-4)


def test_only_the_highest_of_neighbouring_places_is_a_find():
    seen = detection.Picture(camera(), 0.0, np.zeros((4, 4, 1), np.float32))
    stencils = detection.Stencils(np.zeros(2, int), np.stack([np.eye(2), np.eye(2)]), np.zeros((4, 2, 4)))
    search = detection.Search(camera(), stencils, np.zeros(2), np.ones(2))
    cosines = np.zeros((5, 5, 2), np.float32) + np.linspace(-2, -1, 5, dtype=np.float32)[:, None]
    cosines[1, 1, 1], cosines[2, 2, 0], cosines[4, 0, 0] = 3, 2, 1
    assert [one.score for one in search.peaks(seen, cosines, 2)] == [3, 1]


@pytest.mark.parametrize("turned", [False, True])
def test_the_model_is_found_among_others_of_its_kind(index, turned):
    """Also where it lies on its side; the larger cards beside it are what stands out."""
    place = Box(430, 300, 550, 390) if turned else Box(440, 250, 530, 370)
    own = card(1).rotate(90, expand=True) if turned else card(1)
    photo = table((card(2), Box(60, 40, 240, 280)), (card(3), Box(300, 30, 450, 230)), (own, place))
    seen = finish(Overview.of(photo, camera(), EXTRACT, any_way=turned))
    places = finish(seen.find(index.templates))
    assert box_overlap(mean_box(places[0]), place) > 0.55
    assert places[0][0].roll == pytest.approx(np.pi / 2 if turned else 0, abs=np.radians(31))
    assert 1 < len(places) <= 4 and all(box_overlap(looks[0].box, place) < 0.3 for looks in places[1:])


def test_a_flat_model_seen_from_its_side_is_nowhere(index):
    flat = replace(index.templates, outline=OUTLINE * [1, 1, 0])
    seen = finish(Overview.of(table((card(1), Box(440, 250, 530, 370))), camera(), EXTRACT))
    assert finish(seen.find(flat)) == []


@pytest.mark.parametrize("place", [Box(-20, -60, 660, 540), Box(300, 200, 330, 240)])
def test_the_largest_and_the_smallest_are_found(index, place):
    """A card that fills the photo, and one that is a twelfth of its height."""
    seen = finish(Overview.of(table((card(1), place)), camera(), EXTRACT))
    assert box_overlap(mean_box(finish(seen.find(index.templates))[0]), place) > 0.5


@pytest.mark.parametrize("turns", range(4))
def test_a_rolled_view_sees_the_whole_photo(turns):
    """Every corner of the photo lies in a corner of the view, the photo's first one a quarter further each time."""
    tilted = Camera(intrinsics(500, (640, 480), (300, 260)), np.eye(4), (640, 480))
    view = detection.whole_view(tilted, turns * np.pi / 2, 448)
    assert view.size == ((448, 336) if turns % 2 == 0 else (336, 448))
    points = np.array([(x, y, 1.0) for x, y in ((0, 0), (640, 0), (640, 480), (0, 480))]) @ np.linalg.inv(tilted.K).T
    width, height = view.size
    corners = np.roll([(0, 0), (width, 0), (width, height), (0, height)], -turns, axis=0)
    np.testing.assert_allclose(view.project(points), corners, atol=1e-6)


def test_looks_that_agree_are_averaged():
    looks = [
        Found(Box(0, 0, 120, 120), 0.5, 0, 8.0),
        Found(Box(0, 0, 100, 100), 0.0, 0, 8.0),
        Found(Box(60, 60, 180, 180), 0.0, 0, 7.9),  # of something else
    ]
    assert mean_box(looks) == pytest.approx((0, 0, 110, 110))
