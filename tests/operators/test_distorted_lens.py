"""A render through the photo's own lens lies on the photo as it was taken, and the camera comes back as it was."""

import sys
from pathlib import Path

import numpy as np
import pytest

bpy = pytest.importorskip("bpy")
pytest.importorskip("PIL")

from blender_state import differences, snapshot  # noqa: E402
from PIL import Image  # noqa: E402

from photo_pose.inference.geometry import Camera, intrinsics, look_at  # noqa: E402
from photo_pose.inference.photo.distortion import Distortion, distorted  # noqa: E402
from photo_pose.inference.photo.image import load_photo  # noqa: E402
from photo_pose.operators.blender import cameras  # noqa: E402
from photo_pose.operators.blender.match_record import distortion_of, photo_of, show_straight  # noqa: E402

SIZE = (320, 240)
CAMERA = Camera(intrinsics(250, SIZE, (150, 130)), look_at(np.array([0.5, -4.0, 0.8]), np.zeros(3), 0.1), SIZE)
BENT = np.array([-0.25, 0.04])
POINTS = np.array([[-1.6, 0, 1.2], [1.9, 0.3, 1.1], [0.2, 0, 0.1], [-1.5, 0.2, -0.7], [1.8, 0, -0.6]])
CAN_BEND = "custom_shader" in bpy.types.Camera.bl_rna.properties


@pytest.fixture
def osl(monkeypatch):
    """What Cycles reads compiled shaders by: Blender has it, its module does not look where it is."""
    own = f"python{sys.version_info.major}.{sys.version_info.minor}"
    folder = Path(bpy.utils.resource_path("LOCAL")) / "python" / "lib" / own / "site-packages"
    monkeypatch.setattr(sys, "path", [*sys.path, str(folder)])


@pytest.fixture
def camera_object(scene, tmp_path):
    """Of a photo, whose lens bends; in a render frame of another shape and with pixels that are not square."""
    scene.render.resolution_x, scene.render.resolution_y, scene.render.pixel_aspect_x = 600, 500, 1.2
    noise = np.random.default_rng(2).integers(0, 255, (SIZE[1], SIZE[0], 3), np.uint8)
    Image.fromarray(noise).save(tmp_path / "photo.png")
    camera_object = cameras.camera_for_photo(scene, tmp_path / "photo.png")
    cameras.write_camera(scene, camera_object, CAMERA)
    show_straight(camera_object, load_photo(tmp_path / "photo.png"), CAMERA, Distortion(BENT, 0.01))
    return camera_object


def shown_at(scene, path: Path, places: np.ndarray) -> np.ndarray:
    """Where a render of the scene shows the lamps that should be at these places (N, 2), px of the frame."""
    scene.render.engine, scene.cycles.samples, scene.cycles.use_denoising = "CYCLES", 4, False
    scene.render.image_settings.file_format, scene.view_settings.view_transform = "PNG", "Raw"
    scene.render.filepath = str(path)
    bpy.ops.render.render(write_still=True)
    light = np.array(Image.open(path).convert("L"), float)
    light[light < light.max() / 4] = 0
    pixels = np.stack(np.meshgrid(*(np.arange(side) + 0.5 for side in light.shape[::-1])), -1)
    near = [light[..., None] * (np.abs(pixels - place) < 20).all(-1, keepdims=True) for place in places]
    return np.array([(one * pixels).sum((0, 1)) / one.sum() for one in near])


def add_lamps() -> None:
    material = bpy.data.materials.new("lamp")
    material.use_nodes = True
    nodes = material.node_tree.nodes
    nodes["Principled BSDF"].inputs["Emission Color"].default_value = (1, 1, 1, 1)
    nodes["Principled BSDF"].inputs["Emission Strength"].default_value = 1.0
    for place in POINTS:
        bpy.ops.mesh.primitive_uv_sphere_add(radius=0.03, location=place)
        bpy.context.object.data.materials.append(material)


@pytest.mark.skipif(not CAN_BEND, reason="needs Blender 4.5")
def test_a_render_lies_on_the_photo_as_it_was_taken(scene, osl, camera_object, tmp_path):
    add_lamps()
    assert bpy.ops.photopose.distorted_lens() == {"FINISHED"}
    assert camera_object.data.type == "CUSTOM"
    shown = [slot.image for slot in camera_object.data.background_images if slot.show_background_image]
    assert [bpy.path.abspath(image.filepath) for image in shown] == [str(tmp_path / "photo.png")]
    seen = CAMERA.to_camera(POINTS)
    expected = distorted(seen[:, :2] / seen[:, 2:], BENT) * 250 + CAMERA.K[:2, 2]
    straight = CAMERA.project(POINTS)
    frame = np.array([600, 500])  # 1.2 wide pixels; the photo is as wide as 2/1.2 of its px, and as high as 2
    scale = min(600 * 1.2 / SIZE[0], 500 / SIZE[1]) / np.array([1.2, 1])
    expected, straight = ((at - np.divide(SIZE, 2)) * scale + frame / 2 for at in (expected, straight))
    assert np.linalg.norm(expected - straight, axis=1).max() > 10
    np.testing.assert_allclose(shown_at(scene, tmp_path / "render.png", expected), expected, atol=0.3)


@pytest.mark.skipif(not CAN_BEND, reason="needs Blender 4.5")
def test_once_more_and_the_lens_is_straight_again(scene, osl, camera_object):
    before = cameras.read_camera(scene, camera_object, SIZE)
    bpy.ops.photopose.distorted_lens()
    assert bpy.ops.photopose.distorted_lens() == {"FINISHED"}
    now = cameras.read_camera(scene, camera_object, SIZE)
    np.testing.assert_array_equal(now.K, before.K)
    (slot,) = [slot for slot in camera_object.data.background_images if slot.show_background_image]
    assert slot.image.get(cameras.PHOTO) == camera_object[cameras.PHOTO]  # the straightened copy
    assert len(bpy.data.texts) == 1


def test_a_blender_that_cannot_says_so_and_leaves_all_as_it_was(scene, camera_object, monkeypatch):
    monkeypatch.setattr(sys, "path", [place for place in sys.path if not [*Path(place).glob("oslquery*")]])
    monkeypatch.delitem(sys.modules, "oslquery", raising=False)
    before = snapshot()
    with pytest.raises(RuntimeError, match="cannot compile OSL" if CAN_BEND else "Blender 4.5 or newer"):
        bpy.ops.photopose.distorted_lens()
    assert differences(before, snapshot()) == {}


def test_where_nothing_is_bent_there_is_nothing_to_do(scene, camera_object):
    show_straight(camera_object, load_photo(camera_object[cameras.PHOTO]), CAMERA)
    assert not bpy.ops.photopose.distorted_lens.poll()


def test_a_photo_stays_straight_whatever_lens_the_camera_gets(scene, camera_object):
    """The distortion is the photo's, in units of the focal length that it was found with."""
    first = np.array(photo_of(scene, camera_object).image)
    longer = Camera(intrinsics(375, SIZE, (150, 130)), CAMERA.camera_to_world, SIZE)
    cameras.write_camera(scene, camera_object, longer)
    assert distortion_of(camera_object, 375)[0] == pytest.approx(-0.25 * 2.25)
    assert np.abs(np.array(photo_of(scene, camera_object).image).astype(int) - first).mean() < 0.5


def test_a_snapshot_knows_by_what_the_photo_was_straightened(scene, camera_object, tmp_path):
    bpy.ops.mesh.primitive_cube_add(size=1)
    match = camera_object.data.photo_pose
    match.photo, match.size, match.model = str(tmp_path / "photo.png"), SIZE, bpy.context.object
    bpy.ops.photopose.add_snapshot()
    show_straight(camera_object, load_photo(tmp_path / "photo.png"), CAMERA)
    bpy.ops.photopose.add_snapshot()
    for index, bent in ((0, BENT), (1, np.zeros(2))):
        assert bpy.ops.photopose.take_snapshot(index=index) == {"FINISHED"}
        np.testing.assert_allclose(match.distortion, bent, atol=1e-6)
        (slot,) = [slot for slot in camera_object.data.background_images if slot.show_background_image]
        assert (slot.image.get(cameras.PHOTO) is not None) == bent.any()  # the straightened copy
        assert ("distortion -0.25 ± 0.01" in scene.photo_pose.result) == bent.any()
