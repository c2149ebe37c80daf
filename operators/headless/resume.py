"""What a photo's line was made from, by which a command that is started again tells what it need not do again."""

from __future__ import annotations

import hashlib
import json
import tomllib
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any

import bpy

from ...inference.files import replacing, writing
from ..blender.models import with_key
from . import slices
from .jobs import JOB_KEYS, Job, stands_of, wanted
from .output import Batch

SETTINGS = ("method", "candidates", "refine", "sphere", "views", "network")  # of the options, beside how objects stand
FILES = ("photo", "mask")  # of a job, whose content counts and not their place


def fingerprint(job: Job, work: Batch) -> str:
    """Of everything that decides a photo's line: the files, what the job and the options say, the models where they
    stand, and this version. PoseError where there are no such models."""
    options, targets = work.options, wanted(work.targets, job["object"])
    made_from = {
        "version": _version(),
        "job": {key: job[key] for key in JOB_KEYS if key not in FILES},
        "files": [_digest(job[key]) for key in FILES],
        "settings": [stands_of(options), *(getattr(options, name) for name in SETTINGS)],
        "network": _digest(Path(options.network)),  # of one that is a file
        "models": [(target.name, target.file.name, _place(target.name)) for target in targets],
    }
    return hashlib.sha256(json.dumps(made_from).encode()).hexdigest()[:24]


def done_before(folder: Path, text: str | None, numbers: Sequence[int]) -> dict[str, dict[str, Any]]:
    """Lines of photos that were matched, by their fingerprints, of this listing and of slices that share photos with
    it. Those of the slice itself are put aside, for its file is written anew."""
    own, aside = slices.listing(folder, text), put_aside(folder, text)
    shared = [path for path, theirs in slices.listings(folder) if not set(numbers).isdisjoint(theirs)]
    kept = _matched(aside) | _matched(own)
    if kept:
        with writing(aside), replacing(aside) as file:
            file.write("".join(json.dumps(line) + "\n" for line in kept.values()).encode())
    for path in shared:
        kept |= _matched(path)
    return kept


def put_aside(folder: Path, text: str | None) -> Path:
    """Where the lines of a slice are while its file is written anew."""
    return slices.listing(folder, text).with_suffix(".before.jsonl")


def _matched(path: Path) -> dict[str, dict[str, Any]]:
    lines = slices.read_lines(path) if path.is_file() else []
    return {line["fingerprint"]: line for line in lines if line["status"] == "ok" and line.get("fingerprint")}


@cache
def _version() -> str:
    manifest = Path(__file__).resolve().parents[2] / "blender_manifest.toml"
    return tomllib.loads(manifest.read_text(encoding="utf-8"))["version"]


def _digest(path: Path | None) -> str | None:
    """Of a file's content; None where there is none that can be read."""
    try:
        return hashlib.sha256(path.read_bytes()).hexdigest() if path else None
    except OSError:
        return None


def _place(key: str) -> list[float]:
    """Where a model stands, which its training views do not tell."""
    return [value for row in with_key(bpy.data.objects, key).matrix_world for value in row]
