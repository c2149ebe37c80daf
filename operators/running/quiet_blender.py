"""Blender without what it prints while it renders or reads files."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def quiet(*, errors_too: bool = False) -> Iterator[None]:
    """Keeps what Blender's own code prints in background mode out of the terminal; Python's prints too."""
    streams = (1, 2) if errors_too else (1,)
    sys.stdout.flush()
    sys.stderr.flush()
    terminals = [os.dup(stream) for stream in streams]
    nowhere = os.open(os.devnull, os.O_WRONLY)
    for stream in streams:
        os.dup2(nowhere, stream)
    try:
        yield
    finally:
        sys.stdout.flush()
        for stream, terminal in zip(streams, terminals, strict=True):
            os.dup2(terminal, stream)
            os.close(terminal)
        os.close(nowhere)


def fast_folder() -> str | None:
    """In memory where the system has such a folder, else the usual temporary one."""
    return "/dev/shm" if os.access("/dev/shm", os.W_OK) else None
