"""The pictures of the paper's experiments show what their directions say, and are described as the product does it."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

pytest.importorskip("bpy")
pytest.importorskip("mathutils")
pytest.importorskip("torch")
sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from benchmark import assets, chairs, paper_nearest, paper_pictures, queries
from benchmark.paper_pictures import GRAPHICS, PHOTO_LIKE, Wanted
from photo_pose.inference.networks.loading import extract_features, feature_network
from photo_pose.inference.views.crops import SIZE
from photo_pose.inference.views.retrieval import pooled

CORNERS = [(x, y, z) for x in (0, 90) for y in (0, 80) for z in (0, 100)]
# Of the sides towards +X, -X, +Y, ... in the axes of the file: colour and corners. Opposite colours on opposite sides.
SIDES = {
    "0.8 0 0": "5 7 8 6",
    "0 0.8 0.8": "1 2 4 3",
    "0 0.8 0": "3 4 8 7",
    "0.8 0 0.8": "1 5 6 2",
    "0 0 0.8": "2 6 8 4",
    "0.8 0.8 0": "1 3 7 5",
}
UPRIGHT = np.array([[1, 0, 0], [0, 0, -1], [0, 1, 0]])  # from the axes of the file to Blender's
QUARTER = np.array([[0, 0, -1], [0, 1, 0], [1, 0, 0]])  # a turn about the file's vertical
NAME = "maker/block"


@pytest.fixture
def block(tmp_path, monkeypatch) -> None:
    """The only chair is a block whose colours tell from where it is seen."""
    lines = [f"v {x} {y} {z}" for x, y, z in CORNERS]
    for number, corners in enumerate(SIDES.values()):
        lines += [f"usemtl side{number}", f"f {corners}"]
    path = tmp_path / "block.obj"
    path.write_text("mtllib block.mtl\n" + "\n".join(lines) + "\n")
    paints = [f"newmtl side{number}\nKd {color}\n" for number, color in enumerate(SIDES)]
    path.with_suffix(".mtl").write_text("".join(paints))
    photo = tmp_path / "grey.png"
    Image.new("RGB", (640, 480), (120, 120, 120)).save(photo)
    monkeypatch.setattr(chairs, "chairs", lambda: {NAME: path})
    monkeypatch.setattr(queries, "models", lambda: dict.fromkeys(queries.CLUTTER, path))
    monkeypatch.setattr(queries, "backdrops", lambda: [photo])
    monkeypatch.setattr(paper_pictures, "FOLDER", tmp_path)


def shown(crop: np.ndarray) -> np.ndarray:
    """(3,) unit: which way the side in the middle faces, in the axes of the file."""
    middle = slice(SIZE // 2 - 2, SIZE // 2 + 2)
    color = crop[middle, middle].astype(float).mean((0, 1))
    color -= (color.max() + color.min()) / 2
    axis = int(np.abs(color - np.median(color)).argmax())
    return np.eye(3)[axis] * np.sign(color[axis])


@pytest.mark.parametrize("rotation", [np.eye(3), QUARTER], ids=["as it is", "turned"])
@pytest.mark.parametrize(
    "wanted",
    [Wanted(GRAPHICS, 8), *(Wanted(PHOTO_LIKE, 1, seed) for seed in range(3))],
    ids=lambda w: f"{w.kind} {w.seed}",
)
def test_the_side_towards_the_camera_is_seen(block, monkeypatch, wanted, rotation):
    monkeypatch.setattr(assets, "catalogue_rotation", lambda name: rotation)
    taken = paper_pictures.pictures(wanted, NAME)
    assert taken.crops.shape == (wanted.count, SIZE, SIZE, 3) and taken.crops.dtype == np.uint8
    seen = taken.directions @ UPRIGHT @ rotation  # of the cameras, in the axes of the file
    told = (np.stack([shown(crop) for crop in taken.crops]) * seen).sum(1)
    assert (told > np.abs(seen).max(1) - 0.12).all()  # towards an edge of the block either side may be in the middle
    again = paper_pictures.pictures(wanted, NAME)
    np.testing.assert_array_equal(again.crops, taken.crops)


def test_layers_are_pooled_as_the_product_pools_them():
    network = feature_network(device="cpu")
    crops = np.random.default_rng(0).integers(0, 256, (2, SIZE, SIZE, 3), np.uint8)
    layers = paper_nearest.layer_maps(network, "lite", crops)
    assert list(layers) == [f"lite:{number}" for number in range(1, 12)]
    np.testing.assert_allclose(layers["lite:11"], pooled(extract_features(network, crops)), atol=1e-3)
