"""Cameras and background images, checked against Blender's own projection, renders and pixels."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest

bpy = pytest.importorskip("bpy")
from blender_state import differences, snapshot
from bpy_extras.object_utils import world_to_camera_view
from mathutils import Euler, Matrix, Vector
from PIL import Image, ImageOps

from photo_pose.inference.errors import PoseError
from photo_pose.inference.geometry import ORTHOGRAPHIC, Box, Camera, Sphere, blender_axes, intrinsics, look_at
from photo_pose.inference.photo.image import Photo, load_photo
from photo_pose.operators.blender import cameras as scene_io

# resolution x, y, percentage, pixel aspect x, y
FRAMES = {
    "landscape": (640, 480, 100, 1, 1),
    "portrait": (480, 640, 100, 1, 1),
    "square": (500, 500, 100, 1, 1),
    "half": (640, 360, 50, 1, 1),
    "cut off": (333, 211, 37, 1, 1),
    "tall pixels": (640, 480, 100, 1, 1.8),
    "wide pixels": (480, 640, 100, 1.5, 1),
}
POINTS = np.random.default_rng(0).uniform(-1, 1, (50, 3))
LANDSCAPE, PORTRAIT, SQUARE = (1200, 800), (600, 900), (700, 700)


@pytest.fixture
def camera_object(scene):
    """The active camera, turned, scaled, and under a turned and unevenly scaled parent."""
    parent = bpy.data.objects.new("Parent", None)
    parent.location, parent.rotation_euler, parent.scale = (1, -2, 0.5), (0.3, 0.2, 1), (1, 2, 0.5)
    obj = bpy.data.objects.new("Camera", bpy.data.cameras.new("Camera"))
    obj.parent, obj.scale = parent, (1.5, 1.5, 1.5)
    obj.location, obj.rotation_euler = (1.2, -3, 4), Euler((0.6, 0.1, 0.3))
    scene.collection.objects.link(parent)
    scene.collection.objects.link(obj)
    scene.camera = obj
    return obj


def set_frame(scene, name: str) -> None:
    render = scene.render
    render.resolution_x, render.resolution_y, render.resolution_percentage = FRAMES[name][:3]
    render.pixel_aspect_x, render.pixel_aspect_y = FRAMES[name][3:]


def frame_size(scene) -> tuple[int, int]:
    factor = scene.render.resolution_percentage / 100
    return int(scene.render.resolution_x * factor), int(scene.render.resolution_y * factor)


def blender_pixels(scene, camera_object, points: np.ndarray) -> np.ndarray:
    """Pixels (N, 2) of world points in the render frame, by the matrix that Blender renders with."""
    depsgraph = bpy.context.evaluated_depsgraph_get()
    (width, height), render = frame_size(scene), scene.render
    projection = camera_object.calc_matrix_camera(
        depsgraph, x=width, y=height, scale_x=render.pixel_aspect_x, scale_y=render.pixel_aspect_y
    )
    view = camera_object.evaluated_get(depsgraph).matrix_world.normalized().inverted()
    clip = np.c_[points, np.ones(len(points))] @ np.array(projection @ view).T
    return (clip[:, :2] / clip[:, 3:] * [1, -1] + 1) / 2 * [width, height]


def photo_camera(size: tuple[int, int], focal: float = 1.1, shift=(0.1, -0.05)) -> Camera:
    """Looks at the origin from 6 away; focal and the principal point's offset in image widths."""
    center = (size[0] * (0.5 + shift[0]), size[1] / 2 + size[0] * shift[1])
    pose = look_at(np.array([3.0, -4, 3]), np.zeros(3), roll=0.4)
    return Camera(intrinsics(focal * size[0], size, center), pose, size)


def saved_photo(folder: Path, orientation: int = 1, size: tuple[int, int] = (64, 32)) -> Photo:
    """A photo of four colours, stored in a file of size with that EXIF orientation."""
    colours = np.array([[(255, 0, 0), (0, 255, 0)], [(0, 0, 255), (255, 255, 255)]], np.uint8)
    exif = Image.Exif()
    exif[0x0112] = orientation
    path = folder / f"photo{orientation}.jpg"
    picture = Image.fromarray(colours).resize(size, Image.Resampling.NEAREST)
    picture.save(path, exif=exif, quality=95, subsampling=0)
    return load_photo(path)


@pytest.mark.parametrize("fit", ["AUTO", "HORIZONTAL", "VERTICAL"])
@pytest.mark.parametrize("frame", FRAMES)
def test_camera_read_projects_like_blender(scene, camera_object, frame, fit):
    set_frame(scene, frame)
    data = camera_object.data
    data.sensor_fit, data.lens, data.sensor_width, data.sensor_height = fit, 28, 30, 17
    data.shift_x, data.shift_y = 0.3, -0.2
    camera = scene_io.read_camera(scene, camera_object)
    assert camera.size == frame_size(scene)
    points = POINTS + camera.position + 6 * camera.camera_to_world[:3, 2]
    assert camera.project(points) == pytest.approx(blender_pixels(scene, camera_object, points), abs=2e-3)
    if frame != "cut off":  # world_to_camera_view does not know that Blender cuts off part of a pixel
        seen = np.array([world_to_camera_view(scene, camera_object, Vector(point)) for point in points])
        pixels = np.c_[seen[:, 0], 1 - seen[:, 1]] * camera.size
        assert camera.project(points) == pytest.approx(pixels, abs=2e-3)


@pytest.mark.parametrize("frame", ["cut off", "tall pixels", "wide pixels"])
@pytest.mark.parametrize("fit", ["AUTO", "VERTICAL"])
def test_camera_read_agrees_with_a_render(scene, tmp_path, frame, fit):
    set_frame(scene, frame)
    scene.render.resolution_percentage = {"cut off": 37}.get(frame, 20)
    bpy.ops.mesh.primitive_uv_sphere_add(radius=0.15, location=(0.2, -0.1, 0.3))
    glow = bpy.data.materials.new("Glow")
    bpy.context.object.data.materials.append(glow)
    obj = scene_io.camera_for_photo(scene, "any.jpg")
    obj.data.sensor_fit, obj.data.sensor_height = fit, 30
    obj.data.shift_x, obj.data.shift_y = 0.15, -0.1
    obj.matrix_world = Matrix(blender_axes(look_at(np.array([1.0, -2.5, 1]), np.zeros(3), roll=0.2)))

    render = scene.render
    render.engine, render.film_transparent, render.filter_size = "CYCLES", True, 0.01
    scene.cycles.samples, scene.cycles.use_denoising = 4, False
    render.image_settings.file_format, render.image_settings.color_mode = "PNG", "RGBA"
    render.filepath = str(tmp_path / "render.png")
    bpy.ops.render.render(write_still=True)

    alpha = np.asarray(Image.open(render.filepath))[..., 3].astype(float)
    rows, columns = np.indices(alpha.shape) + 0.5
    centroid = np.array([(columns * alpha).sum(), (rows * alpha).sum()]) / alpha.sum()
    camera = scene_io.read_camera(scene, obj)
    assert camera.size == alpha.shape[::-1]
    assert camera.project(np.array([0.2, -0.1, 0.3])) == pytest.approx(centroid, abs=0.3)


@pytest.mark.parametrize("size", [LANDSCAPE, PORTRAIT, SQUARE], ids=str)
@pytest.mark.parametrize("frame", FRAMES)
def test_camera_written_shows_the_photo_fit_and_centred(scene, camera_object, frame, size):
    set_frame(scene, frame)
    camera = photo_camera(size)
    scene_io.write_camera(scene, camera_object, camera)
    (width, height), (aspect_x, aspect_y) = frame_size(scene), FRAMES[frame][3:]
    scale = min(width * aspect_x / size[0], height * aspect_y / size[1])
    in_photo = camera.project(POINTS) - np.array(size) / 2
    in_frame = in_photo * scale / [aspect_x, aspect_y] + np.array([width, height]) / 2
    assert blender_pixels(scene, camera_object, POINTS) == pytest.approx(in_frame, abs=2e-3)

    again = scene_io.read_camera(scene, camera_object, size)
    assert again.size == size
    assert camera.K == pytest.approx(again.K, rel=1e-5)
    assert camera.camera_to_world == pytest.approx(again.camera_to_world, abs=1e-5)


@pytest.mark.parametrize("frame", FRAMES)
def test_read_and_write_are_inverse(scene, camera_object, frame):
    set_frame(scene, frame)
    camera_object.data.shift_x, camera_object.data.sensor_fit = 0.2, "VERTICAL"
    before = scene_io.read_camera(scene, camera_object)
    scene_io.write_camera(scene, camera_object, before)
    after = scene_io.read_camera(scene, camera_object)
    # not the pose: the fixture's camera is sheared by its parent, and written without that
    assert after.K == pytest.approx(before.K, rel=1e-5, abs=1e-3)
    assert after.position == pytest.approx(before.position, abs=1e-5)


@pytest.mark.parametrize("size", [LANDSCAPE, PORTRAIT, SQUARE], ids=str)
def test_lens_of_a_photo_in_a_render_of_its_size(scene, camera_object, size):
    set_frame(scene, "tall pixels")
    camera = photo_camera(size)
    scene_io.write_camera(scene, camera_object, camera, set_resolution=True)
    assert (scene.render.resolution_x, scene.render.resolution_y) == size
    assert blender_pixels(scene, camera_object, POINTS) == pytest.approx(camera.project(POINTS), abs=5e-3)
    lens = scene_io.blender_lens(camera)
    assert (lens.sensor_fit, lens.sensor_width) == ("AUTO", 36)
    for field, value in lens._asdict().items():
        written = getattr(camera_object.data, field)
        assert written == (value if isinstance(value, str) else pytest.approx(value, rel=1e-5))


@pytest.mark.parametrize("focal", [0.004, 0.02, 300])
def test_extreme_lenses_stay_within_blenders_limits(scene, camera_object, focal):
    camera = photo_camera(LANDSCAPE, focal)
    scene_io.write_camera(scene, camera_object, camera)
    again = scene_io.read_camera(scene, camera_object, LANDSCAPE)
    assert again.focal == pytest.approx(camera.focal, rel=1e-5)


def in_place(scene, camera: Camera, width: float, height: float) -> np.ndarray:
    """Where a render shows POINTS when the photo of camera lies in its middle, this large, px."""
    return (camera.project(POINTS) / camera.size - 0.5) * [width, height] + np.array(frame_size(scene)) / 2


def sides(scene, size: tuple[int, int]) -> np.ndarray:
    """(2, 2) px: width and height of a photo of this size that is as wide as the frame, and of one as high."""
    (width, height), aspect = frame_size(scene), scene.render.pixel_aspect_y / scene.render.pixel_aspect_x
    return np.array([[width, width * size[1] / size[0] / aspect], [height * size[0] / size[1] * aspect, height]])


@pytest.mark.parametrize("size", [LANDSCAPE, PORTRAIT, SQUARE], ids=str)
@pytest.mark.parametrize("frame", FRAMES)
def test_a_match_holds_when_the_render_gets_another_shape(scene, frame, size):
    """Where the photo would have to fit by its other side it is cropped, until it is fitted again."""
    camera, obj = photo_camera(size), scene_io.camera_for_photo(scene, "any.jpg")
    for other in FRAMES:
        set_frame(scene, frame)
        scene_io.write_camera(scene, obj, camera)
        wide, high = sides(scene, size)
        side = int(obj.data.sensor_fit == "VERTICAL")  # the frame's, which the photo fills
        assert ((wide, high)[side] <= np.array(frame_size(scene)) + 1.001).all()
        set_frame(scene, other)
        assert blender_pixels(scene, obj, POINTS) == pytest.approx(
            in_place(scene, camera, *sides(scene, size)[side]), abs=5e-3
        )
        again = scene_io.read_camera(scene, obj, size)
        assert again.K == pytest.approx(camera.K, rel=1e-5)
        fits = (sides(scene, size)[side] < np.array(frame_size(scene)) + 1.001).all()
        assert scene_io.fits_render(scene, obj) == fits

        obj.data.lens *= 1.1  # somebody adjusts it
        bpy.context.view_layer.update()
        lens, poll = obj.data.lens, bpy.ops.photopose.fit_to_render.poll
        assert poll() != fits
        if not fits:
            assert bpy.ops.photopose.fit_to_render() == {"FINISHED"} and not poll()
        adjusted = photo_camera(size, 1.1 * 1.1)
        largest = sides(scene, size).min(0) if not fits else sides(scene, size)[side]
        assert blender_pixels(scene, obj, POINTS) == pytest.approx(in_place(scene, adjusted, *largest), abs=5e-3)
        assert obj.data.lens == pytest.approx(lens)


@pytest.mark.parametrize("size", [LANDSCAPE, PORTRAIT, SQUARE], ids=str)
@pytest.mark.parametrize("frame", FRAMES)
def test_a_photo_s_lens_is_on_its_sensor_in_every_frame(scene, frame, size):
    set_frame(scene, frame)
    camera, obj = photo_camera(size, 35 / 28 * max(size) / size[0]), scene_io.camera_for_photo(scene, "any.jpg")
    scene_io.write_camera(scene, obj, camera, sensor=28)
    data = obj.data
    assert (data.lens, max(data.sensor_width, data.sensor_height)) == (pytest.approx(35), pytest.approx(28))
    assert data.sensor_width / data.sensor_height == pytest.approx(size[0] / size[1])
    assert scene_io.sensor_of(scene, obj, size) == pytest.approx(28)
    assert scene_io.read_camera(scene, obj, size).K == pytest.approx(camera.K, rel=1e-5)


@pytest.mark.parametrize("sensor", [0.7, 1.3])
def test_a_sensor_too_small_for_blender_keeps_the_view(scene, camera_object, sensor):
    """As an endoscope's; of the second one only the shorter side is."""
    camera = photo_camera(LANDSCAPE)
    scene_io.write_camera(scene, camera_object, camera, sensor=sensor)
    assert scene_io.read_camera(scene, camera_object, LANDSCAPE).focal == pytest.approx(camera.focal, rel=1e-5)


def test_panoramic_cameras_are_not_read(scene, camera_object):
    camera_object.data.type = "PANO"
    with pytest.raises(PoseError, match="Camera is neither a perspective nor an orthographic camera"):
        scene_io.read_camera(scene, camera_object)
    scene_io.write_camera(scene, camera_object, photo_camera(SQUARE))
    scene_io.read_camera(scene, camera_object)
    for data in (None, bpy.data.meshes.new("Mesh")):  # anything can be a scene's camera
        with pytest.raises(PoseError, match="neither a perspective"):
            scene_io.read_camera(scene, linked(scene, data))


MODEL = Sphere(np.array([0.2, -0.1, 0.3]), 1.2)


def orthographic(size: tuple[int, int], side: float = 5.0, shift=(0.1, -0.05)) -> Camera:
    """Sees MODEL beside the middle of a picture whose longer side is side in the world."""
    pose = look_at(MODEL.center + np.array([3.0, -4, 3]), MODEL.center + [0.5, 0.2, 0.1], roll=0.4)
    center = (size[0] * (0.5 + shift[0]), size[1] / 2 + size[0] * shift[1])
    pose[:3, 3] -= (ORTHOGRAPHIC * side - 5.5) * pose[:3, 2]
    return Camera(intrinsics(ORTHOGRAPHIC * max(size), size, center), pose, size)


@pytest.mark.parametrize("size", [LANDSCAPE, PORTRAIT, SQUARE], ids=str)
@pytest.mark.parametrize("frame", FRAMES)
def test_an_orthographic_camera_is_written_and_read(scene, camera_object, frame, size):
    """As Blender projects; near the model, and the same again to the pixel."""
    set_frame(scene, frame)
    camera = orthographic(size)
    scene_io.write_camera(scene, camera_object, camera, model=MODEL)
    data = camera_object.data
    assert (data.type, data.lens) == ("ORTHO", 50)
    points = MODEL.center + POINTS * MODEL.radius / 3**0.5
    (width, height), (aspect_x, aspect_y) = frame_size(scene), FRAMES[frame][3:]
    scale = min(width * aspect_x / size[0], height * aspect_y / size[1])
    in_frame = (camera.project(points) - np.array(size) / 2) * scale / [aspect_x, aspect_y] + [width / 2, height / 2]
    assert blender_pixels(scene, camera_object, points) == pytest.approx(in_frame, abs=0.2)
    if frame != "cut off":
        seen = np.array([world_to_camera_view(scene, camera_object, Vector(point)) for point in points])
        assert np.c_[seen[:, 0], 1 - seen[:, 1]] * [width, height] == pytest.approx(in_frame, abs=0.2)
    away = np.linalg.norm(np.array(camera_object.matrix_world.translation) - MODEL.center)
    assert 9 < away < 12 and data.clip_start < away - 1.2 and data.clip_end > away + 1.2

    again = scene_io.read_camera(scene, camera_object, size)
    assert again.is_orthographic and again.project(points) == pytest.approx(camera.project(points), abs=0.02)
    assert again.K == pytest.approx(camera.K, rel=1e-5)
    before = blender_pixels(scene, camera_object, points)
    scene_io.write_camera(scene, camera_object, again, model=MODEL)
    assert blender_pixels(scene, camera_object, points) == pytest.approx(before, abs=0.02)


@pytest.mark.parametrize("size", [LANDSCAPE, PORTRAIT, SQUARE], ids=str)
@pytest.mark.parametrize("frame", FRAMES)
def test_an_orthographic_match_holds_when_the_render_gets_another_shape(scene, frame, size):
    obj, points = scene_io.camera_for_photo(scene, "any.jpg"), MODEL.center + POINTS * MODEL.radius / 3**0.5
    camera = orthographic(size)
    scene_io.write_camera(scene, obj, camera, model=MODEL)
    set_frame(scene, frame)
    for _again in range(2):
        again = scene_io.read_camera(scene, obj, size)
        assert again.K == pytest.approx(camera.K, rel=1e-5)
        assert again.project(points) == pytest.approx(camera.project(points), abs=0.02)
        if not scene_io.fits_render(scene, obj):
            scene_io.fit_to_render(scene, obj)
    assert scene_io.fits_render(scene, obj) and obj.data.type == "ORTHO"
    corners = camera.windowed(Box(0, 0, *size), (1, 1)).project(points) - 0.5
    seen = corners * sides(scene, size).min(0) + np.array(frame_size(scene)) / 2
    assert blender_pixels(scene, obj, points) == pytest.approx(seen, abs=0.2)


def test_an_orthographic_camera_that_the_user_placed_is_read(scene, camera_object):
    """However far it stands from what it sees."""
    set_frame(scene, "wide pixels")
    data = camera_object.data
    data.type, data.ortho_scale, data.shift_x, data.shift_y = "ORTHO", 7, 0.3, -0.2
    for away in (2, 14, 40):
        camera_object.parent = None
        camera_object.matrix_world = Matrix(blender_axes(look_at(np.array([0.0, -0.8, 0.6]) * away, np.zeros(3))))
        bpy.context.view_layer.update()
        camera = scene_io.read_camera(scene, camera_object)
        assert camera.project(POINTS) == pytest.approx(blender_pixels(scene, camera_object, POINTS), abs=0.7)


def test_a_camera_that_was_orthographic_is_put_back(scene, camera_object):
    """And one that was not, after it has become so."""
    for camera, other in ((orthographic(SQUARE), photo_camera(SQUARE)), (photo_camera(SQUARE), orthographic(SQUARE))):
        camera_object.data.sensor_fit = "VERTICAL"
        scene_io.write_camera(scene, camera_object, camera, model=MODEL)
        before = snapshot()
        restore = scene_io.restorer(camera_object)
        scene_io.write_camera(scene, camera_object, other, model=MODEL)
        assert camera_object.data.type == ("ORTHO" if other.is_orthographic else "PERSP")
        restore()
        assert differences(before, snapshot()) == {}


@pytest.mark.parametrize("number", [np.nan, np.inf, 1e30])
def test_what_no_camera_can_be_is_not_written(scene, camera_object, number):
    before = snapshot()
    camera = Camera(intrinsics(400, (320, 240)), np.eye(4), (320, 240))
    far = np.eye(4)
    far[0, 3] = number
    lenses = [Camera(K, np.eye(4), camera.size) for K in (np.diag([number, 400, 1]), np.zeros((3, 3)))]
    for nowhere in (camera.placed(far), *lenses):
        with pytest.raises(PoseError, match="no camera"):
            scene_io.write_camera(scene, camera_object, nowhere)
    assert differences(before, snapshot()) == {}


def linked(scene, data):
    obj = bpy.data.objects.new("Thing", data)
    scene.collection.objects.link(obj)
    return obj


@pytest.mark.parametrize("distance, radius", [(4, 1), (5000, 800), (0.02, 0.005), (1, 3)])
def test_clipping_keeps_the_model_and_never_narrows(scene, camera_object, distance, radius):
    data = camera_object.data
    camera = photo_camera(SQUARE)
    center = camera.position + distance * camera.camera_to_world[:3, 2]
    scene_io.write_camera(scene, camera_object, camera, model=Sphere(center, radius))
    assert min(distance / 1e4, 0.05) < data.clip_start < min(max(distance - radius, distance / 100), 0.11)
    assert data.clip_end > max(999, distance + radius)


@pytest.mark.parametrize("kind", ["BONE", "VERTEX"])
def test_write_under_other_kinds_of_parents(scene, kind):
    if kind == "BONE":
        bpy.ops.object.armature_add(location=(1, 2, 3), rotation=(0.4, 0, 1))
    else:
        bpy.ops.mesh.primitive_cube_add(location=(1, 2, 3), rotation=(0.4, 0, 1), scale=(1, 3, 1))
    obj = scene_io.camera_for_photo(scene, "any.jpg")
    obj.parent, obj.parent_type, obj.parent_bone = bpy.context.object, kind, "Bone" * (kind == "BONE")
    camera = photo_camera(SQUARE)
    scene_io.write_camera(scene, obj, camera)
    again = scene_io.read_camera(scene, obj)
    assert again.camera_to_world == pytest.approx(camera.camera_to_world, abs=1e-5)


def test_active_camera_is_used_and_kept_for_its_photo(scene, camera_object, tmp_path):
    first, second = tmp_path / "first.jpg", tmp_path / "second.jpg"
    camera_object.constraints.new("TRACK_TO").mute = True
    assert scene_io.camera_for_photo(scene, first) == camera_object
    other = scene_io.camera_for_photo(scene, second)
    assert other != camera_object and other.name == "second" and scene.camera == other
    assert scene_io.camera_for_photo(scene, str(tmp_path / "x" / ".." / "first.jpg")) == camera_object
    assert scene.camera == camera_object
    assert scene_io.camera_for_photo(scene, second) == other
    assert len(bpy.data.cameras) == 2


def constraint(camera_object):
    camera_object.constraints.new("TRACK_TO")


def animation(camera_object):
    camera_object.keyframe_insert("location")


def driver(camera_object):
    camera_object.data.driver_add("lens")


def lock(camera_object):
    camera_object.lock_rotation[2] = True


def panorama(camera_object):
    camera_object.data.type = "PANO"


def no_perspective(camera_object):
    camera_object.data.type = "ORTHO"


OBSTACLES = {
    "constrained": constraint,
    "animated": animation,
    "driven": driver,
    "locked": lock,
    "panoramic": panorama,
    "orthographic": no_perspective,
}


@pytest.mark.parametrize("why", OBSTACLES)
def test_cameras_that_are_not_to_be_changed_are_left_alone(scene, camera_object, why):
    """The user is told why, unless another camera of the photo is there, or this one is another photo's."""
    assert scene_io.passed_over(scene, "any.jpg", False) == ""
    OBSTACLES[why](camera_object)
    before = snapshot()
    for path in ("any.jpg", ""):
        assert scene_io.passed_over(scene, path, False) == why
    assert scene_io.passed_over(scene, "any.jpg", True) == ("" if why == "orthographic" else why)
    assert differences(before, snapshot()) == {}
    camera = scene_io.camera_for_photo(scene, "any.jpg")
    assert camera.type == "CAMERA" and scene.camera == camera != camera_object
    scene.camera = camera_object
    assert scene_io.passed_over(scene, "any.jpg", False) == ""
    assert scene_io.passed_over(scene, "other.jpg", False) == why
    camera_object[scene_io.PHOTO] = camera[scene_io.PHOTO]
    assert scene_io.passed_over(scene, "other.jpg", False) == ""


@pytest.mark.parametrize("why", ["locked", "driven", "orthographic"])
def test_a_photo_s_own_camera_is_used_whatever_kind_it_is(scene, camera_object, why):
    """Unless it is not to be changed."""
    scene_io.camera_for_photo(scene, "any.jpg")
    OBSTACLES[why](camera_object)
    assert (scene_io.passed_over(scene, "any.jpg", False) == "") == (why == "orthographic")
    assert (scene_io.camera_for_photo(scene, "any.jpg") == camera_object) == (why == "orthographic")


def test_any_object_may_be_a_scene_s_camera(scene, camera_object):
    left_alone = scene.camera = bpy.data.objects["Parent"]
    assert scene_io.passed_over(scene, "any.jpg", False) == ""
    camera = scene_io.camera_for_photo(scene, "any.jpg")
    assert camera.type == "CAMERA" and scene.camera == camera != left_alone


def test_linked_camera_is_left_alone(scene, camera_object, tmp_path):
    library = str(tmp_path / "library.blend")
    bpy.data.libraries.write(library, {camera_object})
    bpy.data.objects.remove(camera_object)
    with bpy.data.libraries.load(library, link=True) as (_there, here):
        here.objects = ["Camera"]
    scene.camera = here.objects[0]
    scene.collection.objects.link(scene.camera)
    assert scene_io.passed_over(scene, tmp_path / "a.jpg", False) == "linked"
    camera = scene_io.camera_for_photo(scene, tmp_path / "a.jpg")
    assert camera.library is None and scene.camera == camera


def test_cameras_that_share_a_lens_keep_it(scene, camera_object, tmp_path):
    twin = bpy.data.objects.new("Twin", camera_object.data)
    scene_io.write_camera(scene, scene_io.camera_for_photo(scene, tmp_path / "a.jpg"), photo_camera(SQUARE))
    assert twin.data != camera_object.data and twin.data.lens == 50


def test_works_in_edit_mode_without_a_camera(scene, tmp_path):
    bpy.ops.mesh.primitive_cube_add()
    bpy.ops.object.mode_set(mode="EDIT")
    camera, photo = photo_camera((64, 32)), saved_photo(tmp_path)
    obj = scene_io.camera_for_photo(scene, photo.path)
    scene_io.write_camera(scene, obj, camera)
    scene_io.show_photo(obj, photo)
    assert bpy.context.mode == "EDIT_MESH"
    assert scene.camera == obj == scene.collection.objects["photo1"]
    assert scene_io.read_camera(scene, obj, camera.size).K == pytest.approx(camera.K, rel=1e-5)


@pytest.mark.skipif(os.sep == "\\", reason="no name has a backslash there")
def test_a_photo_with_a_backslash_in_its_name_is_shown(scene, camera_object, tmp_path):
    """As zips made by some programs leave them; Blender takes it for a slash."""
    path = tmp_path / "folder\\photo.png"
    Image.new("RGB", (64, 32), (200, 100, 50)).save(path)
    scene_io.show_photo(camera_object, load_photo(path))
    (slot,) = camera_object.data.background_images
    assert tuple(slot.image.size) == (64, 32) and slot.image.packed_file


@pytest.mark.parametrize("orientation", range(1, 9))
def test_photo_is_shown_upright(scene, camera_object, tmp_path, orientation):
    photo = saved_photo(tmp_path, orientation)
    scene_io.show_photo(camera_object, photo)
    image = camera_object.data.background_images[0].image
    upright = np.asarray(ImageOps.exif_transpose(Image.open(photo.path)), float)
    assert tuple(image.size) == photo.size == upright.shape[1::-1]
    shown = np.array(image.pixels).reshape(*upright.shape[:2], 4)[::-1, :, :3] * 255  # rows bottom-up
    assert np.abs(shown - upright).max() <= 6


@pytest.mark.parametrize("orientation", [1, 6])
def test_second_match_reuses_camera_slot_and_image(scene, camera_object, tmp_path, orientation):
    slots = camera_object.data.background_images
    other = slots.new()
    for size in ((64, 32), (48, 16)):  # the file changes in between
        photo = saved_photo(tmp_path, orientation, size)
        scene_io.show_photo(scene_io.camera_for_photo(scene, photo.path), photo)
        slot = slots[1]
        assert tuple(slot.image.size) == photo.size
        assert (slot.frame_method, tuple(slot.offset), slot.rotation) == ("FIT", (0, 0), 0)
        assert slot.show_background_image and not other.show_background_image
        slot.offset, slot.rotation, slot.frame_method = (0.2, 0.1), 1, "CROP"  # the user's doing
    assert (len(bpy.data.cameras), len(bpy.data.images), len(slots)) == (1, 1, 2)
    assert camera_object.data.show_background_images


@pytest.mark.parametrize("orientation", [1, 6])
def test_photo_is_there_in_the_saved_file(scene, camera_object, tmp_path, orientation):
    photo = saved_photo(tmp_path, orientation)
    bpy.ops.wm.save_as_mainfile(filepath=str(tmp_path / "scene.blend"))
    scene_io.show_photo(camera_object, photo)
    bpy.ops.wm.save_mainfile()
    bpy.ops.wm.open_mainfile(filepath=str(tmp_path / "scene.blend"))
    image = bpy.context.scene.camera.data.background_images[0].image
    assert tuple(image.size) == photo.size
    assert image.filepath == ("//photo1.jpg" if orientation == 1 else "")


def test_3d_views_turn_to_the_camera(scene, camera_object):
    views = [area.spaces.active for area in bpy.context.screen.areas if area.type == "VIEW_3D"]
    assert views and views[0].region_3d.view_perspective != "CAMERA"
    scene_io.view_through_camera(bpy.context)
    assert all(view.region_3d.view_perspective == "CAMERA" for view in views)


@pytest.mark.parametrize("scale", [np.nan, np.inf, 0.0])
def test_a_camera_that_stands_nowhere_is_refused(scene, scale):
    """As an object may be by a script or a driver."""
    camera = bpy.data.objects.new("Lost", bpy.data.cameras.new("Lost"))
    scene.collection.objects.link(camera)
    camera.matrix_world = Matrix.Diagonal((scale, scale, scale, 1))
    bpy.context.view_layer.update()
    with pytest.raises(PoseError, match="Lost"):
        scene_io.read_camera(scene, camera)


def test_an_orthographic_camera_without_a_scale_is_refused(scene, camera_object):
    camera_object.data.type, camera_object.data.ortho_scale = "ORTHO", 0
    with pytest.raises(PoseError, match="Camera sees nothing: its orthographic scale is 0"):
        scene_io.read_camera(scene, camera_object)
