"""The one place that reads and writes Blender's cameras and their background images.

A photo is written FIT in the render frame: as large as fits, centred. The sensor is the photo's, and fits that side of
the frame which the photo fills: so the camera goes on matching its photo in a frame of any resolution and pixel aspect,
and cameras for photos of different shapes share a scene. A frame in which the other side would have to fit crops the
photo, until `fit_to_render`.
"""

from __future__ import annotations

import io
import os
from collections.abc import Callable, Sequence
from math import isclose
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import bpy
import numpy as np
from bpy.app.translations import pgettext_n as n_
from mathutils import Matrix

from ...inference.errors import PoseError, printable
from ...inference.geometry import Box, Camera, Sphere, afar, blender_axes, nearby
from ...inference.photo.checks import DEFAULT_SENSOR
from .photo_files import PHOTO, SIZE, STRAIGHT, copy_of, kept, located, path_of, stand_in

if TYPE_CHECKING:
    from ...inference.photo.image import Photo

SHORTEST_LENS, SMALLEST_SENSOR = 1.0, 1.0  # mm, Blender's limits
ICON = 0.5  # of the model's radius: the size of a camera's icon
FARTHEST = 1e18  # Blender's 32-bit numbers overflow beyond its square
ALSO_WRITTEN = ("sensor_height", "ortho_scale", "clip_start", "clip_end")  # beside the fields of the lens
SAME_SHAPE = 1e-3  # part by which aspects of a frame may differ at some percentage
PART_OF_PIXEL = 1.001  # px by which a frame at some percentage may be smaller than it should be
SEEN_TYPES = ("PERSP", "ORTHO")  # of cameras, in which photos are shown: not panoramic ones
PLACE = ("location", "rotation_euler", "rotation_quaternion", "rotation_axis_angle", "scale")


class LensFields(NamedTuple):
    """The fields of a Blender camera that stand for K; lens and sensor_width in mm."""

    type: str
    lens: float
    sensor_width: float
    sensor_fit: str
    shift_x: float
    shift_y: float


class ScaleFields(NamedTuple):
    """Those of one without perspective; ortho_scale in world units, of the picture's longer side."""

    type: str
    ortho_scale: float
    sensor_fit: str
    shift_x: float
    shift_y: float


def blender_lens(camera: Camera, sensor_width: float = 36.0) -> LensFields:
    """The lens of camera for renders of camera.size; their pixel aspect must be fx : fy, so square if fx = fy.

    A view too wide for Blender's shortest lens, or on too small a sensor for it, gets a wider one than sensor_width
    (mm) instead.
    """
    side, focal = camera.longer_side, camera.focal
    sensor_width = float(max(sensor_width, SMALLEST_SENSOR, SHORTEST_LENS * side / focal))
    return LensFields("PERSP", focal * sensor_width / side, sensor_width, "AUTO", *_shift(camera))


def blender_scale(near: Camera) -> ScaleFields:
    """The same of what `nearby` gives."""
    return ScaleFields("ORTHO", near.longer_side / near.focal, "AUTO", *_shift(near))


def _shift(camera: Camera) -> tuple[float, float]:
    (width, height), (fx, fy) = camera.size, camera.K.diagonal()[:2]
    side = camera.longer_side
    return float((width / 2 - camera.K[0, 2]) / side), float((camera.K[1, 2] - height / 2) * fx / fy / side)


def read_camera(scene: bpy.types.Scene, camera_object: bpy.types.Object, size: tuple[int, int] | None = None) -> Camera:
    """camera_object of the current scene, evaluated, in px of the render frame; PoseError if it is panoramic.

    With size (width, height) it is in px of a photo of that size, in its place in the frame: the inverse of
    write_camera. Of an orthographic one it is what stands for it.
    """
    camera, orthographic = as_it_stands(scene, camera_object, size)
    return afar(camera) if orthographic else camera


def as_it_stands(
    scene: bpy.types.Scene, camera_object: bpy.types.Object, size: tuple[float, float] | None = None
) -> tuple[Camera, bool]:
    """The same in its own place, which of an orthographic one is what `nearby` gives; whether it is orthographic."""
    evaluated = camera_object.evaluated_get(bpy.context.evaluated_depsgraph_get())
    if evaluated.type != "CAMERA" or evaluated.data.type not in SEEN_TYPES:  # any object can be a scene's camera
        raise PoseError(f"The camera {camera_object.name} is neither a perspective nor an orthographic camera.")
    # normalized() takes the scale out axis by axis, as Blender does when it renders
    pose = blender_axes(np.array(evaluated.matrix_world.normalized()))
    if not (np.abs(pose).max() < FARTHEST and np.linalg.det(pose)):
        raise PoseError(f"The camera {camera_object.name} stands nowhere: its matrix has no size, or is no number.")
    if evaluated.data.type == "ORTHO" and not evaluated.data.ortho_scale:
        raise PoseError(f"The camera {camera_object.name} sees nothing: its orthographic scale is 0.")
    camera = Camera(_frame_intrinsics(scene, evaluated.data), pose, _frame_size(scene))
    if size is not None:
        (across, down), render = fills(scene, size), scene.render
        scale = filling(across, down, fitted_side(camera_object))
        width, height = scale * size[0] / render.pixel_aspect_x, scale * size[1] / render.pixel_aspect_y
        camera = camera.windowed(_centred(camera.size, width, height), size)
    return camera, evaluated.data.type == "ORTHO"


def write_camera(
    scene: bpy.types.Scene,
    camera_object: bpy.types.Object,
    camera: Camera,
    *,
    model: Sphere | None = None,
    sensor: float = DEFAULT_SENSOR,
    set_resolution: bool = False,
) -> None:
    """Makes camera_object look as camera does at its photo of camera.size, shown FIT in the render frame.

    The render frame is kept, or with set_resolution made as large as the photo (at 100 %) with square pixels. Clipping
    is widened where it would cut model, its bounding sphere in the world. sensor: mm of the photo's longer side. What
    stands for an orthographic camera becomes one before model. PoseError, before anything is changed, where camera has
    numbers that no camera can have.
    """
    largest = np.abs([*camera.K.flat, *camera.camera_to_world.flat]).max()  # NaN if one of them is
    if not (largest < FARTHEST and camera.K.diagonal().min() > 0):
        raise PoseError("These numbers make no camera: they must be finite, and the focal length positive.")
    if set_resolution:
        scene.render.resolution_x, scene.render.resolution_y = camera.size
        scene.render.pixel_aspect_x = scene.render.pixel_aspect_y = 1.0
    if camera_object.data.library or camera_object.data.users - camera_object.data.use_fake_user > 1:
        camera_object.data = camera_object.data.copy()  # other cameras keep their lens
    if model is not None and camera.is_orthographic:
        camera = nearby(camera, model.center)
        lens = blender_scale(camera)
    else:
        lens = blender_lens(camera, sensor)
    _write_lens(camera_object.data, camera, lens, _side(scene, camera_object, camera))
    _place(camera_object, Matrix(blender_axes(camera.camera_to_world)))
    if model:
        _keep_unclipped(camera_object.data, float(camera.to_camera(model.center)[2]), model.radius)


def fits_render(scene: bpy.types.Scene, camera_object: bpy.types.Object) -> bool:
    """Whether the render shows all of the photo that camera_object belongs to, but for what of a pixel is cut off."""
    (width, height), fit, render = _sensor(camera_object.data), fitted_side(camera_object), scene.render
    across, down = fills(scene, (width, height))
    if fit == "HORIZONTAL":
        return (across - down) * height <= PART_OF_PIXEL * render.pixel_aspect_y
    return fit == "AUTO" or (down - across) * width <= PART_OF_PIXEL * render.pixel_aspect_x


def fit_to_render(scene: bpy.types.Scene, camera_object: bpy.types.Object) -> None:
    """Lets the render show all of its photo again, whatever was done to camera_object since the match; only its lens
    is written."""
    camera, orthographic = as_it_stands(scene, camera_object, _sensor(camera_object.data))
    lens = blender_scale(camera) if orthographic else blender_lens(camera, camera.longer_side)
    _write_lens(camera_object.data, camera, lens, _side(scene, camera_object, camera))


def _sensor(data: bpy.types.Camera) -> tuple[float, float]:
    """mm; of a camera that was written for a photo it has the photo's shape."""
    return data.sensor_width, data.sensor_height


def active_camera(scene: bpy.types.Scene, to_change: bool = True) -> bpy.types.Object:
    """The scene's active camera; PoseError where there is none, or it cannot keep what is to be written: a new pose
    with to_change, else at least what is known of it."""
    camera = scene.camera
    if camera is None or camera.type != "CAMERA":
        raise PoseError("The scene has no active camera.")
    if (to_change or camera.library) and (why := fixed_by(camera)):
        raise PoseError(f"The camera {camera.name} is {why} and stays as it is: make another one active.")
    return camera


def restorer(camera_object: bpy.types.Object) -> Callable[[], None]:
    """A function that undoes, to the last digit, what write_camera does to camera_object from now on."""
    data = camera_object.data
    place = {name: tuple(getattr(camera_object, name)) for name in PLACE}
    place["matrix_parent_inverse"] = camera_object.matrix_parent_inverse.copy()
    lens = {name: getattr(data, name) for name in (*LensFields._fields, *ALSO_WRITTEN)}

    def restore() -> None:
        written = camera_object.data
        if written != data:
            camera_object.data = data
            if not written.users:  # else it is not, or no longer, write_camera's alone
                bpy.data.cameras.remove(written)
        for block, values in ((camera_object, place), (data, lens)):
            for name, value in values.items():
                setattr(block, name, value)
        bpy.context.view_layer.update()

    return restore


def sensor_of(scene: bpy.types.Scene, camera_object: bpy.types.Object, size: tuple[int, int] | None = None) -> float:
    """The sensor in mm that write_camera needs to leave the lens of an unchanged camera at as many mm; size (width,
    height): of its photo, else it is the render frame's. An orthographic camera needs none."""
    camera = read_camera(scene, camera_object, size)
    return DEFAULT_SENSOR if camera.is_orthographic else camera_object.data.lens * camera.longer_side / camera.focal


def fixed_by(camera_object: bpy.types.Object) -> str:
    """Why the pose and lens of a camera are not its own, or not to be changed; empty where they are."""
    if camera_object.library:
        return n_("linked")
    if any(not constraint.mute for constraint in camera_object.constraints):
        return n_("constrained")
    animations = [a for a in (camera_object.animation_data, camera_object.data.animation_data) if a]
    if any(a.drivers for a in animations):
        return n_("driven")
    if any(a.action or a.nla_tracks for a in animations):
        return n_("animated")
    locked = any((*camera_object.lock_location, *camera_object.lock_rotation))
    return n_("locked") if locked else ""


def passed_over(scene: bpy.types.Scene, path: str | Path, orthographic: bool) -> str:
    """Why a match of the photo at path, taken by an orthographic camera or not, makes a new camera instead of using the
    active one; empty where that is used, or any other than a new one."""
    camera = scene.camera
    if camera is None or camera.type != "CAMERA":
        return ""
    why = fixed_by(camera) or ("" if PHOTO in camera else _other_kind(camera.data, orthographic))
    if not why:  # drawing asks: mostly it is answered without a look at files
        return ""
    photo = located(path) if path else None
    of_another = PHOTO in camera and path_of(camera) != photo
    used = any(path_of(obj) == photo and keeps_pose(obj) for obj in scene.objects if PHOTO in obj)
    return "" if of_another or used else why


def camera_for_photo(
    scene: bpy.types.Scene,
    path: str | Path,
    *,
    take_active: bool = True,
    orthographic: bool = False,
    beside: float | None = None,
    but: Sequence[bpy.types.Object] = (),
) -> bpy.types.Object:
    """The camera that belongs to the photo at path, made the scene's active camera; none of those in `but`.

    In this order: the one that already belongs to it, with take_active the active camera if it belongs to no photo and
    is of that kind, a new one named after the photo. Cameras that are not to be changed (`fixed_by`) are left alone.
    beside: radius of the model, so that a new camera's icon is neither a speck nor a house to it.
    """
    photo, active = located(path), scene.camera
    usable = [obj for obj in (active, *scene.objects) if obj and keeps_pose(obj) and obj not in but]
    camera = next((obj for obj in usable if path_of(obj) == photo), None)
    if camera is None and take_active and active in usable and PHOTO not in active:
        camera = None if _other_kind(active.data, orthographic) else active
    if camera is None:
        name = printable(Path(photo).stem)
        camera = bpy.data.objects.new(name, bpy.data.cameras.new(name))
        scene.collection.objects.link(camera)
        camera.data.display_size = ICON * beside if beside else camera.data.display_size
    camera[PHOTO] = kept(path)
    scene.camera = camera
    return camera


def keeps_pose(obj: bpy.types.Object) -> bool:
    """Whether obj is a camera whose pose and lens are its own."""
    return obj.type == "CAMERA" and not fixed_by(obj)


def _other_kind(data: bpy.types.Camera, orthographic: bool) -> str:
    """What a camera is that belongs to no photo, and that this one cannot have been taken by."""
    if data.type not in SEEN_TYPES:
        return n_("panoramic")
    return n_("orthographic") if data.type == "ORTHO" and not orthographic else ""


def show_photo(camera_object: bpy.types.Object, photo: Photo) -> None:
    """Lays the photo over the view of camera_object; its other background images are hidden."""
    image, data = photo_image(photo), camera_object.data
    slot = next((slot for slot in data.background_images if slot.image == image), None)
    slot = slot or data.background_images.new()
    for other in data.background_images:
        other.show_background_image = other == slot
    slot.source, slot.image = "IMAGE", image
    slot.frame_method = "FIT"
    slot.offset, slot.rotation, slot.scale = (0.0, 0.0), 0.0, 1.0
    slot.use_flip_x = slot.use_flip_y = False
    # In front and half transparent: behind, the model would hide the part of the photo it is to be compared with
    slot.display_depth, slot.alpha = "FRONT", 0.5
    data.show_background_images = True


def views_meant(context: bpy.types.Context) -> list[bpy.types.Area]:
    """The 3D view that context is in, or else all of the screen."""
    areas = context.screen.areas if context.screen else []
    views = [area for area in areas if area.type == "VIEW_3D"]
    return [context.area] if context.area in views else views


def view_through_camera(context: bpy.types.Context) -> list[bpy.types.Area]:
    """Turns the 3D view that context is in, or else all of the screen, to the active camera; gives those it turned."""
    turned = views_meant(context)
    for area in turned:
        space = area.spaces.active
        space.use_local_camera = False
        space.region_3d.view_perspective = "CAMERA"
    return turned


def fitted_side(camera_object: bpy.types.Object) -> str:
    """The side of the frame that the photo of a camera fills, as Blender's sensor fit; AUTO: where it is FIT."""
    return camera_object.data.sensor_fit if PHOTO in camera_object else "AUTO"


def filling(across: float, down: float, fit: str) -> float:
    """How much larger a picture gets that fills this side of its frame, which is so many times as large across and
    down; AUTO: as large as fits."""
    return {"HORIZONTAL": across, "VERTICAL": down}.get(fit, min(across, down))


def _side(scene: bpy.types.Scene, camera_object: bpy.types.Object, camera: Camera) -> str:
    """The sensor fit for what camera sees; that of a camera without a photo stays where it shows the whole frame."""
    across, down = fills(scene, camera.size, camera.K[1, 1] / camera.K[0, 0])
    if isclose(across, down, rel_tol=SAME_SHAPE):
        longer = "HORIZONTAL" if camera.size[0] >= camera.size[1] else "VERTICAL"
        return longer if PHOTO in camera_object else camera_object.data.sensor_fit
    return "VERTICAL" if down < across else "HORIZONTAL"


def _write_lens(data: bpy.types.Camera, camera: Camera, lens: LensFields | ScaleFields, fit: str) -> None:
    """Of camera's whole picture, for this sensor fit in the place of AUTO."""
    (width, height), (fx, fy) = camera.size, camera.K.diagonal()[:2]
    across, down = width / camera.longer_side, height * fx / fy / camera.longer_side
    part, fields = {"HORIZONTAL": across, "VERTICAL": down}.get(fit, 1.0), lens._asdict()
    fields |= {"sensor_fit": fit, "shift_x": lens.shift_x / part, "shift_y": lens.shift_y / part}
    if lens.type == "ORTHO":
        fields |= {"ortho_scale": lens.ortho_scale * part, "sensor_height": data.sensor_width * down / across}
    elif fit != "AUTO":
        larger = max(1.0, SMALLEST_SENSOR / (lens.sensor_width * min(across, down)))  # and the same view
        sensor = fields["sensor_width"] * larger
        fields |= {"lens": lens.lens * larger, "sensor_width": sensor * across, "sensor_height": sensor * down}
    for field, value in fields.items():
        setattr(data, field, value)


def _frame_size(scene: bpy.types.Scene) -> tuple[int, int]:
    render = scene.render
    width, height = (
        max(1, side * render.resolution_percentage // 100)  # cut off, not rounded, as Blender does
        for side in (render.resolution_x, render.resolution_y)
    )
    return width, height


def _frame_intrinsics(scene: bpy.types.Scene, data: bpy.types.Camera) -> np.ndarray:
    """K (3, 3) of Blender camera data in px of the render frame; of an orthographic one as that of `nearby`."""
    width, height = _frame_size(scene)
    aspect = scene.render.pixel_aspect_y / scene.render.pixel_aspect_x  # height of a pixel in pixel widths
    horizontal = data.sensor_fit == "HORIZONTAL" or (data.sensor_fit == "AUTO" and width >= height * aspect)
    fitted_side = width if horizontal else height * aspect
    sensor = data.sensor_height if data.sensor_fit == "VERTICAL" else data.sensor_width
    focal = fitted_side / data.ortho_scale if data.type == "ORTHO" else data.lens / sensor * fitted_side
    cx = width / 2 - data.shift_x * fitted_side
    cy = height / 2 + data.shift_y * fitted_side / aspect
    return np.array([[focal, 0, cx], [0, focal / aspect, cy], [0, 0, 1.0]])


def fills(scene: bpy.types.Scene, size: tuple[float, float], pixel_aspect: float = 1.0) -> tuple[float, float]:
    """How many times as large as a photo of this size the frame is, across and down, in its own pixel aspect's units;
    pixel_aspect is the width of a photo's pixel over its height."""
    (width, height), render = _frame_size(scene), scene.render
    return width * render.pixel_aspect_x / (size[0] * pixel_aspect), height * render.pixel_aspect_y / size[1]


def _centred(size: tuple[int, int], width: float, height: float) -> Box:
    """Box of width x height around the centre of a picture of size; may be the larger of the two."""
    left, top = (size[0] - width) / 2, (size[1] - height) / 2
    return Box(left, top, left + width, top + height)


def _place(camera_object: bpy.types.Object, matrix: Matrix) -> None:
    """Sets the world matrix, also under a parent of any kind."""
    if camera_object.parent:
        # Take the parent out by its inverse matrix, like Blender's Keep Transform: where it is scaled unevenly,
        # no location, rotation and scale of the camera could. Its own matrix is seen once ours are identity.
        camera_object.matrix_parent_inverse = camera_object.matrix_basis = Matrix()
        bpy.context.view_layer.update()
        camera_object.matrix_parent_inverse = camera_object.matrix_world.inverted_safe()
    camera_object.matrix_basis = matrix
    bpy.context.view_layer.update()  # so that matrix_world is right at once


def _keep_unclipped(data: bpy.types.Camera, depth: float, radius: float) -> None:
    nearest = max(depth - radius, depth / 1000)  # the camera may be inside the model's sphere
    data.clip_start = min(data.clip_start, nearest / 2)
    data.clip_end = max(data.clip_end, 2 * (depth + radius))


def photo_image(photo: Photo) -> bpy.types.Image:
    """Image data-block that Blender shows as the photo: of the file itself or, if that would differ, of a copy.

    Of a copy, too, where the file is gone since it was read or Blender cannot open it: everywhere it takes a backslash
    in a name for a slash.
    """
    path = located(photo.path)
    if not photo.shown_as_is:
        return _packed_copy(photo, path)
    if not os.path.isfile(path):
        return stand_in(path) or _packed_copy(photo, path)
    try:
        image = bpy.data.images.load(kept(path), check_existing=True)
    except RuntimeError:
        return _packed_copy(photo, path)
    if not image.is_dirty:
        image.reload()  # the file may have changed since an earlier match
    return image


def _packed_copy(photo: Photo, path: str) -> bpy.types.Image:
    image = copy_of(path, photo.straight)
    if image is None or image.library:
        image = bpy.data.images.new(printable(Path(path).name), 1, 1)
    image[PHOTO], image[STRAIGHT], image[SIZE] = kept(path), photo.straight, photo.size
    jpeg = io.BytesIO()
    photo.image.save(jpeg, "JPEG", quality=95, subsampling=0)
    image.pack(data=jpeg.getvalue(), data_len=jpeg.tell())
    image.source = "FILE"
    image.buffers_free()  # of the copy of an earlier match
    return image
