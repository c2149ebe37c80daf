"""The headless command `which`: photos in, ranking.jsonl with all models out, best first, and overlays of the best."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from ...inference import matching
from ...inference.errors import PoseError
from ...inference.files import writing
from ...inference.formats.strict_json import json_text
from ...inference.geometry import Box, Camera
from ...inference.library.index import read_index
from ...inference.library.records import LibraryModel
from ...inference.look import DEFAULT_NETWORK, Look
from ...inference.networks.registry import feature_name
from ...inference.photo.checks import checked_box
from ...inference.photo.focal_length import Focal
from ...inference.photo.image import Photo, load_photo
from ...inference.steps import finish
from ...inference.verify.candidates import Candidate
from ...inference.verify.model_ranking import Answer, any_likely, is_strange
from ..library.library_renderer import library_renderer
from ..pictures import model_targets
from ..pictures.saving import make_folder
from ..pictures.view_cache import cache_folder
from .jobs import Job, camera_of, mask_of, models_of, read_jobs, stands_of, stems_of, view_options, wanted
from .match_command import check_network
from .output import failing_alone, open_scene, save_overlay, threads
from .result_fields import described
from .terminal import Progress, to_stderr


def run(options: argparse.Namespace) -> int:
    """Asks of all photos which model they show; 0 when every one went well, else 1.

    PoseError when nothing can be done at all.
    """
    jobs = read_jobs(options)
    open_scene(options)
    with threads(options.threads), Progress(options.quiet) as progress:
        return _rank_all(jobs, options, progress)


def _rank_all(jobs: Sequence[Job], options: argparse.Namespace, progress: Progress) -> int:
    failed = 0
    path = options.out / "ranking.jsonl"
    with ExitStack() as opened:
        rank = _in_library(options, progress) if options.library else _in_scene(options, progress, opened)
        opened.enter_context(writing(path))
        file = opened.enter_context(path.open("w", encoding="utf-8"))
        progress.begin("Photo", len(jobs))
        for job, stem in zip(jobs, stems_of(job["photo"] for job in jobs), strict=True):
            line = _line(job, options.out / f"{stem}_overlay.png", rank, progress)
            progress.done(line["photo"], _in_short(line))
            failed += line["status"] == "error"
            file.write(json_text(line) + "\n")
            file.flush()
    return 1 if failed else 0


Line = dict[str, Any]
Rank = Callable[[Job, "Asked", Path], Line]


class Asked(NamedTuple):
    """A photo as it is looked at: with its camera, the given box and mask."""

    photo: Photo
    camera: Camera
    lens: Focal
    box: Box | None
    mask: np.ndarray | None


def _in_scene(options: argparse.Namespace, progress: Progress, opened: ExitStack) -> Rank:
    """Ranks the models of the scene, which stay set up for all photos, until what is opened ends."""
    models = models_of(options)
    make_folder(options.out)
    check_network(options, patches=True)
    progress.begin("Training views")
    cache = options.cache or cache_folder()
    targets = finish(model_targets.prepare(models, view_options(options), cache, to_stderr), progress.told)
    by_name = {target.name: target for target in targets}
    renderer = opened.enter_context(model_targets.target_renderer())

    def rank(job: Job, asked: Asked, overlay: Path) -> Line:
        photo, camera, lens, box, mask = asked
        of_these = wanted(targets, job["object"])
        steps = matching.which(photo, camera, box, of_these, renderer, _look(options), lens=lens, mask=mask)
        box, answers = finish(steps, progress.told)
        best = by_name[answers[0].candidate.model]
        save_overlay(photo, answers[0].candidate.camera, best.sphere, renderer(best), overlay)
        known = not is_strange([answer.likeness for answer in answers])
        lines = [described(answer.candidate, by_name[answer.candidate.model].sphere) for answer in answers]
        return _told(photo, box, known, answers, lines)

    return rank


def _in_library(options: argparse.Namespace, progress: Progress) -> Rank:
    """Ranks the models of a library."""
    for name in ("model", "object", "views", "sphere", "cache"):
        if getattr(options, name):
            raise PoseError(f"A library has models and training views of its own: leave out --{name}.")
    if feature_name(options.network) != DEFAULT_NETWORK:
        raise PoseError(f"A library is searched by the network {DEFAULT_NETWORK}: leave out --network.")
    library = read_index(options.library)
    make_folder(options.out)
    for sentence in library.damaged:
        to_stderr(sentence)
    by_key = library.by_key

    def rank(job: Job, asked: Asked, overlay: Path) -> Line:
        if job["object"]:
            raise PoseError("In a library models are not chosen by object.")
        with library_renderer(library) as render:
            photo, camera, lens, box, mask = asked
            how = {"lens": lens, "mask": mask}
            steps = matching.which_of_library(
                photo, camera, box, library, lambda target: render(target.name), _look(options), **how
            )
            box, answers, left_out = finish(steps, progress.told)
            for sentence in left_out:
                to_stderr(sentence)
            best = answers[0].candidate
            if answers[0].verified:
                save_overlay(photo, best.camera, by_key[best.model].sphere, render(best.model), overlay)
        lines = [_of_model(answer.candidate, by_key[answer.candidate.model]) for answer in answers]
        return _told(photo, box, any_likely(answers), answers, lines)

    return rank


def _of_model(candidate: Candidate, model: LibraryModel) -> Line:
    """A candidate of a library's model, with what names that, and its rights."""
    line = described(candidate, model.sphere, (model.place, model.scale))
    return line | {"model": model.name, "file": model.file, "number": model.number, **model.licence._asdict()}


def _look(options: argparse.Namespace) -> Look:
    return Look(stands=stands_of(options), network=options.network, device=options.device)


def _line(job: Job, overlay: Path, rank: Rank, progress: Progress) -> Line:
    """The photo's line of ranking.jsonl."""
    line: Line = {"photo": job["photo"] and str(job["photo"]), "status": "ok", "error": None}
    line |= {"size": None, "box": None, "known": None, "models": []}
    with failing_alone(line, job["photo"], progress.failed):
        if job["fault"]:
            raise PoseError(job["fault"])
        photo = load_photo(job["photo"])
        mask = mask_of(job["mask"], photo)
        box = None if job["box"] is None else checked_box(job["box"], photo.size)
        line.update(rank(job, Asked(photo, *camera_of(photo, job), box, mask), overlay))
    return line


def _told(photo: Photo, box: Box, known: bool, answers: Sequence[Answer], lines: Sequence[Line]) -> Line:
    """known: False where the photo seems to show none of the models, each of which comes with its best view as in
    results.jsonl; score is null where it was not verified, likeness is comparable among the models of one photo."""
    models = []
    for answer, line in zip(answers, lines, strict=True):
        score = line["score"] if answer.verified else None
        models.append({**line, "score": score, "likeness": answer.likeness})
    return {"size": list(photo.size), "box": list(box), "known": known, "models": models}


def _in_short(line: Line) -> str:
    """A photo's line of ranking.jsonl for a terminal."""
    if line["error"]:
        return line["error"]
    best = line["models"][0]
    return (
        f"{'' if line['known'] else 'none of the models, most like '}{best['model']}, likeness {best['likeness']:.2f}"
    )
