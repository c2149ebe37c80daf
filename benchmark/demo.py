"""`make demo`: the main job on a real photo and on a path-traced one, compared with the known answers, and its cost
with and without PyTorch.

`--trace` path-traces that one anew, which gives other noise on another machine, and so slightly other figures.
"""

from __future__ import annotations

import argparse
import json
import shlex
import subprocess
import sys
import tempfile
from math import radians
from pathlib import Path
from typing import NamedTuple

import numpy as np
from PIL import Image

from benchmark import assets
from inference.errors import PoseError
from inference.geometry import Box, Camera, angle_between

ROOT = Path(__file__).resolve().parents[1]
OUT = ROOT / "build" / "demo"
CHAIR, CHAIR_LENS = ROOT / "benchmark" / "pictures" / "chair.jpg", 35  # mm
NOTE = "Path-traced by python -m benchmark.demo --trace from CC0 models; CC0, too."


class Case(NamedTuple):
    """A photo, the model in it, its vertices (N, 3), batch.py's options, the true camera in its axes."""

    name: str
    obj: Path
    photo: Path
    box: Box
    options: list[str]
    truth: Camera
    vertices: np.ndarray


def cube_case() -> Case:
    """A frame of a real film that the texture has not seen; the camera is known from measured corners."""
    cube = assets.cube()
    photo, truth = cube.frames[66]
    # The film's pixels are not quite square (1 %), which a photo's are: one focal length in between.
    focal = np.sqrt(truth.K[0, 0] * truth.K[1, 1])
    options = ["--focal", f"{focal:.1f}", "--principal-point", *(f"{c:.1f}" for c in truth.K[:2, 2])]
    box = Box.around(truth.project(cube.vertices))
    return Case("cube", cube.obj, photo, box, options, truth, cube.vertices)


def trace_chair() -> None:
    """A chair in a furnished room, seen 6 degrees from the nearest training view."""
    from benchmark.photograph import Piece, Shot, photograph

    names = ("chairWithCushion", "sofa2", "decorativePlant", "basketball")
    obj, sofa, plant, ball = (assets.furniture(f"blendswap-cc-0/{name}") for name in names)
    clutter = [Piece(sofa, (45, 190), radians(-12)), Piece(plant, (-62, 105)), Piece(ball, (42, 10))]
    shot = Shot(radians(-41), radians(15), radians(2.5), CHAIR_LENS, 195, (8, 37, 47), "interior")
    photograph(obj, clutter, shot, CHAIR, NOTE)


def chair_case() -> Case:
    """The picture of `trace_chair` that everybody has."""
    obj = assets.furniture("blendswap-cc-0/chairWithCushion")
    truth, vertices = camera_of(json.loads(CHAIR.with_suffix(".json").read_text())), assets.vertices(obj)
    left, top, right, bottom = Box.around(truth.project(vertices))
    box = Box(left - 6, top + 3, right + 4, bottom + 5)  # as a user would drag it
    return Case("chair", obj, CHAIR, box, ["--lens", f"{CHAIR_LENS}"], truth, vertices)


def run(case: Case, method: str = "match", device: str = "cpu", cache: Path | None = None) -> dict:
    """The line of results.jsonl that batch.py writes for the case; ends the program where batch.py fails."""
    out = OUT / "_".join([case.name, *(word for word in (method, device) if word not in ("match", "cpu"))])
    command = [sys.executable, ROOT / "batch.py", "--model", case.obj, "--photo", case.photo]
    command += ["--box", *(f"{edge:.1f}" for edge in case.box), *case.options, "--method", method, "--out", out]
    command += ["--threads", "2", "--device", device]  # the last digits, and so the figures, depend on them
    command += ["--cache", cache] if cache else []
    print(f"\n{case.name}, {method}: {shlex.join(str(word) for word in command)}", flush=True)
    status = subprocess.run(command, cwd=ROOT, check=False).returncode
    if status:
        sys.exit(status)
    return json.loads((out / "results.jsonl").read_text())


def report(case: Case, result: dict) -> None:
    """Prints how far the camera is from the known one."""
    found = camera_of(result)
    center = (case.vertices.min(0) + case.vertices.max(0)) / 2
    view = np.degrees(angle_between(found.position - center, case.truth.position - center))
    pixels = np.linalg.norm(found.project(case.vertices) - case.truth.project(case.vertices), axis=1).mean()
    share = pixels / max(case.box.width, case.box.height)
    print(f"  view angle off by {view:.1f} degrees")
    print(f"  model off by {pixels:.1f} px on average, {share:.1%} of the box")
    seconds = result["seconds"]
    print(f"  {seconds['total']:.1f} s, of which {seconds['render']:.1f} s for the training views")


def report_files(case: Case) -> None:
    """Prints where the results are."""
    print(f"  overlay picture  {_overlay(case)}")
    print(f"  Blender file     {OUT / case.name / 'matched.blend'}")
    print(f"  results          {OUT / case.name / 'results.jsonl'}")


def before_after(case: Case, path: Path) -> None:
    """Writes photo and overlay side by side."""
    pictures = [Image.open(file).convert("RGB") for file in (case.photo, _overlay(case))]
    width, height = pictures[0].size
    both = Image.new("RGB", (2 * width + 8, height), "white")
    for k, picture in enumerate(pictures):
        both.paste(picture.resize((width, height)), (k * (width + 8), 0))
    both.save(path)
    print(f"\nbefore and after: {path}")


class Cost(NamedTuple):
    """Seconds for the first photo of a model, with its training views, and for the next one."""

    first: float
    next: float


def cost(case: Case, device: str) -> tuple[Cost, dict]:
    """What a match costs whose networks run there, and the last answer."""
    with tempfile.TemporaryDirectory() as cache:
        first, last = (run(case, device=device, cache=Path(cache)) for _ in range(2))
    return Cost(first["seconds"]["total"], last["seconds"]["total"]), last


def report_backends(case: Case) -> None:
    """Prints what matching takes with PyTorch and with numpy alone, and how far the answers are apart."""
    (by_torch, one), (by_numpy, other) = (cost(case, device) for device in ("cpu", "numpy"))
    report(case, other)
    print(f"\n{case.name}, seconds      first photo, next photo")
    for name, seconds in (("with PyTorch", by_torch), ("with NumPy alone", by_numpy)):
        print(f"  {name:<18} {seconds.first:8.1f} {seconds.next:11.1f}")
    ratios = np.divide(by_numpy, by_torch)
    print(f"  {'times as long':<18} {ratios[0]:8.2f} {ratios[1]:11.2f}")
    apart = np.degrees(angle_between(*(camera_of(result).camera_to_world[:3, 2] for result in (one, other))))
    print(f"  the answers look in directions {apart:.2f} degrees apart")


def camera_of(result: dict) -> Camera:
    """Of a line of results.jsonl, in the numbers of the model's file."""
    world_to_camera = np.eye(4)
    world_to_camera[:3, :3], world_to_camera[:3, 3] = result["opencv"]["R"], result["opencv"]["t"]
    return Camera(np.array(result["opencv"]["K"]), np.linalg.inv(world_to_camera), tuple(result["size"]))


def _overlay(case: Case) -> Path:
    return OUT / case.name / f"{case.photo.stem}_overlay.png"


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--trace", action="store_true", help="path-trace the chair's picture anew (a minute)")
    print("Fetching photos and models.", flush=True)
    if parser.parse_args(arguments).trace:
        trace_chair()
    cube, chair = cube_case(), chair_case()
    for case in (cube, chair):
        report(case, run(case))
        report_files(case)
        report(case, run(case, "knn"))  # the paper's recipe, for comparison
    before_after(chair, OUT / "before_after.png")
    report_backends(chair)


if __name__ == "__main__":
    try:
        main()
    except PoseError as error:
        sys.exit(str(error))
