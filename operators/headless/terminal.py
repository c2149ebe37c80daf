"""What the commands say: sentences for everybody and how far they are to whoever waits at a terminal, on stderr; to the
host of a farm, that of Open Job Description, in its own words on stdout."""

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
    """A bar in one line that is rewritten, and a line for each part; only on a terminal, and if nobody wants it quiet.

    As a context it leaves no bar behind, whatever happens within. openjd: a farm's host is told too.
    """

    def __init__(self, quiet: bool, openjd: bool = False) -> None:
        self.shown = not quiet and sys.stderr.isatty()
        self._openjd: dict[str, str] | None = None
        self.begin("")
        self._openjd = {} if openjd else None  # what it was told last

    def __enter__(self) -> Progress:
        return self

    def __exit__(self, *_error: object) -> None:
        if self.shown:
            _clear()

    def begin(self, what: str, parts: int | None = None) -> None:
        """From now on so many parts of something, such as photos, are done one after another; None: all at once."""
        self._what, self._parts, self._done = what, parts, 0
        self._began, self._bar = time.monotonic(), ""
        self._tell_host()

    def told(self, share: float) -> None:
        """So much, 0..1, of the part that is at work is done."""
        self._tell_host(share)
        if not self.shown:
            return
        whole = (self._done + share) / (self._parts or 1)
        filled = int(CELLS * whole)
        bar = f"{self._at_work()} [{'#' * filled}{'-' * (CELLS - filled)}] {int(100 * whole):3} %{self._left(whole)}"
        if bar != self._bar:
            self._bar, width = bar, _width()
            print(bar[:width].ljust(width), end="\r", file=sys.stderr, flush=True)  # what else is printed overwrites it

    def told_of_all(self, whole: float) -> None:
        """So much, 0..1, of all parts together is done."""
        self.told(whole * (self._parts or 1) - self._done)

    def failed(self, sentence: str) -> None:
        """What everybody is told of a photo that failed; at a terminal its line says that."""
        if not self.shown:
            to_stderr(sentence)

    def done(self, file: str | Path | None, answer: str) -> None:
        """A part is done: what came of its file, a photo's or a model's; "" where there was nothing to do."""
        self._done += 1
        self._tell_host()
        if self.shown and answer:
            _say(printable(f"{Path(file).name}: {answer}" if file else answer))

    def _at_work(self) -> str:
        number = min(self._done + 1, self._parts) if self._parts else None
        return f"{self._what} {number} of {self._parts}" if number else self._what

    def _tell_host(self, share: float = 0.0) -> None:
        """What is new; the percentage only of counted parts, which are the work itself."""
        if self._openjd is None:
            return
        told = {"status": self._at_work()}
        if self._parts:
            told["progress"] = str(int(100 * (self._done + share) / self._parts))
        for key, value in told.items():
            if self._openjd.get(key) != value:
                print(f"openjd_{key}: {value}", flush=True)
        self._openjd |= told

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
