"""Draws models through Blender's gpu module: what Cycles shows in even white light, in a fraction of the time."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache, cached_property

import bpy
import gpu
import numpy as np
from gpu.types import GPUBatch, GPUFrameBuffer, GPUTexture
from gpu_extras.batch import batch_for_shader
from mathutils import Matrix

from ...inference.geometry import Camera
from ...inference.views.templates import Render, Rendering
from ...preferences import preferred
from ..blender.models import Model
from ..blender.own_data_blocks import remove, render_result_kept
from ..running.quiet_blender import quiet
from .flat_paint import Surface, drawable, shape, surfaces
from .shaders import TILES, heights_shader, points_shader, surface_shader, view_shader

SUPERSAMPLING = 2  # a side of a pixel, for colour and alpha
TILE = 128  # px, side of one height map
SHADING = 3_000_000  # triangles drawn for a model's height maps: half a second without a graphics card
NEAR_CLIP = 0.01  # of the sphere's radius

# A process of its own: where a driver fails, Blender ends the whole process instead of raising an error.
PROBE = """
import ctypes
egl = ctypes.CDLL("libEGL.so.1")
for name in "eglGetDisplay", "eglGetPlatformDisplay", "eglCreateContext", "eglCreatePbufferSurface":
    getattr(egl, name).restype = ctypes.c_void_p
def attributes(*values):
    return (ctypes.c_int * (len(values) + 1))(*values, 0x3038)
def opened(display):
    return display if display and egl.eglInitialize(ctypes.c_void_p(display), None, None) else None
SURFACELESS = 0x31DD
display = ctypes.c_void_p(opened(egl.eglGetDisplay(None)) or opened(egl.eglGetPlatformDisplay(SURFACELESS, None, None)))
OPENGL_8_BIT_OFFSCREEN = attributes(0x3040, 8, 0x3024, 8, 0x3023, 8, 0x3022, 8, 0x3033, 1)
VERSION_4_3_CORE = attributes(0x3098, 4, 0x30FB, 3, 0x30FD, 1)
config, count = (ctypes.c_void_p * 1)(), (ctypes.c_int * 1)()
assert egl.eglBindAPI(0x30A2)
assert egl.eglChooseConfig(display, OPENGL_8_BIT_OFFSCREEN, config, 1, count) and count[0]
config = ctypes.c_void_p(config[0])
surface = ctypes.c_void_p(egl.eglCreatePbufferSurface(display, config, attributes(0x3057, 1, 0x3056, 1)))
context = ctypes.c_void_p(egl.eglCreateContext(display, config, None, VERSION_4_3_CORE))
assert surface and context and egl.eglMakeCurrent(display, surface, surface, context)
"""


@cache
def available() -> bool:
    """Whether drawing works in this process; found out without any danger to it, once."""
    return not bpy.app.background or (_has_opengl() and _gpu_starts())


def preferable(model: Model) -> bool:
    """Whether to draw a model and not to render it: where that is safe, and faithful or what the user wants."""
    return faithful(model) or preferred().engine == "GPU" and available()


def faithful(model: Model) -> bool:
    """Whether a model can be drawn safely, and as it would be rendered, and the user does not want it rendered."""
    return preferred().engine != "CYCLES" and available() and drawable(model)


@contextmanager
def drawing(model: Model) -> Iterator[Render]:
    """Gives a function that draws the model as rendering.studio renders it; drawing must be available."""
    stage = Stage(model)
    try:
        yield stage.render
    finally:
        stage.clear()


class Stage:
    """A model on the graphics processor, and the pictures it is drawn into; it outlives the model's meshes."""

    def __init__(self, model: Model) -> None:
        self.sphere, self.size = model.sphere, None
        vertices, triangles = shape(model)
        self.rays = int(np.clip(SHADING // len(triangles), 8, TILES * TILES))
        self.surface, self.points, self.view = surface_shader(), points_shader(), view_shader(SUPERSAMPLING, self.rays)
        self.shape = batch_for_shader(self.points, "TRIS", {"position": vertices}, indices=triangles)
        self.painted = [self._painted(*painted) for painted in surfaces(model).items()]
        self.screen = batch_for_shader(self.view, "TRIS", {"corner": [(-1, -1), (3, -1), (-1, 3)]})

    def clear(self) -> None:
        """Lets go of all that is on the graphics processor."""
        vars(self).clear()

    def render(self, camera: Camera) -> Rendering:
        width, height = camera.size
        self.draw(camera)
        with self.exact.bind():
            points = _pixels(self.exact, camera.size, "FLOAT", np.float32)[..., :3]
        with self.picture.bind():
            rgba = _pixels(self.picture, camera.size, "UBYTE", np.uint8)
        return Rendering(rgba, np.full((height, width, 3), 255, np.uint8), points)

    def draw(self, camera: Camera) -> dict[str, GPUTexture]:
        """Textures of camera.size, first row on top: picture (sRGB with straight alpha), points, normals."""
        textures, maps = self.trace(camera), {**self.maps, "heights": self.heights}
        with _solid(self.fine):
            self.surface.bind()
            self.surface.uniform_float("view", Matrix(_projection(camera)))
            for batch, texture in self.painted:
                self.surface.uniform_sampler("image", texture)
                batch.draw(self.surface)
        with _solid(self.picture):
            self.view.bind()
            self.view.uniform_float("eye", camera.position)
            for name, texture in maps.items():
                self.view.uniform_sampler(name, texture)
            self.screen.draw(self.view)
        return textures

    def trace(self, camera: Camera) -> dict[str, GPUTexture]:
        """`draw` in a fraction of the time, without the picture."""
        self._resize(camera.size)
        with _solid(self.exact):
            self.points.bind()
            self.points.uniform_float("view", Matrix(_projection(camera)))
            self.shape.draw(self.points)
        return {"picture": self.kept[-1], "points": self.maps["points"], "normals": self.maps["normals"]}

    def _painted(self, image: bpy.types.Image | None, surface: Surface) -> tuple[GPUBatch, GPUTexture]:
        corners = {"position": surface.positions, "uv": surface.uvs, "color": surface.colors}
        batch = batch_for_shader(self.surface, "TRIS", corners, indices=surface.triangles)
        if image:
            texture = gpu.texture.from_image(image)
            image.gl_free()  # that is Blender's own hold on it, not ours
            return batch, texture
        white = gpu.types.Buffer("FLOAT", 4, [1.0] * 4)
        return batch, GPUTexture((1, 1), format="RGBA8", data=white)

    def _resize(self, size: tuple[int, int]) -> None:
        if size == self.size:
            return
        fine = (size[0] * SUPERSAMPLING, size[1] * SUPERSAMPLING)
        self.maps = {
            "colors": GPUTexture(fine, format="RGBA16F"),
            "points": GPUTexture(size, format="RGBA32F"),
            "normals": GPUTexture(size, format="RGBA16F"),
        }
        # a frame buffer does not keep its textures alive
        self.kept = [GPUTexture(s, format="DEPTH_COMPONENT32F") for s in (fine, size, size)]
        self.kept.append(GPUTexture(size, format="RGBA8"))
        self.fine = GPUFrameBuffer(depth_slot=self.kept[0], color_slots=[self.maps["colors"]])
        self.exact = GPUFrameBuffer(depth_slot=self.kept[1], color_slots=[self.maps["points"], self.maps["normals"]])
        self.picture = GPUFrameBuffer(depth_slot=self.kept[2], color_slots=[self.kept[3]])
        self.size = size

    @cached_property
    def heights(self) -> GPUTexture:
        """How high the model stands in as many directions as there are rays: one map beside the other."""
        side = (TILES * TILE, TILES * TILE)
        heights, depth = GPUTexture(side, format="R32F"), GPUTexture(side, format="DEPTH_COMPONENT32F")
        shader = heights_shader(self.rays)
        with _solid(GPUFrameBuffer(depth_slot=depth, color_slots=[heights]), nothing=-2.0):
            shader.bind()
            for ray in range(self.rays):
                shader.uniform_int("ray", [ray])
                self.shape.draw(shader)
        return heights


@contextmanager
def _solid(target: GPUFrameBuffer, nothing: float = 0.0) -> Iterator[None]:
    """Draws into target, emptied; what is nearer hides the rest."""
    test, mask, blend = gpu.state.depth_test_get(), gpu.state.depth_mask_get(), gpu.state.blend_get()
    try:
        with target.bind():
            gpu.state.depth_test_set("LESS_EQUAL")
            gpu.state.depth_mask_set(True)
            gpu.state.blend_set("NONE")
            target.clear(color=[nothing] * 4, depth=1.0)
            yield
    finally:
        gpu.state.depth_test_set(test)
        gpu.state.depth_mask_set(mask)
        gpu.state.blend_set(blend)
        # Blender takes a new shader at the address of one that was freed while bound for that one: bind another
        gpu.shader.from_builtin("UNIFORM_COLOR").bind()


def _pixels(target: GPUFrameBuffer, size: tuple[int, int], kind: str, dtype: type) -> np.ndarray:
    """(H, W, 4) of the first colour slot."""
    width, height = size
    buffer = target.read_color(0, 0, width, height, 4, 0, kind)
    buffer.dimensions = width * height * 4  # numpy reads flat buffers only
    return np.frombuffer(memoryview(buffer), dtype).reshape(height, width, 4)


def _projection(camera: Camera) -> np.ndarray:
    """(4, 4): unit sphere -> clip space, upside down, for rows are read from the bottom up."""
    (width, height), (x, y, z) = camera.size, camera.K
    depth = float(camera.world_to_camera[2, 3])  # of the sphere's centre; it may lie behind the camera
    near, far = max(depth - 1.01, NEAR_CLIP), max(depth + 1.01, 2 * NEAR_CLIP)
    clip = np.zeros((4, 4))
    clip[0, :3] = 2 * x / width - z
    clip[1, :3] = 2 * y / height - z
    clip[2, 2:] = (far + near) / (far - near), -2 * far * near / (far - near)
    clip[3, 2] = 1
    return clip @ camera.world_to_camera


def _has_opengl() -> bool:
    """Where Blender has no window it needs EGL with OpenGL 4.3."""
    try:
        probe = subprocess.run([sys.executable, "-I", "-c", PROBE], capture_output=True, timeout=30, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return False
    return probe.returncode == 0


def _gpu_starts() -> bool:
    try:
        with quiet(errors_too=True):  # drivers speak of what they try and go without
            gpu.init() if hasattr(gpu, "init") else _throw_away_render()
        return bool(gpu.platform.renderer_get())
    except (SystemError, RuntimeError):
        return False


def _throw_away_render() -> None:
    """Before Blender 5.2 only a Workbench render starts the gpu module in background mode."""
    scene = bpy.data.scenes.new("Photo Pose Start")
    lens = bpy.data.cameras.new("Photo Pose Start")
    scene.camera = bpy.data.objects.new("Photo Pose Start", lens)
    try:
        scene.render.engine = "BLENDER_WORKBENCH"
        scene.render.resolution_x = scene.render.resolution_y = 8
        scene.render.use_compositing = scene.render.use_sequencer = False
        with render_result_kept():
            bpy.ops.render.render(scene=scene.name)
    finally:
        remove([scene.camera, lens, scene])
