"""How well a camera agrees with its photo while the user moves it by hand, in words, a few times a second."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import closing
from typing import TYPE_CHECKING, TypeVar

import bpy
import numpy as np
from bpy.app.translations import pgettext_iface as iface_

from ..inference.errors import PoseError
from ..inference.geometry import Box, Camera
from ..inference.steps import Steps, finish
from .steps import require_packages

if TYPE_CHECKING:
    from ..inference.image import Photo
    from .views import ViewOptions

NETWORK = "efficientnet_lite0"
Result = TypeVar("Result")


def score_texts(
    photo: Photo | None, camera: Camera, box: Box | None, root: bpy.types.Object, views: ViewOptions
) -> Generator[str, Camera, None]:
    """Compares with camera, which is the photo's, in the world; is sent the one that the next text is to be about.

    A text may also tell what is not ready yet, or why there is no score.
    """
    try:
        yield iface_("Score …")
        yield from _scores(photo, camera, box, root, views)
    except PoseError as error:
        while True:
            yield str(error)


def _scores(
    photo: Photo | None, camera: Camera, box: Box | None, root: bpy.types.Object, views: ViewOptions
) -> Generator[str, Camera, None]:
    """The photo's features are computed once, and again when the lens changes."""
    if photo is None:
        raise PoseError("No score: the camera belongs to no photo.")
    require_packages()
    from ..inference.pose import Start, relative
    from ..inference.refinement import look_closely, verify
    from .matching import crops_for, extractor, prepare, target_renderer
    from .views import cache_folder

    (target,) = yield from _told(prepare([root], views, cache_folder()))
    crops = crops_for(photo, camera, box, extractor(NETWORK, "auto"))
    closeup = first = None
    with target_renderer() as renderer:
        while True:
            pose = relative(camera, target.sphere)
            if closeup is None or not np.allclose(closeup.pose.K, pose.K):
                (closeup,) = look_closely(crops, [Start(target, pose, 0.0)], [pose])
            (seen,) = finish(verify(crops, [closeup._replace(pose=pose)], renderer))
            first, judged = seen.score if first is None else first, camera
            while camera is judged:
                camera = yield f"{iface_('Score')} {seen.score:.2f} ({seen.score - first:+.2f})"


def _told(steps: Steps[Result]) -> Generator[str, Camera, Result]:
    progress = 0.0
    with closing(steps):
        while True:
            try:
                step = next(steps)
            except StopIteration as done:
                return done.value
            if isinstance(step, float):
                progress = step
            yield f"{iface_('Training Views')}: {progress:.0%}"
