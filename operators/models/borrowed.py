from contextlib import contextmanager
import bpy
from ..blender.own_data_blocks import added_to, remove
from .model_files import import_models


@contextmanager
def borrowed_models(path, up):
    brought = []
    try:
        with added_to(brought):
            roots = import_models(bpy.context.scene, path, up)
        yield roots, brought
    finally:
        remove(brought)


@contextmanager
def borrowed(path, up, number):
    with borrowed_models(path, up) as (roots, _):
        yield roots[number]
