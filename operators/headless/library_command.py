"""The headless command `library`: folders of models in, a library out that `which --library` and the panel search."""

from __future__ import annotations

import argparse

from ...inference.errors import printable
from ...inference.steps import finish
from ...inference.views.view_options import ViewOptions, subdivisions_for
from ..library.update import begun, forget, found_in, update
from . import slices
from .output import open_scene, threads
from .terminal import Progress, to_stderr


def run(options: argparse.Namespace) -> int:
    """Makes or updates the library; 0 when every model file could be read, else 1, or 0 with --exit-zero.

    PoseError when nothing can be done at all.
    """
    open_scene(options)
    forgotten = forget(options.out, options.forget) if options.forget else 0
    found = found_in(options.out, options.model, to_stderr)
    views = begun(options.out, asked_views(options), options.model)._replace(device=options.device)
    numbers = slices.chosen(options.slice, len(found), "model files")
    with threads(options.threads), Progress(options.quiet, options.progress == "openjd") as progress:
        progress.begin("Model file", len(numbers))
        steps = update(
            options.out,
            [found[number] for number in numbers],
            views,
            up=options.up_axis or None,
            gone=options.slice is None,
            done=progress.done,
            warn=to_stderr,
        )
        outcome = finish(steps, progress.told_of_all)
        for sentence in outcome.failed:
            progress.failed(sentence)
    removed, failed = outcome.removed + forgotten, len(outcome.failed)
    told = f"{outcome.made} made, {outcome.kept} as they were, {removed} removed, {failed} failed"
    print(printable(f"{options.out}: model files: {told}."))
    return 1 if outcome.failed and not options.exit_zero else 0


def asked_views(options: argparse.Namespace) -> ViewOptions | None:
    """None where nobody asks for any in particular."""
    if options.views is None and options.sphere is None:
        return None
    sphere = (options.sphere or "upper").upper()
    subdivisions = ViewOptions().subdivisions if options.views is None else subdivisions_for(options.views, sphere)
    return ViewOptions(sphere, subdivisions)
