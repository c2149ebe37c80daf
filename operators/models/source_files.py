"""The files of which a model was made, by which it is seen that it has changed."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from pathlib import Path

import bpy

from ...inference.formats.gltf import names_of_files, read_gltf
from ..blender.missing_textures import FILES, tile_path
from ..blender.models import families
from ..blender.own_data_blocks import used_by
from .import_obj import material_libraries


def files_of(path: Path, roots: Iterable[bpy.types.Object]) -> list[Path]:
    """Those on the disk: the model file, and then, sorted, what it and the models that came of it refer to."""
    told = [*_named(path), *_used(roots)]
    first, *others = (Path(os.path.abspath(file)) for file in [path, *told])
    return [first, *sorted({file for file in others if file.is_file()} - {first})]


def _named(path: Path) -> Iterator[Path]:
    """By the file itself: Blender does not tell of them after the import, or has packed them."""
    if path.suffix.lower() == ".obj":
        yield from material_libraries(path)
    elif path.suffix.lower() in {".gltf", ".glb"}:
        try:
            yield from (path.parent / name for name in names_of_files(read_gltf(path)))
        except (OSError, ValueError):
            return


def _used(roots: Iterable[bpy.types.Object]) -> Iterator[Path]:
    """The models' images, and the .blend files from which they or what they use are linked."""
    for block in used_by(families(roots)):
        if isinstance(block, bpy.types.Library):
            yield Path(bpy.path.abspath(block.filepath))
        elif isinstance(block, bpy.types.Image) and block.source in FILES and not block.packed_files:
            if block.source == "TILED":
                yield from (tile_path(block, tile.number) for tile in block.tiles)
            else:
                yield Path(bpy.path.abspath(block.filepath, library=block.library))
