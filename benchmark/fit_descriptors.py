"""`python -m benchmark.fit_descriptors`: fits the linear maps by which thousands of models are searched at once.

They learn from the furniture models of the tuning half. Views are rendered once, into the cache; what was stopped goes
on.
"""

from __future__ import annotations

import argparse
import sys
import time

import numpy as np

from benchmark import assets
from benchmark.library_pictures import files, half_of
from benchmark.train_chairs import render_views
from inference.errors import PoseError
from photo_pose.inference.networks.augmentation import Views

FOLDER = assets.CACHE.parent / "descriptors"
SEED = 1
EACH = 8  # random views of each model


def views() -> Views:
    """Random views of the tuning half's models, transparent around them; rendered where the cache has none."""
    names, parts = [name for name, half in half_of().items() if half == "tuning"], []
    began = time.perf_counter()
    for number, name in enumerate(names):
        path = FOLDER / f"{name.replace('/', '_')}_{EACH}_{SEED}.npz"
        if not path.exists():
            render_views(files()[name], EACH, [SEED, number], path)
            print(f"{number + 1} of {len(names)}  {name}  {time.perf_counter() - began:.0f} s", flush=True)
        with np.load(path) as data:
            parts.append(Views(data["rgba"], data["rotations"], np.full(EACH, number)))
    return Views(*(np.concatenate(field) for field in zip(*parts, strict=True)))


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--views", action="store_true", help="only render the views")
    parser.parse_args(arguments)
    views()


if __name__ == "__main__":
    try:
        main()
    except PoseError as error:
        sys.exit(str(error))
