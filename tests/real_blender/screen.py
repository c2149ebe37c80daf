"""A screen without a monitor, its mouse and keyboard, and pictures of it."""

from __future__ import annotations

import os
import struct
import subprocess
from pathlib import Path

from PIL import Image

SIZE = (1360, 960)


class Screen:
    """Xvfb with a window that begins at the top left corner; a context manager."""

    def __init__(self, folder: Path) -> None:
        command = ["Xvfb", "-displayfd", "1", "-screen", "0", "{}x{}x24".format(*SIZE), "-fbdir", folder]
        self._server = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        self.name, self._file = f":{self._server.stdout.readline().strip()}", folder / "Xvfb_screen0"

    def __enter__(self) -> Screen:
        return self

    def __exit__(self, *_error: object) -> None:
        self._server.terminate()
        self._server.wait()

    def picture(self) -> Image.Image:
        """What the screen shows: X's own file of it, a header of 32-bit numbers and rows of BGRX."""
        data = self._file.read_bytes()
        header = struct.unpack(">25I", data[:100])
        start, width, height, row, colors = header[0], *header[4:6], header[12], header[19]
        return Image.frombuffer("RGB", (width, height), data[start + 12 * colors :], "raw", "BGRX", row, 1)

    def move(self, x: float, y: float) -> None:
        self._do("mousemove", round(x), round(y))

    def click(self, x: float, y: float) -> None:
        self._do("mousemove", round(x), round(y), "sleep", "0.3", "click", "1")

    def hold(self) -> None:
        self._do("mousedown", 1)

    def release(self) -> None:
        self._do("mouseup", 1)

    def scroll(self, up: bool, clicks: int = 12) -> None:
        """By a page, about."""
        self._do("click", "--repeat", clicks, "--delay", 30, 4 if up else 5)

    def press(self, *keys: str) -> None:
        self._do("key", *keys)

    def type(self, text: str) -> None:
        self._do("type", "--delay", "40", text)

    def wait_for(self, title: str) -> None:
        """Until a window of this title is there."""
        self._do("search", "--sync", "--onlyvisible", "--name", f"^{title}$")

    def _do(self, *words: object) -> None:
        command = ["xdotool", *map(str, words)]
        subprocess.run(
            command, env=os.environ | {"DISPLAY": self.name}, check=True, timeout=60, stdout=subprocess.DEVNULL
        )
