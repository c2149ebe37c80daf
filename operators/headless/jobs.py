"""What the headless commands are asked for: photos, models and how to look at them."""

from __future__ import annotations

import argparse
import io
import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import bpy
import numpy as np

from ...inference.errors import PoseError
from ...inference.geometry import Camera
from ...inference.look import ANY_WAY, AUTOMATIC, UPRIGHT
from ...inference.matching import photo_camera, photo_focal
from ...inference.photo.focal_length import Focal
from ...inference.photo.image import Photo, load_mask
from ...inference.search.start_poses import Target
from ...inference.views.view_options import ViewOptions, sphere_for, subdivisions_for
from ..blender.models import chosen_models, with_key
from ..models.model_files import import_models, model_files
from .terminal import to_stderr

Job = dict[str, Any]  # JOB_KEYS, what is not given is None; and fault: why a line cannot be followed, else None


def read_jobs(options: argparse.Namespace) -> list[Job]:
    """One job a photo; what a line of --jobs says beats the options. PoseError where no line names a photo."""
    common = {key: getattr(options, key, None) for key in JOB_KEYS} | {"fault": None}
    if options.photo:
        return [{**common, "photo": photo} for photo in options.photo]
    numbered = enumerate(_lines(options.jobs), 1)
    jobs = [_job(line, number, options.jobs, common) for number, line in numbered if line]
    if not jobs:
        raise PoseError(f'Jobs file "{options.jobs.name}" is empty.')
    if not any(job["photo"] for job in jobs):
        raise PoseError(jobs[0]["fault"])
    return jobs


def _lines(path: Path) -> Iterator[str]:
    """Of a text file as any system writes it: UTF-8, UTF-16 or UTF-32, with or without a byte order mark.

    Bytes that are no UTF-8 stay what they are in the names of files.
    """
    try:
        data = path.read_bytes()  # once, for it may be a pipe
        text = io.TextIOWrapper(io.BytesIO(data), json.detect_encoding(data), "surrogateescape").read()
    except OSError as error:
        raise PoseError(f'Jobs file "{path}" cannot be read ({error.strerror}).') from error
    except UnicodeDecodeError as error:
        raise PoseError(f'Jobs file "{path.name}" is neither UTF-8 nor whole UTF-16.') from error
    for line in text.split("\n"):
        yield line.lstrip("\ufeff").strip()  # files with marks may have been joined


def _job(line: str, number: int, path: Path, common: Job) -> Job:
    """The job of a line of the jobs file at path, to which the line's paths are relative."""
    try:
        given = json.loads(line, object_pairs_hook=tuple)  # pairs, to see keys that come twice
    except (ValueError, RecursionError):
        given = None
    own = {key: value for key, value in given if value is not None} if isinstance(given, tuple) else {}
    fault = _fault(given, own)
    for key in ("photo", "mask"):
        own[key] = path.parent / own[key] if _is_name(own.get(key)) else common[key]
    if fault:
        return {**common, "photo": own["photo"], "fault": f'Line {number} of "{path.name}" {fault}.'}
    if any(own.get(key) for key in LENS_KEYS):
        common = {**common, **dict.fromkeys(LENS_KEYS)}
    return {**common, **own}


def _fault(given: Any, own: Job) -> str | None:
    """What is wrong with a line: given are its pairs, own those with a value."""
    if not isinstance(given, tuple):
        return "is not JSON, one object a line"
    keys = [key for key, _value in given]
    for key in keys:
        if key not in JOB_KEYS:
            return f'has the unknown key "{key}"'
        if keys.count(key) > 1:
            return f'gives "{key}" twice'
    for key, value in own.items():
        fits, wanted = KINDS[key]
        if not fits(value):
            return f'gives a "{key}" that is not {wanted}'
    said = [f'"{key}"' for key in LENS_KEYS if own.get(key)]
    if len(said) > 1:
        return f"gives {said[0]} and {said[1]}, of which one says all"
    return None if "photo" in own else 'has no "photo"'


def _is_name(value: Any) -> bool:
    return isinstance(value, str) and value != ""


def _is_positive(value: Any) -> bool:
    return type(value) in (int, float) and value > 0  # no bool, which is an int, too


def _are_names(value: Any) -> bool:
    return _is_name(value) or isinstance(value, list) and len(value) > 0 and all(map(_is_name, value))


def _are_numbers(count: int) -> Callable[[Any], bool]:
    return lambda value: isinstance(value, list) and [type(one) in (int, float) for one in value] == [True] * count


KINDS: dict[str, tuple[Callable[[Any], bool], str]] = {  # of values of a line, and how they are called
    "photo": (_is_name, "the name of a file"),
    "box": (_are_numbers(4), "four numbers: left, top, right and bottom in pixels"),
    "mask": (_is_name, "the name of a file"),
    "focal": (_is_positive, "a positive number of pixels"),
    "lens": (_is_positive, "a positive number of millimetres"),
    "sensor": (_is_positive, "a positive number of millimetres"),
    "orthographic": (lambda value: isinstance(value, bool), "true or false"),
    "principal_point": (_are_numbers(2), "two numbers: x and y in pixels"),
    "object": (_are_names, "the name of a model or a list of such names"),
}
JOB_KEYS = tuple(KINDS)
LENS_KEYS = "focal", "lens", "orthographic"  # one of which says all
LONGEST_STEM = 200  # bytes of 255 that a file's name may have: what is added to it stands behind


def models_of(options: argparse.Namespace) -> list[bpy.types.Object]:
    """Of the files and folders, else of the scene; what of a folder cannot be read is named on stderr."""
    if not options.model:
        return chosen_models(bpy.context.scene, options.object)
    roots, failed = [], []
    for path in options.model:
        for file in model_files(path):
            try:
                roots += import_models(bpy.context.scene, file, options.up_axis)
            except PoseError as error:
                if file == path:  # which was asked for
                    raise
                failed.append(error)
    if not roots:
        raise failed[0]
    for error in failed:
        to_stderr(str(error))
    return roots


def stands_of(options: argparse.Namespace) -> str:
    """How the objects stand: as --stands says, else as the views that are asked for let them."""
    return (options.stands or {"upper": UPRIGHT, "full": ANY_WAY}.get(options.sphere, AUTOMATIC)).upper()


def view_options(options: argparse.Namespace) -> ViewOptions:
    sphere = (options.sphere or sphere_for(stands_of(options))).upper()
    subdivisions = 3 if options.views is None else subdivisions_for(options.views, sphere)
    return ViewOptions(sphere, subdivisions, network=options.network, device=options.device)


def stems_of(photos: Iterable[str | Path | None]) -> list[str]:
    """Names for the photos' pictures: the file's stem; a second photo of that name gets a number.

    Names that differ in capital letters only are the same, as they are on Windows and macOS; long ones end early.
    """
    stems: list[str] = []
    taken: set[str] = set()
    for photo in photos:
        stem = wanted = _shortened(Path(photo or "").stem)
        number = 2
        while stem.casefold() in taken:
            stem, number = f"{wanted}_{number}", number + 1
        stems.append(stem)
        taken.add(stem.casefold())
    return stems


def _shortened(stem: str) -> str:
    while len(stem.encode("utf-8", "replace")) > LONGEST_STEM:
        stem = stem[:-1]
    return stem


def wanted(targets: Sequence[Target], names: Sequence[str] | str | None) -> Sequence[Target]:
    """The targets with these names, all without names; models that were left out lack, unless there are no others."""
    names = [names] if isinstance(names, str) else names
    if not names:
        return targets
    found = [target for target in targets if target.name in names]
    missing = [name for name in names if name not in {target.name for target in found}]
    if missing and not (found and all(with_key(bpy.data.objects, name) for name in missing)):
        raise PoseError(f'There is no model "{missing[0]}" that can be matched.')
    return found


def camera_of(photo: Photo, job: Job) -> tuple[Camera, Focal]:
    """The photo's camera at the origin, and how far its focal length is known."""
    lens = job["focal"], job["lens"], job["sensor"]
    camera = photo_camera(photo, *lens, job["principal_point"], bool(job["orthographic"]))
    return camera, photo_focal(photo, *lens, bool(job["orthographic"]))


def mask_of(path: Path | None, photo: Photo) -> np.ndarray | None:
    """(H, W) bool in the pixels of photo.image: the mask file, else the photo's own transparency."""
    return photo.mask if path is None else load_mask(path, photo)
