"""The library that the user has chosen, and what is told of those of its models that failed."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from pathlib import Path

import bpy
from bpy.app.translations import pgettext_rpt as rpt_

from ...inference.errors import PoseError
from ..running.log import LOG

FEW = 3  # sentences that the user is shown


def library_at(told: str) -> Path:
    """Where a setting says that the library is, or is to be. PoseError where it says nothing."""
    if not told:
        raise PoseError("Choose a folder for the library first.")
    return Path(os.path.abspath(bpy.path.abspath(told)))


def known_library(told: str) -> Path:
    """The same of one that is there. PoseError where it is none, or one that this version cannot read."""
    from ...inference.library.records import views_of

    folder = library_at(told)
    if views_of(folder) is None:
        raise PoseError(f'Folder "{folder}" is no library yet: add a folder of models to it.')
    return folder


def warn_of(sentences: Sequence[str], warn: Callable[[str], None]) -> None:
    """Of a library there may be thousands: the first are told, and how many there are."""
    for sentence in sentences[:FEW]:
        warn(sentence)
    for sentence in sentences[FEW:]:
        LOG.warning(sentence)
    if len(sentences) > FEW:
        warn(rpt_("{count} more, which the log tells").format(count=len(sentences) - FEW))
