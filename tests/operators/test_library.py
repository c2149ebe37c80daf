"""A library is made, mended and searched by commands: what it has it keeps, whatever happens to the rest."""

import json
import os
import shutil
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest

bpy = pytest.importorskip("bpy")

from blend_files import fresh, saved  # noqa: E402
from blender_state import differences, snapshot  # noqa: E402
from full_disk import full_disk  # noqa: E402
from PIL import Image  # noqa: E402
from suzanne import add_monkey, box, photographed  # noqa: E402
from test_headless import COLORS, ROOT, WEDGE  # noqa: E402

from photo_pose.batch import main  # noqa: E402
from photo_pose.inference.library.index import read_index  # noqa: E402
from photo_pose.inference.library.records import read_record, record_paths, views_of  # noqa: E402
from photo_pose.operators.library.update import found_in, update  # noqa: E402

BAD = 'Model file "bad.ply" cannot be read.'
OPTIONS = ("--lens", "45", "--stands", "upright")


def wedge(path, scale=(1, 1, 1), colors=COLORS):
    """A model file with materials of its own."""
    vertices = [line for line in WEDGE.splitlines() if line.startswith("v ")]
    scaled = [f"v {' '.join(map(str, np.multiply(scale, [float(x) for x in v.split()[1:]])))}" for v in vertices]
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(WEDGE.replace("\n".join(vertices), "\n".join(scaled)).replace("wedge.mtl", f"{path.stem}.mtl"))
    path.with_suffix(".mtl").write_text("".join(f"newmtl {name}\nKd {color}\n" for name, color in colors.items()))
    return path


@pytest.fixture(scope="module")
def source(tmp_path_factory):
    """A folder of models and a library of it; a photo of one of them."""
    folder = tmp_path_factory.mktemp("source")
    wedge(folder / "models" / "flat" / "wedge.obj")
    wedge(folder / "models" / "flat" / "long.obj", (3, 1, 0.6))
    wedge(folder / "models" / "Tall.obj", (0.5, 2.5, 1))
    (folder / "models" / "bad.ply").write_text("no ply")
    (folder / "models" / "LICENSE.txt").write_text("CC0")
    fresh()
    monkey = add_monkey()
    photographed(monkey, folder / "monkey.png")
    (folder / "box.json").write_text(json.dumps(box(monkey)))
    saved(folder / "models" / "monkey.blend")
    assert library(folder, "--model", folder / "models", "--views", "17") == 1
    return folder


@pytest.fixture
def folder(source, tmp_path):
    """A copy of all that, as old as that is."""
    shutil.copytree(source / "models", tmp_path / "models")
    shutil.copytree(source / "library", tmp_path / "library")
    return tmp_path


def library(folder, *arguments):
    fresh()
    return main(["library", "--out", str(folder / "library"), *map(str, arguments)], with_blend=True)


def which(folder, source, *arguments):
    fresh()
    framed = ("--box", *map(str, json.loads((source / "box.json").read_text())))
    where = ("--library", folder / "library", "--photo", source / "monkey.png", "--out", folder / "out")
    return main(["which", *map(str, where), *framed, *OPTIONS, *arguments], with_blend=True)


def times(folder):
    return {path: path.stat().st_mtime_ns for path in (folder / "library").rglob("*") if path.is_file()}


def changed(folder, before):
    """Of whose models something was written or removed, since before; the index of all is no model's."""
    after = times(folder)
    paths = {path for path in before.keys() | after.keys() if before.get(path) != after.get(path)}
    return {path for path in paths if path.parent != folder / "library"}


def records(folder):
    found = [read_record(Path(entry.path)) for entry in record_paths(folder / "library")]
    return {Path(record.file).name: record for record in found}


def own_files(folder, name):
    """All that belongs to the record of a model file."""
    record = records(folder)[name]
    made = {(folder / "library" / path).resolve() for path, *_ in record.made}
    sheets = {path.with_suffix(".png") for path in made if path.parent.name == "views"}
    return made | sheets | {folder / "library" / "records" / f"{record.id}.json"}


def told(capsys):
    done = capsys.readouterr()
    return [line.removeprefix("photo_pose: ") for line in done.err.splitlines()], done.out.strip().rpartition(": ")[2]


def content(folder):
    """What a search finds: names, places and descriptors of all models."""
    index = read_index(folder / "library")
    rows = np.concatenate([block for piece in index.pieces for block in piece.blocks()])
    return [(one.name, one.file, one.count, *one.sphere.center, *one.place.flat) for one in index.models], rows


def test_what_a_library_has(source):
    found = records(source)
    assert {name: [model.name for model in record.models] for name, record in found.items()} == {
        "wedge.obj": ["wedge"],
        "long.obj": ["long"],
        "Tall.obj": ["Tall"],
        "monkey.blend": ["Suzanne"],
        "bad.ply": [],
    }
    assert found["bad.ply"].error == BAD
    assert found["Tall.obj"].models[0].licence.licence == "LICENSE.txt"
    assert {Path(path).name for path, *_ in found["Tall.obj"].made_from} == {"Tall.obj", "Tall.mtl"}
    for record in found.values():
        for model in record.models:
            with Image.open(source / "library" / "thumbnails" / f"{model.views}.png") as picture:
                assert picture.size == (224, 224) and len(np.unique(picture.convert("L"))) > 2
    assert views_of(source / "library").subdivisions == 1
    assert not [path for path in (source / "library").rglob("*") if "@" in path.name]
    names, rows = content(source)
    assert len(names) == 4 and len(rows) == 4 * 17


def test_what_is_there_is_not_made_again(folder, source, capsys):
    before = times(folder)
    for arguments in ((), ("--model", folder / "models"), ("--views", "17")):
        assert library(folder, *arguments) == 1
        assert told(capsys) == ([BAD], "1 made, 4 as they were, 0 removed, 1 failed.")
        assert all(path.name.startswith("bad") for path in changed(folder, before))
    assert library(folder, "--exit-zero") == 0
    moved = [(name, *rest) for name, *rest in content(folder)[0]]
    assert moved == [(name, *rest) for name, *rest in content(source)[0]]
    np.testing.assert_array_equal(content(folder)[1], content(source)[1])


def test_one_model_s_change_is_one_model_s(folder, capsys):
    (folder / "models" / "bad.ply").unlink()
    assert library(folder) == 0
    assert told(capsys) == ([], "0 made, 4 as they were, 1 removed, 0 failed.")
    before, own = times(folder), own_files(folder, "long.obj")
    wedge(folder / "models" / "flat" / "long.obj", (3, 1, 0.6), COLORS | {"red": "0 0 0"})  # in its .mtl alone
    assert library(folder) == 0
    assert told(capsys) == ([], "1 made, 3 as they were, 0 removed, 0 failed.")
    assert changed(folder, before) == own | own_files(folder, "long.obj")

    before, own = times(folder), own_files(folder, "wedge.obj")
    (folder / "models" / "flat" / "wedge.obj").unlink()
    wedge(folder / "models" / "new.obj", (1, 3, 1))
    assert library(folder) == 0
    assert told(capsys) == ([], "1 made, 3 as they were, 1 removed, 0 failed.")
    assert changed(folder, before) == own | own_files(folder, "new.obj")
    assert not any(path.exists() for path in own)
    assert sorted(name for name, *_ in content(folder)[0]) == ["Suzanne", "Tall", "long", "new"]


def test_equal_models_share_their_views(folder):
    for suffix in (".obj", ".mtl"):
        text = (folder / "models" / "flat" / f"wedge{suffix}").read_text()
        (folder / "models" / f"twin{suffix}").write_text(text.replace("wedge.mtl", "twin.mtl"))
    library(folder)
    (views,) = {record.models[0].views for name, record in records(folder).items() if name in ("wedge.obj", "twin.obj")}
    (folder / "models" / "flat" / "wedge.obj").unlink()
    library(folder)
    assert (folder / "library" / "views" / f"{views}.npz").exists()
    assert sorted(name for name, *_ in content(folder)[0]) == ["Suzanne", "Tall", "long", "twin"]


DAMAGES = {
    "views cut": ("views", ".npz", lambda data: data[:-500]),
    "views gone": ("views", ".npz", None),
    "views changed": ("views", ".npz", lambda data: data[:5000] + bytes([data[5000] ^ 1]) + data[5001:]),
    "descriptors": ("records", ".npy", lambda data: b""),
    "thumbnail": ("thumbnails", ".png", None),
    "record": ("records", ".json", lambda data: data[:100]),
    "record empty": ("records", ".json", lambda data: b""),
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_what_is_damaged_is_named_and_made_again(folder, source, damage, capsys):
    place, suffix, spoil = DAMAGES[damage]
    own = own_files(folder, "Tall.obj")
    (path,) = (one for one in own if one.parent.name == place and one.suffix == suffix)
    before = times(folder)
    path.unlink() if spoil is None else path.write_bytes(spoil(path.read_bytes()))
    assert library(folder) == 1
    sentence = 'What the library has of "../models/Tall.obj" is damaged and is made again.'
    assert told(capsys) == ([sentence, BAD], "2 made, 3 as they were, 0 removed, 1 failed.")
    assert {one for one in changed(folder, before) if not one.name.startswith("bad")} <= own
    np.testing.assert_allclose(content(folder)[1], content(source)[1], atol=1e-5)


def test_a_damaged_record_of_an_unknown_file_is_named(folder, capsys):
    """What else lies there is nobody's business, and stays."""
    mine = folder / "library" / "records" / "invoice.json"
    for path in (mine, mine.with_name("old-0123456789ab.json")):
        path.write_text("{")
    library(folder)
    sentence = 'Record "old-0123456789ab" of the library is damaged: say where its model is, with --model.'
    assert told(capsys)[0] == [sentence, BAD] and mine.exists()


def test_a_damaged_record_of_a_single_file_is_known_by_the_index(folder, capsys):
    assert library(folder, "--model", folder / "models" / "Tall.obj") == 0
    (path,) = (folder / "library" / "records").glob("Tall*.json")
    path.write_text("{")
    library(folder)
    assert 'What the library has of "../models/Tall.obj" is damaged and is made again.' in told(capsys)[0]
    assert "Tall" in [name for name, *_ in content(folder)[0]]


def test_a_record_cannot_have_other_files_removed(folder):
    precious = folder / "precious.txt"
    precious.write_text("mine")
    (path,) = (folder / "library" / "records").glob("Tall*.json")
    told = json.loads(path.read_text())
    path.write_text(json.dumps(told | {"made": [*told["made"], ["../precious.txt", 4, 1]]}))
    (folder / "models" / "Tall.obj").unlink()
    library(folder)
    assert precious.read_text() == "mine" and not path.exists()


def test_an_open_model_file_is_not_gone(folder, capsys):
    words = ["library", "--blend", folder / "models" / "monkey.blend", "--out", folder / "library"]
    assert main([*map(str, words)], with_blend=True) == 1
    assert told(capsys)[1] == "1 made, 3 as they were, 0 removed, 1 failed."
    assert "Suzanne" in [name for name, *_ in content(folder)[0]]
    fresh()


def test_a_folder_without_anything_in_it_is_a_disk_that_is_away(folder, capsys):
    for path in (folder / "models" / "flat").iterdir():
        path.unlink()
    library(folder)
    assert told(capsys)[1] == "1 made, 2 as they were, 0 removed, 1 failed."
    (folder / "models" / "flat").rmdir()
    library(folder)
    assert told(capsys)[1] == "1 made, 2 as they were, 2 removed, 1 failed."


def test_what_is_to_be_forgotten_is_gone(folder, capsys):
    shutil.rmtree(folder / "models" / "flat")
    assert library(folder, "--model", folder / "models" / "Tall.obj", "--forget", folder / "models" / "flat") == 0
    assert told(capsys)[1] == "0 made, 1 as they were, 2 removed, 0 failed."
    assert sorted(name for name, *_ in content(folder)[0]) == ["Suzanne", "Tall"]


def test_a_copied_library_is_read_once(folder, source):
    for path in (folder / "library" / "views").iterdir():
        os.utime(path, (10**9, 10**9))
    library(folder)
    before = times(folder)
    library(folder)
    assert all(path.name.startswith("bad") for path in changed(folder, before))
    np.testing.assert_array_equal(content(folder)[1], content(source)[1])


def test_a_model_that_has_changed_since_is_not_taken_for_what_it_was(folder, source, capsys):
    shutil.copy(folder / "models" / "flat" / "wedge.obj", folder / "models" / "Tall.obj")
    assert which(folder, source) == 0
    assert told(capsys)[0] == ['Model "Tall" has changed since the library was made: update the library.']


def test_what_was_interrupted_goes_on(folder, source):
    shutil.rmtree(folder / "library" / "records")
    shutil.rmtree(folder / "library" / "views")
    fresh()
    before = snapshot()
    library_folder = folder / "library"
    found = found_in(library_folder, [folder / "models"], pytest.fail)
    done = []
    steps = update(
        library_folder, found, views_of(library_folder), done=lambda *told: done.append(told), warn=pytest.fail
    )
    with closing(steps):
        for _step in steps:
            if len(done) == 2 and len(list((library_folder / "views").iterdir())) == 2:
                break
    for _step in steps:
        pytest.fail("it is closed")
    assert not differences(before, snapshot())
    kept = times(folder)
    assert library(folder) == 1
    assert not {path for path in changed(folder, kept) if path in kept and not path.name.startswith("bad")}
    np.testing.assert_allclose(content(folder)[1], content(source)[1], atol=1e-5)


def test_slices_and_a_last_run_make_what_one_makes(folder, source, capsys):
    shutil.rmtree(folder / "library")
    given = ("--model", folder / "models", "--views", "17", "--exit-zero")
    for part in ("3-4", "0-1", "2"):
        assert library(folder, *given, "--slice", part) == 0
        assert not (folder / "library" / "index.json").exists()
    capsys.readouterr()
    before = times(folder)
    assert library(folder, *given) == 0
    assert told(capsys)[1] == "1 made, 4 as they were, 0 removed, 1 failed."
    assert all(path.name.startswith("bad") for path in changed(folder, before))
    assert content(folder)[0] == content(source)[0]
    np.testing.assert_allclose(content(folder)[1], content(source)[1], atol=1e-5)


def test_two_at_once(folder, source):
    shutil.rmtree(folder / "library")
    words = ["library", "--out", "library", "--model", "models", "--views", "17", "--exit-zero", "--threads", "1"]
    environment = {**os.environ, "BLENDER_USER_RESOURCES": str(folder / "blender")}
    command = [sys.executable, str(ROOT / "batch.py"), *words]
    both = [subprocess.Popen(command, cwd=folder, env=environment, stderr=subprocess.PIPE, text=True) for _ in range(2)]
    for one in both:
        assert [line for line in one.communicate(timeout=300)[1].splitlines() if BAD not in line] == []
        assert one.returncode == 0
    assert not [path for path in (folder / "library").rglob("*") if "@" in path.name]
    assert content(folder)[0] == content(source)[0]
    np.testing.assert_allclose(content(folder)[1], content(source)[1], atol=1e-5)


@pytest.mark.parametrize("room", [0, 3000, 300_000])
def test_a_full_disk(folder, source, room, capsys):
    wedge(folder / "models" / "a.obj", (1, 3, 1))
    with full_disk(room):
        assert library(folder) == 2
    (sentence,) = [line for line in told(capsys)[0] if line != BAD]
    assert "cannot be written (File too large)" in sentence
    assert not [path for path in (folder / "library").rglob("*") if "@" in path.name]
    assert sorted({"Suzanne", "Tall", "long", "wedge"} - {name for name, *_ in content(folder)[0]}) == []
    assert library(folder, "--exit-zero") == 0
    assert sorted(name for name, *_ in content(folder)[0]) == ["Suzanne", "Tall", "a", "long", "wedge"]


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"format": 99}, "is of another version of Photo Pose: make a new one."),
        ({"network": "inception_v3"}, "was made by another network: make a new one."),
        ({"format": None}, "is of another version of Photo Pose: make a new one."),
        (None, "is damaged: make a new library."),
    ],
)
def test_libraries_that_cannot_be_gone_on_with(folder, source, change, sentence, capsys):
    path = folder / "library" / "library.json"
    path.write_text("{" if change is None else json.dumps(json.loads(path.read_text()) | change))
    before = times(folder)
    assert library(folder) == which(folder, source) == 2
    (said, again), _out = told(capsys)
    assert said.endswith(sentence) and again == said
    assert times(folder) == before


def test_what_cannot_be_a_library(folder, source, capsys):
    assert library(folder, "--model", folder / "models" / "none.obj") == 2
    (folder / "file").write_text("")
    (folder / "nothing").mkdir()
    assert library(folder, "--model", folder / "nothing") == 2
    assert library(folder, "--views", "300") == 2
    assert main(["library", "--out", str(folder / "file"), "--model", str(folder / "models")], with_blend=True) == 2
    assert main(["library", "--out", str(folder / "new")], with_blend=True) == 2
    assert which(folder / "nothing", source) == 2
    said = told(capsys)[0]
    assert said == [
        f'"{folder}/models/none.obj" does not exist.',
        f'Folder "{folder}/nothing" has no model files (.obj .ply .stl .glb .gltf .fbx .usd .usda .usdc .usdz .blend).',
        f'Library "{folder}/library" has other training views: leave out what says which, or make a new one.',
        f'Library "{folder}/file" cannot be read (Not a directory).',
        f'Library "{folder}/new" has no models yet: say where they are, with --model.',
        f'Folder "{folder}/nothing/library" is no library: make one with the command library.',
    ]
    assert not (folder / "new").exists()
    words = ["library", "--out", str(folder), "--model", str(folder / "models")]
    assert main(words, with_blend=True) == 2
    assert told(capsys)[0] == [f'Folder "{folder}" is no library and has other files in it: choose an empty one.']


def test_a_library_without_its_models_is_one_sentence(folder, source, capsys):
    shutil.rmtree(folder / "models")
    assert which(folder, source) == 1
    (line,) = map(json.loads, (folder / "out" / "ranking.jsonl").read_text().splitlines())
    assert line["error"].endswith("does not exist.") and "unforeseen" not in line["error"]


def test_a_library_has_a_network_of_its_own(folder, source, capsys):
    assert which(folder, source, "--network", "inception_v3") == 2
    assert told(capsys)[0] == ["A library is searched by the network efficientnet_lite0: leave out --network."]


def test_a_disk_that_is_away_takes_nothing_along(folder, source, capsys):
    (folder / "models").rename(folder / "away")
    assert library(folder) == 0
    assert told(capsys) == (
        [f'"{folder}/models" does not exist: what the library has of it stays.'],
        "0 made, 0 as they were, 0 removed, 0 failed.",
    )
    assert content(folder)[0] == content(source)[0]


def test_a_search_finds_the_model_and_changes_nothing(folder, source, capsys):
    before = times(folder)
    fresh()
    state = snapshot()
    assert which(folder, source) == 0
    assert not differences(state, snapshot()) and times(folder) == before
    (line,) = map(json.loads, (folder / "out" / "ranking.jsonl").read_text().splitlines())
    assert [model["model"] for model in line["models"]][0] == "Suzanne" and len(line["models"]) == 4
    best = line["models"][0]
    assert line["known"] and best["score"] > 0.75 and best["file"] == "../models/monkey.blend"
    assert best["azimuth"] == pytest.approx(30, abs=12)  # of suzanne.TRUE
    assert (folder / "out" / "monkey_overlay.png").exists()


def test_a_model_that_vanished_is_named_and_the_rest_goes_on(folder, source, capsys):
    (folder / "models" / "monkey.blend").unlink()
    (folder / "library" / "views" / f"{records(folder)['Tall.obj'].models[0].views}.npz").unlink()
    assert which(folder, source) == 0
    (line,) = map(json.loads, (folder / "out" / "ranking.jsonl").read_text().splitlines())
    assert sorted(model["model"] for model in line["models"]) == ["long", "wedge"] and not line["known"]
    assert told(capsys)[0] == [
        'Model "Tall" of the library is damaged and left out: update the library.',
        f'Model file "{folder}/models/monkey.blend" does not exist.',
    ]


def test_a_library_has_models_of_its_own(folder, source, capsys):
    for more in (["--model", str(folder / "models")], ["--views", "17"], ["--object", "x"]):
        assert which(folder, source, *more) == 2
        assert told(capsys)[0] == [f"A library has models and training views of its own: leave out {more[0]}."]


def test_an_empty_library(tmp_path, source, capsys):
    (tmp_path / "models").mkdir()
    (tmp_path / "models" / "bad.ply").write_text("no ply")
    assert library(tmp_path, "--model", tmp_path / "models") == 1
    capsys.readouterr()
    assert which(tmp_path, source) == 2
    assert told(capsys)[0] == [f'Library "{tmp_path}/library" has no models.']
