"""Photos go with the .blend: their paths are kept as Blender keeps its own, and images in the file are photos, too."""

import numpy as np
import pytest

bpy = pytest.importorskip("bpy")

from PIL import Image  # noqa: E402
from suzanne import SIZE, TRUE, add_monkey, box, photographed  # noqa: E402

from photo_pose.inference.errors import PoseError  # noqa: E402
from photo_pose.inference.photo.image import load_photo  # noqa: E402
from photo_pose.operators.blender import cameras  # noqa: E402
from photo_pose.operators.blender.match_record import photo_of  # noqa: E402
from photo_pose.operators.blender.photo_files import kept, located, path_of, read_photo  # noqa: E402
from photo_pose.operators.compare import compare_views  # noqa: E402
from photo_pose.operators.photos import photo_list  # noqa: E402
from photo_pose.operators.pictures import gpu_drawing, view_cache  # noqa: E402

ROTATED = 6  # EXIF's orientation of a phone that is held upright


@pytest.fixture
def monkey(scene, views_folder, monkeypatch):
    monkeypatch.setattr(view_cache, "cache_folder", lambda: views_folder)
    return add_monkey()


@pytest.fixture
def picture(monkey, views_folder):
    """Of the monkey, in a file that is not to be changed."""
    path = views_folder / "photo.png"
    return path if path.exists() else photographed(monkey, path)


@pytest.fixture
def project(picture, tmp_path):
    """A folder with a photo and a .blend with its camera."""
    folder = tmp_path / "project"
    (folder / "scenes").mkdir(parents=True)
    (folder / "photo.png").write_bytes(picture.read_bytes())
    save(folder / "scene.blend")
    match("//photo.png")
    photo_list.add(bpy.context.scene, str(folder / "photo.png"))
    save(folder / "scene.blend")
    return folder


def save(path, **how) -> None:
    bpy.ops.wm.save_as_mainfile(filepath=str(path), **how)


def match(told: str, **options) -> None:
    given = {"box": box(bpy.data.objects["Suzanne"]), "focal_source": "LENS", "lens": 45, "method": "KNN"}
    bpy.ops.photopose.match_photo(filepath=told, remember=True, subdivisions=1, **given | options)


def works() -> None:
    """All that looks at the active camera's photo."""
    current = bpy.context.scene
    bpy.ops.photopose.refine_camera(box=current.camera.data.photo_pose.box, subdivisions=1)
    bpy.ops.photopose.score_camera()
    bpy.context.view_layer.objects.active = bpy.data.objects["Suzanne"]
    assert bpy.ops.photopose.project_photo() == {"FINISHED"}
    shown = [slot.image for slot in current.camera.data.background_images if slot.show_background_image]
    assert len(shown) == 1 and min(shown[0].size) > 0


def told() -> list[str]:
    """Every path that is kept."""
    current = bpy.context.scene
    settings, camera = current.photo_pose, current.camera
    listed = [item.path for item in settings.photos]
    return [settings.photo, *listed, camera[cameras.PHOTO], camera.data.photo_pose.photo]


def test_a_project_may_be_moved(project, tmp_path):
    assert told() == ["//photo.png"] * 4
    moved = project.rename(tmp_path / "moved")
    bpy.ops.wm.open_mainfile(filepath=str(moved / "scene.blend"))
    works()
    match("//photo.png")
    assert [obj.type for obj in bpy.context.scene.objects].count("CAMERA") == 1
    assert photo_of(bpy.context.scene, bpy.context.scene.camera).path == moved / "photo.png"
    bpy.ops.photopose.match_photos(focal_source="LENS", lens=45, subdivisions=1, method="KNN")
    assert bpy.context.scene.photo_pose.photos[0].state == "MATCHED"
    assert [obj.type for obj in bpy.context.scene.objects].count("CAMERA") == 1


def test_a_blend_saved_elsewhere_takes_its_paths_along(project):
    bpy.context.scene.photo_pose.result = "told"
    save(project / "scenes" / "other.blend")
    assert told() == ["//../photo.png"] * 4 and bpy.context.scene.photo_pose.result == "told"
    save(project / "copy.blend", copy=True)
    assert told() == ["//../photo.png"] * 4
    with pytest.raises(RuntimeError):
        save(project / "nowhere" / "scene.blend")
    assert told() == ["//../photo.png"] * 4
    bpy.ops.wm.open_mainfile(filepath=str(project / "copy.blend"))
    assert told() == ["//photo.png"] * 4


@pytest.mark.skipif(not gpu_drawing.available(), reason="Blender finds no OpenGL here")
def test_compare_goes_on_in_a_blend_saved_elsewhere(project):
    bpy.ops.photopose.compare(view="EDGES")
    (shown,) = compare_views._running
    bpy.context.view_layer.update()
    assert not bpy.app.timers.is_registered(compare_views._renew)
    save(project / "scenes" / "other.blend")
    bpy.context.view_layer.update()
    assert bpy.app.timers.is_registered(compare_views._renew)  # as soon as Blender is idle
    compare_views._renew()
    assert shown.path == bpy.context.scene.camera[cameras.PHOTO]
    compare_views.stop()


def test_a_new_blend_gets_paths_as_the_user_prefers(picture, tmp_path, monkeypatch):
    match(str(picture))
    paths = bpy.context.preferences.filepaths
    monkeypatch.setattr(paths, "use_relative_paths", False)
    save(tmp_path / "absolute.blend", copy=True)
    monkeypatch.setattr(paths, "use_relative_paths", True)
    save(tmp_path / "relative.blend")
    assert {one[:2] for one in told()} == {"//"} and {located(one) for one in told()} == {str(picture)}
    bpy.ops.wm.open_mainfile(filepath=str(tmp_path / "absolute.blend"))
    assert set(told()) == {str(picture)}


def test_absolute_paths_of_earlier_files_are_found_again(project, tmp_path):
    """By the background image, which Blender has moved."""
    camera, settings = bpy.context.scene.camera, bpy.context.scene.photo_pose
    camera[cameras.PHOTO] = camera.data.photo_pose.photo = str(project / "photo.png")
    settings.photo = settings.photos[0].path = str(project / "photo.png")
    save(project / "scene.blend")
    moved = project.rename(tmp_path / "moved")
    bpy.ops.wm.open_mainfile(filepath=str(moved / "scene.blend"))
    assert told() == ["//photo.png"] * 4
    works()


def test_a_photo_that_was_moved_is_followed_by_the_background_image(project):
    """Whoever gives that its new path, as by Find Missing Files."""
    camera = bpy.context.scene.camera
    (project / "photo.png").rename(project / "scenes" / "photo.png")
    camera.data.background_images[0].image.filepath = "//scenes/photo.png"
    assert path_of(camera) == str(project / "scenes" / "photo.png")
    works()
    match("//scenes/photo.png")
    assert bpy.context.scene.camera == camera and camera[cameras.PHOTO] == "//scenes/photo.png"


def test_a_photo_that_is_gone_is_named_with_its_folder(project):
    (project / "photo.png").unlink()
    with pytest.raises(RuntimeError, match=f"Photo '{project / 'photo.png'}' does not exist"):
        works()
    with pytest.raises(PoseError, match=f"'{project / 'photo.png'}' does not exist"):
        read_photo("//photo.png")


@pytest.mark.parametrize("turned", [False, True])
def test_a_packed_photo_needs_no_file(project, turned):
    path = project / ("turned.jpg" if turned else "photo.png")
    if turned:
        image = Image.open(project / "photo.png")
        image.getexif()[0x0112] = ROTATED
        image.transpose(Image.Transpose.ROTATE_90).save(path, exif=image.getexif(), quality=95)
        bpy.context.scene.camera = None
        match(str(path))
    bpy.ops.file.pack_all()
    counted = len(bpy.data.images)
    path.unlink()
    works()
    assert photo_of(bpy.context.scene, bpy.context.scene.camera).size == SIZE and len(bpy.data.images) == counted
    match(str(path))
    assert [obj.type for obj in bpy.context.scene.objects].count("CAMERA") == 1 + turned


def test_a_large_turned_photo_keeps_its_size_without_a_file(scene, tmp_path):
    path, exif = tmp_path / "large.jpg", Image.Exif()
    exif[0x0112] = ROTATED
    Image.new("RGB", (5000, 3000), "red").save(path, exif=exif)
    camera = cameras.camera_for_photo(scene, path)
    cameras.show_photo(camera, load_photo(path))
    path.unlink()
    photo = photo_of(scene, camera)
    assert photo.size == (3000, 5000) and photo.image.size == (2458, 4096)
    assert camera.data.background_images[0].image == cameras.photo_image(photo)


@pytest.mark.parametrize("is_float", [False, True])
def test_an_image_without_a_file_is_a_photo(picture, scene, is_float):
    image = bpy.data.images.new("Drawn", *SIZE, float_buffer=is_float)
    values = np.asarray(Image.open(picture), np.float32)[::-1] / 255
    linear = np.where(values < 0.04045, values / 12.92, ((values + 0.055) / 1.055) ** 2.4)
    image.pixels.foreach_set(np.dstack([linear if is_float else values, np.ones(SIZE[::-1], np.float32)]).ravel())
    taken, seen = np.asarray(load_photo(picture).image, int), np.asarray(read_photo("Drawn").image, int)
    assert abs(taken - seen).max() <= 1
    match("Drawn")
    assert told()[1:] == ["Drawn"] * 2 and scene.camera.data.background_images[0].image == image
    works()
    save(picture.with_name("drawn.blend"))
    assert scene.camera[cameras.PHOTO] == "Drawn" and scene.photo_pose.photo == "Drawn"


def test_a_name_in_the_blend_stands_for_the_images_file(scene, picture):
    image = bpy.data.images.load(str(picture))
    image.name = "Front view"
    assert located("Front view") == str(picture) and kept("Front view") == str(picture)
    bpy.data.images.new("Empty", 1, 1).source = "FILE"
    with pytest.raises(PoseError, match='Image "Empty" has no pixels'):
        read_photo("Empty")


def test_a_straightened_copy_is_not_taken_for_the_photo(scene, tmp_path):
    """Of a turned photo both are copies."""
    from photo_pose.inference.photo.distortion import straightened

    path, exif = tmp_path / "turned.jpg", Image.Exif()
    exif[0x0112] = ROTATED
    Image.effect_noise(SIZE, 90).convert("RGB").save(path, exif=exif)
    camera, photo = cameras.camera_for_photo(scene, path), load_photo(path)
    cameras.show_photo(camera, photo)
    cameras.show_photo(camera, straightened(photo, TRUE.K, np.array([-0.3, 0.0])))
    path.unlink()
    assert len(camera.data.background_images) == 2
    assert abs(np.asarray(photo_of(scene, camera).image, int) - np.asarray(photo.image, int)).mean() < 3
