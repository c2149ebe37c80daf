"""Calls of Blender's importers: with options that not all of its versions have, and for what they bring."""

from __future__ import annotations

from collections.abc import Callable

import bpy


def imported_with(importer: Callable[..., object], path: str, **options: object) -> None:
    """Imports a file with those of the options that this version knows."""
    known = importer.get_rna_type().properties.keys()
    importer(filepath=path, **{name: value for name, value in options.items() if name in known})


def imported_mesh(importer: Callable[..., object], path: str, **options: object) -> bpy.types.Mesh | None:
    """That of the object which the importer makes active; None where the file has none."""
    objects = bpy.context.view_layer.objects
    before = objects.active
    importer(filepath=path, **options)
    return None if objects.active in (None, before) else objects.active.data
