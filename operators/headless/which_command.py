"""The headless command `which`: photos in, ranking.jsonl with all models out, best first, and overlays of the best."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from typing import Any

from ...inference import matching
from ...inference.errors import PoseError
from ...inference.files import writing
from ...inference.formats.strict_json import json_text
from ...inference.look import Look
from ...inference.photo.checks import checked_box
from ...inference.photo.image import load_photo
from ...inference.steps import finish
from ...inference.verify.model_ranking import is_strange
from ..pictures import model_targets
from ..pictures.saving import make_folder
from ..pictures.view_cache import cache_folder
from .jobs import Job, camera_of, mask_of, models_of, read_jobs, stands_of, stems_of, view_options, wanted
from .match_command import check_network
from .output import Batch, failing_alone, open_scene, save_overlay, threads
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
    models = models_of(options)
    make_folder(options.out)
    check_network(options, patches=True)
    cache = options.cache or cache_folder()
    progress.begin("Training views")
    targets = finish(model_targets.prepare(models, view_options(options), cache, to_stderr), progress.told)
    failed = 0
    path = options.out / "ranking.jsonl"
    with writing(path), path.open("w", encoding="utf-8") as file, model_targets.target_renderer() as renderer:
        work = Batch(options, targets, renderer, progress, [])
        progress.begin("Photo", len(jobs))
        for job, stem in zip(jobs, stems_of(job["photo"] for job in jobs), strict=True):
            line = _line(job, stem, work)
            progress.done(line["photo"], _in_short(line))
            failed += line["status"] == "error"
            file.write(json_text(line) + "\n")
            file.flush()
    return 1 if failed else 0


def _line(job: Job, stem: str, work: Batch) -> dict[str, Any]:
    """The photo's line of ranking.jsonl."""
    line: dict[str, Any] = {"photo": job["photo"] and str(job["photo"]), "status": "ok", "error": None}
    line |= {"size": None, "box": None, "known": None, "models": []}
    with failing_alone(line, job["photo"], work.progress.failed):
        line.update(_ranked(job, stem, work))
    return line


def _in_short(line: dict[str, Any]) -> str:
    """A photo's line of ranking.jsonl for a terminal."""
    if line["error"]:
        return line["error"]
    best = line["models"][0]
    return (
        f"{'' if line['known'] else 'none of the models, most like '}{best['model']}, likeness {best['likeness']:.2f}"
    )


def _ranked(job: Job, stem: str, work: Batch) -> dict[str, Any]:
    """known: False where the photo seems to show none of the models, each of which comes with its best view as in
    results.jsonl; score is null where it was not verified, likeness is comparable among the models of one photo."""
    if job["fault"]:
        raise PoseError(job["fault"])
    options, photo = work.options, load_photo(job["photo"])
    mask = mask_of(job["mask"], photo)
    box = None if job["box"] is None else checked_box(job["box"], photo.size)
    camera, lens = camera_of(photo, job)
    targets = wanted(work.targets, job["object"])
    look = Look(stands=stands_of(options), network=options.network, device=options.device)
    steps = matching.which(photo, camera, box, targets, work.renderer, look, lens=lens, mask=mask)
    box, answers = finish(steps, work.progress.told)
    spheres = {target.name: target.sphere for target in targets}
    save_overlay(photo, answers[0].candidate, work, options.out / f"{stem}_overlay.png")
    models = []
    for answer in answers:
        line = described(answer.candidate, spheres[answer.candidate.model])
        models.append({**line, "score": line["score"] if answer.verified else None, "likeness": answer.likeness})
    known = not is_strange([answer.likeness for answer in answers])
    return {"size": list(photo.size), "box": list(box), "known": known, "models": models}
