"""The paper's regressor and ours on chairs that no training saw, and its control experiments on what to learn from."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from benchmark.paper_nearest import Tests
from benchmark.paper_pictures import FOLDER
from benchmark.train_chairs import HELD_OUT, learnt_from, trained
from photo_pose.inference.geometry import view_sphere
from photo_pose.inference.networks.regressor import (
    REGRESSOR_CLASSES,
    Prediction,
    load_regressor,
    predict,
    save_regressor,
)
from photo_pose.inference.search.voting import foretold

# Part of the training until which pictures are plain, and from which on none is: white graphics, or like photos.
CONTROLS = {
    "on graphics": (1.0, 2.0),
    "on photo-like pictures": (-1.0, 0.0),
    "on graphics, then on photo-like pictures": (0.5, 0.51),
}
BETTER = "regressor_lite0"
CONTROLLED, CONTROL_EPOCHS = BETTER, 4  # four CPU-minutes each
PAPER = ("11", "29")  # degrees in the mean, trained on graphics of 150 chairs: on graphics, on photos


def learnt(models: list[str]) -> np.ndarray:
    """(M,) bool: which of these models the regressors have learnt from."""
    return np.isin(models, learnt_from())


def unseen(tests: Tests) -> np.ndarray:
    """(T,) bool: the pictures of chairs that no training saw."""
    return np.isin(tests.models, HELD_OUT)


def said(tests: Tests) -> np.ndarray:
    """(U, V): what the bundled BETTER regressor says of the unseen pictures, as shares of votes for the 209 views."""
    prediction = predict(load_regressor(BETTER, "cpu"), tests.crops[unseen(tests)])
    of_each = (Prediction(*(values[[number]] for values in prediction)) for number in range(len(prediction.rotations)))
    return np.stack([foretold(one, view_sphere()) for one in of_each])


def directions(tests: Tests, seed: int, controls: Sequence[str]) -> Iterator[tuple[str, tuple[str, str], np.ndarray]]:
    """What every regressor says of the unseen pictures: its name, the paper's figures for it, directions (U, 3)."""
    crops = tests.crops[unseen(tests)]
    for name in REGRESSOR_CLASSES:
        paper = PAPER if name == "regressor" else ("", "")
        yield f"{name}, bundled", paper, predict(load_regressor(name, "cpu"), crops).directions
    for control in controls:
        network = load_regressor(str(_controlled(control, seed)), "cpu")
        yield f"{CONTROLLED}, {CONTROL_EPOCHS} epochs {control}", ("", ""), predict(network, crops).directions


def _controlled(control: str, seed: int) -> Path:
    """The file of a control experiment's network, trained where the cache has none."""
    name = f"{control}, {CONTROL_EPOCHS} epochs, seed {seed}"
    path = FOLDER / "controls" / f"{CONTROLLED} {name}.npz"
    if not path.exists():
        training = trained(CONTROLLED, seed, name, CONTROLS[control], CONTROL_EPOCHS)
        save_regressor(training.network, path, {"control": control, "seed": seed})
    return path
