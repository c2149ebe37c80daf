"""A camera that is about right gets better, as far as locks allow, and stays as it was where that fails; its
perspective gets stronger; the object in the photo is found."""

from dataclasses import replace

import numpy as np
import pytest

bpy = pytest.importorskip("bpy")

from blender_state import differences, snapshot  # noqa: E402
from made_up import bent  # noqa: E402
from PIL import Image, ImageDraw  # noqa: E402
from suzanne import PLACE, SIZE, TRUE, add_monkey, box, photographed, vertices  # noqa: E402

from photo_pose.inference.formats.colmap import read_colmap  # noqa: E402
from photo_pose.inference.geometry import (  # noqa: E402
    Box,
    Camera,
    angle_between,
    intrinsics,
    look_at,
    roll_of,
    rotation_from_vector,
)
from photo_pose.inference.photo.image import load_photo  # noqa: E402
from photo_pose.inference.pose.alignment import Locks  # noqa: E402
from photo_pose.operators.blender import cameras  # noqa: E402
from photo_pose.operators.blender.models import model_in_view  # noqa: E402
from photo_pose.operators.pictures import view_cache  # noqa: E402


@pytest.fixture
def monkey(scene, views_folder, monkeypatch):
    monkeypatch.setattr(view_cache, "cache_folder", lambda: views_folder)
    scene.render.resolution_x, scene.render.resolution_y = 480, 400  # another shape than the photo's
    return add_monkey()


@pytest.fixture
def photo(monkey, views_folder):
    path = views_folder / "monkey.png"
    return path if path.exists() else photographed(monkey, path)


def turned_about(camera: Camera, degrees: tuple[float, float, float]) -> Camera:
    """camera moved around the model, which it goes on seeing at the same place."""
    turn = np.eye(4)
    turn[:3, :3] = rotation_from_vector(np.radians(degrees))
    turn[:3, 3] = PLACE - turn[:3, :3] @ PLACE
    return camera.placed(turn @ camera.camera_to_world)


NEAR = turned_about(TRUE, (0, 0, 10))
AWAY = replace(  # in everything that can be locked
    turned_about(TRUE, (2, -2, 4)),
    K=TRUE.K * [[1.04, 1, 1], [1, 1.04, 1], [1, 1, 1]] + [[0, 0, 5], [0, 0, -4], [0, 0, 0]],
)
AWAY.camera_to_world[:3, 3] += 0.2, -0.15, 0.25


def active_camera(scene, camera: Camera = NEAR) -> bpy.types.Object:
    scene.camera = bpy.data.objects.new("Own", bpy.data.cameras.new("Own"))
    scene.collection.objects.link(scene.camera)
    cameras.write_camera(scene, scene.camera, camera, sensor=24)
    return scene.camera


def refine(photo, **options):
    return bpy.ops.photopose.refine_camera(filepath=str(photo), subdivisions=1, **options)


def view_error(camera: Camera) -> float:
    return float(np.degrees(angle_between(camera.position - PLACE, TRUE.position - PLACE)))


def off(camera: Camera, monkey) -> float:
    """Mean distance, px, of the model's vertices from where the photo shows them."""
    points = vertices(monkey)
    return float(np.linalg.norm(camera.project(points) - TRUE.project(points), axis=1).mean())


@pytest.mark.parametrize("known", [True, False])
def test_a_camera_gets_nearer_to_the_truth(monkey, photo, scene, known):
    own = active_camera(scene)
    lens, counts = own.data.lens, (len(bpy.data.objects), len(bpy.data.cameras))
    assert refine(photo, box=box(monkey) if known else (0, 0, 0, 0)) == {"FINISHED"}
    found = cameras.read_camera(scene, own, SIZE)
    better = 0.4 if known else 0.6  # without a box nothing but features tells the size
    assert view_error(found) < better * view_error(NEAR) and off(found, monkey) < better * off(NEAR, monkey)
    assert scene.camera == own and (len(bpy.data.objects), len(bpy.data.cameras)) == counts
    assert own.data.lens == pytest.approx(lens, rel=1e-6) and own.data.sensor_width == pytest.approx(24)
    assert own[cameras.PHOTO] == str(photo) and "Suzanne" in scene.photo_pose.result
    assert bpy.path.abspath(own.data.background_images[0].image.filepath) == str(photo)


KEPT = {
    "rotation": lambda camera: camera.camera_to_world[:3, :3],
    "position": lambda camera: camera.position,
    "roll": lambda camera: roll_of(camera.camera_to_world),
    "lens": lambda camera: camera.focal / 100,
    "principal_point": lambda camera: camera.K[:2, 2] / 100,
}


@pytest.mark.parametrize(
    ("name", "options", "moved"),
    [
        ("rotation", {"lock_rotation": True}, {"position"}),
        ("position", {"lock_position": True}, {"rotation"}),
        ("roll", {"lock_roll": True}, {"rotation", "position"}),
        ("lens", {"lock_principal_point": False}, {"rotation", "position", "principal_point"}),
        ("principal_point", {"lock_lens": False}, {"rotation", "position", "lens"}),
    ],
)
def test_a_lock_keeps_what_it_names(monkey, photo, scene, name, options, moved):
    own = active_camera(scene, AWAY)
    refine(photo, box=box(monkey), **options)
    found = cameras.read_camera(scene, own, SIZE)
    assert off(found, monkey) < 0.8 * off(AWAY, monkey)
    for kept in {name, "lens", "principal_point"} - moved:
        np.testing.assert_allclose(KEPT[kept](found), KEPT[kept](AWAY), atol=2e-5, err_msg=kept)
    for other in moved:
        assert not np.allclose(KEPT[other](found), KEPT[other](AWAY), atol=1e-3), other


BENT_SIZE, K1 = (600, 450), -0.2
BENT = Camera(intrinsics(460, BENT_SIZE), look_at(PLACE + [0.7, -2.6, 0.5], PLACE + [0.1, 0, 0]), BENT_SIZE)


@pytest.fixture
def bent_photo(monkey, views_folder):
    """By a wide lens that bends."""
    path, whole = views_folder / "bent.png", tuple(2 * side for side in BENT_SIZE)
    if not path.exists():
        photographed(monkey, path, Camera(intrinsics(460, whole), BENT.camera_to_world, whole))
        bent(load_photo(path), BENT.K, np.array([K1, 0])).image.save(path)
    return path


def test_distortion_is_found_and_the_photo_shown_straight(monkey, bent_photo, scene, tmp_path):
    own = active_camera(scene, turned_about(BENT, (0, 0, 4)))
    assert refine(bent_photo, lock_distortion=False) == {"FINISHED"}
    match, found = own.data.photo_pose, cameras.read_camera(scene, own, BENT_SIZE)
    assert abs(match.distortion[0] - K1) < 0.03 and match.distortion_deviation < 0.05
    off = np.linalg.norm(found.project(vertices(monkey)) - BENT.project(vertices(monkey)), axis=1)
    assert off.mean() < 2
    original, straight = own.data.background_images
    assert straight.show_background_image and not original.show_background_image
    assert bpy.path.abspath(original.image.filepath) == str(bent_photo) == straight.image[cameras.PHOTO]
    known = tuple(match.distortion)
    assert refine(bent_photo) in ({"FINISHED"}, {"CANCELLED"}) and tuple(match.distortion) == pytest.approx(known)
    bpy.ops.photopose.export_cameras(format="COLMAP", directory=str(tmp_path))
    (shot,) = read_colmap(tmp_path).values()
    assert shot.distortion[:2] == pytest.approx(known)


def test_the_camera_s_own_photo_and_a_named_model(monkey, photo, scene):
    bpy.ops.mesh.primitive_cube_add(size=0.1, location=PLACE + [0.35, -0.3, 0])  # nearer to the middle
    own = active_camera(scene)
    own[cameras.PHOTO] = str(photo)
    refine("", object="Suzanne")
    assert view_error(cameras.read_camera(scene, own, SIZE)) < 0.6 * view_error(NEAR)


def test_the_model_nearest_to_the_middle_is_meant(monkey):
    bpy.ops.mesh.primitive_cube_add(size=0.1, location=PLACE + [0.3, 0, -0.1])
    cube, center = bpy.context.object, TRUE.project(PLACE)
    bpy.context.view_layer.update()
    for roots in ([monkey, cube], [cube, monkey]):
        assert model_in_view(roots, TRUE) == cube
        assert model_in_view(roots, TRUE, Box(*(center - 9), *(center + 9))) == monkey


def test_a_camera_that_gets_no_better_stays_as_it_was(monkey, photo, scene):
    active_camera(scene)
    before = snapshot()
    locks = dict.fromkeys((f"lock_{name}" for name in Locks._fields), True)
    assert refine(photo, box=box(monkey), **locks) == {"CANCELLED"}  # so that there is no undo step, either
    assert differences(before, snapshot()) == {}


def other_photo(own, monkey):
    own[cameras.PHOTO] = "/other.jpg"


def panoramic(own, monkey):
    own.data.type = "PANO"


def no_camera(own, monkey):
    bpy.context.scene.camera = None


def constrained(own, monkey):
    own.constraints.new("TRACK_TO")


def looking_away(own, monkey):
    own.rotation_euler.x += 2


def no_model(own, monkey):
    bpy.data.objects.remove(monkey)


OBSTACLES = [
    (panoramic, "neither a perspective nor an orthographic camera"),
    (no_camera, "no active camera"),
    (constrained, "Own is constrained and stays as it is: make another one active"),
    (looking_away, "sees no model"),
    (no_model, "no model"),
]


@pytest.mark.parametrize(("obstacle", "sentence"), [*OBSTACLES, (other_photo, "another photo, '/other.jpg'")])
def test_refining_refuses_in_one_sentence(monkey, photo, scene, obstacle, sentence):
    obstacle(active_camera(scene), monkey)
    bpy.context.view_layer.update()
    before = snapshot()
    with pytest.raises(RuntimeError, match=f"^Error: .*{sentence}.*\\n$"):
        refine(photo)
    assert differences(before, snapshot()) == {}


@pytest.mark.parametrize(("obstacle", "sentence"), OBSTACLES)
def test_perspective_refuses_in_one_sentence(monkey, scene, obstacle, sentence):
    obstacle(active_camera(scene), monkey)
    bpy.context.view_layer.update()
    before = snapshot()
    with pytest.raises(RuntimeError, match=f"^Error: .*{sentence}.*\\n$"):
        bpy.ops.photopose.perspective_strength(strength=2)
    assert differences(before, snapshot()) == {}


@pytest.mark.parametrize("given", [{"filepath": ""}, {"box": (90, 10, 20, 90)}, {"object": "Nobody"}])
def test_bad_input_changes_nothing(monkey, photo, scene, given):
    active_camera(scene)
    before = snapshot()
    with pytest.raises(RuntimeError, match=r"^Error: .*\.\n$"):
        bpy.ops.photopose.refine_camera(**{"filepath": str(photo), "subdivisions": 1, **given})
    assert differences(before, snapshot()) == {}


@pytest.mark.parametrize("strength", [0.2, 0.7, 1.0, 2.0])
@pytest.mark.parametrize("fit", ["AUTO", "VERTICAL"])
def test_perspective_changes_the_lens_and_keeps_the_model_s_size(monkey, scene, strength, fit):
    own = active_camera(scene, replace(NEAR, K=NEAR.K + [[0, 0, -30], [0, 0, 20], [0, 0, 0]]))
    own.data.sensor_fit, own.data.lens = fit, 20 if fit == "VERTICAL" else own.data.lens
    lens, old = own.data.lens, cameras.read_camera(scene, own)
    twin = bpy.data.objects.new("Twin", own.data)
    assert bpy.ops.photopose.perspective_strength(strength=strength) == {"FINISHED"}
    new = cameras.read_camera(scene, own)
    assert own.data.lens == pytest.approx(lens / strength, rel=1e-5) and new.focal == pytest.approx(
        old.focal / strength
    )
    assert twin.data.lens == pytest.approx(lens)
    was, now = (Box.around(camera.project(vertices(monkey))) for camera in (old, new))
    assert np.sqrt(now.width * now.height) == pytest.approx(np.sqrt(was.width * was.height), rel=0.01)
    np.testing.assert_allclose(now.center, was.center, atol=0.01 * was.width)
    distances = [np.linalg.norm(camera.position - PLACE) for camera in (new, old)]
    assert distances[0] == pytest.approx(distances[1] / strength, rel=0.1)
    assert np.degrees(angle_between(new.position - PLACE, old.position - PLACE)) < 1
    np.testing.assert_allclose(new.K[:2, 2], old.K[:2, 2], atol=1e-3)


def test_perspective_of_a_camera_inside_the_model(monkey, scene):
    active_camera(scene, TRUE.placed(look_at(PLACE + [0.1, -0.2, 0.1], PLACE)))
    with pytest.raises(RuntimeError, match="stands inside the model"):
        bpy.ops.photopose.perspective_strength(strength=2)


@pytest.fixture
def two_objects(scene, tmp_path):
    """A photo of a large and a small thing."""
    picture = Image.new("RGB", (400, 300), (215, 210, 200))
    draw = ImageDraw.Draw(picture)
    draw.ellipse((40, 60, 190, 250), (170, 30, 30))
    draw.rectangle((290, 130, 360, 210), (20, 60, 160))
    picture.save(tmp_path / "two.png")
    scene.photo_pose.photo = str(tmp_path / "two.png")
    return {"large": (40, 60, 190, 250), "small": (290, 130, 360, 210)}


def found_box(**point) -> tuple[float, ...]:
    assert bpy.ops.photopose.propose_box(**point) == {"FINISHED"}
    return tuple(bpy.context.scene.photo_pose.box)


def test_objects_are_found_one_after_the_other(two_objects):
    for name in ("large", "small", "large"):
        np.testing.assert_allclose(found_box(), two_objects[name], atol=8)


def test_the_object_at_a_point_is_found(two_objects):
    for name, point in (("small", (325, 170)), ("small", (325, 170)), ("large", (100, 150))):
        np.testing.assert_allclose(found_box(x=point[0], y=point[1]), two_objects[name], atol=8)
    before = snapshot()
    with pytest.raises(RuntimeError, match="Nothing stands out there"):
        found_box(x=250, y=20)
    assert differences(before, snapshot()) == {}


def test_no_object_is_found_without_a_photo(scene):
    with pytest.raises(RuntimeError, match="Choose a photo first"):
        bpy.ops.photopose.propose_box()
