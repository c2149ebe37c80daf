"""What the commands say on stderr: sentences for everybody, and how far they are to whoever waits at a terminal."""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path

from ...inference.errors import printable
from ..running.time_left import time_left

CELLS = 24  # of the bar


def to_stderr(sentence: str) -> None:
    """What went wrong with a photo or a model, on stderr."""
    _say(f"photo_pose: {sentence}")


class Progress:
    """A bar in one line that is rewritten, and a line for each photo; only on a terminal, and if nobody wants it quiet.

    As a context it leaves no bar behind, whatever happens within.
    """

    def __init__(self, quiet: bool) -> None:
        self.shown = not quiet and sys.stderr.isatty()
        self.begin("")

    def __enter__(self) -> Progress:
        return self

    def __exit__(self, *_error: object) -> None:
        if self.shown:
            _clear()

    def begin(self, what: str, parts: int | None = None) -> None:
        """From now on so many parts of something, such as photos, are done one after another; None: all at once."""
        self._what, self._parts, self._done = what, parts, 0
        self._began, self._bar = time.monotonic(), ""

    def told(self, share: float) -> None:
        """So much, 0..1, of the part that is at work is done."""
        if not self.shown:
            return
        which = f" {self._done + 1} of {self._parts}" if self._parts else ""
        whole = (self._done + share) / (self._parts or 1)
        filled = int(CELLS * whole)
        bar = f"{self._what}{which} [{'#' * filled}{'-' * (CELLS - filled)}] {int(100 * whole):3} %{self._left(whole)}"
        if bar != self._bar:
            self._bar, width = bar, _width()
            print(bar[:width].ljust(width), end="\r", file=sys.stderr, flush=True)  # what else is printed overwrites it

    def failed(self, sentence: str) -> None:
        """What everybody is told of a photo that failed; at a terminal its line says that."""
        if not self.shown:
            to_stderr(sentence)

    def photo_done(self, photo: str | None, answer: str) -> None:
        """A part is done: what came of the photo."""
        self._done += 1
        if self.shown:
            _say(printable(f"{Path(photo).name}: {answer}" if photo else answer))

    def _left(self, whole: float) -> str:
        left = time_left(time.monotonic() - self._began, whole)
        return f", {left} left" if left else ""


def _say(line: str) -> None:
    if sys.stderr.isatty():
        _clear()
    print(line, file=sys.stderr, flush=True)


def _clear() -> None:
    """Leaves the line, in which a bar may be, empty."""
    print(" " * _width(), end="\r", file=sys.stderr, flush=True)


def _width() -> int:
    """Columns of the terminal, but the last: after a character there some begin a new line."""
    return (os.get_terminal_size(sys.stderr.fileno()).columns or 80) - 1
