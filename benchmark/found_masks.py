"""`python -m benchmark.found_masks`: how good are masks that are found around the silhouette of a matched pose?

On pictures of the rendered benchmark; masks of what is visible are the truth.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Iterator
from contextlib import closing
from typing import Any

import numpy as np
from PIL import Image

from benchmark.accuracy import Variant, Workshop, _matched
from benchmark.queries import Query, queries

KINDS = ("silhouette alone", "colours")


def measured(workshop: Workshop, query: Query) -> Iterator[tuple[float, float]]:
    """Intersection over union with the truth, and CPU seconds, for each of KINDS."""
    from photo_pose.inference.photo.overlay_picture import intersection_over_union
    from photo_pose.inference.verify.segmentation import segment

    one, truth = _verified(workshop, query)
    for make in (lambda: one.alpha / 255, lambda: segment(one.closeup.picture, one.alpha)):
        began = time.process_time()
        mask = make()
        yield intersection_over_union(mask > 0.5, truth > 0.5), time.process_time() - began


def _verified(workshop: Workshop, query: Query) -> tuple[Any, np.ndarray]:
    """The best candidate, rendered in its own crop, and the true mask there."""
    from photo_pose.inference.geometry import Box
    from photo_pose.inference.networks.loading import extract_features, feature_network
    from photo_pose.inference.photo.image import load_photo
    from photo_pose.inference.pose.pose import relative
    from photo_pose.inference.search.start_poses import PhotoCrops, Start
    from photo_pose.inference.steps import finish
    from photo_pose.inference.verify.refinement import look_closely, verify

    workshop.fetch([query.model])
    best = _matched(query, Variant(), workshop).candidates[0]
    (target,) = workshop.targets.values()
    network = feature_network(device="cpu")
    mask = np.array(Image.open(query.mask).convert("L")) >= 128
    camera = best.camera.placed(np.eye(4))
    crops = PhotoCrops(
        load_photo(query.photo),
        camera,
        Box(*query.box),
        np.zeros(1),
        lambda some: extract_features(network, some),
        mask,
    )
    start = Start(target, relative(best.camera, target.sphere), 0.0)
    (one,) = finish(verify(crops, look_closely(crops, [start], [start.pose]), workshop.renderer))
    return one, crops.mask_in(one.closeup.view, one.closeup.pose.K)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--half", default="test")
    parser.add_argument("--limit", type=int, default=34, help="pictures, spread over the models")
    parser.add_argument("--threads", type=int, default=1)
    options = parser.parse_args()
    with closing(Workshop(options.threads)) as workshop:
        figures = np.array([list(measured(workshop, query)) for query in queries(options.half, options.limit)])
    for number, kind in enumerate(KINDS):
        overlap, seconds = figures[:, number].T
        print(f"{kind:22} IoU {overlap.mean():.3f} mean {np.median(overlap):.3f} median  {seconds.mean():.3f} CPU-s")


if __name__ == "__main__":
    main()
