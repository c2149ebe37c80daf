"""What a library knows of its models: a record for each model file, of which each is written whole or not at all.

A library is a folder: `library.json` says how its training views were made; `records/` holds a record and the
descriptors of each model file, `views/` the training views as in any cache, `thumbnails/` a picture of each model.
`index.json` and `descriptors.*.npy` (index.py) gather all that for a search, and can be made anew from it. Nobody
locks anything: whoever writes writes another file and renames it, so that machines of a farm may add at once.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import zipfile
from collections.abc import Iterable, Iterator
from contextlib import suppress
from pathlib import Path, PurePosixPath
from typing import Any, NamedTuple

import numpy as np

from ..errors import PoseError
from ..files import replacing, writing
from ..formats.strict_json import json_text
from ..geometry import Sphere
from ..networks.registry import feature_name, identity
from ..views.view_options import ViewOptions

FORMAT = 1  # of the folder; raise it when an older version could not read it, or would read it wrongly
UNWRITABLE = 'Library "{path}" cannot be written ({reason}).'
RECORD = re.compile(r".+-[0-9a-f]{12}\.json")  # names of records, and of nothing else that may lie there
VIEWS = re.compile(r"[0-9a-f]{24}")  # stems of training views' files
LONGEST_STEM = 60  # letters of a model file's name that are in its record's

Stamp = tuple[str, int, int]  # a file's path in the record, its bytes, and when it was written, ns


class Licence(NamedTuple):
    """What the source of a model says of its rights, in its own words; "" where it says nothing."""

    author: str = ""
    licence: str = ""
    copyright: str = ""
    description: str = ""


class LibraryModel(NamedTuple):
    """A model of a library, where its file puts it: number among those of the file; place (4, 4), turned and moved
    only, and scale (3, 3), which comes before that, of its own coordinates; views: the stem of its training views'
    file; count: of these; file, up: as in its record."""

    name: str
    number: int
    sphere: Sphere
    place: np.ndarray
    scale: np.ndarray
    views: str
    count: int
    licence: Licence
    file: str = ""
    up: str = ""

    @property
    def key(self) -> str:
        """What names it in the library."""
        return f"{self.file}:{self.number}:{self.name}"


class Record(NamedTuple):
    """Of a model file: where it is, the folder in which it was found ("": nobody's), which axis points up in it, what
    it was made from and what was made, by which descriptors; error: the sentence why there are no models."""

    file: str
    folder: str
    up: str
    made_from: tuple[Stamp, ...]
    made: tuple[Stamp, ...]
    models: tuple[LibraryModel, ...] = ()
    error: str | None = None
    described_by: str = ""

    @property
    def id(self) -> str:
        """What names its own files."""
        return record_id(self.file)


def record_id(file: str) -> str:
    stem = re.sub(r"[^\w-]+", "-", PurePosixPath(file).stem)[:LONGEST_STEM]
    return f"{stem}-{hashlib.sha256(os.fsencode(file)).hexdigest()[:12]}"


def records_folder(folder: Path) -> Path:
    return folder / "records"


def views_folder(folder: Path) -> Path:
    return folder / "views"


def views_file(folder: Path, model: LibraryModel) -> Path:
    return views_folder(folder) / f"{model.views}.npz"


def thumbnail_file(folder: Path, model: LibraryModel) -> Path:
    return folder / "thumbnails" / f"{model.views}.png"


def record_file(folder: Path, name: str) -> Path:
    return records_folder(folder) / f"{name}.json"


def descriptors_file(folder: Path, name: str) -> Path:
    return records_folder(folder) / f"{name}.npy"


def is_empty(folder: Path) -> bool:
    """Whether a library may begin there: nothing of anybody else would be in it."""
    return not folder.is_dir() or not any(folder.iterdir())


def views_of(folder: Path) -> ViewOptions | None:
    """How a library's training views are made; None where the folder is no library yet. PoseError where this version
    cannot go on with it."""
    path = folder / "library.json"
    try:
        told = json.loads(path.read_bytes())
        if told["format"] != FORMAT:
            raise PoseError(f'Library "{folder}" is of another version of Photo Pose: make a new one.')
        views = ViewOptions(told["sphere"], told["subdivisions"], told["background"])
        network = told["network"]
    except FileNotFoundError:
        return None
    except OSError as error:
        raise PoseError(f'Library "{folder}" cannot be read ({error.strerror}).') from error
    except (ValueError, KeyError, TypeError) as error:
        if isinstance(error, PoseError):
            raise
        raise PoseError(f'"{path}" is damaged: make a new library.') from error
    if network != identity(feature_name(views.network)):
        raise PoseError(f'Library "{folder}" was made by another network: make a new one.')
    return views


def write_views_of(folder: Path, views: ViewOptions) -> None:
    """Begins a library."""
    told = {"format": FORMAT, "network": identity(feature_name(views.network))}
    told |= {"sphere": views.sphere, "subdivisions": views.subdivisions, "background": views.background}
    _write(folder / "library.json", json_text(told, indent=1).encode())


def path_in(folder: Path, path: Path) -> str:
    """How the library's records name a path: relative where it lies beside the library or in it, so that both can be
    moved together; else in full."""
    path, folder = Path(os.path.abspath(path)), Path(os.path.abspath(folder))
    if path.is_relative_to(folder.parent):
        return Path(os.path.relpath(path, folder)).as_posix()
    return path.as_posix()


def path_of(folder: Path, named: str) -> Path:
    """The other way."""
    return Path(os.path.normpath(folder / named))


def stamps(folder: Path, paths: Iterable[Path]) -> tuple[Stamp, ...]:
    """Of files that are there."""
    told = []
    for path in paths:
        with suppress(OSError):
            found = path.stat()
            told.append((path_in(folder, path), found.st_size, found.st_mtime_ns))
    return tuple(told)


def is_unchanged(folder: Path, stamped: Iterable[Stamp]) -> bool:
    stamped = tuple(stamped)
    return stamps(folder, (path_of(folder, path) for path, *_ in stamped)) == stamped


def made_files(folder: Path, record: Record) -> list[Path]:
    """All that belongs to a record, but for itself and the pictures of single views."""
    files = [path for model in record.models for path in (views_file(folder, model), thumbnail_file(folder, model))]
    return [*files, descriptors_file(folder, record.id)] if files else []


def is_whole(folder: Path, record: Record) -> bool:
    """Whether all that was made is there as it was written; what was copied since then is read to know."""
    known = {stamp[0]: stamp for stamp in record.made}
    for path in made_files(folder, record):
        then, now = known.get(path_in(folder, path)), stamps(folder, [path])
        if not then or not now or now[0][1] != then[1] or (now[0] != then and not _is_readable(path)):
            return False
    return True


def _is_readable(path: Path) -> bool:
    """Of training views, whose file knows its sums; of other files their size must do."""
    if path.suffix != ".npz":
        return True
    try:
        with zipfile.ZipFile(path) as archive:
            return archive.testzip() is None
    except (OSError, zipfile.BadZipFile):
        return False


def read_record(path: Path) -> Record | None:
    """None where it is damaged, or gone. PoseError where the disk does not let us read it now."""
    try:
        return record_from(json.loads(path.read_bytes()))
    except FileNotFoundError:
        return None
    except OSError as error:
        raise PoseError(f'"{path}" cannot be read ({error.strerror}).') from error
    except (ValueError, KeyError, TypeError, AttributeError):
        return None


def record_from(told: dict[str, Any]) -> Record:
    """What `told_of` tells. ValueError, KeyError, TypeError or AttributeError where it is none of that."""
    models = []
    for model in told["models"]:
        if not VIEWS.fullmatch(model["views"]):
            raise ValueError(model["views"])
        own = {key: model[key] for key in ("name", "number", "views", "count")}
        models.append(
            LibraryModel(
                **own,
                sphere=Sphere(np.array(model["sphere"][:3]), float(model["sphere"][3])),
                place=np.reshape(model["place"], (4, 4)),
                scale=np.reshape(model["scale"], (3, 3)),
                licence=Licence(**model["licence"]),
                file=told["file"],
                up=told["up"],
            )
        )
    made_from, made = ([tuple(stamp) for stamp in told[key]] for key in ("made_from", "made"))
    return Record(
        told["file"],
        told["folder"],
        told["up"],
        tuple(made_from),
        tuple(made),
        tuple(models),
        told["error"],
        told["described_by"],
    )


def told_of(record: Record) -> dict[str, Any]:
    """For JSON."""
    models = []
    for model in record.models:
        own = {"name": model.name, "number": model.number, "views": model.views, "count": model.count}
        own |= {"place": model.place.ravel().tolist(), "scale": model.scale.ravel().tolist()}
        sphere = [*map(float, model.sphere.center), float(model.sphere.radius)]
        models.append({**own, "sphere": sphere, "licence": model.licence._asdict()})
    return {**record._asdict(), "models": models}


def unchanged_file(folder: Path, file: str, name: str) -> Path:
    """Where a library's model file is, to be read again. PoseError where that, or what it uses, is not what the model
    with this name was made from, as far as the library is there to tell."""
    path, record = path_of(folder, file), read_record(record_file(folder, record_id(file)))
    if path.exists() and record and not is_unchanged(folder, record.made_from):
        raise PoseError(f'Model "{name}" has changed since the library was made: update the library.')
    return path


def write_record(folder: Path, record: Record) -> None:
    """Last of all that belongs to it."""
    _write(record_file(folder, record.id), json_text(told_of(record), indent=1).encode())


def record_paths(folder: Path) -> Iterator[os.DirEntry[str]]:
    """Of all records, in any order."""
    try:
        with os.scandir(records_folder(folder)) as entries:
            yield from (one for one in entries if RECORD.fullmatch(one.name))
    except (FileNotFoundError, NotADirectoryError):  # there is none yet
        return


def _write(path: Path, data: bytes) -> None:
    with writing(path.parent, UNWRITABLE), replacing(path) as file:
        file.write(data)
