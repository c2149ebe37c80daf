"""The chairs of the paper's experiments: which models of sweethome3d-furniture take part, and which way they face."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import bpy
import numpy as np
from mathutils import Matrix

from benchmark import assets
from benchmark.product import import_product

import_product()

from photo_pose.operators.models.model_files import import_models  # noqa: E402

# Decided by eye on renderings from the front and from the right; the other 58 of the 65 have a front and show it.
LEFT_OUT = {
    "blendswap-cc-0/foldingChair": "a stool without a back: its front and its back look the same",
    "blendswap-cc-0/stool2": "a round stool: it has no front",
    "blendswap-cc-by/green_stool": "a round stool: it has no front",
    "scopia/ext_chair": "the corner of a lounge with a back on two sides: which side is its front is a matter of taste",
    "scopia/bar_chair": "its texture is missing in the package, Blender shows it in magenta",
    "scopia/kitchen_stool": "its texture is missing in the package, Blender shows it in magenta",
    "scopia/tubular_chair": "its texture is missing in the package, Blender shows it in magenta",
}


@cache
def chairs() -> dict[str, Path]:
    """The .obj files of all chairs that take part, by name, like scopia/chair; the first ones come from all makers."""
    paths = {f"{path.parent.parent.name}/{path.stem}": path for path in assets.chairs()}
    chosen = sorted(paths.keys() - LEFT_OUT.keys(), key=lambda name: (name.partition("/")[2][::-1], name))
    return {name: paths[name] for name in chosen}


def stand(name: str) -> bpy.types.Object:
    """The chair in an otherwise empty scene, upright and with its front to Blender's front view."""
    bpy.ops.wm.read_homefile(use_factory_startup=True, use_empty=True)
    (root,) = import_models(bpy.context.scene, chairs()[name])
    turn = np.eye(4)
    turn[:3, :3] = assets.catalogue_rotation(name)
    root.matrix_world = root.matrix_world @ Matrix(turn)
    bpy.context.view_layer.update()
    return root
