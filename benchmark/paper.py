"""`python -m benchmark.paper`: the paper's experiments on other chairs, as a report with plots.

Pictures and nearest views are kept in the cache, so that what was stopped goes on.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
import torch

from benchmark import paper_regressors, paper_report
from benchmark.chairs import chairs
from benchmark.paper_nearest import (
    Tests,
    available_inception,
    nearest_views,
    network_describer,
    sift_describer,
)
from benchmark.paper_pictures import GRAPHICS, PHOTO_LIKE, WHITE, Wanted, pictures
from benchmark.product import ROOT
from benchmark.protocol import Nearest, chance, errors, estimated, growth, others, summary, voted
from inference.errors import PoseError
from photo_pose.inference.errors import PoseError as ProductError
from photo_pose.inference.geometry import view_sphere
from photo_pose.inference.networks.inception import LAYER

FOLDER = ROOT / "build" / "benchmark" / "paper"
KINDS = GRAPHICS, PHOTO_LIKE
COUNTS = 1, 2, 4, 8, 16, 32, 48  # of models, in the plot of the error against their number
DRAWS = 5  # random choices of so many models


class Row(NamedTuple):
    """A line of the main table: a system, the table of nearest views it looks into, and what the paper measured for
    it, degrees in the mean, on graphics and on photos. own: also or only among the views of the very model; rule: from
    nearest views to a direction."""

    system: str
    table: str
    paper: tuple[str, str] = ("", "")
    own: str = "left out"
    rule: Callable[[Nearest, np.ndarray, np.ndarray], np.ndarray] = estimated


class Experiment(NamedTuple):
    """All that is measured on: models, test pictures, the number (T,) of each picture's model, tables by name."""

    models: Sequence[str]
    tests: Tests
    own: np.ndarray
    tables: dict[str, Nearest]


def rows(inception: str) -> list[Row]:
    """The systems that look for nearest views; inception: the name of its layer."""
    lite = "efficientnet_lite0:11"
    return [
        Row("SIFT spatial pyramid, 2-NN", "sift intersection", ("52", "")),
        Row(f"{inception}, 2-NN", f"{inception} L2", ("15", "14")),
        Row(f"{lite}, 2-NN", f"{lite} L2"),
        Row(f"{inception}, 2-NN by angle", f"{inception} cosine"),
        Row(f"{lite}, 2-NN by angle", f"{lite} cosine"),
        Row(f"{inception}, vote by angle", f"{inception} cosine", rule=voted),
        Row(f"{lite}, vote by angle", f"{lite} cosine", rule=voted),
        Row("SIFT spatial pyramid, 2-NN", "sift intersection", own="only"),
        Row(f"{inception}, 2-NN", f"{inception} L2", own="only"),
        Row(f"{lite}, 2-NN", f"{lite} L2", own="only"),
        Row(f"{lite}, 2-NN by angle", f"{lite} cosine", own="only"),
        Row(f"{inception}, 2-NN", f"{inception} L2", own="too"),
        Row(f"{lite}, 2-NN by angle", f"{lite} cosine", own="too"),
    ]


def measure(experiment: Experiment, inception: str, seed: int, controls: Sequence[str]) -> dict:
    """All figures of the report, degrees; controls: names of control experiments."""
    results = {"models": list(experiment.models), "seed": seed, "inception": inception, "rows": []}
    guesses: dict[str, Callable] = {"random guess": _random, "mean pose": _mean}
    for system, guess in guesses.items():
        found = {kind: summary(guess(experiment.tests.directions[experiment.tests.kinds == kind])) for kind in KINDS}
        results["rows"].append({"system": system, "own": "left out", "paper": ("", ""), **found})
    for row in rows(inception):
        found = by_kind(experiment, row.table, row.own, row.rule)
        results["rows"].append({"system": row.system, "own": row.own, "paper": row.paper, **found})
    results["rows"] += _unseen(experiment, inception, seed, controls)
    results["layers"] = {
        table: {kind: found["mean"] for kind, found in by_kind(experiment, table).items()}
        for table in experiment.tables
    }
    results["growth"] = {row.system: _growth(experiment, row, seed) for row in rows(inception) if row.own == "left out"}
    return results


def _unseen(experiment: Experiment, inception: str, seed: int, controls: Sequence[str]) -> list[dict]:
    """Regressors, and beside them nearest views of the chairs that these have learnt from, on all other chairs."""
    chosen, learnt = paper_regressors.unseen(experiment.tests), paper_regressors.learnt(list(experiment.models))
    if not chosen.any() or not learnt.any():
        return []
    truth, kinds = experiment.tests.directions[chosen], experiment.tests.kinds[chosen]
    systems = list(paper_regressors.directions(experiment.tests, seed, controls))
    for row in rows(inception):
        if row.own == "left out":
            table = Nearest(*(values[chosen] for values in experiment.tables[row.table]))
            among = np.broadcast_to(learnt, table.index.shape[:2])
            systems.append((row.system, ("", ""), row.rule(table, among, view_sphere())))
            if row.rule is voted:
                both = voted(table, among, view_sphere(), paper_regressors.said(experiment.tests))
                systems.append((f"{row.system}, and {paper_regressors.BETTER}", ("", ""), both))
    found = []
    for system, paper, said in systems:
        off = errors(said, truth)
        summaries = {kind: summary(off[kinds == kind]) for kind in KINDS}
        found.append({"system": system, "own": "unseen", "paper": paper, **summaries})
    return found


def by_kind(
    experiment: Experiment, table: str, own: str = "left out", rule: Callable = estimated
) -> dict[str, dict[str, float]]:
    """The errors of what a table's nearest views say, for each kind of pictures."""
    among = others(experiment.own, len(experiment.models))
    among = {"left out": among, "only": ~among, "too": np.ones_like(among)}[own]
    found = errors(rule(experiment.tables[table], among, view_sphere()), experiment.tests.directions)
    return {kind: summary(found[experiment.tests.kinds == kind]) for kind in KINDS}


def _random(truth: np.ndarray) -> np.ndarray:
    return chance(view_sphere(), truth)


def _mean(truth: np.ndarray) -> np.ndarray:
    """The mean of the training views is straight above."""
    return errors(np.broadcast_to(view_sphere().sum(0), truth.shape), truth)


def _growth(experiment: Experiment, row: Row, seed: int) -> dict[str, dict[int, float]]:
    """Mean errors when only some of the models have views, by kind and number of them, the own one not counted."""
    views, allowed = view_sphere(), others(experiment.own, len(experiment.models))
    counts = [count for count in COUNTS if count < len(experiment.models) - 1] + [len(experiment.models)]
    means: dict[str, dict[int, list[float]]] = {kind: {} for kind in KINDS}
    for count, some in growth(counts, len(experiment.models), seed, DRAWS):
        among = allowed & some
        everyone = bool(some.all())
        asked = ~some[experiment.own] | everyone  # so that every picture has as many others
        table = Nearest(*(values[asked] for values in experiment.tables[row.table]))
        found = errors(row.rule(table, among[asked], views), experiment.tests.directions[asked])
        for kind in KINDS:
            chosen = found[experiment.tests.kinds[asked] == kind]
            means[kind].setdefault(count - everyone, []).append(float(chosen.mean()))
    return {kind: {count: float(np.mean(values)) for count, values in some.items()} for kind, some in means.items()}


def take(models: Sequence[str], sets: Sequence[Wanted]) -> None:
    """Takes the pictures that the cache does not have."""
    missing = [(model, wanted) for model in models for wanted in sets if not wanted.path(model).exists()]
    for number, (model, wanted) in enumerate(missing, start=1):
        began = time.process_time()
        pictures(wanted, model)
        print(f"{number} of {len(missing)}  {time.process_time() - began:.1f} s  {wanted.kind} {model}", flush=True)


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--models", type=int, default=len(chairs()), help="only the first chairs; default: all")
    parser.add_argument("--views", type=int, default=12, help="test views of every chair before skies and photos")
    parser.add_argument("--photos", type=int, default=3, help="photo-like pictures of every chair")
    parser.add_argument("--seed", type=int, default=0, help="of test views, backdrops, visual words, choices of chairs")
    parser.add_argument("--no-controls", action="store_true", help="do not train the control experiments")
    parser.add_argument("--threads", type=int, default=1)
    options = parser.parse_args(arguments)
    if options.models < 2:
        raise PoseError("Leaving one model out takes at least two.")
    torch.set_num_threads(options.threads)
    models = list(chairs())[: options.models]
    sets = Wanted(GRAPHICS, options.views, options.seed), Wanted(PHOTO_LIKE, options.photos, options.seed)
    take(models, (Wanted(WHITE), *sets))
    tests = Tests.of(models, sets)
    tables: dict[str, Nearest] = {}
    inception = available_inception()
    for describer in (
        network_describer("efficientnet_lite0"),
        network_describer(inception),
        sift_describer(models, options.seed),
    ):
        tables |= nearest_views(describer, models, tests)
    own = np.array([models.index(model) for model in tests.models])
    chosen = f"inception_v3:{min(LAYER, int(inception.partition(':')[2]))}"
    controls = () if options.no_controls else tuple(paper_regressors.CONTROLS)
    results = measure(Experiment(models, tests, own, tables), chosen, options.seed, controls)
    paper_report.write(results, tests, FOLDER)
    print(f"Report: {FOLDER / 'report.md'}")


if __name__ == "__main__":
    try:
        main()
    except (PoseError, ProductError) as error:
        sys.exit(str(error))
