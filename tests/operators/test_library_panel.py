"""A library is made, searched and taken from in Blender: nothing comes to the scene but what a click takes."""

import json
import shutil

import numpy as np
import pytest

bpy = pytest.importorskip("bpy")

from blender_state import differences, snapshot  # noqa: E402
from suzanne import SIZE, TRUE, add_monkey, box, photographed, vertices  # noqa: E402

from photo_pose.inference.geometry import angle_between  # noqa: E402
from photo_pose.inference.library.index import read_index  # noqa: E402
from photo_pose.inference.library.records import (  # noqa: E402
    read_record,
    record_file,
    record_id,
    stamps,
    thumbnail_file,
    write_record,
)
from photo_pose.inference.steps import finish  # noqa: E402
from photo_pose.inference.views.view_options import ViewOptions  # noqa: E402
from photo_pose.operators.blender import cameras
from photo_pose.operators.library import update
from photo_pose.operators.pictures import view_cache
from photo_pose.properties import picture_of  # noqa: E402

QUICK = {"focal_source": "LENS", "lens": 45, "sensor": 36, "subdivisions": 1}


def write_wedge(path):
    path.write_text("v 0 0 0\nv 1 0 0\nv 0 1 0\nv 0 0 2\nf 1 3 2\nf 1 2 4\nf 2 3 4\nf 3 1 4\n")


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """A folder with models, a photo of one of them, and a library of them; and where the object is in the photo."""
    bpy.ops.wm.read_homefile(use_factory_startup=True, use_empty=True)
    folder = tmp_path_factory.mktemp("made")
    (folder / "models").mkdir()
    monkey = add_monkey()
    photographed(monkey, folder / "monkey.png")
    bpy.data.libraries.write(str(folder / "models" / "Suzanne.blend"), {monkey})
    edges = box(monkey)
    for add in ("cone", "torus"):
        bpy.ops.wm.read_homefile(use_factory_startup=True, use_empty=True)
        getattr(bpy.ops.mesh, f"primitive_{add}_add")()
        bpy.ops.wm.obj_export(filepath=str(folder / "models" / f"{add}.obj"))
    bpy.ops.wm.read_homefile(use_factory_startup=True, use_empty=True)
    views = update.begun(folder / "library", ViewOptions(subdivisions=1), [folder / "models"])
    found = update.found_in(folder / "library", [folder / "models"], print)
    outcome = finish(update.update(folder / "library", found, views, warn=print))
    assert outcome.made == 3 and not outcome.failed
    bpy.ops.wm.save_as_mainfile(filepath=str(folder / "searched.blend"))
    bpy.context.scene.photo_pose.library = "//library"
    bpy.ops.photopose.search_library(library="//library", filepath="//monkey.png", box=edges, **QUICK)
    bpy.ops.wm.save_mainfile()
    return folder, edges


@pytest.fixture
def library(made, scene, tmp_path, monkeypatch):
    """A copy of them."""
    shutil.copytree(made[0], tmp_path, dirs_exist_ok=True)
    monkeypatch.setattr(view_cache, "cache_folder", lambda: tmp_path / "cache")
    return tmp_path / "library"


@pytest.fixture
def asked(made, library):
    """What the panel gives its buttons."""
    return {"filepath": str(library.parent / "monkey.png"), "box": made[1], **QUICK}


@pytest.fixture
def searched(library):
    """The scene of a file in which the library was searched."""
    bpy.ops.wm.open_mainfile(filepath=str(library.parent / "searched.blend"))
    return bpy.context.scene


def take(asked, index=0, **options):
    return bpy.ops.photopose.take_from_library(index=index, **{"method": "KNN", **asked, **options})


def refused(operator, sentence, **options):
    """Whether it says that in one sentence, and changes nothing."""
    before = snapshot()
    with pytest.raises(RuntimeError, match=f"^Error: [^\\n]*{sentence}[^\\n]*\\n$"):
        getattr(bpy.ops.photopose, operator)(**options)
    assert differences(before, snapshot()) == {}


def test_a_search_shows_pictures_and_imports_nothing(library, asked, scene):
    torus = next(model for model in read_index(library).models if model.name == "torus")
    thumbnail_file(library, torus).write_bytes(b"damaged")
    before = snapshot()
    assert bpy.ops.photopose.search_library(library=str(library), **asked) == {"FINISHED"}
    assert {key for key in differences(before, snapshot()) if "photo_pose" not in key} == set()
    answers = scene.photo_pose.library_answers
    assert [answer.name for answer in answers][0] == "Suzanne" and len(answers) == 3
    assert answers[0].file.endswith("models/Suzanne.blend") and answers[0].likely and answers[0].verified
    assert np.degrees(answers[0].azimuth) == pytest.approx(30, abs=12)  # of suzanne.TRUE
    assert answers[0].likeness > 0 and all(answer.likeness != answers[0].likeness for answer in answers[1:])
    pictures = {answer.name: picture_of(answer) for answer in answers}
    assert pictures.pop("torus") is None and {tuple(one.image_size) for one in pictures.values()} == {(224, 224)}
    shown = [np.array(one.image_pixels_float) for one in pictures.values()]
    assert np.abs(shown[0] - shown[1]).mean() > 0.01


def test_a_click_appends_that_model_and_matches_the_camera(library, asked, searched):
    scene = searched
    bpy.ops.ed.undo_push(message="searched")
    before = snapshot()
    assert take(asked, method="MATCH") == {"FINISHED"}
    model = scene.camera.data.photo_pose.model
    assert model == scene.objects["Suzanne"] and not model.library
    found = cameras.read_camera(scene, scene.camera, SIZE)
    points = vertices(model)
    center = points.mean(0)
    assert np.degrees(angle_between(found.position - center, TRUE.position - center)) < 8
    off = np.linalg.norm(found.project(points) - TRUE.project(points), axis=1).mean()
    assert off < 0.04 * (asked["box"][2] - asked["box"][0])
    assert not len(scene.photo_pose.models)  # which means all of the scene
    assert not list((library.parent / "cache").glob("*.npz"))  # the library's views were enough
    bpy.ops.ed.undo_push(message="taken")
    bpy.ops.ed.undo()
    assert not differences(before, snapshot())


def test_answers_for_another_photo_are_not_taken(library, asked, searched):
    other = shutil.copy(asked["filepath"], library.parent / "other.png")
    refused("take_from_library", "for another photo: search the library again", **{**asked, "filepath": str(other)})


def test_it_is_listed_where_models_are(asked, searched):
    scene = searched
    bpy.ops.mesh.primitive_cube_add()
    cube = bpy.context.object
    scene.photo_pose.models.add().object = cube
    take(asked)
    assert [item.object for item in scene.photo_pose.models] == [cube, scene.objects["Suzanne"]]
    assert cube.hide_get() and not scene.objects["Suzanne"].hide_get()


def lock_camera(scene):
    """One that is no photo's, with the lens of the photo."""
    scene.camera = bpy.data.objects.new("Locked", bpy.data.cameras.new("Locked"))
    scene.collection.objects.link(scene.camera)
    scene.render.resolution_x, scene.render.resolution_y = SIZE
    scene.camera.data.lens, scene.camera.location, scene.camera.lock_location[0] = 45, (5, 6, 7), True
    bpy.context.view_layer.update()


def on_photo(scene, model):
    """Where the camera sees the model, px: left, top, right, bottom."""
    pixels = cameras.read_camera(scene, scene.camera, SIZE).project(vertices(model))
    return np.array([*pixels.min(0), *pixels.max(0)])


def test_a_locked_camera_stays_and_the_model_stands_where_the_photo_shows_it(asked, searched, capfd):
    scene = searched
    lock_camera(scene)
    before = snapshot()
    assert take(asked, method="MATCH") == {"FINISHED"}
    assert "Locked stays as it is" in capfd.readouterr().out
    changed = {key for key in differences(before, snapshot()) if "Locked" in key and not key.endswith(".users")}
    assert not changed and scene.camera.name == "Locked"
    model = scene.objects["Suzanne"]
    np.testing.assert_allclose(on_photo(scene, model), asked["box"], atol=6)
    depth = cameras.read_camera(scene, scene.camera, SIZE).to_camera(vertices(model).mean(0))[2]
    assert depth == pytest.approx(TRUE.to_camera(np.array([3.0, 1, 2]))[2], rel=0.1)  # suzanne.PLACE


def test_what_something_else_holds_is_not_taken(library, asked, searched):
    """A model that could not stand before the camera that stays; and one that was changed after the search."""
    path = library.parent / "models" / "Suzanne.blend"
    with bpy.data.libraries.load(str(library.parent / "models" / "Suzanne.blend")) as (_source, target):
        target.objects = ["Suzanne"]
    limit = target.objects[0].constraints.new("LIMIT_LOCATION")
    limit.use_max_x, limit.max_x = True, -50
    bpy.data.libraries.write(str(library.parent / "models" / "Suzanne.blend"), {*target.objects})
    bpy.ops.wm.open_mainfile(filepath=str(library.parent / "searched.blend"))
    lock_camera(bpy.context.scene)
    refused("take_from_library", '"Suzanne" has changed since the library was made', index=0, method="KNN", **asked)
    answer = bpy.context.scene.photo_pose.library_answers[0]
    record = read_record(record_file(library, record_id(answer.file)))
    write_record(library, record._replace(made_from=stamps(library, [path])))
    refused("take_from_library", "constraints or keys hold it", index=0, method="KNN", **asked)


def test_of_several_objects_in_a_photo_each_stands_before_the_same_camera(asked, searched):
    """For the same object the camera is matched again, and its model makes room; not what the user has made of it."""
    scene = searched
    take(asked)
    camera, match, answers = scene.camera, scene.camera.data.photo_pose, scene.photo_pose.library_answers
    matrix = camera.matrix_world.copy()
    match.box = (2, 2, 60, 60)
    first = scene.objects["Suzanne"]
    first["photo_pose_taken"]["box"] = [2, 2, 60, 60]
    take(asked)
    second = scene.objects["Suzanne.001"]
    assert scene.camera == camera and camera.matrix_world == matrix and match.model == first
    np.testing.assert_allclose(on_photo(scene, second), on_photo(scene, first), atol=4)
    copy = second.copy()
    scene.collection.objects.link(copy)
    for number in (1, 2):  # other answers for the second object, the last one as if the camera was matched to that
        take(asked, number)
        models = {obj for obj in scene.objects if obj.type == "MESH"}
        assert {obj.name for obj in models} == {"Suzanne", copy.name, answers[number].name}
        assert {mesh for mesh in bpy.data.meshes if mesh.users} == {obj.data for obj in models} == {*bpy.data.meshes}
        assert (camera.matrix_world == matrix) == (number == 1) and scene.camera == camera
        match.box = asked["box"]


@pytest.mark.parametrize("operator", ["add_to_library", "update_library", "search_library"])
def test_a_library_must_be_chosen(operator, scene, library, asked):
    options = asked if operator == "search_library" else {}
    options |= {"directory": str(library.parent / "models")} if operator == "add_to_library" else {}
    refused(operator, "Choose a folder for the library first", library="", **options)


@pytest.mark.parametrize("operator", ["update_library", "search_library"])
def test_a_folder_that_is_no_library_is_told(operator, library, asked, scene):
    options = asked if operator == "search_library" else {}
    refused(operator, "is no library yet", library=str(library / "views"), **options)
    refused(operator, "is no library yet", library=str(library / "none"), **options)
    refused(operator, "cannot be read", library=str(library / "library.json"), **options)
    told = json.loads((library / "library.json").read_text())
    (library / "library.json").write_text(json.dumps({**told, "format": 99}))
    refused(operator, "another version", library=str(library), **options)
    (library / "library.json").write_text("{")
    refused(operator, "damaged", library=str(library), **options)


def test_folders_without_models_begin_no_library(library, scene, tmp_path):
    (tmp_path / "empty").mkdir()
    for folder, sentence in ((tmp_path / "none", "does not exist"), (tmp_path / "empty", "no model files")):
        refused("add_to_library", sentence, library=str(tmp_path / "new"), directory=str(folder))
    refused("add_to_library", "Choose a folder with model files", library=str(tmp_path / "new"))
    assert not (tmp_path / "new").exists()


def test_photos_that_cannot_be_read_are_told(library, asked, scene):
    (library.parent / "text.png").write_text("no picture")
    for photo, sentence in (("none.png", "does not exist"), ("text.png", "damaged or of an unknown kind")):
        told = {**asked, "filepath": str(library.parent / photo)}
        refused("search_library", sentence, library=str(library), **told)
    refused("search_library", "Choose a photo first", library=str(library))
    bpy.ops.wm.open_mainfile(filepath=str(library.parent / "searched.blend"))
    refused("take_from_library", "does not exist", **{**asked, "filepath": str(library.parent / "none.png")})


def test_what_vanishes_after_the_search_is_told(library, asked, scene):
    """A model, then all of the library; its pictures are still shown."""
    refused("take_from_library", "search the library first", index=0, **asked)
    bpy.ops.wm.open_mainfile(filepath=str(library.parent / "searched.blend"))
    scene = bpy.context.scene
    (library.parent / "models" / "Suzanne.blend").unlink()
    refused("take_from_library", "Suzanne.blend[^\\n]* does not exist", index=0, **asked)
    shutil.rmtree(library)
    refused("take_from_library", "Suzanne.blend[^\\n]* does not exist", index=0, **asked)
    assert all(picture_of(answer) for answer in scene.photo_pose.library_answers)
    refused("search_library", "is no library yet", library=str(library), **asked)
    other = next(i for i, one in enumerate(scene.photo_pose.library_answers) if one.name == "torus")
    assert take(asked, other) == {"FINISHED"}  # its own file is still there


def test_a_library_is_made_and_brought_up_to_date(library, scene, tmp_path, capfd):
    """By the panel's settings; the scene has no part in it."""
    new = tmp_path / "new"
    (tmp_path / "more").mkdir()
    for name in ("a", "b"):
        write_wedge(tmp_path / "more" / f"{name}.obj")
    (tmp_path / "more" / "broken.obj").write_text("")
    scene.photo_pose.subdivisions = 0
    before = snapshot()
    add = {"library": str(new), "directory": str(tmp_path / "more"), "up": "Z"}
    assert bpy.ops.photopose.add_to_library(**add) == {"FINISHED"}
    told = capfd.readouterr().out
    assert "Model files: 3 made, 0 as they were, 0 removed, 1 failed" in told and "Warning: Model file" in told
    assert json.loads((new / "library.json").read_text())["subdivisions"] == 0
    (tmp_path / "more" / "b.obj").unlink()
    write_wedge(tmp_path / "more" / "broken.obj")
    scene.photo_pose.subdivisions = 1  # a library keeps its own
    assert bpy.ops.photopose.update_library(library=str(new)) == {"FINISHED"}
    assert "Model files: 1 made, 1 as they were, 1 removed, 0 failed" in capfd.readouterr().out
    records = [json.loads(path.read_text()) for path in (new / "records").glob("*.json")]
    assert {(record["up"], record["error"]) for record in records} == {("Z", None)} and len(records) == 2
    scene.photo_pose.subdivisions = 0
    assert differences(before, snapshot()).keys() <= {"scenes[Scene].photo_pose.subdivisions"}


def test_esc_keeps_what_is_made_and_leaves_the_scene(library, scene, tmp_path):
    (tmp_path / "more").mkdir()
    for name in ("a", "b"):
        write_wedge(tmp_path / "more" / f"{name}.obj")
    new, before = tmp_path / "new", snapshot()
    steps = update.update(
        new,
        update.found_in(new, [tmp_path / "more"], print),
        update.begun(new, ViewOptions(subdivisions=0), [tmp_path / "more"]),
        warn=print,
    )
    step = next(one for one in steps if getattr(one, "done", 0))
    assert step.what == "Models" and (step.done, step.count) == (1, 2)
    steps.close()
    assert differences(before, snapshot()) == {}
    assert len(list((new / "records").glob("*.json"))) == 1
    assert bpy.types.PHOTOPOSE_OT_update_library.cancelled == "Cancelled: what was made stays in the library"


def test_progress_is_counted_in_models_alone(library, scene, tmp_path):
    write_wedge(tmp_path / "a.obj")
    new = tmp_path / "new"
    found = update.found_in(new, [tmp_path / "a.obj"], print)
    steps = update.update(new, found, update.begun(new, ViewOptions(subdivisions=0), [tmp_path]), warn=print)
    told = {getattr(step, "what", None) for step in steps if isinstance(step, float) and step < 1}
    assert told == {"Models"}


def test_the_panel_s_paths_move_with_the_file(searched, asked, tmp_path):
    settings = searched.photo_pose
    assert (settings.library, settings.searched) == ("//library", "//library")
    (tmp_path / "scenes").mkdir()
    bpy.ops.wm.save_as_mainfile(filepath=str(tmp_path / "scenes" / "a.blend"))
    assert (settings.library, settings.searched) == ("//../library", "//../library")
    bpy.ops.wm.open_mainfile(filepath=str(tmp_path / "scenes" / "a.blend"))
    settings = bpy.context.scene.photo_pose
    assert [answer.name for answer in settings.library_answers][0] == "Suzanne"
    assert all(picture_of(answer) for answer in settings.library_answers)
    assert take(asked) == {"FINISHED"}
