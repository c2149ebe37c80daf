"""All records of a library in one file, and the descriptors of all training views in one that is mapped into memory.

Both can be made anew from the records at any time, and records that are newer than they are read by themselves.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

import numpy as np

from ..errors import PoseError
from ..files import replacing, writing
from ..formats.strict_json import json_text
from ..search.start_poses import FLAT
from ..steps import Steps
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
SETTLED = 3600  # s after which nobody searches in descriptors that an index named before, or is about to name others
DESCRIPTORS = re.compile(r"descriptors\.[0-9a-f]{12}\.npy")
BLOCK = 1 << 15  # rows that are in memory at once


class Rows(NamedTuple):
    """Some rows of a file of float32 descriptors, (count, COLUMNS) from the row start on."""

    path: Path
    start: int
    count: int

    def are_there(self) -> bool:
        """Whether the file has them."""
        try:
            return self._offset() > 0
        except (OSError, ValueError):
            return False

    def _offset(self) -> int:
        """Where the file's numbers begin. OSError or ValueError where it has no such rows."""
        with self.path.open("rb") as file:
            shape, offset = _header(file)
        whole = self.path.stat().st_size >= offset + 4 * COLUMNS * (self.start + self.count)
        if not whole or len(shape) != 2 or shape[1] != COLUMNS or self.start + self.count > shape[0]:
            raise ValueError(self.path.name)
        return offset

    def blocks(self) -> Iterator[np.ndarray]:
        """(<= BLOCK, COLUMNS) each, mapped into memory only as long as it is looked at. OSError or ValueError where
        the file is none of that."""
        offset = self._offset()
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

    @property
    def by_key(self) -> dict[str, LibraryModel]:
        """The models by their keys, which name their targets."""
        return {model.key: model for model in self.models}


class _Entry(NamedTuple):
    """A record as a search needs it: the name of its file, its stamp, and its rows; None: it is damaged."""

    name: str
    stamp: list[int]
    record: Record | None
    rows: Rows | None


def _entries(folder: Path) -> Iterator[_Entry]:
    """All records by name: those that the index knows as they are from there, the others from their own files."""
    gathered, path = _gathered(folder)
    for entry in sorted(record_paths(folder), key=lambda one: one.name):
        try:
            found = entry.stat()
        except FileNotFoundError:  # it was removed meanwhile
            continue
        stamp = [found.st_size, found.st_mtime_ns]
        known = gathered.get(entry.name)
        if known and known["stamp"] == stamp:
            yield _Entry(entry.name, stamp, known["record"], Rows(path, known["row"], known["rows"]))
            continue
        record = read_record(Path(entry.path))
        rows = own_rows(folder, record) if record else None
        is_there = bool(rows) and (not rows.count or rows.are_there())
        yield _Entry(entry.name, stamp, record if is_there else None, rows)


def read_index(folder: Path) -> Index:
    """Of a library that is to be searched. PoseError where it is none, or has no models."""
    if views_of(folder) is None:
        raise PoseError(f'Folder "{folder}" is no library: make one with the command library.')
    models, pieces, counts, damaged, outdated = [], [], [], [], 0
    for name, _stamp, record, rows in _entries(folder):
        if record is None:
            damaged.append(f'Record "{name}" of the library is damaged: update the library.')
        elif record.models and record.described_by != identity():
            outdated += 1
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


def known_sources(folder: Path) -> dict[str, Record]:
    """What the index tells of records, by their ids: also of those that were damaged since."""
    return {Path(name).stem: one["record"] for name, one in _gathered(folder)[0].items()}


def own_rows(folder: Path, record: Record) -> Rows:
    """Of a record's own file."""
    return Rows(descriptors_file(folder, record.id), 0, sum(model.count for model in record.models))


def write_index(folder: Path) -> Steps[None]:
    """Gathers all records. DiskError where the disk is full, say; the old index stays then."""
    before = _gathered(folder)[1]
    told, row, pieces, digest = {}, 0, [], hashlib.sha256()
    for name, stamp, record, rows in _entries(folder):
        if record is None:
            continue
        told[name] = {"stamp": stamp, "row": row, "rows": rows.count, "record": told_of(record)}
        digest.update(f"{name} {stamp} {rows.count} ".encode())
        pieces.append(rows)
        row += rows.count
        yield 0.0
    path = folder / f"descriptors.{digest.hexdigest()[:12]}.npy"
    if path != before or not path.exists():
        with writing(folder, UNWRITABLE):
            yield from _write_rows(path, _joined(piece for piece in pieces if piece.count), row)
            with replacing(folder / "index.json") as file:
                file.write(json_text({"format": FORMAT, "descriptors": path.name, "records": told}).encode())
        if before != folder:
            with suppress(OSError):
                os.utime(before)  # from now on it is only of those who search in it
    for other in folder.glob("descriptors.*.npy"):
        with suppress(OSError):  # somebody on Windows searches in it, or another process has removed it
            is_ours = DESCRIPTORS.fullmatch(other.name) and other != path
            if is_ours and time.time() - other.stat().st_mtime > SETTLED:
                other.unlink()


def _write_rows(path: Path, pieces: Sequence[Rows], count: int) -> Steps[None]:
    with replacing(path) as file:
        header = {"descr": "<f4", "fortran_order": False, "shape": (count, COLUMNS)}
        np.lib.format.write_array_header_1_0(file, header)
        done = 0
        for piece in pieces:
            for block in piece.blocks():
                file.write(block.tobytes())
                done += len(block)
                yield done / count


def _gathered(folder: Path) -> tuple[dict, Path]:
    """What index.json tells of each record, by the name of its file, and the file of the descriptors; nothing where
    either is not there or damaged."""
    try:
        told = json.loads((folder / "index.json").read_bytes())
        path = folder / told["descriptors"]
        if not Rows(path, 0, sum(one["rows"] for one in told["records"].values())).are_there():
            return {}, folder
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


def _joined(pieces: Iterable[Rows]) -> list[Rows]:
    """Rows that follow each other in one file become one piece."""
    joined: list[Rows] = []
    for piece in pieces:
        last = joined[-1] if joined else None
        if last and last.path == piece.path and last.start + last.count == piece.start:
            joined[-1] = last._replace(count=last.count + piece.count)
        else:
            joined.append(piece)
    return joined
