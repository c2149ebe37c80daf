"""What Photo Pose tells the log: to the terminal as much as the user wants, the last lines also to diagnostics."""

from __future__ import annotations

import logging
from collections import deque

from ...inference.errors import LOG
from ...preferences import preferred
from .worker import on_main

LINES = 40


class Recent(logging.Handler):
    """Keeps the last lines."""

    def __init__(self) -> None:
        super().__init__(logging.INFO)
        self.lines: deque[str] = deque(maxlen=LINES)
        self.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(message)s", "%H:%M:%S"))

    def emit(self, record: logging.LogRecord) -> None:
        self.lines.append(self.format(record))


class Terminal(logging.StreamHandler):
    """To stderr, from the level that the preferences say."""

    def filter(self, record: logging.LogRecord) -> bool:
        return record.levelno >= getattr(logging, on_main(preferred).log_level)


recent, terminal = Recent(), Terminal()
terminal.setFormatter(logging.Formatter("photo_pose: %(message)s"))


def register() -> None:
    LOG.setLevel(logging.DEBUG)
    LOG.propagate = False  # other add-ons' settings of the root logger would print everything twice
    for handler in (recent, terminal):
        LOG.addHandler(handler)


def unregister() -> None:
    for handler in (recent, terminal):
        LOG.removeHandler(handler)
    LOG.propagate = True
