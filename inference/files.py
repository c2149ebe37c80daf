"""Writing files: whole or not at all, and one sentence for the user where the disk does not let us."""

from __future__ import annotations

import os
import platform
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from .errors import DiskError

UNWRITABLE = '"{path}" cannot be written ({reason}).'


@contextmanager
def writing(path: Path, sentence: str = UNWRITABLE) -> Iterator[None]:
    """DiskError with this sentence where what is done within cannot write path."""
    try:
        yield
    except OSError as error:
        raise DiskError(sentence.format(path=path, reason=error.strerror or error)) from error


@contextmanager
def replacing(path: Path) -> Iterator[BinaryIO]:
    """A file by another name, which takes path's place when it is whole: neither an interruption nor another reader
    ever meets half of it, nor do two machines that write to a shared folder. Makes the folder where there is none."""
    path.parent.mkdir(parents=True, exist_ok=True)
    host = re.sub(r"\W", "-", platform.node())
    temporary = path.with_suffix(f".{os.getpid()}@{host}{path.suffix}")
    try:
        with temporary.open("wb") as file:
            yield file
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)
