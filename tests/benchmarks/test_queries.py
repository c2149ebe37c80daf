"""The benchmark's truth, checked against Blender's pixels; and the figures that its report gives."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

pytest.importorskip("bpy")
pytest.importorskip("mathutils")
sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from benchmark import accuracy, category, demo, photograph, queries, recipes, report, sensor, which
from inference.geometry import angle_between, direction_from_angles, view_sphere

CORNERS = np.array([[x, y, z] for x in (0, 3) for y in (0, 2) for z in (0, 1)], float)
FACES = ("1 2 4 3", "5 7 8 6", "1 5 6 2", "3 4 8 7", "1 3 7 5", "2 6 8 4")


@pytest.fixture
def studio(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder for pictures, in which every model is the same wooden block and every occluder another one."""
    lines = [f"v {x} {y} {z}" for x, y, z in CORNERS] + [f"f {face}" for face in FACES]
    block = tmp_path / "block.obj"
    block.write_text("mtllib block.mtl\nusemtl wood\n" + "\n".join(lines) + "\n")
    block.with_suffix(".mtl").write_text("newmtl wood\nKd 0.6 0.4 0.2\n")
    names = (*recipes.SUBJECTS, *recipes.CLUTTER)
    monkeypatch.setattr(queries, "models", lambda: dict.fromkeys(names, block))
    monkeypatch.setattr(queries, "FOLDER", tmp_path)
    return tmp_path


def inside_hull(pixels: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """(H, W) bool: pixel centres inside the convex hull of pixels (N, 2)."""
    x, y = np.meshgrid(np.arange(size[0]) + 0.5, np.arange(size[1]) + 0.5)
    inside = np.ones(x.shape, bool)
    for a in pixels:
        for b in pixels:
            normal = np.array([a[1] - b[1], b[0] - a[0]])
            if np.abs(normal).max() > 0 and ((pixels - a) @ normal).min() > -1e-9:  # an edge of the hull
                inside &= (x - a[0]) * normal[0] + (y - a[1]) * normal[1] >= 0
    return inside


@pytest.mark.parametrize(
    ("size", "cut", "occluder"),
    [((200, 150), (0.0, 0.0), None), ((150, 200), (-0.2, 0.2), None), ((200, 150), (0.0, 0.0), "scopia/puff")],
    ids=["plain", "portrait, cut off", "partly hidden"],
)
def test_truth_is_what_blender_shows(
    studio: Path, size: tuple[int, int], cut: tuple[float, float], occluder: str | None
) -> None:
    """Masks, boxes and flags agree with the vertices of the file, projected by the recorded camera."""
    recipe = recipes.recipes("tuning")[3]
    recipe = recipe._replace(size=size, backdrop=None, clutter=(), occluder=occluder)
    recipe = recipe._replace(frame=recipe.frame._replace(cut=cut), roll=0.3)
    gallery = queries.gallery()
    queries.take(recipe, gallery, threads=1)
    query = queries._read(recipe, "tuning", gallery)

    whole, seen = (np.array(Image.open(path)) for path in (query.silhouette, query.mask))
    pixels = query.camera.project(CORNERS)
    expected = inside_hull(pixels, size)
    assert (whole != expected).sum() <= 0.01 * expected.sum()
    assert not (seen & ~whole).any()
    rows, columns = expected.nonzero()
    bounds = columns.min(), rows.min(), columns.max() + 1, rows.max() + 1
    assert query.true_box == pytest.approx(bounds, abs=1.01)
    assert query.box == pytest.approx(bounds, abs=0.05 * max(size) + 1.01) and query.box != query.true_box
    assert query.flags["hidden"] == pytest.approx(1 - seen.sum() / whole.sum())
    assert (query.flags["hidden"] > 0.1) == (occluder is not None)
    assert query.flags["cut"] == pytest.approx(1 - np.prod(1 - np.abs(cut)), abs=0.03)
    assert Image.open(query.photo).size == size


def test_recipes_keep_the_halves_apart() -> None:
    """At least 300 pictures of 28 models, none in both halves, each under a name of its own and always the same."""
    halves = [recipes.recipes(half) for half in recipes.HALVES]
    tuning, test = ({recipe.model for recipe in half} for half in halves)
    assert not tuning & test and len(tuning | test) >= 28
    ids = [recipe.id for half in halves for recipe in half]
    assert len(set(ids)) == len(ids) >= 300
    assert [recipe.id for recipe in recipes.recipes("tuning")] == ids[: len(halves[0])]


def test_picture_is_exposed_by_its_object() -> None:
    """However strong the light is, the object is as bright as the sensor wants it and the backdrop as it was."""
    wanted = sensor.Sensor(0.2, (1.0, 1.0), 0.0, 0, 0.0, 1e-9, 90, 1)
    mask = np.zeros((8, 8), bool)
    mask[:, :4] = True
    light, backdrop = 7.0 * mask[..., None] * np.ones(3), np.full((8, 8, 3), 0.5)
    picture = np.asarray(sensor.developed(light, mask.astype(float), mask, backdrop, wanted))
    assert picture[:, :4] == pytest.approx(124, abs=1)  # sRGB of 0.2
    assert picture[:, 4:] == pytest.approx(188, abs=1)  # sRGB of 0.5


def test_symmetric_poses_show_the_same() -> None:
    """A block turned by half a circle about its vertical covers the same pixels."""
    pose = np.eye(4)
    pose[:3, 3] = 0.5, -0.3, 9
    middle = CORNERS.mean(0)
    first, second = accuracy._alike(pose, middle, 2)
    assert np.array_equal(first, pose)
    seen = CORNERS @ second[:3, :3].T + second[:3, 3]
    gaps = np.linalg.norm(seen[:, None] - (CORNERS + pose[:3, 3])[None], axis=-1)
    assert gaps.min(1).max() < 1e-9 and gaps.diagonal().min() > 1


def test_reliability_of_known_answers() -> None:
    """Half of the answers given with confidence 0.75 are right, and all of those given with 0.95."""
    answers = [(0.75, 5.0), (0.75, 50.0), (0.95, 1.0), (0.95, 9.9)]
    lines = [{"confidence": said, "candidates": [{"view": view}]} for said, view in answers]
    found = report.reliability(lines)
    assert [part["right"] for part in found["bins"]] == [0.5, 1.0]
    assert found["calibration error"] == pytest.approx((0.25 + 0.05) / 2)
    assert found["Brier score"] == pytest.approx((0.25**2 + 0.75**2 + 2 * 0.05**2) / 4)


def test_ranks_count_what_was_not_verified_last():
    lines = [
        {"model": "a", "likeness": [["a", 9], ["b", 5], ["c", 4]], "score": [["b", 1.2], ["a", 1.1]], "cpu": 2},
        {"model": "c", "likeness": [["b", 9], ["c", 5], ["a", 4]], "score": [["b", 1.2], ["a", 1.1]], "cpu": 4},
        {"model": "b", "likeness": [["b", 9], ["c", 5], ["a", 4]], "cpu": 3},
    ]
    figures = which.summary(lines)
    assert figures["likeness"] == {"top 1": 0.667, "top 2": 1.0, "top 3": 1.0, "top 5": 1.0, "pictures": 3}
    assert figures["score"] == {"top 1": 0.0, "top 2": 0.5, "top 3": 0.5, "top 5": 1.0, "pictures": 2}
    assert figures["pictures"] == 3 and figures["cpu_seconds"] == 3


def test_the_paper_s_rule_is_in_between_where_two_views_disagree():
    directions = view_sphere(3)
    toward = direction_from_angles(0.5, 0.4)
    away = np.degrees(angle_between(directions, toward))
    alike = np.where(away < 20, 1 - away / 100, 0.0)[None].repeat(3, 0)
    alike[0, (directions @ -toward).argmax()] = 2.0  # one view that looks right and is not
    assert np.degrees(angle_between(category.nearest_two(alike, directions), toward)) > 60


def test_directions_are_told_by_other_chairs_only_and_with_a_regressor():
    """The picture's own chair would vote for the truth; of the others two vote for it and three for its other side."""
    directions, names = view_sphere(2), list("abcdef")
    truth = direction_from_angles(0.5, 0.1)
    behind = truth * [-1, -1, 1]
    alike = np.stack([directions @ truth] * 3 + [directions @ behind] * 3) * 5
    said = np.exp(12 * (category.SPHERE @ truth - 1)) + np.exp(12 * (category.SPHERE @ direction_from_angles(2, 1) - 1))
    view = category.Views("a", directions @ truth * np.ones((6, 1)), alike, said / 2, truth)
    rows = category.figures([view], names)
    last = {rule: rows[rule][-1] for rule in ("paper", "vote", "vote and regressor_lite0")}
    assert [row["models"] for row in rows["vote"]] == [1, 2, 4, 5] and rows["pictures"] == 1
    assert last["paper"]["mean"] < 10 and last["vote"]["mean"] > 120 and last["vote and regressor_lite0"]["mean"] < 6
    assert "| vote | 5 |" in category.table(rows)


def test_the_more_votes_agree_the_surer_a_direction_is():
    """Where all chairs look alike from the truth the vote is right; where each looks alike from elsewhere it is not."""
    directions, names, random = view_sphere(2), list("abcdef"), np.random.default_rng(0)
    truth = direction_from_angles(0.5, 0.1)
    even = np.ones(len(category.SPHERE)) / 2
    together = 9 * np.tile(directions @ truth, (6, 1))
    apart = 9 * directions[random.permutation(len(directions))[:6]] @ directions.T
    views = [category.Views("a", votes, votes, even, truth) for votes in (together, apart)]
    slope, constant = category.odds(views, names)
    sure, unsure = (slope * share + constant for share in (0.7, 0.2))
    assert sure > 0 > unsure


def test_a_path_traced_photo_has_its_true_camera_beside_it(studio: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The block, here a red one, covers what the camera beside the picture says."""
    (studio / "block.mtl").write_text("newmtl wood\nKd 0.8 0 0\n")
    monkeypatch.setattr(photograph, "SIZE", (240, 180))
    monkeypatch.setattr(photograph, "SAMPLES", 4)
    shot = photograph.Shot(0.6, 0.4, 0.1, 35, 9, (1.5, -0.5, 1), "studio")
    photo = studio / "photo.jpg"
    photograph.photograph(studio / "block.obj", [], shot, photo, "a block")
    known = json.loads(photo.with_suffix(".json").read_text())
    picture = np.array(Image.open(photo), float)
    red = picture[..., 0] > 2 * picture[..., 2]
    expected = inside_hull(demo.camera_of(known).project(CORNERS), Image.open(photo).size)
    assert (red & expected).sum() / (red | expected).sum() > 0.9
    assert known["note"] == "a block"


def test_the_demo_matches_the_photo_that_everybody_has(studio: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its camera, lens and size agree; nothing is path-traced."""
    monkeypatch.setattr(demo.assets, "furniture", lambda name: studio / "block.obj")
    before = demo.CHAIR.read_bytes()
    case = demo.chair_case()
    assert case.photo == demo.CHAIR and demo.CHAIR.read_bytes() == before and len(before) < 400_000
    assert Image.open(case.photo).size == case.truth.size
    assert case.truth.focal == pytest.approx(demo.CHAIR_LENS / 36 * case.truth.size[0])
    assert np.allclose(case.vertices, CORNERS)
