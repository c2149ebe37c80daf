"""The render's transparent film, which the shadow catcher and the photo behind renders need, and what it was before."""

from __future__ import annotations

import bpy

BEFORE = "photo_pose_film"  # custom property of scenes: whether the film was transparent
CATCHER = "photo_pose_catcher"  # custom property of planes, and of scenes that have one
OVER_PHOTO = "photo_pose_over"  # custom property of scenes that are rendered over a photo, and of what that needs


def make_transparent(current: bpy.types.Scene, mark: str) -> None:
    """For what this mark stands for."""
    if BEFORE not in current:
        current[BEFORE] = current.render.film_transparent
    current[mark] = True
    current.render.film_transparent = True


def give_back(current: bpy.types.Scene, mark: str) -> None:
    """As it was, once nothing of both needs it."""
    current.pop(mark, None)
    if BEFORE in current and CATCHER not in current and OVER_PHOTO not in current:
        current.render.film_transparent = bool(current.pop(BEFORE))
