"""Long work in steps: a generator that yields its progress, so that whoever drives it can show it and stop it.

It may also yield Work, which its driver may have done in another thread before the next step; ignoring it is right too.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable, Iterator
from concurrent.futures import Future
from contextlib import closing
from functools import partial, wraps
from itertools import pairwise
from typing import Any, Generic, TypeVar

import numpy as np

Item = TypeVar("Item")
Result = TypeVar("Result")


class Work(Generic[Result]):
    """A call that nobody else must wait for; future is its result where a driver has it made elsewhere."""

    def __init__(self, function: Callable[..., Result], *args: Any) -> None:
        self.call = partial(function, *args)
        self.future: Future[Result] | None = None

    def result(self) -> Result:
        return self.future.result() if self.future else self.call()


class Counted(float):
    """Progress, 0..1, of parts that are counted: what they are, in the user's words; how many of how many are done."""

    what: str
    done: int
    count: int

    def __new__(cls, progress: float, what: str, done: int, count: int) -> Counted:
        counted = super().__new__(cls, progress)
        counted.what, counted.done, counted.count = what, done, count
        return counted


Steps = Generator[float | Work[Any], None, Result]  # yields progress 0..1 between short pieces of work


def finish(steps: Steps[Result], told: Callable[[float], None] | None = None) -> Result:
    """Runs all steps and gives their result; told is called with their progress."""
    while True:
        try:
            step = next(steps)
        except StopIteration as stop:
            return stop.value
        if told and not isinstance(step, Work):
            told(step)


def within(steps: Steps[Result], start: float, end: float, part: str = "") -> Steps[Result]:
    """The same steps as a part, from start to end, of a larger whole; part: words that go before what they count."""

    def placed(step: float) -> float:
        progress = start + step * (end - start)
        return Counted(progress, part + step.what, step.done, step.count) if isinstance(step, Counted) else progress

    return _retold(steps, placed)


def counted(steps: Steps[Result], what: str, number: int, count: int) -> Steps[Result]:
    """The same steps as those of one of several things, such as photos, which are counted from 1."""
    return _retold(steps, lambda step: Counted(step, what, number, count))


def _retold(steps: Steps[Result], told: Callable[[float], float]) -> Steps[Result]:
    """The same steps, whose progress is told otherwise."""
    with closing(steps):  # at once: what they have opened needs what the whole has
        while True:
            try:
                step = next(steps)
            except StopIteration as stop:
                return stop.value
            yield step if isinstance(step, Work) else told(step)


def shares(items: Iterable[Item], start: float = 0.0, end: float = 1.0) -> Iterator[tuple[Item, tuple[float, float]]]:
    """Every item, and the equal share of the progress from start to end that its steps have `within` the whole."""
    items = list(items)
    return zip(items, pairwise(np.linspace(start, end, len(items) + 1).tolist()), strict=True)


def aside(function: Callable[..., Result], *args: Any) -> Steps[Result]:
    """One step: the result of a call that a driver may have made in another thread."""
    work = Work(function, *args)
    yield work
    return work.result()


def all_aside(steps_of: Callable[..., Steps[Result]]) -> Callable[..., Steps[Result]]:
    """Decorates a function whose steps may all be done in another thread."""

    @wraps(steps_of)
    def started(*args: Any, **options: Any) -> Steps[Result]:
        steps = steps_of(*args, **options)
        while True:
            work = Work(next, steps)
            yield work
            try:
                step = work.result()
            except StopIteration as stop:
                return stop.value
            yield step

    return started
