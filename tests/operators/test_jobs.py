"""Lines of a jobs file: whatever is wrong with one of them is said of it, and the others go on."""

import json
from argparse import Namespace

import pytest

pytest.importorskip("bpy")

from photo_pose.batch import parser  # noqa: E402
from photo_pose.inference.errors import PoseError  # noqa: E402
from photo_pose.inference.look import DEFAULT_LOOK  # noqa: E402
from photo_pose.operators.headless.jobs import JOB_KEYS, read_jobs, stands_of, stems_of, view_options  # noqa: E402
from photo_pose.operators.headless.match_command import _result  # noqa: E402
from photo_pose.operators.headless.output import Batch  # noqa: E402
from photo_pose.operators.headless.terminal import Progress  # noqa: E402

GOOD = {"photo": "one.png", "box": [1, 2, 30, 40], "object": ["a", "b"], "lens": 35, "sensor": 24}


def read(path, **options) -> list[dict]:
    return read_jobs(Namespace(**dict.fromkeys(JOB_KEYS) | {"jobs": path, "sensor": 36.0} | options))


def faults(tmp_path, *lines: str) -> list[str | None]:
    """Of lines between two good ones, which stay good."""
    path, good = tmp_path / "jobs.jsonl", json.dumps(GOOD)
    path.write_text("\n".join([good, *lines, good]))
    first, *between, last = read(path)
    assert first == last and first["fault"] is None and first["photo"] == tmp_path / "one.png"
    return [job["fault"] for job in between]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32"])
@pytest.mark.parametrize("ending", ["\n", "\r\n", "\r"])
def test_a_jobs_file_is_read_as_any_system_writes_it(tmp_path, encoding, ending):
    names = ["Stühle.jpg", "椅子.jpg", "line\u2028 \x85.jpg"]
    text = ending.join(json.dumps({"photo": name}, ensure_ascii=False) for name in names) + ending + ending
    (tmp_path / "jobs.jsonl").write_bytes(text.encode(encoding))
    jobs = read(tmp_path / "jobs.jsonl")
    assert [job["photo"] for job in jobs] == [tmp_path / name for name in names]
    assert not any(job["fault"] for job in jobs)


def test_files_of_two_systems_joined(tmp_path):
    path = tmp_path / "jobs.jsonl"
    path.write_bytes(2 * ("\ufeff" + json.dumps(GOOD) + "\r\n").encode())
    assert [job["fault"] for job in read(path)] == [None, None]


def test_a_name_that_is_no_utf_8_names_the_file(tmp_path):
    (tmp_path / "jobs.jsonl").write_bytes(b'{"photo": "caf\xe9.jpg"}\n{"photo": "caf\\udce9.jpg"}')
    assert [bytes(job["photo"])[-8:] for job in read(tmp_path / "jobs.jsonl")] == 2 * [b"caf\xe9.jpg"]


WRONG = {
    "photo": [5, True, [], ["one.png"], {}, ""],
    "mask": [5, False, ["mask.png"], {"file": "mask.png"}, ""],
    "object": [5, True, {}, [5], ["a", None], [], ""],
    "box": ["1 2 3 4", [1, 2, 3], [1, 2, 3, 4, 5], [1, 2, 3, "4"], [1, 2, 3, None], [[1, 2, 3, 4]], 5, {"left": 1}, []],
    "focal": ["500", True, [500], {}, 0, -1, float("nan")],
    "lens": ["35", False, [35], {}, 0, -1],
    "sensor": ["24", True, [24], {}, 0, -1],
    "orthographic": ["true", 1, 0, [True], {}],
    "principal_point": [[1], [1, 2, 3], ["1", "2"], [True, False], "1, 2", 5, {"x": 1, "y": 2}],
}


@pytest.mark.parametrize("key", WRONG)
def test_a_value_of_a_wrong_kind_is_said_of_its_line(tmp_path, key):
    lines = [json.dumps({"photo": "two.png"} | {key: value}) for value in WRONG[key]]
    for number, fault in enumerate(faults(tmp_path, *lines), 2):
        assert f'line {number} of "jobs.jsonl"' in fault.lower() and f'"{key}"' in fault and fault.endswith(".")


@pytest.mark.parametrize(
    ("line", "word"),
    [
        ("{", "not JSON"),
        ("# a comment", "not JSON"),
        ("[1, 2]", "not JSON, one object"),
        ("null", "not JSON, one object"),
        ('"one.png"', "not JSON, one object"),
        ("[" * 100_000, "not JSON"),
        ("{}", '"photo"'),
        ('{"photo": null}', '"photo"'),
        ('{"photo": "two.png", "boxes": [1, 2, 3, 4]}', '"boxes"'),
        ('{"photo": "two.png", "focal": 500, "focal": 600}', '"focal" twice'),
        ('{"photo": "two.png", "focal": 500, "lens": 35}', '"focal" and "lens"'),
        ('{"photo": "two.png", "orthographic": true, "lens": 35}', '"lens" and "orthographic"'),
    ],
)
def test_a_line_that_cannot_be_followed_is_said(tmp_path, line, word):
    (fault,) = faults(tmp_path, line)
    assert fault.startswith('Line 2 of "jobs.jsonl"') and word in fault and fault.endswith(".")


def test_empty_lines_count_but_ask_for_nothing(tmp_path):
    (fault,) = faults(tmp_path, "", "  \t", "{")
    assert fault.startswith("Line 4 ")


@pytest.mark.parametrize(
    "content", [b"", b"\n \n", b"\x89PNG\r\n\x1a\n\xff\0", b'{\n"photo": "one.png"\n}', b"\xff\xfea"]
)
def test_a_file_that_names_no_photo_is_refused(tmp_path, content):
    (tmp_path / "jobs.jsonl").write_bytes(content)
    with pytest.raises(PoseError, match=r'"jobs.jsonl".*\.$'):
        read(tmp_path / "jobs.jsonl")


@pytest.mark.parametrize(
    ("line", "options", "lens"),
    [
        ({}, {"focal": 500.0}, (500, None, 36)),
        ({"lens": 35}, {"focal": 500.0}, (None, 35, 36)),
        ({"focal": 600}, {"lens": 35.0, "sensor": 24.0}, (600, None, 24)),
        ({"focal": 600}, {"focal": 500.0}, (600, None, 36)),
        ({"lens": 35, "sensor": 24}, {"lens": 50.0}, (None, 35, 24)),
        ({"lens": 35}, {"lens": 50.0, "sensor": 24.0}, (None, 35, 24)),
        ({"lens": None, "focal": None}, {"lens": 50.0}, (None, 50, 36)),
        ({"orthographic": True}, {"lens": 50.0}, (None, None, 36)),
        ({"orthographic": False}, {"lens": 50.0}, (None, 50, 36)),
        ({"lens": 35}, {"orthographic": True}, (None, 35, 36)),
        ({}, {"orthographic": True}, (None, None, 36)),
        ({"orthographic": False}, {"orthographic": True}, (None, None, 36)),
    ],
)
def test_what_a_line_says_of_its_lens_beats_the_command(tmp_path, line, options, lens):
    path = tmp_path / "jobs.jsonl"
    path.write_text(json.dumps({"photo": "one.png"} | line))
    (job,) = read(path, **options)
    assert (job["focal"], job["lens"], job["sensor"]) == lens
    said = {"orthographic": not line and options.get("orthographic")} | line
    assert bool(job["orthographic"]) == bool(said["orthographic"])


def test_an_unforeseen_error_of_a_photo_is_its_own(capsys):
    job = dict.fromkeys(JOB_KEYS) | {"photo": 5, "fault": None}  # no reader can have made that
    line = _result(job, "5", Batch(None, [], None, Progress(quiet=True), []), 0.0)
    assert line["status"] == "error" and line["error"].endswith(".") and "Error" in line["error"]
    assert capsys.readouterr().err == f"photo_pose: {line['error']}\n"


def test_photos_of_one_name_have_pictures_of_their_own():
    """Also where the file system takes capital letters for small ones."""
    stems = stems_of(["a/one.png", "b/one.jpg", "c/ONE.png", "one_2.png", None, None])
    assert stems[:4] == ["one", "one_2", "ONE_3", "one_2_2"] and len({stem.lower() for stem in stems}) == 6


@pytest.mark.parametrize(
    "stem", ["x" * 250, "\u00e4" * 120 + "x", "\U0001f98a" * 60, "\udce9" * 250, "\ud800"], ids=range(5)
)
def test_the_longest_names_leave_room_for_those_of_their_pictures(tmp_path, stem):
    stems = stems_of([f"a/{stem}.jpg", f"b/{stem}.jpg", f"c/{stem}.png"])
    assert len(set(stems)) == 3
    for one in stems:
        if "\ud800" not in one:
            (tmp_path / f"{one}_undistorted.png").touch()


@pytest.mark.parametrize("command", ["match", "which"])
@pytest.mark.parametrize(
    ("given", "stands", "sphere"),
    [
        ("", "AUTOMATIC", "UPPER"),
        ("--stands automatic", "AUTOMATIC", "UPPER"),
        ("--stands upright", "UPRIGHT", "UPPER"),
        ("--stands any_way", "ANY_WAY", "FULL"),
        ("--upright", "UPRIGHT", "UPPER"),
        ("--any-roll", "ANY_WAY", "FULL"),
        ("--sphere full", "ANY_WAY", "FULL"),
        ("--sphere upper", "UPRIGHT", "UPPER"),
        ("--upright --sphere full", "UPRIGHT", "FULL"),
        ("--any-roll --sphere upper", "ANY_WAY", "UPPER"),
    ],
)
def test_how_objects_stand_and_from_where_they_are_seen_fit(command, given, stands, sphere):
    """What is not given follows from the other; without either it is as in the panel, found out."""
    options = parser(command, True).parse_args(f"--out here --photo a.jpg {given}".split())
    assert (stands_of(options), view_options(options).sphere) == (stands, sphere)
    assert DEFAULT_LOOK.stands == "AUTOMATIC"
