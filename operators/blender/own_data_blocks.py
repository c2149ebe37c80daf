"""Data-blocks of our own, for a while: only they are removed, whatever else the user opened or deleted meanwhile."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator
from contextlib import contextmanager

import bpy

NOT_OF_FILES = {"window_managers", "screens", "workspaces", "scenes"}  # what no import brings
TWICE = {"all_ids"}  # in Blender 5.2, everything once more


def remove(blocks: Iterable[bpy.types.ID]) -> None:
    """Those that are still there."""
    bpy.data.batch_remove([block for block in blocks if _exists(block)])


@contextmanager
def added_to(made: list[bpy.types.ID]) -> Iterator[None]:
    """Puts what appears meanwhile there, also before an error; only around calls in which nobody else acts."""
    before = _all_blocks()
    try:
        yield
    finally:
        made += _all_blocks() - before


def used_by(blocks: Iterable[bpy.types.ID]) -> set[bpy.types.ID]:
    """These, what they use, and what that uses; of linked ones the libraries, too."""
    uses = defaultdict(set)
    for block, users in bpy.data.user_map().items():
        for user in users:
            uses[user].add(block)
    found, waiting = set(), list(blocks)
    while waiting:
        block = waiting.pop()
        if block not in found:
            found.add(block)
            waiting += uses[block] | {block.library} - {None}
    return found


def used_only_by(objects: Iterable[bpy.types.Object]) -> set[bpy.types.ID]:
    """These, and what nothing else uses."""
    objects = set(objects)
    found = {block for block in used_by(objects) if block in objects or not block.use_fake_user}
    found = {block for block in found if not isinstance(block, bpy.types.Scene)}  # which a driver may look at
    users = bpy.data.user_map(subset=list(found))
    while kept := {block for block in found - objects if not users[block] <= found}:
        found -= kept
    return found


@contextmanager
def render_result_kept() -> Iterator[None]:
    """Around a render of our own: takes away the image that Blender makes for it where the user had none."""
    had = _render_results()
    try:
        yield
    finally:
        remove(_render_results() - had)


def _all_blocks() -> set[bpy.types.ID]:
    kinds = {prop.identifier for prop in bpy.data.bl_rna.properties if prop.type == "COLLECTION"}
    return {block for kind in kinds - NOT_OF_FILES - TWICE for block in getattr(bpy.data, kind)}


def _render_results() -> set[bpy.types.Image]:
    return {image for image in bpy.data.images if image.type == "RENDER_RESULT"}


def _exists(block: bpy.types.ID) -> bool:
    try:
        return bool(block.name)
    except ReferenceError:  # what Blender raises for all that was removed
        return False
