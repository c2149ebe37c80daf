"""`python -m benchmark.accuracy`: matches the benchmark's pictures, stage by stage, and compares with the truth.

Every answer is written down at once: what was stopped goes on where it was. `--report` tells what is there so far.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, closing
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from PIL import Image

from benchmark import assets, report
from benchmark.pose_errors import Truth, lens_errors, pose_errors, turns
from benchmark.product import ROOT, import_product
from benchmark.queries import Query, models, queries
from benchmark.recipes import HALVES, SUBJECTS
from inference.errors import PoseError
from inference.geometry import Box

FOLDER = assets.CACHE.parent / "accuracy"
VIEWS = assets.CACHE.parent / "views"  # training views, which other runs and other versions share
OUTLINE_SIDE = 320  # px of the kept silhouettes


class Variant(NamedTuple):
    """How the matcher is asked: without names the stages of look.Stages to be switched off.

    focal, mask: whether it is told the true ones; others: whether it has to find the model among all of its half;
    device: what runs the networks; views_by: what makes training views, AUTO: drawn where that is faithful.
    """

    without: tuple[str, ...] = ()
    method: str = "MATCH"
    focal: bool = True
    mask: bool = False
    others: bool = False
    device: str = "cpu"
    views_by: str = "AUTO"


VARIANTS = {
    "match": Variant(),
    "no flow": Variant(without=("flow",)),  # and so the stages in its place
    "no flow, no details": Variant(without=("flow", "details")),
    "no flow, no refine": Variant(without=("flow", "refine")),
    "no verify": Variant(without=("verify",)),
    "no align": Variant(without=("align",)),
    "retrieval only": Variant(without=("align", "verify")),
    "paper knn": Variant(method="KNN"),
    "true mask": Variant(mask=True),
    "unknown focal": Variant(focal=False),
    "usual focal": Variant(focal=False, without=("lens",)),
    "other model": Variant(others=True),
    "by numpy": Variant(device="numpy"),
    "views by Cycles": Variant(views_by="CYCLES"),
}


def product_hash() -> str:
    """Names a run by all that decides what the matcher finds."""
    digest = hashlib.sha256()
    for folder in ("inference", "operators"):
        for path in sorted((ROOT / folder).rglob("*")):
            if path.suffix in (".py", ".npz"):
                digest.update(path.read_bytes())
    return digest.hexdigest()[:10]


def measure(chosen: Sequence[Query], variants: Sequence[str], path: Path, threads: int) -> None:
    """Appends a line to path for every variant and query that it has no line of; model after model."""
    done = {(line["variant"], line["query"]) for line in report.lines(path)}
    wanted = [(name, query) for name in variants for query in chosen if (name, query.id) not in done]
    wanted.sort(key=lambda item: (VARIANTS[item[0]].others, VARIANTS[item[0]].views_by, item[1].half, item[1].model))
    began = time.perf_counter()
    with closing(Workshop(threads)) as workshop, path.open("a", encoding="utf-8") as file:
        for number, (name, query) in enumerate(wanted, start=1):
            line = {"variant": name, "query": query.id, "half": query.half, **_answer(workshop, name, query, path)}
            file.write(json.dumps(line) + "\n")
            file.flush()
            each = (time.perf_counter() - began) / number
            told = line.get("error") or f"{line['candidates'][0].get('view', 'other model'):>6}"
            print(f"{number} of {len(wanted)}  {each:.1f} s each  {name:14} {query.id:44} {told}", flush=True)


class Workshop:
    """Blender's scene with the models that were needed, and what the matcher wants of those that are needed now."""

    def __init__(self, threads: int, file_of: Callable[[str], Path] = lambda name: models()[name]) -> None:
        """file_of: the file of a model of that name."""
        import_product()
        import bpy

        from photo_pose.inference.networks.backends import set_threads

        set_threads(threads)
        bpy.ops.wm.read_homefile(use_factory_startup=True, use_empty=True)
        bpy.context.scene.render.threads_mode, bpy.context.scene.render.threads = "FIXED", threads
        self.scene, self._file_of = bpy.context.scene, file_of
        self.roots: dict[str, Any] = {}
        self.targets: dict[str, Any] = {}
        self._views_by = ""
        self.renderer: Any = None
        self.all_around: Any = None
        self._opened = ExitStack()

    def fetch(self, names: Sequence[str], views_by: str = "AUTO") -> None:
        """Prepares targets and a renderer for these models, and forgets the others: each takes much memory."""
        from photo_pose import preferences
        from photo_pose.inference.steps import finish
        from photo_pose.inference.views.view_options import ViewOptions
        from photo_pose.operators.pictures import model_targets

        if (list(self.targets), self._views_by) == (list(names), views_by):
            return
        folder = VIEWS if views_by == "AUTO" else VIEWS.with_name(f"{VIEWS.name}_{views_by.lower()}")
        self._opened.close()
        self.targets = {}
        roots, options = [self._root(name) for name in names], ViewOptions(device="cpu")
        usual = preferences.DEFAULTS
        preferences.DEFAULTS = usual._replace(engine=views_by)
        try:
            targets = finish(model_targets.prepare(roots, options, folder))
        finally:
            preferences.DEFAULTS = usual
        self.all_around = model_targets.all_around(roots, options, folder)
        self.targets, self._views_by = dict(zip(names, targets, strict=True)), views_by
        self.renderer = self._opened.enter_context(model_targets.target_renderer())

    def close(self) -> None:
        self._opened.close()

    def name_of(self, target: str) -> str:
        """The benchmark's name of the model that the matcher calls target."""
        return next(name for name, root in self.roots.items() if root.name == target)

    def _root(self, name: str) -> Any:
        from photo_pose.operators.models.model_files import import_models

        if name not in self.roots:
            (self.roots[name],) = import_models(self.scene, self._file_of(name))
        return self.roots[name]


def _answer(workshop: Workshop, name: str, query: Query, path: Path) -> dict[str, Any]:
    """What the matcher says about the query, and how far off that is."""
    variant = VARIANTS[name]
    names = [subject.name for subject in HALVES[query.half]] if variant.others else [query.model]
    workshop.fetch(names, variant.views_by)
    began = time.perf_counter()
    try:
        found = _matched(query, variant, workshop)
    except PoseError as error:
        return {"error": str(error)}
    total = time.perf_counter() - began
    outline = _silhouette(found.candidates[0], workshop)
    kept = path.with_suffix("") / f"{name}_{query.id}.png"
    kept.parent.mkdir(exist_ok=True)
    Image.fromarray(outline).save(kept)
    return {
        "camera": found.candidates[0].camera.camera_to_world.tolist(),
        "candidates": [_judged(candidate, workshop, query) for candidate in found.candidates],
        "confidence": found.confidence,
        "mask_iou": _agreement(outline, query.silhouette),
        "outline": str(kept.relative_to(path.parent)),
        "seconds": {"total": total, **found.seconds},
    }


def _matched(query: Query, variant: Variant, workshop: Workshop) -> Any:
    """The product's answer: a matching.Match."""
    from photo_pose.inference import matching
    from photo_pose.inference.errors import PoseError as ProductError
    from photo_pose.inference.geometry import Box as ProductBox
    from photo_pose.inference.look import Look, Stages
    from photo_pose.inference.photo.image import load_photo
    from photo_pose.inference.steps import finish

    photo = load_photo(query.photo)
    camera = matching.photo_camera(photo, focal=query.camera.focal if variant.focal else None)
    given = photo, camera, ProductBox(*query.box), list(workshop.targets.values()), workshop.renderer
    look = Look(variant.method, stages=Stages(**dict.fromkeys(variant.without, False)), device=variant.device)
    known = {
        "lens": None if variant.focal else matching.photo_focal(photo),
        "mask": np.array(Image.open(query.silhouette).convert("L")) >= 128 if variant.mask else None,
    }
    try:
        return finish(matching.match(*given, look, **known))
    except ProductError as error:
        raise PoseError(str(error)) from error


def _silhouette(candidate: Any, workshop: Workshop) -> np.ndarray:
    """(H, W) bool of the candidate's model as its camera sees it, at most OUTLINE_SIDE px."""
    from photo_pose.inference.geometry import Box as ProductBox
    from photo_pose.inference.geometry import in_unit_sphere

    camera, target = candidate.camera, workshop.targets[workshop.name_of(candidate.model)]
    scale = OUTLINE_SIDE / max(camera.size)
    size = (round(camera.size[0] * scale), round(camera.size[1] * scale))
    view = in_unit_sphere(camera, target.sphere).windowed(ProductBox(0, 0, *camera.size), size)
    return workshop.renderer(target)(view).rgba[..., 3] >= 128


def _judged(candidate: Any, workshop: Workshop, query: Query) -> dict[str, Any]:
    """A candidate's score and errors: view and rotation in degrees, overlay in sizes of the model's box, focal
    in shares of the true one. Only the score when it is of another model."""
    line = {"model": workshop.name_of(candidate.model), "score": float(candidate.score), "alike": candidate.alike}
    line["agreement"] = [float(value) for value in candidate.agreement or ()]
    if line["model"] != query.model:
        return line
    from photo_pose.operators.blender.models import placed

    points, symmetry = _vertices(query.obj), SUBJECTS[query.model].symmetry
    middle = (points.min(0) + points.max(0)) / 2
    box = Box.around(query.camera.project(points))
    truth = Truth(query.camera, points, middle, box, list(_alike(np.eye(4), middle, symmetry)))
    place, _scale = placed(workshop.roots[query.model])
    true = query.camera.focal
    return {**line, "true_focal": true, **pose_errors(candidate.camera, place, truth), **lens_errors(candidate, true)}


def _alike(to_camera: np.ndarray, middle: np.ndarray, symmetry: int) -> Iterator[np.ndarray]:
    """All poses (4, 4) in which a symmetric model, whose vertical is Y, looks as in this one."""
    for turn in turns(np.array([0.0, 1.0, 0.0]), symmetry, middle):
        yield to_camera @ turn


def _vertices(obj: Path) -> np.ndarray:
    """(N, 3) of an .obj file, some thousands."""
    points = assets.vertices(obj)
    return points[:: len(points) // 5000 + 1]


def _agreement(outline: np.ndarray, truth: Path) -> float:
    """Intersection over union with the true silhouette."""
    known = np.array(Image.open(truth).convert("L").resize(outline.shape[::-1])) >= 128
    return float((outline & known).sum() / max((outline | known).sum(), 1))


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--half", choices=(*HALVES, "both"), default="both")
    parser.add_argument("--variants", nargs="+", choices=VARIANTS, default=list(VARIANTS), metavar="NAME")
    parser.add_argument("--limit", type=int, help="only the first pictures of each half, spread over all models")
    parser.add_argument("--run", help="name of the results; default: a hash of the matcher's sources")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--report", action="store_true", help="only tell about the results that are there")
    options = parser.parse_args(arguments)
    FOLDER.mkdir(parents=True, exist_ok=True)
    path = FOLDER / f"{options.run or product_hash()}.jsonl"
    halves = HALVES if options.half == "both" else (options.half,)
    chosen = [query for half in halves for query in queries(half, options.limit)]
    if not options.report:
        measure(chosen, options.variants, path, options.threads)
    folder = ROOT / "build" / "benchmark" / path.stem
    report.write(path, chosen, options.variants, folder)
    print(f"Report: {folder / 'report.md'}")


if __name__ == "__main__":
    try:
        main()
    except PoseError as error:
        sys.exit(str(error))
