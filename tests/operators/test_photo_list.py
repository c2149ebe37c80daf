"""The list of photos: one camera each, whatever their shapes, and nothing else of the scene is touched."""

import os

import numpy as np
import pytest

bpy = pytest.importorskip("bpy")

from blender_state import differences, snapshot  # noqa: E402
from bpy_extras.object_utils import world_to_camera_view  # noqa: E402
from mathutils import Vector  # noqa: E402
from PIL import Image  # noqa: E402
from suzanne import PLACE, TRUE, add_monkey, photographed, vertices  # noqa: E402

from photo_pose.inference.errors import PoseError  # noqa: E402
from photo_pose.inference.geometry import Box, Camera, Sphere, intrinsics, look_at  # noqa: E402
from photo_pose.inference.matching import Match  # noqa: E402
from photo_pose.inference.photo import overlay_picture  # noqa: E402
from photo_pose.inference.photo.image import load_photo  # noqa: E402
from photo_pose.inference.steps import Work, finish  # noqa: E402
from photo_pose.inference.verify.candidates import Candidate  # noqa: E402
from photo_pose.inference.verify.confidence import Evidence  # noqa: E402
from photo_pose.operators.blender import cameras  # noqa: E402
from photo_pose.operators.blender.match_record import Shown  # noqa: E402
from photo_pose.operators.photos import photo_list
from photo_pose.operators.photos.match_all import PHOTOPOSE_OT_match_photos, Shot, match_all, write_shot, write_shots  # noqa: E402
from photo_pose.operators.photos.photo_list import photo_cameras  # noqa: E402
from photo_pose.operators.pictures import view_cache  # noqa: E402

UPRIGHT = Camera(intrinsics(400, (240, 320)), look_at(PLACE + np.array([-1.5, -4, 1]), PLACE + [0, 0, 0.1]), (240, 320))
LENS = {"focal_source": "LENS", "lens": 45, "sensor": 36, "subdivisions": 2}  # 400 px of 320


@pytest.fixture
def monkey(scene, views_folder, monkeypatch):
    monkeypatch.setattr(view_cache, "cache_folder", lambda: views_folder)
    return add_monkey()


@pytest.fixture
def folder(scene, tmp_path):
    """Two pictures, and a file that is none."""
    Image.new("RGB", TRUE.size).save(tmp_path / "wide.png")
    Image.new("RGB", UPRIGHT.size).save(tmp_path / "tall.png")
    (tmp_path / "broken.jpg").write_bytes(b"no picture")
    return tmp_path


@pytest.fixture
def photos(monkey, views_folder):
    """The same with photos of the monkey."""
    for name, camera in (("wide.png", TRUE), ("tall.png", UPRIGHT)):
        if not (views_folder / name).exists():
            photographed(monkey, views_folder / name, camera)
    (views_folder / "broken.jpg").write_bytes(b"no picture")
    return views_folder


def add(folder, *names) -> set[str]:
    return bpy.ops.photopose.add_photos(directory=str(folder), files=[{"name": name} for name in names])


def box_in(camera: Camera, monkey) -> tuple[float, ...]:
    return tuple(Box.around(camera.project(vertices(monkey))))


def add_camera(scene, name: str) -> bpy.types.Object:
    camera = bpy.data.objects.new(name, bpy.data.cameras.new(name))
    scene.collection.objects.link(camera)
    return camera


def photo_pixels(scene, camera_object, points: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """Where Blender itself projects points to, in px of a photo shown FIT in the render frame."""
    frame = np.array([scene.render.resolution_x, scene.render.resolution_y])
    seen = [world_to_camera_view(scene, camera_object, Vector(point)) for point in points]
    pixels = np.array([(x, 1 - y) for x, y, _depth in seen]) * frame
    return (pixels - frame / 2) / min(frame / size) + np.divide(size, 2)


def test_a_chosen_photo_becomes_the_current_one(scene, folder):
    settings, own = scene.photo_pose, add_camera(scene, "Own")
    scene.camera = own
    assert add(folder, "wide.png", "tall.png") == {"FINISHED"}
    assert [item.name for item in settings.photos] == ["wide.png", "tall.png"]
    assert settings.photo == str(folder / "wide.png") and scene.camera == own
    settings.box = (1, 2, 30, 40)
    settings.photos[1].camera = add_camera(scene, "Second")

    before = snapshot()
    settings.active_photo = 1
    assert settings.photo == str(folder / "tall.png") and tuple(settings.box) == (0, 0, 0, 0)
    assert scene.camera.name == "Second"
    changed = {key.removeprefix("scenes[Scene].") for key in differences(before, snapshot())}
    assert changed == {"camera", "photo_pose.photo", "photo_pose.box", "photo_pose.active_photo"}
    settings.active_photo = 0
    assert tuple(settings.box) == (1, 2, 30, 40) and scene.camera.name == "Second"  # the first photo has no camera

    with pytest.raises(RuntimeError, match="not in the list yet"):
        add(folder, "wide.png", "missing.png")
    assert bpy.ops.photopose.remove_photo() == {"FINISHED"}
    assert [item.name for item in settings.photos] == ["tall.png"] and "Second" in scene.objects
    bpy.ops.photopose.remove_photo()
    with pytest.raises(RuntimeError, match="list of photos is empty"):
        bpy.ops.photopose.remove_photo()


def test_what_was_told_of_a_photo_is_not_shown_under_another(scene, folder):
    add(folder, "wide.png", "tall.png")
    settings, camera = scene.photo_pose, add_camera(scene, "Matched")
    scene.camera, camera.data.photo_pose.photo = camera, settings.photos[0].path
    settings.photo = settings.photos[0].path
    settings.result = "Suzanne: azimuth 12.0°"
    settings.photo = settings.photo  # the same
    assert settings.result
    settings.photo = settings.photos[1].path
    assert settings.result == ""
    settings.photos[0].state, settings.photos[0].message = "MATCHED", "Suzanne: azimuth 13.0°"
    settings.photos[0].camera = camera
    for active, told in ((0, "Suzanne: azimuth 13.0°"), (1, "")):
        settings.active_photo = active
        assert settings.result == told


def test_a_row_knows_whether_its_camera_is_in_the_scene(scene):
    camera, (hidden, excluded) = add_camera(scene, "Own"), map(bpy.data.collections.new, ("Hidden", "Excluded"))
    item = scene.photo_pose.photos.add()
    assert not item.present
    item.camera = camera
    assert item.present
    camera.hide_set(True)
    assert item.present
    camera.hide_set(False)
    for collection in (hidden, excluded):
        scene.collection.children.link(collection)
    layers = bpy.context.view_layer.layer_collection.children
    layers["Hidden"].hide_viewport, layers["Excluded"].exclude = True, True
    for collection in (hidden, excluded):
        camera.users_collection[0].objects.unlink(camera)
        assert not item.present
        collection.objects.link(camera)
        assert item.present
    bpy.data.scenes.new("Other").collection.objects.link(camera)
    excluded.objects.unlink(camera)
    assert not item.present and photo_cameras(scene) == []


def test_a_found_box_stays_a_found_one_in_the_list(scene, folder):
    settings, (given, found) = scene.photo_pose, ((1, 2, 30, 40), (5, 6, 70, 80))
    add(folder, "wide.png", "tall.png")
    settings.box, settings.box_found = found, True
    settings.active_photo = 1
    settings.box = given
    settings.active_photo = 0
    wide, tall = settings.photos
    assert tuple(settings.box) == tuple(wide.box) == found and settings.box_found and wide.box_found
    assert settings.known_box == wide.known_box == (0, 0, 0, 0) and tall.known_box == given
    settings.box[0] = 4  # by hand
    assert settings.known_box == wide.known_box == (4, 6, 70, 80)


def test_a_listed_photo_that_has_a_camera_knows_whether_its_box_was_found(scene, folder):
    for name, found in (("wide.png", True), ("tall.png", False)):
        camera = add_camera(scene, name)
        camera[cameras.PHOTO] = str(folder / name)
        camera.data.photo_pose.box, camera.data.photo_pose.box_found = (1, 2, 30, 40), found
    add(folder, "wide.png", "tall.png")
    assert [item.known_box for item in scene.photo_pose.photos] == [(0, 0, 0, 0), (1, 2, 30, 40)]


def test_the_box_that_the_panel_has_is_newer_than_that_of_the_match(scene, folder):
    camera = add_camera(scene, "wide.png")
    camera[cameras.PHOTO] = str(folder / "wide.png")
    camera.data.photo_pose.box = (1, 2, 30, 40)
    scene.photo_pose.photo, scene.photo_pose.box = str(folder / "wide.png"), (3, 4, 33, 44)
    add(folder, "wide.png", "tall.png")
    assert [item.known_box for item in scene.photo_pose.photos] == [(3, 4, 33, 44), (0, 0, 0, 0)]
    assert scene.photo_pose.known_box == (3, 4, 33, 44)


def test_all_photos_are_matched_each_by_its_own_camera(scene, monkey, photos):
    settings, own = scene.photo_pose, add_camera(scene, "Own")
    scene.camera = own
    add(photos, "wide.png", "broken.jpg", "tall.png")
    for item, camera in ((settings.photos[0], TRUE), (settings.photos[2], UPRIGHT)):
        item.box = box_in(camera, monkey)
    settings.active_photo = 2
    before = snapshot()
    assert bpy.ops.photopose.match_photos(**LENS) == {"FINISHED"}
    wide, broken, tall = settings.photos
    assert [item.state for item in settings.photos] == ["MATCHED", "FAILED", "MATCHED"]
    assert "broken.jpg" in broken.message and broken.message.endswith(".") and broken.camera is None
    assert scene.camera == tall.camera and len({own, wide.camera, tall.camera}) == 3
    for item, truth in ((wide, TRUE), (tall, UPRIGHT)):
        points = vertices(monkey)
        off = photo_pixels(scene, item.camera, points, truth.size) - truth.project(points)
        assert np.linalg.norm(off, axis=1).mean() < 0.04 * Box.around(truth.project(points)).width
        assert tuple(item.camera.data.photo_pose.size) == truth.size
        assert 0 < item.camera.data.photo_pose.confidence <= 1 and "azimuth" in item.message
        assert len(item.camera.data.photo_pose.candidates) > 1
    sheet = photos / "sheet.png"
    assert bpy.ops.photopose.contact_sheet(filepath=str(sheet)) == {"FINISHED"}
    with Image.open(sheet) as picture:
        shown = np.array(picture)
    rows, columns = (slice(0, shown.shape[axis] // 2) for axis in (0, 1))
    outline = (np.abs(shown.astype(int) - overlay_picture.OUTLINE) < 60).all(-1)
    assert outline[rows, columns].sum() > 100 and outline[shown.shape[0] // 2 :, columns].sum() > 100
    assert not outline[rows, shown.shape[1] // 2 :].any() and shown[rows, shown.shape[1] // 2 :].max() > 200  # its text
    untouched = ("objects[Own]", "cameras[Own]", "scenes[Scene].render", "meshes", "materials", "active", "selected")
    changes = differences(before, snapshot())
    assert not [key for key in changes if key.startswith(untouched)]
    with pytest.raises(RuntimeError, match="matched already|broken"):
        settings.photos.remove(1)
        bpy.ops.photopose.match_photos(**LENS, skip_matched=True)


def test_a_photo_that_is_gone_when_cameras_are_written_keeps_no_other_one_back(scene, monkey, folder, tmp_path):
    """Its file vanishes after it was matched; another one was no picture from the start, one names no model."""
    Image.new("RGB", TRUE.size).save(folder / "other.png")
    add(folder, "wide.png", "broken.jpg", "tall.png", "other.png")
    paths = [item.path for item in scene.photo_pose.photos]
    candidate, sphere = Candidate(monkey.name, TRUE, 1.0), Sphere(PLACE, 1.0)
    photo, box = load_photo(paths[0]), Box(80, 60, 200, 180)
    shown = Shown([Image.new("RGB", (128, 128))], Evidence(box, TRUE.size, box, 0.9))
    shots = {path: Shot(photo, box, Match([candidate], {}), shown) for path in paths}
    shots[paths[1]] = PoseError("Photo 'broken.jpg' is damaged.")
    shots[paths[3]] = Shot(photo, box, Match([candidate._replace(model="gone")], {}), shown)
    (folder / "wide.png").unlink()
    before = snapshot()
    told = write_shots(scene, shots, {monkey.name: sphere})
    assert [item.state for item in scene.photo_pose.photos] == ["FAILED", "FAILED", "MATCHED", "FAILED"]
    assert scene.photo_pose.photos[3].message == "Photo 'other.png' failed with an unforeseen error (KeyError: 'gone')."
    assert scene.photo_pose.photos[0].message == f"Photo '{folder / 'wide.png'}' does not exist."
    assert told == [scene.photo_pose.photos[number].message for number in (0, 1, 3)]
    new = {key for key, (old, _new) in differences(before, snapshot()).items() if old == "absent"}
    assert not [key for key in new if "wide" in key] and any(key.startswith("objects[tall]") for key in new)


def test_what_was_matched_is_shown_though_its_file_is_gone(scene, folder):
    photo = load_photo(folder / "wide.png")
    camera = cameras.camera_for_photo(scene, photo.path)
    (folder / "wide.png").unlink()
    cameras.show_photo(camera, photo)
    image = camera.data.background_images[0].image
    assert image.packed_file and tuple(image.size) == photo.size


@pytest.mark.parametrize("source", ["LENS", "CAMERA"])
def test_a_known_lens_is_that_of_all_cameras(scene, monkey, photos, views_folder, source):
    """In mm, for a wide photo and a tall one, though the first camera to be written becomes the active one."""
    add(photos, "wide.png", "tall.png")
    scene.camera = add_camera(scene, "Own")
    scene.camera.data.lens, scene.camera.data.sensor_width = 35, 28
    for item, camera in zip(scene.photo_pose.photos, (TRUE, UPRIGHT), strict=True):
        item.box = box_in(camera, monkey)
    bpy.context.view_layer.update()
    frames = {
        item.path: cameras.read_camera(scene, scene.camera, load_photo(item.path).size)
        for item in scene.photo_pose.photos
    }
    assert bpy.ops.photopose.match_photos(focal_source=source, lens=35, sensor=28, subdivisions=2) == {"FINISHED"}
    for item in scene.photo_pose.photos:
        size = load_photo(item.path).size
        assert item.camera.data.lens == pytest.approx(35) and "lens 35.0 mm" in item.message
        focal = 35 / 28 * max(size) if source == "LENS" else frames[item.path].focal
        assert cameras.read_camera(scene, item.camera, size).focal == pytest.approx(focal, rel=1e-5)


@pytest.mark.parametrize("progress", [0.01, 0.7])  # while views are rendered, and when the first photo is matched
def test_esc_leaves_all_cameras_as_they_were(scene, monkey, photos, tmp_path, progress, monkeypatch):
    """The background has no Esc: the operator cancels itself."""
    add(photos, "wide.png", "tall.png")
    if progress < 0.5:
        monkeypatch.setattr(view_cache, "cache_folder", lambda: tmp_path)
    reached = []

    def execute(self: PHOTOPOSE_OT_match_photos, context: bpy.types.Context) -> set[str]:
        self._steps = self.steps(context)
        while isinstance(step := next(self._steps), Work) or step < progress:
            pass
        reached.append(step)
        self.cancel(context)
        return {"CANCELLED"}

    monkeypatch.setattr(PHOTOPOSE_OT_match_photos, "execute", execute)
    before = snapshot()
    assert bpy.ops.photopose.match_photos(**LENS) == {"CANCELLED"}
    assert progress <= reached[0] < 1 and differences(before, snapshot()) == {}


def matcher(lenses: dict[str, tuple[float, float]]):
    """Finds these focal lengths and deviations by photo."""

    def match(photo, box):
        focal, deviation = lenses[photo.path.name]
        camera = Camera(intrinsics(focal, photo.size), np.eye(4), photo.size)
        yield 0.5
        return Shot(
            photo, box or Box(1, 2, 30, 40), Match([Candidate("m", camera, 1.0, deviation)], {}), Shown([], None)
        )

    return match


def test_a_shared_lens_is_asked_of_all_that_were_matched(scene, folder):
    asked = []

    def share(shots):
        asked.extend(shot.photo.path.name for shot in shots)
        yield 0.5
        return [shot._replace(sensor=24.0) for shot in shots]

    boxes = {str(folder / name): (0, 0, 0, 0) for name in ("wide.png", "broken.jpg", "tall.png")}
    match = matcher({"wide.png": (300, 0.1), "tall.png": (500, 0.1)})
    shots = finish(match_all(boxes, match, share))
    assert asked == ["wide.png", "tall.png"]
    assert isinstance(shots.pop(str(folder / "broken.jpg")), PoseError)
    assert [shot.sensor for shot in shots.values()] == [24, 24]


def test_one_photo_shares_its_lens_with_none(scene, folder):
    asked = []

    def share(shots):
        asked.extend(shots)
        yield 0.5
        return shots

    match = matcher({"wide.png": (300, 0.1)})
    shots = finish(match_all({str(folder / "wide.png"): (0, 0, 0, 0)}, match, share))
    assert not asked and [shot.best.camera.focal for shot in shots.values()] == [300]


def test_an_unforeseen_error_of_a_photo_keeps_no_other_one_back(scene, folder):
    def match(photo, box):
        yield 0.5
        camera = Camera(intrinsics(300, photo.size), np.eye(4), photo.size)
        if photo.path.name == "tall.png":
            raise ZeroDivisionError("division by zero\nand more")
        return Shot(photo, Box(1, 2, 30, 40), Match([Candidate("m", camera, 1.0)], {}), Shown([], None))

    tall, wide = (str(folder / name) for name in ("tall.png", "wide.png"))
    shots = finish(match_all({tall: (0, 0, 0, 0), wide: (0, 0, 0, 0)}, match, None))
    assert isinstance(shots[wide], Shot) and isinstance(shots[tall], PoseError)
    told = "Photo 'tall.png' failed with an unforeseen error (ZeroDivisionError: division by zero)."
    assert str(shots[tall]) == told


def test_a_name_that_is_no_utf_8_is_shown_with_question_marks(scene, tmp_path):
    """As zips from Windows leave them on Linux; a GIF is shown as a copy."""
    names = [os.fsdecode(name) for name in (b"caf\xe9.png", b"caf\xe9.gif", b"caf\xe9.jpg")]
    for name in names[:2]:
        Image.new("RGB", TRUE.size).save(tmp_path / name)
        photo_list.add(scene, str(tmp_path / name))
    items = scene.photo_pose.photos
    assert [item.name for item in items] == ["caf?.png", "caf?.gif"]
    assert [item.path for item in items] == [str(tmp_path / name) for name in names[:2]]
    for item in items:
        camera = cameras.camera_for_photo(scene, item.path, take_active=False)
        cameras.show_photo(camera, load_photo(item.path))
        assert camera.name.startswith("caf?") and camera["photo_pose"] == item.path
        assert camera == cameras.camera_for_photo(scene, item.path, take_active=False)
        assert tuple(camera.data.background_images[0].image.size) == TRUE.size
    with pytest.raises(PoseError, match=r"^Photo '.*/caf\?.jpg' does not exist\.$"):
        load_photo(tmp_path / names[2])


def test_of_two_cameras_of_one_photo_the_listed_one_is_written(scene, monkey, folder):
    """The other one, for another object in it, is active."""
    add(folder, "wide.png")
    (item,) = scene.photo_pose.photos
    item.camera, other = (cameras.camera_for_photo(scene, item.path, take_active=False) for _ in range(2))
    assert item.camera == other
    other = cameras.camera_for_photo(scene, item.path, take_active=False, but=[item.camera])
    assert other != item.camera and scene.camera == other
    box, sphere = Box(80, 60, 200, 180), Sphere(PLACE, 1.0)
    shown = Shown([Image.new("RGB", (128, 128))], Evidence(box, TRUE.size, box, 0.9))
    shot = Shot(load_photo(item.path), box, Match([Candidate(monkey.name, TRUE, 1.0)], {}), shown)
    listed, before = item.camera, np.array(other.matrix_world)
    write_shot(scene, item.path, shot, {monkey.name: sphere})
    assert item.camera == listed and tuple(listed.data.photo_pose.size) == TRUE.size
    assert (np.array(other.matrix_world) == before).all()


def test_markers_are_bound_to_cameras_beside_others(scene, folder):
    with pytest.raises(RuntimeError, match="No photo of the list has a camera"):
        bpy.ops.photopose.bind_markers()
    add(folder, "wide.png", "tall.png", "broken.jpg")
    for item in scene.photo_pose.photos[:2]:
        item.camera = add_camera(scene, item.name)
    scene.timeline_markers.new("Mine", frame=1)
    for _ in range(2):  # the second time there is nothing more to do
        assert bpy.ops.photopose.bind_markers() == {"FINISHED"}
        found = [(marker.frame, marker.name, marker.camera) for marker in scene.timeline_markers]
        assert found == [
            (1, "Mine", None),
            (2, "wide.png", scene.photo_pose.photos[0].camera),
            (3, "tall.png", scene.photo_pose.photos[1].camera),
        ]
    scene.frame_set(3)
    assert scene.camera == scene.photo_pose.photos[1].camera


def test_match_all_says_which_cameras_it_has_to_pass_over(scene, monkey, photos, capfd):
    add(photos, "wide.png")
    bpy.ops.photopose.match_photos(method="KNN")
    before = scene.photo_pose.photos[0].camera
    before.lock_location[0] = True
    bpy.ops.photopose.match_photos(method="KNN")
    after = scene.photo_pose.photos[0].camera
    assert after != before
    assert f"{before.name} is locked and stays as it is: {after.name} is a new camera" in capfd.readouterr().out
