"""YAML that people read: as much of it as job descriptions need."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

PLAIN = re.compile(r"[A-Za-z][A-Za-z0-9_./-]*")  # words that need no quotes, but for those that mean something else
MEANT = {"y", "n", "yes", "no", "on", "off", "true", "false", "null"}


def yaml_text(value: Any) -> str:
    """Of dictionaries, lists, texts and numbers; texts are quoted as in JSON, which is a part of YAML."""
    return "".join(f"{line}\n" for line in _lines(value))


def _lines(value: Any) -> Iterator[str]:
    if isinstance(value, dict) and value:
        for key, one in value.items():
            inner = list(_lines(one))
            if isinstance(one, (dict, list)) and one:
                yield f"{key}:"
                yield from (f"  {line}" for line in inner)
            else:
                yield f"{key}: {inner[0]}"
    elif isinstance(value, list) and value:
        for one in value:
            first, *rest = _lines(one)
            yield f"- {first}"
            yield from (f"  {line}" for line in rest)
    elif isinstance(value, str) and PLAIN.fullmatch(value) and value.lower() not in MEANT:
        yield value
    else:
        yield json.dumps(value, ensure_ascii=False)
