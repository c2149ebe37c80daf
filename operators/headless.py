"""The headless command: photos in, results.jsonl, overlays and matched.blend out (DESIGN.md's contract)."""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import time
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import bpy
import numpy as np
from PIL import Image

from ..inference.candidates import Stages
from ..inference.errors import PoseError
from ..inference.geometry import Box, Camera, Sphere, blender_axes
from ..inference.image import Photo, checked_box, load_photo
from ..inference.names import feature_name
from ..inference.overlay import intersection_over_union, overlay
from ..inference.pose import Candidate, Target
from ..inference.refinement import Renderer
from ..inference.steps import finish
from ..inference.templates import Render
from . import matching, scene
from .importing import import_models
from .models import chosen_models
from .rendering import in_unit_sphere, quiet
from .views import ViewOptions, cache_folder, subdivisions_for

JOB_KEYS = ("photo", "box", "mask", "focal", "lens", "sensor", "principal_point", "object")
OVERLAY_SIDE = 1024  # px, longer side at most

Job = dict[str, Any]  # JOB_KEYS; what is not given is None


class Work(NamedTuple):
    """What all photos share."""

    options: argparse.Namespace
    targets: Sequence[Target]
    renderer: Renderer


def run(options: argparse.Namespace) -> int:
    """Matches all photos; 0 when every one went well, else 1. PoseError when nothing can be done at all."""
    jobs = _jobs(options)
    open_scene(options)
    models = wanted_models(options)
    make_folder(options.out)
    _check_network(options)
    began = time.perf_counter()
    targets = finish(matching.prepare(models, _view_options(options), options.cache or cache_folder()))
    onboarding = time.perf_counter() - began

    failed = 0
    listing = (options.out / "results.jsonl").open("w", encoding="utf-8")
    with listing as file, matching.target_renderer() as renderer:
        work = Work(options, targets, renderer)
        for job, stem in zip(jobs, _stems(jobs), strict=True):
            result = _result(job, stem, work, onboarding)
            onboarding = 0.0  # only the first photo waits for the training views
            file.write(json.dumps(result) + "\n")
            file.flush()
            failed += result["status"] == "error"
    _save_scene(options.out / "matched.blend")
    return 1 if failed else 0


def _check_network(options: argparse.Namespace) -> None:
    """Fails before the training views are rendered, not after."""
    from ..inference import inception
    from ..inference.networks import feature_network

    if options.download:
        if bpy.app.binary_path and not bpy.app.online_access:
            raise PoseError("Blender may not go online: start it with --online-mode, or leave out --download.")
        inception.download(inception.weights_folder())
    feature_network(feature_name(options.network), options.device, patches=options.method == "match")


def _jobs(options: argparse.Namespace) -> list[Job]:
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


def open_scene(options: argparse.Namespace) -> None:
    """The module starts from --blend or an empty scene; Blender has already opened what it was told to."""
    blend = getattr(options, "blend", None)
    with quiet():
        if blend and not blend.is_file():
            raise PoseError(f'Scene "{blend}" does not exist.')
        if blend:
            bpy.ops.wm.open_mainfile(filepath=str(blend.resolve()))
        elif hasattr(options, "blend"):
            bpy.ops.wm.read_homefile(use_factory_startup=True, use_empty=True)
    if options.threads:
        import torch

        torch.set_num_threads(options.threads)
        bpy.context.scene.render.threads_mode, bpy.context.scene.render.threads = "FIXED", options.threads


def wanted_models(options: argparse.Namespace) -> list[bpy.types.Object]:
    """The models of the files, else the named ones of the scene, else all of them."""
    if options.model:
        return [root for path in options.model for root in import_models(bpy.context.scene, path)]
    return chosen_models(bpy.context.scene, options.object)


def _view_options(options: argparse.Namespace) -> ViewOptions:
    sphere = options.sphere.upper()
    subdivisions = 3 if options.views is None else subdivisions_for(options.views, sphere)
    return ViewOptions(sphere, subdivisions, network=options.network, device=options.device)


def make_folder(folder: Path) -> None:
    """PoseError where it cannot be made or written."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        raise PoseError(f'Output folder "{folder}" cannot be written ({error.strerror}).') from error


def _stems(jobs: Iterable[Job]) -> list[str]:
    """Names for the photos' pictures: the file's stem; a second photo of that name gets a number."""
    stems: list[str] = []
    for job in jobs:
        stem = wanted = Path(job["photo"]).stem
        number = 2
        while stem in stems:
            stem, number = f"{wanted}_{number}", number + 1
        stems.append(stem)
    return stems


def _result(job: Job, stem: str, work: Work, onboarding: float) -> dict[str, Any]:
    """The photo's line of results.jsonl."""
    began = time.perf_counter()
    line: dict[str, Any] = {"photo": str(job["photo"]), "status": "ok", "error": None}
    empty = ("model", "size", "box", "mask_iou", "camera", "opencv", "azimuth", "elevation", "roll", "score")
    line.update(dict.fromkeys((*empty, "confidence", "focal_deviation")), candidates=[])
    seconds = {"render": onboarding, "features": 0.0, "match": 0.0, "refine": 0.0}
    try:
        line.update(_matched(job, stem, work, seconds))
    except PoseError as error:
        line.update(status="error", error=str(error))
        print(f"photo_pose: {error}", file=sys.stderr)
    line["seconds"] = {"total": onboarding + time.perf_counter() - began, **seconds}
    return line


def _matched(job: Job, stem: str, work: Work, seconds: dict) -> dict[str, Any]:
    options = work.options
    photo = load_photo(job["photo"])
    mask = _mask(job["mask"], photo)
    box, found = _match(job, photo, mask, work)
    seconds.update(found.seconds)
    best = found.candidates[0]
    target = next(target for target in work.targets if target.name == best.model)
    rgba = _silhouette(work.renderer(target), in_unit_sphere(best.camera, target.sphere))
    _save_picture(overlay(photo, rgba), options.out / f"{stem}_overlay.png")
    spheres = {target.name: target.sphere for target in work.targets}
    camera_object = _add_camera(photo, best.camera, target.sphere)
    if options.render:
        _render_scene(camera_object, best.camera, options.out / f"{stem}_render.png")
    ranked = [_described(candidate, spheres[candidate.model]) for candidate in found.candidates]
    return {
        **ranked[0],
        "size": list(photo.size),
        "box": list(box),
        "mask_iou": None if mask is None else _mask_iou(mask, rgba),
        "camera": _blender_camera(best.camera),
        "confidence": found.confidence,
        "focal_deviation": best.lens_deviation or None,
        "candidates": [{**line, "alike": one.alike} for line, one in zip(ranked, found.candidates, strict=True)],
    }


def _match(job: Job, photo: Photo, mask: np.ndarray | None, work: Work) -> tuple[Box, matching.Match]:
    """The given box, the mask's or a found one, and the match in it."""
    options = work.options
    box = None if job["box"] is None else checked_box(job["box"], photo.size)
    camera = matching.photo_camera(photo, job["focal"], job["lens"], job["sensor"], job["principal_point"])
    steps = matching.find_and_match(
        photo,
        camera,
        box,
        _wanted(work.targets, job["object"]),
        work.renderer,
        mask=mask,
        any_roll=options.any_roll,
        method=options.method.upper(),
        count=options.candidates,
        free_lens=job["focal"] is None and job["lens"] is None and photo.exif_focal is None,
        stages=Stages() if options.refine else Stages(align=False, refine=False, silhouette=False),
        network=options.network,
        device=options.device,
    )
    return finish(steps)


def _wanted(targets: Sequence[Target], names: Sequence[str] | str | None) -> Sequence[Target]:
    """The targets with these names, all without names."""
    names = [names] if isinstance(names, str) else names
    if not names:
        return targets
    missing = [name for name in names if name not in {target.name for target in targets}]
    if missing:
        raise PoseError(f'There is no model "{missing[0]}".')
    return [target for target in targets if target.name in names]


def _mask(path: Path | None, photo: Photo) -> np.ndarray | None:
    """(H, W) bool in the pixels of photo.image: the mask file, else the photo's own transparency."""
    if path is None:
        return None if photo.alpha is None else np.array(photo.alpha) >= 128
    mask = load_photo(path)
    if mask.size != photo.size:
        raise PoseError(f"Mask '{Path(path).name}' has another size than its photo.")
    return np.array(mask.image.convert("L").resize(photo.image.size)) >= 128


def _silhouette(render: Render, camera: Camera) -> np.ndarray:
    """The model as camera, in its unit sphere, sees it: (H, W, 4) uint8 on nothing, at most OVERLAY_SIDE px."""
    scale = min(1.0, OVERLAY_SIDE / max(camera.size))
    size = (round(camera.size[0] * scale), round(camera.size[1] * scale))
    return render(camera.windowed(Box(0, 0, *camera.size), size)).rgba


def _mask_iou(mask: np.ndarray, rgba: np.ndarray) -> float:
    size = (rgba.shape[1], rgba.shape[0])
    return intersection_over_union(np.array(Image.fromarray(mask).resize(size)), rgba[..., 3] >= 128)


def _save_picture(picture: Image.Image, path: Path) -> None:
    try:
        picture.save(path)
    except OSError as error:
        raise PoseError(f'"{path}" cannot be written ({error.strerror}).') from error


def _save_scene(path: Path) -> None:
    try:
        with quiet():
            bpy.ops.wm.save_as_mainfile(filepath=str(path.resolve()), copy=True)
    except RuntimeError as error:
        raise PoseError(f'"{path}" cannot be written.') from error


def _add_camera(photo: Photo, camera: Camera, sphere: Sphere) -> bpy.types.Object:
    """Sets up the photo's camera in the scene, whose render frame gets the size of the first photo."""
    current = bpy.context.scene
    first = not any(scene.PHOTO in obj for obj in current.objects)
    camera_object = scene.camera_for_photo(current, photo.path)
    scene.write_camera(current, camera_object, camera, model=sphere, set_resolution=first)
    scene.show_photo(camera_object, photo)
    return camera_object


def _render_scene(camera_object: bpy.types.Object, camera: Camera, path: Path) -> None:
    """A render of the scene with its own settings, as large as the photo."""
    current = bpy.context.scene
    kept = current.render.resolution_x, current.render.resolution_y, current.render.filepath
    scene.write_camera(current, camera_object, camera, set_resolution=True)
    current.render.filepath = str(path.resolve())
    try:
        with quiet():
            bpy.ops.render.render(write_still=True)
    except RuntimeError as error:
        raise PoseError(f"The scene cannot be rendered ({str(error).strip()}).") from error
    finally:
        current.render.resolution_x, current.render.resolution_y, current.render.filepath = kept
        scene.write_camera(current, camera_object, camera)


def _described(candidate: Candidate, sphere: Sphere) -> dict[str, Any]:
    """A candidate as in results.jsonl."""
    angles = matching.seen_from(candidate.camera, sphere)
    return {
        "model": candidate.model,
        "opencv": _opencv(candidate.camera, bpy.data.objects[candidate.model]),
        "azimuth": angles.azimuth,
        "elevation": angles.elevation,
        "roll": angles.roll,
        "score": candidate.score,
    }


def _opencv(camera: Camera, root: bpy.types.Object) -> dict[str, Any]:
    """K, R, t with x_cam = R x + t for x in root's own coordinates, whose unit t has too."""
    matrix = camera.world_to_camera @ np.array(root.matrix_world)
    left, scales, right = np.linalg.svd(matrix[:3, :3])
    return {
        "K": camera.K.tolist(),
        "R": (left @ right).tolist(),
        "t": (matrix[:3, 3] / scales.mean()).tolist(),
    }


def _blender_camera(camera: Camera) -> dict[str, Any]:
    """For renders of the photo's size."""
    lens = scene.blender_lens(camera)._asdict()
    matrix = blender_axes(camera.camera_to_world).tolist()
    return {"matrix_world": matrix, **lens, "resolution": list(camera.size)}
