"""`python -m benchmark.train_chairs`: trains the bundled regressors on rendered chairs and measures them on others.

Views are rendered once, into the cache; what was stopped goes on. `--network` trains one of them, `--measure` none.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch

from benchmark import assets, carpentry
from benchmark.product import import_product
from benchmark.queries import queries
from benchmark.recipes import HALVES
from inference.errors import PoseError

import_product()

from photo_pose.inference.networks.augmentation import OF_NO_MODEL, Views, crops_of, pictures  # noqa: E402
from photo_pose.inference.networks.learners import LEARNERS  # noqa: E402
from photo_pose.inference.networks.loading import WEIGHTS  # noqa: E402
from photo_pose.inference.networks.regressor import Prediction, load_regressor, predict, save_regressor  # noqa: E402
from photo_pose.inference.networks.training import Training, train  # noqa: E402
from photo_pose.inference.photo.image import load_photo  # noqa: E402
from photo_pose.inference.photo.warping import warp_views  # noqa: E402
from photo_pose.inference.views.crops import photo_view  # noqa: E402

FOLDER = assets.CACHE.parent / "chairs"
SEED = 1
EACH, TESTED = 100, 40  # views of a chair to learn from, and of one to test with
SHAPES, STRETCH = 10, (0.15, 0.2, 0.2)  # more chairs made of each by stretching it: width, depth, height, in logarithms
MADE_UP, OF_EACH, TOGETHER = 1500, 6, 100  # chairs made up by chance, views of each, chairs in a file
EPOCHS = {"regressor": 28, "regressor_lite0": 10}  # at most; two CPU-hours, and one
BACKDROPS = 600
TEST_PHOTOS = 5  # every fifth backdrop is never seen in training

# Looked at, from the front and from behind: these do not face Blender's front view, have no front, or no texture.
UNUSED = (
    *("blendswap-cc-0/foldingChair", "blendswap-cc-0/stool2", "blendswap-cc-by/green_stool"),
    *("scopia/armchair1", "scopia/chair", "scopia/ext_chair", "scopia/kids_desk_chair", "scopia/silla_teca"),
    *("scopia/bar_chair", "scopia/kitchen_stool", "scopia/tubular_chair"),
)
# Never learnt from; among them all chairs of the demo and of the benchmark's pictures.
HELD_OUT = (
    *("blendswap-cc-0/chair", "blendswap-cc-by/foldingChair", "blendswap-cc-0/winchesterArmchair"),
    *("blendswap-cc-0/oakChair", "katorlegaz/office-chair", "scopia/armchair2", "blendswap-cc-0/chairWithCushion"),
    *("blendswap-cc-0/modernArmchair", "blendswap-cc-by/chair4", "blendswap-cc-by/kitchenChair"),
    *("katorlegaz/dining-chair", "scopia/rattanArmchair"),
)


def chairs() -> dict[str, Path]:
    """The usable chairs by catalogue and name."""
    found = {f"{path.parent.parent.name}/{path.parent.name}": path for path in assets.chairs()}
    return {name: path for name, path in found.items() if name not in UNUSED}


def views_of(names: Sequence[str], each: int, seed: int, shapes: int = 0) -> Views:
    """`each` random views of every chair, or of `shapes` stretched ones together; rendered where the cache has none."""
    parts = []
    for number, name in enumerate(names):
        path = FOLDER / f"{name.replace('/', '_')}_{each}_{seed}{'_stretched' * bool(shapes)}.npz"
        if not path.exists():
            render_views(chairs()[name], each, [seed, number], path, shapes)
            print(f"{number + 1} of {len(names)}  {name}", flush=True)
        with np.load(path) as data:
            parts.append(Views(data["rgba"], data["rotations"], np.full(each, number)))
    return Views(*(np.concatenate(field) for field in zip(*parts, strict=True)))


def made_up_views(seed: int) -> Views:
    """Random views of chairs made up by chance, of no model in particular; rendered where the cache has none."""
    parts = []
    for first in range(0, MADE_UP, TOGETHER):
        path = FOLDER / f"made_up_{first}_{TOGETHER}_{OF_EACH}_{seed}.npz"
        if not path.exists():
            _render_made_up(range(first, first + TOGETHER), seed, path)
            print(f"{first + TOGETHER} of {MADE_UP} made up", flush=True)
        with np.load(path) as data:
            parts.append(Views(data["rgba"], data["rotations"], np.full(len(data["rgba"]), OF_NO_MODEL)))
    return Views(*(np.concatenate(field) for field in zip(*parts, strict=True)))


def _render_made_up(numbers: Sequence[int], seed: int, path: Path) -> None:
    import bpy

    from photo_pose.inference.steps import finish
    from photo_pose.operators.blender.models import evaluated
    from photo_pose.operators.pictures.rendered_views import random_views

    parts = []
    for number in numbers:
        bpy.ops.wm.read_homefile(use_factory_startup=True, use_empty=True)
        random = np.random.default_rng([seed, number])
        with evaluated(carpentry.build(random)) as model:
            parts.append(finish(random_views(model, OF_EACH, "UPPER", random)))
    _keep(parts, path)


def _keep(parts: Sequence[Views], path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    rgba, rotations = (np.concatenate([getattr(part, name) for part in parts]) for name in ("rgba", "rotations"))
    np.savez(path, rgba=rgba, rotations=rotations)


def render_views(obj: Path, count: int, seed: Sequence[int], path: Path, shapes: int = 0) -> None:
    """Random views of a model, or of so many stretched ones of it together, into a file of the cache."""
    import bpy

    from photo_pose.inference.steps import finish
    from photo_pose.operators.blender.models import evaluated
    from photo_pose.operators.models.model_files import import_models
    from photo_pose.operators.pictures.rendered_views import random_views

    bpy.ops.wm.read_homefile(use_factory_startup=True, use_empty=True)
    (root,) = import_models(bpy.context.scene, obj)
    random, parts = np.random.default_rng(seed), []
    holder = bpy.data.objects.new("Stretched", None)
    bpy.context.scene.collection.objects.link(holder)
    root.parent = holder
    for _ in range(max(shapes, 1)):
        if shapes:
            holder.scale = np.exp(random.normal(0, STRETCH))
        bpy.context.view_layer.update()
        with evaluated(holder) as model:
            parts.append(finish(random_views(model, count // max(shapes, 1), "UPPER", random)))
    _keep(parts, path)


def learnt_from() -> list[str]:
    return [name for name in chairs() if name not in HELD_OUT]


def photos(test: bool) -> list[Path]:
    """Backdrops for training or for tests."""
    return [path for number, path in enumerate(assets.backdrops()) if (number % TEST_PHOTOS == 0) == test]


def trained(
    name: str, seed: int = SEED, control: str = "", plain: tuple[float, float] | None = None, epochs: int | None = None
) -> Training:
    """Trains a regressor by its seed; goes on where it was stopped.

    control: name of an experiment with other parts of plain pictures (see learners.PaperLearner) and epochs; such a
    one, like the paper's network, learns from the chairs as they are.
    """
    views = views_of(learnt_from(), EACH, SEED)
    if name == "regressor_lite0" and not control:
        stretched = views_of(learnt_from(), EACH, SEED, SHAPES)
        views = Views(*(np.concatenate(fields) for fields in zip(views, stretched, made_up_views(SEED), strict=True)))
    torch.manual_seed(seed)
    network = LEARNERS[name]()
    network.plain = plain or network.plain
    steps = train(
        network,
        views,
        crops_of(photos(test=False), BACKDROPS, SEED),
        epochs=epochs or EPOCHS[name],
        patience=8,
        mirror=True,
        seed=seed,
        checkpoint=FOLDER / f"{' '.join(filter(None, (name, control)))}.checkpoint",
        resume=True,
    )
    shown = -1
    while True:
        try:
            progress = int(100 * next(steps))
        except StopIteration as stop:
            return stop.value
        if progress > shown:
            print(f"{name}: {progress} %, {os.times().user:.0f} CPU-s", flush=True)
            shown = progress


def test_pictures() -> tuple[np.ndarray, np.ndarray]:
    """Crops (N, S, S, 3) uint8 of the held-out chairs, augmented as for training but upright, before photos that no
    training saw; and the true directions (N, 3)."""
    views = views_of(HELD_OUT, TESTED, SEED + 1)
    backdrops = torch.from_numpy(crops_of(photos(test=True), 200, SEED + 1)).permute(0, 3, 1, 2)
    random = torch.Generator().manual_seed(SEED + 1)
    images = []
    for some in np.array_split(np.arange(len(views.rgba)), 12):
        rgba, rotations = (
            torch.from_numpy(views.rgba[some]).permute(0, 3, 1, 2),
            torch.from_numpy(views.rotations[some]),
        )
        images.append(pictures(rgba, rotations.float(), backdrops, 208, 0.0, False, random)[0])
    crops = (torch.cat(images) * 255).round().byte().permute(0, 2, 3, 1).numpy()
    return crops, -views.rotations[:, 2]


def photo_like() -> tuple[np.ndarray, np.ndarray]:
    """Crops of the benchmark's path-traced pictures of held-out chairs, in the boxes of `python -m benchmark.queries`,
    and the true directions (N, 3)."""
    crops, directions = [], []
    for query in (query for half in HALVES for query in queries(half) if query.model in HELD_OUT):
        photo, at_origin = load_photo(query.photo), query.camera.placed(np.eye(4))
        crops.append(warp_views(photo, at_origin, [photo_view(at_origin, query.box)])[0])
        rows = [line.split()[1:4] for line in query.obj.read_text("latin-1").splitlines() if line.startswith("v ")]
        points = np.array(rows, float)
        x, y, z = query.camera.position - (points.min(0) + points.max(0)) / 2
        directions.append(np.array([x, -z, y]) / np.linalg.norm([x, y, z]))  # the importer turns Y up into Z up
    return np.stack(crops), np.stack(directions)


def measured(network: str) -> dict[str, dict[str, float]]:
    """Errors, degrees, on the held-out chairs: as rendered for training, and path-traced."""
    pictures_of = {"rendered": test_pictures, "path-traced": photo_like}
    return {name: _errors(network, *pictures()) for name, pictures in pictures_of.items()}


def _errors(network: str, crops: np.ndarray, directions: np.ndarray) -> dict[str, float]:
    prediction = predict(load_regressor(network, "cpu"), crops)
    errors = np.degrees(np.arccos((prediction.directions * directions).sum(1).clip(-1, 1)))
    spread = _spread(prediction)
    sure = spread <= np.median(spread)
    return {
        "pictures": len(errors),
        "mean": round(float(errors.mean()), 1),
        "median": round(float(np.median(errors)), 1),
        **{f"<{limit}": round(float((errors < limit).mean()), 3) for limit in (10, 15, 30)},
        "from behind (>120)": round(float((errors > 120).mean()), 3),
        "median of the surer half": round(float(np.median(errors[sure])), 1),
        "mean of always from above": round(float(np.degrees(np.arccos(directions[:, 2])).mean()), 1),
    }


def _spread(prediction: Prediction) -> np.ndarray:
    """(N,): how far, radians squared in the mean, the hypotheses are from the first."""
    cosines = np.einsum("nij,nhij->nh", prediction.rotations[:, 0], prediction.rotations) / 2 - 0.5
    return (prediction.probabilities * np.arccos(cosines.clip(-1, 1)) ** 2).sum(1)


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--network", choices=list(LEARNERS), nargs="+", default=list(LEARNERS))
    parser.add_argument("--views", action="store_true", help="only render the views")
    parser.add_argument("--measure", action="store_true", help="only measure the bundled networks")
    options = parser.parse_args(arguments)
    if options.views:
        views_of(learnt_from(), EACH, SEED), views_of(learnt_from(), EACH, SEED, SHAPES)
        made_up_views(SEED), views_of(HELD_OUT, TESTED, SEED + 1)
        return
    for name in options.network:
        if not options.measure:
            training = trained(name)
            errors = [round(float(np.degrees(error)), 1) for error in training.errors]
            about = {"models": learnt_from(), "views": EACH, "seed": SEED, "errors": errors, "best": training.best}
            save_regressor(training.network, WEIGHTS / f"{name}.npz", about)
        print(json.dumps({name: measured(name)}, indent=1), flush=True)


if __name__ == "__main__":
    try:
        main()
    except PoseError as error:
        sys.exit(str(error))
