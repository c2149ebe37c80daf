"""Textures that cannot be read: light grey takes their place, where Cycles shows magenta."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path

import bpy
import numpy as np
from bpy.app.translations import pgettext_rpt as rpt_

from .mesh_arrays import read_values

GREY = (0.9, 0.9, 0.9, 1.0)  # sRGB, much like a model without material
PICTURES = {"TEX_IMAGE", "TEX_ENVIRONMENT"}
FILES = {"FILE", "SEQUENCE", "MOVIE", "TILED"}  # sources of images
TILES_ACROSS, TILES_UP = 10, 100  # at most, of UDIM
FIRST_TILE = 1001

Tiles = set[int]


@contextmanager
def readable_textures(meshes: Iterable[bpy.types.Mesh]) -> Iterator[list[str]]:
    """Gives the names of the files that materials of these meshes lack.

    Meanwhile the meshes, which are to be copies, have copies of such materials that do without; the user's stay.
    """
    meshes, lacking, made = list(meshes), [], []
    with ExitStack() as opened:
        opened.callback(lambda: bpy.data.batch_remove(made))
        materials = dict.fromkeys(material for mesh in meshes for material in mesh.materials)
        for material in (material for material in materials if material and material.use_nodes):
            owners = [mesh for mesh in meshes if material in mesh.materials[:]]
            tiles = set().union(*map(_tiles_used, owners)) if _is_tiled(material.node_tree) else set()
            names = [name for node in _pictures(material.node_tree) for name in _lacking(node.image, tiles)]
            if names:
                lacking += names
                own = material.copy()
                made.append(own)
                _mend(own.node_tree, tiles, made, opened)
                for mesh in owners:
                    _replace(mesh, material, own)
        yield list(dict.fromkeys(lacking))


def warn_of_lacking(name: str, files: Sequence[str], warn: Callable[[str], None]) -> None:
    """Says in a sentence what a model with this name lacks, if it does."""
    if files:
        told = rpt_('Model "{name}" is shown in light grey where it lacks textures: {files}.')
        warn(told.format(name=name, files=", ".join(files)))


def _replace(mesh: bpy.types.Mesh, old: bpy.types.Material, new: bpy.types.Material) -> None:
    for index, material in enumerate(mesh.materials):
        if material == old:
            mesh.materials[index] = new


def _used(tree: bpy.types.NodeTree | None) -> list[bpy.types.Node]:
    """The nodes on which the outputs of a material or of a group depend."""
    if tree is None:
        return []
    waiting = [
        node for node in tree.nodes if node.type in {"OUTPUT_MATERIAL", "GROUP_OUTPUT"} and node.is_active_output
    ]
    found = {}
    while waiting:
        node = waiting.pop()
        if node not in found:
            found[node] = None
            waiting += [link.from_node for socket in node.inputs for link in socket.links]
    return list(found)


def _pictures(tree: bpy.types.NodeTree | None) -> Iterator[bpy.types.Node]:
    """All that matter, also those in groups."""
    for node in _used(tree):
        if node.type == "GROUP":
            yield from _pictures(node.node_tree)
        elif node.type in PICTURES:
            yield node


def _is_tiled(tree: bpy.types.NodeTree | None) -> bool:
    return any(node.image and node.image.source == "TILED" for node in _pictures(tree))


def _tiles_used(mesh: bpy.types.Mesh) -> Tiles:
    """In which tiles of UDIM its faces lie on the UV map for renders."""
    layer = next((layer for layer in mesh.uv_layers if layer.active_render), None)
    if layer is None or not mesh.polygons:
        return set()
    lengths = read_values(mesh.polygons, "loop_total", np.int32)
    starts = read_values(mesh.polygons, "loop_start", np.int32)
    middles = np.add.reduceat(read_values(layer.data, "uv").reshape(-1, 2), starts) / lengths[:, None]
    places = np.unique(np.floor(middles).astype(int), axis=0)
    inside = ((places >= 0) & (places < (TILES_ACROSS, TILES_UP))).all(1)
    return set((FIRST_TILE + places[inside] @ (1, TILES_ACROSS)).tolist())


def _lacking(image: bpy.types.Image | None, tiles: Tiles) -> list[str]:
    """The names of the image's files that cannot be read; tiles are wanted beside those that it lists."""
    if image is None:
        return [rpt_("no image")]
    if image.source not in FILES or image.is_dirty:  # what is painted in Blender is rendered from there
        return []
    if image.source == "TILED":
        return [tile_path(image, number).name for number in _tiles_lacking(image, tiles)]
    path = Path(bpy.path.abspath(image.filepath, library=image.library))
    there = bool(image.packed_file) or path.is_file()
    readable = image.source in {"SEQUENCE", "MOVIE"} or min(image.size) > 0
    return [] if there and readable else [path.name or image.name]


def _tiles_lacking(image: bpy.types.Image, tiles: Tiles) -> list[int]:
    packed = len(image.packed_files) > 0
    listed = {tile.number: min(tile.size) > 0 for tile in image.tiles}
    readable = {number for number, loaded in listed.items() if loaded}
    if not packed:
        readable = {number for number in readable if tile_path(image, number).is_file()}
    return sorted((listed.keys() | tiles) - readable)


def tile_path(image: bpy.types.Image, number: int) -> Path:
    up, across = divmod(number - FIRST_TILE, TILES_ACROSS)
    path = bpy.path.abspath(image.filepath, library=image.library)
    return Path(path.replace("<UDIM>", str(number)).replace("<UVTILE>", f"u{across + 1}_v{up + 1}"))


def _mend(tree: bpy.types.NodeTree, tiles: Tiles, made: list[bpy.types.ID], opened: ExitStack) -> None:
    """Changes a tree, which is to be a copy; what that takes is added to made, and what must stay open to opened."""
    for node in _used(tree):
        if node.type == "GROUP" and any(_lacking(one.image, tiles) for one in _pictures(node.node_tree)):
            node.node_tree = node.node_tree.copy()
            made.append(node.node_tree)
            _mend(node.node_tree, tiles, made, opened)
        elif node.type in PICTURES and _lacking(node.image, tiles):
            if _has_tiles(node.image):
                folder = Path(opened.enter_context(tempfile.TemporaryDirectory()))
                node.image = _completed(node.image, tiles, folder)
            else:
                _leave_colors(tree, node)
                node.image = _grey()
            made.append(node.image)


def _has_tiles(image: bpy.types.Image | None) -> bool:
    """Whether it has some that can be read, beside those that cannot."""
    if image is None or image.source != "TILED" or image.packed_files:
        return False
    return any(min(tile.size) > 0 and tile_path(image, tile.number).is_file() for tile in image.tiles)


def _grey() -> bpy.types.Image:
    image = bpy.data.images.new("Photo Pose Grey", 4, 4)
    image.generated_color = GREY
    return image


def _leave_colors(tree: bpy.types.NodeTree, node: bpy.types.Node) -> None:
    """Unlinks it from all but colours: there is neither roughness nor relief in grey."""
    for link in [link for socket in node.outputs for link in socket.links]:
        if link.to_socket.type != "RGBA" or link.to_node.type == "NORMAL_MAP":
            tree.links.remove(link)


def _completed(image: bpy.types.Image, tiles: Tiles, folder: Path) -> bpy.types.Image:
    """A copy that finds its files in the folder, grey ones for the tiles that are missing."""
    lacking, copy = _tiles_lacking(image, tiles), image.copy()
    suffix = Path(image.filepath).suffix
    grey = _grey()
    grey.file_format = image.file_format
    for number in {tile.number for tile in image.tiles} | set(lacking):
        path = folder / f"{number}{suffix}"
        if number in lacking:
            grey.filepath_raw = str(path)
            grey.save()
        else:
            _give(tile_path(image, number), path)
        if number not in {tile.number for tile in copy.tiles}:
            copy.tiles.new(number)
    bpy.data.images.remove(grey)
    copy.filepath = str(folder / f"<UDIM>{suffix}")
    return copy


def _give(file: Path, path: Path) -> None:
    """The file at another path, too."""
    try:
        os.symlink(file, path)
    except OSError:  # Windows asks for a right
        shutil.copy(file, path)
