"""Small .blend files to be read as models."""

import bpy
import numpy as np

from photo_pose.operators.blender.models import evaluated
from photo_pose.operators.models.model_files import import_models


def fresh():
    """An empty file; gives its scene."""
    bpy.ops.wm.read_homefile(use_factory_startup=True, use_empty=True)
    return bpy.context.scene


def saved(path):
    """The open file, saved; an empty one is open afterwards."""
    bpy.ops.wm.save_as_mainfile(filepath=str(path), compress=True)
    fresh()
    return path


def cube(name, collection=None, **options):
    bpy.ops.mesh.primitive_cube_add(size=2, **options)
    obj = bpy.context.object
    obj.name = obj.data.name = name
    if collection:
        bpy.context.scene.collection.objects.unlink(obj)
        collection.objects.link(obj)
    return obj


def collection(name, **hidden):
    """A new one in the scene; hidden: settings of its place in the view layer, or of itself."""
    made = bpy.data.collections.new(name)
    bpy.context.scene.collection.children.link(made)
    layer = bpy.context.view_layer.layer_collection.children[name]
    for setting, value in hidden.items():
        setattr(layer if setting in {"exclude", "hide_viewport"} else made, setting, value)
    return made


def names(path):
    return sorted(root.name for root in import_models(bpy.context.scene, path))


def extent(root):
    with evaluated(root) as model:
        return np.ptp(model.vertices, axis=0)
