"""Nearest views are compared with nothing: how sure they are is not known, and nobody says anything else."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

bpy = pytest.importorskip("bpy")

from conftest import run  # noqa: E402
from suzanne import add_monkey, box, photographed  # noqa: E402

from photo_pose.inference.photo.focal_length import SPREAD  # noqa: E402
from photo_pose.inference.verify.confidence import UNVERIFIED  # noqa: E402
from photo_pose.operators.photos.save_contact_sheet import _cell  # noqa: E402
from photo_pose.operators.pictures import view_cache  # noqa: E402
from photo_pose.operators.pictures.model_targets import model_renderer  # noqa: E402

ROOT = Path(__file__).resolve().parents[2]
GIVEN = {"method": "KNN", "subdivisions": 1, "focal_source": "LENS", "lens": 45}


@pytest.fixture
def photo(scene, views_folder, tmp_path, monkeypatch):
    """Of the monkey in the scene."""
    monkeypatch.setattr(view_cache, "cache_folder", lambda: views_folder)
    return photographed(add_monkey(), tmp_path / "photo.png")


def test_a_match_by_nearest_views_is_not_verified(scene, photo, tmp_path):
    """With a box and without one; the panel, the sheet and the export say so, and no number."""
    for given in ({"box": box(bpy.data.objects["Suzanne"])}, {}):
        assert bpy.ops.photopose.match_photo(filepath=str(photo), **given, **GIVEN) == {"FINISHED"}
        match = scene.camera.data.photo_pose
        assert not match.verified and match.why == UNVERIFIED and len(match.candidates) == 1
    bpy.ops.photopose.export_cameras(directory=str(tmp_path), format="JSON")
    (line,) = json.loads((tmp_path / "cameras.json").read_text(), parse_constant=pytest.fail)
    assert line["confidence"] is None and line["score"] < 0
    item = scene.photo_pose.photos.add()
    item.name, item.path, item.camera, item.state = photo.name, str(photo), scene.camera, "MATCHED"
    with model_renderer() as renderer:
        assert _cell(scene, item, renderer).text == "Suzanne, not verified"
    bpy.ops.wm.save_as_mainfile(filepath=str(tmp_path / "scene.blend"))
    drawn = run(sys.executable, ROOT / "tests/draw_panels.py", tmp_path / "scene.blend")
    assert "Traceback" not in drawn and "DRAWN VIEW3D_PT_photo_pose_candidates" in drawn
    assert bpy.ops.photopose.match_photo(filepath=str(photo), box=match.box, **GIVEN | {"method": "MATCH"})
    assert scene.camera.data.photo_pose.verified and scene.camera.data.photo_pose.confidence > 0.5


@pytest.mark.parametrize("method", ["KNN", "VOTE"])
def test_a_lens_that_nobody_estimated_is_a_guess_everywhere(scene, photo, tmp_path, method):
    """Also after a refinement, which stays near it."""
    around = box(bpy.data.objects["Suzanne"])
    bpy.ops.photopose.match_photo(filepath=str(photo), box=around, method=method, subdivisions=1)
    assert "50.0 mm (guessed)" in scene.photo_pose.result
    deviations = [item.lens_deviation for item in scene.camera.data.photo_pose.candidates]
    assert deviations == pytest.approx([SPREAD] * len(deviations))
    bpy.ops.photopose.export_cameras(directory=str(tmp_path), format="JSON")
    (line,) = json.loads((tmp_path / "cameras.json").read_text())
    assert line["focal_deviation"] == pytest.approx(SPREAD) and line["focal_by"] == []
    assert bpy.ops.photopose.refine_camera(box=around, subdivisions=1, lock_lens=False) == {"FINISHED"}
    assert "mm (guessed)" in scene.photo_pose.result and "50.0 mm" not in scene.photo_pose.result


def test_headless_confidence_is_null(scene, photo, tmp_path, views_folder):
    around = [str(edge) for edge in box(bpy.data.objects["Suzanne"])]
    bpy.ops.wm.save_as_mainfile(filepath=str(tmp_path / "scene.blend"))
    given = "--blend", "scene.blend", "--photo", photo, "--views", "17", "--cache", views_folder, "--out", "o"
    done = subprocess.run(
        [sys.executable, ROOT / "batch.py", *given, "--box", *around, "--method", "knn", "--contact-sheet"],
        env={**os.environ, "BLENDER_USER_RESOURCES": str(tmp_path)},
        cwd=tmp_path, capture_output=True, text=True, timeout=300, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    line = json.loads((tmp_path / "o/results.jsonl").read_text(), parse_constant=pytest.fail)
    assert line["status"] == "ok" and line["confidence"] is None and np.isfinite(line["score"])
    assert line["focal_deviation"] == line["candidates"][0]["focal_deviation"] == SPREAD
    assert (tmp_path / "o/contact_sheet.png").is_file()
