"""Models that hardly cover a patch of their training views, such as wires: alone, and beside one that does."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

bpy = pytest.importorskip("bpy")

from suzanne import PLACE, TRUE, add_monkey, box, photographed, vertices  # noqa: E402

from photo_pose.inference import matching
from photo_pose.inference.errors import PoseError  # noqa: E402
from photo_pose.inference.geometry import Box, angle_between  # noqa: E402
from photo_pose.inference.look import Look  # noqa: E402
from photo_pose.inference.photo.focal_length import Focal  # noqa: E402
from photo_pose.inference.photo.image import load_photo  # noqa: E402
from photo_pose.inference.steps import finish  # noqa: E402
from photo_pose.inference.views.view_options import ViewOptions  # noqa: E402
from photo_pose.operators.headless import jobs
from photo_pose.operators.pictures import model_targets, view_cache  # noqa: E402

ROOT = Path(__file__).resolve().parents[2]
FEW = ViewOptions(subdivisions=1)
NOTHING = 1e-9  # a strip as narrow is not seen from anywhere


def hoop():
    bpy.ops.mesh.primitive_torus_add(major_radius=1, minor_radius=0.02, location=PLACE)
    return bpy.context.object


def strip(width: float = 0.005):
    """A single triangle."""
    mesh = bpy.data.meshes.new("Strip")
    mesh.from_pydata([(0, 0, 0), (2, 0, 0), (0, 0, width)], [], [(0, 1, 2)])
    return linked(mesh)


def cable():
    """A curve with a bevel."""
    curve = bpy.data.curves.new("Cable", "CURVE")
    curve.dimensions, curve.bevel_depth = "3D", 0.01
    spline = curve.splines.new("POLY")
    spline.points.add(3)
    for point, place in zip(spline.points, [(0, 0, 0), (1, 0, 0), (1, 1, 0.5), (0, 1, 1)], strict=True):
        point.co = (*place, 1)
    return linked(curve)


def plane():
    """Half of its upright views see it from its edge."""
    bpy.ops.mesh.primitive_plane_add(size=1.5, location=PLACE)
    return bpy.context.object


def linked(data):
    made = bpy.data.objects.new(data.name, data)
    made.location = PLACE
    bpy.context.scene.collection.objects.link(made)
    bpy.context.view_layer.update()
    return made


THIN = {"hoop": hoop, "strip": strip, "cable": cable, "plane": plane}


def numbers(found: matching.Match) -> np.ndarray:
    """All of them."""
    poses = [(one.camera.camera_to_world.ravel(), one.camera.K.ravel(), [one.score]) for one in found.candidates]
    return np.concatenate([*(part for parts in poses for part in parts), [found.confidence or 0.0]])


def match(told, targets, method: str = "MATCH", lens: Focal | None = None) -> matching.Match:
    with model_targets.target_renderer() as renderer, np.errstate(divide="raise", invalid="raise"):
        return finish(matching.match(*told, targets, renderer, Look(method), lens=lens))


def taken(root, path: Path):
    """A photo of it by TRUE, and what `matching.match` is told of it."""
    photo = load_photo(photographed(root, path))
    pixels = TRUE.project(vertices(root))
    return photo, TRUE.placed(np.eye(4)), Box(*pixels.min(0), *np.maximum(pixels.max(0), pixels.min(0) + 4))


@pytest.mark.parametrize("name", THIN)
def test_a_thin_model_alone_is_matched_with_numbers(scene, views_folder, tmp_path, name):
    root = THIN[name]()
    told = taken(root, tmp_path / "photo.png")
    targets = finish(model_targets.prepare([root], FEW, views_folder, pytest.fail if name == "plane" else print))
    assert np.isfinite(targets[0].index.whitening.axes).all()
    for method in ("MATCH", "KNN", "VOTE"):
        assert np.isfinite(numbers(match(told, targets, method=method, lens=matching.photo_focal(told[0])))).all(), (
            method
        )


def test_the_side_of_a_hoop_is_found(scene, views_folder, tmp_path):
    """By its shape alone."""
    root = hoop()
    found = match(taken(root, tmp_path / "photo.png"), finish(model_targets.prepare([root], FEW, views_folder)))
    above = [
        abs((one.camera.position - PLACE) / np.linalg.norm(one.camera.position - PLACE))[2] for one in found.candidates
    ]
    true = (TRUE.position - PLACE)[2] / np.linalg.norm(TRUE.position - PLACE)
    assert abs(np.degrees(np.arcsin(above[0]) - np.arcsin(true))) < 8


def test_wires_beside_a_model_change_nothing_for_it(scene, views_folder, tmp_path):
    """Not which model is found, nor from where, nor how sure that is; each is named."""
    monkey = add_monkey()
    told = taken(monkey, tmp_path / "photo.png")
    alone = match(told, finish(model_targets.prepare([monkey], FEW, views_folder)))
    wires, sentences = [hoop(), strip(), cable()], []
    targets = finish(model_targets.prepare([*wires, monkey], FEW, views_folder, sentences.append))
    assert len(targets) == 4 and len({id(target.index.common) for target in targets}) == 1
    assert [sum(f'"{wire.name}"' in sentence for sentence in sentences) for wire in wires] == [1, 1, 1]
    found = match(told, targets)
    assert np.isfinite(numbers(found)).all()
    assert found.candidates[0].model == "Suzanne" and found.confidence == pytest.approx(alone.confidence, abs=0.05)
    assert np.degrees(angle_between(found.candidates[0].camera.position - PLACE, TRUE.position - PLACE)) < 3


def test_what_no_view_shows_is_named_and_the_others_go_on(scene, views_folder):
    monkey, sentences = add_monkey(), []
    with pytest.raises(PoseError, match='"Strip".*thin'):
        finish(model_targets.prepare([strip(NOTHING)], FEW, views_folder))
    broken = strip()
    broken.data.vertices[0].co.x = np.nan
    targets = finish(
        model_targets.prepare([bpy.data.objects["Strip"], broken, monkey], FEW, views_folder, sentences.append)
    )
    assert [target.name for target in targets] == ["Suzanne"]
    assert len(sentences) == 2 and '"Strip"' in sentences[0] and f'"{broken.name}"' in sentences[1]


def test_a_photo_without_a_box_does_not_show_a_wire_anywhere(scene, views_folder, tmp_path):
    root = hoop()
    photo, camera, _box = taken(root, tmp_path / "photo.png")
    targets = finish(model_targets.prepare([root], FEW, views_folder))
    with model_targets.target_renderer() as renderer, pytest.raises(PoseError, match="nowhere.*drag a box"):
        finish(matching.find_and_match(photo, camera, None, targets, renderer, Look()))


def test_the_operator_warns(scene, views_folder, tmp_path, monkeypatch, capfd):
    monkeypatch.setattr(view_cache, "cache_folder", lambda: views_folder)
    monkey = add_monkey()
    photo, around = photographed(monkey, tmp_path / "photo.png"), box(monkey)
    strip(NOTHING)
    done = bpy.ops.photopose.match_photo(filepath=str(photo), box=around, subdivisions=1, focal_source="LENS", lens=45)
    assert done == {"FINISHED"} and scene.camera.data.photo_pose.model == monkey
    warned = [line for line in capfd.readouterr().out.splitlines() if line.startswith("Warning")]
    assert len(warned) == 1 and '"Strip"' in warned[0]


def test_headless_lines_are_json_beside_wires(scene, views_folder, tmp_path):
    """The scene's models are all that it has; what cannot be matched is named on stderr, once."""
    monkey = add_monkey()
    photo, around = photographed(monkey, tmp_path / "photo.png"), [str(edge) for edge in box(monkey)]
    hoop(), cable(), strip(NOTHING)
    bpy.ops.wm.save_as_mainfile(filepath=str(tmp_path / "scene.blend"))
    given = "--blend", "scene.blend", "--photo", str(photo), "--views", "17", "--cache", str(views_folder)
    for command, listing in (("match", "results.jsonl"), ("which", "ranking.jsonl")):
        done = subprocess.run(
            [sys.executable, str(ROOT / "batch.py"), command, *given, "--out", "o", "--box", *around],
            env={**os.environ, "BLENDER_USER_RESOURCES": str(tmp_path)},
            cwd=tmp_path, capture_output=True, text=True, timeout=300, check=False,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        assert done.stderr.count('"Strip"') == 1 and "Warning" not in done.stderr
        (line,) = (tmp_path / "o" / listing).read_text().splitlines()
        line = json.loads(line, parse_constant=pytest.fail)
        assert (line["model"] if command == "match" else line["models"][0]["model"]) == "Suzanne"


def test_a_job_that_asks_for_what_was_left_out_is_told(scene, views_folder):
    """And it goes on with the others that it asks for; no name of nothing is overlooked."""
    sentences = []
    targets = finish(model_targets.prepare([add_monkey(), strip(NOTHING)], FEW, views_folder, sentences.append))
    for names in ("Strip", ["Suzanne", "Stirp"]):
        with pytest.raises(PoseError, match=r'"St.*p".*can be matched'):
            jobs.wanted(targets, names)
    assert [target.name for target in jobs.wanted(targets, ["Strip", "Suzanne"])] == ["Suzanne"]
