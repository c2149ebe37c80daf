"""Models as matching sees them: their training views, and what draws them again to judge poses."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

import bpy
import numpy as np
from bpy.app.translations import pgettext_rpt as rpt_

from ...inference.errors import PoseError
from ...inference.networks.registry import feature_name, is_regressor
from ...inference.steps import Steps, aside, shares, within
from ...inference.views.templates import Render
from ...inference.views.view_options import ViewOptions
from ..blender.missing_textures import warn_of_lacking
from ..blender.models import Model, evaluated, key_of, with_key
from ..running.log import LOG
from ..running.worker import on_main
from . import gpu_drawing
from .rendered_views import model_templates
from .rendering import studio
from .view_cache import cached_file

if TYPE_CHECKING:
    from ...inference.matching import AllAround
    from ...inference.search.start_poses import Target
    from ...inference.verify.refinement import Renderer

VERIFYING_SAMPLES = 2  # of Cycles, for views that verify a pose


def prepare(
    roots: Sequence[bpy.types.Object], options: ViewOptions, cache: Path, warn: Callable[[str], None] = LOG.warning
) -> Steps[list[Target]]:
    """Targets for matching: the training views of every model, rendered where the cache has none.

    warn is told, in a sentence, of a model that lacks textures, is left out, or can hardly be matched.
    PoseError where none is left.
    """
    from ...inference.networks.loading import feature_network, has_patches
    from ...inference.networks.regressor import load_regressor
    from ...inference.search.model_likeness import comparable

    if is_regressor(options.network):
        # where it is missing or damaged, say so before the rendering
        yield from aside(load_regressor, options.network, options.device)
    targets: list[Target] = []
    failed: list[PoseError] = []
    told = f"{rpt_('Model {number} of {count}')}: " if len(roots) > 1 else ""
    for number, (root, part) in enumerate(shares(roots), 1):
        which = told.format(number=number, count=len(roots))
        try:
            targets.append((yield from within(onboarded(root, options, cache, warn), *part, which)))
        except PoseError as error:
            failed.append(error)
    if failed and not targets:
        raise failed[0]
    for error in failed:
        warn(str(error))
    if has_patches((yield from aside(feature_network, feature_name(options.network), options.device))):
        targets = yield from aside(comparable, targets)
        told = rpt_('Model "{name}" is so thin that it can hardly be matched: only its shape tells.')
        for target in targets:
            if target.index.templates.thin:
                warn(told.format(name=target.name))
    yield 1.0
    return targets


def all_around(roots: Sequence[bpy.types.Object], options: ViewOptions, cache: Path) -> AllAround:
    """Prepares models with views from below, too, when somebody asks for them by name, and keeps them for the next."""
    known: dict[tuple[str, ...], list[Target]] = {}  # together, for what makes them comparable depends on all of them

    def ask(names: tuple[str, ...]) -> Steps[list[Target]]:
        if names not in known:
            asked = [root for root in roots if key_of(root) in names]
            known[names] = yield from prepare(asked, options._replace(sphere="FULL"), cache, LOG.debug)
        return known[names]

    return ask


def onboarded(root: bpy.types.Object, options: ViewOptions, cache: Path, warn: Callable[[str], None]) -> Steps[Target]:
    """A model's target. PoseError where there can be none."""
    from ...inference.search.start_poses import Target
    from ...inference.views.retrieval import Index

    with evaluated(root) as model:
        warn_of_lacking(model.name, model.lacking, warn)
        _warn_of_mirroring(model, warn)
        templates = yield from model_templates(model, options, cache)
        file = cached_file(model, options, cache)
    if not templates.coverage.any():
        raise PoseError(f'Model "{model.name}" is too thin or too small to be seen in any of its training views.')
    return Target(model.name, model.sphere, Index(templates), file)


def _warn_of_mirroring(model: Model, warn: Callable[[str], None]) -> None:
    """A render shows it so, but perhaps nobody wanted that; where only some parts are mirrored, somebody did."""
    if all(np.linalg.det(part.matrix[:3, :3]) < 0 for part in model.parts):
        told = rpt_('Model "{name}" is mirrored: make its scale positive, if the photo shows it the other way round')
        warn(told.format(name=model.name))


@contextmanager
def model_renderer() -> Iterator[Callable[[str], Render]]:
    """Gives what draws models, by their keys: with the graphics card where that is safe and faithful, else with Cycles.

    A model is set up when it is first asked for and stays so until the end. Work aside may ask for it, too.
    """
    with ExitStack() as opened:

        @cache
        def render(key: str) -> Render:
            return opened.enter_context(rendering(with_key(bpy.data.objects, key)))

        yield lambda key: lambda camera: on_main(lambda: render(key)(camera))


@contextmanager
def rendering(root: bpy.types.Object) -> Iterator[Render]:
    """Gives what draws a model to judge poses."""
    with evaluated(root) as model:
        drawn = gpu_drawing.preferable(model)
        with gpu_drawing.drawing(model) if drawn else studio(model, samples=VERIFYING_SAMPLES) as render:
            yield render


@contextmanager
def target_renderer() -> Iterator[Renderer]:
    """Gives what draws targets as `model_renderer` does."""
    with model_renderer() as render:
        yield lambda target: render(target.name)
