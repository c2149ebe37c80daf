"""What the headless commands are asked for: photos, models and how to look at them."""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import bpy
import numpy as np

from ..inference.errors import PoseError
from ..inference.image import Photo, load_mask
from ..inference.pose import Target
from .importing import import_models, model_files
from .models import chosen_models
from .views import ViewOptions, subdivisions_for

JOB_KEYS = ("photo", "box", "mask", "focal", "lens", "sensor", "principal_point", "object")

Job = dict[str, Any]  # JOB_KEYS; what is not given is None


def read_jobs(options: argparse.Namespace) -> list[Job]:
    """One job a photo; lines of --jobs overrule the options."""
    common = {key: getattr(options, key) for key in JOB_KEYS}
    if options.photo:
        return [{**common, "photo": photo} for photo in options.photo]
    try:
        lines = options.jobs.read_text(encoding="utf-8").splitlines()
        given = [json.loads(line) for line in lines if line.strip()]
    except OSError as error:
        raise PoseError(f'Jobs file "{options.jobs}" cannot be read ({error.strerror}).') from error
    except ValueError as error:
        raise PoseError(f'Jobs file "{options.jobs.name}" is not JSON, one object a line.') from error
    return [{**common, **_checked(job, options.jobs)} for job in given]


def _checked(job: Any, path: Path) -> Job:
    """A line of the jobs file, its paths made relative to that file."""
    if not isinstance(job, dict) or not isinstance(job.get("photo"), str):
        raise PoseError(f'Jobs file "{path.name}": every line needs a "photo".')
    unknown = sorted(set(job) - set(JOB_KEYS))
    if unknown:
        raise PoseError(f'Jobs file "{path.name}": unknown key "{unknown[0]}".')
    return {**job, **{key: path.parent / job[key] for key in ("photo", "mask") if job.get(key)}}


def models_of(options: argparse.Namespace) -> list[bpy.types.Object]:
    """Of the files and folders, else of the scene."""
    if options.model:
        files = [file for path in options.model for file in model_files(path)]
        return [root for file in files for root in import_models(bpy.context.scene, file)]
    return chosen_models(bpy.context.scene, options.object)


def view_options(options: argparse.Namespace) -> ViewOptions:
    sphere = options.sphere.upper()
    subdivisions = 3 if options.views is None else subdivisions_for(options.views, sphere)
    return ViewOptions(sphere, subdivisions, network=options.network, device=options.device)


def stems_of(jobs: Iterable[Job]) -> list[str]:
    """Names for the photos' pictures: the file's stem; a second photo of that name gets a number."""
    stems: list[str] = []
    for job in jobs:
        stem = wanted = Path(job["photo"]).stem
        number = 2
        while stem in stems:
            stem, number = f"{wanted}_{number}", number + 1
        stems.append(stem)
    return stems


def wanted(targets: Sequence[Target], names: Sequence[str] | str | None) -> Sequence[Target]:
    """The targets with these names, all without names."""
    names = [names] if isinstance(names, str) else names
    if not names:
        return targets
    missing = [name for name in names if name not in {target.name for target in targets}]
    if missing:
        raise PoseError(f'There is no model "{missing[0]}".')
    return [target for target in targets if target.name in names]


def mask_of(path: Path | None, photo: Photo) -> np.ndarray | None:
    """(H, W) bool in the pixels of photo.image: the mask file, else the photo's own transparency."""
    return photo.mask if path is None else load_mask(path, photo)
