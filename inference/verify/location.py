"""Where a model is in a photo whose box nobody knows: the finds of detection, turned into poses and verified."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ..geometry import Camera
from ..photo.image import Photo
from ..search.detection import Found, Overview, mean_box
from ..search.start_poses import APART, Extract, PhotoCrops, Start, Target, start_pose
from ..steps import Steps, all_aside, shares, within
from ..views.crops import photo_view
from ..views.retrieval import diverse
from .flow_alignment import judged
from .refinement import Renderer, See, Verified, approach, refine_verified, verify

# By judgement, and not measured by themselves
FOUND_DEVIATION = 0.25  # of the edges of a find's box, in units of its longer side
STARTS_PER_PLACE = 3  # in each place
LOCATING_ROUNDS = 2  # of alignment


@all_aside
def seen_everywhere(
    photo: Photo,
    camera: Camera,
    targets: Sequence[Target],
    renderer: Renderer,
    extract: Extract,
    see: See,
    any_way: bool,
    sides: Sequence[int],
) -> Steps[list[Verified]]:
    """Poses of the targets in pictures of the whole photo, of which these are the longer sides."""
    seen = yield from within(Overview.of(photo, camera, extract, any_way, sides), 0.0, 0.4)
    found: list[Verified] = []
    for target, part in shares(targets, 0.4, 1.0):
        found += yield from within(locate(seen, target, renderer, see), *part)
    return found


def locate(seen: Overview, target: Target, renderer: Renderer, see: See) -> Steps[list[Verified]]:
    """Poses in which the target looks like the photo, one in each of the places where it was found, best first."""
    places = yield from within(seen.find(target.index.templates), 0.0, 0.5)
    found: list[Verified] = []
    for looks, part in shares(places, 0.5, 1.0):
        found += yield from within(posed(seen, target, looks, renderer), *part)
    return sorted((judged(one, see) for one in found), key=lambda one: -one.score)


def posed(seen: Overview, target: Target, looks: Sequence[Found], renderer: Renderer) -> Steps[list[Verified]]:
    """The best pose that looks at one place tell, aligned to its own rendering."""
    box = mean_box(looks)
    crops = PhotoCrops(seen.photo, seen.camera, box, np.zeros(1), seen.extract, deviation=FOUND_DEVIATION)
    closeups = yield from within(approach(crops, starts(seen.camera, target, looks), 1, LOCATING_ROUNDS), 0.0, 0.6)
    verified = yield from within(verify(crops, closeups, renderer), 0.6, 0.7)
    return (yield from within(refine_verified(crops, verified, renderer), 0.7, 1.0))


def starts(camera: Camera, target: Target, looks: Sequence[Found]) -> list[Start]:
    """The poses that the best looks tell, no two alike."""
    templates = target.index.templates
    turned = np.stack([photo_view(camera, look.box, look.roll).camera_to_world[:3, :3] for look in looks])
    rotations = turned @ templates.rotations[[look.view for look in looks]]
    chosen = diverse(np.array([look.score for look in looks]), rotations, STARTS_PER_PLACE, APART)
    poses = [start_pose(camera, looks[i].box, templates.outline, rotations[i]) for i in chosen]
    return [Start(target, pose, looks[i].score) for i, pose in zip(chosen, poses, strict=True)]
