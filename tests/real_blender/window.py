"""Blender on a screen: what it tells of itself, and hands to use it with."""

from __future__ import annotations

import json
import subprocess
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from blender import Blender, ProofError
from PIL import Image
from screen import SIZE, Screen

WATCH = Path(__file__).resolve().parent / "watch.py"
SOON, LONG = 60, 900  # s: what is quick may take, and a match on a slow, busy processor
ROW = 17  # px, less than a button: the step in which the mouse looks for one


class Window:
    def __init__(self, blender: Blender, screen: Screen, file: Path, *script: object) -> None:
        """script: runs in it first; its path, and words that it finds at the end of sys.argv, before one more."""
        self.screen, self.folder, self._file = screen, blender.folder, blender.folder / "state.json"
        self._file.unlink(missing_ok=True)
        self._last = 0  # px from the top, of the last button that was looked for
        place = ("--window-geometry", "0", "0", *map(str, SIZE))
        scripts = [word for path in (*script[:1], WATCH) for word in ("--python", path)]
        command = [blender.executable, *place, file, *scripts, "--", *map(str, script[1:]), self._file]
        with open(self.folder / "window.log", "a", encoding="utf-8") as log:
            environment = blender.environment | {"DISPLAY": screen.name}
            self.process = subprocess.Popen(command, env=environment, stdout=log, stderr=log)
        self.until("Blender shows its window", lambda state: True, LONG)

    def state(self) -> dict:
        return json.loads(self._file.read_text())

    def until(self, what: str, holds: Callable[[dict], bool], seconds: float = SOON) -> dict:
        """The first state of which that holds; what: a sentence that says so."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            if self.process.poll() is not None:
                raise ProofError(f"{what}: Blender ended with {self.process.returncode} before")
            if self._file.exists() and holds(state := self.state()):
                return state
            time.sleep(0.02)
        raise ProofError(f"{what}: not within {seconds:.0f} s")

    def settled(self) -> dict:
        """The state after all that was done so far."""
        tick = self.state()["tick"]
        return self.until("Blender goes on", lambda state: state["tick"] > tick + 1)

    def find(self, button: str, column: float) -> tuple[int, int]:
        """Where in the sidebar a button is, by what Blender says is under the mouse; column: 0..1, left to right."""
        left, top, right, bottom = self.state()["sidebar"]
        x = round(left + column * (right - left - 24))  # without the tabs
        for scrolled in range(3):
            rows = range(top + 30, bottom - 8, ROW)
            for y in sorted(rows, key=lambda y: (y < self._last - ROW, y)):
                self.screen.move(x, y)
                if button in self.settled()["hovered"] + "$":
                    self._last = y
                    return x, y
            self.screen.scroll(up=scrolled == 0)
        raise ProofError(f"The sidebar shows no button {button}")

    def click(self, button: str, column: float = 0.7) -> None:
        self.screen.click(*self.find(button, column))

    def drag(self, start: Sequence[float], end: Sequence[float]) -> None:
        """So slowly that a slow Blender sees every part of it."""
        between = [(one + other) / 2 for one, other in zip(start, end, strict=True)]
        for place in (start, between, end):
            self.screen.move(*place)
            self.settled()
            if place is start:
                self.screen.hold()
                self.settled()
        self.screen.release()

    def picture(self, name: str, mouse: Sequence[float] = (SIZE[0] / 2, SIZE[1] - 60)) -> Image.Image:
        """Kept under this name; mouse: where it is, by default out of the way."""
        self.screen.move(*mouse)
        self.settled()
        time.sleep(0.5)  # what changed in the state is drawn only then
        picture = self.screen.picture()
        picture.save(self.folder / f"{name}.png")
        return picture

    def picture_once(self, name: str, mouse: Sequence[float], shows: Callable[[Image.Image], bool]) -> Image.Image:
        """The first that shows it, which a slow Blender draws late, or else the last within SOON."""
        end = time.monotonic() + SOON
        while not shows(picture := self.picture(name, mouse)) and time.monotonic() < end:
            pass
        return picture

    def quit(self) -> int:
        """By its own key; the status."""
        self.screen.press("ctrl+q")
        try:
            return self.process.wait(SOON)
        except subprocess.TimeoutExpired:
            raise ProofError("Blender does not end") from None

    def __enter__(self) -> Window:
        return self

    def __exit__(self, *_error: object) -> None:
        self.process.kill()
        self.process.wait()
