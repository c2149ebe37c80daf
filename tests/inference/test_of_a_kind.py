"""Models of a kind that a bundled regressor knows, chairs made up by chance, and a photo of another chair."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

bpy = pytest.importorskip("bpy")
sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from suzanne import add_monkey

from benchmark import carpentry
from photo_pose.inference import matching
from photo_pose.inference.geometry import Box, Camera, angle_between, in_unit_sphere, intrinsics, look_at
from photo_pose.inference.look import Look
from photo_pose.inference.photo.image import load_photo
from photo_pose.inference.search import regressed_starts
from photo_pose.inference.steps import finish
from photo_pose.inference.views.view_options import ViewOptions
from photo_pose.operators.blender.models import evaluated
from photo_pose.operators.pictures import model_targets
from photo_pose.operators.pictures.rendering import studio

FEW = ViewOptions(subdivisions=2)
SIZE = (320, 240)
AWAY = np.array([1.2, -1.6, 0.9])  # from a chair's middle to the camera


@pytest.fixture(scope="module")
def chairs(views_folder):
    """Five of them."""
    bpy.ops.wm.read_homefile(use_factory_startup=True, use_empty=True)
    roots = [carpentry.build(np.random.default_rng(seed)) for seed in range(1, 6)]
    return finish(model_targets.prepare(roots, FEW, views_folder))


def photographed(root, path: Path):
    """A photo of it, and what `matching.match` is told: photo, camera, box."""
    with evaluated(root) as model:
        place = model.sphere.center
        camera = Camera(intrinsics(340, SIZE), look_at(place + AWAY, place), SIZE)
        with studio(model, "HDRI", samples=16) as render:
            Image.fromarray(render(in_unit_sphere(camera, model.sphere)).rgb).save(path)
        pixels = camera.project(model.vertices)
    return load_photo(path), camera.placed(np.eye(4)), Box(*pixels.min(0), *pixels.max(0))


def off(candidate, targets) -> float:
    """Degrees between the direction of a candidate and the photo's."""
    (place,) = (target.sphere.center for target in targets if target.name == candidate.model)
    return float(np.degrees(angle_between(candidate.camera.position - place, AWAY)))


def match(told, targets, method: str = "MATCH") -> matching.Match:
    with model_targets.target_renderer() as renderer:
        return finish(matching.match(*told, targets, renderer, Look(method)))


def test_a_regressor_knows_chairs_by_their_training_views(chairs):
    assert regressed_starts.regressor_for(chairs, "auto") is not None


def test_no_regressor_knows_what_it_has_not_learnt(scene, views_folder):
    targets = finish(model_targets.prepare([add_monkey()], FEW, views_folder))
    assert regressed_starts.regressor_for(targets, "auto") is None


def test_views_without_pictures_tell_nothing(chairs, tmp_path):
    """Their cache is an older version's, or was cleared meanwhile."""
    assert (
        regressed_starts.regressor_for([chair._replace(file=tmp_path / "gone.npz") for chair in chairs], "auto") is None
    )
    assert regressed_starts.regressor_for([chair._replace(file=None) for chair in chairs], "auto") is None


def test_few_views_of_all_models_from_all_around_are_asked_about(chairs):
    for some in (chairs, chairs[:1], chairs * 10):
        pictures, directions = regressed_starts._views(some)
        assert max(regressed_starts.ASKED - 4, len(some)) <= len(pictures) <= max(regressed_starts.ASKED, len(some))
        assert np.linalg.norm(np.mean(np.array(directions)[:, :2], axis=0)) < 0.3
        assert {picture.shape for picture in pictures} == {(64, 64, 3)}


def test_a_photo_of_none_of_the_models_is_seen_as_one_of_their_kind(scene, views_folder, tmp_path):
    """By matching, as by voting; that one among the models is matched as itself."""
    *others, own = (carpentry.build(np.random.default_rng(seed)) for seed in (*range(1, 6), 11))
    told = photographed(own, tmp_path / "chair.png")
    targets = finish(model_targets.prepare([*others, own], FEW, views_folder))
    matched, voted = match(told, targets[:-1]), match(told, targets[:-1], method="VOTE")
    for found in (matched, voted):
        assert off(found.candidates[0], targets) < 20 and 0 < found.confidence < 1
    assert matched.share == pytest.approx(voted.share) and 3 < len(matched.candidates) <= 6
    assert off(matched.candidates[0], targets) == pytest.approx(off(voted.candidates[0], targets), abs=1e-6)
    itself = match(told, targets)
    assert itself.share is None and itself.candidates[0].model == targets[-1].name
    assert off(itself.candidates[0], targets) < 3 and itself.candidates[0].score > matched.candidates[0].score


def test_one_of_their_kind_is_seen_without_a_box_too(scene, views_folder, tmp_path):
    """Not always: of seven such chairs two, and the answers that are wrong say so (confidence below 0.2)."""
    *others, own = (carpentry.build(np.random.default_rng(seed)) for seed in (*range(1, 6), 18))
    photo, camera, _box = photographed(own, tmp_path / "chair.png")
    targets = finish(model_targets.prepare(others, FEW, views_folder))
    with model_targets.target_renderer() as renderer:
        _place, found = finish(matching.find_and_match(photo, camera, None, targets, renderer, Look()))
    assert found.share is not None and found.located
    assert off(found.candidates[0], targets) < 20
