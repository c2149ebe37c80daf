"""What the benchmark of libraries says: a page with tables, and a plot."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from PIL import Image, ImageDraw

from benchmark.report import RIGHT

FIRST = 1, 5, 10, 50
COLOURS = {1: "#d62728", 5: "#ff7f0e", 10: "#1f77b4", 50: "#2ca02c"}
SIDE = 420  # px of the plot
LOWEST = 0.5  # share at its bottom

HEAD = """`python -m benchmark.library`: {pictures} rendered pictures, each of another one of the {models} models of
Debian's `sweethome3d-furniture`, {which}, and how often its model is among the first ones; {views} training views a
model. In brackets models that look alike count as right, too: the same outlines from all around, as of one chair in two
colours. Of {all} models the others are simulated from the features of the real ones (stretched, cut and joined,
recoloured), for only stage one reads them."""
COSTS = """CPU seconds of the two stages before any model is rendered, and the most memory of the process with the
network by PyTorch; beside that a photo costs the features of its crops and the rendering, which do not depend on the
number of models. The last line has as many views as 10,000 models have by default, the simulated ones several times."""

Line = dict[str, Any]


def page(lines: Sequence[Line], sizes: Sequence[int], which: str, views: int, spent: Sequence[Line]) -> str:
    """Markdown; which: pictures these are; spent: seconds and megabytes by the number of models."""
    verified = [line for line in lines if "verified" in line]
    rows = [("one: descriptors", f"{size:,}", lines, str(size)) for size in sizes]
    rows += [("two: features of the first 50", f"{sizes[1]:,}", lines, "compared")]
    rows += [(f"three: eight or more are rendered ({len(verified)} pictures)", f"{sizes[1]:,}", verified, "verified")]
    table = ["| stage | models | " + " | ".join(f"first {n}" for n in FIRST) + " |", "|---" * (2 + len(FIRST)) + "|"]
    for name, models, some, key in rows:
        cells = [f"{share(some, key, n, False):.1%} ({share(some, key, n, True):.1%})" for n in FIRST]
        table.append(f"| {name} | {models} | " + " | ".join(cells) + " |")
    told = [
        "# Searching a library",
        HEAD.format(pictures=len(lines), models=sizes[1], which=which, views=views, all=f"{sizes[-1]:,}"),
        "\n".join(table),
        *_errors(verified),
        "![How often the right model is among the first ones of stage one](library.png)",
        *_costs(spent),
    ]
    return "\n\n".join(told) + "\n"


def share(lines: Sequence[Line], key: str, first: int, alike: bool) -> float:
    """How often the right model, or one that looks alike, is among the first ones."""
    ranks = [line[key][int(alike)] for line in lines]
    return float(np.mean([rank is not None and rank < first for rank in ranks])) if ranks else float("nan")


def _errors(verified: Sequence[Line]) -> list[str]:
    off = np.array([line["rotation_error"] for line in verified if line["verified"][0] == 0])
    if not len(off):
        return []
    told = (
        f"Where the right model comes first, its rotation is off by {np.median(off):.1f} degrees in the median, and by "
    )
    return [f"{told}less than {RIGHT:.0f} degrees in {np.mean(off < RIGHT):.0%} of the pictures."]


def _costs(spent: Sequence[Line]) -> list[str]:
    if not spent:
        return []
    heads = "models", "training views", "stage one, s", "stage two, s", "megabytes"
    table = [f"| {' | '.join(heads)} |", "|---" * len(heads) + "|"]
    for one in spent:
        numbers = f"{one['models']:,} | {one['views']:,} | {one['first']:.2f} | {one['second']:.2f}"
        table.append(f"| {numbers} | {one['megabytes']:.0f} |")
    return [COSTS, "\n".join(table)]


def plot(lines: Sequence[Line], sizes: Sequence[int]) -> Image.Image:
    """How often the right model is among the first ones of stage one, by the number of models."""
    picture = Image.new("RGB", (SIDE + 90, SIDE + 60), "white")
    draw = ImageDraw.Draw(picture)

    def spot(models: int, found: float) -> tuple[float, float]:
        across = np.log(models / sizes[0]) / np.log(sizes[-1] / sizes[0])
        return 45 + across * SIDE, 10 + (1 - max(found - LOWEST, 0) / (1 - LOWEST)) * SIDE

    for tick in np.linspace(LOWEST, 1, 6):
        draw.line([spot(sizes[0], tick), spot(sizes[-1], tick)], "#dddddd")
        draw.text((8, spot(sizes[0], tick)[1] - 6), f"{tick:.0%}", "black")
    for size in sizes:
        draw.text((spot(size, LOWEST)[0] - 10, SIDE + 16), f"{size:,}", "black")
    for first in FIRST:
        spots = [spot(size, share(lines, str(size), first, True)) for size in sizes]
        draw.line(spots, COLOURS[first], 2)
        draw.text((spots[-1][0] + 4, spots[-1][1] - 6), f"{first}", COLOURS[first])
    draw.text((60, SIDE + 36), "models  (up: share of pictures whose model is among the first ...)", "black")
    return picture
