"""`python -m benchmark.library`: how often a photo finds its model among 100, 820 and 10,000, how long that takes, and
how much memory.

The 820 models are all of Debian's sweethome3d-furniture, made into a library by the product's own command; pictures are
those of `benchmark.library_pictures`. The other 9,180 are simulated, as only the first stage of the search reads them:
their descriptors are those of the real models' features, stretched, cut and joined to others', and recoloured.
Answers are kept as they come, and what was stopped goes on.
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import time
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from benchmark import assets, library_pictures, report
from benchmark.library_report import page, plot
from benchmark.product import ROOT, import_product
from benchmark.queries import Query
from benchmark.recipes import HALVES
from benchmark.simulated_models import with_simulated
from inference.errors import PoseError
from inference.geometry import rotation_angle

FOLDER = assets.CACHE.parent / "library"
VIEWS = 57  # training views of a model
SIZES = 100, 820, 10_000
SEED = 7
ALIKE = 0.04  # difference of the parts of patches that two models cover, root mean square, below which they look alike
FULL_VIEWS = 209  # of a model by default: for times and memory

Line = dict[str, Any]


def make(threads: int) -> None:
    """The library of all 820 models, by the command that everybody has."""
    assets.all_furniture()
    words = ["library", "--out", FOLDER, "--model", assets.CACHE / "furniture", "--views", VIEWS, "--exit-zero"]
    subprocess.run([sys.executable, ROOT / "batch.py", *map(str, words), "--threads", str(threads)], check=True)


class Shelf:
    """The library, and what is searched in it."""

    def __init__(self) -> None:
        import_product()
        from photo_pose.inference.library.index import read_index
        from photo_pose.inference.matching import aligner
        from photo_pose.inference.networks.loading import extract_features, feature_network

        self.index = read_index(FOLDER)
        names = {path.resolve(): name for name, path in assets.all_furniture().items()}
        self.names = [names.get((FOLDER / model.file).resolve(), model.file) for model in self.index.models]
        self.look_alikes = look_alikes(self.index)
        self.with_simulated = with_simulated(self.index, SIZES[-1])
        self.extract = partial(extract_features, feature_network(device="cpu"))
        self.see = aligner("cpu")

    def answer(self, query: Query, verify: bool) -> Line:
        """Where the right model stands after each stage, 0 is the first; with look-alikes taken for it, too."""
        from photo_pose.inference import matching
        from photo_pose.inference.geometry import Box
        from photo_pose.inference.library import shortlist
        from photo_pose.inference.photo.image import load_photo
        from photo_pose.inference.search import start_poses
        from photo_pose.inference.steps import finish

        photo = load_photo(query.photo)
        camera = matching.photo_camera(photo, focal=query.camera.focal)
        crops = start_poses.PhotoCrops(photo, camera, Box(*query.box), start_poses.UPRIGHT_ROLLS, self.extract)
        right = {number for number, name in enumerate(self.names) if name == query.model}
        alike = {*np.flatnonzero(self.look_alikes[min(right)]).tolist()} | right
        line: Line = {"query": query.id, "model": query.model, "look_alikes": len(alike) - 1}
        number_of = {model.key: number for number, model in enumerate(self.index.models)}

        everything = finish(shortlist.shortlist(crops, self.index, len(self.names)))
        order = [number_of[one.model.key] for one in everything]
        few = {*np.random.default_rng(SEED).choice(len(order), SIZES[0], replace=False).tolist()} | right
        line["100"] = _ranks([number for number in order if number in few], right, alike)
        line["820"] = _ranks(order, right, alike)
        among = finish(shortlist.shortlist(crops, self.with_simulated, SIZES[-1]))
        simulated_ones = [-1 if one.model.name == "simulated" else number_of[one.model.key] for one in among]
        line["10000"] = _ranks(simulated_ones, right, alike)

        chosen = everything[: shortlist.SHORTLIST]
        targets, _damaged = shortlist.shortlisted_targets(self.index, chosen)
        for stage, count in {"compared": 0, "verified": shortlist.VERIFIED}.items():
            if verify or not count:
                began = time.process_time()
                answers = self._identified(crops, chosen, targets, count)
                line[stage] = _ranks([number_of[answer.candidate.model] for answer in answers], right, alike)
                line[f"{stage}_cpu"] = round(time.process_time() - began, 2)
                line["rotation_error"] = self._rotation_error(query, answers, number_of, right)
        return line

    def _identified(self, crops: Any, chosen: list[Any], targets: list[Any], count: int) -> list[Any]:
        from photo_pose.inference.library import shortlist
        from photo_pose.inference.steps import finish
        from photo_pose.inference.verify import model_ranking
        from photo_pose.operators.library.library_renderer import library_renderer

        how = {"count": count, "whole": shortlist.whole_target, "known": shortlist.known_likeness(chosen)}
        with library_renderer(self.index) as render:
            drawn = lambda target: render(target.name)  # noqa: E731
            return finish(model_ranking.identify(crops, targets, drawn, self.see, **how, failed=print))

    def _rotation_error(self, query: Query, answers: list[Any], number_of: dict, right: set[int]) -> float | None:
        """Degrees, of the right model; None where it is not among the answers."""
        from photo_pose.operators.headless.result_fields import opencv

        for answer in answers:
            number = number_of[answer.candidate.model]
            if number in right:
                model = self.index.models[number]
                rotation = np.array(opencv(answer.candidate.camera, model.place, model.scale)["R"])
                truth = query.camera.world_to_camera[:3, :3]
                return round(float(np.degrees(rotation_angle(rotation, truth))), 2)
        return None


def _ranks(order: Sequence[int], right: set[int], alike: set[int]) -> list[int | None]:
    """Of the right model, and of the first one that is it or looks alike; None: it is not among them."""
    return [next((place for place, number in enumerate(order) if number in some), None) for some in (right, alike)]


def look_alikes(index: Any) -> np.ndarray:
    """(M, M) bool: which models of a library have the same outlines from all around, as one chair in two colours."""
    from photo_pose.inference.library.records import views_file

    outlines = [np.load(views_file(index.folder, model))["coverage"].ravel() for model in index.models]
    rows = np.stack(outlines).astype(np.float32)
    squares = (rows**2).sum(1)
    return np.sqrt(np.maximum(squares[:, None] + squares - 2 * rows @ rows.T, 0) / rows.shape[1]) < ALIKE


def measure(chosen: Sequence[Query], options: argparse.Namespace, path: Path) -> None:
    """Appends a line to path for every query that it has no line of."""
    done = {line["query"] for line in report.lines(path)}
    wanted = [query for query in chosen if query.id not in done]
    shelf = Shelf() if wanted else None
    began = time.perf_counter()
    with path.open("a", encoding="utf-8") as file:
        for number, query in enumerate(wanted, start=1):
            if time.perf_counter() - began > options.seconds:
                break
            line = shelf.answer(query, number + len(done) <= options.verify)
            file.write(json.dumps(line) + "\n")
            file.flush()
            print(f"{number} of {len(wanted)}  {query.id:48} {line['820'][0]}  {line['compared'][0]}", flush=True)


def costs(query: Query) -> list[Line]:
    """CPU seconds of both stages, and the most megabytes of the process so far, by the number of models; the last has
    as many views as 10,000 models by default, those of the simulated ones several times."""
    shelf = Shelf()
    from photo_pose.inference import matching
    from photo_pose.inference.geometry import Box
    from photo_pose.inference.library import shortlist
    from photo_pose.inference.photo.image import load_photo
    from photo_pose.inference.search import start_poses
    from photo_pose.inference.steps import finish
    from photo_pose.inference.verify import model_ranking

    many = SIZES[-1] * FULL_VIEWS // VIEWS
    photo = load_photo(query.photo)
    told = []
    for count in (10, *SIZES, many):
        index = _of_size(shelf, count)
        camera = matching.photo_camera(photo, focal=query.camera.focal)
        crops = start_poses.PhotoCrops(photo, camera, Box(*query.box), start_poses.UPRIGHT_ROLLS, shelf.extract)
        finish(crops.compute(range(len(crops.views))))  # which costs the same whatever is searched
        began = time.process_time()
        chosen = finish(shortlist.shortlist(crops, index))
        first = time.process_time()
        targets, _damaged = shortlist.shortlisted_targets(index, chosen)
        known = shortlist.known_likeness(chosen)
        finish(model_ranking.identify(crops, targets, None, None, count=0, known=known))
        second = time.process_time()
        line = {"models": count, "views": sum(piece.count for piece in index.pieces)}
        line |= {"first": first - began, "second": second - first}
        line["megabytes"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        told.append(line)
        print(line, flush=True)
    return told


def _of_size(shelf: Shelf, count: int) -> Any:
    """The first models of the library; more of them with the simulated ones, these again and again."""
    index, simulated = shelf.index, shelf.with_simulated
    if count <= len(index.models):
        first = index.pieces[0]._replace(count=count * VIEWS)
        return index._replace(models=index.models[:count], begins=index.begins[:count], pieces=[first])
    more = simulated.pieces[len(index.pieces) :]
    wanted, pieces = (count - len(index.models)) * VIEWS, [*index.pieces]
    while wanted > 0:
        pieces.append(more[0]._replace(count=min(wanted, more[0].count)))
        wanted -= pieces[-1].count
    models = [index.models[number % len(index.models)]._replace(file=f"{number}") for number in range(count)]
    return index._replace(models=models, begins=np.arange(count) * VIEWS, pieces=pieces)


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--half", choices=HALVES, default="test")
    parser.add_argument("--number", type=int, default=0, help="which picture of each model; default 0")
    parser.add_argument("--limit", type=int, help="only the first pictures")
    parser.add_argument("--verify", type=int, default=60, metavar="N", help="so many of them to the end; default 60")
    parser.add_argument("--seconds", type=float, default=float("inf"), help="stop after so many; the next run goes on")
    parser.add_argument("--run", default="library", help="name of the results")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--no-make", dest="make", action="store_false", help="the library is there")
    parser.add_argument(
        "--costs", action="store_true", help="also seconds and memory, of a machine with nothing else to do"
    )
    parser.add_argument(
        "--out", type=Path, default=Path("build/benchmark"), help="folder of library.md and library.png"
    )
    options = parser.parse_args(arguments)
    if options.make:
        make(options.threads)
    chosen = library_pictures.pictures(options.half, options.limit or library_pictures.MODELS, options.number)
    path = FOLDER.parent / f"{options.run}_{options.half}_{options.number}.jsonl"
    measure(chosen, options, path)
    spent = FOLDER.parent / f"{options.run}_costs.json"
    if options.costs:
        spent.write_text(json.dumps(costs(chosen[0])))
    lines = report.lines(path)
    options.out.mkdir(parents=True, exist_ok=True)
    text = page(
        lines,
        SIZES,
        f"{options.half} half, picture {options.number}",
        VIEWS,
        json.loads(spent.read_text()) if spent.exists() else [],
    )
    (options.out / "library.md").write_text(text, encoding="utf-8")
    plot(lines, SIZES).save(options.out / "library.png")
    print(text)


if __name__ == "__main__":
    try:
        main()
    except PoseError as error:
        sys.exit(str(error))
