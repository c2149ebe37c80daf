"""Models of a kind that a bundled regressor has learnt: it can tell from where a photo shows another one of them."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from ..pictures.training_views import thumbnail

if TYPE_CHECKING:
    from ...inference.search.regressed_starts import Predict
    from ...inference.search.start_poses import Target

ASKED = 24  # views, of all models together
REGRESSOR = "regressor_lite0"


def regressor_for(targets: Sequence[Target], device: str) -> Predict | None:
    """What names directions, where it names those of most of the targets' own views."""
    from ...inference.networks.regressor import load_regressor, predict
    from ...inference.search.regressed_starts import knows

    pictures, directions = _views(targets)
    if not pictures:
        return None
    named = partial(predict, load_regressor(REGRESSOR, device))
    return named if knows(named, np.stack(pictures), np.stack(directions)) else None


def _views(targets: Sequence[Target]) -> tuple[list[np.ndarray], list[np.ndarray]]:
    """Small pictures (S, S, 3) of about ASKED views from above, and their directions (3,); none where the cache has
    none."""
    pictures, directions, each = [], [], max(1, ASKED // len(targets))
    for number, target in enumerate(targets):
        seen = target.index.templates.directions
        above = np.flatnonzero(seen[:, 2] >= 0)
        apart = np.arange(each) / each + number / len(targets)  # so that few views of many models are not all alike
        for view in above[(apart % 1 * len(above)).astype(int)]:
            picture = thumbnail(target.file, int(view)) if target.file else None
            if picture:
                pictures.append(np.asarray(picture))
                directions.append(seen[view])
    return pictures, directions
