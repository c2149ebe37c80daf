"""A list of photos or models in slices, on which machines of a farm work by themselves: "0-49", "7" or "0-4,9-12"."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from ...inference.errors import PoseError
from ...inference.files import writing

RANGE = re.compile(r"(\d+)(?:-(\d+))?")


def numbers_of(text: str) -> list[int]:
    """What a slice names, counted from 0, both ends included. PoseError where that is no slice."""
    ranges = [RANGE.fullmatch(part) for part in text.split(",")]
    found = [number for one in ranges if one for number in range(int(one[1]), int(one[2] or one[1]) + 1)]
    if None in ranges or not found or found != sorted(set(found)):
        raise PoseError(f'"{text}" is no slice: write it as 0-49, 7 or 0-4,9-12, counting from 0.')
    return found


def text_of(numbers: Iterable[int]) -> str:
    """The slice that names these, in their order, which rises."""
    ranges: list[list[int]] = []
    for number in numbers:
        if ranges and number == ranges[-1][1] + 1:
            ranges[-1][1] = number
        else:
            ranges.append([number, number])
    return ",".join(f"{first}-{last}" for first, last in ranges)


def chosen(text: str | None, count: int, things: str) -> list[int]:
    """The numbers that --slice names of so many things, such as photos; None: all. PoseError where there are fewer."""
    numbers = list(range(count)) if text is None else numbers_of(text)
    if numbers and numbers[-1] >= count:
        raise PoseError(f'Slice "{text}" is not among the {count} {things}, which are {text_of(range(count))}.')
    return numbers


def listing(folder: Path, text: str | None) -> Path:
    """The file with a line for each photo of a slice; None: of all."""
    return folder / ("results.jsonl" if text is None else f"results.{text_of(numbers_of(text))}.jsonl")


def listings(folder: Path) -> list[tuple[Path, list[int]]]:
    """Those of slices that are there, and what they are of; those written last come last."""
    found = [(path, re.fullmatch(r"results\.([\d,-]+)\.jsonl", path.name)) for path in folder.glob("results.*.jsonl")]
    written = sorted((path for path, named in found if named), key=lambda path: path.stat().st_mtime_ns)
    return [(path, numbers_of(path.name.split(".")[1])) for path in written]


def read_lines(path: Path) -> Iterator[dict[str, Any]]:
    """Of a listing, up to one that is not whole, as a machine leaves it that is switched off."""
    with writing(path, '"{path}" cannot be read ({reason}).'), path.open(encoding="utf-8", errors="replace") as file:
        for text in file:
            try:
                line = json.loads(text)
            except ValueError:
                return
            yield line
