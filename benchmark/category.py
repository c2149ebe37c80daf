"""`python -m benchmark.category`: how well a chair's direction is told by other chairs, against their number.

The chair in the picture is never among the models. Compared are the paper's rule (the mean of the two nearest views by
8 x 8 maps), the product's vote of the most alike views, and that together with a regressor of chairs, which has learnt
from none of those in the pictures. The error is the paper's, degrees.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from benchmark import queries, which
from benchmark.accuracy import _vertices
from benchmark.calibrate import RIGHT, fitted
from benchmark.product import ROOT
from benchmark.recipes import CLUTTER, HALVES, SUBJECTS
from inference.errors import PoseError
from inference.geometry import angle_between, view_sphere

COUNTS, DRAWS = (1, 2, 4, 8, 16, 32), 8  # of other chairs, and random choices of so many
PAPER = 199, 14  # other chairs, and the mean error of its two nearest views on photos
REGRESSOR = "regressor_lite0"
SPHERE = view_sphere(4)  # of which a vote chooses
# They face another way than Blender's front view, or have no front (see the packages' modelRotation).
FACELESS = {
    *("blendswap-cc-0/foldingChair", "blendswap-cc-0/stool2", "blendswap-cc-by/green_stool", "scopia/ext_chair"),
    *("scopia/bar_chair", "scopia/kitchen_stool", "scopia/tubular_chair", "blendswap-cc-0/deckChair"),
    *("scopia/armchair1", "scopia/chair", "scopia/kids_desk_chair", "scopia/silla_teca"),
}


class Views(NamedTuple):
    """How alike a picture and the V views of M chairs are: by 8 x 8 maps (M, V), and by the likeness that votes (M, V);
    foretold (S,): what the regressor says of directions; truth (3,): from where the picture was taken."""

    model: str
    maps: np.ndarray
    likeness: np.ndarray
    foretold: np.ndarray
    truth: np.ndarray


def chairs(count: int) -> list[str]:
    """Those of the gallery that face Blender's front view."""
    seats = {name for name, subject in SUBJECTS.items() if subject.category in ("chair", "armchair")}
    return [
        name
        for name in which.gallery(count)
        if (name in seats or name not in SUBJECTS) and name not in FACELESS and name not in CLUTTER
    ]


def compared(query: queries.Query, shelf: which.Shelf, names: Sequence[str]) -> Views:
    from photo_pose.inference import matching
    from photo_pose.inference.geometry import Box
    from photo_pose.inference.networks.regressor import load_regressor, predict
    from photo_pose.inference.photo.image import load_photo
    from photo_pose.inference.search import model_likeness, start_poses, voting
    from photo_pose.inference.search.regressed_starts import named
    from photo_pose.inference.steps import finish
    from photo_pose.inference.views.retrieval import pooled, unit

    photo = load_photo(query.photo)
    camera = matching.photo_camera(photo, focal=query.camera.focal)
    crops = start_poses.PhotoCrops(photo, camera, Box(*query.box), start_poses.UPRIGHT_ROLLS, shelf.extract)
    targets = [target for target in shelf.targets if shelf.names[target.name] in names]
    own = unit(pooled(finish(crops.compute([len(start_poses.SCALES) // 2]))))[0]
    maps = np.stack([target.index.coarse @ own for target in targets])
    likeness = voting.likeness(crops, finish(model_likeness.compare(crops, targets, of_a_kind=True)))
    said = named(crops, partial(predict, load_regressor(REGRESSOR, "cpu")))
    return Views(query.model, maps, likeness, voting.foretold(said, SPHERE), _direction(query))


def _direction(query: queries.Query) -> np.ndarray:
    """From the model to the camera, (3,), in Blender's axes: the file's vertical is Y."""
    points = _vertices(query.obj)
    x, y, z = query.camera.position - (points.min(0) + points.max(0)) / 2
    return np.array([x, -z, y])


def matched(query: queries.Query, shelf: which.Shelf, own: bool) -> float:
    """Degrees that the product's matching is off, which finds out by itself whether the photo shows none of the models;
    own: whether the very chair is one of them."""
    from photo_pose.inference import matching
    from photo_pose.inference.geometry import Box
    from photo_pose.inference.look import Look
    from photo_pose.inference.photo.image import load_photo
    from photo_pose.inference.steps import finish
    from photo_pose.operators.pictures import model_targets

    photo = load_photo(query.photo)
    camera = matching.photo_camera(photo, focal=query.camera.focal)
    targets = [target for target in shelf.targets if own or shelf.names[target.name] != query.model]
    with model_targets.target_renderer() as renderer:
        steps = matching.match(photo, camera, Box(*query.box), targets, renderer, Look(device="cpu"))
        best = finish(steps).candidates[0]
    (place,) = (target.sphere.center for target in targets if target.name == best.model)
    return float(np.degrees(angle_between(best.camera.position - place, _direction(query))))


def nearest_two(similarities: np.ndarray, directions: np.ndarray) -> np.ndarray:
    """The paper's answer, a direction (3,); the nearest one where the two are opposite."""
    first, second = directions[np.argsort(-similarities.ravel())[:2] % len(directions)]
    return first + second if np.linalg.norm(first + second) > 1e-6 else first


def errors(
    views: Sequence[Views], names: Sequence[str], count: int, answer: Callable[[Views, list[int]], np.ndarray]
) -> np.ndarray:
    """Degrees, of all pictures with DRAWS choices of count other chairs."""
    random = np.random.default_rng(0)
    found = []
    for one in views:
        others = [number for number, name in enumerate(names) if name != one.model]
        for _ in range(DRAWS):
            chosen = random.choice(others, min(count, len(others)), replace=False).tolist()
            found.append(angle_between(answer(one, chosen), one.truth))
    return np.degrees(found)


def figures(views: Sequence[Views], names: Sequence[str]) -> dict[str, Any]:
    from photo_pose.inference.search.voting import agreed, elected

    directions = _training_views(views)

    def vote(one: Views, chosen: list[int]) -> np.ndarray:
        return elected(one.likeness[chosen], directions, SPHERE)

    def alone(one: Views, _chosen: list[int]) -> np.ndarray:
        return SPHERE[one.foretold.argmax()]

    rules = {
        "paper": lambda one, chosen: nearest_two(one.maps[chosen], directions),
        "vote": lambda one, chosen: SPHERE[vote(one, chosen).argmax()],
        f"vote and {REGRESSOR}": lambda one, chosen: SPHERE[agreed(vote(one, chosen), one.foretold).argmax()],
        f"{REGRESSOR} alone": alone,
    }
    rows: dict[str, Any] = {"pictures": len(views), "chairs": len(names)}
    for rule, answer in rules.items():
        rows[rule] = []
        fewer = [count for count in COUNTS if count < len(names) - 1 and answer is not alone]
        for count in (*fewer, len(names) - 1):
            rows[rule].append({"models": count, **summary(errors(views, names, count, answer))})
    return rows


def _training_views(views: Sequence[Views]) -> np.ndarray:
    """(V, 3): directions of the chairs' views, which the pictures are compared with."""
    return view_sphere(3) if views[0].maps.shape[1] == 209 else view_sphere(2)


def summary(off: np.ndarray) -> dict[str, float]:
    """Of errors, degrees."""
    shares = {f"below {n}": round(float((off < n).mean()), 3) for n in (10, 15, 30)}
    return {"mean": round(float(off.mean()), 1), "median": round(float(np.median(off)), 1), **shares}


def odds(views: Sequence[Views], names: Sequence[str]) -> tuple[float, float]:
    """SHARE_ODDS and ODDS of votes: how sure the share of the votes makes, with a regressor and without one."""
    from photo_pose.inference.search.voting import agreed, elected

    directions = _training_views(views)
    shares, right = [], []
    for one in views:
        votes = elected(one.likeness[[name != one.model for name in names]], directions, SPHERE)
        for said in (votes, agreed(votes, one.foretold)):
            shares.append([said.max()])
            right.append(np.degrees(angle_between(SPHERE[said.argmax()], one.truth)) < RIGHT)
    (slope,), constant = fitted(np.array(shares), np.array(right))
    return slope, constant


def table(rows: dict[str, Any]) -> str:
    """Markdown: a line for every rule and number of other chairs."""
    lines = ["| rule | other chairs | mean | median | < 10 | < 15 | < 30 |", "|---|---|---|---|---|---|---|"]
    for rule in (rule for rule in rows if isinstance(rows[rule], list)):
        for row in rows[rule]:
            shares = " | ".join(f"{100 * row[f'below {n}']:.0f} %" for n in (10, 15, 30))
            lines.append(f"| {rule} | {row['models']} | {row['mean']:.1f} | {row['median']:.1f} | {shares} |")
    head = f"{rows['pictures']} pictures, views of {rows['chairs']} chairs; errors in degrees."
    return "\n".join([head, "", *lines, ""])


def plot(rows: dict[str, Any], path: Path) -> None:
    """Mean errors against the number of other chairs."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(6, 4), layout="constrained")
    axes = figure.subplots()
    for rule in (rule for rule in rows if isinstance(rows[rule], list)):
        points = [(row["models"], row["mean"]) for row in rows[rule]]
        axes.semilogx(*np.array(points).T, "-o", base=2, label=rule, markersize=4)
    axes.plot(*PAPER, "k*", label="published (photos of its own)")
    axes.xaxis.set_major_formatter("{x:g}")
    axes.set(xlabel="other chairs with views", ylabel="mean error, degrees")
    axes.set_ylim(bottom=0)
    axes.grid(alpha=0.3)
    axes.legend(fontsize="small")
    figure.savefig(path, dpi=110)


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--half", choices=HALVES, nargs="+", default=["test"])
    parser.add_argument("--models", type=int, default=which.MODELS, help="in the gallery, of which the chairs count")
    parser.add_argument("--subdivisions", type=int, default=3, choices=(2, 3), help="of the view sphere")
    parser.add_argument("--match", action="store_true", help="also what matching says by itself: half a minute each")
    parser.add_argument("--threads", type=int, default=1)
    options = parser.parse_args(arguments)
    names = chairs(options.models)
    shelf = which.Shelf(options.models, options.subdivisions, options.threads, names)
    chosen = [query for half in options.half for query in queries.queries(half) if query.model in names]
    views = [compared(query, shelf, names) for query in chosen]
    rows = figures(views, names)
    if options.match:
        for own, rule in ((True, "match, the very chair too"), (False, "match, the very chair not")):
            off = np.array([matched(query, shelf, own) for query in chosen])
            rows[rule] = [{"models": len(names) - 1 + own, **summary(off)}]
    halves = "+".join(options.half)
    path = ROOT / "build" / "benchmark" / f"category_{halves}_{options.models}_{options.subdivisions}.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(rows, indent=1))
    path.with_suffix(".md").write_text(table(rows))
    print(table(rows))
    print("SHARE_ODDS, ODDS = {:.2f}, {:.2f}".format(*odds(views, names)))
    plot(rows, path.with_suffix(".png"))


if __name__ == "__main__":
    try:
        main()
    except PoseError as error:
        sys.exit(str(error))
