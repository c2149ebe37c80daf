"""Blender without a window, and what is told of failures."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

LONGEST = 900  # s, of one command


class ProofError(Exception):
    """One sentence; nothing that comes after makes sense."""


def check(holds: bool, sentence: str) -> None:
    """Tells and remembers what does not hold."""
    print(f"  {'ok' if holds else 'FAILED'}: {sentence}", flush=True)
    if not holds:
        failures.append(sentence)


failures: list[str] = []


def check_same(scene: dict, before: dict, sentence: str) -> None:
    """Checks that a scene's state is what it was, up to Blender's rounding; names what is not."""
    changed = [name for name in before if rounded(scene[name]) != rounded(before[name])]
    check(not changed, sentence + (f", but {', '.join(changed)}" if changed else ""))


def rounded(told: object) -> object:
    return [round(number, 5) for number in told] if told and isinstance(told, list) and type(told[0]) is float else told


class Blender:
    """The application with user folders of its own in a folder."""

    def __init__(self, executable: str, folder: Path, *prefix: str) -> None:
        """prefix: a command that runs the executable as another user, say."""
        self.executable, self.folder, self._prefix = executable, folder, prefix
        user = {"BLENDER_USER_RESOURCES": str(folder / "user"), "LIBGL_ALWAYS_SOFTWARE": "1"}
        self.environment = os.environ | user

    def run(self, *words: object, status: int = 0) -> str:
        """What it prints; ProofError where it does not end with this status."""
        command = [*self._prefix, self.executable, *map(str, words)]
        options = {"text": True, "capture_output": True, "check": False, "timeout": LONGEST}
        try:
            done = subprocess.run(command, env=self.environment, **options)
        except subprocess.TimeoutExpired:
            raise ProofError(f"`{' '.join(command)}` did not end within {LONGEST} s") from None
        with open(self.folder / "commands.log", "a", encoding="utf-8") as log:
            log.write(f"\n$ {' '.join(command)}\n{done.stdout}{done.stderr}")
        if done.returncode != status:
            last = (done.stderr or done.stdout).strip().splitlines()[-1:]
            raise ProofError(f"`{' '.join(command)}` ended with {done.returncode}: {' '.join(last)}")
        return done.stdout + done.stderr
