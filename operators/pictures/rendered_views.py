"""Training views: renders a model from all around and keeps what matching needs in a cache on disk."""

from __future__ import annotations

from contextlib import AbstractContextManager
from pathlib import Path
from typing import TYPE_CHECKING

import bpy
import numpy as np
from bpy.app.translations import pgettext_rpt as rpt_

from ...inference.files import writing
from ...inference.formats.strict_json import json_text
from ...inference.geometry import Box, Camera, above, angles_from_direction, direction_from_angles, intrinsics, look_at
from ...inference.networks.registry import feature_name
from ...inference.steps import Counted, Steps, aside, shares
from ...inference.views.crops import DISTANCE, LENS, SIZE, template_view
from ...inference.views.templates import Render, Templates, extreme_points, patch_coverage, patch_points
from ...inference.views.thumbnails import THUMBNAIL, blank, thumbnail, thumbnail_sheet
from ...inference.views.view_options import ViewOptions
from ..blender.models import Model
from . import gpu_drawing
from .rendering import Rendering, studio
from .saving import make_folder, save_picture
from .view_cache import TEMPLATE_SAMPLES, UNWRITABLE, cache_key, cached_file, load_cached, store

if TYPE_CHECKING:
    from PIL import Image

    from ...inference.networks.augmentation import Views

PICTURE_SAMPLES = 4
BATCH = 16  # views that go through the network at once
PORTRAIT = np.radians([30, 20])  # azimuth and elevation from which most things are told best
NEAREST, FARTHEST = 0.75, 2.5  # distances of random views, in that of the training views


def model_templates(model: Model, options: ViewOptions, folder: Path) -> Steps[Templates]:
    """A model's templates, from the cache in folder or else rendered now and put there."""
    key = cache_key(model, options)
    path = cached_file(model, options, folder)
    cached = load_cached(path, key)
    if cached:
        return cached
    make_folder(folder, UNWRITABLE)  # before the rendering, not after
    templates, pictures = yield from _completed_templates(model, options, folder)
    sheet = thumbnail_sheet(pictures)
    store(path.with_suffix(".png"), lambda file: sheet.save(file, "PNG"))
    store(path, lambda file: templates.save(file, key=np.array(key)))
    return templates


def _completed_templates(
    model: Model, options: ViewOptions, folder: Path
) -> Steps[tuple[Templates, list[Image.Image]]]:
    """Templates and their pictures; of a full sphere only the lower half is rendered where the cache has the other."""
    upper, directions = options._replace(sphere="UPPER"), options.directions
    path = cached_file(model, upper, folder)
    known = None if upper == options else load_cached(path, cache_key(model, upper))
    if known is None:
        return (yield from _rendered_templates(model, options, directions))
    below = np.flatnonzero(~above(directions))
    more, pictures = yield from _rendered_templates(model, options, directions[below])
    everywhere = dict(zip(below, pictures, strict=True))
    for number, view in enumerate(np.flatnonzero(above(directions))):
        everywhere[view] = thumbnail(path, number) or blank()
    return known.with_views(more, below), [everywhere[view] for view in range(len(directions))]


def _rendered_templates(
    model: Model, options: ViewOptions, directions: np.ndarray
) -> Steps[tuple[Templates, list[Image.Image]]]:
    """Of directions (V, 3): templates, and a small picture of each view."""
    from PIL import Image

    from ...inference.networks.loading import extract_features, feature_network  # torch only now

    network = yield from aside(feature_network, feature_name(options.network), options.device)
    outline = _outline(model)
    cameras = [template_view(direction, outline) for direction in directions]
    coverage, points, features, waiting, pictures = [], [], [], [], []
    what = rpt_("Views of {name}").format(name=model.name)
    with _shown(model, options.background) as render:
        for camera, (_began, done) in shares(cameras):
            view = render(camera)
            alpha = view.rgba[..., 3]
            coverage.append(patch_coverage(alpha))
            points.append(patch_points(view.points, alpha))
            waiting.append(view.rgb)
            pictures.append(Image.fromarray(view.rgb).resize((THUMBNAIL, THUMBNAIL), Image.Resampling.BOX))
            if len(waiting) == BATCH or len(points) == len(cameras):
                seen = yield from aside(extract_features, network, np.stack(waiting))
                features.append(seen.astype(np.float16))
                waiting.clear()
            yield Counted(done, what, len(points), len(cameras))
    templates = Templates(
        directions,
        np.stack([camera.camera_to_world for camera in cameras]),
        np.stack([camera.K for camera in cameras]),
        np.concatenate(features),
        np.stack(coverage).astype(np.float16),
        np.stack(points),
        outline.astype(np.float32),
    )
    return templates, pictures


def _shown(model: Model, background: str) -> AbstractContextManager[Render]:
    """What shows a model before a background: drawn, in a tenth of the time, where that is safe and faithful."""
    if background == "WHITE" and gpu_drawing.faithful(model):
        return gpu_drawing.drawing(model)
    return studio(model, background, TEMPLATE_SAMPLES)


def _outline(model: Model) -> np.ndarray:
    """The model's extreme points (P, 3) in its unit sphere."""
    return extreme_points((model.vertices - model.sphere.center) / model.sphere.radius)


def portrait(model: Model) -> Image.Image:
    """A model from a bit above and beside its front, before white."""
    from PIL import Image

    with _shown(model, "WHITE") as render:
        return Image.fromarray(render(template_view(direction_from_angles(*PORTRAIT), _outline(model))).rgb)


def random_views(model: Model, count: int, sphere: str, random: np.random.Generator) -> Steps[Views]:
    """Crops of a model, transparent around it, from random directions of the sphere's half or all of it, evenly
    spread, and from random distances; drawn where that is safe and faithful, else rendered."""
    from ...inference.networks.augmentation import VIEW_SIDE, Views  # torch only now

    outline, frame = _outline(model), Box(0, 0, SIZE, SIZE)
    lowest = -1.0 if sphere == "FULL" else 0.0
    angles = np.stack([random.uniform(-np.pi, np.pi, count), np.arcsin(random.uniform(lowest, 1, count))], 1)
    distances = DISTANCE * np.exp(random.uniform(np.log(NEAREST), np.log(FARTHEST), count))
    pictures, rotations = [], []
    drawn = gpu_drawing.preferable(model)
    with gpu_drawing.drawing(model) if drawn else studio(model, "TRANSPARENT", PICTURE_SAMPLES) as render:
        for ((azimuth, elevation), distance), (_began, done) in shares(zip(angles, distances, strict=True)):
            camera = template_view(direction_from_angles(azimuth, elevation), outline, distance)
            pictures.append(render(camera.windowed(frame, (VIEW_SIDE, VIEW_SIDE))).rgba)
            rotations.append(camera.world_to_camera[:3, :3])
            yield done
    return Views(np.stack(pictures), np.stack(rotations), np.zeros(count, int))


def save_views(model: Model, options: ViewOptions, crop: str, folder: Path) -> Steps[int]:
    """Writes every view as a PNG and their directions to views.json; gives their number."""
    name = bpy.path.clean_name(model.name)
    outline = _outline(model)
    listing = []
    make_folder(folder)
    with studio(model, options.background, PICTURE_SAMPLES) as render:
        for index, (direction, (_began, done)) in enumerate(shares(options.directions)):
            view = render(_framed(direction, outline, crop))
            file = f"{name}_{index:04d}.png"
            save_picture(_picture(view, options.background, crop), folder / file)
            azimuth, elevation = np.degrees(angles_from_direction(direction))
            listing.append({"file": file, "azimuth": round(azimuth, 3), "elevation": round(elevation, 3)})
            yield done
    views = folder / f"{name}_views.json"
    with writing(views):
        views.write_text(json_text(listing, indent=1))
    return len(listing)


def _framed(direction: np.ndarray, outline: np.ndarray, crop: str) -> Camera:
    if crop != "NONE":
        return template_view(direction, outline)
    return Camera(intrinsics(LENS * SIZE, (SIZE, SIZE)), look_at(direction * DISTANCE, np.zeros(3)), (SIZE, SIZE))


def _picture(view: Rendering, background: str, crop: str) -> Image.Image:
    from PIL import Image

    from ...inference.photo.image import alpha_box

    picture = Image.fromarray(view.rgba if background == "TRANSPARENT" else view.rgb)
    box = alpha_box(view.rgba[..., 3], 1) if crop == "OBJECT" else None
    return picture.crop(tuple(int(edge) for edge in box)) if box else picture
