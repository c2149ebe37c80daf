"""What is laid over the camera's view shows the photo and the model where they are, and leaves nothing behind."""

import re
from pathlib import Path

import numpy as np
import pytest

bpy = pytest.importorskip("bpy")
pytest.importorskip("PIL")

import gpu  # noqa: E402
from blender_state import differences, snapshot  # noqa: E402
from PIL import Image, ImageDraw  # noqa: E402
from suzanne import SIZE, TRUE, add_monkey, box, photographed  # noqa: E402

from photo_pose.inference.geometry import Box, in_unit_sphere
from photo_pose.inference.photo.image import load_photo  # noqa: E402
from photo_pose.operators.blender import cameras  # noqa: E402
from photo_pose.operators.blender.match_record import lines_without_of, switch_line  # noqa: E402
from photo_pose.operators.blender.models import evaluated  # noqa: E402
from photo_pose.operators.compare import compare_views
from photo_pose.operators.pictures import gpu_drawing, view_cache  # noqa: E402
from photo_pose.operators.pictures.camera_view import fitted  # noqa: E402
from photo_pose.operators.pictures.photo_over_view import PhotoOverlay  # noqa: E402

pytestmark = pytest.mark.skipif(not gpu_drawing.available(), reason="Blender finds no OpenGL here")
TARGET = (400, 300)
PLACE = Box(40, 30, 360, 270)  # of a photo as large as SIZE
BLUE_GREY, NOTHING = (60, 80, 120), 7.0


@pytest.fixture
def monkey(scene):
    return add_monkey()


@pytest.fixture
def drawn(monkey):
    """(H, W, 4) uint8, first row on top: what the monkey looks like to TRUE."""
    with evaluated(monkey) as model, gpu_drawing.drawing(model) as render:
        return render(in_unit_sphere(TRUE, model.sphere)).rgba.copy()


def saved(path: Path, picture: np.ndarray) -> Path:
    Image.fromarray(picture).save(path)
    return path


@pytest.fixture
def plain(tmp_path):
    return saved(tmp_path / "plain.png", np.full((*SIZE[::-1], 3), BLUE_GREY, np.uint8))


def shown(monkey, path: Path, view: str, place: Box = PLACE, **options) -> np.ndarray:
    """(H, W, 3) sRGB 0..255, first row on top: what is drawn into an empty target; NaN where nothing is."""
    with evaluated(monkey) as model:
        overlay = PhotoOverlay(load_photo(path), model)
    target = gpu.types.GPUTexture(TARGET, format="RGBA32F")
    buffer = gpu.types.GPUFrameBuffer(color_slots=[target])
    with buffer.bind():
        buffer.clear(color=[NOTHING] * 4)
        overlay.draw(view, TRUE, place, TARGET, **options)
        linear = gpu_drawing._pixels(buffer, TARGET, "FLOAT", np.float32)[::-1, :, :3].astype(float)
    return np.where(
        linear == NOTHING,
        np.nan,
        255 * np.where(linear > 0.0031308, 1.055 * linear ** (1 / 2.4) - 0.055, 12.92 * linear),
    )


def inside(picture: np.ndarray) -> np.ndarray:
    """The part of a target where the photo is, at PLACE."""
    return picture[30:270, 40:360]


def test_a_wipe_shows_the_photo_on_the_left_and_the_model_in_it_on_the_right(monkey, plain, drawn):
    seen = shown(monkey, plain, "WIPE", wipe=0.5)
    outside = np.ones(seen.shape[:2], bool)
    outside[30:270, 40:360] = False
    np.testing.assert_array_equal(np.isnan(seen).any(-1), outside)
    alpha = drawn[..., 3:] / 255
    model = drawn[..., :3] * alpha + np.array(BLUE_GREY) * (1 - alpha)
    left, right = inside(seen)[:, :158], inside(seen)[:, 162:]
    assert np.abs(left - BLUE_GREY).max() < 1.5
    assert np.abs(right - model[:, 162:]).max() < 1.5 and np.abs(model[:, 162:] - BLUE_GREY).max() > 50


def test_what_a_zoomed_view_shows_is_the_same(monkey, plain):
    whole = inside(shown(monkey, plain, "WIPE", wipe=0.0))
    zoomed = shown(monkey, plain, "WIPE", Box(-400, -300, 880, 660), wipe=0.0)  # four times as large
    assert np.isfinite(zoomed).all()
    smaller = zoomed.reshape(75, 4, 100, 4, 3).mean((1, 3))
    part = whole[90:165, 100:200]
    assert np.abs(smaller - part).mean() < 2 and part.std() > 20


def test_edges_are_orange_along_the_outline_and_blue_inside(monkey, plain, drawn):
    seen = inside(shown(monkey, plain, "EDGES"))
    solid = drawn[..., 3] >= 128
    orange = (seen[..., 0] > 200) & (seen[..., 2] < 80)
    blue = (seen[..., 2] > 200) & (seen[..., 0] < 100)
    near = np.stack([np.roll(solid, shift, axis) for shift in (-2, 2) for axis in (0, 1)])
    outline = near.any(0) & ~near.all(0)
    assert orange.sum() > 300 and outline[orange].mean() > 0.95
    assert blue.sum() > 100 and solid[blue].mean() > 0.99


def test_difference_is_grey_where_the_photo_shows_the_very_model(monkey, tmp_path, drawn):
    alpha = drawn[..., 3:] / 255
    photo = (drawn[..., :3] * alpha + 90 * (1 - alpha)).astype(np.uint8)
    darker = saved(tmp_path / "same.png", (0.8 * photo).astype(np.uint8))
    moved = saved(tmp_path / "moved.png", np.roll(photo, 6, axis=1))
    solid = drawn[..., 3] == 255
    off = [np.ptp(inside(shown(monkey, path, "DIFFERENCE")), axis=-1)[solid].mean() for path in (darker, moved)]
    assert off[0] < 15 and off[1] > 3 * off[0]


def test_a_photo_fits_into_any_frame():
    assert fitted((200, 100), Box(0, 0, 100, 100)) == (0, 25, 100, 75)
    assert fitted((100, 200), Box(10, 0, 110, 100)) == (35, 0, 85, 100)


@pytest.fixture
def camera(scene, plain):
    data = bpy.data.cameras.new("Own")
    scene.camera = bpy.data.objects.new("Own", data)
    scene.collection.objects.link(scene.camera)
    scene.camera[cameras.PHOTO] = str(plain)
    cameras.write_camera(scene, scene.camera, TRUE)
    return scene.camera


@pytest.fixture
def taken(monkey, camera, scene, tmp_path, views_folder, monkeypatch):
    """The camera of a photo of the monkey."""
    monkeypatch.setattr(view_cache, "cache_folder", lambda: views_folder)
    scene.photo_pose.subdivisions = 2
    camera[cameras.PHOTO] = str(photographed(monkey, tmp_path / "monkey.png"))
    return camera


def on_screen(scene) -> np.ndarray:
    """(H, W, 3) 0..1, linear: what the comparison that runs draws over a view that is as large as the photo."""
    target = gpu.types.GPUTexture(SIZE, format="RGBA32F")
    buffer = gpu.types.GPUFrameBuffer(color_slots=[target])
    with buffer.bind():
        compare_views._running[0].draw_over(scene, scene.camera, Box(0, 0, *SIZE), SIZE)
        return gpu_drawing._pixels(buffer, SIZE, "FLOAT", np.float32)[::-1, :, :3].copy()


def test_fit_is_blue_where_the_model_lies_right_and_not_where_it_is_off(taken, scene, drawn):
    told, pictures = [], []
    for way in (0.0, 0.12):
        taken.location.x += way
        bpy.context.view_layer.update()
        assert bpy.ops.photopose.compare(view="FIT") == {"FINISHED"}
        told.append(float(bpy.context.window_manager.photo_pose_compare.told.split("%")[0].split()[-1]))
        pictures.append(on_screen(scene))
    photo = (np.asarray(load_photo(taken[cameras.PHOTO]).image) / 255.0) ** 2.2
    model, beside = drawn[..., 3] == 255, drawn[..., 3] == 0
    red, _green, blue = np.stack([(picture - photo)[model].mean(0) for picture in pictures], -1)
    assert told[0] < 1 and told[1] > 3
    assert blue[0] > red[0] + 0.1 and red[1] > blue[1] + 0.1
    assert np.abs(pictures[0] - photo)[beside].mean() < 0.01


def test_fit_is_known_of_one_camera_only(taken, monkey, scene):
    """Elsewhere Edges take its place, and a sentence says so."""
    compared, stale = bpy.context.window_manager.photo_pose_compare, "Camera or model have changed: press Fit again"
    bpy.ops.photopose.compare(view="EDGES")
    assert compared.told == ""
    bpy.ops.photopose.compare(view="FIT")
    known, fits = compared.told, on_screen(scene)
    assert known.startswith("Off by ")
    taken.location.x += 0.05
    bpy.context.view_layer.update()
    assert compared.told == stale and compared.view == "FIT"
    moved = on_screen(scene)
    bpy.ops.photopose.compare(view="EDGES")
    np.testing.assert_array_equal(moved, on_screen(scene))
    taken.location.x -= 0.05
    bpy.ops.photopose.compare(view="FIT")
    np.testing.assert_array_equal(fits, on_screen(scene))
    bpy.ops.mesh.primitive_cube_add(location=(9, 9, 9))  # which has no part in it
    compare_views._renew()
    assert compared.told == known
    monkey.location.x += 0.05
    bpy.context.view_layer.update()
    compare_views._renew()
    assert compared.told == stale
    scene.camera = None
    assert compared.told == stale


@pytest.fixture
def on_tiles(taken, monkey):
    """The camera; in its photo the monkey is before a floor of tiles."""
    photo = load_photo(taken[cameras.PHOTO])
    floor, reach = photo.image.copy(), np.linspace(-4, 4, 17)
    for line in [[(at, -4, -1), (at, 4, -1)] for at in reach] + [[(-4, at, -1), (4, at, -1)] for at in reach]:
        ends = TRUE.project(np.array(monkey.location) + line)
        ImageDraw.Draw(floor).line([tuple(end) for end in ends], fill=(20, 20, 20), width=2)
    with evaluated(monkey) as model, gpu_drawing.drawing(model) as render:
        alpha = render(in_unit_sphere(TRUE, model.sphere)).rgba[..., 3]
    floor.paste(photo.image, mask=Image.fromarray(alpha))
    floor.save(photo.path)
    return taken


def test_lines_are_coloured_and_can_be_switched_off(on_tiles, scene):
    compared = bpy.context.window_manager.photo_pose_compare
    assert not bpy.ops.photopose.switch_lines.poll()
    assert bpy.ops.photopose.compare(view="LINES") == {"FINISHED"}
    upright, first, second, _others = (int(word) for word in re.findall(r"\d+", compared.told))
    assert upright < 3 and first > 3 and second > 3
    shown = compare_views.lines_shown(bpy.context)
    before, match = on_screen(scene), on_tiles.data.photo_pose
    segments = shown.lines.segments[shown.picture.belongs > 0]
    line = shown.nearest(segments[0].reshape(2, 2).mean(0) + 0.5, 3.0)
    np.testing.assert_allclose(line, segments[0])
    assert shown.nearest(np.array([-50.0, -50]), 3.0) is None
    switch_line(match, line, shown.camera.size)
    compare_views.renew_lines(bpy.context)
    np.testing.assert_allclose(lines_without_of(scene, Path(on_tiles[cameras.PHOTO])), [line], rtol=1e-6)
    assert compare_views.lines_shown(bpy.context).picture.belongs[shown.picture.belongs > 0][0] == -1
    assert np.abs(on_screen(scene) - before).max() > 0.1
    switch_line(match, line, shown.camera.size)
    compare_views.renew_lines(bpy.context)
    np.testing.assert_array_equal(on_screen(scene), before)
    assert not len(match.without_lines) and not len(lines_without_of(scene, Path("another.jpg")))
    on_tiles.location.x += 0.05
    bpy.context.view_layer.update()
    assert compared.told == "Camera or model have changed: press Lines again"
    assert compare_views.lines_shown(bpy.context) is None


def test_a_match_leaves_out_what_was_switched_off(on_tiles, monkey, scene):
    """And keeps that for the next one."""
    bpy.ops.photopose.compare(view="LINES")
    shown, match = compare_views.lines_shown(bpy.context), on_tiles.data.photo_pose
    given = {"filepath": on_tiles[cameras.PHOTO], "box": box(monkey), "subdivisions": 2, "method": "MATCH"}
    assert bpy.ops.photopose.match_photo(**given) == {"FINISHED"}
    assert "LINES" in match.candidates[0].lens_by and "the photo's lines" in scene.photo_pose.result
    for segment in shown.lines.segments[~shown.lines.own]:
        match.without_lines.add().ends = segment
    count = len(match.without_lines)
    assert bpy.ops.photopose.match_photo(**given) == {"FINISHED"}
    assert "LINES" not in match.candidates[0].lens_by and len(match.without_lines) == count


def test_whoever_looks_from_elsewhere_sees_it_too(monkey, camera):
    """It is drawn over the active camera's view, to which the view turns."""
    space = next(area for area in bpy.context.screen.areas if area.type == "VIEW_3D").spaces.active
    space.region_3d.view_perspective = "PERSP"
    assert bpy.ops.photopose.compare(view="EDGES") == {"FINISHED"}
    assert space.region_3d.view_perspective == "CAMERA"


def test_a_key_shows_it_and_takes_it_away(monkey, camera):
    space = next(area for area in bpy.context.screen.areas if area.type == "VIEW_3D").spaces.active
    shown = []
    for perspective in ("CAMERA", "CAMERA", "CAMERA", "PERSP"):  # from elsewhere it is not seen yet
        space.region_3d.view_perspective = perspective
        bpy.ops.photopose.compare(view="EDGES", toggle=True)
        shown.append(bpy.context.window_manager.photo_pose_compare.view)
    assert shown == ["EDGES", "PHOTO", "EDGES", "EDGES"]


def test_comparing_changes_nothing_in_the_scene_and_ends_without_a_trace(monkey, taken):
    handlers = bpy.app.handlers.depsgraph_update_post
    before, without = snapshot(), list(handlers)
    for view in ("EDGES", "DIFFERENCE", "FIT", "LINES", "BLINK"):
        assert bpy.ops.photopose.compare(view=view) == {"FINISHED"}
        assert bpy.context.window_manager.photo_pose_compare.view == view
        assert len(handlers) == len(without) + 1
    assert bpy.app.timers.is_registered(compare_views._blink)
    bpy.ops.photopose.compare(view="PHOTO")
    assert list(handlers) == without and not bpy.app.timers.is_registered(compare_views._blink)
    assert differences(before, snapshot()) == {}


def test_whoever_waits_for_a_file_after_us_is_called(monkey, camera):
    """Blender skips one where a handler takes itself off the list that is being walked."""
    called = []
    others = [lambda *_file, name=name: called.append(name) for name in ("first", "second", "third")]
    bpy.ops.photopose.compare(view="BLINK")
    for other in others:
        bpy.app.handlers.load_pre.append(other)
    bpy.ops.wm.read_homefile(use_factory_startup=True)
    assert called == ["first", "second", "third"]
    assert bpy.context.window_manager.photo_pose_compare.view == "PHOTO"


def test_another_file_ends_it(monkey, camera):
    bpy.ops.photopose.compare(view="BLINK")
    bpy.ops.wm.read_homefile(use_factory_startup=True)
    assert bpy.context.window_manager.photo_pose_compare.view == "PHOTO"
    assert not bpy.app.timers.is_registered(compare_views._blink)


def test_a_moved_model_is_taken_anew_and_a_moved_camera_is_not(monkey, camera):
    bpy.ops.photopose.compare(view="EDGES")
    camera.location.x += 1
    bpy.context.view_layer.update()
    assert not bpy.app.timers.is_registered(compare_views._renew)
    monkey.location.x += 1
    bpy.context.view_layer.update()
    assert bpy.app.timers.is_registered(compare_views._renew)
    bpy.data.objects.remove(monkey)
    compare_views._renew()  # nothing is left to compare
    assert bpy.context.window_manager.photo_pose_compare.view == "PHOTO"


def test_a_candidate_of_another_model_is_taken_anew(monkey, camera):
    bpy.ops.photopose.compare(view="EDGES")
    bpy.ops.mesh.primitive_cube_add(location=monkey.location)
    bpy.context.view_layer.update()
    compare_views._renew()
    bpy.app.timers.unregister(compare_views._renew)
    camera.data.photo_pose.model = bpy.context.object
    bpy.context.view_layer.update()
    assert bpy.app.timers.is_registered(compare_views._renew)
    compare_views._renew()
    assert compare_views._running[0].overlay.stage.sphere.radius == pytest.approx(3**0.5, rel=1e-3)  # the cube's


def test_a_camera_that_is_gone_ends_it(monkey, camera):
    bpy.ops.photopose.compare(view="EDGES")
    bpy.data.objects.remove(camera)
    compare_views._renew()
    assert bpy.context.window_manager.photo_pose_compare.view == "PHOTO"


def test_bad_input_gives_one_sentence(scene, camera, plain):
    with pytest.raises(RuntimeError, match="^Error: The scene has no model"):
        bpy.ops.photopose.compare(view="EDGES")
    add_monkey()
    plain.unlink()
    for view in ("EDGES", "FIT"):
        with pytest.raises(RuntimeError, match="^Error: .*does not exist"):
            bpy.ops.photopose.compare(view=view)
    del camera[cameras.PHOTO]
    with pytest.raises(RuntimeError, match="Match a camera to a photo first"):
        bpy.ops.photopose.compare(view="EDGES")
    assert bpy.context.window_manager.photo_pose_compare.view == "PHOTO"
