"""The aligner's training: its pairs are as they say, by rays instead of the rasteriser; it learns, and goes on."""

from __future__ import annotations

import json
import shutil
import sys
from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch")
if shutil.which("g++") is None:
    pytest.skip("the pairs are drawn by C++", allow_module_level=True)
sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from torch.nn import functional

from benchmark import train_aligner
from benchmark.aligner_pairs.judging import losses, measures
from benchmark.aligner_pairs.labels import label
from benchmark.aligner_pairs.mesh_pack import MeshPack, PackWriter
from benchmark.aligner_pairs.obj_reader import mesh_of
from benchmark.aligner_pairs.rasteriser import OBJECT, OTHER
from benchmark.aligner_pairs.scenes import Pairs, Scenes
from benchmark.aligner_pairs.sources import add_solids
from inference.networks.aligner import UNIT, Stages
from inference.networks.loading import bundled
from inference.networks.torch_layers import TorchLayers

PAIRS, RAYS = 16, 60  # of each pair
DEPTH = 0.03  # within which a point is on a surface: the kernels' own


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    """With a pack of ten solids, of which one is held out."""
    folder, random, writer = tmp_path_factory.mktemp("aligner"), np.random.default_rng(0), PackWriter()
    for kind in ("photos", "prints", "floors"):
        for _ in range(4):
            writer.add_picture(kind, label(random, (128, 128), []), 128)
    add_solids(writer, 10, random, [])
    writer.save(folder / "pack.npz")
    return folder


@pytest.fixture(scope="module")
def pack(folder) -> MeshPack:
    return MeshPack(folder / "pack.npz", "cpu")


@pytest.fixture(scope="module")
def pairs(pack) -> Pairs:
    return Scenes(pack).pairs(PAIRS, (1, 2))


def triangles(pack: MeshPack, model: int, to_camera: np.ndarray) -> np.ndarray:
    """(F, 3, 3) in axes into which to_camera (3, 4) takes the model's."""
    first, count = int(pack.first_face[model]), int(pack.faces[model])
    corners = pack.vertices[pack.words["faces"][first : first + count, :3].long()].double().numpy()
    return corners @ to_camera[:, :3].T + to_camera[:, 3]


def depth_along(ray: np.ndarray, corners: np.ndarray) -> float:
    """How many times the ray (3,) from the origin it is to the nearest triangle; infinity where there is none."""
    a, b, c = corners.transpose(1, 0, 2)
    across = np.cross(ray, c - a)
    determinant = (across * (b - a)).sum(1)
    with np.errstate(divide="ignore", invalid="ignore"):
        u = -(across * a).sum(1) / determinant
        turned = np.cross(-a, b - a)
        v = (turned @ ray) / determinant
        far = (turned * (c - a)).sum(1) / determinant
    hit = (u >= 0) & (v >= 0) & (u + v <= 1) & (far > 0)
    return far[hit].min(initial=np.inf)


def shown(pack: MeshPack, pairs: Pairs, image: int, place: np.ndarray) -> tuple[float, int | None]:
    """Depth and kind of what a pixel (2,) of a photo shows."""
    truth = pairs.truth
    ray = np.linalg.solve(truth.K[image].double().numpy(), [*place, 1.0])
    seen = (np.inf, None)
    for draw in np.flatnonzero(truth.images == image):
        view = truth.views[draw].double().numpy()
        depth = depth_along(ray, triangles(pack, truth.models[draw], view))
        seen = min(seen, (depth, int(truth.kinds[draw])), key=lambda one: one[0])
    return seen


def some_cells(of: torch.Tensor, image: int) -> np.ndarray:
    """Rows and columns (N, 2) of at most RAYS cells where something (B, n, n) is true."""
    cells = (of[image] > 0).nonzero().numpy()
    return cells[np.random.default_rng(image).permutation(len(cells))[:RAYS]]


def test_flow_leads_to_where_the_photo_s_camera_sees_the_same_point(pack, pairs):
    """That point is found by a ray of the rendering's camera."""
    errors, truth = [], pairs.truth
    for image in range(PAIRS):
        projection = truth.rendering[image].double().numpy()
        for row, column in some_cells(pairs.ok, image):
            place, target = (some[image, :, row, column].double().numpy() for some in (pairs.place, pairs.target))
            assert (4 * np.array([column, row]) < place).all() and (place < 4 * np.array([column, row]) + 4).all()
            M = projection[:, :3]
            eye, ray = -np.linalg.solve(M, projection[:, 3]), np.linalg.solve(M, [*place, 1.0])
            depth = depth_along(ray, triangles(pack, truth.models[image], np.column_stack([np.eye(3), -eye])))
            point = eye + depth * ray
            view = truth.views[image].double().numpy()
            x, y, z = truth.K[image].double().numpy() @ (view[:, :3] @ point + view[:, 3])
            errors.append(np.linalg.norm(np.array([x / z, y / z]) - target))
    assert len(errors) > 500
    assert np.quantile(errors, 0.99) < 0.02  # px; the others lie on an edge of two faces
    assert pairs.flow.norm(dim=1)[pairs.ok > 0].mean() > 2


def test_visible_is_what_a_ray_of_the_photo_s_camera_meets_first(pack, pairs):
    told = {"seen": [], "hidden by others": [], "hidden by itself": []}
    for image in np.flatnonzero(~pairs.truth.differs.numpy()):
        projection = pairs.truth.rendering[image].double().numpy()
        for row, column in some_cells(pairs.ok, image):
            place, target = (some[image, :, row, column].double().numpy() for some in (pairs.place, pairs.target))
            eye = -np.linalg.solve(projection[:, :3], projection[:, 3])
            ray = np.linalg.solve(projection[:, :3], [*place, 1.0])
            model = triangles(pack, pairs.truth.models[image], np.column_stack([np.eye(3), -eye]))
            view = pairs.truth.views[image].double().numpy()
            depth = (view[:, :3] @ (eye + depth_along(ray, model) * ray) + view[:, 3])[2]
            first, kind = shown(pack, pairs, image, target)
            x, y = (target / 2).astype(int).clip(0, 111)
            in_picture = (target > 0).all() and (target < 224).all() and pairs.inside[image, 0, y, x] > 0.5
            if in_picture and np.isfinite(first):
                hidden = "hidden by itself" if first < depth - 2 * DEPTH else "seen"
                told[hidden if kind == OBJECT else "hidden by others"].append(float(pairs.visible[image, row, column]))
            elif not in_picture:
                assert not pairs.visible[image, row, column]
    seen, by_others, by_itself = told.values()
    assert len(seen) > 500 and np.mean(seen) > 0.98
    assert len(by_others) > 10 and np.mean(by_others) < 0.3  # those that are told as seen lie beside an outline
    assert len(by_itself) > 5 and np.mean(by_itself) < 0.3


def test_masks_are_what_rays_meet(pack, pairs):
    random, right = np.random.default_rng(0), {"seen": [], "whole": []}
    for image in np.flatnonzero(~pairs.truth.differs.numpy()):
        view, K = pairs.truth.views[image].double().numpy(), pairs.truth.K[image].double().numpy()
        model = triangles(pack, pairs.truth.models[image], view)
        for row, column in random.integers(0, 112, (RAYS, 2)):
            seen, whole = pairs.masks[image, :, row, column].tolist()
            place = 2 * np.array([column, row]) + 1.0
            hit = np.isfinite(depth_along(np.linalg.solve(K, [*place, 1.0]), model))
            if whole in (0, 1):  # not on the outline
                right["whole"].append(hit == bool(whole))
            if seen in (0, 1) and pairs.inside[image, 0, row, column] == 1:
                _, kind = shown(pack, pairs, image, place)
                right["seen"].append((kind == OBJECT) == bool(seen))
    assert all(len(some) > 300 and np.mean(some) > 0.99 for some in right.values())
    assert (pairs.masks[:, 1] > pairs.masks[:, 0] + 0.5).any() and OTHER in pairs.truth.kinds


def test_photos_and_renderings_are_pictures_of_the_same_thing_and_not_the_same(pairs):
    assert pairs.images.min() >= 0 and pairs.images.max() <= 1
    assert torch.isfinite(pairs.images).all()
    white = (pairs.rendering == 1).all(1, keepdim=True)
    assert white[pairs.alpha == 0].all() and not white[pairs.alpha == 1].all()
    assert (pairs.rendering - pairs.photo).abs().mean() > 0.1


def test_the_same_seed_makes_the_same_pairs_and_another_one_others(pack, pairs):
    again, other = Scenes(pack).pairs(PAIRS, (1, 2)), Scenes(pack).pairs(PAIRS, (1, 3))
    for one, same in zip(pairs[:-1], again[:-1], strict=True):
        torch.testing.assert_close(one, same, rtol=0, atol=0)
    assert (pairs.photo != other.photo).any(3).any(2).any(1).all()


def test_held_out_models_are_not_learnt_from(pack):
    learnt, held = (Scenes(pack, held_out).pairs(8, (0,)).truth.models for held_out in (False, True))
    assert pack.held.sum() == 1 and pack.held[held].all() and not pack.held[learnt].any()


def answer(pairs: Pairs, flow: torch.Tensor, sure: float = 10.0) -> torch.Tensor:
    """As the network says it."""
    visible, masks = ((2 * some - 1) * sure for some in (pairs.visible[:, None], pairs.masks.round()))
    log_deviation = torch.full_like(visible, -1.0)
    return torch.cat([flow / UNIT, log_deviation, visible, functional.pixel_unshuffle(masks, 2)], 1)


def test_the_truth_is_measured_as_perfect(pairs):
    told = measures(lambda images: answer(pairs, pairs.flow), [pairs])
    perfect = {"error": 0, "error, median": 0, "surer half": 0, "visibility right": 1, "overlap seen": 1}
    assert told | perfect | {"overlap whole": 1, "within 1 px": 1} == told
    assert told["flow"] > 2 and told["overlap of the rendering"] < 0.95
    moved = measures(lambda images: answer(pairs, pairs.flow + torch.tensor([3.0, 4.0]).view(1, 2, 1, 1)), [pairs])
    assert moved["error"] == pytest.approx(5, abs=1e-3) and moved["within 3 px"] == 0


def test_the_nearer_the_truth_the_less_is_lost(pairs):
    def loss(off: float, sure: float = 10.0) -> float:
        cells = answer(pairs, pairs.flow + off, sure)
        coarse = [functional.interpolate(cells[:, :2], scale_factor=1 / side) for side in (4, 2)]
        return float(losses(Stages((coarse[0], coarse[1]), [cells[:, :4]] * 2, cells[:, 4:]), pairs)[0])

    assert loss(0) < loss(1) < loss(4) and loss(0) < loss(0, sure=0) < loss(0, sure=-10)


def test_what_is_learnt_reaches_both_sides_of_a_correlation():
    layers = TorchLayers({})
    one, other = (torch.randn(2, 3, 5, 4, dtype=torch.float64, requires_grad=True) for _ in range(2))
    assert torch.autograd.gradcheck(lambda a, b: layers.correlated(a, b, 2), (one, other))


def test_a_training_begins_with_the_bundled_network_s_shapes_and_trunk():
    begun, bundled_ = train_aligner.begun(1), bundled("aligner")
    assert {name: tuple(value.shape) for name, value in begun.items()} == {
        name: value.shape for name, value in bundled_.items()
    }
    trunk = bundled("efficientnet_lite0")
    np.testing.assert_array_equal(begun["trunk.blocks.4.expand.weight"], trunk["blocks.4.expand.weight"])


def test_a_training_that_was_stopped_goes_on_as_if_it_had_not_been(pack, tmp_path):
    whole, first, second = (train_aligner.Training(pack, seed=3, batch=2) for _ in range(3))
    told = [whole.learn(0.2) for _ in range(3)]
    assert torch.isfinite(torch.stack(told)).all()
    for _ in range(2):
        first.learn(0.2)
    first.save(tmp_path / "state.pt")
    second.resume(tmp_path / "state.pt")
    torch.testing.assert_close(second.learn(0.2), told[2], rtol=1e-4, atol=1e-4)
    other = train_aligner.Training(pack, seed=3, batch=2)
    other.step = 1
    assert not torch.allclose(other.learn(0.2), told[0], rtol=1e-2)  # each step has pairs of its own
    assert second.step == whole.step == 3
    for name, weight in whole.averaged().items():
        torch.testing.assert_close(second.averaged()[name], weight, rtol=1e-3, atol=1e-5)
    began = train_aligner.begun(3)
    assert not torch.equal(whole.averaged()["trunk.stem.weight"], began["trunk.stem.weight"])


def test_it_learns(pack):
    """By heart: one model in the same few views."""
    training = train_aligner.Training(pack, seed=5, batch=2)
    training.step = train_aligner.WARM_UP
    made = training._scenes.pairs(2, (5, 0))
    training._scenes.pairs = lambda *_: made
    told = [float(training.learn(0.0)[0]) for _ in range(15)]
    assert np.mean(told[-3:]) < 0.8 * np.mean(told[:3])


def test_the_command_trains_and_keeps_what_it_has_and_goes_on(folder, tmp_path, monkeypatch, capsys):
    shutil.copy(folder / "pack.npz", tmp_path)
    monkeypatch.setitem(train_aligner.HELD_OUT, "cpu", (1, 2))
    monkeypatch.setitem(train_aligner.BATCH, "cpu", 2)
    command = ["--device", "cpu", "--folder", str(tmp_path), "--seconds"]
    for seconds in ("0.001", "0.002", "0.002"):
        train_aligner.main([*command, seconds])
        capsys.readouterr()
    train_aligner.main([*command, "1000000000", "--measure"])
    assert "overlap whole" in json.loads(capsys.readouterr().out)
    lines = [json.loads(line) for line in (tmp_path / "train.jsonl").read_text().splitlines()]
    assert lines[0]["step"] == 1 and lines[0]["seconds"] >= 0 and "error" in lines[0]["held out"]
    with np.load(tmp_path / "aligner.npz") as arrays:
        assert {name: arrays[name].shape for name in arrays} == {k: v.shape for k, v in bundled("aligner").items()}
    assert (tmp_path / "pairs.png").stat().st_size > 10_000


def test_obj_files_are_read_with_polygons_groups_and_materials():
    obj = """mtllib a.mtl
v 0 0 0\nv 2 0 0\nv 2 1 0\nv 0 1 0\nv 0 0 3
vt 0 0\nvt 1 0\nvt 1 1
usemtl red paint
f 1/1 2/2 3/3 4/1
usemtl other
g top
f -5 -4 -1
"""
    mtl = "newmtl red paint\nKd 1 0 0\nKs 0.5 0.5 0.5\nNs 50\nd 0.5\n"
    mesh = mesh_of({"a.obj": obj.encode(), "a.mtl": mtl.encode()}, PackWriter())
    assert mesh.faces.tolist() == [[0, 1, 2], [0, 2, 3], [0, 1, 4]]
    assert mesh.vertices[4].tolist() == [0, -3, 0] and mesh.vertices[3].tolist() == [0, 0, 1]
    red = mesh.materials[mesh.material[0]]
    assert (*red.colour, red.opacity, red.gloss, red.exponent) == (1, 0, 0, 0.5, 0.5, 50)
    assert mesh.materials[mesh.material[2]].colour[0] == 0.8 and mesh.group.tolist() == [0, 0, 1]
    assert mesh.uv[0].tolist() == [[0, 0], [1, 0], [1, 1]] and not mesh.uv[2].any() and mesh.normals is None
