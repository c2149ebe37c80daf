"""All records of a library in one file, and the descriptors of all training views in one that is mapped into memory.

Both can be made anew from the records at any time, and records that are newer than they are read by themselves.
"""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

import numpy as np

from ..errors import PoseError
from ..files import replacing, writing
from ..formats.strict_json import json_text
from ..search.start_poses import FLAT
from ..views.descriptors import DIMENSIONS, described, identity
from ..views.retrieval import apparent_sizes
from ..views.templates import Templates
from .records import (
    FORMAT,
    UNWRITABLE,
    LibraryModel,
    Record,
    descriptors_file,
    read_record,
    record_from,
    record_paths,
    told_of,
    views_of,
)

COLUMNS = DIMENSIONS + 1  # of a row: a view's descriptors, and the logarithm of the aspect of its box
SETTLED = 3600  # s after which a file of descriptors that no index names is of nobody who is about to name it
BLOCK = 1 << 15  # rows that are in memory at once


class Rows(NamedTuple):
    """Some rows of a file of float32 descriptors, (count, COLUMNS) from the row start on."""

    path: Path
    start: int
    count: int

    def blocks(self) -> Iterator[np.ndarray]:
        """(<= BLOCK, COLUMNS) each, mapped into memory only as long as it is looked at. OSError or ValueError where
        the file is none of that."""
        with self.path.open("rb") as file:
            shape, offset = _header(file)
        if len(shape) != 2 or shape[1] != COLUMNS or self.start + self.count > shape[0]:
            raise ValueError(self.path.name)
        for first in range(self.start, self.start + self.count, BLOCK):
            rows = min(BLOCK, self.start + self.count - first)
            at = offset + 4 * COLUMNS * first
            yield np.memmap(self.path, np.float32, "r", at, (rows, COLUMNS))


def rows_of(templates: Templates) -> np.ndarray:
    """(V, COLUMNS) float32 of a model's training views."""
    sizes = np.maximum(apparent_sizes(templates, np.zeros(1))[:, 0], FLAT)
    aspects = np.log(sizes[:, :1] / sizes[:, 1:])
    return np.concatenate([described(templates.features.astype(np.float32)), aspects], 1).astype(np.float32)


class Index(NamedTuple):
    """What is to be searched: models, the row at which each one's descriptors begin, counted through all pieces, and
    the pieces; damaged: sentences of what is left out."""

    folder: Path
    models: list[LibraryModel]
    begins: np.ndarray
    pieces: list[Rows]
    damaged: list[str]


def read_index(folder: Path) -> Index:
    """Of a library that is to be searched. PoseError where it is none, or has no models."""
    if views_of(folder) is None:
        raise PoseError(f'Folder "{folder}" is no library: make one with the command library.')
    gathered, path = _gathered(folder)
    models, pieces, counts, damaged, outdated = [], [], [], [], 0
    for entry in sorted(record_paths(folder), key=lambda one: one.name):
        known = gathered.get(entry.name)
        found = entry.stat()
        if known and known["stamp"] == [found.st_size, found.st_mtime_ns]:
            record, rows = known["record"], Rows(path, known["row"], known["rows"])
        else:
            record = read_record(Path(entry.path))
            rows = record and own_rows(folder, record)
        if record and record.models and record.described_by != identity():
            outdated += 1
        elif record is None:
            damaged.append(f'Record "{entry.name}" of the library is damaged: update the library.')
        elif record.models:
            models += record.models
            counts += [model.count for model in record.models]
            pieces.append(rows)
    if outdated:
        damaged.append(f'Library "{folder}" has models of another version ({outdated}): update it.')
    if not models:
        raise PoseError(damaged[-1] if damaged else f'Library "{folder}" has no models.')
    begins = np.concatenate([[0], np.cumsum(counts)[:-1]]).astype(int)
    return Index(folder, models, begins, _joined(pieces), damaged)


def own_rows(folder: Path, record: Record) -> Rows:
    """Of a record's own file."""
    return Rows(descriptors_file(folder, record.id), 0, sum(model.count for model in record.models))


def write_index(folder: Path, records: Sequence[tuple[str, Record]]) -> None:
    """Of all records with the names of their files. PoseError where the disk is full, say; the old one stays then."""
    told, row = {}, 0
    digest = hashlib.sha256()
    pieces = []
    for name, record in sorted(records):
        with suppress(OSError):  # it was removed meanwhile
            found = (folder / "records" / name).stat()
            rows = own_rows(folder, record)
            told[name] = {"stamp": [found.st_size, found.st_mtime_ns], "row": row, "rows": rows.count}
            told[name]["record"] = told_of(record)
            digest.update(f"{name} {found.st_size} {found.st_mtime_ns} ".encode())
            pieces.append(rows)
            row += rows.count
    path = folder / f"descriptors.{digest.hexdigest()[:12]}.npy"
    before = _gathered(folder)[1]
    with writing(folder, UNWRITABLE):
        if not path.exists():
            _write_rows(path, pieces, row)
        with replacing(folder / "index.json") as file:
            file.write(json_text({"format": FORMAT, "descriptors": path.name, "records": told}).encode())
    for other in folder.glob("descriptors.*.npy"):
        with suppress(OSError):  # somebody on Windows searches in it, or another process has removed it
            if other != path and (other == before or time.time() - other.stat().st_mtime > SETTLED):
                other.unlink()


def _write_rows(path: Path, pieces: Sequence[Rows], count: int) -> None:
    with replacing(path) as file:
        header = {"descr": "<f4", "fortran_order": False, "shape": (count, COLUMNS)}
        np.lib.format.write_array_header_1_0(file, header)
        for piece in pieces:
            for block in piece.blocks() if piece.count else ():
                file.write(block.tobytes())


def _gathered(folder: Path) -> tuple[dict, Path]:
    """What index.json tells of each record, by the name of its file, and the file of the descriptors; nothing where
    either is not there or damaged."""
    try:
        told = json.loads((folder / "index.json").read_bytes())
        path = folder / told["descriptors"]
        with path.open("rb") as file:
            _header(file)
        records = {name: {**one, "record": record_from(one["record"])} for name, one in told["records"].items()}
        return (records, path) if told["format"] == FORMAT else ({}, path)
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return {}, folder


def _header(file) -> tuple[tuple[int, ...], int]:
    """The shape of a .npy file of float32 in rows, and where its numbers begin."""
    version = np.lib.format.read_magic(file)
    shape, fortran, dtype = np.lib.format.read_array_header_1_0(file)
    if version != (1, 0) or fortran or dtype != np.float32:
        raise ValueError("no rows of float32")
    return shape, file.tell()


def _joined(pieces: Sequence[Rows]) -> list[Rows]:
    """Rows that follow each other in one file become one piece."""
    joined: list[Rows] = []
    for piece in pieces:
        last = joined[-1] if joined else None
        if last and last.path == piece.path and last.start + last.count == piece.start:
            joined[-1] = last._replace(count=last.count + piece.count)
        else:
            joined.append(piece)
    return joined
