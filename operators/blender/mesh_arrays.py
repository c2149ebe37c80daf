"""Values of a mesh's elements, all at once."""

from __future__ import annotations

import bpy
import numpy as np


def read_values(data: bpy.types.bpy_prop_collection, name: str, dtype: type = np.float32) -> np.ndarray:
    """One attribute of all items, flat."""
    width = np.size(getattr(data[0], name)) if len(data) else 1
    values = np.empty(len(data) * width, dtype)
    data.foreach_get(name, values)
    return values
