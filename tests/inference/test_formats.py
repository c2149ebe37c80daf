"""Files of other programs: points of the world land on the same pixels after writing and reading, and bad files are
refused in one sentence."""

import json
import os
import struct

import numpy as np
import pytest
from fspy_file import fspy_project

from photo_pose.inference.errors import PoseError
from photo_pose.inference.formats.bop import View, write_bop
from photo_pose.inference.formats.colmap import PosedPhoto, quaternion, read_colmap, rotation_of, write_colmap
from photo_pose.inference.formats.fspy import read_fspy
from photo_pose.inference.geometry import Camera, look_at, rotation_from_vector

POINTS = np.random.default_rng(1).uniform(-1, 1, (40, 3))
K = np.array([[900, 0, 610], [0, 880, 350], [0, 0, 1.0]])
CAMERAS = {
    "a photo.jpg": Camera(K, look_at(np.array([3.0, -4, 2]), np.zeros(3), 0.3), (1200, 800)),
    "sub/b.png": Camera(K, look_at(np.array([-2.0, 5, -1]), np.zeros(3), -2.0), (1200, 800)),
    "tall.jpg": Camera(K, look_at(np.array([0.1, 6, 1]), np.zeros(3)), (800, 1200)),
}
PHOTOS = {name: PosedPhoto(camera) for name, camera in CAMERAS.items()}


@pytest.mark.parametrize("size", [(1200, 800), (800, 1200), (600, 600)])
def test_fspy_projects_point_for_point(tmp_path, size):
    square = Camera(np.array([[900, 0, 410.0], [0, 900, 350], [0, 0, 1]]), CAMERAS["a photo.jpg"].camera_to_world, size)
    (tmp_path / "a.fspy").write_bytes(fspy_project(square))
    project = read_fspy(tmp_path / "a.fspy")
    np.testing.assert_allclose(project.camera.project(POINTS), square.project(POINTS), atol=1e-6)
    assert project.camera.size == size and project.picture == b"picture"


def test_fspy_refuses_in_one_sentence(tmp_path):
    good = fspy_project(CAMERAS["tall.jpg"])
    for content, words in (
        (b"PNG", "not an fSpy project"),
        (good[:4] + struct.pack("<I", 2) + good[8:], "version 2"),
        (good[:-3], "cut off"),
        (fspy_project(CAMERAS["tall.jpg"], imageWidth=None), "damaged"),
        (struct.pack("<4sIII", b"fspy", 1, 26, 0) + b'{"cameraParameters": null}', "no camera"),
    ):
        (tmp_path / "a.fspy").write_bytes(content)
        with pytest.raises(PoseError, match=words):
            read_fspy(tmp_path / "a.fspy")
    with pytest.raises(PoseError, match="cannot be read"):
        read_fspy(tmp_path / "none.fspy")


def test_colmap_comes_back_as_it_was_written(tmp_path):
    write_colmap(tmp_path, PHOTOS)
    shots = read_colmap(tmp_path)
    assert list(shots) == list(CAMERAS) and not any(shot.distortion.any() for shot in shots.values())
    for name, camera in CAMERAS.items():
        assert shots[name].camera.size == camera.size
        np.testing.assert_allclose(shots[name].camera.project(POINTS), camera.project(POINTS), atol=1e-6)
    assert len((tmp_path / "cameras.txt").read_text().splitlines()) == 3  # two lenses, for the first two photos share
    assert (tmp_path / "points3D.txt").read_text().startswith("#")


def test_colmap_knows_a_photo_s_distortion(tmp_path):
    bent = PosedPhoto(CAMERAS["tall.jpg"], np.array([-0.2, 0.03]))
    write_colmap(tmp_path, PHOTOS | {"tall.jpg": bent})
    shots = read_colmap(tmp_path)
    assert shots["tall.jpg"].distortion.tolist() == [-0.2, 0.03, 0, 0] and not len(shots["sub/b.png"].distortion)
    np.testing.assert_allclose(shots["tall.jpg"].camera.K, K)


def test_files_that_cannot_be_written_are_told_by_their_names(tmp_path):
    views = [View("a.jpg", CAMERAS["tall.jpg"], "model", np.eye(4))]
    for name, write in (
        ("images.txt", lambda: write_colmap(tmp_path, PHOTOS)),
        ("scene_gt.json", lambda: write_bop(tmp_path, views, 1000)),
    ):
        (tmp_path / name).mkdir()
        with pytest.raises(PoseError, match=rf'^".*{name}" cannot be written \(Is a directory\)\.$'):
            write()


def test_colmap_s_names_are_the_files_and_its_files_any_editor_s(tmp_path):
    """Names that are no UTF-8, or that Python would break into lines; a byte order mark, as Windows' editor writes."""
    names = [os.fsdecode(b"caf\xe9.jpg"), "a\u2028b.jpg", "c\x85.jpg"]
    write_colmap(tmp_path, dict.fromkeys(names, next(iter(PHOTOS.values()))))
    assert b"caf\xe9.jpg\n" in (tmp_path / "images.txt").read_bytes()
    for file in tmp_path.iterdir():
        file.write_bytes("\ufeff".encode() + file.read_bytes().replace(b"\n", b"\r\n"))
    assert list(read_colmap(tmp_path)) == names


def test_colmap_s_own_example(tmp_path):
    """Numbers by hand: the camera at (0, 0, -5) looks along +Z; points are skipped."""
    (tmp_path / "cameras.txt").write_text(
        "# list\n1 SIMPLE_RADIAL 640 480 500 320 240 -0.1\n7 PINHOLE 64 48 50 60 32 24\n"
    )
    (tmp_path / "images.txt").write_text(
        "# list\n1 1 0 0 0 0 0 5 1 first one.jpg\n10 20 -1 30 40 5\n\n2 0 0 0 1 0 0 5 7 second.jpg\n\n"
    )
    shots = read_colmap(tmp_path)
    first, second = shots["first one.jpg"], shots["second.jpg"]
    assert (first.distortion.tolist(), second.distortion.tolist()) == ([-0.1], [])
    np.testing.assert_allclose(first.camera.position, [0, 0, -5], atol=1e-12)
    np.testing.assert_allclose(first.camera.project(np.array([1.0, 0.5, 0])), [420, 290])
    np.testing.assert_allclose(second.camera.project(np.array([1.0, 0.5, 0])), [22, 18])  # turned by 180 degrees


def test_colmap_refuses_in_one_sentence(tmp_path):
    with pytest.raises(PoseError, match="'cameras.txt' cannot be read"):
        read_colmap(tmp_path)
    (tmp_path / "cameras.txt").write_text("1 OPENCV_FISHEYE 640 480 500 500 320 240 0 0 0 0\n")
    (tmp_path / "images.txt").write_text("1 1 0 0\n")
    with pytest.raises(PoseError, match="OPENCV_FISHEYE is none of"):
        read_colmap(tmp_path)
    (tmp_path / "cameras.txt").write_text("1 PINHOLE 640 480 500 500 320 240\n")
    for turned_nowhere in ("1 1 0 0\n", "1 0 0 0 0 0 0 5 1 a.jpg\n\n"):
        (tmp_path / "images.txt").write_text(turned_nowhere)
        with pytest.raises(PoseError, match="damaged"):
            read_colmap(tmp_path)


@pytest.mark.parametrize("vector", [(0, 0, 0), (np.pi, 0, 0), (0, 3.1415, 0), (0.3, -2, 1), (-2, 2, 0.1)])
def test_quaternions_are_rotations(vector):
    rotation = rotation_from_vector(np.array(vector))
    np.testing.assert_allclose(rotation_of(quaternion(rotation)), rotation, atol=1e-12)


def test_bop_poses_project_as_the_cameras(tmp_path):
    """By the data sets' own formula: K (R x + t) of model coordinates in millimetres."""
    matrix = look_at(np.array([0.5, 1, 0.2]), np.array([1.0, 2, 3]))
    models = ["table", "chair", "table"]
    views = [View(name, camera, model, matrix) for (name, camera), model in zip(CAMERAS.items(), models, strict=True)]
    write_bop(tmp_path, views, 1000.0)
    cameras = json.loads((tmp_path / "scene_camera.json").read_text())
    truth = json.loads((tmp_path / "scene_gt.json").read_text())
    assert [truth[index][0]["obj_id"] for index in "012"] == [2, 1, 2] and cameras["1"]["photo"] == "sub/b.png"
    in_world = POINTS @ matrix[:3, :3].T + matrix[:3, 3]
    for index, camera in zip("012", CAMERAS.values(), strict=True):
        K = np.reshape(cameras[index]["cam_K"], (3, 3))
        for entry, points, suffix in ((truth[index][0], POINTS, "m2c"), (cameras[index], in_world, "w2c")):
            R, t = np.reshape(entry[f"cam_R_{suffix}"], (3, 3)), np.array(entry[f"cam_t_{suffix}"])
            pixels = (points * 1000 @ R.T + t) @ K.T
            np.testing.assert_allclose(pixels[:, :2] / pixels[:, 2:], camera.project(in_world), atol=1e-6)
