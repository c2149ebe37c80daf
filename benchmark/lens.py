"""`python -m benchmark.lens NAME=RESULTS ...`: how far focal lengths are off that nobody told, and whether their
deviations are honest.

RESULTS: files that benchmark.accuracy (its variant "unknown focal") and benchmark.photographs --no-focal have written.
Writes lens.md and lens.png into a folder.
"""

from __future__ import annotations

import argparse
from collections import defaultdict
from collections.abc import Iterator, Sequence
from math import erf, sqrt
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, ImageDraw

from benchmark import report
from benchmark.report import RIGHT

SIDE = 420  # px of the diagram
FARTHEST = 4.0  # deviations that it shows
WIDE = 50.0  # mm, on a sensor 36 mm wide: perspective tells shorter ones best
FULL_FRAME = 36.0
COLOURS = ("#3366cc", "#cc6633", "#339966", "#993399", "#666666")

Line = dict[str, Any]


def results(path: Path) -> list[Line]:
    """Of a file: the lens of every answer that estimated one, with its kind, its true focal length in mm on a sensor
    36 mm wide, and whether the view is right."""
    found = []
    for line in report.lines(path):
        if line.get("variant", "unknown focal") != "unknown focal":
            continue
        best = line["candidates"][0] if "candidates" in line else line
        if "lens" in best:
            mm = best.get("true_focal", line.get("true_focal")) / best["lens"]["longer side"] * FULL_FRAME
            kind = line.get("category") or line.get("half")
            found.append({**best["lens"], "mm": mm, "kind": kind, "right": best["view"] < RIGHT})
    return found


def summary(some: Sequence[Line]) -> dict[str, float]:
    """Errors in shares of the true focal length; how many of the truths lie within one and two deviations."""
    off, deviation = (np.array([line[key] for line in some]) for key in ("off", "deviation"))
    error, away = np.abs(np.expm1(off)), np.abs(off) / deviation
    return {
        "n": len(some),
        "median": float(np.median(error)),
        "mean": float(error.mean()),
        "within 10 %": float((error < 0.1).mean()),
        "deviation, median": float(np.median(deviation)),
        "within one": float((away < 1).mean()),
        "within two": float((away < 2).mean()),
    }


def groups(name: str, some: Sequence[Line]) -> Iterator[tuple[str, list[Line]]]:
    """All of a file, and what of it is alike."""
    yield name, list(some)
    yield f"{name}: below {WIDE:.0f} mm", [line for line in some if line["mm"] < WIDE]
    yield f"{name}: told by lines, too", [line for line in some if "LINES" in line["by"]]
    yield f"{name}: lines differ", [line for line in some if line["differ"]]
    kinds: dict[str, list[Line]] = defaultdict(list)
    for line in some:
        kinds[line["kind"]].append(line)
    for kind, members in sorted(kinds.items()) if len(kinds) > 1 else ():
        yield f"{name}: {kind}", members


def table(rows: dict[str, dict[str, float]]) -> str:
    keys = list(next(iter(rows.values())))
    lines = ["| | " + " | ".join(keys) + " |", "|---" * (len(keys) + 1) + "|"]
    for name, row in rows.items():
        cells = [f"{row[key]:.0f}" if key == "n" else f"{row[key]:.1%}" for key in keys]
        lines.append(f"| {name} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


def diagram(files: dict[str, Sequence[Line]]) -> Image.Image:
    """The share of truths that lie within so many deviations, beside that of a normal distribution (grey)."""
    picture = Image.new("RGB", (SIDE + 60, SIDE + 60), "white")
    draw = ImageDraw.Draw(picture)
    reach = np.linspace(0, FARTHEST, 161)

    def spots(shares: np.ndarray) -> list[tuple[float, float]]:
        return [(45 + x / FARTHEST * SIDE, 10 + (1 - y) * SIDE) for x, y in zip(reach, shares, strict=True)]

    for tick in np.linspace(0, 1, 6):
        (left, y), *_, (right, _) = spots(np.full(len(reach), tick))
        draw.line([(left, y), (right, y)], "#dddddd")
        draw.text((15, y - 6), f"{tick:.1f}", "black")
    for tick in range(int(FARTHEST) + 1):
        draw.text((42 + tick / FARTHEST * SIDE, SIDE + 14), f"{tick}", "black")
    draw.line(spots(np.array([erf(one / sqrt(2)) for one in reach])), "#999999", 3)
    for number, (name, some) in enumerate(files.items()):
        away = np.array([abs(line["off"]) / line["deviation"] for line in some])
        colour = COLOURS[number % len(COLOURS)]
        draw.line(spots((away[:, None] <= reach).mean(0)), colour, 2)
        draw.text((SIDE - 150, SIDE - 20 - 14 * number), f"{name} ({len(some)})", colour)
    draw.text((60, SIDE + 34), "deviations  (up: share of focal lengths off by no more)", "black")
    return picture


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("results", nargs="+", metavar="NAME=FILE", help="a name for the table, and a file of results")
    parser.add_argument("--out", type=Path, default=Path("build/benchmark"), help="folder")
    options = parser.parse_args(arguments)
    named = dict(one.split("=", 1) for one in options.results)
    files = {name: results(Path(path)) for name, path in named.items()}
    rows = {}
    for name, some in files.items():
        for title, members in groups(name, [line for line in some if line["right"]]):
            if members:
                rows[title] = summary(members)
        rows[f"{name}, wrong views too"] = summary(some)
    options.out.mkdir(parents=True, exist_ok=True)
    diagram({name: [line for line in some if line["right"]] for name, some in files.items()}).save(
        options.out / "lens.png"
    )
    text = [
        "# Focal lengths that nobody told",
        "Errors in shares of the true one; deviation: what is told; within one, within two: the shares of true focal "
        "lengths that lie so many deviations off (of a normal distribution 68 and 95 %). Of answers whose view is less "
        "than 10 degrees off, but for the rows that say otherwise.",
        table(rows),
        "![The share of truths within so many deviations](lens.png)",
    ]
    (options.out / "lens.md").write_text("\n\n".join(text) + "\n", encoding="utf-8")
    print(table(rows))


if __name__ == "__main__":
    main()
