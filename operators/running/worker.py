"""Keeps Blender responsive: one other thread does the work of steps, and this one makes the calls it has to Blender."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing
from queue import Empty, SimpleQueue
from typing import Any, NamedTuple, TypeVar

from ...inference.steps import Steps, Work

SLICE = 0.03  # s, between which Blender may look after everything else

Result = TypeVar("Result")
_thread = threading.local()  # .worker, in a worker's thread


def on_main(function: Callable[..., Result], *args: Any) -> Result:
    """The result of a call that only Blender's own thread may make, for whichever thread asks.

    CancelledError where nobody waits for the asking thread any more.
    """
    worker = getattr(_thread, "worker", None)
    return worker.ask(function, *args) if worker else function(*args)


def responsive(steps: Steps[None]) -> Steps[None]:
    """The same steps as short ones, their work done in another thread, to which closing them gives no more answers."""
    progress, until = 0.0, time.monotonic() + SLICE
    with _Worker() as worker, closing(steps):
        for step in steps:
            if isinstance(step, Work):
                worker.start(step)
            else:
                progress = step
            while worker.busy(until) or time.monotonic() > until:
                yield progress
                until = time.monotonic() + SLICE


class _Call(NamedTuple):
    """What the worker asks the main thread for."""

    answer: Future
    function: Callable[..., Any]
    args: tuple[Any, ...]

    def make(self) -> None:
        try:
            self.answer.set_result(self.function(*self.args))
        except Exception as error:  # it is the worker's, which gets it from its own call
            self.answer.set_exception(error)


class _Worker:
    """A thread for the work of steps, one piece at a time."""

    def __init__(self) -> None:
        self._calls: SimpleQueue[_Call] = SimpleQueue()
        self._stopped = False
        self._work: Future | None = None
        self._executor = ThreadPoolExecutor(1, "Photo Pose", initializer=setattr, initargs=(_thread, "worker", self))

    def __enter__(self) -> _Worker:
        return self

    def __exit__(self, *_error: object) -> None:
        """Without waiting: the thread ends with its piece of work or with the next call it asks for."""
        self._stopped = True
        self._executor.shutdown(wait=False)
        while not self._calls.empty():
            self._calls.get().answer.cancel()

    def start(self, work: Work) -> None:
        self._work = work.future = self._executor.submit(work.call)
        self._work.add_done_callback(self._wake)

    def busy(self, until: float) -> bool:
        """Makes the calls that the work asks for until that time or until it is done: whether it is not."""
        while self._work and not self._work.done() and (left := until - time.monotonic()) > 0:
            try:
                self._calls.get(timeout=left).make()
            except Empty:
                break
        return self._work is not None and not self._work.done()

    def ask(self, function: Callable[..., Result], *args: Any) -> Result:
        """In the worker's thread: has the main thread make a call and waits for its result."""
        answer: Future[Result] = Future()
        self._calls.put(_Call(answer, function, args))
        if self._stopped:
            answer.cancel()
        return answer.result()

    def _wake(self, _work: Future) -> None:
        """Something to do for the main thread, which waits for nothing but calls."""
        self._calls.put(_Call(Future(), int, ()))
