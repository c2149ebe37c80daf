"""The gallery of training views: pictures in the cache, the view sphere on screen, and clearing the cache."""

import os
import shutil
import time

import numpy as np
import pytest

bpy = pytest.importorskip("bpy")
Image = pytest.importorskip("PIL.Image")

from blender_state import differences, snapshot  # noqa: E402
from mathutils import Matrix  # noqa: E402
from suzanne import add_monkey  # noqa: E402

from photo_pose.inference.steps import finish  # noqa: E402
from photo_pose.inference.views import thumbnails, view_options
from photo_pose.inference.views.crops import template_view  # noqa: E402
from photo_pose.operators.blender.models import evaluated  # noqa: E402
from photo_pose.operators.pictures import rendered_views, view_cache
from photo_pose.operators.pictures.rendering import studio  # noqa: E402
from photo_pose.operators.training_views.browse_views import Gallery, ViewRegion, look_from  # noqa: E402

FEW = view_options.ViewOptions(subdivisions=0)


@pytest.fixture
def folder(scene, tmp_path, monkeypatch):
    monkeypatch.setattr(view_cache, "cache_folder", lambda: tmp_path)
    return tmp_path


def test_pictures_of_cached_views_are_those_views(folder):
    with evaluated(add_monkey()) as model, studio(model) as render:
        finish(rendered_views.model_templates(model, FEW, folder))
        file = view_cache.cached_file(model, FEW, folder)
        assert file.exists()
        outline = (model.vertices - model.sphere.center) / model.sphere.radius
        renders = [Image.fromarray(render(template_view(direction, outline)).rgb) for direction in FEW.directions]
    shown, kept = (
        np.stack([np.array(picture.resize((16, 16))) for picture in pictures]).astype(float)
        for pictures in (renders, [thumbnails.thumbnail(file, view) for view in range(len(renders))])
    )
    off = np.abs(kept[:, None] - shown).mean((2, 3, 4))
    np.testing.assert_array_equal(off.argmin(1), np.arange(len(renders)))
    assert thumbnails.thumbnail(folder / "none.npz", 0) is None


def test_only_our_files_are_deleted(folder):
    for name in (
        "0" * 24 + ".npz",
        "0" * 24 + ".png",
        "f" * 24 + ".123@render-7.npz",
        "notes.txt",
        "photo.png",
        "0123.npz",
    ):
        (folder / name).write_text("x" * 500_000)
    assert bpy.context.window_manager.photo_pose_cache == "2 cached, 1.5 MB"
    before = snapshot()
    assert bpy.ops.photopose.clear_cache() == {"FINISHED"}
    assert {path.name for path in folder.iterdir()} == {"notes.txt", "photo.png", "0123.npz"}
    assert bpy.context.window_manager.photo_pose_cache == "0 cached, 0.0 MB"
    assert not differences(before, snapshot())


def test_the_cache_s_size_is_known_again_after_every_change(folder):
    """Also when it was looked at long after the last one, so that the answer was kept."""

    def told() -> str:
        old = folder.stat().st_mtime_ns - 10 * view_cache.SETTLED
        os.utime(folder, ns=(old, old))
        return bpy.context.window_manager.photo_pose_cache

    file, other = folder / ("0" * 24 + ".npz"), folder / ("f" * 24 + ".npz")
    assert told() == "0 cached, 0.0 MB"
    file.write_bytes(b"x" * 500_000)
    assert bpy.context.window_manager.photo_pose_cache == told() == told() == "1 cached, 0.5 MB"
    view_cache.store(file, lambda opened: opened.write(b"x" * 900_000))
    assert bpy.context.window_manager.photo_pose_cache == told() == "1 cached, 0.9 MB"
    for size in range(1, 20):  # within what is the same time to the disk
        view_cache.store(other, lambda opened, size=size: opened.write(b"x" * 100_000 * size))
        assert bpy.context.window_manager.photo_pose_cache == f"2 cached, {0.9 + size / 10:.1f} MB"
    shutil.rmtree(folder)
    assert bpy.context.window_manager.photo_pose_cache == "0 cached, 0.0 MB"


def test_a_cache_that_cannot_be_cleared_is_told_in_one_sentence(folder):
    (folder / ("0" * 24 + ".npz")).mkdir()
    with pytest.raises(RuntimeError, match="^Error: The training views in .* cannot be deleted .*\\n$"):
        bpy.ops.photopose.clear_cache()


def test_unloading_frees_what_networks_take(scene):
    """What other tests still use stays."""
    from photo_pose.inference.networks.loading import bundled, load_network
    from photo_pose.inference.networks.memory import network_bytes, unload_networks

    unload_networks()
    used = network_bytes()
    network = load_network("u2netp")
    size = sum(parameters.nbytes for parameters in bundled("u2netp").values())
    assert network_bytes() == used + size and size > 4e6
    assert bpy.context.window_manager.photo_pose_networks == f"Networks: {(used + size) / 1e6:.1f} MB"
    del network
    assert bpy.ops.photopose.unload_networks() == {"FINISHED"}
    assert network_bytes() == used
    if not used:
        with pytest.raises(RuntimeError, match="No network is in memory"):
            bpy.ops.photopose.unload_networks()


def test_what_networks_take_is_told_at_once(scene):
    """At every redraw; their parameters, hundreds, were counted anew each time, which took 200 ms here."""
    from photo_pose.inference.networks.loading import bundled, load_network
    from photo_pose.inference.networks.memory import network_bytes

    size = sum(parameters.nbytes for parameters in bundled("u2netp").values())
    kept = [load_network(name) for name in ("u2netp", "efficientnet_lite0")]
    network_bytes()
    began = time.thread_time()
    for _redraw in range(100):
        assert network_bytes() > size
    assert time.thread_time() - began < 0.1 and kept


def test_the_view_under_the_mouse_is_the_one_looked_from(folder, scene):
    add_monkey()
    scene.photo_pose.subdivisions = 2
    before = snapshot()
    gallery = Gallery(scene)
    (area,) = (area for area in bpy.context.screen.areas if area.type == "VIEW_3D")
    view_3d = area.spaces.active.region_3d
    assert not differences(before, snapshot())
    perspective = Matrix(((2, 0, 0, 0), (0, 3, 0, 0), (0, 0, -1, -0.2), (0, 0, -1, 0)))
    parallel = Matrix(((0.2, 0, 0, 0), (0, 0.3, 0, 0), (0, 0, -0.01, 0), (0, 0, 0, 1)))
    for view in (3, 30):
        look_from(view_3d, gallery.sphere, gallery.directions[view])
        turn = view_3d.view_rotation.to_matrix().to_4x4()
        np.testing.assert_allclose(np.array(turn.col[2])[:3], gallery.directions[view], atol=1e-5)
        # without a window nobody works out the matrices
        place = Matrix.Translation(view_3d.view_location) @ turn @ Matrix.Translation((0, 0, view_3d.view_distance))
        for lens, eye in (perspective, place.translation), (parallel, 1e6 * turn.col[2].xyz):
            shown = ViewRegion(1, (100, 50), (600, 400), np.array(lens @ place.inverted()), np.array(eye))
            gallery.hover(shown, 100 + 300 + 3, 50 + 200 - 2)
            assert gallery.hovered == view  # the model is in the middle, and so is the view on its near side
            gallery.hover(shown, 103, 53)
            assert gallery.hovered is None


def test_a_gallery_needs_a_3d_view(scene):
    with pytest.raises(RuntimeError, match="Use this in a 3D view"):
        bpy.ops.photopose.browse_views("INVOKE_DEFAULT")
