"""Who made a model and what may be done with it, as far as its file or a licence beside it says."""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import bpy

from ...inference.errors import printable
from ...inference.formats.gltf import read_gltf
from ...inference.library.records import Licence

_FILE = re.compile(r"(licen[cs]e|copying)(\.(txt|md|rst|html?|pdf|rtf))?", re.IGNORECASE)


def licence_of(path: Path, roots: Iterable[bpy.types.Object]) -> Licence:
    """That of a model file and of what `import_models` gives of it, whatever the state of the file.

    Blender's assets and glTF tell it; where they name no licence, it is the name of a licence file in the same folder.
    """
    told = _of_gltf(path) if path.suffix.lower() in {".glb", ".gltf"} else _of_assets(roots)
    return told if told.licence else told._replace(licence=_file_beside(path))


def _of_assets(roots: Iterable[bpy.types.Object]) -> Licence:
    for root in roots:
        for block in (root, root.instance_collection):
            if block and block.asset_data:
                data = block.asset_data
                return Licence(data.author, data.license, data.copyright, data.description)
    return Licence()


def _of_gltf(path: Path) -> Licence:
    """`extras` have what Sketchfab writes of its models."""
    try:
        asset = _dictionary(read_gltf(path).get("asset"))
    except (OSError, ValueError):
        return Licence()
    extras = _dictionary(asset.get("extras"))
    about = ", ".join(filter(None, [_text(extras, "title"), _text(extras, "source")]))
    return Licence(_text(extras, "author"), _text(extras, "license"), _text(asset, "copyright"), about)


def _dictionary(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _text(values: dict[str, Any], key: str) -> str:
    value = values.get(key)
    return printable(value).strip() if isinstance(value, str) else ""


def _file_beside(path: Path) -> str:
    try:
        return next((file.name for file in sorted(path.parent.iterdir()) if _FILE.fullmatch(file.name)), "")
    except OSError:
        return ""
