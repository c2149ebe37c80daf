"""The panel's photo and its box, chosen and forgotten by buttons."""

import pytest

bpy = pytest.importorskip("bpy")


def test_a_chosen_photo_is_kept_as_blender_keeps_paths(scene, tmp_path):
    settings, photo = scene.photo_pose, tmp_path / "photos" / "one.jpg"
    settings.box = (1, 2, 30, 40)
    assert bpy.ops.photopose.choose_photo(filepath=str(photo)) == {"FINISHED"}
    assert settings.photo == str(photo)  # the file is not saved: relative to nothing
    assert tuple(settings.box) == (0, 0, 0, 0)  # which was another photo's
    bpy.ops.wm.save_as_mainfile(filepath=str(tmp_path / "scene.blend"))
    for relative, kept in ((True, "//photos/one.jpg"), (False, str(photo))):
        bpy.context.preferences.filepaths.use_relative_paths = relative
        bpy.ops.photopose.choose_photo(filepath=str(photo))
        assert bpy.context.scene.photo_pose.photo.replace("\\", "/") == kept.replace("\\", "/")
    bpy.context.preferences.filepaths.use_relative_paths = True


def test_the_same_photo_keeps_its_box_and_none_changes_nothing(scene, tmp_path):
    settings, photo = scene.photo_pose, str(tmp_path / "one.jpg")
    settings.photo, settings.box = photo, (1, 2, 30, 40)
    bpy.ops.photopose.choose_photo(filepath=photo)
    assert tuple(settings.box) == (1, 2, 30, 40)
    with pytest.raises(RuntimeError, match="Choose a photo first"):
        bpy.ops.photopose.choose_photo(filepath="")
    assert (settings.photo, tuple(settings.box)) == (photo, (1, 2, 30, 40))


def test_the_box_is_forgotten_and_nothing_else_is(scene):
    settings = scene.photo_pose
    with pytest.raises(RuntimeError, match=r"poll\(\)"):
        bpy.ops.photopose.clear_box()
    settings.photo, settings.box = "/one.jpg", (1, 2, 30, 40)
    assert bpy.ops.photopose.clear_box() == {"FINISHED"}
    assert (settings.photo, tuple(settings.box), settings.known_box) == ("/one.jpg", (0, 0, 0, 0), (0, 0, 0, 0))
