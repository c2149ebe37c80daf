"""Cameras go to other programs and come back to the pixel; the photo lies on the mesh where the camera saw it."""

import io
import json
import re

import numpy as np
import pytest

bpy = pytest.importorskip("bpy")
pytest.importorskip("PIL")

from blender_state import differences, snapshot  # noqa: E402
from fspy_file import fspy_project  # noqa: E402
from mathutils import Matrix, Vector  # noqa: E402
from PIL import Image  # noqa: E402

from photo_pose.inference.formats.colmap import PosedPhoto, read_colmap, write_colmap  # noqa: E402
from photo_pose.inference.geometry import Camera, intrinsics, look_at  # noqa: E402
from photo_pose.inference.photo.distortion import displacement, distorted  # noqa: E402
from photo_pose.inference.photo.image import load_photo  # noqa: E402
from photo_pose.operators.blender import cameras  # noqa: E402
from photo_pose.operators.handover.import_cameras import PHOTOPOSE_FH_fspy, PHOTOPOSE_OT_import_cameras  # noqa: E402

POINTS = np.random.default_rng(0).uniform(-1, 1, (50, 3))
WIDE = Camera(intrinsics(900, (640, 400), (350, 180)), look_at(np.array([4.0, -5, 3]), np.zeros(3), 0.3), (640, 400))
TALL = Camera(intrinsics(700, (300, 500)), look_at(np.array([-5.0, -3, 1]), np.zeros(3)), (300, 500))

NEAR = Camera(intrinsics(420, (640, 400)), look_at(np.array([0.9, -1.3, 0.8]), np.array([0.2, 0, -0.1])), (640, 400))
WAVE = 64  # px
ENGINES = bpy.types.RenderSettings.bl_rna.properties["engine"].enum_items.keys()
KINDS = ("VIEW_3D", "OUTLINER")
RATIONAL = "FULL_OPENCV 640 400 500 500 320 200 0.1 0.05 0.001 0.001 0.02 0.3 0.1 0.01"


@pytest.fixture
def cube(scene):
    """A cube that is moved, turned and scaled; a render frame like no photo's, with pixels that are not square."""
    scene.render.resolution_x, scene.render.resolution_y, scene.render.pixel_aspect_x = 500, 450, 1.3
    bpy.ops.mesh.primitive_cube_add(size=1, location=(0.2, 0.1, -0.1), rotation=(0.1, 0.2, 0.4))
    bpy.context.object.scale = (0.8, 0.8, 0.8)
    bpy.context.view_layer.update()
    return bpy.context.object


@pytest.fixture
def matched(scene, cube, tmp_path):
    """Two photos with cameras in the scene."""
    for name, camera in (("wide.png", WIDE), ("tall.png", TALL)):
        take(scene, tmp_path / name, camera)
    return tmp_path


def take(scene, path, camera: Camera) -> bpy.types.Object:
    """A photo, of noise, and its camera."""
    path.parent.mkdir(exist_ok=True)
    noise = np.random.default_rng(2).integers(0, 255, (camera.size[1], camera.size[0], 3), np.uint8)
    Image.fromarray(noise).save(path)
    return taken_by(scene, path, camera)


def taken_by(scene, path, camera: Camera) -> bpy.types.Object:
    """The camera of a photo that is there."""
    obj = cameras.camera_for_photo(scene, path)
    cameras.write_camera(scene, obj, camera)
    cameras.show_photo(obj, load_photo(path))
    return obj


def test_json_projects_the_model_as_the_camera_does(matched, cube):
    assert bpy.ops.photopose.export_cameras(directory=str(matched), format="JSON") == {"FINISHED"}
    lines = {line["photo"]: line for line in json.loads((matched / "cameras.json").read_text())}
    for name, camera in (("wide.png", WIDE), ("tall.png", TALL)):
        line = lines[str(matched / name)]
        K, R, t = (np.array(line["opencv"][key]) for key in "KRt")
        pixels = (POINTS @ R.T + t) @ K.T
        matrix = np.array(cube.matrix_world)
        in_world = POINTS @ matrix[:3, :3].T + matrix[:3, 3]
        np.testing.assert_allclose(pixels[:, :2] / pixels[:, 2:], camera.project(in_world), atol=1e-3)
        assert (line["model"], line["size"], line["camera"]["resolution"]) == ("Cube", [*camera.size], [*camera.size])


SCALES = {
    "even": (0.8, 0.8, 0.8),
    "uneven": (1.6, 0.8, 1.1),
    "mirrored": (-1, 1, 1),
    "mirrored along y, uneven": (1.5, -0.7, 1),
    "half turn": (-1, -1, 1),
    "two negative, uneven": (-1.2, 1, -0.8),
    "inside out": (-0.5, -0.5, -0.5),
    "flat": (1, 1.5, 0),
}


@pytest.mark.parametrize("parent", [None, (0.5, 1.5, 1), (1, -1, 1)], ids=["", "shearing parent", "mirroring parent"])
@pytest.mark.parametrize("scale", SCALES.values(), ids=SCALES)
def test_of_a_scaled_model_r_is_a_rotation_and_the_projection_exact(matched, scene, cube, scale, parent):
    """In JSON by its `scale`, where one is needed, in BOP by the millimetres that it says models are given in."""
    cube.scale = scale
    if parent:
        bpy.ops.object.empty_add(rotation=(0.3, -0.2, 0.5))
        bpy.context.object.scale, cube.parent = parent, bpy.context.object
    scene.photo_pose.models.add().object = cube
    bpy.context.view_layer.update()
    scene.unit_settings.scale_length = 0.5
    for kind in ("JSON", "BOP"):
        assert bpy.ops.photopose.export_cameras(directory=str(matched), format=kind) == {"FINISHED"}
    lines = json.loads((matched / "cameras.json").read_text())
    truth, intrinsic = (json.loads((matched / f"scene_{name}.json").read_text()) for name in ("gt", "camera"))
    matrix = np.array(cube.matrix_world)
    in_world = POINTS @ matrix[:3, :3].T + matrix[:3, 3]
    for index, line in enumerate(lines):
        camera = WIDE if line["photo"].endswith("wide.png") else TALL
        (entry,), K = truth[str(index)], np.reshape(intrinsic[str(index)]["cam_K"], (3, 3))
        bop = K, np.reshape(entry["cam_R_m2c"], (3, 3)), np.array(entry["cam_t_m2c"]), np.array(entry["scale"])
        own = line["opencv"]
        for K, R, t, S in ((*(np.array(own[key]) for key in "KRt"), np.array(own.get("scale", np.eye(3)))), bop):
            np.testing.assert_allclose(R @ R.T, np.eye(3), atol=1e-9)
            assert np.linalg.det(R) == pytest.approx(1)
            pixels = (POINTS @ S.T @ R.T + t) @ K.T
            np.testing.assert_allclose(pixels[:, :2] / pixels[:, 2:], camera.project(in_world), atol=2e-3)
        if not parent:
            plain = len(set(np.abs(scale))) == 1 and np.prod(scale) > 0
            assert ("scale" in own) != plain
            if np.prod(scale) < 0:  # as Blender's Apply Scale would change the mesh
                np.testing.assert_allclose(entry["scale"], np.diag(scale) * 500, atol=1e-3)


@pytest.mark.parametrize("hidden", ["hide_viewport", "eye", "collection"])
def test_a_model_that_the_viewport_hides_is_where_it_renders(matched, scene, cube, hidden):
    """Blender does not bring it up to date; of a parent of it neither."""
    bpy.ops.object.empty_add()
    parent = cube.parent = bpy.context.object
    scene.photo_pose.models.add().object = cube
    if hidden == "eye":
        cube.hide_set(True)
    elif hidden == "hide_viewport":
        cube.hide_viewport = parent.hide_viewport = True
    else:
        scene.collection.objects.unlink(cube)
        bpy.data.collections.new("Hidden").objects.link(cube)
        scene.collection.children.link(bpy.data.collections["Hidden"])
        bpy.context.view_layer.layer_collection.children["Hidden"].hide_viewport = True
    bpy.context.view_layer.update()
    cube.location, cube.rotation_euler, parent.location = (0.1, 0.2, 0.3), (0.3, 0.2, 0.1), (0, 0, 0.2)
    bpy.context.view_layer.update()
    assert bpy.ops.photopose.export_cameras(directory=str(matched)) == {"FINISHED"}
    place = Matrix.LocRotScale((0.1, 0.2, 0.5), cube.rotation_euler, cube.scale)
    for line in json.loads((matched / "cameras.json").read_text()):
        camera = WIDE if line["photo"].endswith("wide.png") else TALL
        K, R, t = (np.array(line["opencv"][key]) for key in "KRt")
        pixels = (POINTS @ R.T + t) @ K.T
        in_world = camera.project([place @ Vector(point) for point in POINTS])
        np.testing.assert_allclose(pixels[:, :2] / pixels[:, 2:], in_world, atol=2e-3)


@pytest.mark.parametrize("kind", ["JSON", "COLMAP", "BOP"])
def test_a_mirrored_camera_is_handed_over_to_nobody(matched, scene, kind):
    scene.camera.scale.x = -1
    with pytest.raises(RuntimeError, match="camera tall is mirrored or sheared"):
        bpy.ops.photopose.export_cameras(directory=str(matched), format=kind)
    scene.camera.scale = (2, 0.5, 1)  # Blender itself takes no notice of that
    assert bpy.ops.photopose.export_cameras(directory=str(matched), format=kind) == {"FINISHED"}


def test_colmap_and_bop_are_written_and_nothing_is_replaced_unasked(matched, scene):
    before = snapshot()
    for kind in ("COLMAP", "BOP"):
        assert bpy.ops.photopose.export_cameras(directory=str(matched), format=kind) == {"FINISHED"}
        with pytest.raises(RuntimeError, match="has a .* already"):
            bpy.ops.photopose.export_cameras(directory=str(matched), format=kind)
    assert bpy.ops.photopose.export_cameras(directory=str(matched), format="BOP", overwrite=True) == {"FINISHED"}
    (matched / "cameras.json").mkdir()
    with pytest.raises(RuntimeError, match=r'cameras\.json" cannot be written \(Is a directory\)\.'):
        bpy.ops.photopose.export_cameras(directory=str(matched), overwrite=True)
    with pytest.raises(RuntimeError, match="Choose a folder"):
        bpy.ops.photopose.export_cameras()
    assert differences(before, snapshot()) == {}
    shots = read_colmap(matched)
    for name, camera in (("wide.png", WIDE), ("tall.png", TALL)):
        np.testing.assert_allclose(shots[name].camera.project(POINTS), camera.project(POINTS), atol=1e-3)
    pose = json.loads((matched / "scene_gt.json").read_text())
    assert {entry[0]["model"] for entry in pose.values()} == {"Cube"}
    assert 5000 < np.linalg.norm(pose["0"][0]["cam_t_m2c"]) < 8000  # mm


def test_of_two_cameras_of_one_photo_none_is_lost(matched, scene, cube):
    """COLMAP has no place for the second one, and is not written."""
    both = scene.camera, cameras.camera_for_photo(scene, matched / "tall.png", but=[scene.camera])
    cameras.write_camera(scene, both[1], TALL)
    assert bpy.ops.photopose.export_cameras(directory=str(matched / "json"), format="JSON") == {"FINISHED"}
    assert len(json.loads((matched / "json" / "cameras.json").read_text())) == 3
    with pytest.raises(RuntimeError, match=r"'tall.png' has several cameras"):
        bpy.ops.photopose.export_cameras(directory=str(matched / "colmap"), format="COLMAP")
    assert not list((matched / "colmap").iterdir())


def test_colmap_cameras_are_start_poses(matched, scene):
    """In a fresh scene, from a project's usual folders, with a photo of half the size."""
    (matched / "sparse").mkdir()
    bpy.ops.photopose.export_cameras(directory=str(matched / "sparse"), format="COLMAP")
    (matched / "images").mkdir()
    for name in ("wide.png", "tall.png"):
        (matched / name).rename(matched / "images" / name)
    with Image.open(matched / "images" / "wide.png") as picture:
        picture.resize((320, 200)).save(matched / "images" / "wide.png")
    bpy.ops.wm.read_homefile(use_factory_startup=True, use_empty=True)
    scene = bpy.context.scene
    assert bpy.ops.photopose.import_cameras(filepath=str(matched / "sparse" / "images.txt")) == {"FINISHED"}
    items = {item.name: item for item in scene.photo_pose.photos}
    for name, camera, scale in (("wide.png", WIDE, 0.5), ("tall.png", TALL, 1)):
        size = (round(camera.size[0] * scale), round(camera.size[1] * scale))
        read = cameras.read_camera(scene, items[name].camera, size)
        np.testing.assert_allclose(read.project(POINTS), camera.project(POINTS) * scale, atol=1e-3)
        assert items[name].state == "NONE" and "Refine Camera" in items[name].message
        assert bpy.path.abspath(items[name].camera.data.background_images[0].image.filepath) == items[name].path


STORED = {  # where the file has the pixel (x, y) of the photo, w x h, by its EXIF orientation
    1: lambda x, y, w, h: (x, y),
    2: lambda x, y, w, h: (w - x, y),
    3: lambda x, y, w, h: (w - x, h - y),
    4: lambda x, y, w, h: (x, h - y),
    5: lambda x, y, w, h: (y, x),
    6: lambda x, y, w, h: (y, w - x),
    7: lambda x, y, w, h: (h - y, w - x),
    8: lambda x, y, w, h: (h - y, x),
}
QUARTERS = {1: 0, 6: 1, 3: 2, 8: 3}  # clockwise, from the file to the photo
SQUARE = Camera(intrinsics(700, (400, 400), (215, 190)), WIDE.camera_to_world, (400, 400))


def store(picture: Image.Image, path, orientation: int) -> tuple[int, int]:
    """Saves picture so that EXIF turns the file's pixels into it; gives the file's size."""
    turns = [Image.Transpose[name] for name in ("ROTATE_90", "ROTATE_180", "ROTATE_270")]
    quarters = QUARTERS[orientation]
    stored, exif = picture.transpose(turns[quarters - 1]) if quarters else picture, Image.Exif()
    exif[0x112] = orientation
    stored.save(path, exif=exif, quality=95, subsampling=0)
    return stored.size


def stored_camera(camera: Camera, orientation: int, size: tuple[int, int]) -> Camera:
    """What took the file's pixels: held otherwise, so that its own x and y are others."""
    turn = np.eye(4)
    turn[:2, :2] = np.linalg.matrix_power(np.array([[0, 1], [-1, 0]]), QUARTERS[orientation])
    center = STORED[orientation](*camera.K[:2, 2], *camera.size)
    return Camera(intrinsics(camera.focal, size, center), camera.camera_to_world @ turn.T, size)


@pytest.mark.parametrize("camera", [WIDE, TALL, SQUARE], ids=["wide", "tall", "square"])
@pytest.mark.parametrize("orientation", QUARTERS)
@pytest.mark.parametrize("program", ["COLMAP", "fSpy"])
def test_cameras_of_a_file_that_exif_turns_are_turned_with_it(scene, tmp_path, program, orientation, camera):
    """For COLMAP and fSpy look at the pixels as they are in the file."""
    path = tmp_path / "photo.jpg"
    size = store(Image.new("RGB", camera.size, (200, 100, 50)), path, orientation)
    stored = stored_camera(camera, orientation, size)
    start = tmp_path / ("images.txt" if program == "COLMAP" else "house.fspy")
    if program == "COLMAP":
        write_colmap(tmp_path, {"photo.jpg": PosedPhoto(stored)})
    else:
        start.write_bytes(fspy_project(stored, path.read_bytes()))
    assert bpy.ops.photopose.import_cameras(filepath=str(start)) == {"FINISHED"}
    read = cameras.read_camera(scene, scene.camera, camera.size)
    np.testing.assert_allclose(read.project(POINTS), camera.project(POINTS), atol=1e-3)
    assert tuple(scene.camera.data.photo_pose.size) == camera.size


@pytest.mark.parametrize("camera", [WIDE, TALL, SQUARE], ids=["wide", "tall", "square"])
@pytest.mark.parametrize("orientation", QUARTERS)
def test_colmap_gets_cameras_of_the_pixels_in_the_file(scene, tmp_path, orientation, camera):
    """And they come back; JSON has them of the photo as EXIF turns it."""
    path = tmp_path / "photo.jpg"
    size = store(Image.new("RGB", camera.size, (200, 100, 50)), path, orientation)
    taken_by(scene, path, camera)
    bpy.ops.mesh.primitive_cube_add()
    for kind in ("COLMAP", "JSON"):
        bpy.ops.photopose.export_cameras(directory=str(tmp_path), format=kind)
    shot = read_colmap(tmp_path)["photo.jpg"].camera
    assert shot.size == size
    wanted = np.stack(STORED[orientation](*camera.project(POINTS).T, *camera.size), -1)
    np.testing.assert_allclose(shot.project(POINTS), wanted, atol=1e-3)
    (line,) = json.loads((tmp_path / "cameras.json").read_text())
    assert line["size"] == [*camera.size]
    np.testing.assert_allclose(line["opencv"]["K"], camera.K, atol=1e-3)
    scene.camera.location.x += 1
    bpy.ops.photopose.import_cameras(filepath=str(tmp_path / "images.txt"))
    read = cameras.read_camera(scene, scene.camera, camera.size)
    np.testing.assert_allclose(read.project(POINTS), camera.project(POINTS), atol=1e-3)


@pytest.mark.parametrize("orientation", [6, 8])
def test_a_camera_of_the_turned_photo_stays_as_it_is(scene, tmp_path, orientation):
    """Some programs do look at EXIF data; the shape tells."""
    store(Image.new("RGB", TALL.size), tmp_path / "photo.jpg", orientation)
    write_colmap(tmp_path, {"photo.jpg": PosedPhoto(TALL)})
    assert bpy.ops.photopose.import_cameras(filepath=str(tmp_path / "images.txt")) == {"FINISHED"}
    read = cameras.read_camera(scene, scene.camera, TALL.size)
    np.testing.assert_allclose(read.project(POINTS), TALL.project(POINTS), atol=1e-3)


@pytest.mark.parametrize("orientation", [2, 4, 5, 7])
def test_a_file_that_exif_mirrors_has_no_camera(scene, tmp_path, orientation):
    """Its pixels are none that a camera could take: a sentence, both ways."""
    exif, path = Image.Exif(), tmp_path / "photo.jpg"
    exif[0x112] = orientation
    Image.new("RGB", WIDE.size).save(path, exif=exif)
    write_colmap(tmp_path, {"photo.jpg": PosedPhoto(WIDE)})
    with pytest.raises(RuntimeError, match=r"Photo 'photo.jpg' is mirrored by its EXIF data.*\.$"):
        bpy.ops.photopose.import_cameras(filepath=str(tmp_path / "images.txt"))
    assert scene.camera is None
    taken_by(scene, path, WIDE)
    with pytest.raises(RuntimeError, match="Photo 'photo.jpg' is mirrored by its EXIF data"):
        bpy.ops.photopose.export_cameras(directory=str(tmp_path), format="COLMAP", overwrite=True)


@pytest.mark.parametrize("orientation", [3, 6, 8])
def test_distortion_is_turned_with_its_photo(scene, tmp_path, orientation):
    """The straightened photo is that of the same file without EXIF data, turned."""
    lens = "OPENCV 640 400 500 500 330 190 -0.2 0.05 0.02 -0.03"
    turn = Image.Transpose[{3: "ROTATE_180", 6: "ROTATE_270", 8: "ROTATE_90"}[orientation]]
    plain = Image.fromarray(waves((640, 400)))
    plain.save(tmp_path / "plain.png")
    exif = Image.Exif()
    exif[0x112] = orientation
    plain.save(tmp_path / "turned.png", exif=exif)
    (tmp_path / "cameras.txt").write_text(f"1 {lens}\n")
    (tmp_path / "images.txt").write_text("1 1 0 0 0 0 0 5 1 plain.png\n\n2 1 0 0 0 0 0 5 1 turned.png\n\n")
    assert bpy.ops.photopose.import_cameras(filepath=str(tmp_path / "images.txt")) == {"FINISHED"}
    pictures = [Image.open(tmp_path / f"{name}_undistorted.jpg").convert("RGB") for name in ("plain", "turned")]
    off = np.abs(np.array(pictures[0].transpose(turn), float) - np.array(pictures[1], float))
    assert off.mean() < 2
    camera = cameras.read_camera(scene, scene.photo_pose.photos["turned_undistorted.jpg"].camera, pictures[1].size)
    stored = Camera(intrinsics(500, (640, 400), (330, 190)), np.eye(4), (640, 400))
    stored.camera_to_world[2, 3] = -5
    wanted = np.stack(STORED[orientation](*camera.project(POINTS).T, *camera.size), -1)
    np.testing.assert_allclose(stored.project(POINTS), wanted, atol=1e-3)


def test_an_fspy_project_is_a_start_pose(scene, tmp_path):
    picture = io.BytesIO()
    Image.new("RGB", TALL.size, (200, 100, 50)).save(picture, "JPEG")
    (tmp_path / "house.fspy").write_bytes(fspy_project(TALL, picture.getvalue()))
    size = scene.render.resolution_x, scene.render.resolution_y
    for _ in range(2):  # the second time the same camera is set again
        assert bpy.ops.photopose.import_cameras(filepath=str(tmp_path / "house.fspy")) == {"FINISHED"}
        assert len(scene.photo_pose.photos) == len(bpy.data.cameras) == 1
    read = cameras.read_camera(scene, scene.camera, TALL.size)
    np.testing.assert_allclose(read.project(POINTS), TALL.project(POINTS), atol=1e-3)
    assert (scene.render.resolution_x, scene.render.resolution_y) == size
    assert (tmp_path / "house_photo.jpg").read_bytes() == picture.getvalue()
    assert scene.photo_pose.photo == str(tmp_path / "house_photo.jpg")


def test_a_dropped_fspy_project_is_a_start_pose_where_there_is_something_to_see(scene, tmp_path, monkeypatch):
    """By the operator that Blender calls for dropped files."""
    picture = io.BytesIO()
    Image.new("RGB", TALL.size).save(picture, "PNG")
    (tmp_path / "house.fspy").write_bytes(fspy_project(TALL, picture.getvalue()))
    view, outliner = (next(area for area in bpy.context.screen.areas if area.type == kind) for kind in KINDS)

    def drop(area: bpy.types.Area) -> set[str]:
        with bpy.context.temp_override(area=area, region=area.regions[-1]):
            assert PHOTOPOSE_FH_fspy.poll_drop(bpy.context) == (area == view and "Cube" in scene.objects)
            try:
                return bpy.ops.wm.drop_import_file(directory=str(tmp_path), files=[{"name": "house.fspy"}])
            except RuntimeError:  # Blender's own, where nobody takes the file
                return {"CANCELLED"}

    bpy.ops.object.camera_add()
    assert drop(view) == {"CANCELLED"} and not scene.photo_pose.photos
    bpy.ops.mesh.primitive_cube_add()
    assert drop(outliner) == {"CANCELLED"} and not scene.photo_pose.photos
    assert drop(view) == {"FINISHED"}
    read = cameras.read_camera(scene, scene.camera, TALL.size)
    np.testing.assert_allclose(read.project(POINTS), TALL.project(POINTS), atol=1e-3)
    scene.camera.location = 0, 0, 0
    with monkeypatch.context() as patched:  # the background executes: here as the interface invokes
        kind, execute = PHOTOPOSE_OT_import_cameras, PHOTOPOSE_OT_import_cameras.execute
        calls = iter((lambda self, context: kind.invoke(self, context, None), execute))
        patched.setattr(kind, "execute", lambda self, context: next(calls)(self, context))
        assert bpy.ops.photopose.import_cameras(filepath=str(tmp_path / "house.fspy")) == {"FINISHED"}
    assert not list(calls)  # no file browser
    read = cameras.read_camera(scene, scene.camera, TALL.size)
    np.testing.assert_allclose(read.project(POINTS), TALL.project(POINTS), atol=1e-3)


@pytest.mark.parametrize("lens", ["OPENCV 640 400 500 500 320 200 -0.2 0.05 0.002 -0.001", RATIONAL])
def test_colmap_s_distortion_is_taken_out_beside_the_photo(scene, tmp_path, capfd, lens):
    """The photo is waves bent by that very lens; one that cannot be read keeps no other one back."""
    K, distortion = np.array([[500, 0, 320], [0, 500, 200], [0, 0, 1.0]]), np.array(lens.split()[7:], float)
    straight = waves((640, 400))
    place = np.stack(np.meshgrid(np.arange(640) + 0.5, np.arange(400) + 0.5), -1)
    wanted = plane = (place - K[:2, 2]) / 500
    for _ in range(30):
        plane = plane + wanted - distorted(plane, distortion)
    Image.fromarray(waves((640, 400), plane * 500 + K[:2, 2])).save(tmp_path / "bent.png")
    (tmp_path / "broken.png").write_bytes(b"no picture")
    (tmp_path / "cameras.txt").write_text(f"1 {lens}\n2 PINHOLE 640 400 500 500 320 200\n")
    names = ("bent.png", "broken.png", "gone.png")
    (tmp_path / "images.txt").write_text("".join(f"{i} 1 0 0 0 0 0 5 1 {name}\n\n" for i, name in enumerate(names)))
    for _ in range(2):  # the second time the file is there
        assert bpy.ops.photopose.import_cameras(filepath=str(tmp_path / "images.txt")) == {"FINISHED"}
        most = displacement(K, distortion, (640, 400))
        told = capfd.readouterr().out
        assert "1 cameras set up. Photo 'broken.png' is damaged" in told and "1 photos were not found" in told
        assert f"Distortion of up to {most:.0f} px was taken out of 1 photos" in told and most > 10
    (item,) = scene.photo_pose.photos
    assert item.name == "bent_undistorted.jpg" and scene.camera == item.camera
    np.testing.assert_allclose(cameras.read_camera(scene, item.camera, (640, 400)).K, K, atol=1e-3)
    with Image.open(item.path) as picture, Image.open(tmp_path / "bent.png") as bent:
        opaque = np.full((400, 640, 1), 255)
        off, was = (misplaced(np.dstack([np.array(one), opaque]), straight)[0] for one in (picture, bent))
    assert off < 0.3 and was > 3
    (tmp_path / "bent_undistorted.jpg").write_bytes(b"mine")
    with pytest.raises(RuntimeError, match="'bent_undistorted.jpg' is in the way"):
        bpy.ops.photopose.import_cameras(filepath=str(tmp_path / "images.txt"))


def waves(size: tuple[int, int], place: np.ndarray | None = None) -> np.ndarray:
    """(H, W, 3): red waves across, green ones down, as at other places (H, W, 2) px."""
    grid = np.stack(np.meshgrid(np.arange(size[0]) + 0.5, np.arange(size[1]) + 0.5), -1)
    colors = 127.5 + 120 * np.sin(2 * np.pi * (grid if place is None else place) / WAVE)
    return np.dstack([colors, np.full(grid.shape[:2], 200)]).round().astype(np.uint8)


def test_bad_start_files_are_refused_in_one_sentence(scene, tmp_path):
    (tmp_path / "images.txt").write_text("1 1 0 0 0 0 0 5 1 gone.jpg\n\n")
    (tmp_path / "cameras.txt").write_text("1 PINHOLE 640 480 500 500 320 240\n")
    (tmp_path / "empty.fspy").write_bytes(fspy_project(TALL, b""))
    (tmp_path / "other.txt").touch()
    before = snapshot()
    for name, words in (
        ("images.txt", "None of the photos"),
        ("empty.fspy", "no picture inside"),
        ("other.txt", "neither an fSpy project nor"),
        ("gone.fspy", "cannot be read"),
    ):
        with pytest.raises(RuntimeError, match=words):
            bpy.ops.photopose.import_cameras(filepath=str(tmp_path / name))
    Image.new("RGB", (100, 100)).save(tmp_path / "gone.jpg")
    with pytest.raises(RuntimeError, match="another shape"):
        bpy.ops.photopose.import_cameras(filepath=str(tmp_path / "images.txt"))
    assert differences(before, snapshot()) == {}


def test_a_scene_without_photos_has_nothing_to_hand_over(scene):
    for operator in (bpy.ops.photopose.export_cameras, bpy.ops.photopose.project_photo):
        assert not operator.poll()


@pytest.mark.parametrize("mode", ["OBJECT", "EDIT"])
def test_the_photo_is_projected_onto_the_mesh(matched, scene, cube, mode):
    scene.camera = next(obj for obj in scene.objects if "wide" in obj.name)
    cube.data.materials.append(bpy.data.materials.new("Own"))
    own = [tuple(corner.uv) for corner in cube.data.uv_layers["UVMap"].data]
    bpy.ops.object.mode_set(mode=mode)
    for _ in range(2):  # the second time nothing is added
        assert bpy.ops.photopose.project_photo() == {"FINISHED"}
    assert cube.mode == mode
    bpy.ops.object.mode_set(mode="OBJECT")
    assert [(map.name, map.active, map.active_render) for map in cube.data.uv_layers] == [
        ("UVMap", False, True),
        ("Photo wide", True, False),
    ]
    assert [tuple(corner.uv) for corner in cube.data.uv_layers["UVMap"].data] == own
    uvs = np.array([corner.uv for corner in cube.data.uv_layers["Photo wide"].data])
    world = np.array([cube.matrix_world @ cube.data.vertices[loop.vertex_index].co for loop in cube.data.loops])
    np.testing.assert_allclose(uvs * [640, -400] + [0, 400], WIDE.project(world), atol=0.01)
    assert cube.data.materials.keys() == ["Own", "Photo wide"]
    for face in cube.data.polygons:
        towards = cube.matrix_world.to_3x3() @ face.normal @ (scene.camera.location - cube.matrix_world @ face.center)
        assert face.material_index == (towards > 0)
    texture = next(node for node in cube.data.materials[1].node_tree.nodes if node.type == "TEX_IMAGE")
    assert texture.image == scene.camera.data.background_images[0].image


def test_a_projected_photo_is_seen_in_solid_view(matched, scene, cube, capfd):
    """Which shows plain colours at first, or textures of the active UV map by the material's active node."""
    scene.camera = next(obj for obj in scene.objects if "wide" in obj.name)
    shading = next(area for area in bpy.context.screen.areas if area.type == "VIEW_3D").spaces.active.shading
    assert (shading.type, shading.color_type) == ("SOLID", "MATERIAL")
    told = []
    for _again in range(2):
        bpy.ops.photopose.project_photo()
        told.append("Solid view shows textures now" in capfd.readouterr().out)
    assert told == [True, False] and shading.color_type == "TEXTURE"
    assert cube.data.uv_layers.active.name == "Photo wide"
    assert cube.data.materials["Photo wide"].node_tree.nodes.active.image.name.startswith("wide")


@pytest.mark.parametrize("shown", ["show_render", "show_viewport"])
def test_the_photo_is_projected_onto_the_mesh_as_it_renders(matched, scene, cube, shown):
    scene.camera = next(obj for obj in scene.objects if "wide" in obj.name)
    modifier = cube.modifiers.new("Grow", "DISPLACE")
    modifier.mid_level, modifier.strength = 0.0, 0.3
    modifier.show_viewport = modifier.show_render = False
    setattr(modifier, shown, True)
    assert bpy.ops.photopose.project_photo() == {"FINISHED"}
    uvs = np.array([corner.uv for corner in cube.data.uv_layers["Photo wide"].data])
    modifier.show_viewport = shown == "show_render"
    rendered = cube.evaluated_get(bpy.context.evaluated_depsgraph_get()).data.vertices
    world = np.array([cube.matrix_world @ rendered[loop.vertex_index].co for loop in cube.data.loops])
    np.testing.assert_allclose(uvs * [640, -400] + [0, 400], WIDE.project(world), atol=0.01)


def test_the_projected_photo_is_rendered_where_it_was_taken(scene, cube, tmp_path, capfd):
    """On faces so large and near that the UV map, linear over them, would be many pixels off; the photo is waves of
    colour, by whose slope a difference of colours is one of places."""
    camera = take(scene, tmp_path / "near.png", NEAR)
    photo = waves(NEAR.size)
    Image.fromarray(photo).save(tmp_path / "near.png")
    scene.camera = camera
    assert bpy.ops.photopose.project_photo() == {"FINISHED"}
    told = re.search(r"2 of 6 faces show the photo; its UV map alone is up to (\d+) px off", capfd.readouterr().out)
    off, seen = misplaced(emitted(scene, cube, tmp_path / "exact.png"), photo)
    assert seen > 0.15 and off < 0.1
    nodes, links = cube.data.materials[0].node_tree.nodes, cube.data.materials[0].node_tree.links
    uv_map = nodes.new("ShaderNodeUVMap")
    uv_map.uv_map = "Photo near"
    links.new(uv_map.outputs["UV"], next(node for node in nodes if node.type == "TEX_IMAGE").inputs["Vector"])
    off, _seen = misplaced(emitted(scene, cube, tmp_path / "linear.png"), photo)
    assert 5 < off < int(told[1]) < 5 * off  # the one is a mean, the other a maximum


def emitted(scene, cube, path) -> np.ndarray:
    """(H, W, 4): the cube's texture as the camera sees it, without light and without a view transform, on nothing."""
    tree = cube.data.materials[0].node_tree
    light, out = tree.nodes.new("ShaderNodeEmission"), tree.get_output_node("ALL")
    texture = next(node for node in tree.nodes if node.type == "TEX_IMAGE")
    tree.links.new(texture.outputs["Color"], light.inputs["Color"])
    tree.links.new(light.outputs["Emission"], out.inputs["Surface"])
    render = scene.render
    render.resolution_x, render.resolution_y, render.pixel_aspect_x = 640, 400, 1
    cameras.write_camera(scene, scene.camera, NEAR)
    render.engine, render.filepath, render.film_transparent = "CYCLES", str(path), True
    render.image_settings.color_mode, scene.view_settings.view_transform = "RGBA", "Standard"
    scene.cycles.samples, scene.cycles.use_denoising, scene.cycles.filter_width = 16, False, 0.5
    bpy.ops.render.render(write_still=True)
    with Image.open(path) as picture:
        return np.array(picture)


def misplaced(rendered: np.ndarray, photo: np.ndarray) -> tuple[float, float]:
    """By how many px, root mean square, the waves of the photo are rendered elsewhere; how much of it is rendered."""
    opaque = rendered[..., 3] == 255
    away = (rendered[..., :2].astype(float) - photo[..., :2])[opaque]
    slopes = [np.gradient(photo[..., axis].astype(float), axis=1 - axis)[opaque] for axis in (0, 1)]
    return float(np.sqrt((away**2).mean() / np.mean(np.square(slopes)))), float(opaque.mean())


def test_shadows_fall_on_a_plane_that_is_otherwise_not_seen(matched, scene, cube, tmp_path):
    scene.camera = next(obj for obj in scene.objects if "wide" in obj.name)
    before = snapshot()
    assert bpy.ops.photopose.shadow_catcher() == {"FINISHED"}
    plane = scene.objects["Shadow Catcher"]
    lowest = min((cube.matrix_world @ vertex.co).z for vertex in cube.data.vertices)
    assert plane.location.z == pytest.approx(lowest, abs=1e-5)
    bpy.ops.photopose.add_scene_models()
    assert [item.object for item in scene.photo_pose.models] == [cube]  # the plane is no model
    scene.photo_pose.models.clear()
    alpha = rendered_alpha(scene, tmp_path / "render.png")
    plane.hide_render = True
    alone = rendered_alpha(scene, tmp_path / "render.png")
    plane.hide_render = False
    assert (alpha < 5)[alone == 0].mean() > 0.7  # the plane in the light is not seen
    assert (alpha > 25)[alone == 0].mean() > 0.02  # but the shadow on it is
    assert bpy.ops.photopose.shadow_catcher() == {"FINISHED"}
    changed = differences(before, snapshot())
    assert not [key for key in changed if "film_transparent" in key or "Shadow" in key or "objects" in key]


def test_a_shadow_catcher_is_its_scene_s_own(scene, cube):
    """In a scene that shares all objects with another one, whether they lie beside or in a shared collection."""

    def other_state() -> dict[str, object]:
        return {key: value for key, value in snapshot().items() if key.startswith("scenes[Other]")}

    scene.render.film_transparent = False
    bpy.ops.photopose.shadow_catcher()
    plane = scene.objects["Shadow Catcher"]
    bpy.ops.scene.new(type="LINK_COPY")
    other = bpy.context.scene
    other.name = "Other"
    bpy.context.window.scene = scene
    before = other_state()
    assert bpy.ops.photopose.shadow_catcher() == {"FINISHED"}
    assert other_state() == before and plane in other.objects[:] and other.render.film_transparent
    assert plane not in scene.objects[:] and not scene.render.film_transparent
    assert bpy.ops.photopose.shadow_catcher() == {"FINISHED"}  # another one
    assert other_state() == before and scene.render.film_transparent
    shared = bpy.data.collections.new("Shared")
    for one in (scene, other):
        one.collection.children.link(shared)
    mine = next(obj for obj in scene.objects if "Shadow" in obj.name)
    shared.objects.link(mine)
    whole = snapshot()
    with pytest.raises(RuntimeError, match='in the collection "Shared", which other scenes have'):
        bpy.ops.photopose.shadow_catcher()
    assert differences(whole, snapshot()) == {}
    shared.objects.unlink(mine)
    bpy.context.window.scene = other
    assert bpy.ops.photopose.shadow_catcher() == {"FINISHED"} and not other.render.film_transparent
    assert [obj for obj in bpy.data.objects if "Shadow" in obj.name] == [mine]
    assert [mesh for mesh in bpy.data.meshes if "Shadow" in mesh.name] == [mine.data]
    assert [one for one in bpy.data.materials if "Shadow" in one.name] == mine.data.materials[:]


def test_a_shadow_catcher_hides_nothing_in_eevee(scene, cube, capfd):
    """Which does not know what that is."""
    scene.render.engine = next(name for name in ("BLENDER_EEVEE_NEXT", "BLENDER_EEVEE") if name in ENGINES)
    bpy.ops.photopose.shadow_catcher()
    assert "Only Cycles catches shadows" in capfd.readouterr().out
    nodes = scene.objects["Shadow Catcher"].data.materials[0].node_tree
    shown = [nodes.get_output_node(target).inputs[0].links[0].from_node.type for target in ("EEVEE", "CYCLES")]
    assert shown == ["BSDF_TRANSPARENT", "BSDF_PRINCIPLED"]


def rendered_alpha(scene, path) -> np.ndarray:
    """Of a small render under a lamp."""
    light = bpy.data.objects.new("Lamp", bpy.data.lights.new("Lamp", "SUN"))
    light.rotation_euler = (0.9, 0, 2.2)  # from behind
    light.data.energy = 3
    scene.collection.objects.link(light)
    render = scene.render
    render.engine, render.filepath, render.resolution_percentage = "CYCLES", str(path), 16
    scene.cycles.samples, scene.cycles.use_denoising = 8, False
    bpy.ops.render.render(write_still=True)
    bpy.data.objects.remove(light)
    with Image.open(path) as picture:
        return np.array(picture.getchannel("A"))
