"""Draws a photo, with a model as a camera sees it, over a part of what is bound to be drawn into."""

from __future__ import annotations

from typing import TYPE_CHECKING

import gpu
import numpy as np
from gpu.types import GPUTexture
from gpu_extras.batch import batch_for_shader
from mathutils import Matrix

from ...inference.geometry import Box, Camera, in_unit_sphere
from ..blender.models import Model
from .gpu_drawing import Stage
from .shaders import COMPARE_VIEWS, compare_shader
from .textures import texture

if TYPE_CHECKING:
    from ...inference.photo.image import Photo
    from ...inference.verify.fit_picture import FitPicture
    from ...inference.verify.lines_picture import LinesPicture

UNIT = np.array([[0.0, 0.0], [1.0, 1.0]])
SHOWN_SIDE = 2048  # px, of the photo on the graphics card at most


class PhotoOverlay:
    """A photo and a model on the graphics processor."""

    def __init__(self, photo: Photo, model: Model) -> None:
        self.size, self.photo = photo.size, texture(photo.image, SHOWN_SIDE)
        self.shader = compare_shader()
        self.picture, self.from_photo = None, Matrix()
        self.set_model(model)

    def set_picture(self, shown: FitPicture | LinesPicture) -> None:
        """What the views FIT and LINES show."""
        from PIL import Image

        height, width, _channels = shown.rgba.shape
        self.picture = texture(Image.fromarray(shown.rgba), max(width, height))
        self.from_photo = Matrix(np.diag([1 / width, 1 / height, 1]) @ shown.from_photo @ np.diag([*self.size, 1]))
        self.from_photo.resize_4x4()

    def set_model(self, model: Model) -> None:
        self.stage, self._drawn = Stage(model), ()

    def draw(
        self, view: str, camera: Camera, place: Box, target: tuple[int, int], wipe: float = 0.5, thickness: int = 1
    ) -> None:
        """One of COMPARE_VIEWS with the photo's camera, in the world.

        place: of the whole photo in what is bound, px from the bottom left, of which target is the size. wipe: part of
        the photo from its left; thickness of lines, px.
        """
        low, high = np.clip(np.reshape(place, (2, 2)), 0, target).round()
        if (high - low).min() < 1:
            return
        corners = np.array([[low[0], high[1]], [high[0], low[1]]])  # top left, bottom right
        seen = (corners - [place.left, place.bottom]) / [place.width, -place.height]  # parts of the photo
        window = Box(*(seen * self.size).ravel())
        textures = self._textures(view, camera.windowed(window, tuple((high - low).astype(int).tolist())))
        quad = {"corner": _four(2 * corners / target - 1), "photo_at": _four(seen), "view_at": _four(UNIT)}
        self.shader.bind()
        self.shader.uniform_int("view", [COMPARE_VIEWS.index(view)])
        self.shader.uniform_int("thickness", [thickness])
        self.shader.uniform_float("wipe", wipe)
        self.shader.uniform_float("from_photo", self.from_photo)
        for name, used in textures.items():
            self.shader.uniform_sampler(name, used)
        batch_for_shader(self.shader, "TRI_STRIP", quad).draw(self.shader)
        gpu.shader.from_builtin("UNIFORM_COLOR").bind()  # see drawing._solid

    def _textures(self, view: str, camera: Camera) -> dict[str, GPUTexture]:
        """The model is drawn only when the camera has moved."""
        pictured = view in ("FIT", "LINES")
        lines = pictured or view == "EDGES"
        state = lines, camera.size, camera.K.tobytes(), camera.camera_to_world.tobytes()
        if state != self._drawn:
            draw = self.stage.trace if lines else self.stage.draw
            self._model, self._drawn = draw(in_unit_sphere(camera, self.stage.sphere)), state
        return {"photo": self.photo, **self._model, **({"picture": self.picture} if pictured else {})}


def _four(ends: np.ndarray) -> list[tuple[float, float]]:
    """The corners of a rectangle as a strip, from its top left and bottom right."""
    (left, top), (right, bottom) = ends.tolist()
    return [(left, top), (right, top), (left, bottom), (right, bottom)]
