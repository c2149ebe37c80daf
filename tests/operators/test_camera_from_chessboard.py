"""Ground truth by a chessboard: Blender photographs one, and the operator and the command find that very camera."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

bpy = pytest.importorskip("bpy")
pytest.importorskip("PIL")

from blender_state import differences, snapshot  # noqa: E402
from conftest import documented  # noqa: E402
from mathutils import Matrix  # noqa: E402
from PIL import Image  # noqa: E402

from photo_pose.inference.geometry import Camera, in_unit_sphere, intrinsics, look_at, rotation_angle  # noqa: E402
from photo_pose.operators.blender import cameras  # noqa: E402
from photo_pose.operators.blender.models import evaluated  # noqa: E402
from photo_pose.operators.pictures.rendering import studio  # noqa: E402

ROOT = Path(__file__).resolve().parents[2]
SIZE = (640, 480)
SQUARE = 0.04  # metres
COLUMNS, ROWS = 7, 5
PLACE = Matrix.Translation((1.0, -2.0, 0.5)) @ Matrix.Rotation(0.7, 4, "Z") @ Matrix.Rotation(0.3, 4, "X")
ABOVE = np.array([0.25, -0.4, 0.5])  # of the camera, from the board


def camera_in(place: Matrix) -> Camera:
    """The true camera where the board stands at place."""
    target = np.array(place.translation) + [0.01, 0.02, 0]
    position = np.array(place @ Matrix.Translation(ABOVE.tolist()))[:3, 3]
    return Camera(intrinsics(700, SIZE), look_at(position, target, 0.2), SIZE)


def add_board(place: Matrix) -> bpy.types.Object:
    """A chessboard of faces with a dark first square, in its own XY plane; with a scale that must not count."""
    across, down = COLUMNS + 1, ROWS + 1
    points = [
        ((x - across / 2) * SQUARE, (down / 2 - y) * SQUARE, 0) for y in range(down + 1) for x in range(across + 1)
    ]
    line = across + 1
    faces = [
        (y * line + x, (y + 1) * line + x, (y + 1) * line + x + 1, y * line + x + 1)
        for y in range(down)
        for x in range(across)
    ]
    mesh = bpy.data.meshes.new("Chessboard")
    mesh.from_pydata(points, [], faces)
    for grey in (0.02, 0.8):
        material = bpy.data.materials.new("Square")
        material.use_nodes = True
        material.node_tree.nodes["Principled BSDF"].inputs["Base Color"].default_value = (grey, grey, grey, 1)
        mesh.materials.append(material)
    for number, polygon in enumerate(mesh.polygons):
        polygon.material_index = (number % across + number // across) % 2
    board = bpy.data.objects.new("Chessboard", mesh)
    board.matrix_world = place
    bpy.context.scene.collection.objects.link(board)
    bpy.context.view_layer.update()
    return board


def photographed(folder: Path, place: Matrix) -> tuple[Path, Path]:
    """A photo with the board, and one without."""
    with evaluated(add_board(place)) as model, studio(model, samples=8) as render:
        picture = render(in_unit_sphere(camera_in(place), model.sphere)).rgb
    Image.fromarray(picture).save(folder / "board.png")
    Image.new("RGB", SIZE, (120, 110, 100)).save(folder / "photo.png")
    return folder / "board.png", folder / "photo.png"


@pytest.fixture
def photos(scene, tmp_path):
    return photographed(tmp_path, PLACE)


def labelled(photos, **options) -> set[str]:
    board_photo, photo = (str(path) for path in photos)
    given = {"columns": COLUMNS, "rows": ROWS, "square": SQUARE, "board": "Chessboard", **options}
    return bpy.ops.photopose.label_photo(**{"filepath": photo, "board_photo": board_photo, **given})


@pytest.mark.parametrize("options", [{"focal_source": "LENS", "lens": 39.375}, {}])
def test_the_camera_is_found(photos, scene, options):
    """39.375 mm on 36 mm are 700 px; without a lens the board tells it."""
    bpy.data.objects["Chessboard"].scale = (3, 3, 3)  # must not count
    assert labelled(photos, **options) == {"FINISHED"}
    found, true = cameras.read_camera(scene, scene.camera, SIZE), camera_in(PLACE)
    assert np.degrees(rotation_angle(found.camera_to_world[:3, :3], true.camera_to_world[:3, :3])) < 0.3
    assert found.focal == pytest.approx(700, rel=1e-5 if options else 0.01)
    assert np.linalg.norm(found.position - true.position) < (0.003 if options else 0.01)
    assert "reprojection error 0.0" in scene.photo_pose.result and "distortion" not in scene.photo_pose.result
    image = scene.camera.data.background_images[0].image
    assert bpy.path.abspath(image.filepath) == str(photos[1])


def test_a_typed_lens_is_the_camera_s(scene, tmp_path):
    """On whatever sensor: 21.875 mm on 20 mm is what 39.375 mm on 36 mm is."""
    photos = photographed(tmp_path, Matrix())
    assert labelled(photos, focal_source="LENS", lens=21.875, sensor=20, board="") == {"FINISHED"}
    assert scene.camera.data.lens == pytest.approx(21.875) and "lens 21.9 mm" in scene.photo_pose.result


@pytest.mark.parametrize(("f35", "recorded", "deviation"), [(38, SIZE, "± 2."), (60, (3000, 2000), "± 0.")])
def test_exif_is_believed_where_it_fits_the_picture(photos, scene, f35, recorded, deviation):
    """A crop's is not: the board tells the lens, and better."""
    exif = Image.Exif()
    exif.get_ifd(0x8769).update({0xA405: f35, 0xA002: recorded[0], 0xA003: recorded[1]})
    exif[0x8769] = 0
    for path in photos:
        Image.open(path).save(path, exif=exif)
    assert labelled(photos) == {"FINISHED"}
    assert cameras.read_camera(scene, scene.camera, SIZE).focal == pytest.approx(700, rel=0.01)
    assert deviation in scene.photo_pose.result


def test_the_lens_of_the_active_camera_and_the_world_s_plane(scene, tmp_path):
    photos = photographed(tmp_path, Matrix())
    scene.camera = bpy.data.objects.new("Own", bpy.data.cameras.new("Own"))
    scene.collection.objects.link(scene.camera)
    scene.render.resolution_x, scene.render.resolution_y = SIZE
    scene.camera.data.lens = 39.375
    assert labelled(photos, focal_source="CAMERA", board="") == {"FINISHED"}
    found = cameras.read_camera(scene, scene.camera, SIZE)
    np.testing.assert_allclose(found.camera_to_world, camera_in(Matrix()).camera_to_world, atol=0.005)


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"board_photo": ""}, "Choose a photo with the chessboard"),
        ({"board_photo": "missing.jpg"}, "/missing.jpg' does not exist"),
        ({"columns": 9}, "No whole chessboard of 9 x 5"),
        ({"square": 0.0}, "squares must be a positive"),
        ({"board": "Table"}, 'no object "Table"'),
        ({"focal_source": "CAMERA"}, "no active camera"),
        ({"focal_source": "LENS", "lens": -1.0}, "focal length must be a positive"),
    ],
)
def test_bad_input_gives_one_sentence_and_changes_nothing(photos, options, sentence):
    before = snapshot()
    with pytest.raises(RuntimeError, match=f"^Error: .*{sentence}.*\\n$"):
        labelled(photos, **options)
    assert differences(before, snapshot()) == {}


def test_photos_of_two_sizes_are_refused(photos):
    Image.new("RGB", (480, 640)).save(photos[1])
    with pytest.raises(RuntimeError, match="differ in size"):
        labelled(photos)


def run(folder: Path, *arguments: str) -> subprocess.CompletedProcess:
    environment = {**os.environ, "BLENDER_USER_RESOURCES": str(folder / "blender")}
    command = [sys.executable, str(ROOT / "batch.py"), "label", *arguments]
    done = subprocess.run(
        command, cwd=folder, env=environment, capture_output=True, text=True, timeout=120, check=False
    )
    assert "Traceback" not in done.stderr
    return done


BOARD = ("--corners", "7", "5", "--square", "40", "--out", "out")


def test_headless_label(scene, tmp_path):
    photographed(tmp_path, Matrix())
    latin = os.fsdecode(b"caf\xe9.png")  # as zips from Windows leave it on Linux
    (tmp_path / "b").mkdir()
    for other in ("b/photo.png", latin):
        shutil.copy(tmp_path / "photo.png", tmp_path / other)
    photos = ("photo.png", "missing.png", "b/photo.png", latin)
    done = run(tmp_path, *BOARD, "--board-photo", "board.png", "--photo", *photos, "--focal", "700")
    assert done.returncode == 1 and done.stderr.count("photo_pose:") == 1
    line, failed, *more = (json.loads(text) for text in (tmp_path / "out/labels.jsonl").read_text().splitlines())
    assert [one["photo"] for one in more] == [*photos[2:]] and [one["status"] for one in more] == ["ok", "ok"]
    pictures = {path.name for path in (tmp_path / "out").glob("*_board.png")}
    assert pictures == {"photo_board.png", "photo_2_board.png", latin.replace(".png", "_board.png")}
    assert (line["status"], failed["status"]) == ("ok", "error") and "exist" in failed["error"]
    assert set(line) <= documented()
    truth = camera_in(Matrix()).world_to_camera
    R, t = np.array(line["opencv"]["R"]), np.array(line["opencv"]["t"])
    assert np.degrees(rotation_angle(R, truth[:3, :3])) < 0.3 and line["reprojection_error"] < 0.1
    np.testing.assert_allclose(t, 1000 * truth[:3, 3], atol=3)  # millimetres
    assert line["distance"] == pytest.approx(1000 * np.linalg.norm(ABOVE), abs=3)
    assert line["elevation"] == pytest.approx(np.degrees(np.arcsin(0.5 / np.linalg.norm(ABOVE))), abs=0.3)
    matrix = np.array(line["camera"]["matrix_world"])[:3, 3]
    np.testing.assert_allclose(matrix, ABOVE, atol=0.003)  # metres, the scene's unit
    assert line["undistorted"] is None and line["focal_deviation"] is None
    assert (tmp_path / "out/labelled.blend").is_file() and (tmp_path / "out/photo_board.png").is_file()


def test_headless_calibration(scene, tmp_path):
    board = add_board(Matrix())
    with evaluated(board) as model, studio(model, samples=4) as render:
        for number, place in enumerate(([0.1, -0.5, 0.4], [-0.4, -0.1, 0.5], [0.3, 0.3, 0.45], [0.05, -0.2, 0.6])):
            camera = Camera(intrinsics(700, SIZE), look_at(np.array(place), np.zeros(3), 0.3 * number), SIZE)
            Image.fromarray(render(in_unit_sphere(camera, model.sphere)).rgb).save(tmp_path / f"{number}.png")
    Image.new("RGB", SIZE).save(tmp_path / "black.png")
    done = run(tmp_path, *BOARD, "--calibrate", "0.png", "1.png", "2.png", "3.png", "black.png")
    assert done.returncode == 1 and "'black.png'" in done.stderr
    found = json.loads((tmp_path / "out/calibration.json").read_text())
    np.testing.assert_allclose(found["K"], intrinsics(700, SIZE), atol=8)  # of four photos
    assert found["reprojection_error"] < 0.15 and set(found["photos"]) == {f"{n}.png" for n in range(4)}
    assert not (tmp_path / "out/labels.jsonl").exists()


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("--corners", "7", "5", "--square", "40"), "required: --out"),
        (BOARD, "--calibrate"),
        ((*BOARD, "--photo", "a.png"), "--board-photo"),
        ((*BOARD, "--board-photo", "a.png", "--photo", "a.png", "--board", "Table"), '"Table"'),
        ((*BOARD, "--board-photo", "a.png", "--photo", "a.png", "--square", "-1"), "positive"),
        ((*BOARD, "--calibrate", "a.png"), "3 photos"),
    ],
)
def test_headless_bad_usage(tmp_path, arguments, sentence):
    Image.new("RGB", SIZE).save(tmp_path / "a.png")
    done = run(tmp_path, *arguments)
    said = [line for line in done.stderr.splitlines() if line.startswith("photo_pose:")]
    assert done.returncode == 2 and sentence in said[-1] and said[-1].endswith(".")
