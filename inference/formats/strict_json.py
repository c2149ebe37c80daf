"""JSON as everybody reads it: NaN and Infinity, which Python writes, are no part of it."""

from __future__ import annotations

import json
import math
from typing import Any


def json_text(value: Any, indent: int | None = None) -> str:
    """Of dictionaries, lists and numbers; what is not finite is not known, and so it is null."""
    return json.dumps(_known(value), indent=indent, allow_nan=False)


def _known(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _known(one) for key, one in value.items()}
    if isinstance(value, (list, tuple)):
        return [_known(one) for one in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
