"""Which model is it, in Blender: a ranked list in the panel, models of a folder, and one click to match."""

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

bpy = pytest.importorskip("bpy")

from blender_state import differences, snapshot  # noqa: E402
from conftest import documented  # noqa: E402
from suzanne import add_monkey, box, photographed  # noqa: E402

from photo_pose.inference.errors import PoseError  # noqa: E402
from photo_pose.inference.photo.focal_length import SPREAD  # noqa: E402
from photo_pose.operators.models import add_folder, model_files
from photo_pose.operators.pictures import view_cache

ROOT = Path(__file__).resolve().parents[2]
QUICK = {"focal_source": "LENS", "lens": 45, "sensor": 36, "subdivisions": 1}


@pytest.fixture
def monkey(scene, views_folder, monkeypatch):
    """Suzanne between two other models."""
    monkeypatch.setattr(view_cache, "cache_folder", lambda: views_folder)
    bpy.ops.mesh.primitive_cone_add(location=(0, 0, 0))
    monkey = add_monkey()
    bpy.ops.mesh.primitive_torus_add(location=(-4, 0, 0))
    return monkey


@pytest.fixture
def photo(monkey, tmp_path):
    return photographed(monkey, tmp_path / "monkey.png")


def test_the_model_is_told_and_matched(monkey, photo, scene):
    before = snapshot()
    assert bpy.ops.photopose.which_model(filepath=str(photo), box=box(monkey), **QUICK) == {"FINISHED"}
    changed = {key for key in differences(before, snapshot()) if "photo_pose" not in key and not key.endswith(".users")}
    assert not changed
    answers = scene.photo_pose.answers
    assert [item.object for item in answers][0] == monkey and len(answers) == 3
    assert all(item.verified for item in answers) and answers[0].score > answers[1].score + 0.2
    assert [item.likely for item in answers] == [True, False, False]
    assert np.degrees(answers[0].azimuth) == pytest.approx(30, abs=12)  # of suzanne.TRUE
    name = answers[1].object.name
    options = {"model": name, "box": box(monkey), **QUICK}
    assert bpy.ops.photopose.match_photo(filepath=str(photo), **options) == {"FINISHED"}
    assert scene.photo_pose.result.startswith(f"{name}: ")
    bpy.ops.photopose.which_model(filepath=str(photo), box=box(monkey), network="regressor_lite0", **QUICK)
    assert [item.object for item in answers][0] == monkey and len(answers) == 3  # a regressor knows no models


def test_the_models_of_a_collection(monkey, photo, scene):
    some, none = bpy.data.collections.new("Some"), bpy.data.collections.new("None")
    for collection in (some, none):
        scene.collection.children.link(collection)
    for obj in scene.objects:
        if obj is not monkey:
            some.objects.link(obj)
    assert bpy.ops.photopose.which_model(filepath=str(photo), collection="Some", **QUICK) == {"FINISHED"}
    assert {item.object for item in scene.photo_pose.answers} == set(some.objects)
    for name, sentence in (("None", "has no model"), ("Other", 'no collection "Other"')):
        before = snapshot()
        with pytest.raises(RuntimeError, match=f"^Error: .*{sentence}.*\\n$"):
            bpy.ops.photopose.which_model(filepath=str(photo), collection=name, **QUICK)
        assert differences(before, snapshot()) == {}


def wedge(path: Path) -> None:
    path.write_text("v 0 0 0\nv 1 0 0\nv 0 1 0\nv 0 0 2\nf 1 3 2\nf 1 2 4\nf 2 3 4\nf 3 1 4\n")


def test_a_folder_of_models_is_added(scene, tmp_path):
    wedge(tmp_path / "b.obj")
    wedge(tmp_path / "a.obj")
    bpy.ops.mesh.primitive_cube_add()
    bpy.data.libraries.write(str(tmp_path / "c.blend"), {bpy.context.object})
    (tmp_path / "notes.txt").write_text("no model")
    assert bpy.ops.photopose.add_folder(directory=str(tmp_path)) == {"FINISHED"}
    assert [item.object.name for item in scene.photo_pose.models] == ["a", "b", "Cube.001"]


def test_a_folder_with_the_open_file_leaves_selection_and_mode(scene, tmp_path):
    wedge(tmp_path / "a.obj")
    bpy.ops.mesh.primitive_cube_add()
    bpy.ops.wm.save_as_mainfile(filepath=str(tmp_path / "open.blend"))
    bpy.ops.object.mode_set(mode="EDIT")
    before = snapshot()
    assert bpy.ops.photopose.add_folder(directory=str(tmp_path)) == {"FINISHED"}
    assert not differences(before, snapshot()).keys() & {"active", "selected", "mode"}
    assert [item.object.name for item in bpy.context.scene.photo_pose.models] == ["a"]
    with pytest.raises(PoseError, match="open.blend.*cannot be read"):
        model_files.import_models(bpy.context.scene, tmp_path / "open.blend")


def test_a_folder_that_cannot_be_used_leaves_nothing(scene, tmp_path):
    wedge(tmp_path / "a.obj")
    (tmp_path / "b.blend").write_text("broken")
    (tmp_path / "empty").mkdir()
    before = snapshot()
    for folder, sentence in ((tmp_path, "b.blend"), (tmp_path / "empty", "no model files"), ("", "Choose a folder")):
        with pytest.raises(RuntimeError, match=f"^Error: .*{sentence}.*\\n$"):
            bpy.ops.photopose.add_folder(directory=str(folder))
        assert differences(before, snapshot()) == {}
    assert model_files.model_files(tmp_path / "a.obj") == [tmp_path / "a.obj"]


@pytest.mark.parametrize("how", ["Esc", "error"])
def test_what_the_user_adds_while_a_folder_is_imported_stays(scene, tmp_path, how):
    for name in ("a", "b", "c"):
        wedge(tmp_path / f"{name}.obj")
    if how == "error":
        (tmp_path / "c.obj").write_text("")
    blocks = set(bpy.data.user_map())
    steps = add_folder.imported(scene, sorted(tmp_path.glob("*.obj")))
    next(steps)
    bpy.ops.mesh.primitive_cube_add()
    added = {bpy.context.object, bpy.context.object.data}
    added |= {bpy.data.materials.new("Of the user"), bpy.data.images.new("Of the user", 4, 4)}
    next(steps)
    bpy.data.objects.remove(scene.objects["a"])  # and what is gone is gone
    if how == "Esc":
        steps.close()
    else:
        with pytest.raises(PoseError, match="c.obj"):
            next(steps)
    assert set(bpy.data.user_map()) - blocks == added


def test_headless_which(monkey, photo, tmp_path):
    models = tmp_path / "models"
    models.mkdir()
    for obj in bpy.context.scene.objects:
        bpy.data.libraries.write(str(models / f"{obj.name}.blend"), {obj})
    environment = {**os.environ, "BLENDER_USER_RESOURCES": str(tmp_path / "blender")}
    edges = [str(edge) for edge in box(monkey)]
    command = [sys.executable, str(ROOT / "batch.py"), "which", "--cache", "cache", "--views", "17"]
    command += ["--photo", photo.name, "missing.png", "--box", *edges, "--model", "models", "--out", "out"]
    done = subprocess.run(
        command, cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=300, check=False
    )
    assert done.returncode == 1 and "Traceback" not in done.stderr and "'missing.png' does not exist" in done.stderr
    line, failed = (json.loads(text) for text in (tmp_path / "out/ranking.jsonl").read_text().splitlines())
    assert (line["status"], failed["status"], failed["models"]) == ("ok", "error", [])
    assert [model["model"] for model in line["models"]][0] == "Suzanne" and len(line["models"]) == 3
    assert {*line, *line["models"][0]} <= documented()
    for model in line["models"]:
        assert {"opencv", "azimuth", "elevation", "roll", "score", "likeness"} < set(model)
        assert model["focal_deviation"] == SPREAD  # nobody has looked for the lens
    assert (tmp_path / "out/monkey_overlay.png").is_file()
