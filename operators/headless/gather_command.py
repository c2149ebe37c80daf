"""The headless command `gather`: results of slices in, results.jsonl, matched.blend and the contact sheet out."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from functools import cache
from ntpath import basename
from pathlib import Path
from typing import Any

import bpy

from ...inference.errors import PoseError
from ...inference.files import replacing, writing
from ...inference.formats.strict_json import json_text
from ...inference.geometry import Sphere
from ...inference.photo.image import load_photo
from ..blender.models import evaluated, scene_object
from . import slices
from .jobs import Job, models_of, read_jobs, stems_of
from .output import add_camera_of, exit_status, open_scene, save_contact_sheet, save_scene
from .terminal import to_stderr

Line = dict[str, Any]


def run(options: argparse.Namespace) -> int:
    """0 when all photos are there and went well, with --exit-zero when all are there; else 1. PoseError if none is."""
    jobs = read_jobs(options)
    stems = stems_of(job["photo"] for job in jobs)
    lines = _gathered(options.out, jobs)
    if not lines:
        raise PoseError(f'Folder "{options.out}" has no results of slices of these photos.')
    open_scene(options)
    models_of(options)
    failed = _set_up_cameras(jobs, lines)
    there = sorted(lines)
    path = options.out / "results.jsonl"
    with writing(path), replacing(path) as file:
        file.write("".join(json_text(lines[number]) + "\n" for number in there).encode())
    save_scene(options.out / "matched.blend")
    if options.contact_sheet:
        save_contact_sheet(options.out, [lines[number] for number in there], [stems[number] for number in there])
    missing = [number for number in range(len(jobs)) if number not in lines]
    for number in missing:
        to_stderr(f'Photo "{jobs[number]["photo"]}" has no result yet.')
    if missing:
        to_stderr(f"What is missing, match --slice {slices.text_of(missing)} makes.")
    return 1 if missing or failed else exit_status(lines.values(), options)


def _gathered(folder: Path, jobs: Sequence[Job]) -> dict[int, Line]:
    """The photos' lines by their numbers; of several for one photo that which was written last.

    A line of another photo, as an earlier job with other photos has left it in the folder, is none of them.
    """
    lines = {}
    for path, numbers in slices.listings(folder):
        for number, line in zip(numbers, slices.read_lines(path), strict=False):  # the slice may have been stopped
            if number < len(jobs) and _name(line["photo"]) == _name(jobs[number]["photo"]):
                photo = jobs[number]["photo"]
                lines[number] = {**line, "photo": photo and str(photo)}  # it may have another path on another machine
    return lines


def _name(photo: str | Path | None) -> str:
    """Of the file, on whichever system the path was written."""
    return basename(str(photo or ""))


def _set_up_cameras(jobs: Sequence[Job], lines: dict[int, Line]) -> int:
    """One for each photo that was matched, as `match` leaves them in matched.blend.

    Gives for how many there can be none, as the photo or the model is not there.
    """
    sphere, there, failed = cache(_sphere), [], 0
    for number, line in sorted(lines.items()):
        if line["status"] != "ok":
            continue
        try:
            add_camera_of(line, load_photo(jobs[number]["photo"]), sphere(line["model"]), there)
        except PoseError as error:
            to_stderr(str(error))
            failed += 1
    return failed


def _sphere(key: str) -> Sphere:
    with evaluated(scene_object(bpy.context.scene, key)) as model:
        return model.sphere
