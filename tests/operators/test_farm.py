"""A job in slices, as machines of a farm work on it: they destroy nothing of each other, and the whole is that of one
process."""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

bpy = pytest.importorskip("bpy")

from PIL import Image  # noqa: E402
from test_headless import COLORS, WEDGE, batch, lines  # noqa: E402

from photo_pose.batch import main, parser  # noqa: E402
from photo_pose.inference.errors import PoseError  # noqa: E402
from photo_pose.inference.formats.yaml_text import yaml_text  # noqa: E402
from photo_pose.inference.geometry import Camera, Sphere, intrinsics, look_at  # noqa: E402
from photo_pose.inference.library.index import read_index  # noqa: E402
from photo_pose.operators.headless import resume, slices  # noqa: E402
from photo_pose.operators.headless.result_fields import blender_camera, camera_of_fields  # noqa: E402

BOX = ("--box", "90", "60", "230", "180")
QUICK = ("--views", "17", "--method", "knn", "--stands", "upright", *BOX)
TOOLS = os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", "")])
OPENJD, NODE = shutil.which("openjd", path=TOOLS), shutil.which("node")
VERIFIED = ("--views", "17", "--stands", "upright", "--no-refine", "--candidates", "1", "--threads", "1", *BOX)
PHOTOS = ("a.png", "b.png", "broken.jpg", "c.png", "d.png", "e.png")


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A folder of three small models, and six photos, one of which is none."""
    folder = tmp_path_factory.mktemp("a farm")
    models = folder / "models"
    models.mkdir()
    vertices = [line for line in WEDGE.splitlines() if line.startswith("v ")]
    for name, scale in (("wedge", (1, 1, 1)), ("tall", (0.5, 2.5, 1)), ("Long", (3, 1, 0.6))):
        scaled = [f"v {' '.join(map(str, np.multiply(scale, [float(x) for x in v.split()[1:]])))}" for v in vertices]
        text = WEDGE.replace("\n".join(vertices), "\n".join(scaled))
        (models / f"{name}.obj").write_text(text)
    (models / "wedge.mtl").write_text("".join(f"newmtl {name}\nKd {color}\n" for name, color in COLORS.items()))
    for number, name in enumerate(PHOTOS):
        picture = np.full((240, 320, 3), 120, np.uint8)
        picture[60:180, 90 + 10 * number : 230] = (180, 40 + 20 * number, 40)
        Image.fromarray(picture).save(folder / name)
    (folder / "broken.jpg").write_bytes(b"\xff\xd8 not a picture")
    return folder


def match(folder, out, *arguments, photos=PHOTOS):
    given = ("--model", "models", "--photo", *photos, "--cache", "cache", *QUICK, "--out", out)
    return batch(folder, *given, *arguments)


def gather(folder, out, *arguments, photos=PHOTOS):
    return batch(folder, "gather", "--model", "models", "--photo", *photos, "--out", out, *arguments)


def said(done):
    return [line.removeprefix("photo_pose: ") for line in done.stderr.splitlines()]


def untimed(results):
    return [{key: value for key, value in line.items() if key != "seconds"} for line in results]


def cameras_of(path):
    """What matched.blend says of each camera: its photo, place, lens and clipping."""
    bpy.ops.wm.open_mainfile(filepath=str(path))
    told = {}
    for obj in bpy.data.objects:
        if obj.type == "CAMERA":
            data = obj.data
            lens = data.lens, data.sensor_width, data.shift_x, data.shift_y, data.clip_start, data.clip_end
            (slot,) = data.background_images
            told[obj["photo_pose"]] = (obj.name, slot.image.name, *np.round([*np.ravel(obj.matrix_world), *lens], 5))
    return told, bpy.context.scene.render.resolution_x


def two_cones(path):
    """Saved as the models of a .blend."""
    bpy.ops.wm.read_homefile(use_factory_startup=True, use_empty=True)
    for place in (0, 3):
        bpy.ops.mesh.primitive_cone_add(location=(place, 0, 0), vertices=4 + place)
    bpy.ops.wm.save_as_mainfile(filepath=str(path), copy=True)
    return path


@pytest.fixture(scope="module")
def whole(folder):
    """What one process makes of all."""
    done = match(folder, "whole", "--contact-sheet")
    assert done.returncode == 1, done.stderr
    return lines(folder, "whole")


@pytest.mark.parametrize("focal", [400.0, 1000.0 * 320])  # the second one stands for an orthographic camera
def test_a_line_s_camera_is_the_one_that_was_found(focal):
    pose = look_at(np.array([2.0, -3.0, 1.0]) * focal / 400, np.array([0.1, 0.2, 0.3]), 0.4)
    camera, sphere = Camera(intrinsics(focal, (320, 240), (150, 130)), pose, (320, 240)), Sphere(np.zeros(3), 1.0)
    fields = blender_camera(camera, sphere, 24.0)
    back = camera_of_fields(fields)
    assert (fields["type"] == "ORTHO") == back.is_orthographic == camera.is_orthographic
    corners = np.array([[0, 0, 0], [0.5, 0, 0], [0, 0.5, 0], [0, 0, 0.5]])
    allowed = 0.1 if back.is_orthographic else 1e-9
    np.testing.assert_allclose(back.project(corners), camera.project(corners), atol=allowed)


@pytest.mark.parametrize(
    ("text", "numbers"),
    [("0-3", [0, 1, 2, 3]), ("5", [5]), ("9-9", [9]), ("0,5-7", [0, 5, 6, 7]), ("007-8", [7, 8])],
)
def test_a_slice_names_numbers(text, numbers):
    assert slices.numbers_of(text) == numbers == slices.numbers_of(slices.text_of(numbers))


@pytest.mark.parametrize("text", ["", "a", "-3", "3-", "3-1", "1,1", "2,1", "0-3,2-5", "1 - 2", "1.5", "0-3:2", ","])
def test_what_is_no_slice(text):
    with pytest.raises(PoseError, match="is no slice: write it as"):
        slices.numbers_of(text)


def test_slices_become_what_one_process_makes(folder, whole):
    assert match(folder, "cut", "--slice", "4-5", "--contact-sheet").returncode == 0
    assert match(folder, "cut", "--slice", "0-1").returncode == 0
    files = {path.name for path in (folder / "cut").iterdir()}
    overlays = {f"{name[:-4]}_overlay.png" for name in ("a.png", "b.png", "d.png", "e.png")}
    assert files == {"results.0-1.jsonl", "results.4-5.jsonl", *overlays}

    done = gather(folder, "cut")
    assert done.returncode == 1
    assert said(done) == [
        'Photo "broken.jpg" has no result yet.',
        'Photo "c.png" has no result yet.',
        "What is missing, match --slice 2-3 makes.",
    ]
    there = [whole[number] for number in (0, 1, 4, 5)]
    assert untimed(lines(folder, "cut")) == untimed(there)

    assert match(folder, "cut", "--slice", "2-3").returncode == 1
    done = gather(folder, "cut", "--contact-sheet")
    assert (done.returncode, said(done)) == (1, [])  # a photo failed, as its slice has said
    assert untimed(lines(folder, "cut")) == untimed(whole)
    assert cameras_of(folder / "cut/matched.blend") == cameras_of(folder / "whole/matched.blend")
    sheets = [np.array(Image.open(folder / out / "contact_sheet.png")) for out in ("cut", "whole")]
    assert np.array_equal(*sheets)


def test_a_slice_that_was_stopped_or_is_of_other_photos(folder, whole):
    """A line that is not whole is none; an older slice with other bounds is there for what no newer one has."""
    out = folder / "stopped"
    out.mkdir()
    written = [json.dumps(line) for line in whole]
    (out / "results.0-5.jsonl").write_text("\n".join([*written[:4], written[4][:50]]))
    (out / "results.3-4.jsonl").write_text(json.dumps({**whole[3], "score": 7.0, "photo": "C:\\shots\\c.png"}) + "\n")
    (out / "results.5-9.jsonl").write_text(written[5])
    (out / "results.4-4.jsonl").write_text(written[5])  # of another photo
    (out / "results.3-5.jsonl").write_text(json.dumps({**whole[3], "score": 8.0}))
    os.utime(out / "results.0-5.jsonl", (1, 1))
    os.utime(out / "results.3-5.jsonl", (2, 2))
    done = gather(folder, "stopped", photos=PHOTOS[:5])
    assert said(done)[0] == 'Photo "d.png" has no result yet.'
    gathered = lines(folder, "stopped")
    assert gathered[:3] == whole[:3] and len(gathered) == 4
    assert (gathered[3]["score"], gathered[3]["photo"]) == (7.0, "c.png")

    done = gather(folder, "stopped", "--exit-zero", photos=("a.png", "elsewhere/b.png"))
    assert done.returncode == 1 and len(said(done)) == 1 and "b.png' does not exist" in said(done)[0]
    assert [line["photo"] for line in lines(folder, "stopped")] == ["a.png", "elsewhere/b.png"]
    assert len(cameras_of(out / "matched.blend")[0]) == 1


@pytest.mark.parametrize(
    ("command", "arguments", "sentence"),
    [
        ("match", ("--out", "bad", "--slice", "4-7", *BOX), 'Slice "4-7" is not among the 6 photos, which are 0-5.'),
        ("match", ("--out", "bad", "--slice", "b"), '"b" is no slice: write it as 0-49, 7 or 0-4,9-12, counting from'),
        ("gather", ("--out", "bad"), 'Folder "bad" has no results of slices of these photos.'),
    ],
)
def test_bad_slices(folder, command, arguments, sentence):
    done = batch(folder, command, "--model", "models", "--photo", *PHOTOS, *arguments)
    assert done.returncode == 2 and len(said(done)) == 1 and said(done)[0].startswith(sentence)
    assert not (folder / "bad").exists()


def written(folder, out, part):
    return (folder / out / f"results.{part}.jsonl").read_text().splitlines()


def test_the_exit_status_may_be_zero_once_every_photo_has_its_line(folder):
    done = match(folder, "zero", "--slice", "2-3", "--exit-zero")
    assert (done.returncode, len(said(done)), len(written(folder, "zero", "2-3"))) == (0, 1, 2)
    assert gather(folder, "zero", "--exit-zero", photos=PHOTOS[:4]).returncode == 1  # two have none
    assert match(folder, "zero", "--slice", "2-3", "--exit-zero", "--network", "none").returncode == 2


def test_a_farm_is_told_how_far_it_is(folder):
    done = match(folder, "told", "--slice", "1-3", "--exit-zero", "--progress", "openjd")
    told = done.stdout.splitlines()
    progress = [int(line.removeprefix("openjd_progress: ")) for line in told if "progress" in line]
    assert progress == sorted(set(progress)) and progress[-1] == 100 and {33, 66} <= {*progress}
    status = [line.removeprefix("openjd_status: ") for line in told if "status" in line]
    assert status == ["Training views", "Photo 1 of 3", "Photo 2 of 3", "Photo 3 of 3"]
    assert len(told) == len(progress) + len(status)
    prepare = ("prepare", "--model", "models", "--views", "17", "--stands", "upright", "--cache", "cache")
    told = batch(folder, *prepare, "--slice", "1-2", "--progress", "openjd").stdout.splitlines()
    assert [told[0], told[-1]] == ["openjd_status: Model 1 of 2", "openjd_progress: 100"]


def test_a_slice_that_is_resumed_matches_only_what_is_not_done(folder, tmp_path):
    """Neither what is there from the same photo, models and settings; what failed is tried again."""
    photos = []
    for name in ("a.png", "broken.jpg", "c.png", "d.png"):
        photos.append(str(shutil.copy(folder / name, tmp_path)))

    def resumed(*more):
        """By photo: whether the line is the very one that was there, with its seconds."""
        before = written(folder, "again", "0-3")
        done = match(folder, "again", "--slice", "0-3", "--resume", *more, photos=photos)
        now = written(folder, "again", "0-3")
        assert [json.loads(line)["photo"] for line in now] == photos and done.returncode == 1
        assert not list((folder / "again").glob("*before*"))
        return [line in before for line in now]

    match(folder, "again", "--slice", "0-3", photos=photos)
    assert resumed() == [True, False, True, True]
    path = folder / "again" / "results.0-3.jsonl"
    path.write_text(path.read_text()[:-30])  # stopped while the last one was written
    (folder / "again" / "c_overlay.png").unlink()
    shutil.copy(folder / "e.png", photos[0])
    assert resumed() == [False, False, False, False]
    assert resumed("--candidates", "2") == [False, False, False, False]
    kept = path.read_text().splitlines()
    path.rename(path.with_name("results.0-3.before.jsonl"))  # stopped before the first line of a resumed slice
    path.write_text("")
    match(folder, "again", "--slice", "0-3", "--resume", "--candidates", "2", photos=photos)
    assert [line in kept for line in written(folder, "again", "0-3")] == [True, False, True, True]
    assert match(folder, "again", "--resume", "--candidates", "2", photos=photos).returncode == 1
    assert [json.dumps(line) in kept for line in lines(folder, "again")] == [True, False, True, True]
    cameras, _width = cameras_of(folder / "again/matched.blend")
    assert {os.path.basename(photo) for photo in cameras} == {"a.png", "c.png", "d.png"}


def test_what_is_done_is_known_from_all_slices_that_share_photos(tmp_path):
    """And stays known when the process ends between emptying the slice's file and writing it anew."""
    for name, marks in {"0-2": "abc", "2-4": "d", "7-9": "e"}.items():
        told = [{"status": "ok", "fingerprint": mark} for mark in marks] + [{"status": "error", "fingerprint": "z"}]
        (tmp_path / f"results.{name}.jsonl").write_text("".join(json.dumps(line) + "\n" for line in told))
    done = resume.done_before(tmp_path, "0-2", range(3))
    assert "".join(sorted(done)) == "abcd"
    (tmp_path / "results.0-2.jsonl").write_text("")
    assert resume.done_before(tmp_path, "0-2", range(3)) == done
    assert "".join(sorted(resume.done_before(tmp_path, None, range(10)))) == "de"


def test_prepare_fills_the_cache_and_goes_on(folder, tmp_path):
    models = tmp_path / "models"
    shutil.copytree(folder / "models", models)
    (models / "broken.ply").write_text("no ply")
    two_cones(models / "two.blend")
    views = ("--views", "17", "--stands", "upright", "--up-axis", "z")
    prepare = ("prepare", "--model", str(models), *views, "--cache", str(tmp_path / "cache"))
    # In order: Long.obj, broken.ply, tall.obj, two.blend with two models, wedge.obj
    counts = []
    for part, status in (("0", 0), ("1-3", 1), ("4", 0)):
        done = batch(folder, *prepare, "--slice", part)
        assert done.returncode == status, done.stderr
        assert said(done) == ['Model file "broken.ply" cannot be read.'] * status
        counts.append(len([*(tmp_path / "cache").glob("*.npz")]))
    assert counts == [1, 4, 5]
    before = {path: path.stat().st_mtime_ns for path in (tmp_path / "cache").iterdir()}
    given = ("--model", str(models), "--up-axis", "z", "--photo", "a.png", *QUICK, "--cache", str(tmp_path / "cache"))
    done = batch(folder, *given, "--out", str(tmp_path / "out"))
    assert (done.returncode, said(done)) == (0, ['Model file "broken.ply" cannot be read.'])
    assert before == {path: path.stat().st_mtime_ns for path in (tmp_path / "cache").iterdir()}


def farm(folder, job, *words):
    """The command in this process, whose exit status it gives."""
    bpy.ops.wm.read_homefile(use_factory_startup=True, use_empty=True)
    before = os.getcwd()
    os.chdir(folder)
    try:
        return main(["farm", "--out", job, *words], with_blend=True)
    finally:
        os.chdir(before)


@pytest.fixture(scope="module")
def job(folder):
    """A job of two tasks of models and three of photos."""
    sizes = ("--models-per-task", "2", "--photos-per-task", "2")
    assert (
        farm(folder, "a job", *sizes, "match", "--model", "models", "--photo", *PHOTOS, "--out", "out", *VERIFIED) == 0
    )
    return folder / "a job"


def parameters(job):
    """Paths of parameter_values.yaml."""
    found = re.findall(r'name: (\w+)\n +value: (".*")', (job / "parameter_values.yaml").read_text())
    return {name: json.loads(value) for name, value in found}


def test_yaml_says_what_it_is_given():
    told = {"a": {"b": [1, "two words", {"c": "on", "d": []}], "e": {}}, "f": [["CHUNK[INT]", "-b"], "x"], "g": "é\\:"}
    assert yaml_text(told) == (
        'a:\n  b:\n    - 1\n    - "two words"\n    - c: "on"\n      d: []\n  e: {}\n'
        'f:\n  - - "CHUNK[INT]"\n    - "-b"\n  - x\ng: "é\\\\:"\n'
    )


def test_a_job_names_its_paths_as_parameters_only(folder, job):
    """So that its host can map all of them, spaces and all; photos.jsonl is right wherever it lies beside them."""
    paths = {
        "Extension": "",
        "Model": "models",
        "Cache": "out/training_views",
        "Out": "out",
        "Jobs": "a job/photos.jsonl",
    }
    told = parameters(job)
    assert {name: told[name] for name in paths if name != "Extension"} == {
        name: str(folder / path) for name, path in paths.items() if path
    }
    assert (Path(told["Extension"]) / "batch.py").is_file() and told.keys() == paths.keys()
    template = (job / "template.yaml").read_text()
    assert str(folder) not in template and told["Extension"] not in template.replace(sys.executable, "")
    flows = dict(re.findall(r"- name: (\w+)\n +type: PATH\n +objectType: (\w+\n +dataFlow: \w+)", template))
    flows = {name: tuple(re.findall(r"[A-Z]{2,}", flow)) for name, flow in flows.items()}
    folders = {name: ("DIRECTORY", "IN") for name in ("Extension", "Model")}
    made = {name: ("DIRECTORY", "OUT") for name in ("Cache", "Out")}
    assert flows == folders | made | {"Jobs": ("FILE", "IN")}
    photos = [json.loads(line)["photo"] for line in (job / "photos.jsonl").read_text().splitlines()]
    assert photos == [f"../{name}" for name in PHOTOS]
    assets = (job / "asset_references.yaml").read_text()
    assert all(f'- "{folder / name}"\n' in assets for name in (*PHOTOS, "out", "out/training_views"))


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        ((), "Say what the farm is to do, match, prepare or library"),
        (("which", "--model", "models"), "Say what the farm is to do, match, prepare or library"),
        (("match", "--model", "models", "--out", "out"), "One of the arguments --photo --jobs is required."),
        (("match", "--model", "none", "--photo", "a.png", "--out", "out"), 'Model file "none" does not exist.'),
        (("prepare", "--model", "models"), "Give prepare a --cache that every machine"),
        (
            ("prepare", "--model", *["models"] * 41, "--cache", "c"),
            "A farm's job has room for 40 paths: give --model a",
        ),
    ],
)
def test_bad_jobs(folder, tmp_path, capsys, words, sentence):
    assert farm(folder, str(tmp_path / "job"), *words) == 2
    assert capsys.readouterr().err.startswith(f"photo_pose: {sentence}")
    assert not list(tmp_path.glob("job/*.yaml"))


def test_the_models_of_a_scene_are_prepared_one_by_one(folder, tmp_path):
    scene = two_cones(tmp_path / "two.blend")
    words = ("prepare", "--blend", str(scene), "--cache", "views", "--stands", "any_way")
    assert farm(folder, str(tmp_path / "job"), *words) == 0
    told = parameters(tmp_path / "job")
    assert (told["Blend"], told["Cache"]) == (str(scene), str(folder / "views"))
    template = (tmp_path / "job/template.yaml").read_text()
    assert '- name: Models\n    type: STRING\n    default: "0-1"\n' in template and "Match" not in template
    assert '- "--blend"\n            - "{{Param.Blend}}"\n' in template and "any_way" in template


STUB = """
const author = {
    Task: (name, type) => ({
        name, type, commands: [], before: [],
        addCommand(command) { this.commands.push(command); },
        addDependency(task) { this.before.push(task.name); },
    }),
    Command: (name, parameters) => ({ name, ...parameters }),
};
function frameChunker(range, size) {
    const [first, last] = range.split("-").map(Number), chunks = [];
    for (let begin = first; begin <= last; begin += size) {
        const end = Math.min(begin + size - 1, last);
        chunks.push(begin == end ? `${begin}` : `${begin}-${end}`);
    }
    return chunks;
}
"""
COMPILED = """
const job = { tasks: [], settings: {}, addTask(task) { this.tasks.push(task); } };
for (const setting of JOB_TYPE.settings) job.settings[setting.key] = setting.default;
compileJob(job);
console.log(JSON.stringify(job.tasks));
"""


@pytest.mark.skipif(NODE is None, reason="there is no node")
def test_flamenco_s_tasks_are_commands_that_there_are(job):
    script = STUB + (job / "photo_pose.js").read_text() + COMPILED
    done = subprocess.run([NODE, "-"], input=script, capture_output=True, text=True, check=True, timeout=60)
    tasks = json.loads(done.stdout)
    prepare, match = ["Prepare 0-1", "Prepare 2"], ["Match 0-1", "Match 2-3", "Match 4-5"]
    assert [task["name"] for task in tasks] == [*prepare, *match, "Gather"]
    assert [task["before"] for task in tasks] == [[], [], prepare, prepare, prepare, match]
    paths = parameters(job)
    for task in tasks:
        (command,) = task["commands"]
        assert (task["type"], command["name"], command["exe"]) == ("blender", "exec", sys.executable)
        script, name, *words = command["args"]
        step, _, part = task["name"].partition(" ")
        assert (script, name) == (f"{paths['Extension']}/batch.py", step.lower())
        given = parser(name, True).parse_args(words)
        assert [str(path) for path in given.model] == [paths["Model"]] and given.exit_zero
        assert (
            getattr(given, "slice", None) == (part or None) and str(getattr(given, "out", paths["Out"])) == paths["Out"]
        )


def started(job, step, *parts):
    """`openjd run` of some of a step's tasks, as a worker has them, and the file into which it talks."""
    tasks = ["--tasks", json.dumps([{"Slice": part} for part in parts])] if parts else []
    told = parameters(job) | {"ModelsPerTask": 3}  # all in one, which starts once
    given = [word for name, value in told.items() for word in ("-p", f"{name}={value}")]
    words = [OPENJD, "run", str(job / "template.yaml"), "--step", step, *given, *tasks]
    log = job / f"{step}{''.join(parts)}.log"
    with log.open("w") as file:
        environment = {**os.environ, "BLENDER_USER_RESOURCES": str(job / "blender")}
        return subprocess.Popen(words, stdout=file, stderr=file, env=environment), log


def finished(process, log):
    assert process.wait(300) == 0, log.read_text()


def once(told):
    """What it gives as soon as that is something."""
    ending = time.monotonic() + 300
    while not (found := told()):
        assert time.monotonic() < ending
        time.sleep(0.01)
    return found


@pytest.mark.skipif(OPENJD is None, reason="there is no openjd-cli")
def test_a_farm_makes_what_one_process_makes(folder, job):
    """Two workers at once, one of which loses a task half way, and is given it once more."""
    checked = subprocess.run([OPENJD, "check", job / "template.yaml"], capture_output=True, text=True, timeout=60)
    assert checked.returncode == 0, checked.stdout
    finished(*started(job, "Prepare"))
    views = {path: path.stat().st_mtime_ns for path in (folder / "out/training_views").glob("*.npz")}
    assert len(views) == 3

    lost, log = started(job, "Match", "0-1", "2-3")
    other = started(job, "Match", "4-5")
    (pid,) = once(lambda: re.findall(r"Command started as pid: (\d+)", log.read_text()))
    results = folder / "out/results.0-1.jsonl"
    once(lambda: results.is_file() and results.read_text().count("\n") == 1)
    os.killpg(int(pid), signal.SIGKILL)
    assert lost.wait(60) != 0 and not (folder / "out/results.2-3.jsonl").exists()
    (before,) = results.read_text().splitlines()
    finished(*started(job, "Match", "0-1", "2-3"))
    finished(*other)
    assert results.read_text().splitlines()[0] == before  # which was not matched again, as its seconds tell
    finished(*started(job, "Gather"))

    given = ("--model", "models", "--jobs", str(job / "photos.jsonl"), "--cache", "out/training_views", *VERIFIED)
    assert batch(folder, *given, "--out", "alone").returncode == 1
    assert untimed(lines(folder, "out")) == untimed(lines(folder, "alone"))
    assert [line["status"] for line in lines(folder, "out")] == ["ok", "ok", "error", "ok", "ok", "ok"]
    assert cameras_of(folder / "out/matched.blend") == cameras_of(folder / "alone/matched.blend")
    assert views == {path: path.stat().st_mtime_ns for path in (folder / "out/training_views").glob("*.npz")}


@pytest.mark.skipif(OPENJD is None, reason="there is no openjd-cli")
def test_a_farm_makes_a_library(folder):
    """Two workers at once, one of which is killed in its first model; what is lost is made by another."""
    given = ("library", "--out", "of a farm", "--model", "models", "--views", "17")
    assert farm(folder, "library job", "--models-per-task", "2", *given) == 0
    job = folder / "library job"
    checked = subprocess.run([OPENJD, "check", job / "template.yaml"], capture_output=True, text=True, timeout=60)
    assert checked.returncode == 0, checked.stdout
    lost, log = started(job, "Library", "0-1")
    other = started(job, "Library", "2-2")
    (pid,) = once(lambda: re.findall(r"Command started as pid: (\d+)", log.read_text()))
    once(lambda: list((folder / "of a farm/views").glob("*")))
    os.killpg(int(pid), signal.SIGKILL)
    assert lost.wait(60) != 0
    finished(*other)
    finished(*started(job, "Library", "0-1"))
    finished(*started(job, "Gather"))
    done = batch(folder, "library", "--out", "of a farm")
    assert done.stdout.endswith("0 made, 3 as they were, 0 removed, 0 failed.\n")
    assert batch(folder, "library", "--out", "of one", "--model", "models", "--views", "17").returncode == 0
    made, alone = (read_index(folder / name) for name in ("of a farm", "of one"))
    assert [model.key for model in made.models] == [model.key for model in alone.models]
    assert len(made.pieces) == 1 and made.pieces[0].path.parent == folder / "of a farm"
    rows = [next(index.pieces[0].blocks()) for index in (made, alone)]
    np.testing.assert_allclose(*rows, atol=1e-5)
