"""A reader of .ply files, for what Blender's importer leaves out of them."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import numpy as np

_KINDS = {
    **{"char": "i1", "uchar": "u1", "short": "i2", "ushort": "u2", "int": "i4", "uint": "u4"},
    **{"int8": "i1", "uint8": "u1", "int16": "i2", "uint16": "u2", "int32": "i4", "uint32": "u4"},
    **{"float": "f4", "double": "f8", "float32": "f4", "float64": "f8"},
}
_ORDERS = {"ascii": None, "binary_little_endian": "<", "binary_big_endian": ">"}


class Property(NamedTuple):
    """A column of values or, with the kind of their lengths, of lists. Kinds are numpy's."""

    name: str
    kind: str
    length_kind: str | None


class Element(NamedTuple):
    """Such as vertex or face: so many rows."""

    name: str
    rows: int
    properties: list[Property]


class Header(NamedTuple):
    """order: numpy's of the bytes, None for ascii; size: of the header, bytes."""

    order: str | None
    comments: list[str]
    elements: list[Element]
    size: int

    def names(self, element: str) -> set[str]:
        """Of the element's properties."""
        return {prop.name for one in self.elements if one.name == element for prop in one.properties}


class Lists(NamedTuple):
    """The values of all rows' lists, one after the other, and how many each row has (N,)."""

    values: np.ndarray
    lengths: np.ndarray


Columns = dict[str, np.ndarray | Lists]


def read_header(path: Path) -> Header:
    """ValueError where the file does not begin with one."""
    order, comments, elements = "", [], []
    with path.open("rb") as file:
        while line := file.readline():
            text = line.decode("utf-8", "replace").strip()
            first, *words = text.split() or [""]
            if first == "format":
                order = _ORDERS[words[0]]
            elif first == "comment":
                comments.append(text.removeprefix("comment").strip())
            elif first == "element":
                elements.append(Element(words[0], int(words[1]), []))
            elif first == "property":
                elements[-1].properties.append(_property(words))
            elif first == "end_header":
                return Header(order, comments, elements, file.tell())
    raise ValueError(f"{path} has no header")


def read_elements(path: Path, header: Header) -> dict[str, Columns]:
    """All values by element and property. ValueError where there are fewer than the header tells."""
    body, order = path.read_bytes()[header.size :], header.order
    if order is None:  # as if it were binary, and all numbers doubles
        body = np.array(body.split(), np.float64).tobytes()
    found, start = {}, 0
    for element in header.elements:
        properties = element.properties
        if order is None:
            properties = [Property(name, "f8", length_kind and "f8") for name, _kind, length_kind in properties]
        kinds = [_ordered(prop, order or "=") for prop in properties]
        columns, start = _alike(body, start, element.rows, kinds) or _unlike(body, start, element.rows, kinds)
        found[element.name] = {prop.name: _as_told(columns[prop.name], prop.kind) for prop in element.properties}
    return found


def _property(words: list[str]) -> Property:
    if words[0] == "list":
        return Property(words[3], _KINDS[words[2]], _KINDS[words[1]])
    return Property(words[1], _KINDS[words[0]], None)


def _as_told(column: np.ndarray | Lists, kind: str) -> np.ndarray | Lists:
    if isinstance(column, Lists):
        return column._replace(values=column.values.astype(kind))
    return column.astype(kind)


def _ordered(prop: Property, order: str) -> Property:
    return Property(prop.name, order + prop.kind, prop.length_kind and order + prop.length_kind)


def _alike(body: bytes, start: int, rows: int, properties: list[Property]) -> tuple[Columns, int] | None:
    """The rows from start on, and where they end; None unless every list is as long as in the first row."""
    if not rows:
        return {prop.name: Lists(*np.zeros((2, 0))) if prop.length_kind else np.zeros(0) for prop in properties}, start
    lengths = [len(values) for values in _row(body, start, properties)[0]]
    fields = []
    for number, (prop, length) in enumerate(zip(properties, lengths, strict=True)):
        fields += [(f"length {number}", prop.length_kind)] if prop.length_kind else []
        fields.append((f"values {number}", prop.kind, (length,)))
    kind = np.dtype(fields)
    if len(body) < start + rows * kind.itemsize:
        return None
    table = np.frombuffer(body, kind, rows, start)
    columns: Columns = {}
    for number, (prop, length) in enumerate(zip(properties, lengths, strict=True)):
        if prop.length_kind and (table[f"length {number}"] != length).any():
            return None
        values = table[f"values {number}"].ravel()
        columns[prop.name] = Lists(values, np.full(rows, length)) if prop.length_kind else values
    return columns, start + rows * kind.itemsize


def _unlike(body: bytes, start: int, rows: int, properties: list[Property]) -> tuple[Columns, int]:
    """`_alike`, one row after the other."""
    read = []
    for _row_number in range(rows):
        values, start = _row(body, start, properties)
        read.append(values)
    columns: Columns = {}
    for prop, values in zip(properties, zip(*read, strict=True), strict=True):
        joined = np.concatenate(values)
        columns[prop.name] = Lists(joined, np.array([len(one) for one in values])) if prop.length_kind else joined
    return columns, start


def _row(body: bytes, start: int, properties: list[Property]) -> tuple[list[np.ndarray], int]:
    """The values of each property in the row from start on, and where the row ends."""
    read = []
    for prop in properties:
        length = 1
        if prop.length_kind:
            (length,) = np.frombuffer(body, prop.length_kind, 1, start)
            start += np.dtype(prop.length_kind).itemsize
        values = np.frombuffer(body, prop.kind, int(length), start)
        start += values.nbytes
        read.append(values)
    return read, start
