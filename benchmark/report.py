"""What the benchmark's results say: tables, a reliability diagram and the worst ten, as Markdown, JSON and pictures."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, ImageDraw, ImageFilter

from benchmark.queries import Query

RIGHT = 10.0  # degrees of view error below which an answer is right
FLIP = 150.0  # degrees of rotation error: a turn by half a circle is that far off from any height
BINS = 10  # of confidence
SIDE = 420  # px of the reliability diagram
TILE = 400  # px of a worst one
FOUND, TRUE = (255, 96, 0), (0, 220, 60)

Line = dict[str, Any]
GROUPS: tuple[Callable[[dict[str, Any]], str], ...] = (  # what is special about a picture, by its flags
    lambda flags: "other materials" if flags["materials"] else "own materials",
    lambda flags: "partly hidden" if flags["hidden"] > 0.05 else "not hidden",
    lambda flags: "cut off by the border" if flags["cut"] > 0.02 else "whole",
    lambda flags: f"backdrop: {flags['backdrop']}",
    lambda flags: f"lens: {'below' if flags['lens'] < 50 else 'above'} 50 mm",
    lambda flags: f"roll: {'below' if abs(flags['roll']) < 8 else 'above'} 8 degrees",
    lambda flags: f"elevation: {'below' if flags['elevation'] < 40 else 'above'} 40 degrees",
    lambda flags: f"category: {flags['category']}",
)


def lines(path: Path) -> list[Line]:
    """The results so far."""
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()] if path.exists() else []


def write(path: Path, chosen: Sequence[Query], variants: Sequence[str], folder: Path) -> None:
    """Writes report.md, report.json, reliability.png and worst.jpg about the chosen queries into folder."""
    folder.mkdir(parents=True, exist_ok=True)
    of = {query.id: query for query in chosen}
    results = {name: [x for x in lines(path) if x["variant"] == name and x["query"] in of] for name in variants}
    results = {name: found for name, found in results.items() if found}
    first = next(iter(results), None)
    if first is None:
        (folder / "report.md").write_text("There are no results yet.\n")
        return
    tables = {first: summary(results[first])} | _compared(results)
    groups = _grouped(results[first], of)
    trust = reliability(results[first])
    _reliability_diagram(trust).save(folder / "reliability.png")
    _worst(results[first], of, path.parent).save(folder / "worst.jpg", quality=85)
    numbers = {"variants": tables, "groups": groups, "reliability": trust}
    (folder / "report.json").write_text(json.dumps(numbers, indent=1))
    (folder / "report.md").write_text(_markdown(path.stem, first, tables, groups, trust))


def error(line: Line, key: str) -> float:
    """Of the first candidate: view, rotation (degrees), overlay or focal; the worst there is without an answer."""
    worst = {"view": 180.0, "rotation": 180.0, "overlay": 1.0, "focal": 1.0}[key]
    return line["candidates"][0].get(key, worst) if "candidates" in line else worst


def summary(found: Sequence[Line]) -> dict[str, float]:
    """Figures about some results; "right model" counts answers about the very model."""
    view, turn, overlay, focal = (
        np.array([error(line, key) for line in found]) for key in ("view", "rotation", "overlay", "focal")
    )
    answered = [line for line in found if "candidates" in line]
    best = [min([candidate.get("view", 180.0) for candidate in line["candidates"]]) for line in answered]
    seconds = [line["seconds"]["total"] for line in answered]
    return {
        "n": len(found),
        "failed": len(found) - len(answered),
        "right model": np.mean(["view" in line["candidates"][0] for line in answered]) if answered else 0.0,
        "view mean": view.mean(),
        "view median": np.median(view),
        "below 10": (view < RIGHT).mean(),
        "flips": float((turn > FLIP).sum()),
        "best candidate median": np.median(best) if best else 180.0,
        "best candidate mean": np.mean(best) if best else 180.0,
        "overlay median": np.median(overlay),
        "focal median": np.median(focal),
        "focal within 10 %": (focal < 0.1).mean(),
        "mask IoU": np.mean([line["mask_iou"] for line in answered]) if answered else 0.0,
        "seconds": np.median(seconds) if seconds else 0.0,
    }


def _compared(results: dict[str, list[Line]]) -> dict[str, dict[str, float]]:
    """Summaries of the variants, of the pictures that all of them were asked about."""
    shared = set.intersection(*({line["query"] for line in found} for found in results.values()))
    of = {name: [line for line in found if line["query"] in shared] for name, found in results.items()}
    return {f"{name}, {len(shared)} pictures": summary(found) for name, found in of.items() if found}


def _grouped(found: Sequence[Line], of: dict[str, Query]) -> dict[str, dict[str, float]]:
    """Summaries by what is special about the pictures."""
    groups: dict[str, list[Line]] = {}
    for group in GROUPS:
        named = [(group(of[line["query"]].flags), line) for line in found]
        for name in sorted({name for name, _ in named}):
            groups[name] = [line for other, line in named if other == name]
    return {name: summary(members) for name, members in groups.items()}


def reliability(found: Sequence[Line]) -> dict[str, Any]:
    """Confidence against the share of right answers: bins, expected calibration error and Brier score."""
    answered = [line for line in found if line.get("confidence") is not None]  # nearest views have none
    said = np.array([line["confidence"] for line in answered])
    right = np.array([error(line, "view") < RIGHT for line in answered], float)
    number = np.minimum((said * BINS).astype(int), BINS - 1)
    bins = [
        {"n": int(own.sum()), "said": float(said[own].mean()), "right": float(right[own].mean())}
        for own in (number == k for k in range(BINS))
        if own.any()
    ]
    gap = sum(part["n"] * abs(part["said"] - part["right"]) for part in bins) / len(said) if len(said) else 0.0
    brier = float(((said - right) ** 2).mean()) if len(said) else 0.0
    return {"bins": bins, "calibration error": gap, "Brier score": brier}


def _reliability_diagram(trust: dict[str, Any]) -> Image.Image:
    picture = Image.new("RGB", (SIDE + 60, SIDE + 60), "white")
    draw = ImageDraw.Draw(picture)

    def spot(x: float, y: float) -> tuple[float, float]:
        return 45 + x * SIDE, 10 + (1 - y) * SIDE

    for tick in np.linspace(0, 1, 6):
        draw.line([spot(0, tick), spot(1, tick)], "#dddddd")
        draw.text((15, spot(0, tick)[1] - 6), f"{tick:.1f}", "black")
        draw.text((spot(tick, 0)[0] - 9, SIDE + 14), f"{tick:.1f}", "black")
    draw.line([spot(0, 0), spot(1, 1)], "#999999", 2)
    for part in trust["bins"]:
        x, y = spot(part["said"], part["right"])
        spread = (part["right"] * (1 - part["right"]) / part["n"]) ** 0.5 * SIDE  # one standard error
        draw.line([(x, y - spread), (x, y + spread)], "#3366cc", 2)
        draw.ellipse((x - 5, y - 5, x + 5, y + 5), "#3366cc")
        draw.text((x + 8, y - 5), str(part["n"]), "#3366cc")
    draw.text((60, SIDE + 34), "confidence  (up: share of views off by less than 10 degrees)", "black")
    return picture


def _worst(found: Sequence[Line], of: dict[str, Query], folder: Path, count: int = 10) -> Image.Image:
    """Those with the largest view error: the found outline in orange, the true one in green."""
    worst = sorted(found, key=lambda line: -error(line, "view"))[:count]
    sheet = Image.new("RGB", (5 * TILE, -(-len(worst) // 5) * (TILE + 16)), "white")
    draw = ImageDraw.Draw(sheet)
    for number, line in enumerate(worst):
        corner = number % 5 * TILE, number // 5 * (TILE + 16)
        query = of[line["query"]]
        picture = Image.open(query.photo).convert("RGB")
        _outline(picture, Image.open(query.silhouette), TRUE)
        if "outline" in line:
            _outline(picture, Image.open(folder / line["outline"]), FOUND)
        picture.thumbnail((TILE - 4, TILE - 4))
        sheet.paste(picture, corner)
        said = f", confidence {line['confidence']:.2f}" if line.get("confidence") is not None else ""
        draw.text((corner[0], corner[1] + TILE), f"{query.id}: {error(line, 'view'):.0f} degrees{said}", "black")
    return sheet


def _outline(picture: Image.Image, shape: Image.Image, colour: tuple[int, int, int]) -> None:
    shape = shape.convert("L").resize(picture.size)
    edge = np.array(shape.filter(ImageFilter.MaxFilter(5))) != np.array(shape)
    picture.paste(colour, mask=Image.fromarray(edge))


def _markdown(run: str, first: str, tables: dict, groups: dict, trust: dict[str, Any]) -> str:
    parts = [
        f"# Benchmark, run {run}\n",
        "Path-traced pictures of models of `sweethome3d-furniture` (CC0 and CC-BY 3.0: the Blend Swap contributors,",
        "Andrew Kator & Jennifer Legaz, Scopia, Emmanuel Puybaret), matched by `python -m benchmark.accuracy`.\n",
        "View: angle between the true and the found direction from the model's centre to the camera, degrees.",
        f"Flips: turned by more than {FLIP:.0f} degrees. Overlay: mean distance of the projected vertices, in sizes of",
        "the model's box.\n",
        _table(tables, "variant"),
        f"\n## {first}, by what is special about the picture\n",
        _table(groups, "pictures"),
        f"\n## {first}: confidence\n",
        f"Expected calibration error {trust['calibration error']:.3f}, Brier score {trust['Brier score']:.3f}.\n",
        "![reliability](reliability.png)\n\n## The worst ten: found in orange, true in green\n\n![worst](worst.jpg)\n",
    ]
    return "\n".join(parts)


def _table(rows: dict[str, dict[str, float]], what: str) -> str:
    keys = list(next(iter(rows.values())))
    lines = [f"| {what} | " + " | ".join(keys) + " |", "|---" * (len(keys) + 1) + "|"]
    for name, row in rows.items():
        lines.append(f"| {name} | " + " | ".join(_shown(key, row[key]) for key in keys) + " |")
    return "\n".join(lines)


def _shown(key: str, value: float) -> str:
    if key in ("n", "failed", "flips"):
        return f"{value:.0f}"
    shares = ("right model", "below 10", "overlay median", "focal median", "focal within 10 %")
    return f"{value:.1%}" if key in shares else f"{value:.2f}"
