"""The operator that finds the object in the photo: the best proposal, the next one, or the one at a point."""

from __future__ import annotations

from typing import TYPE_CHECKING

import bpy
import numpy as np
from bpy.app.translations import pgettext_rpt as rpt_
from bpy.props import FloatProperty

from ...inference.errors import PoseError
from ...inference.geometry import Box
from ...inference.steps import Steps, aside
from ...preferences import preferred
from ..blender.photo_files import read_photo
from ..running.long_operator import StepsOperator

if TYPE_CHECKING:
    from ...inference.photo.image import Photo

NOWHERE = -1.0  # a coordinate that is not given


class PHOTOPOSE_OT_propose_box(StepsOperator, bpy.types.Operator):
    bl_idname = "photopose.propose_box"
    bl_label = "Find Object"
    bl_description = "Find the box of what stands out in the photo; again: of what stands out next"
    phases = ((0.0, "Looking for it"),)

    x: FloatProperty(name="X", default=NOWHERE, options={"SKIP_SAVE"}, description="Of a point on the object, pixels")
    y: FloatProperty(name="Y", default=NOWHERE, options={"SKIP_SAVE"}, description="Down from the photo's top, pixels")

    def steps(self, context: bpy.types.Context) -> Steps[None]:
        settings = context.scene.photo_pose
        if not settings.photo:
            raise PoseError("Choose a photo first.")
        photo, current = read_photo(settings.photo), tuple(settings.box)
        if NOWHERE not in (self.x, self.y):
            settings.box = yield from aside(box_at, photo, preferred().device, self.x, self.y)
            return
        boxes = yield from aside(proposals, photo, preferred().device)
        settings.box = box = box_after(boxes, current)
        self.report({"INFO"}, rpt_("Object {number} of {count}").format(number=boxes.index(box) + 1, count=len(boxes)))


def proposals(photo: Photo, device: str) -> list[Box]:
    """Boxes of what stands out in the photo, best first; device: what runs the network."""
    from ...inference.networks.loading import load_network
    from ...inference.networks.salient_objects import proposed_boxes

    return proposed_boxes(photo, load_network("u2netp", device))


def box_at(photo: Photo, device: str, x: float, y: float) -> Box:
    """The box of what stands out at a point, px; PoseError where nothing does."""
    from ...inference.networks.loading import load_network
    from ...inference.networks.salient_objects import object_at

    box = object_at(photo, load_network("u2netp", device), x, y)
    if box is None:
        raise PoseError("Nothing stands out there: drag a box around the object.")
    return box


def box_after(boxes: list[Box], current: tuple[float, ...]) -> Box:
    """The box after the current one, the first after the last and after any other."""
    known = [number for number, box in enumerate(boxes) if np.allclose(box, current, atol=0.1)]
    return boxes[(known[0] + 1) % len(boxes)] if known else boxes[0]


classes = (PHOTOPOSE_OT_propose_box,)
