"""Preferences reach the work; the self-test, the log and diagnostics tell how it goes."""

from __future__ import annotations

import logging
import re
import sys
from pathlib import Path

import numpy as np
import pytest

bpy = pytest.importorskip("bpy")

from blender_state import differences, snapshot  # noqa: E402
from conftest import REPOSITORY  # noqa: E402
from suzanne import add_monkey  # noqa: E402

from photo_pose.batch import main  # noqa: E402
from photo_pose.inference.errors import PoseError  # noqa: E402
from photo_pose.inference.geometry import Camera, intrinsics, look_at  # noqa: E402
from photo_pose.inference.networks import loading  # noqa: E402
from photo_pose.inference.networks.backends import DEVICES  # noqa: E402
from photo_pose.inference.steps import finish  # noqa: E402
from photo_pose.inference.views import view_options
from photo_pose.inference.views.retrieval import Index  # noqa: E402
from photo_pose.operators.blender.models import evaluated  # noqa: E402
from photo_pose.operators.pictures import gpu_drawing, rendered_views, view_cache
from photo_pose.operators.running import log, long_operator  # noqa: E402
from photo_pose.operators.support.copy_diagnostics import diagnostics  # noqa: E402
from photo_pose.operators.support.self_test import error_of, self_test  # noqa: E402


@pytest.fixture
def preferences(scene, views_folder):
    """With the training views of this file in a folder of their own; as they were afterwards."""
    chosen = bpy.context.preferences.addons[f"{REPOSITORY}.photo_pose"].preferences
    chosen.cache = str(views_folder)
    yield chosen
    for name in chosen.bl_rna.properties.keys():
        if name != "bl_idname":
            chosen.property_unset(name)


def test_the_self_test_passes_and_leaves_nothing(preferences, scene):
    before = snapshot()
    assert bpy.ops.photopose.self_test(seed=1) == {"FINISHED"}
    assert differences(before, snapshot()) == {}
    line = next(line for line in reversed(log.recent.lines) if "Self-test:" in line)
    degrees, pixels = map(float, re.search(r"seen ([\d.]+)° off and lies ([\d.]+) px off", line).groups())
    assert degrees < 10 and pixels < 20
    assert "Monkey" in line
    status = bpy.context.window_manager.photo_pose  # which the preferences show
    assert status.self_test.startswith("Self-test passed: ") and status.self_test_passed


def test_a_self_test_that_cannot_be_done_says_why(scene, monkeypatch):
    def refuse(*_arguments):
        raise PoseError("Pillow is missing.")

    monkeypatch.setattr(long_operator, "require_packages", refuse)
    with pytest.raises(RuntimeError, match="Pillow is missing"):
        bpy.ops.photopose.self_test()
    status = bpy.context.window_manager.photo_pose
    assert (status.self_test, status.self_test_passed) == ("Pillow is missing.", False)


def test_the_self_test_tells_a_wrong_camera():
    center, vertices = np.zeros(3), np.random.default_rng(1).normal(size=(50, 3))
    true = Camera(intrinsics(500, (480, 360)), look_at(np.array([0.0, -9, 0]), center), (480, 360))
    turned = true.placed(look_at(np.array([9.0, 0, 0]), center))
    assert error_of(true, true, center, vertices) == (0, 0)
    error = error_of(turned, true, center, vertices)
    assert error.degrees == pytest.approx(90) and error.pixels > 20


def test_the_self_test_takes_the_active_model_and_esc_leaves_nothing(preferences, scene):
    monkey = add_monkey()
    before = snapshot()
    steps = self_test(monkey, 3)
    next(steps)
    steps.close()
    assert differences(before, snapshot()) == {}


def test_every_device_can_be_chosen(preferences):
    assert tuple(preferences.bl_rna.properties["device"].enum_items.keys()) == DEVICES


def test_the_chosen_device_is_used(preferences, scene):
    preferences.device = "mps"
    for operator in (bpy.ops.photopose.self_test, bpy.ops.photopose.render_views):
        with pytest.raises(RuntimeError, match="device 'mps'"):
            add_monkey()
            operator()


@pytest.mark.parametrize(("option", "words"), [((), "device 'mps'"), (("--device", "numpy"), "makes no features")])
def test_options_of_the_headless_command_win(preferences, scene, tmp_path, capsys, option, words):
    preferences.device = "mps"
    add_monkey()
    assert main(["--photo", "photo.jpg", "--out", str(tmp_path), "--network", "u2netp", *option]) == 2
    assert words in capsys.readouterr().err


def test_the_chosen_engine_verifies(preferences, scene):
    with evaluated(add_monkey()) as model:
        assert gpu_drawing.preferable(model) == gpu_drawing.available()
        preferences.engine = "CYCLES"
        assert not gpu_drawing.preferable(model)


def test_drawn_views_stand_for_rendered_ones(preferences, scene, tmp_path):
    """Those that are kept serve whatever is preferred later: each is most like the other of the same direction."""
    if not gpu_drawing.available():
        pytest.skip("Blender finds no OpenGL here")
    options, kept = view_options.ViewOptions(subdivisions=1), []
    with evaluated(add_monkey()) as model:
        for engine in ("AUTO", "CYCLES"):
            preferences.engine = engine
            assert gpu_drawing.faithful(model) == (engine == "AUTO")
            kept.append(finish(rendered_views.model_templates(model, options, tmp_path / engine)))
    drawn, rendered = kept
    both = drawn.covered & rendered.covered
    assert both.sum() > 0.95 * max(drawn.covered.sum(), rendered.covered.sum())
    apart = np.linalg.norm(drawn.points - rendered.points, axis=-1)[both]
    assert np.isnan(apart).mean() < 0.1 and np.nanpercentile(apart, 95) < 0.01
    alike = Index(drawn).coarse @ Index(rendered).coarse.T
    np.testing.assert_array_equal(alike.argmax(0), np.arange(len(alike)))


def test_the_graphics_card_draws_other_materials_in_their_plain_colour(preferences, scene):
    if not gpu_drawing.available():
        pytest.skip("Blender finds no OpenGL here")
    monkey = add_monkey()
    glowing = bpy.data.materials.new("Glowing")
    glowing.use_nodes, glowing.diffuse_color = True, (0, 0, 1, 1)
    glowing.node_tree.nodes["Principled BSDF"].inputs["Emission Strength"].default_value = 1
    for slot in monkey.material_slots:
        slot.material = glowing
    with evaluated(monkey) as model:
        assert not gpu_drawing.preferable(model)
        preferences.engine = "GPU"
        assert gpu_drawing.preferable(model)
        with gpu_drawing.drawing(model) as render:
            camera = rendered_views.template_view(np.array([0.0, -1, 0]), rendered_views._outline(model))
            view = render(camera)
    shown = view.rgba[view.rgba[..., 3] == 255][:, :3].mean(0)
    assert shown[2] > 100 > 50 > shown[0]


def test_a_cache_that_cannot_be_written_is_told_before_anything_is_rendered(preferences, scene, tmp_path):
    (tmp_path / "file").write_text("in the way")
    preferences.cache = str(tmp_path / "file")
    with evaluated(add_monkey()) as model:
        steps = rendered_views.model_templates(
            model, view_options.ViewOptions(subdivisions=0), view_cache.cache_folder()
        )
        with pytest.raises(PoseError, match=r'file", cannot be written .*; choose another one in the preferences'):
            next(steps)


@pytest.mark.parametrize("damage", [None, b"", b"PK\x03\x04"])
def test_missing_and_damaged_weights_are_told(damage, tmp_path, monkeypatch):
    monkeypatch.setattr(loading, "WEIGHTS", tmp_path)
    if damage is not None:
        (tmp_path / "u2netp.npz").write_bytes(damage)
    with pytest.raises(PoseError, match='^"u2netp.npz" of Photo Pose is missing or damaged; install .*again.$'):
        loading.bundled("u2netp")


def test_diagnostics_tell_versions_and_the_last_lines_but_not_who_you_are(preferences, scene):
    with pytest.raises(RuntimeError, match="Choose a photo first"):
        bpy.ops.photopose.match_photo()
    text = diagnostics()
    for words in (
        "Photo Pose 0.",
        f"Blender {bpy.app.version_string}",
        "\ntorch",
        "Networks on: ",
        "device 'auto'",
        "Choose a photo first",
    ):
        assert words in text
    assert str(Path.home()) not in text
    assert bpy.ops.photopose.copy_diagnostics() == {"FINISHED"}


def test_diagnostics_tell_what_runs_the_networks_as_the_user_wants(preferences):
    pytest.importorskip("torch")
    said = {}
    for device in ("numpy", "cpu", "mps"):
        preferences.device = device
        said[device] = next(line for line in diagnostics().splitlines() if line.startswith("Networks on"))
    assert said["numpy"].startswith("Networks on: numpy with ") and said["cpu"].startswith("Networks on: cpu with ")
    assert said["mps"].startswith(("Networks on: none (This computer or its PyTorch has no", "Networks on: mps with "))


def test_the_log_prints_as_much_as_is_wanted(preferences, capsys, monkeypatch):
    monkeypatch.setattr(log.terminal, "stream", sys.stderr)
    log.LOG.info("unheard")
    log.LOG.warning("trouble")
    preferences.log_level = "DEBUG"
    log.LOG.debug("detail")
    assert capsys.readouterr().err == "photo_pose: trouble\nphoto_pose: detail\n"
    assert [line.split(" ", 1)[1] for line in list(log.recent.lines)[-2:]] == ["INFO unheard", "WARNING trouble"]
    assert logging.getLogger("photo_pose").handlers.count(log.terminal) == 1
