"""Draws models of a library, which are in no scene, to judge poses: each is brought for as long as that takes."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from functools import cache

from ...inference.library.index import Index
from ...inference.library.records import unchanged_file
from ...inference.views.templates import Render
from ..models.borrowed_models import borrowed
from ..pictures.model_targets import rendering
from ..running.worker import on_main


@contextmanager
def library_renderer(index: Index) -> Iterator[Callable[[str], Render]]:
    """Gives what draws models of the library, by their keys, as `model_renderer` those of the scene.

    Each one's file is read when it is first drawn, PoseError where that fails, or where it has changed. The scene stays
    as it is.
    """
    models = index.by_key
    with ExitStack() as opened:

        @cache
        def render(key: str) -> Render:
            model = models[key]
            file = unchanged_file(index.folder, model.file, model.name)
            return opened.enter_context(rendering(opened.enter_context(borrowed(file, model.up, model.number))))

        yield lambda key: lambda camera: on_main(lambda: render(key)(camera))
