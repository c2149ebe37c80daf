"""The made-up scenes: their halves, models, resting poses, and the truth that their index tells."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

pytest.importorskip("bpy")
sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from benchmark import made_up
from benchmark.aligner_pairs.obj_reader import ObjText, parsed
from benchmark.aligner_pairs.solids import cuboid, extruded
from benchmark.aligner_pairs.sources import NEVER
from benchmark.recipes import Frame
from benchmark.tabletop import arrangement, prints, things
from benchmark.tabletop.resting import about_z, resting
from inference.geometry import Camera, intrinsics, look_at

CORNERS = np.array([[x, y, z] for x in (0, 3) for y in (0, 2) for z in (0, 1)], float)


@pytest.fixture
def product() -> prints.Product:
    return prints.product(3, np.random.default_rng(1), [Image.new("RGB", (200, 150), "navy")])


def workshop(product: prints.Product, printed: bool = False) -> things.Workshop:
    return things.Workshop(np.random.default_rng(1), product, printed)


def read(obj: Path) -> ObjText:
    return parsed(obj.read_text())


def test_halves_have_models_of_their_own_each_photographed_before_one_is_again() -> None:
    count = 2 * len(made_up.CATEGORIES)
    shown = [made_up.model_of(picture) for picture in range(2 * count)]
    assert sorted(shown[:count]) == list(range(count)) and shown[:count] == shown[count:]
    assert all(model % 2 == picture % 2 for picture, model in enumerate(shown))


def test_the_catalogue_has_one_model_for_each_time_and_none_of_other_benchmarks() -> None:
    for category, names in made_up.CATALOGUE.items():
        assert len(names) == 2 * made_up.CATEGORIES.count(category)
        assert not NEVER & set(names)


def test_truth_is_the_camera_in_the_files_numbers_with_pixel_centres_at_integers() -> None:
    to_world = np.eye(4)
    to_world[:3, :3], to_world[:3, 3] = 7.0 * about_z(0.4), (3, -2, 1)
    camera = Camera(intrinsics(600, (640, 480)), look_at(np.array([50.0, -60, 40]), np.zeros(3), 0.2), (640, 480))
    known = made_up.truth(camera, to_world, CORNERS)

    K, R, t = (np.array(known[key]) for key in "KRt")
    assert np.allclose(R @ R.T, np.eye(3)) and np.linalg.det(R) > 0
    pixels = (CORNERS @ R.T + t) @ K.T
    pixels = pixels[:, :2] / pixels[:, 2:]
    assert np.allclose(pixels + 0.5, camera.project(CORNERS @ to_world[:3, :3].T + to_world[:3, 3]))
    assert np.allclose([*pixels.min(0), *pixels.max(0)], known["bbox"])


def test_an_index_is_read_as_it_was_written(tmp_path: Path) -> None:
    assert made_up.index(tmp_path) == []
    for samples in ([{"id": "box_000"}], [{"id": "box_000"}, {"id": "can_002"}]):
        made_up.write_index(tmp_path, samples)
        assert made_up.index(tmp_path) == samples
        assert json.loads((tmp_path / "index.json").read_text()) == {"samples": samples}
        assert [path.name for path in tmp_path.iterdir()] == ["index.json"]


def test_a_block_comes_to_rest_on_any_face_mostly_on_large_ones() -> None:
    random, heights = np.random.default_rng(1), []
    for _ in range(200):
        height = ((CORNERS + 5) @ resting(CORNERS + 5, random).T)[:, 2]
        assert (height < height.min() + 1e-3).sum() == 4
        heights.append(round(float(np.ptp(height)), 2))
    assert set(heights) == {1.0, 2.0, 3.0}
    assert heights.count(3.0) < heights.count(2.0) < heights.count(1.0)


def test_what_leans_too_far_or_stands_on_its_tip_falls_over() -> None:
    random = np.random.default_rng(1)
    leaning = CORNERS * [1, 1, 5] + CORNERS[:, 2:] * [5, 0, 0]
    pyramid = np.array([[1, 1, 0], [-1, 1, 0], [-1, -1, 0], [1, -1, 0], [0, 0, 3]], float)
    for points, most in ((leaning, 4.9), (pyramid, 3.0)):
        for _ in range(100):
            turn = resting(points, random)
            height = (points @ turn.T)[:, 2]
            assert np.linalg.det(turn) == pytest.approx(1)
            assert (height < height.min() + 1e-3).sum() >= 3
            assert np.ptp(height) < most + 1e-3


def test_the_camera_makes_the_box_as_large_as_wanted() -> None:
    frame = Frame(0.5, (0.3, 0.6), (0.0, 0.0))
    for area in (0.03, 0.2, 0.5):
        shot = arrangement.Shot((640, 480), 35.0, 0.5, 0.6, 0.3, frame, area)
        pixels = arrangement.camera_for(shot, CORNERS).project(CORNERS)
        assert np.prod(np.ptp(pixels, axis=0)) / (640 * 480) == pytest.approx(area, rel=0.05)
        assert (pixels > 0).all() and (pixels < [640, 480]).all()


@pytest.mark.parametrize("seed", range(6))
def test_prints_of_boxes_are_seen_from_outside_and_not_mirrored(tmp_path: Path, product, seed: int) -> None:
    obj = tmp_path / "box.obj"
    alike = things.make("box", 0, obj, product, np.random.default_rng(seed))
    text = read(obj)
    points, uv = text.v[text.corners[..., 0]], text.vt[text.corners[..., 1]]
    assert len(points) == 12 and len(set(text.material)) == (5 if alike else 6)
    assert len(np.unique(points.reshape(6, -1, 3).mean(1).round(3), axis=0)) == 6
    edges, of_print = points[:, 1:] - points[:, :1], uv[:, 1:] - uv[:, :1]
    right, up = np.einsum("fij,fjk->ifk", np.linalg.inv(of_print), edges)  # of the picture, in space
    assert (np.einsum("fk,fk->f", np.cross(right, up), points.mean(1)) > 0).all()


def test_what_is_made_has_the_size_of_its_kind_and_the_pictures_that_it_names(tmp_path: Path, product) -> None:
    random = np.random.default_rng(2)
    for kind, (low, high) in things.SIZES.items():
        obj = tmp_path / f"{kind}.obj"
        things.make(kind, 1, obj, product, random)
        assert low - 1e-3 <= np.ptp(read(obj).v, axis=0).max() <= high + 1e-3
        lines = obj.with_suffix(".mtl").read_text().splitlines()
        assert all((tmp_path / line.split()[1]).exists() for line in lines if line.startswith("map_Kd"))


@pytest.mark.parametrize(("corners", "turns"), [(6, 6), (22, 22), (40, things.ROUND)])
def test_prisms_look_alike_in_as_many_turns_as_they_have_corners(tmp_path, product, corners: int, turns: int) -> None:
    angle = np.linspace(0, 2 * np.pi, corners, endpoint=False)
    shop, obj = workshop(product), tmp_path / "prism.obj"
    shop.put(extruded(np.column_stack([np.cos(angle), np.sin(angle)]), 1.5), shop.material(False))
    shop.write(obj, 4)
    assert {"axis": [0, 1, 0], "n": turns} in things.symmetry(obj)


def test_another_colour_on_one_side_and_prints_end_a_symmetry(tmp_path: Path, product) -> None:
    block, top = cuboid(np.array([3.0, 2, 1])), cuboid(np.array([3.0, 2, 0])).moved(np.array([0, 0, 0.5]))
    obj, found = tmp_path / "block.obj", []
    for printed, two_colours in ((False, False), (False, True), (True, False)):
        shop = workshop(product, printed)
        first = shop.material(printed)
        shop.put(block, first)
        shop.put(top, shop.material(False) if two_colours else first)
        shop.write(obj, 4)
        found.append([(turn["axis"].index(1), turn["n"]) for turn in things.symmetry(obj)])
    assert found == [[(0, 2), (1, 2), (2, 2)], [(1, 2)], []]
