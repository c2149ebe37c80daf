"""A library on disk: what is written is read again, what is damaged is seen, and a search finds what is most alike."""

import hashlib
import json
import os
import shutil

import made_up
import numpy as np
import pytest

pytest.importorskip("PIL")

from photo_pose.inference.errors import PoseError  # noqa: E402
from photo_pose.inference.geometry import Camera, Sphere, intrinsics, look_at  # noqa: E402
from photo_pose.inference.library import index as indices  # noqa: E402
from photo_pose.inference.library import records, shortlist  # noqa: E402
from photo_pose.inference.library.records import LibraryModel, Licence, Record  # noqa: E402
from photo_pose.inference.steps import finish  # noqa: E402
from photo_pose.inference.views.descriptors import DIMENSIONS, identity  # noqa: E402
from photo_pose.inference.views.retrieval import pooled, unit  # noqa: E402
from photo_pose.inference.views.templates import Templates  # noqa: E402
from photo_pose.inference.views.view_options import ViewOptions  # noqa: E402

LOOKS = {"painted": made_up.render, "twins": made_up.twins, "symmetric": made_up.symmetric, "plain": made_up.plain}
CAMERA = Camera(
    intrinsics(420, (400, 300)), look_at(np.array([1.3, -2.6, 1.2]), np.array([0.1, 0.05, -0.05]), 0.1), (400, 300)
)
SPHERE = Sphere(np.array([5.0, -2, 1]), 3.0)
LICENCE = Licence("Jo", "CC0", "", "ein Würfel")


def described(features):
    """Of made_up's features, which are no network's."""
    maps = pooled(features)
    axes = np.random.default_rng(0).normal(size=(maps.shape[1], DIMENSIONS)).astype(np.float32)
    return unit(maps @ axes)


@pytest.fixture(autouse=True)
def describing(monkeypatch):
    monkeypatch.setattr(indices, "described", described)
    monkeypatch.setattr(shortlist, "described_crops", described)


@pytest.fixture(scope="module")
def views():
    return {name: made_up.templates(render) for name, render in LOOKS.items()}


def stem(name):
    """Of a file of training views."""
    return hashlib.sha256(name.encode()).hexdigest()[:24]


def add(folder, name, templates, number=0):
    """Writes what an update writes for a model file with one model, seen by templates."""
    model = LibraryModel(
        name,
        number,
        SPHERE,
        np.eye(4),
        2 * np.eye(3),
        stem(name),
        len(templates.directions),
        LICENCE,
        f"../{name}.obj",
        "Z",
    )
    record_id = records.record_id(model.file)
    files = [records.views_file(folder, model), records.descriptors_file(folder, record_id)]
    files.append(records.thumbnail_file(folder, model))
    for file in files:
        file.parent.mkdir(parents=True, exist_ok=True)
    with files[0].open("wb") as file:
        templates.save(file)
    np.save(files[1], indices.rows_of(templates))
    files[2].touch()
    source = folder.parent / f"{name}.obj"
    source.write_text(f"# {name}")
    record = Record(
        model.file,
        "..",
        "Z",
        records.stamps(folder, [source]),
        records.stamps(folder, files),
        (model,),
        None,
        identity(),
    )
    records.write_record(folder, record)
    return record


@pytest.fixture
def library(tmp_path, views):
    folder = tmp_path / "library"
    records.write_views_of(folder, ViewOptions(subdivisions=2))
    for name, templates in views.items():
        add(folder, name, templates)
    return folder


def gather(folder):
    finish(indices.write_index(folder))


def rows(index):
    return np.concatenate([block for piece in index.pieces for block in piece.blocks()])


def crops_of(name):
    return made_up.crops_of(CAMERA, made_up.photo_of(CAMERA, LOOKS[name]))


def test_what_is_written_is_read_again(library):
    assert records.views_of(library) == ViewOptions(subdivisions=2)
    (entry,) = (one for one in records.record_paths(library) if one.name.startswith("painted"))
    record = records.read_record(records.record_file(library, entry.name[:-5]))
    model = record.models[0]
    assert (record.file, record.folder, record.up, record.error) == ("../painted.obj", "..", "Z", None)
    assert (model.name, model.licence, model.file, model.up) == ("painted", LICENCE, "../painted.obj", "Z")
    np.testing.assert_array_equal([*model.sphere.center, model.sphere.radius], [5, -2, 1, 3])
    np.testing.assert_array_equal(model.scale, 2 * np.eye(3))
    assert records.is_unchanged(library, record.made_from) and records.is_whole(library, record)


def test_paths_can_be_moved_with_the_library(tmp_path):
    library = tmp_path / "a" / "library"
    beside, away = tmp_path / "a" / "models" / "x.obj", tmp_path / "b" / "x.obj"
    assert records.path_in(library, beside) == "../models/x.obj"
    assert records.path_in(library, away) == away.as_posix()
    for path in (beside, away):
        assert records.path_of(library, records.path_in(library, path)) == path


@pytest.mark.parametrize("gathered", [False, True], ids=["single", "gathered"])
def test_all_models_are_searched_with_or_without_an_index(library, views, gathered):
    if gathered:
        gather(library)
    index = indices.read_index(library)
    assert [model.name for model in index.models] == sorted(LOOKS) and not index.damaged
    np.testing.assert_array_equal(rows(index), np.concatenate([indices.rows_of(views[n]) for n in sorted(LOOKS)]))
    assert len(index.pieces) == (1 if gathered else len(LOOKS))


def test_what_is_newer_than_the_index_is_read_by_itself(library, views):
    gather(library)
    add(library, "painted", views["plain"])  # changed
    add(library, "added", views["twins"])
    records.record_file(library, records.record_id("../twins.obj")).unlink()
    index = indices.read_index(library)
    expected = {"added": "twins", "painted": "plain", "plain": "plain", "symmetric": "symmetric"}
    assert [model.name for model in index.models] == list(expected)
    of_each = [indices.rows_of(views[look]) for look in expected.values()]
    np.testing.assert_array_equal(rows(index), np.concatenate(of_each))
    np.testing.assert_array_equal(index.begins, np.cumsum([0, *map(len, of_each)])[:-1])


@pytest.mark.parametrize("name", ["index.json", "descriptors"])
@pytest.mark.parametrize("damage", ["cut", "gone", "other"])
def test_a_damaged_index_is_not_missed(library, views, name, damage):
    gather(library)
    path = next(library.glob(f"{name}*"))
    if damage == "gone":
        path.unlink()
    else:
        path.write_bytes(path.read_bytes()[:40] if damage == "cut" else b"{}")
    index = indices.read_index(library)
    np.testing.assert_array_equal(rows(index), np.concatenate([indices.rows_of(views[n]) for n in sorted(LOOKS)]))


def test_a_damaged_record_is_named_and_left_out(library):
    path = records.record_file(library, records.record_id("../plain.obj"))
    path.write_text(path.read_text()[:50])
    index = indices.read_index(library)
    assert [model.name for model in index.models] == ["painted", "symmetric", "twins"]
    assert index.damaged == [f'Record "{path.name}" of the library is damaged: update the library.']


def test_descriptors_that_are_searched_stay_for_a_while(library, views):
    gather(library)
    (first,) = library.glob("descriptors.*")
    old, mine = indices.read_index(library), library / "descriptors.mine.npy"
    mine.touch()
    add(library, "added", views["twins"])
    gather(library)
    assert len(rows(old)) == 4 * len(views["plain"].directions) and first.exists()
    for path in (first, mine):
        os.utime(path, (0, 0))
    gather(library)
    assert not first.exists() and mine.exists() and len(list(library.glob("descriptors.*"))) == 2


def test_descriptors_that_are_lost_cost_their_model_only(library):
    records.descriptors_file(library, records.record_id("../plain.obj")).unlink()
    cut = records.descriptors_file(library, records.record_id("../twins.obj"))
    cut.write_bytes(cut.read_bytes()[:-4])
    for _ in range(2):
        index = indices.read_index(library)
        assert [model.name for model in index.models] == ["painted", "symmetric"] and len(index.damaged) == 2
        assert len(rows(index)) > 0
        gather(library)


def test_descriptors_of_another_version_are_not_compared(library):
    for name in ("plain", "twins"):
        path = records.record_file(library, records.record_id(f"../{name}.obj"))
        path.write_text(path.read_text().replace(identity(), "another"))
    index = indices.read_index(library)
    assert [model.name for model in index.models] == ["painted", "symmetric"]
    assert index.damaged == [f'Library "{library}" has models of another version (2): update it.']


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"format": 99}, "is of another version of Photo Pose: make a new one"),
        ({"network": "other"}, "was made by another network: make a new one"),
        ({"sphere": None}, None),
    ],
)
def test_a_library_that_this_version_cannot_search(library, change, sentence):
    path = library / "library.json"
    told = json.loads(path.read_text()) | change
    if sentence is None:
        del told["sphere"]
        sentence = "is damaged"
    path.write_text(json.dumps(told))
    with pytest.raises(PoseError, match=sentence):
        indices.read_index(library)


def test_a_folder_that_is_no_library(tmp_path):
    with pytest.raises(PoseError, match="is no library"):
        indices.read_index(tmp_path)
    records.write_views_of(tmp_path, ViewOptions())
    with pytest.raises(PoseError, match="has no models"):
        indices.read_index(tmp_path)


def test_what_was_made_is_whole_or_not(library):
    record = records.read_record(records.record_file(library, records.record_id("../plain.obj")))
    views = records.views_file(library, record.models[0])
    os.utime(views, ns=(0, 0))  # copied, and whole
    assert records.is_whole(library, record)
    data = bytearray(views.read_bytes())
    data[len(data) // 2] ^= 1
    views.write_bytes(data)
    assert not records.is_whole(library, record)
    views.write_bytes(data[:-100])
    assert not records.is_whole(library, record)
    views.unlink()
    assert not records.is_whole(library, record)


def test_some_views_are_those_of_all(library, views):
    path = next((library / "views").glob(f"{stem('painted')}*"))
    some = Templates.some_of(path, np.array([3, 7]))
    for name in ("directions", "features", "coverage", "points", "K"):
        np.testing.assert_array_equal(getattr(some, name), getattr(views["painted"], name)[[3, 7]])
    np.testing.assert_array_equal(some.outline, views["painted"].outline)


@pytest.mark.parametrize("name", LOOKS)
def test_the_most_alike_come_first(library, views, name, monkeypatch):
    monkeypatch.setattr(indices, "BLOCK", 10)  # several blocks a model
    index, crops = indices.read_index(library), crops_of(name)
    found = finish(shortlist.shortlist(crops, index, 3))
    photo = described(finish(crops.compute([crops.upright])))
    best, aspect = {}, np.log(crops.box.width / crops.box.height)
    for look, templates in views.items():
        own = indices.rows_of(templates)
        misfit = np.minimum(np.abs(own[:, DIMENSIONS] - aspect), 1)
        best[look] = (own[:, :DIMENSIONS] @ photo.T).max(1) - shortlist.ASPECT_WEIGHT * misfit
    order = sorted(best, key=lambda look: -best[look].max())
    assert [one.model.name for one in found] == order[:3]
    assert name == order[0]
    np.testing.assert_allclose([one.likeness for one in found], [best[n].max() for n in order[:3]], rtol=1e-5)
    np.testing.assert_array_equal(found[0].views, np.sort(np.argsort(-best[name])[: shortlist.VIEWS]))


def test_damaged_views_are_named_and_left_out(library):
    next((library / "views").glob(f"{stem('twins')}*")).write_bytes(b"PK")
    next((library / "views").glob(f"{stem('plain')}*")).unlink()
    index = indices.read_index(library)
    chosen = finish(shortlist.shortlist(crops_of("painted"), index))
    targets, damaged = shortlist.shortlisted_targets(index, chosen)
    assert sorted(target.name.partition(":")[0] for target in targets) == ["../painted.obj", "../symmetric.obj"]
    told = {
        f'Model "{name}" of the library is damaged and left out: update the library.' for name in ("twins", "plain")
    }
    assert set(damaged) == told
    shutil.rmtree(library / "views")
    with pytest.raises(PoseError, match="is damaged and left out"):
        shortlist.shortlisted_targets(index, chosen)
