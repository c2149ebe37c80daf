"""Which model is in the photo: what the operator and the headless command share."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from ...inference.geometry import Box, Camera
from ...inference.photo.image import Photo
from ...inference.steps import Steps, all_aside
from ..pictures.model_targets import extractor, mask_box

if TYPE_CHECKING:
    from ...inference.search.model_likeness import Answer
    from ...inference.search.start_poses import Target
    from ...inference.verify.refinement import Renderer


@all_aside
def which(
    photo: Photo,
    camera: Camera,
    box: Box | None,
    targets: Sequence[Target],
    renderer: Renderer,
    *,
    mask: np.ndarray | None = None,
    any_roll: bool = False,
    network: str = "efficientnet_lite0",
    device: str = "auto",
) -> Steps[tuple[Box, list[Answer]]]:
    """Which of the targets the photo shows: the box, given or found, and all of them, best first.

    network: of the features; a regressor, which knows no models, leaves this to those of the targets' templates.
    """
    from ...inference.networks.loading import load_network
    from ...inference.networks.salient_objects import proposed_boxes
    from ...inference.search import model_likeness, start_poses

    box = box or mask_box(mask, photo) or proposed_boxes(photo, load_network("u2netp"))[0]
    rolls = start_poses.ALL_ROLLS if any_roll else start_poses.UPRIGHT_ROLLS
    crops = start_poses.PhotoCrops(photo, camera, box, rolls, extractor(network, device), mask)
    return box, (yield from model_likeness.identify(crops, targets, renderer))
