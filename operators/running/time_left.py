"""How long work will still take, in words."""

from __future__ import annotations

from ...inference.steps import Counted

SOON = 1.0  # s after which that is more than a guess


def time_left(spent: float, done: float) -> str:
    """If the rest takes as long as the share 0..1 that is done did, seconds; empty where that is unknown yet."""
    return in_words(spent * (1 - done) / done) if done > 0 and spent > SOON else ""


class Countdown:
    """The time that the rest of what is counted will take, by that since the first of it was told."""

    def __init__(self) -> None:
        self._what, self._began, self._before = "", 0.0, 0

    def left(self, counted: Counted, now: float) -> str:
        if counted.what != self._what:
            self._what, self._began, self._before = counted.what, now, counted.done
        rest = counted.count - self._before
        return time_left(now - self._began, (counted.done - self._before) / rest if rest else 1.0)


def in_words(seconds: float) -> str:
    """A time, as 12 s, 3 min 5 s or 1 h 20 min."""
    minutes, seconds = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    if hours:
        return f"{hours} h {minutes} min"
    return f"{minutes} min {seconds} s" if minutes else f"{seconds} s"
