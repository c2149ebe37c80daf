"""`python -m benchmark.library_pictures`: takes pictures of the 820 furniture models, to search a library of them by.

The models are in two halves, families together; nothing is learnt or chosen on the test half. Pictures that are there
already are not taken again.
"""

from __future__ import annotations

import argparse
import hashlib
import re
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path

from benchmark import assets, queries
from benchmark.recipes import HALVES, Recipe, Subject, recipe_of
from inference.errors import PoseError

FOLDER = assets.CACHE.parent / "library_pictures"
MODELS = 100  # of each half that are photographed
LYING = 0.05  # height over length below which a thing lies flat: pictures from the side hardly show it
THIN = 0.2  # depth over width and height below which a thing is photographed from the front, as doors and switches are,
FACING = 60.0  # degrees about it
KEPT = 5  # every fifth photo is a backdrop of the test half only


@cache
def files() -> dict[str, Path]:
    return assets.all_furniture()


@cache
def half_of() -> dict[str, str]:
    """The half of every model: that of the benchmark's subjects, else by the hash of its family."""
    fixed = {_family(subject.name): half for half in HALVES for subject in HALVES[half]}
    return {name: fixed.get(_family(name)) or list(HALVES)[_digest(_family(name)) % 2] for name in files()}


def _family(name: str) -> str:
    """What models of one vendor have in common that are often alike: the first word of their names."""
    vendor, _, own = name.partition("/")
    return f"{vendor}/{re.match('[A-Z]*[a-z]*', own)[0]}"


def _digest(name: str) -> int:
    return int.from_bytes(hashlib.sha256(name.encode()).digest()[:4], "little")


def subjects(half: str) -> Iterator[Subject]:
    """The half's models that can be photographed, in an order by chance."""
    for name in sorted(files(), key=_digest):
        width, depth, height = assets.catalogue_size(name)
        if half_of()[name] == half and height > LYING * max(width, depth):
            thin = depth < THIN * min(width, height)
            yield Subject(name, assets.catalogue_category(name), within=FACING if thin else 180.0)


def recipes(half: str, models: int = MODELS, number: int = 0) -> list[Recipe]:
    """One picture each of a half's first models; even numbers are of their own colours. Those of the test half are
    taken before photos that are kept for that."""
    chosen = [recipe_of(subject, number) for subject in list(subjects(half))[:models]]
    return [_before_kept(recipe) for recipe in chosen] if half == "test" else chosen


def _before_kept(recipe: Recipe) -> Recipe:
    kept = kept_backdrops()
    return recipe if recipe.backdrop is None else recipe._replace(backdrop=kept[recipe.backdrop % len(kept)])


def kept_backdrops() -> list[int]:
    """Numbers of the photos before which nothing is learnt."""
    return [number for number in range(len(queries.backdrops())) if number % KEPT == 0]


@cache
def gallery() -> queries.Gallery:
    everything = {subject.name: subject for half in HALVES for subject in subjects(half)}
    return queries.Gallery(everything, files(), FOLDER)


def pictures(half: str, models: int = MODELS, number: int = 0) -> list[queries.Query]:
    """PoseError where some are not there yet."""
    return queries.taken(recipes(half, models, number), half, gallery(), "benchmark.library_pictures")


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--half", choices=HALVES, nargs="+", default=list(HALVES))
    parser.add_argument("--models", type=int, default=MODELS, help="of each half")
    parser.add_argument("--number", type=int, default=0, help="which picture of each")
    parser.add_argument("--threads", type=int, default=1)
    options = parser.parse_args(arguments)
    chosen = [recipe for half in options.half for recipe in recipes(half, options.models, options.number)]
    queries.take_all(chosen, gallery(), options.threads)


if __name__ == "__main__":
    try:
        main()
    except PoseError as error:
        sys.exit(str(error))
