"""What a glTF file says of itself in JSON; Blender's importer reads the rest. Format: glTF 2.0 of the Khronos Group."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import unquote

_MAGIC = b"glTF"
_HEAD = 20  # bytes of a .glb before its JSON: magic, version, length; length and kind of the JSON


def read_gltf(file: Path) -> dict[str, Any]:
    """The JSON of a .gltf or .glb file. ValueError or OSError where it cannot be read."""
    with file.open("rb") as stream:
        head = stream.read(_HEAD)
        binary = head.startswith(_MAGIC)
        data = stream.read(int.from_bytes(head[12:16], "little")) if binary else head + stream.read()
    try:
        told = json.loads(data)
    except RecursionError as error:
        raise ValueError("lists in lists without end") from error
    if not isinstance(told, dict):
        raise ValueError("no dictionary")
    return told


def names_of_files(told: dict[str, Any]) -> Iterator[str]:
    """Those of the buffers and pictures that lie beside the file."""
    for kind in ("buffers", "images"):
        for one in _list(told.get(kind)):
            uri = one.get("uri") if isinstance(one, dict) else None
            if isinstance(uri, str) and not uri.startswith("data:"):
                yield unquote(uri)


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []
