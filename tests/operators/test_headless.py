"""The headless contract that other people's scripts rely on, through the bpy module in processes of their own."""

import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

bpy = pytest.importorskip("bpy")

from PIL import Image  # noqa: E402

from photo_pose.operators.headless import terminal  # noqa: E402
from photo_pose.operators.running.time_left import in_words  # noqa: E402

ROOT = Path(__file__).resolve().parents[2]
KEYS = {
    "photo", "status", "error", "fingerprint", "model", "size", "box", "mask_iou", "camera", "opencv", "azimuth",
    "elevation", "roll", "score", "confidence", "of_a_kind", "focal_deviation", "focal_by", "lines_differ",
    "candidates", "seconds",
}  # fmt: skip
CAMERA_KEYS = {
    "matrix_world", "type", "lens", "sensor_width", "ortho_scale", "sensor_fit", "shift_x", "shift_y", "resolution",
}  # fmt: skip

WEDGE = """
mtllib wedge.mtl
v 0 0 0
v 0.4 0 0
v 0.4 0 0.3
v 0 0 0.3
v 0 0.2 0
v 0.15 0.2 0
usemtl red
f 1 2 3 4
usemtl green
f 6 5 4 3
usemtl blue
f 2 6 3
usemtl yellow
f 1 4 5
usemtl white
f 1 5 6 2
"""
COLORS = {
    "red": "0.8 0.1 0.1",
    "green": "0.1 0.6 0.1",
    "blue": "0.1 0.1 0.8",
    "yellow": "0.9 0.8 0.1",
    "white": "0.9 0.9 0.9",
}
VERTICES = np.array([line.split()[1:] for line in WEDGE.splitlines() if line.startswith("v ")], float)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A model file and photos of it."""
    folder = tmp_path_factory.mktemp("headless")
    (folder / "wedge.obj").write_text(WEDGE)
    (folder / "wedge.mtl").write_text("".join(f"newmtl {name}\nKd {color}\n" for name, color in COLORS.items()))
    picture = np.full((240, 320, 3), 120, np.uint8)
    picture[60:180, 90:230] = (180, 40, 40)
    Image.fromarray(picture).save(folder / "one.png")
    Image.fromarray(picture[:, ::-1]).save(folder / "two.jpg")
    (folder / "broken.jpg").write_bytes(b"\xff\xd8 not a picture")
    (folder / "bad.npz").write_bytes(b"not a network")
    mask = np.zeros((240, 320), np.uint8)
    mask[60:180, 90:230] = 255
    Image.fromarray(mask).save(folder / "mask.png")
    return folder


OF_THE_SCENE = {  # render settings that would give a picture of another size, or none
    "resolution_percentage": 50,
    "pixel_aspect_x": 2.0,
    "use_border": True,
    "use_crop_to_border": True,
    "border_max_x": 0.5,
    "image_settings.file_format": "FFMPEG",
    "filepath": "//mine",
}


def run(folder: Path, *arguments: str) -> subprocess.CompletedProcess:
    return batch(folder, "--cache", "cache", "--views", "17", *arguments)


def train(folder: Path, *arguments: str) -> subprocess.CompletedProcess:
    return batch(folder, "train", *arguments)


def batch(folder: Path, *arguments: str) -> subprocess.CompletedProcess:
    environment = {**os.environ, "BLENDER_USER_RESOURCES": str(folder / "blender")}
    command = [sys.executable, str(ROOT / "batch.py"), *arguments]
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, timeout=300)
    assert "Traceback" not in done.stderr
    return done


def batch_at_a_terminal(folder: Path, *arguments: str) -> tuple[int, str]:
    """The exit status, and all that a terminal gets on stderr; on stdout, which is a pipe, there must be nothing."""
    pty = pytest.importorskip("pty")  # Windows has none
    screen, inside = pty.openpty()
    environment = {**os.environ, "BLENDER_USER_RESOURCES": str(folder / "blender")}
    command = [sys.executable, str(ROOT / "batch.py"), *arguments]
    with subprocess.Popen(command, cwd=folder, env=environment, stdout=subprocess.PIPE, stderr=inside) as process:
        os.close(inside)
        written = b"".join(iter(lambda: _read(screen), b""))
        assert process.stdout.read() == b""
    os.close(screen)
    assert b"Traceback" not in written
    return process.returncode, written.decode()


def _read(screen: int) -> bytes:
    """Nothing once nobody writes there any more, which Linux calls an error."""
    try:
        return os.read(screen, 4096)
    except OSError:
        return b""


def shown(written: str) -> list[str]:
    """The lines that a terminal shows in the end: what comes after a carriage return overwrites the line."""
    rows = []
    for row in written.replace("\r\n", "\n").split("\n"):
        cells = ""
        for text in row.split("\r"):
            cells = text + cells[len(text) :]
        rows.append(cells.rstrip())
    assert rows.pop() == ""
    return rows


def lines(folder: Path, out: str) -> list[dict]:
    return [json.loads(line) for line in (folder / out / "results.jsonl").read_text().splitlines()]


def test_the_network_of_the_paper_looks_for_nearest_views_only(folder, monkeypatch):
    """With weights by chance; what it cannot do is said before the views are rendered."""
    pytest.importorskip("torch")
    from photo_pose.inference.networks.inception import InceptionV3

    network = InceptionV3(4).to_empty(device="cpu")
    arrays = {name: np.full(values.shape, 0.01, np.float16) for name, values in network.state_dict().items()}
    weights = folder / "weights"
    weights.mkdir()
    np.savez(weights / "some.npz", **arrays)
    digits = hashlib.sha256((weights / "some.npz").read_bytes()).hexdigest()[:8]
    (weights / "some.npz").rename(weights / f"inception_v3-{digits}.npz")
    monkeypatch.setenv("PHOTO_POSE_WEIGHTS", str(weights))
    given = "--model", "wedge.obj", "--photo", "one.png", "--network", "inception_v3"

    for command in ("match", "which"):
        refused = batch(folder, command, *given, "--out", "i")
        assert refused.returncode == 2 and "knn" in refused.stderr and not list((folder / "i").iterdir())
    done = run(folder, *given, "--out", "j", "--method", "knn")
    assert done.returncode == 0, done.stderr
    (result,) = lines(folder, "j")
    assert result["status"] == "ok" and len(result["candidates"]) == 1


def test_photos_of_one_model(folder):
    done = run(
        folder,
        "--model",
        "wedge.obj",
        "--photo",
        "one.png",
        "two.jpg",
        "--out",
        "a",
        "--box",
        "90",
        "60",
        "230",
        "180",
    )
    assert done.returncode == 0, done.stderr
    results = lines(folder, "a")
    assert [result["photo"] for result in results] == ["one.png", "two.jpg"]
    for result, stem in zip(results, ("one", "two"), strict=True):
        assert set(result) == KEYS and set(result["camera"]) == CAMERA_KEYS
        assert (result["status"], result["error"], result["model"]) == ("ok", None, "wedge")
        assert result["size"] == [320, 240] and result["camera"]["resolution"] == [320, 240]
        assert 0 <= result["confidence"] <= 1 and 0 < result["focal_deviation"] < 1  # for the lens is not known
        assert set(result["focal_by"]) <= {"OBJECT", "LINES"} and result["lines_differ"] is False
        scores = [candidate["score"] for candidate in result["candidates"]]
        assert scores == sorted(scores, reverse=True) and scores[0] == result["score"] and len(scores) <= 6
        assert {"total", "render", "features", "match", "refine"} == set(result["seconds"])
        with Image.open(folder / "a" / f"{stem}_overlay.png") as overlay:
            assert overlay.size == (320, 240)
    assert (folder / "a" / "matched.blend").is_file()


def test_opencv_and_blender_cameras_agree(folder):
    """x_cam = R x + t for the numbers of the .obj file, against the Blender camera's own fields."""
    run(
        folder,
        "--model",
        "wedge.obj",
        "--photo",
        "one.png",
        "--out",
        "b",
        "--focal",
        "400",
        "--principal-point",
        "150",
        "130",
    )
    (result,) = lines(folder, "b")
    assert result["focal_deviation"] is None and result["focal_by"] is None
    K, R, t = (np.array(result["opencv"][key]) for key in ("K", "R", "t"))
    np.testing.assert_allclose(K, [[400, 0, 150], [0, 400, 130], [0, 0, 1]], atol=1e-6)
    np.testing.assert_allclose(R @ R.T, np.eye(3), atol=1e-9)
    seen = (VERTICES @ R.T + t) @ K.T

    camera = result["camera"]
    world = np.stack([VERTICES[:, 0], -VERTICES[:, 2], VERTICES[:, 1]], -1)  # the importer turns Y up to Z up
    inverse = np.linalg.inv(np.array(camera["matrix_world"]))
    x, y, z = (world @ inverse[:3, :3].T + inverse[:3, 3]).T
    focal = camera["lens"] / camera["sensor_width"] * 320
    column = 160 - camera["shift_x"] * 320 + focal * x / -z
    row = 120 + camera["shift_y"] * 320 - focal * y / -z
    np.testing.assert_allclose(np.stack([column, row], -1), seen[:, :2] / seen[:, 2:], atol=0.01)


def test_jobs_and_failures(folder):
    jobs = [
        {"photo": "one.png", "mask": "mask.png", "lens": 35, "sensor": 24, "object": "wedge"},
        {"photo": "broken.jpg"},
        {"photo": "missing.jpg"},
        {"photo": "two.jpg", "box": [400, 0, 500, 10]},
        {"photo": "two.jpg", "object": "chair"},
        {"photo": "two.jpg", "focal": -1},
        {"photo": "two.jpg", "principal_point": [1]},
        {"photo": "one.png", "focal": 400, "sensor": 20},
    ]
    (folder / "jobs.jsonl").write_text("\n".join(json.dumps(job) for job in jobs))
    done = run(
        folder,
        "--model",
        "wedge.obj",
        "--jobs",
        "jobs.jsonl",
        "--out",
        "c",
        "--no-refine",
        "--candidates",
        "2",
        "--contact-sheet",
    )
    assert done.returncode == 1
    with Image.open(folder / "c" / "contact_sheet.png") as sheet:
        assert sheet.width > 1200 and sheet.height > 600  # of eight photos in three rows
    results = lines(folder, "c")
    assert [result["status"] for result in results] == ["ok", *["error"] * 6, "ok"]
    said = [line for line in done.stderr.splitlines() if line.startswith("photo_pose:")]
    assert len(said) == 6
    first = results[0]
    assert first["box"] == [90, 60, 230, 180] and 0 < first["mask_iou"] <= 1 and len(first["candidates"]) == 2
    assert first["opencv"]["K"][0][0] == pytest.approx(35 / 24 * 320)
    assert (first["camera"]["lens"], first["camera"]["sensor_width"]) == pytest.approx((35, 24))
    camera = results[-1]["camera"]
    assert (camera["lens"], camera["sensor_width"]) == pytest.approx((25, 20))
    np.testing.assert_allclose(results[-1]["box"], first["box"], atol=12)  # proposed
    for result, word in zip(results[1:7], ("damaged", "exist", "outside", "chair", "focal", "principal"), strict=True):
        assert word in result["error"] and set(result) == KEYS
    assert {path.name for path in (folder / "c").glob("*_overlay.png")} == {
        "one_overlay.png",
        "one_2_overlay.png",
    }
    bpy.ops.wm.open_mainfile(filepath=str(folder / "c" / "matched.blend"))
    assert sorted(camera.lens for camera in bpy.data.cameras) == pytest.approx([25, 35])


def test_odd_lines_names_and_two_objects_of_one_photo(folder):
    """Each line has its answer, each answer its camera, and what no line asked for does not stay in the scene."""
    latin = os.fsdecode(b"caf\xe9.png")
    shutil.copy(folder / "one.png", folder / latin)
    shutil.copy(folder / "wedge.obj", folder / latin.replace("png", "obj"))
    box = [90, 60, 230, 180]
    jobs = [
        {"photo": "one.png", "box": box},
        {"photo": "one.png", "mask": 5},
        "two.jpg",
        {"photo": latin, "box": box},
        {"photo": "one.png", "box": [80, 50, 200, 190], "lens": 35},
    ]
    (folder / "odd.jsonl").write_text("\r\n".join(map(json.dumps, jobs)), encoding="utf-16")
    given = ("--model", latin.replace("png", "obj"), "--jobs", "odd.jsonl", "--focal", "500")
    done = run(folder, *given, "--out", latin[:-4], "--method", "knn", "--contact-sheet", "--threads", "1")
    assert done.returncode == 1, done.stderr
    results = lines(folder, latin[:-4])
    assert [result["status"] for result in results] == ["ok", "error", "error", "ok", "ok"]
    assert [result["model"] for result in results] == ["caf?", None, None, "caf?", "caf?"]
    assert [result["photo"] for result in results] == ["one.png", "one.png", None, latin, "one.png"]
    assert [result["opencv"]["K"][0][0] for result in results if result["opencv"]] == [
        500,
        500,
        pytest.approx(35 / 36 * 320),
    ]
    said = [line for line in done.stderr.splitlines() if line.startswith("photo_pose:")]
    assert ["Line 2 " in said[0], "Line 3 " in said[1], len(said)] == [True, True, 2]
    pictures = {path.name for path in (folder / latin[:-4]).glob("*.png")}
    assert pictures == {
        "one_overlay.png",
        "one_3_overlay.png",
        "café_overlay.png".replace("é", "\udce9"),
        "contact_sheet.png",
    }

    bpy.ops.wm.open_mainfile(filepath=str(folder / latin[:-4] / "matched.blend"))
    cameras = [obj for obj in bpy.data.objects if obj.type == "CAMERA"]
    photos = sorted(camera["photo_pose"] for camera in cameras)
    assert photos == sorted(str(folder / name) for name in (latin, "one.png", "one.png"))
    for result in (results[0], results[3], results[4]):
        place = np.array(result["camera"]["matrix_world"])
        assert min(np.abs(np.array(camera.matrix_world) - place).max() for camera in cameras) < 1e-5
    assert bpy.context.scene.render.threads_mode == "AUTO"

    ranked = batch(folder, "which", *given, "--out", "r", "--cache", "cache")
    assert ranked.returncode == 1, ranked.stderr
    listed = [json.loads(line) for line in (folder / "r" / "ranking.jsonl").read_text().splitlines()]
    assert [line["status"] for line in listed] == ["ok", "error", "error", "ok", "ok"]
    assert [line["error"] for line in listed] == [result["error"] for result in results]


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("--photo", "one.png"), "required: --out"),
        (("--out", "d"), "required"),
        (("--photo", "one.png", "--jobs", "jobs.jsonl", "--out", "d"), "not allowed with"),
        (("--photo", "one.png", "--out", "d", "--focal", "500", "--lens", "35"), "not allowed with"),
        (("--photo", "one.png", "--out", "d", "--orthographic", "--lens", "35"), "not allowed with"),
        (("--photo", "one.png", "--out", "d", "--box", "1", "2", "3"), "--box"),
        (("--photo", "one.png", "--out", "d", "--method", "guess"), "invalid choice"),
        (("--photo", "one.png", "--out", "d"), "The scene has no model"),
        (("--photo", "one.png", "--out", "d", "--model", "missing.obj"), "does not exist"),
        (("--photo", "one.png", "--out", "d", "--model", "one.png"), "is none of"),
        (("--photo", "one.png", "--out", "d", "--blend", "missing.blend"), "does not exist"),
        (("--photo", "one.png", "--out", "d", "--model", "wedge.obj", "--views", "9999"), "number of views"),
        (("--photo", "one.png", "--out", "d", "--candidates", "0"), "--candidates"),
        (("--photo", "one.png", "--out", "d", "--threads", "-1"), "--threads"),
        (("--photo", "one.png", "--out", "d", "--model", "wedge.obj", "--network", "vgg"), "vgg"),
        (("--photo", "one.png", "--out", "d", "--model", "wedge.obj", "--network", "u2netp"), "makes no features"),
        (
            ("--photo", "one.png", "--out", "d", "--model", "wedge.obj", "--network", "my.npz"),
            '"my.npz" does not exist',
        ),
        (("--photo", "one.png", "--out", "d", "--model", "wedge.obj", "--network", "bad.npz"), '"bad.npz" is damaged'),
        (("--photo", "one.png", "--out", "one.png/d", "--model", "wedge.obj"), "cannot be written"),
        (("--jobs", "one.png", "--out", "d", "--model", "wedge.obj"), "is not JSON"),
    ],
)
def test_bad_usage(folder, arguments, sentence):
    done = run(folder, *arguments)
    assert done.returncode == 2
    said = [line for line in done.stderr.splitlines() if line.startswith("photo_pose:")]
    assert len(said) == 1 and sentence in said[0] and said[0].endswith(".")
    assert not (folder / "d" / "results.jsonl").exists()


@pytest.mark.parametrize(
    ("command", "listing"), [("match", "results.jsonl"), ("which", "ranking.jsonl"), ("match", "matched.blend")]
)
def test_an_output_that_cannot_be_written_is_told_in_a_sentence(folder, tmp_path, command, listing):
    (tmp_path / f"{listing}{'@' * listing.endswith('.blend')}").mkdir()  # Blender writes beside the file first
    views = ("--cache", "cache", "--views", "17", "--model", "wedge.obj", "--photo", "broken.jpg", "--out", tmp_path)
    done = batch(folder, command, *map(str, views))
    said = [line for line in done.stderr.splitlines() if line.startswith("photo_pose:") and "broken" not in line]
    assert done.returncode == 2 and len(said) == 1
    assert f'{listing}" cannot be written (' in said[0] and said[0].endswith("Is a directory).")


BOX = ("--box", "90", "60", "230", "180")


def bars(written: str) -> list[tuple[str, int]]:
    """What a bar says is at work, and how much of it is done, %, as often as it was drawn."""
    told = re.findall(r"([A-Z][a-z ]+(?:\d+ of \d+)?) \[[#-]{24}\] +(\d+) %", written)
    return [(what, int(percent)) for what, percent in told]


def test_a_terminal_shows_how_far_it_is_and_a_line_a_photo(folder):
    given = ("--cache", "bar", "--views", "17", "--model", "wedge.obj", *BOX, "--no-refine", "--stands", "upright")
    photos = ("--photo", "one.png", "broken.jpg", "two.jpg")
    status, written = batch_at_a_terminal(folder, *given, *photos, "--out", "bar")
    assert status == 1
    first, broken, last = lines(folder, "bar")
    assert shown(written) == [
        f"one.png: wedge, score {first['score']:.2f}, confidence {first['confidence']:.2f}",
        f"broken.jpg: {broken['error']}",
        f"two.jpg: wedge, score {last['score']:.2f}, confidence {last['confidence']:.2f}",
    ]
    drawn = bars(written)
    assert [*dict(drawn)] == ["Training views", "Photo 1 of 3", "Photo 3 of 3"]  # the second fails at once
    for name, least, most in (("Training views", 0, 100), ("Photo 1 of 3", 0, 33), ("Photo 3 of 3", 66, 100)):
        done = [percent for what, percent in drawn if what == name]
        assert len(set(done)) > 3 and done == sorted(done) and least <= done[0] and done[-1] <= most
        assert done[-1] > (least + most) / 2


def test_the_time_left_is_as_the_time_so_far(monkeypatch):
    pty = pytest.importorskip("pty")
    screen, inside = pty.openpty()
    with open(inside, "w") as stream:
        monkeypatch.setattr(sys, "stderr", stream)
        progress, began = terminal.Progress(quiet=False), time.monotonic()
        progress.begin("Photo", 2)
        time.sleep(1.1)
        progress.told(0.5)
        spent = time.monotonic() - began
        written = os.read(screen, 4096).decode()
    os.close(screen)
    assert bars(written) == [("Photo 1 of 2", 25)]
    assert 3 <= int(re.search(r"%, (\d+) s left", written)[1]) <= round(3 * spent)


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(0.4, "0 s"), (59.7, "1 min 0 s"), (185, "3 min 5 s"), (3599.9, "1 h 0 min"), (4800, "1 h 20 min")],
)
def test_times_are_told_in_two_words(seconds, words):
    assert in_words(seconds) == words


def test_neither_a_pipe_nor_quiet_shows_progress(folder):
    given = ("--cache", "bar", "--views", "17", "--model", "wedge.obj", *BOX, "--method", "knn")
    given = (*given, "--photo", "one.png", "broken.jpg", "--out", "still")
    done = batch(folder, *given)
    assert (done.returncode, done.stdout) == (1, "")
    (line,) = done.stderr.splitlines()
    assert line.startswith("photo_pose: ") and "broken.jpg" in line
    status, written = batch_at_a_terminal(folder, *given, "--quiet")
    assert status == 1 and shown(written) == [line] and bars(written) == []


def test_which_tells_a_terminal_the_likeliest_model(folder):
    given = ("--cache", "bar", "--views", "17", "--model", "wedge.obj", *BOX, "--stands", "upright")
    status, written = batch_at_a_terminal(folder, "which", *given, "--photo", "one.png", "--out", "likely")
    (line,) = [json.loads(line) for line in (folder / "likely" / "ranking.jsonl").read_text().splitlines()]
    assert (status, shown(written)) == (0, [f"one.png: wedge, likeness {line['models'][0]['likeness']:.2f}"])
    assert "Photo 1 of 1" in dict(bars(written))


IN_BLENDER = """
import sys
sys.path.insert(0, sys.argv.pop(1))
import bpy, conftest
conftest.load_root()
from photo_pose import _run_batch
assert "Cube" in bpy.data.objects  # of the start-up scene
if scene := sys.argv.pop(1):
    bpy.ops.wm.open_mainfile(filepath=scene)
sys.exit(_run_batch(sys.argv[1:]))
"""


@pytest.mark.parametrize("scene", ["", "lamp.blend"])
def test_the_command_in_blender_works_in_the_given_scene_or_an_empty_one(folder, tmp_path, scene):
    """As after `blender -b --command`: never in the start-up scene that is open then."""
    bpy.ops.wm.read_homefile(use_factory_startup=True, use_empty=True)
    bpy.context.scene.collection.objects.link(bpy.data.objects.new("Lamp", bpy.data.lights.new("Lamp", "SUN")))
    bpy.ops.wm.save_as_mainfile(filepath=str(folder / "lamp.blend"), copy=True)
    environment = {**os.environ, "BLENDER_USER_RESOURCES": str(folder / "blender")}
    command = [sys.executable, "-c", IN_BLENDER, str(ROOT / "tests"), scene and str(folder / scene)]
    given = ["--photo", "one.png", *BOX, "--cache", "cache", "--views", "17", "--method", "knn", "--out", str(tmp_path)]

    def run_there(*arguments):
        words = [*command, *given, *arguments]
        return subprocess.run(words, cwd=folder, env=environment, capture_output=True, text=True, timeout=300)

    done = run_there("--model", "wedge.obj")
    assert done.returncode == 0, done.stderr
    bpy.ops.wm.open_mainfile(filepath=str(tmp_path / "matched.blend"))
    lights = ["Lamp"] if scene else []
    assert sorted(obj.name for obj in bpy.data.objects if obj.type != "CAMERA") == [*lights, "wedge"]
    done = run_there()
    assert done.returncode == 2
    assert done.stderr == "photo_pose: The scene has no model: no object with faces that show in a render.\n"


def test_the_paper_s_recipe_and_a_scene(folder):
    blend = folder / "scene.blend"
    made = "import bpy, sys; bpy.ops.wm.read_homefile(use_factory_startup=True); scene = bpy.context.scene; "
    made += "scene.render.engine = 'CYCLES'; scene.cycles.samples = 1; scene.cycles.use_denoising = False; "
    made += "".join(f"scene.render.{name} = {value!r}; " for name, value in OF_THE_SCENE.items())
    made += "bpy.ops.wm.save_mainfile(filepath=sys.argv[1])"
    subprocess.run([sys.executable, "-c", made, blend], capture_output=True, check=True)
    arguments = ("--photo", "one.png", "two.jpg", "--out", "e", "--method", "knn", "--object", "Cube", "--render")
    arguments += ("--box", "10", "20", "110", "110")
    done = run(folder, "--blend", str(blend), *arguments)
    assert done.returncode == 0, done.stderr
    for result, stem in zip(lines(folder, "e"), ("one", "two"), strict=True):
        assert result["model"] == "Cube" and len(result["candidates"]) == 1
        with Image.open(folder / "e" / f"{stem}_render.png") as picture:
            assert (picture.format, picture.size) == ("PNG", (320, 240))
            shown = np.array(picture.convert("L")).astype(float)
        assert np.ptp(shown) > 50
        K, t = (np.array(result["opencv"][key]) for key in ("K", "t"))
        column, row = ((K @ t)[:2] / t[2]).astype(int)
        cube, world = shown[row - 20 : row + 20, column - 20 : column + 20], shown[-40:, -40:]
        assert column < 110 and row < 110 and abs(cube.mean() - world.mean()) > 4  # there that camera sees the cube
    bpy.ops.wm.open_mainfile(filepath=str(folder / "e" / "matched.blend"))
    render = bpy.context.scene.render
    assert {name: render.path_resolve(name) for name in OF_THE_SCENE} == OF_THE_SCENE | {"pixel_aspect_x": 1.0}


def test_a_network_of_one_s_own(folder):
    """Trained on a model and used for its photo: the plain answer, and one that the pipeline has verified."""
    pytest.importorskip("torch")
    small = ("--model", "wedge.obj", "--views", "24", "--epochs", "3", "--threads", "1")
    done = train(folder, *small, "--out", "nets/wedge.npz", "--seed", "1")
    assert done.returncode == 0, done.stderr
    assert [path.name for path in (folder / "nets").iterdir()] == ["wedge.npz"] and "degrees off" in done.stdout
    assert "photo_pose: 100 %" in done.stderr
    box = ("--model", "wedge.obj", "--photo", "one.png", "--box", "90", "60", "230", "180", "--candidates", "3")
    for method in ("knn", "vote", "match"):
        done = run(folder, *box, "--network", "nets/wedge.npz", "--method", method, "--out", method)
        assert done.returncode == 0, done.stderr
        (result,) = lines(folder, method)
        K, R, t = (np.array(result["opencv"][key]) for key in ("K", "R", "t"))
        pixels = (VERTICES @ R.T + t) @ K.T
        pixels = pixels[:, :2] / pixels[:, 2:]
        sides = np.ptp(pixels, axis=0)
        assert 0.5 < sides.prod() / (140 * 120) < 2 and np.abs(pixels.mean(0) - (160, 120)).max() < 60


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ((), "required: --out"),
        (("--out", "x.npz"), "The scene has no model"),
        (("--out", "x.npz", "--model", "wedge.obj", "--views", "0"), "--views"),
        (("--out", "x.npz", "--model", "wedge.obj", "--seed", "-1"), "--seed"),
        (("--out", "x.npz", "--model", "wedge.obj", "--views", "1", "--epochs", "1"), "needs more views"),
        (("--out", "x.zip", "--model", "wedge.obj"), "must end with .npz"),
        (("--out", "one.png/x.npz", "--model", "wedge.obj"), "cannot be written"),
        (("--out", "x.npz", "--model", "wedge.obj", "--backgrounds", "nowhere"), "does not exist"),
        (("--out", "x.npz", "--model", "wedge.obj", "--photo", "one.png"), "Unrecognized arguments"),
    ],
)
def test_bad_usage_of_training(folder, arguments, sentence):
    pytest.importorskip("torch")
    done = train(folder, *arguments)
    assert done.returncode == 2
    said = [line for line in done.stderr.splitlines() if not line.endswith("%")]
    assert len(said) == 1 and sentence in said[0] and said[0].endswith(".")
    assert not list(folder.glob("x.*"))
