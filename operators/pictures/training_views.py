"""Training views: renders a model from all around and keeps what matching needs in a cache on disk."""

from __future__ import annotations

import hashlib
import json
import os
import re
import tempfile
import time
import zipfile
from collections.abc import Callable
from contextlib import suppress
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import bpy
import numpy as np

from ...inference.errors import PoseError
from ...inference.formats.strict_json import json_text
from ...inference.geometry import (
    Box,
    Camera,
    angles_from_direction,
    direction_from_angles,
    intrinsics,
    look_at,
    view_sphere,
)
from ...inference.networks.registry import feature_name, identity
from ...inference.steps import Steps, aside
from ...inference.views.crops import DISTANCE, LENS, SIZE, template_view
from ...inference.views.templates import Templates, extreme_points, patch_coverage, patch_points
from ...preferences import preferred
from ..blender.models import Model
from . import drawing
from .rendering import Rendering, studio

if TYPE_CHECKING:
    from PIL import Image

    from ...inference.networks.augmentation import Views

OURS = re.compile(r"[0-9a-f]{24}(\.\d+)?\.(npz|png)")  # names of cache files
FORMAT = 1  # of the cache files; raise it when their content or the way it is made changes
TEMPLATE_SAMPLES = 1  # of Cycles; four take three times as long and match no better (measured on real photos)
PICTURE_SAMPLES = 4
THUMBNAIL, ACROSS = 64, 16  # px, side of a picture in a sheet of all training views; pictures in a row
SETTLED = 3 * 10**9  # ns since a folder's last change, from which the next one gets another time on any disk
BATCH = 16  # views that go through the network at once
NEAREST, FARTHEST = 0.75, 2.5  # distances of random views, in that of the training views


class ViewOptions(NamedTuple):
    """Which views: the sphere's half (UPPER) or all of it (FULL), its subdivisions, what is behind the model."""

    sphere: str = "UPPER"
    subdivisions: int = 3
    background: str = "WHITE"
    network: str = "efficientnet_lite0"
    device: str = "auto"

    @property
    def directions(self) -> np.ndarray:
        """(V, 3) unit."""
        return view_sphere(self.subdivisions, full=self.sphere == "FULL")


def subdivisions_for(count: int, sphere: str) -> int:
    """The coarsest view sphere with at least count views; PoseError when there is none."""
    for subdivisions in range(5):
        if len(view_sphere(subdivisions, full=sphere == "FULL")) >= count > 0:
            return subdivisions
    raise PoseError(f"The number of views must be between 1 and {len(view_sphere(4, full=sphere == 'FULL'))}.")


def cache_folder() -> Path:
    """Where this installation keeps its training views: the folder that the user prefers, or its own."""
    if preferred().cache:
        return Path(preferred().cache)
    package = __package__.rpartition(".")[0]
    if package.startswith("bl_ext."):
        return Path(bpy.utils.extension_path_user(package, path="cache"))
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache", "photo_pose", "views")


def model_templates(model: Model, options: ViewOptions, folder: Path) -> Steps[Templates]:
    """A model's templates, from the cache in folder or else rendered now and put there."""
    key = _key(model, options)
    path = cached_file(model, options, folder)
    cached = _load(path, key)
    if cached:
        return cached
    _check_writable(folder)  # before the rendering, not after
    templates, sheet = yield from _rendered_templates(model, options)
    _store(path.with_suffix(".png"), sheet.save)
    _store(path, lambda file: templates.save(file, key=np.array(key)))
    return templates


def cached_file(model: Model, options: ViewOptions, folder: Path) -> Path:
    """Where a model's templates are kept, if they are; their pictures lie beside them."""
    return folder / f"{hashlib.sha256(_key(model, options).encode()).hexdigest()[:24]}.npz"


def cache_files(folder: Path) -> list[Path]:
    """What was put there, and nothing else that may be there."""
    return sorted(path for path in folder.glob("*") if OURS.fullmatch(path.name))


def cache_size(folder: Path) -> tuple[int, int]:
    """How many templates were put there, and the bytes of it all; quick where nothing has changed."""
    try:
        changed = folder.stat().st_mtime_ns
    except OSError:  # there is none yet
        return 0, 0
    if time.time_ns() - changed < SETTLED:  # it may change again at what is the same time to the disk
        _measured.cache_clear()
    return _measured(folder, changed)


@lru_cache(1)
def _measured(folder: Path, _changed: int) -> tuple[int, int]:
    count = size = 0
    with os.scandir(folder) as entries:
        for entry in entries:
            if OURS.fullmatch(entry.name):
                count += entry.name.endswith(".npz")
                with suppress(OSError):  # another Blender has deleted it meanwhile
                    size += entry.stat().st_size
    return count, size


def clear_cache(folder: Path) -> int:
    """Deletes what was put there; gives the number of templates that were."""
    files = cache_files(folder)
    try:
        for path in files:
            path.unlink(missing_ok=True)
    except OSError as error:
        raise PoseError(f"The training views in {folder} cannot be deleted ({error.strerror}).") from error
    return sum(path.suffix == ".npz" for path in files)


def thumbnail(path: Path, view: int) -> Image.Image | None:
    """The picture of one of the views of cached templates; None where there is none."""
    from PIL import Image

    row, column = divmod(view, ACROSS)
    corner = column * THUMBNAIL, row * THUMBNAIL
    try:
        with Image.open(path.with_suffix(".png")) as sheet:
            return sheet.crop((*corner, corner[0] + THUMBNAIL, corner[1] + THUMBNAIL))
    except OSError:  # of templates that are older than sheets, too
        return None


def _sheet(pictures: list[Image.Image]) -> Image.Image:
    from PIL import Image

    sheet = Image.new("RGB", (ACROSS * THUMBNAIL, -(-len(pictures) // ACROSS) * THUMBNAIL), "white")
    for view, picture in enumerate(pictures):
        row, column = divmod(view, ACROSS)
        sheet.paste(picture, (column * THUMBNAIL, row * THUMBNAIL))
    return sheet


def _key(model: Model, options: ViewOptions) -> str:
    render = {"samples": TEMPLATE_SAMPLES, "size": SIZE, "format": FORMAT}
    looks = {key: value for key, value in options._asdict().items() if key != "device"}
    looks["network"] = identity(feature_name(options.network))
    return json.dumps({"model": model.fingerprint, **looks, **render})


def _load(path: Path, key: str) -> Templates | None:
    """None when there is no such file, or one that is damaged or not ours: it is then made anew."""
    try:
        with np.load(path, allow_pickle=False) as data:
            return Templates.load(path) if str(data["key"]) == key else None
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile):
        return None


def _check_writable(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        raise _unwritable(folder, error) from error


def _unwritable(folder: Path, error: OSError) -> PoseError:
    return PoseError(
        f'The folder for training views, "{folder}", cannot be written ({error.strerror}); choose another one in the '
        "preferences, or with --cache."
    )


def _store(path: Path, write: Callable[[Path], None]) -> None:
    """Written under another name first, so that no reader and no interruption ever meets half a file."""
    temporary = path.with_suffix(f".{os.getpid()}{path.suffix}")
    try:
        write(temporary)
        temporary.replace(path)
    except OSError as error:
        raise _unwritable(path.parent, error) from error
    finally:
        temporary.unlink(missing_ok=True)


def _rendered_templates(model: Model, options: ViewOptions) -> Steps[tuple[Templates, Image.Image]]:
    from PIL import Image

    from ...inference.networks.loading import extract_features, feature_network  # torch only now

    network = yield from aside(feature_network, feature_name(options.network), options.device)
    outline = _outline(model)
    cameras = [template_view(direction, outline) for direction in options.directions]
    coverage, points, features, waiting, pictures = [], [], [], [], []
    with studio(model, options.background, TEMPLATE_SAMPLES) as render:
        for camera in cameras:
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
            yield len(points) / len(cameras)
    templates = Templates(
        options.directions,
        np.stack([camera.camera_to_world for camera in cameras]),
        np.stack([camera.K for camera in cameras]),
        np.concatenate(features),
        np.stack(coverage).astype(np.float16),
        np.stack(points),
        outline.astype(np.float32),
    )
    return templates, _sheet(pictures)


def _outline(model: Model) -> np.ndarray:
    """The model's extreme points (P, 3) in its unit sphere."""
    return extreme_points((model.vertices - model.sphere.center) / model.sphere.radius)


def random_views(model: Model, count: int, sphere: str, random: np.random.Generator) -> Steps[Views]:
    """Crops of a model, transparent around it, from random directions of the sphere's half or all of it, evenly
    spread, and from random distances; drawn where that is safe and faithful, else rendered."""
    from ...inference.networks.augmentation import SIDE, Views  # torch only now

    outline, frame = _outline(model), Box(0, 0, SIZE, SIZE)
    lowest = -1.0 if sphere == "FULL" else 0.0
    angles = np.stack([random.uniform(-np.pi, np.pi, count), np.arcsin(random.uniform(lowest, 1, count))], 1)
    distances = DISTANCE * np.exp(random.uniform(np.log(NEAREST), np.log(FARTHEST), count))
    pictures, rotations = [], []
    drawn = drawing.preferable(model)
    with drawing.drawing(model) if drawn else studio(model, "TRANSPARENT", PICTURE_SAMPLES) as render:
        for (azimuth, elevation), distance in zip(angles, distances, strict=True):
            camera = template_view(direction_from_angles(azimuth, elevation), outline, distance)
            pictures.append(render(camera.windowed(frame, (SIDE, SIDE))).rgba)
            rotations.append(camera.world_to_camera[:3, :3])
            yield len(pictures) / count
    return Views(np.stack(pictures), np.stack(rotations), np.zeros(count, int))


def save_views(model: Model, options: ViewOptions, crop: str, folder: Path) -> Steps[int]:
    """Writes every view as a PNG and their directions to views.json; gives their number."""
    name = bpy.path.clean_name(model.name)
    outline = _outline(model)
    listing = []
    with studio(model, options.background, PICTURE_SAMPLES) as render:
        for index, direction in enumerate(options.directions):
            view = render(_framed(direction, outline, crop))
            file = f"{name}_{index:04d}.png"
            picture = _picture(view, options.background, crop)
            _written(lambda path, p=picture: p.save(path), folder / file)
            azimuth, elevation = np.degrees(angles_from_direction(direction))
            listing.append({"file": file, "azimuth": round(azimuth, 3), "elevation": round(elevation, 3)})
            yield (index + 1) / len(options.directions)
    _written(lambda path: path.write_text(json_text(listing, indent=1)), folder / f"{name}_views.json")
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


def _written(write, path: Path) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        write(path)
    except OSError as error:
        raise PoseError(f"{path} cannot be written ({error.strerror}).") from error
