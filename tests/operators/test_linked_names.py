"""Objects of one name, some of them linked from other files, are not taken for each other."""

import json

import numpy as np
import pytest

bpy = pytest.importorskip("bpy")

from PIL import Image  # noqa: E402
from suzanne import PLACE, SIZE, TRUE, add_monkey, box, photographed  # noqa: E402

from photo_pose.inference.errors import PoseError  # noqa: E402
from photo_pose.inference.geometry import angle_between  # noqa: E402
from photo_pose.operators.blender import cameras  # noqa: E402
from photo_pose.operators.blender.models import chosen_models, collection_models, evaluated, key_of, with_key  # noqa: E402
from photo_pose.operators.chessboard.camera_from_chessboard import board_place  # noqa: E402
from photo_pose.operators.photos.photo_list import photo_cameras  # noqa: E402
from photo_pose.operators.pictures import view_cache  # noqa: E402
from photo_pose.operators.pictures.camera_view import shown_model  # noqa: E402
from photo_pose.operators.pictures.model_targets import model_renderer  # noqa: E402

KEYS = ["Suzanne", "Suzanne [first.blend]", "Suzanne [second.blend]"]


def add_local(kind, **where) -> bpy.types.Object:
    """A model of the monkey's name."""
    kind(**where)
    bpy.context.object.name = "Suzanne"
    return bpy.context.object


@pytest.fixture
def models(scene, views_folder, monkeypatch, tmp_path):
    """A local cube, a linked monkey and a linked cone, in this order: all of them are called Suzanne."""
    monkeypatch.setattr(view_cache, "cache_folder", lambda: views_folder)
    for name, add in (("first", add_monkey), ("second", lambda: add_local(bpy.ops.mesh.primitive_cone_add))):
        made = add()
        group = bpy.data.collections.new("Models")
        group.objects.link(made)
        bpy.data.libraries.write(str(tmp_path / f"{name}.blend"), {made, group})
        bpy.ops.wm.read_homefile(use_factory_startup=True, use_empty=True)
    cube = add_local(bpy.ops.mesh.primitive_cube_add, location=PLACE + [8, 0, 0])
    linked = []
    for name in ("first", "second"):
        with bpy.data.libraries.load(str(tmp_path / f"{name}.blend"), link=True) as (source, target):
            target.objects, target.collections = source.objects, source.collections
        bpy.context.scene.collection.children.link(target.collections[0])
        linked.append(target.objects[0])
    bpy.context.view_layer.update()
    return [cube, *linked]


@pytest.fixture
def photo(models, tmp_path):
    return photographed(models[1], tmp_path / "monkey.png")


def match_in_box_of(monkey, photo, **options):
    given = {"focal_source": "LENS", "lens": 45, "sensor": 36, "subdivisions": 2, **options}
    return bpy.ops.photopose.match_photo(filepath=str(photo), box=box(monkey), **given)


def test_every_one_has_a_key_of_its_own(models):
    current = bpy.context.scene
    assert [model.name for model in models] == ["Suzanne"] * 3
    assert [key_of(model) for model in models] == KEYS
    assert [with_key(bpy.data.objects, key) for key in KEYS] == models
    assert chosen_models(current, KEYS) == models
    assert collection_models(current, "Models [second.blend]") == models[2:]
    assert collection_models(current, "Models") == models[1:2]
    np.testing.assert_allclose(board_place(current, KEYS[1])[:3, 3], PLACE)
    bpy.data.objects.remove(models[0])
    assert [key_of(model) for model in models[1:]] == ["Suzanne", KEYS[2]]  # as before, where nothing is to be mixed up
    assert chosen_models(current, ["Suzanne"]) == chosen_models(current, [KEYS[1]]) == models[1:2]
    with pytest.raises(PoseError, match='no object "Suzanne .third.blend." in'):
        chosen_models(current, ["Suzanne [third.blend]"])


def test_the_linked_model_is_matched_and_remembered(models, photo):
    """Among models of one name, by the network; and where the local one is the wrong answer."""
    current, settings = bpy.context.scene, bpy.context.scene.photo_pose
    for model in models[:2]:
        settings.models.add().object = model
    assert match_in_box_of(models[1], photo) == {"FINISHED"}
    known = current.camera.data.photo_pose
    assert known.model == models[1] and known.candidates[0].model == models[1]
    assert settings.result.startswith("Suzanne [first.blend]: azimuth")
    found = cameras.read_camera(current, current.camera, SIZE)
    assert np.degrees(angle_between(found.position - PLACE, TRUE.position - PLACE)) < 8
    assert shown_model(current, current.camera, found) == models[1]
    assert bpy.ops.photopose.turn_candidate(axis="UP") == {"FINISHED"} and known.model == models[1]
    assert match_in_box_of(models[1], photo, model=KEYS[2], method="KNN") == {"FINISHED"}
    assert {item.model for item in current.camera.data.photo_pose.candidates} == {models[2]}
    assert bpy.ops.photopose.export_cameras(directory=str(photo.parent)) == {"FINISHED"}
    (line,) = json.loads((photo.parent / "cameras.json").read_text())
    assert line["model"] == KEYS[2]
    seen = cameras.read_camera(current, current.camera, SIZE)
    np.testing.assert_allclose(line["opencv"]["t"], seen.to_camera(np.zeros(3)), atol=1e-3)  # not where the others are


def test_all_photos_and_their_sheet_are_of_the_linked_model(models, photo, tmp_path):
    settings = bpy.context.scene.photo_pose
    settings.models.add().object = models[1]
    bpy.ops.photopose.add_photos(directory=str(tmp_path), files=[{"name": photo.name}])
    settings.photos[0].box = box(models[1])
    look = {"focal_source": "LENS", "lens": 45, "sensor": 36, "subdivisions": 2}
    assert bpy.ops.photopose.match_photos(**look) == {"FINISHED"}
    assert settings.photos[0].camera.data.photo_pose.model == models[1]
    assert bpy.ops.photopose.which_model(filepath=str(photo), box=box(models[1]), **look) == {"FINISHED"}
    assert [answer.object for answer in settings.answers] == models[1:2]
    sheets = {}
    for shown in models[:2]:
        settings.photos[0].camera.data.photo_pose.model = shown
        bpy.ops.photopose.contact_sheet(filepath=str(tmp_path / "sheet.png"))
        with Image.open(tmp_path / "sheet.png") as picture:
            sheets[shown] = np.array(picture)
    assert (sheets[models[0]] != sheets[models[1]]).any(-1).mean() > 0.02  # the cube stands beside the picture


def test_each_is_drawn_as_itself(models):
    sizes = []
    with model_renderer() as render:
        for model in models:
            with evaluated(model) as shown:
                sizes.append((render(shown.name)(TRUE.placed(unit_view())).rgba[..., 3] >= 128).sum())
    assert len(set(sizes)) == 3 and min(sizes) > 100


def unit_view() -> np.ndarray:
    """Of a model in its unit sphere."""
    pose = TRUE.camera_to_world.copy()
    pose[:3, 3] = -4 * pose[:3, 2]
    return pose


def test_a_camera_of_another_scene_is_not_taken_for_that_of_its_name(models, tmp_path):
    """The list holds a linked camera that is not in the scene; a local one of its name is."""
    current = bpy.context.scene
    local = bpy.data.objects.new("Shot", bpy.data.cameras.new("Shot"))
    bpy.data.libraries.write(str(tmp_path / "cameras.blend"), {local})
    with bpy.data.libraries.load(str(tmp_path / "cameras.blend"), link=True) as (source, target):
        target.objects = ["Shot"]
    current.collection.objects.link(local)
    Image.new("RGB", SIZE).save(tmp_path / "photo.png")
    item = current.photo_pose.photos.add()
    item.path, item.camera = str(tmp_path / "photo.png"), target.objects[0]
    current.photo_pose.active_photo = 0
    assert current.camera is None and photo_cameras(current) == []
    assert not bpy.ops.photopose.bind_markers.poll()
    current.collection.objects.link(item.camera)
    current.photo_pose.active_photo = 0
    assert current.camera == item.camera != local and photo_cameras(current) == [item.camera]
