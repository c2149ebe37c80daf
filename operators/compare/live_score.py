"""How well a camera agrees with its photo while the user moves it by hand, in words, a few times a second."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING

import bpy
from bpy.app.translations import pgettext_iface as iface_

from ...inference.errors import PoseError
from ...inference.geometry import Box, Camera
from ...inference.steps import Steps, all_aside, aside
from ..running.long_operator import require_packages, until_undo
from ..running.worker import responsive

if TYPE_CHECKING:
    from ...inference.photo.image import Photo
    from ...inference.views.view_options import ViewOptions


class LiveScore:
    """Compares a photo with what a camera in the world sees of a model, in another thread.

    text may also tell what is not ready yet, or why there is no score. known: the first camera's score, as its match
    has it; then the others' are comparable with it.
    """

    def __init__(
        self,
        photo: Photo | None,
        camera: Camera,
        box: Box | None,
        root: bpy.types.Object,
        views: ViewOptions,
        known: float | None = None,
    ) -> None:
        self.text = iface_("Score …")
        self._camera, self._judged, self._gain, self._known = camera, None, 0.0, known
        self._steps = until_undo(responsive(self._scores(photo, camera, box, root, views)))

    def follow(self, camera: Camera) -> None:
        """Goes on for a moment; camera: which the next score is to be about."""
        self._camera = camera
        if self.ready:
            return
        try:
            with suppress(StopIteration):  # after an error
                progress = next(self._steps)
                if self._judged is None:
                    self.text = f"{iface_('Training Views')}: {progress:.0%}"
        except PoseError as error:
            self.text = str(error)

    @property
    def ready(self) -> bool:
        """Whether the text is about the camera."""
        return self._judged is self._camera

    @property
    def score(self) -> float | None:
        """Of the camera, where it can be compared with its match's."""
        return self._known + self._gain if self.ready and self._known is not None else None

    def close(self) -> None:
        self._steps.close()

    def _scores(
        self, photo: Photo | None, start: Camera, box: Box | None, root: bpy.types.Object, views: ViewOptions
    ) -> Steps[None]:
        if photo is None:
            raise PoseError("No score: the camera belongs to no photo.")
        yield from aside(require_packages)
        from ...inference.matching import aligner, crops_for, extractor
        from ...inference.verify.candidates import judge
        from ..pictures.model_targets import prepare, target_renderer
        from ..pictures.view_cache import cache_folder

        (target,) = yield from prepare([root], views, cache_folder())
        crops = crops_for(photo, start, box, extractor(views.network, views.device))
        camera, first, see = start, None, aligner(views.device)
        with target_renderer() as renderer:
            while True:
                seen = yield from all_aside(judge)(crops, target, camera, renderer, see)
                first = seen.score if first is None else first
                self._judged, self._gain = camera, seen.score - first
                base = first if self._known is None else self._known
                self.text = f"{iface_('Score')} {base + self._gain:.2f} ({self._gain:+.2f})"
                while self.ready:
                    yield 1.0
                camera = self._camera
