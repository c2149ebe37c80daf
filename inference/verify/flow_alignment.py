"""Refinement by flow: a network says where in the photo each part of a rendering belongs; render, look, move, again.

The rounds end when nothing moves any more, so that the answer does not depend on where they began, nor on the last
digits of features. Learned flow in such rounds: DeepIM (Li et al., ECCV 2018), GenFlow (Moon et al., CVPR 2024).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from ..pose.alignment import FREE, FlowTerm, Locks, SilhouetteTerm, Term, minimise, projected
from ..pose.pose import Pose
from ..search.start_poses import PhotoCrops, Start
from ..steps import Steps, within
from ..views.templates import Rendering
from .refinement import Renderer, See, Verified, lens_terms, look_closely, verify
from .silhouette import contour_term, mask_overlap, to_crop

if TYPE_CHECKING:
    from ..networks.aligner import Seen

# By judgement where nothing is said
ROUNDS = 8  # at most: poses near by need three or four
CONVERGED = 0.1  # px of the crop that the model moves in the mean: nobody sees less
SETTLING = 0.5  # px: from here on rounds look at the same crop, and what they see is taken together
CELL = 4  # px of the crop between places whose flow the network tells
COVERED = 200  # alpha, of 255, of a pixel that stands for its cell
OUTERMOST = 1.05  # radii of the model: a point farther out is none of it
FEWEST_CELLS = 12
FINEST = 0.5  # px: nothing is known more exactly, whatever the network says
# Of the contour of the network's mask against its flow: 1 and 0 were worse on real furniture that its models do not
# quite show, and as good on a printed cube
MASK_WEIGHT = 3.0

SeenTerm = FlowTerm | SilhouetteTerm  # of one look: the flow, and the mask's contour where there is one


class Cells(NamedTuple):
    """Parts of a rendering: points (P, 3) of the model, the middles (P, 2), px, of the pixels that show them, and rows
    and columns (2, P) of their cells."""

    points: np.ndarray
    places: np.ndarray
    cells: np.ndarray

    @classmethod
    def of(cls, rendering: Rendering) -> Cells:
        """The best covered pixel of each cell, the nearest one to its middle of those that are covered alike."""
        alpha = rendering.rgba[..., 3]
        grid = len(alpha) // CELL
        by_cell = alpha.reshape(grid, CELL, grid, CELL).swapaxes(1, 2).reshape(grid, grid, CELL * CELL)
        best = (by_cell.astype(float) + _nearness()).argmax(-1)
        cells = np.array(np.nonzero(np.take_along_axis(by_cell, best[..., None], -1)[..., 0] >= COVERED))
        y, x = CELL * cells + np.divmod(best[tuple(cells)], CELL)
        points = rendering.points[y, x].astype(float)
        hit = np.linalg.norm(points, axis=1) < OUTERMOST
        return cls(points[hit], np.stack([x, y], 1)[hit] + 0.5, cells[:, hit])


def _nearness() -> np.ndarray:
    """(CELL * CELL,), below 1: of a cell's pixels to its middle."""
    away = np.abs(np.arange(CELL) - (CELL - 1) / 2)
    return -np.hypot(*np.meshgrid(away, away)).ravel() / CELL


def follow_flow(
    crops: PhotoCrops, one: Verified, renderer: Renderer, see: See, locks: Locks = FREE, rounds: int = ROUNDS
) -> Steps[Verified]:
    """The pose moved to where the network sees the model, and judged there; verified anew each time it moves."""
    looks: list[list[SeenTerm]] = []
    seen = _look(one, see)
    for round_ in range(rounds):
        terms = seen_terms(one, seen)
        if not terms:
            break
        looks.append(terms)
        pose = _moved(crops, one, looks, locks)
        moved = _distance(one, pose)
        closeup = one.closeup._replace(pose=pose)
        if moved > SETTLING:  # what was seen from afar is less exact, and the crop no longer frames the model
            looks.clear()
            (closeup,) = look_closely(crops, [closeup.start], [pose])
        (one,) = yield from within(verify(crops, [closeup], renderer), round_ / rounds, (round_ + 1) / rounds)
        seen = _look(one, see)
        if moved < CONVERGED:
            break
    return _judged(one, seen)


def seen_at(crops: PhotoCrops, start: Start, renderer: Renderer, see: See) -> Steps[Verified]:
    """The start's pose in a crop of its own, rendered and judged."""
    (one,) = yield from verify(crops, look_closely(crops, [start], [start.pose]), renderer)
    return judged(one, see)


def judged(one: Verified, see: See) -> Verified:
    """With what the network sees of it in its score."""
    return _judged(one, _look(one, see))


def _judged(one: Verified, seen: Seen) -> Verified:
    cells = tuple(Cells.of(one.rendering).cells)
    visible = seen.visible[cells]
    weights = visible / max(visible.sum(), 1e-6)
    agrees = one.agreement._replace(
        outside=1 - mask_overlap(one, seen.whole, one.inside),
        hidden=1 - float(visible.mean()) if len(visible) else 1.0,
        flow=float(np.linalg.norm(seen.flow[cells], axis=1) @ weights),
        deviation=float(seen.deviation[cells] @ weights),
    )
    return one._replace(agreement=agrees, score=agrees.score, seen=seen)


def _look(one: Verified, see: See) -> Seen:
    return see(one.rendering.rgb, one.closeup.picture, one.alpha) if one.seen is None else one.seen


def seen_terms(one: Verified, seen: Seen) -> list[SeenTerm]:
    """That the model lies where the network sees it, the flow first; none where it sees hardly any."""
    flow, mask = flow_term(one, seen), contour_term(one, seen.whole, one.inside, MASK_WEIGHT)
    return [term for term in (flow, mask) if term] if flow else []


def together(looks: Sequence[Sequence[SeenTerm]]) -> list[SeenTerm]:
    """The mean of several looks."""
    return [term._replace(weight=term.weight / len(looks)) for look in looks for term in look]


def flow_term(one: Verified, seen: Seen) -> FlowTerm | None:
    """That the model's parts lie where the network sees them; None where it sees hardly any."""
    parts = Cells.of(one.rendering)
    flow, deviation, visible = (values[tuple(parts.cells)].astype(float) for values in seen[:3])
    if visible.sum() < FEWEST_CELLS:
        return None
    weight = visible / len(visible)
    return FlowTerm(parts.points, parts.places + flow, np.hypot(deviation, FINEST), to_crop(one), weight)


def _moved(crops: PhotoCrops, one: Verified, looks: Sequence[Sequence[SeenTerm]], locks: Locks) -> Pose:
    """The pose where the looks, the last of which is that at its own rendering, want it in the mean."""
    closeup, flow = one.closeup, looks[-1][0]
    others: list[Term] = [crops.box_term(closeup.start.target.index.templates.outline)]
    others += lens_terms(crops, closeup, locks)
    far = np.median(np.linalg.norm(projected(closeup.pose, flow.points, flow.to_image) - flow.targets, axis=1))
    wide = flow._replace(deviation=np.hypot(flow.deviation, far))  # else what is far off would count for nothing
    pose, _cost = minimise([wide, *others], closeup.pose, locks)
    pose, _cost = minimise([*together(looks), *others], pose, locks)
    return pose


def holding_terms(crops: PhotoCrops, one: Verified, see: See, locks: Locks) -> list[Term]:
    """All that holds the pose where it is, by what the network sees of it there."""
    box = crops.box_term(one.closeup.start.target.index.templates.outline)
    return [*seen_terms(one, _look(one, see)), box, *lens_terms(crops, one.closeup, locks)]


def _distance(one: Verified, pose: Pose) -> float:
    """px of the crop, in the mean, that what is seen of the model moves to pose."""
    points, to_image = Cells.of(one.rendering).points, to_crop(one)
    moved = projected(pose, points, to_image) - projected(one.closeup.pose, points, to_image)
    return float(np.linalg.norm(moved, axis=1).mean())
