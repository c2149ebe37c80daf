"""The headless command `train`: models in, a network file out."""

from __future__ import annotations

import argparse
import sys

import numpy as np

from ...inference.errors import printable
from ...inference.steps import finish
from ..pictures.saving import make_folder
from ..training_views.train_regressor import train_on
from .jobs import models_of
from .output import open_scene, threads
from .terminal import to_stderr


def run(options: argparse.Namespace) -> int:
    """Trains, and says so on the way; 0, or 1 when the user stops it. PoseError when it cannot be done."""
    open_scene(options)
    models = models_of(options)
    make_folder(options.out.parent)
    names = ("network", "views", "epochs", "backgrounds", "seed", "device", "resume")
    given = {name: getattr(options, name) for name in names}
    steps = train_on(models, options.out, sphere=options.sphere.upper(), keep=True, warn=to_stderr, **given)
    shown = 0

    def show(progress: float) -> None:
        nonlocal shown
        if int(100 * progress) > shown:
            shown = int(100 * progress)
            print(f"photo_pose: {shown} %", file=sys.stderr, flush=True)

    try:
        with threads(options.threads):
            training = finish(steps, show)
    except KeyboardInterrupt:
        print("photo_pose: Stopped; the same command with --resume goes on from there.", file=sys.stderr)
        return 1
    error = np.degrees(training.errors[training.best])
    print(printable(f"{options.out}: other views of the models are {error:.1f} degrees off in the mean."))
    return 0
