"""`python -m benchmark.which`: how often the model in a picture is told among many; the answers are kept, as they come.

The models are those of both halves and other chairs of the same packages.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from benchmark import assets, queries, report
from benchmark.accuracy import VIEWS, product_hash
from benchmark.product import ROOT, import_product
from benchmark.recipes import CLUTTER, HALVES, SUBJECTS
from inference.errors import PoseError

FOLDER = assets.CACHE.parent / "which"
MODELS = 64
FIRST = (1, 2, 3, 5)


def gallery(count: int) -> dict[str, Path]:
    """The first count .obj files by name: the subjects of both halves, other chairs of all makers, clutter."""
    chairs = {f"{path.parent.parent.name}/{path.stem}": path for path in assets.chairs()}
    others = sorted(chairs.keys() - {*SUBJECTS, *CLUTTER}, key=lambda name: name.partition("/")[2][::-1])
    paths = queries.models() | {name: chairs[name] for name in others}
    return {name: paths[name] for name in (*SUBJECTS, *others, *CLUTTER)[:count]}


class Shelf:
    """Blender's scene with all models, ready to be compared with pictures."""

    def __init__(self, count: int, subdivisions: int, threads: int, only: Sequence[str] = ()) -> None:
        """only: of these models of the gallery."""
        import_product()
        import bpy

        from photo_pose.inference.networks.backends import set_threads
        from photo_pose.inference.networks.loading import extract_features, feature_network
        from photo_pose.inference.steps import finish
        from photo_pose.inference.views.view_options import ViewOptions
        from photo_pose.operators.models.model_files import import_models
        from photo_pose.operators.pictures import model_targets

        set_threads(threads)
        bpy.ops.wm.read_homefile(use_factory_startup=True, use_empty=True)
        scene = bpy.context.scene
        scene.render.threads_mode, scene.render.threads = "FIXED", threads
        self.names: dict[str, str] = {}  # by what the matcher calls them
        roots = []
        for name, path in gallery(count).items():
            if only and name not in only:
                continue
            (root,) = import_models(scene, path)
            self.names[root.name] = name
            roots.append(root)
        self.targets = finish(model_targets.prepare(roots, ViewOptions(subdivisions=subdivisions, device="cpu"), VIEWS))
        self.extract = partial(extract_features, feature_network(device="cpu"))

    def answer(self, query: queries.Query, verify: bool) -> dict[str, Any]:
        """Models by likeness and, of the verified, by score, each with how much; CPU seconds."""
        from photo_pose.inference import matching
        from photo_pose.inference.geometry import Box
        from photo_pose.inference.photo.image import load_photo
        from photo_pose.inference.search import model_likeness, start_poses
        from photo_pose.inference.steps import finish
        from photo_pose.inference.verify import model_ranking
        from photo_pose.operators.pictures import model_targets

        began = time.process_time()
        photo = load_photo(query.photo)
        camera = matching.photo_camera(photo, focal=query.camera.focal)
        crops = start_poses.PhotoCrops(photo, camera, Box(*query.box), start_poses.UPRIGHT_ROLLS, self.extract)
        if not verify:
            ranked = model_likeness.ranked(crops, finish(model_likeness.compare(crops, self.targets)))
            alike = [(self.names[start.target.name], round(start.score, 3)) for start in ranked]
            return {"likeness": alike, "cpu": round(time.process_time() - began, 2)}
        with model_targets.target_renderer() as renderer:
            answers = finish(model_ranking.identify(crops, self.targets, renderer, matching.aligner("cpu")))
        alike = sorted(
            ((self.names[a.candidate.model], round(a.likeness, 3)) for a in answers), key=lambda one: -one[1]
        )
        verified = [(self.names[a.candidate.model], round(a.candidate.score, 3)) for a in answers if a.verified]
        return {"likeness": alike, "score": verified, "cpu": round(time.process_time() - began, 2)}


def measure(chosen: Sequence[queries.Query], options: argparse.Namespace, path: Path) -> None:
    """Appends a line to path for every query that it has no line of."""
    done = {line["query"] for line in report.lines(path)}
    wanted = [query for query in chosen if query.id not in done]
    shelf = Shelf(options.models, options.subdivisions, options.threads) if wanted else None
    began = time.perf_counter()
    with path.open("a", encoding="utf-8") as file:
        for number, query in enumerate(wanted, start=1):
            if time.perf_counter() - began > options.seconds:
                break
            line = {"query": query.id, "model": query.model, "half": query.half, **shelf.answer(query, options.verify)}
            file.write(json.dumps(line) + "\n")
            file.flush()
            print(f"{number} of {len(wanted)}  {query.id:48} {line.get('score', line['likeness'])[0][0]}", flush=True)


def summary(lines: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """How often the right model is among the first ones: by likeness, and after verification."""
    figures: dict[str, Any] = {
        "pictures": len(lines),
        "cpu_seconds": round(float(np.median([line["cpu"] for line in lines])), 2),
    }
    for key in ("likeness", "score"):
        ranks = [_rank(line, key) for line in lines if key in line]
        if ranks:
            figures[key] = {f"top {n}": round(float(np.mean(np.array(ranks) < n)), 3) for n in FIRST}
            figures[key]["pictures"] = len(ranks)
    return figures


def _rank(line: dict[str, Any], key: str) -> int:
    """0 for the best; what was not verified comes after all that was."""
    names = [name for name, _value in line[key]]
    return names.index(line["model"]) if line["model"] in names else len(line["likeness"])


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--half", choices=HALVES, default="test")
    parser.add_argument("--models", type=int, default=MODELS, help="in the gallery")
    parser.add_argument("--subdivisions", type=int, default=3, help="of the view sphere: 2 gives 57 views, 3 gives 209")
    parser.add_argument("--no-verify", dest="verify", action="store_false", help="rank by likeness only: much faster")
    parser.add_argument("--limit", type=int, help="only the first pictures, spread over all models")
    parser.add_argument("--seconds", type=float, default=float("inf"), help="stop after so many; the next run goes on")
    parser.add_argument("--run", help="name of the results; default: a hash of the matcher's sources")
    parser.add_argument("--threads", type=int, default=1)
    options = parser.parse_args(arguments)
    FOLDER.mkdir(parents=True, exist_ok=True)
    name = f"{options.run or product_hash()}_{options.half}_{options.models}_{options.subdivisions}"
    path = FOLDER / f"{name}.jsonl"
    measure(queries.queries(options.half, options.limit), options, path)
    figures = summary(report.lines(path))
    target = ROOT / "build" / "benchmark" / f"which_{name}.json"
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_text(json.dumps(figures, indent=1))
    print(json.dumps(figures))


if __name__ == "__main__":
    try:
        main()
    except PoseError as error:
        sys.exit(str(error))
