"""The operators: a known camera is found again, the scene gets just that camera, and every refusal is one sentence."""

import json
import re
import sys
from dataclasses import fields
from types import SimpleNamespace

import numpy as np
import pytest

bpy = pytest.importorskip("bpy")

from blender_state import differences, snapshot  # noqa: E402
from bpy_extras.object_utils import world_to_camera_view  # noqa: E402
from mathutils import Vector  # noqa: E402
from PIL import Image  # noqa: E402
from suzanne import PLACE, SIZE, TRUE, add_monkey, box, photographed, vertices  # noqa: E402
from test_nudge import invoked  # noqa: E402

from photo_pose.batch import main  # noqa: E402
from photo_pose.inference import matching  # noqa: E402
from photo_pose.inference.geometry import Box, angle_between, look_at  # noqa: E402
from photo_pose.inference.photo.focal_length import SPREAD  # noqa: E402
from photo_pose.inference.photo.overlay_picture import intersection_over_union  # noqa: E402
from photo_pose.inference.steps import Work, finish  # noqa: E402
from photo_pose.inference.views.crops import template_view  # noqa: E402
from photo_pose.inference.views.view_options import ViewOptions  # noqa: E402
from photo_pose.operators.blender import cameras, match_record
from photo_pose.operators.blender.models import evaluated  # noqa: E402
from photo_pose.operators.compare import compare_views
from photo_pose.operators.photo.match_photo import PHOTOPOSE_FH_photo  # noqa: E402
from photo_pose.operators.photo.point_and_match import PHOTOPOSE_FH_point  # noqa: E402
from photo_pose.operators.pictures import gpu_drawing, rendered_views, view_cache  # noqa: E402
from photo_pose.operators.pictures.rendering import studio  # noqa: E402
from photo_pose.operators.training_views.train_regressor import train_on  # noqa: E402


@pytest.fixture
def monkey(scene, views_folder, monkeypatch):
    monkeypatch.setattr(view_cache, "cache_folder", lambda: views_folder)
    return add_monkey()


@pytest.fixture
def photo(monkey, tmp_path):
    return photographed(monkey, tmp_path / "monkey.png")


def match(photo, monkey, **options):
    given = {
        "box": box(monkey),
        "focal_source": "LENS",
        "lens": 45,
        "sensor": 36,
        "subdivisions": 2,
        **options,
    }
    return bpy.ops.photopose.match_photo(filepath=str(photo), **given)


def test_the_camera_is_found_and_written(monkey, photo, scene):
    assert scene.camera is None
    assert match(photo, monkey) == {"FINISHED"}
    found = cameras.read_camera(scene, scene.camera, SIZE)
    center = np.array(monkey.matrix_world.translation)
    assert np.degrees(angle_between(found.position - center, TRUE.position - center)) < 8
    points = vertices(monkey)
    off = np.linalg.norm(found.project(points) - TRUE.project(points), axis=1).mean()
    left, _top, right, _bottom = box(monkey)
    assert off < 0.04 * (right - left)
    data = scene.camera.data
    assert (data.sensor_fit, data.lens / data.sensor_width) == ("VERTICAL", pytest.approx(400 / 320))
    assert "azimuth" in scene.photo_pose.result and "lens 45.0 mm," in scene.photo_pose.result
    slot = scene.camera.data.background_images[0]
    assert bpy.path.abspath(slot.image.filepath) == str(photo) and slot.frame_method == "FIT"


def test_an_unknown_lens_is_estimated_or_called_a_guess(monkey, photo, scene):
    assert match(photo, monkey, focal_source="PHOTO") == {"FINISHED"}
    told = re.search(r"lens ([\d.]+) mm (?:± (\d+) %| ?\(guessed\))", scene.photo_pose.result)
    assert told[2] is None or 0.5 < float(told[1]) / 45 < 2 and 0 < float(told[2]) < 100 * SPREAD


def test_only_the_camera_is_added(monkey, photo, scene):
    bpy.ops.object.mode_set(mode="EDIT")
    before = snapshot()
    assert match(photo, monkey) == {"FINISHED"}
    assert bpy.context.mode == "EDIT_MESH"
    changed = {key for key in differences(before, snapshot()) if "monkey" not in key}
    allowed = (
        "scenes[Scene].camera",
        "scenes[Scene].photo_pose.result",
        "scenes[Scene].collection",
        "scenes[Scene].objects",
        "objects[Suzanne].users",  # the camera remembers its model
    )
    surprising = {key for key in changed if not key.startswith(allowed)}
    assert not {key for key in surprising if "all_objects" not in key and "view_layers" not in key}


def test_a_model_on_its_back_is_told(monkey, photo, capfd):
    """Its file was read with another axis up."""
    where = box(monkey)
    monkey.rotation_euler.x = np.pi / 2
    bpy.context.view_layer.update()
    match(photo, monkey, box=where, stands="AUTOMATIC", subdivisions=0)
    assert 'Warning: "Suzanne" lies in this photo' in capfd.readouterr().out


def test_a_camera_that_cannot_keep_a_pose_is_named(monkey, photo, scene, capfd):
    """It stays as it is, and the user is told why there is another one."""
    match(photo, monkey, method="KNN")
    assert "new camera" not in capfd.readouterr().out  # there was none
    own = scene.camera
    del own[cameras.PHOTO]
    own.constraints.new("TRACK_TO")
    scene.photo_pose.photo = str(photo)
    assert scene.photo_pose_passed_over == f"{own.name} is constrained: the match makes a new one"
    match(photo, monkey, method="KNN")
    assert scene.photo_pose_passed_over == ""
    told = capfd.readouterr().out
    assert (
        scene.camera != own
        and f"Warning: {own.name} is constrained and stays as it is: {scene.camera.name} is a new camera" in told
    )
    match(photo, monkey, method="KNN")
    assert "new camera" not in capfd.readouterr().out  # the photo has its own now


def test_of_several_listed_models_the_recognised_one_is_left(monkey, photo, scene, capfd):
    bpy.ops.mesh.primitive_cube_add(location=(0, 0, 0))
    other = bpy.context.object
    for obj in (monkey, other):
        scene.photo_pose.models.add().object = obj
    match(photo, monkey, method="KNN")
    best = scene.camera.data.photo_pose.model
    assert "other listed models are hidden" in capfd.readouterr().out
    assert [obj.hide_get() for obj in (monkey, other)] == [best != monkey, best != other]
    size = scene.camera.data.display_size
    assert size == pytest.approx(0.5 * np.linalg.norm(vertices(best) - vertices(best).mean(0), axis=1).max(), rel=0.3)


def test_the_same_photo_updates_the_same_camera(monkey, photo, scene):
    match(photo, monkey)
    camera, counts = scene.camera, (len(bpy.data.objects), len(bpy.data.cameras), len(bpy.data.images))
    matrix = camera.matrix_world.copy()
    camera.location.x += 1
    assert not scene.photo_pose.photo and not any(scene.photo_pose.box)
    match(photo, monkey, remember=True)
    assert scene.photo_pose.photo == str(photo) and tuple(scene.photo_pose.box) == pytest.approx(box(monkey), rel=1e-5)
    assert scene.camera == camera
    assert (len(bpy.data.objects), len(bpy.data.cameras), len(bpy.data.images)) == counts
    np.testing.assert_allclose(np.array(camera.matrix_world), np.array(matrix), atol=1e-5)


@pytest.mark.skipif(not gpu_drawing.available(), reason="Blender finds no OpenGL here")
def test_a_match_ends_in_edges_for_whoever_looks(monkey, photo, scene, monkeypatch):
    """Undone wholly, and not where another view is on."""
    compared, quickly = bpy.context.window_manager.photo_pose_compare, {"method": "KNN"}
    match(photo, monkey, **quickly)
    assert compared.view == "PHOTO"  # nobody looks, in the background
    bpy.data.objects.remove(scene.camera)
    monkeypatch.setattr(compare_views, "watched", lambda: True)
    bpy.ops.ed.undo_push(message="before")
    match(photo, monkey, **quickly)
    assert compared.view == "EDGES"
    bpy.ops.ed.undo_push(message="matched")
    bpy.ops.ed.undo()
    assert bpy.context.scene.camera is None and compared.view == "PHOTO"
    monkey = bpy.data.objects["Suzanne"]
    match(photo, monkey, **quickly)
    bpy.ops.photopose.compare(view="WIPE")
    match(photo, monkey, **quickly)
    bpy.ops.photopose.take_candidate(index=0)
    assert compared.view == "WIPE"


def test_the_same_evidence_gives_the_same_confidence(monkey, photo, scene):
    """A box that was found is shown, but not given to the next match; one that is drawn is."""
    settings, confidences = scene.photo_pose, []
    for _ in range(2):
        assert match(photo, monkey, box=settings.known_box, remember=True) == {"FINISHED"}
        assert settings.box_found and any(settings.box) and scene.camera.data.photo_pose.box_found
        confidences.append(scene.camera.data.photo_pose.confidence)
    assert confidences[1] == pytest.approx(confidences[0], abs=1e-4)
    settings.box = box(monkey)
    match(photo, monkey, box=settings.known_box, remember=True)
    assert not settings.box_found and not scene.camera.data.photo_pose.box_found
    assert scene.camera.data.photo_pose.confidence > confidences[0]


def test_photos_are_dropped_only_where_models_are_listed(monkey, scene):
    (area,) = (area for area in bpy.context.screen.areas if area.type == "VIEW_3D")
    handlers = PHOTOPOSE_FH_photo, PHOTOPOSE_FH_point

    def offered() -> list[bool]:
        return [handler.poll_drop(bpy.context) for handler in handlers]

    with bpy.context.temp_override(area=area):
        assert offered() == [False, False]
        scene.photo_pose.models.add().object = monkey
        assert offered() == [True, True]
    with bpy.context.temp_override(area=next(area for area in bpy.context.screen.areas if area.type == "OUTLINER")):
        assert offered() == [False, False]


@pytest.mark.skipif(not gpu_drawing.available(), reason="Blender finds no OpenGL here")
def test_esc_keeps_a_dropped_photo_in_the_panel(photo, scene, monkeypatch):
    scene.photo_pose.photo, scene.photo_pose.box = "/other.png", (1, 2, 30, 40)
    pointing = invoked("point_and_match", monkeypatch, filepath=str(photo))
    assert scene.photo_pose.photo == "/other.png"
    assert pointing.follow(bpy.context, SimpleNamespace(type="ESC")) == {"FINISHED"}  # and so a step of undo
    assert scene.photo_pose.photo == str(photo) and not any(scene.photo_pose.box)
    assert scene.camera is None and not scene.photo_pose.result


def test_the_lens_of_the_active_camera_is_used(monkey, photo, scene):
    data = bpy.data.cameras.new("Own")
    scene.camera = bpy.data.objects.new("Own", data)
    scene.collection.objects.link(scene.camera)
    scene.render.resolution_x, scene.render.resolution_y = SIZE
    data.lens = 45
    assert match(photo, monkey, focal_source="CAMERA", lens=10) == {"FINISHED"}
    assert cameras.read_camera(scene, scene.camera, SIZE).focal == pytest.approx(400, rel=1e-4)
    assert scene.camera.name == "Own"


@pytest.mark.parametrize("own_size", [False, True])
def test_a_typed_lens_is_the_camera_s_and_the_panel_s(monkey, photo, scene, own_size):
    """Whatever the sensor: 35 mm on 28 mm is what 45 mm on 36 mm is."""
    match(photo, monkey, lens=35, sensor=28, use_photo_size=own_size)
    for index in (0, 1):
        assert scene.camera.data.lens == pytest.approx(35)
        assert "lens 35.0 mm" in scene.photo_pose.result
        assert cameras.read_camera(scene, scene.camera, SIZE).focal == pytest.approx(400, rel=1e-5)
        bpy.ops.photopose.take_candidate(index=index)
    assert (scene.camera.data.sensor_width, scene.camera.data.sensor_height) == pytest.approx((28, 21), rel=1e-5)
    bpy.ops.photopose.export_cameras(directory=str(photo.parent))
    (line,) = json.loads((photo.parent / "cameras.json").read_text())
    assert (line["camera"]["lens"], line["camera"]["sensor_width"]) == pytest.approx((35, 28))
    for shape, fit in (((300, 700), "AUTO"), ((700, 300), "VERTICAL"), ((240, 320), "HORIZONTAL")):
        (scene.render.resolution_x, scene.render.resolution_y), scene.camera.data.sensor_fit = shape, fit
        bpy.ops.photopose.take_candidate(index=0)
        assert scene.camera.data.lens == pytest.approx(35)
        assert cameras.read_camera(scene, scene.camera, SIZE).focal == pytest.approx(400, rel=1e-5)


@pytest.mark.parametrize("fit", ["AUTO", "HORIZONTAL", "VERTICAL"])
def test_all_of_the_active_camera_s_lens_is_used(monkey, photo, scene, fit):
    """Its shift and sensor, in a render of another shape, with pixels that are not square."""
    data, render = bpy.data.cameras.new("Own"), scene.render
    scene.camera = bpy.data.objects.new("Own", data)
    scene.collection.objects.link(scene.camera)
    render.resolution_x, render.resolution_y, render.pixel_aspect_x = 500, 400, 1.5
    data.sensor_fit, data.sensor_width, data.sensor_height, data.lens = fit, 30, 20, 35
    data.shift_x, data.shift_y = 0.04, -0.06
    rays = np.array([[0.1, 0.2, -1], [-0.3, 0.1, -1], [0.2, -0.25, -1]])

    def seen() -> np.ndarray:
        """Where Blender itself sees what lies on the rays, px of the photo, which fills the render's height."""
        matrix = scene.camera.matrix_world.normalized()
        places = (world_to_camera_view(scene, scene.camera, matrix @ Vector(ray)) for ray in rays)
        across, up = np.array([(place.x, place.y) for place in places]).T
        return np.stack([160 + (across - 0.5) * 240 * 500 * 1.5 / 400, 240 * (1 - up)], -1)

    bpy.context.view_layer.update()
    before = seen()
    match(photo, monkey, focal_source="CAMERA")
    np.testing.assert_allclose(seen(), before, atol=0.01)
    camera = match_record.read_pose(data.photo_pose.candidates[-1], SIZE)
    np.testing.assert_allclose(camera.placed(np.eye(4)).project(rays * [1, -1, -1]), before, atol=0.01)
    assert data.lens == pytest.approx(35) and "lens 35.0 mm" in scene.photo_pose.result
    assert data.sensor_height == pytest.approx(20 if fit == "VERTICAL" else 30 * 400 / 750)


def test_render_size_is_set_on_request(monkey, photo, scene):
    match(photo, monkey, use_photo_size=True)
    assert (scene.render.resolution_x, scene.render.resolution_y) == SIZE


def test_the_paper_s_recipe_runs(monkey, photo, scene):
    match(photo, monkey, method="KNN")
    found = cameras.read_camera(scene, scene.camera, SIZE)
    assert np.degrees(angle_between(found.position - PLACE, TRUE.position - PLACE)) < 30


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"filepath": ""}, "Choose a photo first"),
        ({"filepath": "missing.jpg"}, "/missing.jpg' does not exist"),
        ({"box": (400, 10, 500, 90)}, "outside the photo"),
        ({"box": (90, 10, 20, 90)}, "box is empty"),
        ({"box": (90, 10, 93, 90)}, "box is too small"),
        ({"box": (float("nan"), 10, 93, 90)}, "four numbers"),
        ({"lens": float("nan")}, "focal length must be a positive"),
        ({"lens": -5.0}, "focal length must be a positive"),
        ({"focal_source": "CAMERA"}, "no active camera"),
    ],
)
def test_bad_input_gives_one_sentence_and_changes_nothing(monkey, photo, options, sentence):
    before = snapshot()
    with pytest.raises(RuntimeError, match=f"^Error: .*{sentence}.*\\n$"):
        bpy.ops.photopose.match_photo(
            **{
                "filepath": str(photo),
                "box": box(monkey),
                "focal_source": "LENS",
                "subdivisions": 0,
                **options,
            }
        )
    assert differences(before, snapshot()) == {}


def test_a_missing_package_is_named(monkey, photo, monkeypatch):
    monkeypatch.setitem(sys.modules, "PIL", None)  # makes its import fail
    before = snapshot()
    for operator in (bpy.ops.photopose.match_photo, bpy.ops.photopose.render_views):
        with pytest.raises(RuntimeError, match="^Error: Photo Pose needs Pillow, .*install the extension again.*\\n$"):
            operator()
    assert differences(before, snapshot()) == {}


def test_training_views_are_rendered_ahead(monkey, scene, views_folder):
    before = snapshot()
    assert bpy.ops.photopose.render_views(subdivisions=1, stands="ANY_WAY") == {"FINISHED"}
    assert differences(before, snapshot()) == {}
    files = set(views_folder.iterdir())
    bpy.ops.photopose.render_views(subdivisions=1, stands="ANY_WAY")
    assert set(views_folder.iterdir()) == files


def test_of_views_from_all_around_those_from_above_are_not_rendered_again(monkey, scene, tmp_path, monkeypatch):
    """And they are the same as if all had been rendered at once."""
    rendered, make = [], rendered_views.template_view
    monkeypatch.setattr(rendered_views, "template_view", lambda *seen: rendered.append(seen) or make(*seen))
    options = ViewOptions(subdivisions=1)
    everywhere = options._replace(sphere="FULL")
    with evaluated(monkey) as model:
        finish(rendered_views.model_templates(model, options, tmp_path / "one"))
        joined = finish(rendered_views.model_templates(model, everywhere, tmp_path / "one"))
        assert len(rendered) == len(everywhere.directions)
        at_once = finish(rendered_views.model_templates(model, everywhere, tmp_path / "two"))
        files = [view_cache.cached_file(model, everywhere, tmp_path / name) for name in ("one", "two")]
    for field in fields(at_once):
        np.testing.assert_array_equal(getattr(joined, field.name), getattr(at_once, field.name))
    sheets = [np.array(Image.open(file.with_suffix(".png"))) for file in files]
    np.testing.assert_array_equal(*sheets)


def test_a_model_that_does_not_stand_is_found_and_its_lower_views_are_rendered_only_then(
    monkey, scene, tmp_path, monkeypatch
):
    """Automatic, as everywhere by default."""
    monkeypatch.setattr(view_cache, "cache_folder", lambda: tmp_path / "views")
    match(photographed(monkey, tmp_path / "upright.png"), monkey)
    assert scene.camera.data.photo_pose.confidence > matching.SURE
    views = len(list((tmp_path / "views").glob("*.npz")))
    below = TRUE.placed(look_at(np.array([1.0, -3.0, -3.0]) + PLACE, np.array(PLACE), 2.5))
    photo = photographed(monkey, tmp_path / "below.png", below)
    seen = tuple(Box.around(below.project(vertices(monkey))))
    assert match(photo, monkey, box=seen, stands="UPRIGHT") == {"FINISHED"}
    center = np.array(monkey.matrix_world.translation)

    def off() -> float:
        found = cameras.read_camera(scene, scene.camera, SIZE)
        return float(np.degrees(angle_between(found.position - center, below.position - center)))

    assert off() > 20 and len(list((tmp_path / "views").glob("*.npz"))) == views
    assert match(photo, monkey, box=seen) == {"FINISHED"}
    assert off() < 8 and len(list((tmp_path / "views").glob("*.npz"))) == views + 1


def test_a_scene_without_models_is_refused(scene, tmp_path):
    Image.new("RGB", (64, 64)).save(tmp_path / "grey.png")
    with pytest.raises(RuntimeError, match="no model"):
        bpy.ops.photopose.match_photo(filepath=str(tmp_path / "grey.png"))


def test_models_are_listed_and_removed(scene):
    bpy.ops.mesh.primitive_cube_add()
    cube = bpy.context.object
    bpy.ops.mesh.primitive_cone_add()
    cone = bpy.context.object
    bpy.ops.object.empty_add()
    for obj in (cube, cone):
        obj.select_set(True)
    cone.parent = cube
    models = scene.photo_pose.models
    assert bpy.ops.photopose.add_models() == {"FINISHED"}  # warns of the empty
    assert [item.object for item in models] == [cube]
    assert bpy.ops.photopose.add_scene_models() == {"CANCELLED"}
    assert bpy.ops.photopose.remove_model() == {"FINISHED"}
    assert bpy.ops.photopose.add_scene_models() == {"FINISHED"}
    assert [item.object for item in models] == [cube]
    bpy.ops.photopose.remove_model()
    with pytest.raises(RuntimeError, match="list of models is empty"):
        bpy.ops.photopose.remove_model()


def test_pictures_of_the_views_are_saved(monkey, tmp_path):
    bpy.ops.photopose.save_views(
        directory=str(tmp_path / "views"), subdivisions=0, background="TRANSPARENT", crop="OBJECT"
    )
    names = sorted(path.name for path in (tmp_path / "views").iterdir())
    assert names == [
        "Suzanne_0000.png",
        "Suzanne_0001.png",
        "Suzanne_0002.png",
        "Suzanne_0003.png",
        "Suzanne_views.json",
    ]
    with Image.open(tmp_path / "views" / names[0]) as picture:
        alpha = np.array(picture.getchannel("A"))
    assert alpha[0].any() and alpha[-1].any() and alpha[:, 0].any() and alpha[:, -1].any()  # cropped tightly


def test_pictures_into_an_unwritable_folder(monkey, tmp_path):
    (tmp_path / "file").write_text("in the way")
    before = snapshot()
    with pytest.raises(RuntimeError, match=r'^Error: Output folder ".*file" cannot be written \(File exists\)\.'):
        bpy.ops.photopose.save_views(directory=str(tmp_path / "file"), subdivisions=0)
    assert differences(before, snapshot()) == {}


def test_random_views_are_what_their_rotations_say(monkey):
    """Against renders from the named directions at one distance; the same seed gives the same views."""
    pytest.importorskip("torch")
    with evaluated(monkey) as model, studio(model, "TRANSPARENT") as render:
        shown = finish(rendered_views.random_views(model, 4, "UPPER", np.random.default_rng(5)))
        again = finish(rendered_views.random_views(model, 4, "UPPER", np.random.default_rng(5)))
        outline = (model.vertices - model.sphere.center) / model.sphere.radius
        for rgba, rotation in zip(shown.rgba, shown.rotations, strict=True):
            camera = template_view(-rotation[2], outline)
            alpha = np.array(Image.fromarray(render(camera).rgba[..., 3]).resize(rgba.shape[1::-1])) >= 128
            np.testing.assert_allclose(camera.world_to_camera[:3, :3], rotation, atol=1e-9)
            assert intersection_over_union(alpha, rgba[..., 3] >= 128) > 0.85
    assert (shown.rotations[:, 2, 2] <= 0).all() and np.ptp(shown.rotations[:, 2], axis=0).min() > 0.3
    np.testing.assert_array_equal(shown.rgba, again.rgba)
    with evaluated(monkey) as model:
        full = finish(rendered_views.random_views(model, 12, "FULL", np.random.default_rng(5)))
    assert (full.rotations[:, 2, 2] > 0).any()


def test_a_trained_network_is_chosen_and_matches(monkey, photo, scene, tmp_path):
    """Small as the training is, the answer of the pipeline that verifies its directions is right."""
    pytest.importorskip("torch")
    path = tmp_path / "monkey.npz"
    before = snapshot()
    assert bpy.ops.photopose.train_regressor(filepath=str(path), views=60, epochs=8) == {"FINISHED"}
    assert scene.photo_pose.network == str(path) and [file.name for file in tmp_path.glob("monkey.[nc]*")] == [
        path.name
    ]
    scene.photo_pose.property_unset("network")
    assert not differences(before, snapshot())
    assert match(photo, monkey, network=str(path)) == {"FINISHED"}
    found = cameras.read_camera(scene, scene.camera, SIZE)
    center = np.array(monkey.matrix_world.translation)
    assert np.degrees(angle_between(found.position - center, TRUE.position - center)) < 15


@pytest.mark.parametrize("resume", [False, True])
def test_cancelled_training_leaves_nothing_but_what_is_asked_for(monkey, scene, tmp_path, resume):
    pytest.importorskip("torch")
    before = snapshot()
    steps = train_on([monkey], tmp_path / "net.npz", views=24, epochs=3, keep=resume)
    while isinstance(step := next(steps), Work) or step < 0.7:
        pass
    steps.close()
    assert [file.name for file in tmp_path.iterdir()] == (["net.checkpoint"] if resume else [])
    assert not differences(before, snapshot())


def test_training_says_that_it_needs_pytorch(monkey, monkeypatch, tmp_path, capsys):
    monkeypatch.setitem(sys.modules, "torch", None)  # hides it from Python
    before = snapshot()
    words = "Training networks needs PyTorch 2.0 or newer: PyTorch is not installed for Python 3"
    with pytest.raises(RuntimeError, match=f"^Error: {words}.*says how to add it.*\\n$"):
        bpy.ops.photopose.train_regressor(filepath=str(tmp_path / "net.npz"))
    assert main(["train", "--out", str(tmp_path / "net.npz")]) == 2 and words in capsys.readouterr().err
    assert not list(tmp_path.glob("net*")) and not differences(before, snapshot())


def test_training_refuses_in_one_sentence(monkey, photo, tmp_path):
    pytest.importorskip("torch")
    for given, words in (
        ({}, "Choose a file for the network"),
        ({"filepath": str(tmp_path / "net.txt")}, "must end with .npz"),
        ({"filepath": str(tmp_path / "net.npz"), "backgrounds": str(tmp_path / "no")}, "does not exist"),
    ):
        with pytest.raises(RuntimeError, match=words):
            bpy.ops.photopose.train_regressor(**given)
    with pytest.raises(RuntimeError, match='"no.npz" does not exist'):
        match(photo, monkey, network="no.npz")
