"""Pictures of the paper's experiments: white training views, test views before skies, and photo-like ones; cached."""

from __future__ import annotations

import io
from collections.abc import Iterator, Sequence
from functools import cache
from math import radians
from pathlib import Path
from typing import NamedTuple

import bpy
import numpy as np
from PIL import Image

from benchmark import assets, queries, scenery, sensor, stage
from benchmark.chairs import stand
from benchmark.protocol import off_views
from benchmark.recipes import HDRIS, Recipe, Subject, recipe_of
from photo_pose.inference.geometry import Box, Camera, view_sphere
from photo_pose.inference.photo.image import Photo, alpha_box
from photo_pose.inference.photo.warping import warp_views
from photo_pose.inference.views.crops import SIZE, photo_view, template_view
from photo_pose.inference.views.templates import Render, extreme_points
from photo_pose.operators.blender.models import Model, evaluated
from photo_pose.operators.pictures import gpu_drawing
from photo_pose.operators.pictures.rendering import studio

VERSION = 1  # of the way pictures are made; raise it to have all made anew
FOLDER = assets.CACHE.parent / "paper" / f"v{VERSION}"
PHOTO_SIZE = (400, 300)  # px
LEVEL = radians(5)  # most roll of a photo-like picture: the paper's cameras are upright
WHITE, GRAPHICS, PHOTO_LIKE = "white", "graphics", "photo-like"


class Pictures(NamedTuple):
    """Crops (N, SIZE, SIZE, 3) uint8 of a model, and the directions (N, 3) from its centre to their cameras."""

    crops: np.ndarray
    directions: np.ndarray


class Wanted(NamedTuple):
    """Which pictures of every model: count of them (of white views always all 209) from a seed."""

    kind: str
    count: int = 0
    seed: int = 0

    def path(self, model: str) -> Path:
        """Where they are kept."""
        folder = self.kind if self.kind == WHITE else f"{self.kind}-{self.count}-{self.seed}"
        return FOLDER / folder / f"{model.replace('/', '_')}.npz"


def pictures(wanted: Wanted, model: str) -> Pictures:
    """From the cache, or else taken now; resets Blender's scene."""
    path = wanted.path(model)
    if not path.exists():
        taken = _photo_like(model, wanted) if wanted.kind == PHOTO_LIKE else _drawn(model, wanted)
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary = path.with_suffix(".part.npz")
        np.savez_compressed(temporary, crops=taken.crops, directions=taken.directions)
        temporary.replace(path)
    with np.load(path) as data:
        return Pictures(data["crops"], data["directions"])


def _drawn(name: str, wanted: Wanted) -> Pictures:
    random = _random(name, wanted)
    with evaluated(stand(name)) as model, _renderer(model) as render:
        if wanted.kind == WHITE:
            directions, backdrops = view_sphere(), None
        else:
            directions = off_views(wanted.count, random)
            backdrops = _backdrops(random)
        outline = extreme_points((model.vertices - model.sphere.center) / model.sphere.radius)
        cameras = [template_view(direction, outline) for direction in directions]
        crops = [_seen(render, camera, backdrops) for camera in cameras]
    return Pictures(np.stack(crops), directions)


def _renderer(model: Model) -> Render:
    drawn = gpu_drawing.available() and gpu_drawing.drawable(model)
    return gpu_drawing.drawing(model) if drawn else studio(model)


def _seen(render: Render, camera: Camera, backdrops: Iterator | None) -> np.ndarray:
    view = render(camera)
    return (view if backdrops is None else view._replace(backdrop=next(backdrops)(camera))).rgb


def _backdrops(random: np.random.Generator) -> Iterator:
    """Skies and photos in turn: functions of the camera that give (SIZE, SIZE, 3) uint8."""
    photos = queries.backdrops()
    while True:
        turn, level = random.uniform(0, 2 * np.pi), random.uniform(0.12, 0.5)
        sky = HDRIS[random.integers(len(HDRIS))]
        yield lambda camera, sky=sky, turn=turn, level=level: _sky_behind(camera, sky, turn, level)
        photo = sensor.linear_backdrop(photos[random.integers(len(photos))], (SIZE, SIZE), random)
        yield lambda camera, photo=photo: sensor.encoded(photo)


def _sky_behind(camera: Camera, name: str, turn: float, level: float) -> np.ndarray:
    """(SIZE, SIZE, 3) uint8: a sky, turned about the vertical, whose visible part is on average so bright, 0..1."""
    x, y = np.meshgrid(np.arange(SIZE) + 0.5, np.arange(SIZE) + 0.5)
    rays = np.stack([x, y, np.ones_like(x)], -1) @ np.linalg.inv(camera.K).T @ camera.camera_to_world[:3, :3].T
    rays /= np.linalg.norm(rays, axis=-1, keepdims=True)
    sky = _sky(name)
    around = (np.arctan2(rays[..., 1], -rays[..., 0]) + turn) / (2 * np.pi) * sky.shape[1]
    up = (np.arcsin(rays[..., 2]) / np.pi + 0.5) * sky.shape[0]
    light = _between_pixels(sky, around, up)
    return sensor.encoded(sensor.compressed(light * level / light.mean()))


@cache
def _sky(name: str) -> np.ndarray:
    """(H, W, 3) linear, from the bottom up."""
    path = Path(bpy.utils.system_resource("DATAFILES"), "studiolights", "world", f"{name}.exr")
    image = bpy.data.images.load(str(path))
    values = np.empty(image.size[0] * image.size[1] * 4, np.float32)
    image.pixels.foreach_get(values)
    return values.reshape(image.size[1], image.size[0], 4)[..., :3].copy()


def _between_pixels(picture: np.ndarray, x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """picture (H, W, 3) at continuous places x, y (...), linear between pixels; its left and right ends meet."""
    x, y = x - 0.5, np.clip(y - 0.5, 0, picture.shape[0] - 1.001)
    left, low = np.floor(x).astype(int), y.astype(int)
    right_share, high_share = (x - left)[..., None], (y - low)[..., None]
    columns = left % picture.shape[1], (left + 1) % picture.shape[1]
    rows = [
        picture[row, columns[0]] * (1 - right_share) + picture[row, columns[1]] * right_share for row in (low, low + 1)
    ]
    return rows[0] * (1 - high_share) + rows[1] * high_share


def _photo_like(name: str, wanted: Wanted) -> Pictures:
    """Path-traced under a sky, on a floor, among clutter, every second one in other colours; noise, blur, JPEG."""
    taken = [_photo(name, recipe) for recipe in _recipes(name, wanted)]
    return Pictures(np.stack([crop for crop, _ in taken]), np.stack([direction for _, direction in taken]))


def _recipes(name: str, wanted: Wanted) -> Sequence[Recipe]:
    """The benchmark's, but the chair is whole, upright and not seen from below: the paper's photos are like that."""
    recipes = (recipe_of(Subject(name, "chair"), 1000 * (wanted.seed + 1) + n) for n in range(wanted.count))
    return [
        recipe._replace(
            size=PHOTO_SIZE,
            elevation=max(recipe.elevation, 0.0),
            roll=float(np.clip(recipe.roll, -LEVEL, LEVEL)),
            frame=recipe.frame._replace(extent=max(recipe.frame.extent, 0.6), cut=(0.0, 0.0)),
            occluder=None,
        )
        for recipe in recipes
    ]


def _photo(name: str, recipe: Recipe) -> tuple[np.ndarray, np.ndarray]:
    """Its crop and the direction of its camera."""
    obj = stand(name)
    obj.pass_index = stage.OBJECT
    points = stage.world_vertices(obj)
    camera, random = scenery.framed(recipe, points), np.random.default_rng(recipe.seed)
    stage.set_up(camera, recipe.lens, recipe.backdrop is not None, threads=1)
    scenery.furnish(recipe, obj, points, camera, queries.models(), random)
    layers = stage.render_layers(obj)
    backdrop = np.zeros_like(layers.light)
    if recipe.backdrop is not None:
        photos = queries.backdrops()
        backdrop = sensor.linear_backdrop(photos[recipe.backdrop % len(photos)], recipe.size, random)
    file = io.BytesIO()
    picture = sensor.developed(layers.light, layers.alpha, layers.mask, backdrop, recipe.sensor)
    picture.save(file, "JPEG", quality=recipe.sensor.quality)
    offset = camera.position - (points.min(0) + points.max(0)) / 2
    return _crop(Image.open(file), camera, layers.silhouette), offset / np.linalg.norm(offset)


def _crop(picture: Image.Image, camera: Camera, silhouette: np.ndarray) -> np.ndarray:
    """(SIZE, SIZE, 3) uint8 around the object's true box, as the product's k-NN sees it."""
    box = Box(*alpha_box(silhouette, 0.5))
    photo = Photo(picture.convert("RGB"), picture.size, None, None, Path(), shown_as_is=True)
    return warp_views(photo, camera.placed(np.eye(4)), [photo_view(camera.placed(np.eye(4)), box)])[0]


def _random(name: str, wanted: Wanted) -> np.random.Generator:
    return np.random.default_rng([wanted.seed, *name.encode()])
