"""How what the aligner says of pairs is judged: what it learns by, and what people read."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from inference.networks.aligner import FLOW_CHANNELS, LOG_DEVIATION, UNIT, Stages

from .scenes import Pairs

TOLD = ("loss", "likelihood", "flow error", "visibility", "masks")
TOO_FAR = 60.0  # px: flows from which nothing is learnt
LARGEST_ERROR = 80.0  # px, that counts
FEWEST_CELLS = 8  # of a pair that is measured
NEAR = 5.0  # px, mean flow of a pair that is nearly aligned


def flow_of(round_: Tensor) -> Tensor:
    """(B, 2, S/4, S/4) px, of what one of Stages.rounds says."""
    return round_[:, :2] * UNIT


def masks_of(stages: Stages) -> Tensor:
    """(B, 2, S/2, S/2), before the sigmoid."""
    return functional.pixel_shuffle(stages.masks, 2).float()


def losses(stages: Stages, pairs: Pairs) -> tuple[Tensor, Tensor]:
    """What is to become small, and the numbers of TOLD.

    Pairs count alike, so that thin things do; one without a covered cell counts for its masks only. Hidden cells weigh
    a quarter: the pose tells where they are.
    """
    near = (pairs.flow.norm(dim=1) < TOO_FAR).float()
    ok, visible = pairs.ok * near, pairs.visible * near
    weight, cells = visible + 0.25 * (ok - visible), ok.sum((1, 2)).clamp(min=4)

    def mean(values: Tensor, of: Tensor = weight) -> Tensor:
        return ((values * of).sum((1, 2)) / cells).mean()

    def error(flow: Tensor) -> Tensor:
        return ((flow - pairs.flow) ** 2).sum(1).add(1e-2).sqrt().clamp(max=LARGEST_ERROR)

    def likelihood(one: Tensor) -> Tensor:
        """Negative logarithm, of errors that are distributed as exp(-length / deviation)."""
        length, log_deviation = error(flow_of(one)), one[:, 2].clamp(*LOG_DEVIATION)
        return mean(length / log_deviation.exp() + 2 * log_deviation) + 0.1 * mean(length)

    def seen(one: Tensor) -> Tensor:
        told = functional.binary_cross_entropy_with_logits(one[:, 3], visible, reduction="none")
        return mean(told, ok)

    first, last = (one.float() for one in stages.rounds)
    coarse = [mean(error(_like(flow, pairs.flow) * UNIT)) for flow in stages.coarse]
    of_masks = functional.binary_cross_entropy_with_logits(masks_of(stages), pairs.masks, reduction="none")
    mask = (of_masks * pairs.inside).mean()
    flow_loss = likelihood(last) + 0.4 * likelihood(first) + 0.05 * coarse[0] + 0.1 * coarse[1]
    total = flow_loss + 0.3 * (seen(last) + 0.4 * seen(first)) + 6 * mask
    length = _mean_over((flow_of(last) - pairs.flow).norm(dim=1), visible).mean()
    return total, torch.stack([total, likelihood(last), length, seen(last), mask]).detach()


def measures(look: Callable[[Tensor], Tensor], batches: Sequence[Pairs]) -> dict[str, float]:
    """Of what a network makes of images: px, and shares; means over pairs, or medians where it says so."""
    with torch.no_grad():
        rows = torch.cat([torch.stack(_measured(look(pairs.images).float(), pairs), 1) for pairs in batches])
    numbers = rows.cpu().numpy()
    numbers = numbers[numbers[:, 0] >= FEWEST_CELLS]
    _, flow, error, *others = numbers.T
    near = flow < NEAR
    means = dict(zip(("within 1 px", "within 3 px", "surer half", "visibility right"), others, strict=False))
    means |= dict(zip(("overlap of the rendering", "overlap seen", "overlap whole"), others[4:], strict=True))
    told = {
        "pairs": len(numbers),
        "flow": flow.mean(),
        "error": error.mean(),
        "error, median": np.median(error),
        "flow where near": flow[near].mean() if near.any() else np.nan,
        "error where near": error[near].mean() if near.any() else np.nan,
        **{name: values.mean() for name, values in means.items()},
    }
    return {name: round(float(value), 3) for name, value in told.items()}


def _measured(said: Tensor, pairs: Pairs) -> list[Tensor]:
    """Of each pair (B,): visible cells, their flow and its error, shares of errors below 1 and 3 px, error of the surer
    half, share of the cells whose visibility is right, overlaps."""
    last, masks = said.split((FLOW_CHANNELS, said.shape[1] - FLOW_CHANNELS), 1)
    visible, error = pairs.visible, (flow_of(last) - pairs.flow).norm(dim=1)
    unsure = torch.where(visible > 0, last[:, 2], torch.nan)
    median = unsure.flatten(1).nanmedian(1).values[:, None, None]
    surer = visible * (unsure <= median)
    right = ((last[:, 3] > 0) == (visible > 0)).float()
    inside = pairs.inside[:, 0] > 0.5
    found = functional.pixel_shuffle(masks, 2) > 0
    rendered = functional.avg_pool2d(pairs.alpha, 2)[:, 0] > 0.5
    seen, whole = (pairs.masks > 0.5).unbind(1)
    overlaps = [_overlap(*both, inside) for both in ((rendered, whole), (found[:, 0], seen), (found[:, 1], whole))]
    flow = _mean_over(pairs.flow.norm(dim=1), visible)
    within = [_mean_over((error < limit).float(), visible) for limit in (1, 3)]
    cells = visible.sum((1, 2))
    return [cells, flow, _mean_over(error, visible), *within, _mean_over(error, surer), _mean_over(right, pairs.ok),
            *overlaps]  # fmt: skip


def _overlap(one: Tensor, other: Tensor, inside: Tensor) -> Tensor:
    """Intersection over union (B,)."""
    both, either = (one & other & inside).sum((1, 2)), ((one | other) & inside).sum((1, 2))
    return both / either.clamp(min=1)


def _mean_over(values: Tensor, weight: Tensor) -> Tensor:
    """(B,)"""
    return (values * weight).sum((1, 2)) / weight.sum((1, 2)).clamp(min=1)


def _like(flow: Tensor, other: Tensor) -> Tensor:
    return functional.interpolate(flow.float(), other.shape[2:], mode="bilinear", align_corners=False)
