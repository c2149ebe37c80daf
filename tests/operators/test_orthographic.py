"""Pictures without perspective: a camera by which Blender has rendered is found, and all that is done with it."""

import json

import numpy as np
import pytest

bpy = pytest.importorskip("bpy")

from blender_state import differences, snapshot  # noqa: E402
from bpy_extras.object_utils import world_to_camera_view  # noqa: E402
from mathutils import Matrix, Vector  # noqa: E402
from PIL import Image  # noqa: E402
from suzanne import PLACE, add_monkey, vertices  # noqa: E402

from photo_pose.batch import main  # noqa: E402
from photo_pose.inference.geometry import blender_axes, in_unit_sphere, look_at  # noqa: E402
from photo_pose.inference.photo.overlay_picture import intersection_over_union  # noqa: E402
from photo_pose.inference.steps import finish  # noqa: E402
from photo_pose.operators.blender import cameras  # noqa: E402
from photo_pose.operators.blender.match_record import sphere_of  # noqa: E402
from photo_pose.operators.blender.models import evaluated  # noqa: E402
from photo_pose.operators.compare.camera_and_model import Subject  # noqa: E402
from photo_pose.operators.compare.fit_of_camera import fit_of_camera  # noqa: E402
from photo_pose.operators.compare.pin_model import Pins  # noqa: E402
from photo_pose.operators.pictures import gpu_drawing, view_cache  # noqa: E402
from photo_pose.panels.candidates_panel import is_near  # noqa: E402

SIZE = (320, 240)
SIDE = 4.0  # of the picture's longer side, in the world
GIVEN = {"subdivisions": 2, "focal_source": "ORTHO"}


@pytest.fixture
def monkey(scene, views_folder, monkeypatch):
    monkeypatch.setattr(view_cache, "cache_folder", lambda: views_folder)
    return add_monkey()


def drawing_camera(scene, shift=(0.0, 0.0)) -> bpy.types.Object:
    """An orthographic camera before Suzanne."""
    data = bpy.data.cameras.new("Drawing")
    data.type, data.ortho_scale, (data.shift_x, data.shift_y) = "ORTHO", SIDE, shift
    camera = bpy.data.objects.new("Drawing", data)
    scene.collection.objects.link(camera)
    pose = look_at(PLACE + np.array([3.3, -5.25, 2.9]), PLACE + [0.3, 0, -0.1], 0.05)
    camera.matrix_world = Matrix(blender_axes(pose))
    return camera


def drawn(scene, camera, path) -> None:
    """Renders the scene by the camera, evenly lit, as drawings and catalogues are."""
    render, world = scene.render, bpy.data.worlds.new("World")
    scene.camera, scene.world, world.use_nodes = camera, world, True
    world.node_tree.nodes["Background"].inputs["Color"].default_value = (0.9, 0.9, 0.9, 1)
    render.engine, scene.cycles.samples, scene.cycles.use_denoising = "CYCLES", 16, False
    (render.resolution_x, render.resolution_y), render.filepath = SIZE, str(path)
    bpy.ops.render.render(write_still=True)
    bpy.data.images.remove(bpy.data.images["Render Result"])


def seen(scene, camera, monkey, size=SIZE) -> np.ndarray:
    """Where Blender sees the model's vertices, px of a photo of this size that fills the frame."""
    bpy.context.view_layer.update()
    places = np.array([world_to_camera_view(scene, camera, Vector(point)) for point in vertices(monkey)])
    return np.c_[places[:, 0], 1 - places[:, 1]] * size


@pytest.fixture
def truth(scene, monkey, tmp_path) -> np.ndarray:
    """Where the vertices are in the drawing, which tmp_path has then, and the scene no camera."""
    camera = drawing_camera(scene)
    drawn(scene, camera, tmp_path / "drawing.png")
    places = seen(scene, camera, monkey)
    bpy.data.cameras.remove(camera.data)
    return places


def around(places: np.ndarray) -> tuple[float, ...]:
    return (*places.min(0), *places.max(0))


def off(scene, monkey, truth: np.ndarray) -> float:
    """Mean distance of the vertices from where they are in the drawing, of the model's longer side."""
    found = seen(scene, scene.camera, monkey)
    return float(np.linalg.norm(found - truth, axis=1).mean() / np.ptp(truth, axis=0).max())


@pytest.mark.parametrize("drawing", ["gpu", "Cycles"])
def test_a_drawing_is_matched(scene, monkey, truth, tmp_path, monkeypatch, drawing):
    if drawing == "Cycles":
        monkeypatch.setattr(gpu_drawing, "available", lambda: False)
    elif not gpu_drawing.available():
        pytest.skip("nothing can be drawn here")
    path = str(tmp_path / "drawing.png")
    assert bpy.ops.photopose.match_photo(filepath=path, box=around(truth), **GIVEN) == {"FINISHED"}
    data = scene.camera.data
    assert data.type == "ORTHO" and data.ortho_scale == pytest.approx(SIDE, rel=0.02)
    assert off(scene, monkey, truth) < 0.01
    assert f", orthographic, scale {data.ortho_scale:.3g}, score" in scene.photo_pose.result
    assert scene.camera.photo_pose_adjusted == "" and data.photo_pose.confidence > 0.8


@pytest.fixture(scope="module")
def saved(views_folder, tmp_path_factory):
    """A saved scene in which a drawing was matched, in a frame of another shape; and where its vertices are."""
    bpy.ops.wm.read_homefile(use_factory_startup=True, use_empty=True)
    folder, scene = tmp_path_factory.mktemp("saved"), bpy.context.scene
    monkey, camera = add_monkey(), drawing_camera(scene)
    drawn(scene, camera, folder / "drawing.png")
    places = seen(scene, camera, monkey)
    bpy.data.cameras.remove(camera.data)
    scene.render.resolution_x, scene.render.resolution_y, scene.render.pixel_aspect_x = 300, 500, 1.5
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(view_cache, "cache_folder", lambda: views_folder)
        bpy.ops.photopose.match_photo(filepath=str(folder / "drawing.png"), box=around(places), **GIVEN)
    bpy.ops.wm.save_as_mainfile(filepath=str(folder / "matched.blend"))
    return folder / "matched.blend", places


@pytest.fixture
def matched(saved, views_folder, monkeypatch) -> np.ndarray:
    """The saved scene is open; gives where the vertices are in the drawing."""
    monkeypatch.setattr(view_cache, "cache_folder", lambda: views_folder)
    bpy.ops.wm.open_mainfile(filepath=str(saved[0]))
    return saved[1]


def in_photo(places: np.ndarray) -> np.ndarray:
    """px of the drawing, which is as wide as the frame of 300 x 500 px, each 1.5 times as wide as high."""
    scale = 300 * 1.5 / SIZE[0]
    return (places - [150, 250]) * [1.5, 1] / scale + np.divide(SIZE, 2)


def off_in_frame(truth: np.ndarray) -> float:
    scene = bpy.context.scene
    found = in_photo(seen(scene, scene.camera, bpy.data.objects["Suzanne"], (300, 500)))
    return float(np.linalg.norm(found - truth, axis=1).mean() / np.ptp(truth, axis=0).max())


def test_it_lies_on_the_drawing_in_a_frame_of_another_shape(matched):
    assert off_in_frame(matched) < 0.01
    assert bpy.context.scene.camera.data.ortho_scale == pytest.approx(SIDE, rel=0.02)


def test_candidates_and_snapshots_are_orthographic_too(matched):
    own = bpy.context.scene.camera
    match, before = own.data.photo_pose, off_in_frame(matched)
    bpy.ops.photopose.add_snapshot()
    own.data.type, own.data.lens = "PERSP", 20
    bpy.ops.photopose.take_candidate(index=1)
    assert own.data.type == "ORTHO" and own.photo_pose_adjusted.startswith("Candidate 2")
    assert is_near(match.candidates[1].matrix, own.matrix_world) and off_in_frame(matched) > 2 * before
    bpy.ops.photopose.take_candidate(index=0)
    assert is_near(match.candidates[0].matrix, own.matrix_world) and own.photo_pose_adjusted == ""
    assert off_in_frame(matched) == pytest.approx(before, abs=1e-4)
    bpy.ops.photopose.turn_candidate(axis="UP", angle=np.pi)
    assert off_in_frame(matched) > 0.05 and "azimuth -150" in bpy.context.scene.photo_pose.result
    bpy.ops.photopose.take_snapshot(index=0)
    assert off_in_frame(matched) == pytest.approx(before, abs=1e-4) and own.photo_pose_adjusted == ""


@pytest.mark.parametrize("change", ["ortho_scale", "location", "shift_x", "type"])
def test_it_is_adjusted_as_soon_as_it_sees_something_else(matched, change):
    own = bpy.context.scene.camera
    if change == "location":
        own.location += own.matrix_world.to_3x3().col[0] * 0.01
    elif change == "type":
        own.data.type = "PERSP"
    else:
        setattr(own.data, change, getattr(own.data, change) * 1.01 + 0.001)
    bpy.context.view_layer.update()
    assert own.photo_pose_adjusted.startswith("Adjusted since the match")


@pytest.mark.parametrize(
    ("nudge", "back"),
    [
        ({"azimuth": 0.2}, {"azimuth": -0.2}),
        ({"roll": 0.2}, {"roll": -0.2}),
        ({"pan": (20, 5)}, {"pan": (-20, -5)}),
        ({"distance": 1.25}, {"distance": 0.8}),
        ({"lens": 0.05}, {"lens": 20}),  # as far as the user likes
        ({"lens": 1.25}, {"distance": 1.25}),  # one is the other
    ],
    ids=str,
)
def test_it_is_nudged_and_refined(matched, nudge, back):
    own, before = bpy.context.scene.camera, off_in_frame(matched)
    bpy.ops.photopose.nudge(**nudge)
    assert own.data.type == "ORTHO" and off_in_frame(matched) > before + 0.03
    bpy.ops.photopose.nudge(**back)
    assert off_in_frame(matched) == pytest.approx(before, abs=2e-4)


def test_it_is_refined_and_scored(matched):
    own, before = bpy.context.scene.camera, off_in_frame(matched)
    bpy.ops.photopose.nudge(azimuth=0.08, pan=(6, -4), distance=1.06)
    bpy.ops.photopose.score_camera()
    assert own.data.photo_pose.adjusted.score < own.data.photo_pose.score - 0.05
    assert off_in_frame(matched) > 0.02
    free = {"lock_lens": False, "lock_principal_point": False}
    assert bpy.ops.photopose.refine_camera(box=around(matched), subdivisions=2, **free) == {"FINISHED"}
    assert own.data.type == "ORTHO" and off_in_frame(matched) < max(0.005, 2 * before)
    assert "orthographic, scale" in bpy.context.scene.photo_pose.result


def test_what_it_cannot_be_asked_is_refused_in_a_sentence(matched, tmp_path):
    before = snapshot()
    for ask, words in (
        (lambda: bpy.ops.photopose.perspective_strength(strength=2), "no perspective to be changed"),
        (lambda: bpy.ops.photopose.nudge(strength=2), "no perspective to be changed"),
        (lambda: bpy.ops.photopose.refine_camera(subdivisions=2, lock_position=True), "cannot be locked"),
        (
            lambda: bpy.ops.photopose.export_cameras(directory=str(tmp_path), format="COLMAP"),
            "drawing is orthographic, which COLMAP does not know: export JSON",
        ),
        (
            lambda: bpy.ops.photopose.export_cameras(directory=str(tmp_path), format="BOP"),
            "drawing is orthographic, which BOP does not know: export JSON",
        ),
    ):
        with pytest.raises(RuntimeError, match=f"^Error: .*{words}.*\\n$"):
            ask()
    assert differences(before, snapshot()) == {} and not list(tmp_path.iterdir())


def test_json_has_the_camera_and_what_projects_alike(matched, tmp_path):
    bpy.ops.photopose.export_cameras(directory=str(tmp_path), format="JSON")
    (line,) = json.loads((tmp_path / "cameras.json").read_text(), parse_constant=pytest.fail)
    wanted = in_photo(seen(bpy.context.scene, bpy.context.scene.camera, bpy.data.objects["Suzanne"], (300, 500)))
    assert_projects(line, wanted)
    np.testing.assert_allclose(line["camera"]["matrix_world"], bpy.context.scene.camera.matrix_world, atol=1e-5)


def assert_projects(line: dict, wanted: np.ndarray) -> None:
    """A listing's camera, set up in a scene of its own, and its K, R and t show the vertices there."""
    monkey, listed = bpy.data.objects["Suzanne"], line["camera"]
    K, R, t = (np.array(line["opencv"][key]) for key in "KRt")
    local = np.array([vertex.co for vertex in monkey.data.vertices])
    pixels = (local @ R.T + t) @ K.T
    np.testing.assert_allclose(pixels[:, :2] / pixels[:, 2:], wanted, atol=0.1)
    assert (listed["type"], listed["lens"], listed["sensor_width"]) == ("ORTHO", None, None)
    scene, data = bpy.data.scenes.new("Listed"), bpy.data.cameras.new("Listed")
    scene.render.resolution_x, scene.render.resolution_y = listed["resolution"]
    for name in ("type", "ortho_scale", "sensor_fit", "shift_x", "shift_y"):
        setattr(data, name, listed[name])
    camera = bpy.data.objects.new("Listed", data)
    camera.matrix_world = Matrix(listed["matrix_world"])
    places = np.array([world_to_camera_view(scene, camera, Vector(point)) for point in vertices(monkey)])
    np.testing.assert_allclose(np.c_[places[:, 0], 1 - places[:, 1]] * SIZE, wanted, atol=0.1)


def test_the_photo_is_projected_onto_the_mesh(matched):
    scene, monkey = bpy.context.scene, bpy.data.objects["Suzanne"]
    bpy.context.view_layer.objects.active = monkey
    wanted = in_photo(seen(scene, scene.camera, monkey, (300, 500)))
    assert bpy.ops.photopose.project_photo() == {"FINISHED"}
    corners = [loop.vertex_index for loop in monkey.data.loops]
    uvs = np.array([corner.uv for corner in monkey.data.uv_layers["Photo drawing"].data])
    np.testing.assert_allclose(uvs * [1, -1] * SIZE + [0, SIZE[1]], wanted[corners], atol=0.05)


def test_what_is_laid_over_it_is_what_blender_renders(matched, tmp_path):
    """Before a camera that stands for it, far away, for which nothing that draws has enough digits to spare."""
    if not gpu_drawing.available():
        pytest.skip("nothing can be drawn here")
    scene, monkey = bpy.context.scene, bpy.data.objects["Suzanne"]
    camera = cameras.read_camera(scene, scene.camera, SIZE)
    with evaluated(monkey) as model, gpu_drawing.drawing(model) as render:
        drawing = render(in_unit_sphere(camera, model.sphere))
        points, hit = drawing.points * model.sphere.radius + model.sphere.center, drawing.rgba[..., 3] == 255
    cameras.write_camera(scene, scene.camera, camera, model=sphere_of(scene, monkey), set_resolution=True)
    scene.render.film_transparent = True
    drawn(scene, scene.camera, tmp_path / "alpha.png")
    alpha = np.array(Image.open(tmp_path / "alpha.png"))[..., 3]
    assert intersection_over_union(drawing.rgba[..., 3] >= 128, alpha >= 128) > 0.985
    rows, columns = (hit & np.isfinite(points).all(-1)).nonzero()
    places = (world_to_camera_view(scene, scene.camera, Vector(point)) for point in points[rows, columns])
    at = np.array([(place.x * SIZE[0], (1 - place.y) * SIZE[1]) for place in places])
    np.testing.assert_allclose(at, np.stack([columns, rows], -1) + 0.5, atol=0.2)


def test_fit_is_of_that_camera_only(matched):
    scene = bpy.context.scene
    fit = finish(fit_of_camera(bpy.context))
    assert fit.picture.off < 0.02 and fit.is_of(cameras.read_camera(scene, scene.camera, SIZE))
    bpy.ops.photopose.nudge(pan=(0.2, 0))
    assert not fit.is_of(cameras.read_camera(scene, scene.camera, SIZE))


def test_pins_pull_it(matched):
    subject = Subject.read(bpy.context.scene)
    pins, wanted = Pins(subject), []
    for at in ((150, 110), (185, 95), (130, 112)):
        assert pins.hold(np.array(at, float), 3.0) is not None
        wanted.append(np.array(at) * [1.05, 1] + [4, -3])
    pins.targets = wanted
    subject.write(bpy.context.scene, pins.pull())
    assert bpy.context.scene.camera.data.type == "ORTHO"
    camera = cameras.read_camera(bpy.context.scene, bpy.context.scene.camera, SIZE)
    at = camera.project(np.array(pins.points) * subject.sphere.radius + subject.sphere.center)
    np.testing.assert_allclose(at, wanted, atol=0.5)


def test_the_active_camera_may_be_one(scene, monkey, truth, tmp_path):
    """Its shift stays, and the match is written to it."""
    scene.camera = drawing_camera(scene, (0.1, -0.05))
    scene.camera.location.x += 3
    path = str(tmp_path / "drawing.png")
    bpy.ops.photopose.match_photo(filepath=path, box=around(truth), **GIVEN | {"focal_source": "CAMERA"})
    data = scene.camera.data
    assert (scene.camera.name, data.type) == ("Drawing", "ORTHO") and off(scene, monkey, truth) < 0.01
    assert (data.shift_x, data.shift_y) == (pytest.approx(0.1), pytest.approx(-0.05))


def test_all_photos_of_a_list_and_nearest_views(scene, monkey, truth, tmp_path):
    bpy.ops.photopose.add_photos(directory=str(tmp_path), files=[{"name": "drawing.png"}])
    (item,) = scene.photo_pose.photos
    for method, most in (("KNN", 0.3), ("MATCH", 0.01)):
        item.box = around(truth) if method == "KNN" else (0, 0, 0, 0)  # it is looked for
        given = GIVEN | {"method": method, "shared_lens": True}
        assert bpy.ops.photopose.match_photos(**given) == {"FINISHED"}
        assert scene.camera == item.camera and item.camera.data.type == "ORTHO" and "orthographic" in item.message
        assert off(scene, monkey, truth) < most


def test_a_chessboard_tells_none(scene, monkey, truth, tmp_path):
    path = str(tmp_path / "drawing.png")
    scene.camera = drawing_camera(scene)
    before = snapshot()
    for source in ("ORTHO", "CAMERA"):
        with pytest.raises(RuntimeError, match="chessboard"):
            bpy.ops.photopose.label_photo(filepath=path, board_photo=path, focal_source=source)
    assert differences(before, snapshot()) == {}


def test_the_command_and_lines_of_a_jobs_file(scene, monkey, truth, tmp_path, views_folder):
    box = list(map(float, around(truth)))
    bpy.ops.wm.save_as_mainfile(filepath=str(tmp_path / "scene.blend"))
    jobs = [{"photo": "drawing.png", "box": box, "orthographic": True}, {"photo": "drawing.png", "box": box}]
    (tmp_path / "jobs.jsonl").write_text("\n".join(map(json.dumps, jobs)))
    out = tmp_path / "out"
    given = ["--jobs", str(tmp_path / "jobs.jsonl"), "--cache", str(views_folder), "--lens", "40", "--render"]
    assert main(["--blend", str(tmp_path / "scene.blend"), "--out", str(out), "--views", "57", *given], True) == 0
    first, second = (json.loads(line) for line in (out / "results.jsonl").read_text().splitlines())
    assert (first["camera"]["type"], second["camera"]["type"]) == ("ORTHO", "PERSP")
    assert second["camera"]["lens"] == pytest.approx(40) and second["camera"]["ortho_scale"] is None
    assert_projects(first, truth_by(first))
    assert first["focal_deviation"] is None
    np.testing.assert_allclose(truth_by(first), truth, atol=0.02 * np.ptp(truth, axis=0).max())
    with Image.open(out / "drawing_render.png") as render, Image.open(tmp_path / "drawing.png") as drawing:
        away = np.abs(np.array(render.convert("RGB"), float) - np.array(drawing.convert("RGB"), float)).mean()
    assert away < 6
    bpy.ops.wm.open_mainfile(filepath=str(out / "matched.blend"))
    assert sorted(camera.type for camera in bpy.data.cameras) == ["ORTHO", "PERSP"]


def truth_by(line: dict) -> np.ndarray:
    """Where a listing's K, R and t show the vertices."""
    K, R, t = (np.array(line["opencv"][key]) for key in "KRt")
    local = np.array([vertex.co for vertex in bpy.data.objects["Suzanne"].data.vertices])
    pixels = (local @ R.T + t) @ K.T
    return pixels[:, :2] / pixels[:, 2:]
