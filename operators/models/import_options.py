"""Calls of Blender's importers with options that not all of its versions have."""

from __future__ import annotations

from collections.abc import Callable


def imported_with(importer: Callable[..., object], path: str, **options: object) -> None:
    """Imports a file with those of the options that this version knows."""
    known = importer.get_rna_type().properties.keys()
    importer(filepath=path, **{name: value for name, value in options.items() if name in known})
