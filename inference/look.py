"""How to look at photos: all that can be chosen, and what is chosen where nobody says."""

from __future__ import annotations

from typing import NamedTuple

DEFAULT_NETWORK = "efficientnet_lite0"  # also makes the features where a regressor names directions
DEFAULT_CANDIDATES = 6
# How the object stands: as on a floor before a level camera; in any way, seen from anywhere, in a turned photo; or
# whichever of these is found, the first one first
UPRIGHT, ANY_WAY, AUTOMATIC = "UPRIGHT", "ANY_WAY", "AUTOMATIC"
STANDING = 0.05  # of score, that an answer which does not stand must then be ahead of one that does; by judgement


class Stages(NamedTuple):
    """The parts of the work after retrieval; each can be switched off, to see what it brings."""

    align: bool = True  # to the training views
    verify: bool = True  # choose by rendering every candidate; the next ones need it
    flow: bool = True  # move them to where a network sees the model in the photo; it takes the place of the next one
    refine: bool = True  # align to these renderings
    details: bool = True  # to their fine texture, too, with either of these
    silhouette: bool = True  # move them onto the mask that the user gives
    lens: bool = True  # find the focal length of a photo that does not tell it


ALL_STAGES = Stages()


class Look(NamedTuple):
    """The same for all photos of a batch; what belongs to one photo, as its lens and its mask do, is no part of it.

    method: MATCH, VOTE or KNN, as in the panel.
    stands: UPRIGHT, ANY_WAY or AUTOMATIC.
    count: of candidates, at most.
    network: of the features, or a regressor, whose directions then take the place of retrieval or join its vote.
    """

    method: str = "MATCH"
    stands: str = AUTOMATIC
    count: int = DEFAULT_CANDIDATES
    stages: Stages = ALL_STAGES
    network: str = DEFAULT_NETWORK
    device: str = "auto"


DEFAULT_LOOK = Look()
