"""Makes a library of models, or brings it up to date: only what is new, changed or damaged is made."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

import bpy
import numpy as np
from bpy.app.translations import pgettext_rpt as rpt_

from ...inference.errors import DiskError, PoseError, printable
from ...inference.files import replacing, writing
from ...inference.library.index import known_sources, rows_of, write_index
from ...inference.library.records import (
    UNWRITABLE,
    LibraryModel,
    Record,
    descriptors_file,
    is_empty,
    is_unchanged,
    is_whole,
    made_files,
    path_in,
    path_of,
    read_record,
    record_file,
    record_id,
    record_paths,
    stamps,
    thumbnail_file,
    views_folder,
    views_of,
    write_record,
    write_views_of,
)
from ...inference.steps import Counted, Steps, counted, shares, within
from ...inference.views.descriptors import identity
from ...inference.views.view_options import ViewOptions
from ..blender.models import evaluated, placed
from ..models.borrowed_models import all_borrowed
from ..models.licences import licence_of
from ..models.model_files import model_files
from ..models.source_files import files_of
from ..pictures.model_targets import onboarded
from ..pictures.rendered_views import portrait
from ..pictures.saving import make_folder


class Found(NamedTuple):
    """A model file, and the folder in which it was found, "" where it was named itself, both as records name them."""

    file: str
    folder: str


class Outcome(NamedTuple):
    """How many model files were made, left as they were and removed, and sentences of those that failed."""

    made: int = 0
    kept: int = 0
    removed: int = 0
    failed: tuple[str, ...] = ()


def begun(folder: Path, views: ViewOptions | None, sources: Sequence[Path]) -> ViewOptions:
    """How the library's training views are made; where there is no library yet one begins, of these sources, with
    these views, None: as by default. PoseError where it has others, or cannot be written."""
    known = views_of(folder)
    if known is None and not sources:
        raise PoseError(f'Library "{folder}" has no models yet: say where they are, with --model.')
    if known is None and not is_empty(folder):
        raise PoseError(f'Folder "{folder}" is no library and has other files in it: choose an empty one.')
    make_folder(folder, UNWRITABLE)
    if known is None:
        known = views or ViewOptions()
        write_views_of(folder, known)
    told = "sphere", "subdivisions", "background"
    if views and any(getattr(views, name) != getattr(known, name) for name in told):
        raise PoseError(f'Library "{folder}" has other training views: leave out what says which, or make a new one.')
    return known


def found_in(folder: Path, sources: Sequence[Path], warn: Callable[[str], None]) -> list[Found]:
    """The model files of these files and folders, each once; without any, those of all that the library was made of,
    but what is not there is left alone: its disk may come back.

    PoseError where one that is given does not exist, or has no model files.
    """
    if sources:
        found = [one for source in sources for one in _found_at(folder, source)]
        return list({one.file: one for one in found}.values())
    found = []
    records, damaged = records_of(folder)
    known = [*records.values(), *(record for record in damaged.values() if record)]
    for source in sorted({record.folder or record.file for record in known}):
        try:
            found += _found_at(folder, path_of(folder, source))
        except PoseError as error:
            warn(f"{str(error).rstrip('.')}: what the library has of it stays.")
    return list({one.file: one for one in found}.values())


def _found_at(folder: Path, source: Path) -> list[Found]:
    if not source.exists():
        raise PoseError(f'"{source}" does not exist.')
    of_folder = path_in(folder, source) if source.is_dir() else ""
    return [Found(path_in(folder, file), of_folder) for file in model_files(source, deep=True)]


def records_of(folder: Path) -> tuple[dict[str, Record], dict[str, Record | None]]:
    """The records by their model files; and by their ids those that are damaged, as far as the index knows them."""
    records, damaged = {}, []
    for entry in list(record_paths(folder)):
        record = read_record(Path(entry.path))
        if record:
            records[record.file] = record
        elif Path(entry.path).exists():
            damaged.append(Path(entry.name).stem)
    known = known_sources(folder) if damaged else {}
    return records, {name: known.get(name) for name in damaged}


def forget(folder: Path, sources: Sequence[Path]) -> int:
    """Takes the models of these files and folders out of the library, also where these are not there any more; gives
    how many files that is."""
    records, _damaged = records_of(folder)
    asked = [Path(os.path.abspath(source)) for source in sources]
    gone = [file for file in records if any(path_of(folder, file).is_relative_to(source) for source in asked)]
    for file in gone:
        _remove(folder, file, records)
    return len(gone)


def update(
    folder: Path,
    found: Sequence[Found],
    views: ViewOptions,
    *,
    up: str | None = None,
    gone: bool = True,
    done: Callable[[str, str], None] = lambda _file, _outcome: None,
    warn: Callable[[str], None],
) -> Steps[Outcome]:
    """Makes what of the found files is not in the library as it is, the others cost nothing; removes what was found
    before and is no more, and gathers all for the search: but not with gone=False, for who was given only some files.

    up: which axis points up in the files, "": by their kind; None: as when it was made, of new ones as in their folder.
    done is told of each file and what became of it, "" where nothing was to be done. DiskError where the library cannot
    be written; all that was made so far stays, and the next one goes on there.
    """
    records, damaged = records_of(folder)
    outcome = Outcome()
    for number, (one, (began, ends)) in enumerate(shares(found)):
        yield Counted(began, rpt_("Models"), number, len(found))
        axis = _up_of(one, records) if up is None else up
        why = _why_made(folder, one, axis, records.get(one.file), record_id(one.file) in damaged)
        if not why:
            outcome = outcome._replace(kept=outcome.kept + 1)
            done(one.file, "")
            continue
        if why == DAMAGED:
            warn(f'What the library has of "{one.file}" is damaged and is made again.')
        making = within(_made(folder, one, axis, views, warn), began, ends)
        record = yield from counted(making, rpt_("Models"), number, len(found))
        _drop(folder, records.pop(one.file, None), keep=[*records.values(), record])
        records[one.file] = record
        outcome = outcome._replace(made=outcome.made + 1)
        if record.error:
            outcome = outcome._replace(failed=(*outcome.failed, record.error))
        done(one.file, record.error or ", ".join(model.name for model in record.models))
    if gone:
        outcome = outcome._replace(removed=_remove_gone(folder, found, records, damaged, warn))
        yield from within(write_index(folder), 1.0, 1.0)
    return outcome


NEW, CHANGED, DAMAGED = "new", "changed", "damaged"


def _up_of(found: Found, records: dict[str, Record]) -> str:
    """Which axis points up in it, as far as the library knows."""
    alike = (record for record in records.values() if found.folder and record.folder == found.folder)
    record = records.get(found.file) or next(alike, None)
    return record.up if record else ""


def _why_made(folder: Path, found: Found, up: str, record: Record | None, is_damaged: bool) -> str:
    """ "" where it is in the library as it is. What could not be read is tried again."""
    fresh = read_record(record_file(folder, record_id(found.file)))  # another process may have made it meanwhile
    record = fresh or record
    if is_damaged and not fresh:
        return DAMAGED
    if not record:
        return NEW
    as_asked = record.up == up and record.described_by == identity() and not record.error
    if not as_asked or not is_unchanged(folder, record.made_from):
        return CHANGED
    if not is_whole(folder, record):
        return DAMAGED
    if not is_unchanged(folder, record.made):  # a copy, which need not be read again the next time
        write_record(folder, record._replace(made=stamps(folder, made_files(folder, record))))
    return ""


def _made(folder: Path, found: Found, up: str, views: ViewOptions, warn: Callable[[str], None]) -> Steps[Record]:
    """Its record, once all that belongs to it is written."""
    path, models, rows, sentences = path_of(folder, found.file), [], [], []
    made_from = stamps(folder, [path])  # before it is read: what changes meanwhile is made again
    try:
        with all_borrowed(path, up) as roots:
            made_from += stamps(folder, files_of(path, roots)[1:])
            for (number, root), part in shares(enumerate(roots)):
                try:
                    model, own = yield from within(_model(folder, found, number, root, up, views, warn), *part)
                except DiskError:
                    raise
                except PoseError as error:
                    sentences.append(str(error))
                else:
                    models.append(model)
                    rows.append(own)
    except DiskError:
        raise
    except PoseError as error:
        sentences.append(str(error))
    if models:
        for sentence in sentences:
            warn(sentence)
    record = Record(found.file, found.folder, up, made_from, (), tuple(models), None if models else sentences[0])
    return _written(folder, record, rows)


def _model(
    folder: Path,
    found: Found,
    number: int,
    root: bpy.types.Object,
    up: str,
    views: ViewOptions,
    warn: Callable[[str], None],
) -> Steps[tuple[LibraryModel, np.ndarray]]:
    """A model of a file as the library has it, and the rows of its descriptors."""
    path = path_of(folder, found.file)
    target = yield from onboarded(root, views, views_folder(folder), warn)
    licence = licence_of(path, [root])
    count = len(target.index.templates.directions)
    where = target.sphere, *placed(root)
    # Not an object's name: the user's scene may have that, too
    name = (root.instance_collection or root).name if path.suffix.lower() == ".blend" else printable(path.stem)
    model = LibraryModel(name, number, *where, target.file.stem, count, licence, found.file, up)
    thumbnail = thumbnail_file(folder, model)
    if not thumbnail.exists():
        with evaluated(root) as shown:
            picture = portrait(shown)
        with writing(folder, UNWRITABLE), replacing(thumbnail) as file:
            picture.save(file, "PNG")
    return model, rows_of(target.index.templates)


def _written(folder: Path, record: Record, rows: Sequence[np.ndarray]) -> Record:
    if rows:
        with writing(folder, UNWRITABLE), replacing(descriptors_file(folder, record.id)) as file:
            np.save(file, np.concatenate(rows))
    record = record._replace(made=stamps(folder, made_files(folder, record)), described_by=identity())
    write_record(folder, record)
    return record


def _remove_gone(
    folder: Path,
    found: Sequence[Found],
    records: dict[str, Record],
    damaged: dict[str, Record | None],
    warn: Callable[[str], None],
) -> int:
    """How many records are removed, as their files are not any more in the folders that were searched.

    A folder that has nothing in it may be where a disk will be again: what was there stays.
    """
    searched = {one.folder for one in found if one.folder}
    gone = [file for file, record in records.items() if record.folder in searched and _is_gone(path_of(folder, file))]
    for file in gone:
        _remove(folder, file, records)
    for name in damaged.keys() - {record_id(file) for file in records}:
        warn(f'Record "{name}" of the library is damaged: say where its model is, with --model.')
    return len(gone)


def _is_gone(path: Path) -> bool:
    """Whether a file is not there, and not because its disk is not: its folder has other files, or is gone, too."""
    if path.exists():
        return False
    try:
        return not path.parent.exists() or any(path.parent.iterdir())
    except OSError:
        return False


def _remove(folder: Path, file: str, records: dict[str, Record]) -> None:
    """A record and all that was made for it alone."""
    record = records.pop(file)
    with suppress(OSError):
        record_file(folder, record.id).unlink()
    _drop(folder, record, keep=records.values())


def _drop(folder: Path, record: Record | None, keep: Iterable[Record]) -> None:
    """Removes what was made for a record that is none any more, and is not for one of those to keep; what somebody
    reads, on Windows, stays."""
    if not record:
        return
    needed = {path for other in keep for path in made_files(folder, other)}
    for path in set(made_files(folder, record)) - needed:
        for own in {path, path.with_suffix(".png")} if path.suffix == ".npz" else {path}:
            with suppress(OSError):
                own.unlink()
