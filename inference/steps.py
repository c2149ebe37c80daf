"""Long work in steps: a generator that yields its progress, so that whoever drives it can show it and stop it."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import closing
from typing import TypeVar

Result = TypeVar("Result")
Steps = Generator[float, None, Result]  # yields progress 0..1 between short pieces of work


def finish(steps: Steps[Result]) -> Result:
    """Runs all steps and gives their result."""
    while True:
        try:
            next(steps)
        except StopIteration as stop:
            return stop.value


def within(steps: Steps[Result], start: float, end: float) -> Steps[Result]:
    """The same steps as a part, from start to end, of a larger whole; closed with it."""
    with closing(steps):  # at once, for what they clean up may stand on what the whole cleans up next
        while True:
            try:
                progress = next(steps)
            except StopIteration as stop:
                return stop.value
            yield start + progress * (end - start)
