"""`python -m benchmark.photographs FOLDER`: matches a set of photographs with known poses, and tells how far off it is.

FOLDER/index.json: {"samples": [{id, set, category, photo, mesh, size, K, R, t, bbox, occluded, symmetry}]}, paths
relative to it; x_cam = R x + t in the numbers of the mesh file, OpenCV axes, pixel centres at integers; symmetry:
[{axis, n}], turns about the middle of the mesh's box after which it looks the same. All is matched with the product's
own defaults. Every answer is written down at once: what was stopped goes on where it was.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections import defaultdict
from collections.abc import Iterator, Sequence
from contextlib import closing
from itertools import groupby
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from benchmark import assets, report
from benchmark.accuracy import FOLDER, Workshop, product_hash
from benchmark.pose_errors import Truth, lens_errors, pose_errors, turns
from benchmark.report import RIGHT
from inference.errors import PoseError
from inference.geometry import Box, Camera

SURE = 0.9  # confidence
LARGE = 0.1  # share of the picture that the object's box covers
MOST_VERTICES = 3000

Line = dict[str, Any]


class Sample(NamedTuple):
    """A photograph of a model, and what is known of it."""

    id: str
    group: str
    category: str
    photo: Path
    mesh: Path
    truth: Truth


def samples(folder: Path, sets: Sequence[str] | None = None, limit: int | None = None) -> Iterator[Sample]:
    """Of the folder's index, those that nothing hides, one of each pose, model after model, at most limit of
    each."""
    listed = json.loads((folder / "index.json").read_text())["samples"]
    chosen = [one for one in listed if not one["occluded"] and (not sets or one["set"] in sets)]
    for _mesh, group in groupby(sorted(chosen, key=lambda one: one["mesh"]), key=lambda one: one["mesh"]):
        poses = {str((one["R"], one["t"])): one for one in reversed(list(group))}  # one light is enough
        of_model = list(reversed(poses.values()))
        vertices = _vertices(folder / of_model[0]["mesh"])
        for one in of_model[:limit]:
            yield _sample(one, folder, vertices)


def _sample(known: dict[str, Any], folder: Path, vertices: np.ndarray) -> Sample:
    K, world_to_camera = np.array(known["K"], float), np.eye(4)
    K[:2, 2] += 0.5  # pixel centres are at halves here
    world_to_camera[:3, :3], world_to_camera[:3, 3] = known["R"], known["t"]
    camera = Camera(K, np.linalg.inv(world_to_camera), tuple(known["size"]))
    same, middle = [np.eye(4)], (vertices.min(0) + vertices.max(0)) / 2
    for one in known.get("symmetry") or ():
        axis = np.array(one["axis"], float) / np.linalg.norm(one["axis"])
        same = [turned @ turn for turn in turns(axis, int(one["n"]), middle) for turned in same]
    names = known["id"], known["set"], known["category"], folder / known["photo"], folder / known["mesh"]
    return Sample(*names, Truth(camera, vertices, vertices.mean(0), Box(*known["bbox"]), same))


def _vertices(mesh: Path) -> np.ndarray:
    """(N, 3), some thousands at most, of an .obj or a .ply of text."""
    if mesh.suffix == ".ply":
        text = mesh.read_text(errors="replace").splitlines()
        count = int(next(line for line in text if line.startswith("element vertex")).split()[-1])
        first = text.index("end_header") + 1
        points = np.array([line.split()[:3] for line in text[first : first + count]], float)
    else:
        points = assets.vertices(mesh)
    return points[:: len(points) // MOST_VERTICES + 1]


def measure(chosen: Sequence[Sample], path: Path, options: argparse.Namespace) -> None:
    """Appends a line to path for every sample that it has no line of, model after model."""
    done = {line["id"] for line in report.lines(path)}
    wanted = [sample for sample in chosen if sample.id not in done]
    with closing(Workshop(options.threads, Path)) as workshop, path.open("a", encoding="utf-8") as file:
        for number, sample in enumerate(wanted, 1):
            line = {"id": sample.id, "set": sample.group, "category": sample.category}
            (width, height), box = sample.truth.camera.size, sample.truth.box
            line["large"] = box.width * box.height > LARGE * width * height
            began = time.process_time()
            try:
                line |= _answer(workshop, sample, _model(sample, chosen, options.wrong), options)
            except PoseError as error:
                line["error"] = str(error)
            line["seconds"] = time.process_time() - began
            file.write(json.dumps(line) + "\n")
            file.flush()
            told = line.get("error") or f"view {line['view']:6.1f}  overlay {line['overlay']:.4f}"
            print(f"{number} of {len(wanted)}  {sample.id:40} {told}  {line.get('confidence') or 0:.2f}", flush=True)


def _model(sample: Sample, chosen: Sequence[Sample], wrong: bool) -> Path:
    """The sample's model, or another one, of its category where there are several."""
    if not wrong:
        return sample.mesh
    kinds = [other.mesh for other in chosen if other.category == sample.category] + [other.mesh for other in chosen]
    return next(mesh for mesh in kinds if mesh != sample.mesh)


def _answer(workshop: Workshop, sample: Sample, model: Path, options: argparse.Namespace) -> Line:
    from photo_pose.inference import matching
    from photo_pose.inference.errors import PoseError as ProductError
    from photo_pose.inference.geometry import Box as ProductBox
    from photo_pose.inference.look import Look
    from photo_pose.inference.photo.image import load_photo
    from photo_pose.inference.steps import finish
    from photo_pose.operators.blender.models import placed

    workshop.fetch([str(model)])
    photo, lens = load_photo(sample.photo), {}
    if not options.no_focal:
        lens = {"focal": sample.truth.camera.focal, "principal_point": tuple(sample.truth.camera.K[:2, 2])}
    camera = matching.photo_camera(photo, **lens)
    told = {"lens": matching.photo_focal(photo) if options.no_focal else None, "all_around": workshop.all_around}
    box = None if options.no_box else ProductBox(*sample.truth.box)
    given = photo, camera, box, list(workshop.targets.values()), workshop.renderer
    try:
        found_box, found = finish(matching.find_and_match(*given, Look(stands=options.stands, device="cpu"), **told))
    except ProductError as error:
        raise PoseError(str(error)) from error
    own, _scale = placed(workshop.roots[str(model)])
    judged = [
        {"score": one.score, "alike": bool(one.alike), **_agreement(one), **pose_errors(one.camera, own, sample.truth)}
        for one in found.candidates
    ]
    best = min(judged, key=lambda one: one["view"])["view"]
    judged[0] |= lens_errors(found.candidates[0], sample.truth.camera.focal)
    line = {
        **judged[0],
        "true_focal": sample.truth.camera.focal,
        "best_of_candidates": best,
        "confidence": found.confidence,
        "candidates": judged,
    }
    return {**line, "box": list(found_box), "wrong_model": options.wrong, "located": options.no_box}


def _agreement(candidate: Any) -> Line:
    known = candidate.agreement
    return {} if known is None else {"agreement": [float(value) for value in known]}


def table(found: Sequence[Line]) -> Iterator[str]:
    """Rows of Markdown: all, by set, by category, by size; then what the confidence is worth."""
    groups: dict[str, list[Line]] = defaultdict(list)
    for line in found:
        for name in ("all", line["set"], f"{line['set']}: {line['category']}", "large" if line["large"] else "small"):
            groups[name].append(line)
    columns = ("view", "overlay", "focal", "best_of_candidates")
    yield "| | n | " + " | ".join(f"{name} mean/median" for name in columns) + " | < 10° | best < 10° | seconds |"
    yield "|---" * (len(columns) + 5) + "|"
    for name, some in groups.items():
        good = [line for line in some if "error" not in line]
        cells = [_both([line[column] for line in good]) for column in columns]
        right = [sum(line[column] < RIGHT for line in good) / len(some) for column in ("view", "best_of_candidates")]
        seconds = np.mean([line["seconds"] for line in some])
        yield f"| {name} | {len(some)} | " + " | ".join(cells) + f" | {right[0]:.0%} | {right[1]:.0%} | {seconds:.1f} |"
    told = [(line["confidence"], line["view"] < RIGHT) for line in found if line.get("confidence") is not None]
    if told:
        sure, right = np.array(told, float).T
        wrong = int(((sure >= SURE) * (1 - right)).sum())
        brier = ((sure - right) ** 2).mean()
        yield ""
        yield f"Confidence: mean {sure.mean():.2f}, right {right.mean():.0%}, Brier {brier:.3f};"
        yield f"of {int((sure >= SURE).sum())} told with {SURE} or more {wrong} are wrong."


def _both(values: Sequence[float]) -> str:
    return f"{np.mean(values):.3g}/{np.median(values):.3g}" if values else "-"


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--sets", nargs="+", metavar="NAME", help="only these sets of the folder")
    parser.add_argument("--limit", type=int, help="photographs of each model, at most")
    parser.add_argument("--every", type=int, default=1, metavar="N", help="every so manieth only, of all kinds alike")
    parser.add_argument("--no-box", action="store_true", help="the object is looked for")
    parser.add_argument("--no-focal", action="store_true", help="the focal length is estimated")
    parser.add_argument("--wrong", action="store_true", help="asks for another model, of the same category if possible")
    parser.add_argument("--stands", default="AUTOMATIC", choices=("AUTOMATIC", "UPRIGHT", "ANY_WAY"))
    parser.add_argument("--run", help="name of the results; default: a hash of the matcher's sources")
    parser.add_argument("--threads", type=int, default=1)
    options = parser.parse_args(arguments)
    FOLDER.mkdir(parents=True, exist_ok=True)
    asked = [name for name in ("no_box", "no_focal", "wrong") if getattr(options, name)]
    path = FOLDER / ("_".join([options.run or product_hash(), options.folder.resolve().name, *asked]) + ".jsonl")
    chosen = list(samples(options.folder.resolve(), options.sets, options.limit))[:: options.every]
    measure(chosen, path, options)
    names = {sample.id for sample in chosen}
    print("\n".join(table([line for line in report.lines(path) if line["id"] in names])))


if __name__ == "__main__":
    try:
        main()
    except PoseError as error:
        sys.exit(str(error))
