"""The headless command: photos in, results.jsonl, overlays and matched.blend out, as docs/scripting.md promises.

Of a slice of the photos: results of its own and overlays; matched.blend and the contact sheet are left to `gather`.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import bpy
import numpy as np
from PIL import Image

from ...inference import matching
from ...inference.errors import PoseError
from ...inference.files import writing
from ...inference.formats.strict_json import json_text
from ...inference.geometry import Box, Camera, Sphere
from ...inference.look import ALL_STAGES, Look, Stages
from ...inference.networks.registry import feature_name, inception_module
from ...inference.photo.checks import checked_box
from ...inference.photo.image import Photo, load_photo
from ...inference.photo.overlay_picture import intersection_over_union
from ...inference.steps import finish
from ..blender import cameras
from ..pictures import model_targets
from ..pictures.saving import make_folder
from ..pictures.view_cache import cache_folder
from ..running.quiet_blender import quiet
from . import resume, slices
from .jobs import Job, camera_of, mask_of, models_of, read_jobs, stands_of, stems_of, view_options, wanted
from .output import (
    Batch,
    add_camera,
    add_camera_of,
    exit_status,
    failing_alone,
    open_scene,
    save_contact_sheet,
    save_overlay,
    save_scene,
    sureness,
    threads,
)
from .result_fields import blender_camera, described
from .terminal import Progress, to_stderr

# Of stills, in the place of a movie's; in this order, for each allows the next ones. Blender 5 has a media_type
IMAGE = {"media_type": "IMAGE", "file_format": "PNG", "color_mode": "RGB", "color_depth": "8"}
UNREFINED = Stages(align=False, flow=False, refine=False, silhouette=False)


def run(options: argparse.Namespace) -> int:
    """Matches all photos; 0 when every one went well, else 1, or 0 with --exit-zero.

    PoseError when nothing can be done at all.
    """
    jobs = read_jobs(options)
    stems = stems_of(job["photo"] for job in jobs)
    numbers = slices.chosen(options.slice, len(jobs), "photos")
    open_scene(options)
    with threads(options.threads), Progress(options.quiet, options.progress == "openjd") as progress:
        results = _results([(jobs[number], stems[number]) for number in numbers], numbers, options, progress)
    if options.slice is None:
        save_scene(options.out / "matched.blend")
        if options.contact_sheet:
            save_contact_sheet(options.out, results, stems)
    return exit_status(results, options)


def _results(
    jobs: Sequence[tuple[Job, str]], numbers: Sequence[int], options: argparse.Namespace, progress: Progress
) -> list[dict[str, Any]]:
    """Writes a line for every photo, and gives them all; jobs have the names of their pictures."""
    models = models_of(options)
    make_folder(options.out)
    if options.download:
        _download()
    check_network(options, patches=options.method != "knn")
    began = time.perf_counter()
    cache = options.cache or cache_folder()
    progress.begin("Training views")
    targets = finish(model_targets.prepare(models, view_options(options), cache, to_stderr), progress.told)
    onboarding = time.perf_counter() - began

    results = []
    path = slices.listing(options.out, options.slice)
    done = resume.done_before(options.out, options.slice, numbers) if options.resume else {}
    with writing(path), path.open("w", encoding="utf-8") as file, model_targets.target_renderer() as renderer:
        everywhere = model_targets.all_around(models, view_options(options), cache)
        work = Batch(options, targets, renderer, progress, [], everywhere, done)
        progress.begin("Photo", len(jobs))
        for job, stem in jobs:
            results.append(_result(job, stem, work, onboarding))
            progress.done(results[-1]["photo"], _in_short(results[-1]))
            onboarding = 0.0  # only the first photo waits for the training views
            file.write(json_text(results[-1]) + "\n")
            file.flush()
    resume.put_aside(options.out, options.slice).unlink(missing_ok=True)
    return results


def check_network(options: argparse.Namespace, patches: bool) -> None:
    """Fails before the training views are rendered, not after; patches: whether they are to be compared one by one."""
    from ...inference.networks.loading import feature_network

    feature_network(feature_name(options.network), options.device, patches)


def _download() -> None:
    """Fetches the weights of inception_v3 where there are none. PoseError where Blender must not, or cannot."""
    inception = inception_module()
    if bpy.app.binary_path and not bpy.app.online_access:
        raise PoseError("Blender may not go online: start it with --online-mode, or leave out --download.")
    inception.download(inception.weights_folder())


def _result(job: Job, stem: str, work: Batch, onboarding: float) -> dict[str, Any]:
    """The photo's line of results.jsonl."""
    began = time.perf_counter()
    line: dict[str, Any] = {"photo": job["photo"] and str(job["photo"]), "status": "ok", "error": None}
    line["fingerprint"] = None
    empty = ("model", "size", "box", "mask_iou", "camera", "opencv", "azimuth", "elevation", "roll", "score")
    known = "confidence", "of_a_kind", "focal_deviation", "focal_by", "lines_differ"
    line.update(dict.fromkeys((*empty, *known)), candidates=[])
    seconds = {"render": onboarding, "features": 0.0, "match": 0.0, "refine": 0.0}
    with failing_alone(line, job["photo"], work.progress.failed):
        if job["fault"]:
            raise PoseError(job["fault"])
        line["fingerprint"] = resume.fingerprint(job, work)
        done = work.done.get(line["fingerprint"])
        if done and all(path.is_file() for path in _pictures(stem, work.options)):
            add_camera_of(done, load_photo(job["photo"]), work.target(done["model"]).sphere, work.cameras)
            return {**done, "photo": line["photo"]}
        line.update(_matched(job, stem, work, seconds))
    line["seconds"] = {"total": onboarding + time.perf_counter() - began, **seconds}
    return line


def _pictures(stem: str, options: argparse.Namespace) -> list[Path]:
    """What is written of a photo, beside its line."""
    names = ["overlay", "render"] if options.render else ["overlay"]
    return [options.out / f"{stem}_{name}.png" for name in names]


def _in_short(line: dict[str, Any]) -> str:
    """A photo's line of results.jsonl for a terminal."""
    return line["error"] or f"{line['model']}, score {line['score']:.2f}, {sureness(line)}"


def _matched(job: Job, stem: str, work: Batch, seconds: dict) -> dict[str, Any]:
    options = work.options
    photo = load_photo(job["photo"])
    mask = mask_of(job["mask"], photo)
    box, found = _match(job, photo, mask, work)
    seconds.update(found.seconds)
    best = found.candidates[0]
    target = work.target(best.model)
    sphere, render = target.sphere, work.renderer(target)
    rgba = save_overlay(photo, best.camera, sphere, render, options.out / f"{stem}_overlay.png")
    sensor = job["sensor"]
    camera_object = add_camera(photo, best.camera, sphere, work.cameras, sensor)
    if options.render:
        _render_scene(camera_object, best.camera, sphere, sensor, options.out / f"{stem}_render.png")
    ranked = [described(candidate, work.target(candidate.model).sphere) for candidate in found.candidates]
    return {
        **ranked[0],
        "size": list(photo.size),
        "box": list(box),
        "mask_iou": None if mask is None else _mask_iou(mask, rgba),
        "camera": blender_camera(best.camera, sphere, sensor),
        "confidence": found.confidence,
        "of_a_kind": found.share is not None,
        "lines_differ": best.known_lens.lines_differ,
        "candidates": [{**line, "alike": one.alike} for line, one in zip(ranked, found.candidates, strict=True)],
    }


def _match(job: Job, photo: Photo, mask: np.ndarray | None, work: Batch) -> tuple[Box, matching.Match]:
    """The given box, the mask's or a found one, and the match in it."""
    options = work.options
    box = None if job["box"] is None else checked_box(job["box"], photo.size)
    camera, lens = camera_of(photo, job)
    targets, look = wanted(work.targets, job["object"]), _look(options)
    told = {"lens": lens, "mask": mask, "all_around": work.all_around}
    steps = matching.find_and_match(photo, camera, box, targets, work.renderer, look, **told)
    return finish(steps, work.progress.told)


def _look(options: argparse.Namespace) -> Look:
    stages = ALL_STAGES if options.refine else UNREFINED
    how = options.method.upper(), stands_of(options), options.candidates, stages
    return Look(*how, network=options.network, device=options.device)


def _mask_iou(mask: np.ndarray, rgba: np.ndarray) -> float:
    size = (rgba.shape[1], rgba.shape[0])
    return intersection_over_union(np.array(Image.fromarray(mask).resize(size)), rgba[..., 3] >= 128)


def _render_scene(camera_object: bpy.types.Object, camera: Camera, sphere: Sphere, sensor: float, path: Path) -> None:
    """A render of the scene with its own settings, but as large as the photo and of all that its camera sees."""
    current, how = bpy.context.scene, {"model": sphere, "sensor": sensor}
    try:
        with _whole_stills(current), quiet():
            cameras.write_camera(current, camera_object, camera, **how, set_resolution=True)
            current.render.filepath = str(path.resolve())
            bpy.ops.render.render(write_still=True)
    except RuntimeError as error:
        raise PoseError(f"The scene cannot be rendered ({str(error).strip()}).") from error
    finally:
        cameras.write_camera(current, camera_object, camera, **how)


@contextmanager
def _whole_stills(current: bpy.types.Scene) -> Iterator[None]:
    """Renders of the scene are whole pictures at 100 %, until it gets its settings back."""
    render, stills = current.render, {"resolution_percentage": 100, "use_border": False, "use_file_extension": True}
    written = ("resolution_x", "resolution_y", "pixel_aspect_x", "pixel_aspect_y", "filepath")
    kept = {name: getattr(render, name) for name in (*stills, *written)}
    image = {name: getattr(render.image_settings, name) for name in IMAGE if hasattr(render.image_settings, name)}
    try:
        for name, value in stills.items():
            setattr(render, name, value)
        for name in image if render.is_movie_format else ():
            setattr(render.image_settings, name, IMAGE[name])
        yield
    finally:
        for name, value in kept.items():
            setattr(render, name, value)
        for name, value in image.items():
            setattr(render.image_settings, name, value)
