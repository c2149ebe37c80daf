"""The headless command `prepare`: models in, their training views into the cache, and nothing else."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import NamedTuple

import bpy

from ...inference.errors import PoseError
from ...inference.steps import finish, shares
from ..blender.models import chosen_models
from ..blender.own_data_blocks import added_to, remove
from ..models.model_files import import_models, model_files
from ..pictures.model_targets import onboarded
from ..pictures.saving import make_folder
from ..pictures.view_cache import UNWRITABLE, cache_folder
from . import slices
from .jobs import view_options
from .match_command import check_network
from .output import open_scene, threads
from .terminal import Progress, to_stderr


class Unit(NamedTuple):
    """What is prepared at once, and its name: a model file with all its models, or a model of the scene."""

    name: str
    models: Callable[[], list[bpy.types.Object]]


def run(options: argparse.Namespace) -> int:
    """Prepares all models; 0 when every one can be matched, else 1, or 0 with --exit-zero.

    PoseError when nothing can be done at all.
    """
    open_scene(options)
    units = units_of(options)
    numbers = slices.chosen(options.slice, len(units), "models")
    cache = options.cache or cache_folder()
    make_folder(cache, UNWRITABLE)
    check_network(options, patches=False)
    failed = 0
    with threads(options.threads), Progress(options.quiet, options.progress == "openjd") as progress:
        progress.begin("Model", len(numbers))
        for number in numbers:
            unit = units[number]
            try:
                views = _prepared(unit, options, cache, progress)
                progress.done(unit.name, f"{views} training views")
            except PoseError as error:
                progress.failed(str(error))
                progress.done(unit.name, str(error))
                failed += 1
    return 1 if failed and not options.exit_zero else 0


def units_of(options: argparse.Namespace) -> list[Unit]:
    """Of the files and folders, in their order, else of the scene."""
    if options.model:
        files = [file for path in options.model for file in model_files(path)]
        return [Unit(str(file), partial(import_models, bpy.context.scene, file, options.up_axis)) for file in files]
    return [Unit(root.name, lambda root=root: [root]) for root in chosen_models(bpy.context.scene, options.object)]


def _prepared(unit: Unit, options: argparse.Namespace, cache: Path, progress: Progress) -> int:
    """How many training views it has; what it brought into the scene is gone again, for there may be thousands."""
    brought: list[bpy.types.ID] = []
    try:
        with added_to(brought):
            roots = unit.models()
        views = 0
        for root, (began, done) in shares(roots):
            steps = onboarded(root, view_options(options), cache, to_stderr)
            target = finish(steps, lambda share, began=began, done=done: progress.told(began + share * (done - began)))
            views += len(target.index.templates.directions)
        return views
    finally:
        remove(brought)
