"""The operator that hands the photos' cameras over to other programs."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

import bpy
import numpy as np
from bpy.app.translations import pgettext_rpt as rpt_
from bpy.app.translations import pgettext_tip as tip_
from bpy.props import BoolProperty, EnumProperty, StringProperty

from ...inference.errors import PoseError, printable
from ...inference.files import writing
from ...inference.formats.strict_json import json_text
from ...inference.geometry import Camera, nearest_rotation
from ..blender import cameras
from ..blender.match_record import distortion_of, is_sure, lens_of, standing
from ..blender.models import chosen_models, evaluated, key_of, placed
from ..blender.photo_files import path_of, read_photo
from ..running.long_operator import require_packages

SHEARED = 1e-4  # difference of a camera's axes from a rotation's that is more than Blender's rounding
FORMAT_ITEMS = (
    (
        "JSON",
        "JSON",
        "File cameras.json: Blender camera, OpenCV K R t, angles, score; the fields of results.jsonl",
    ),
    ("COLMAP", "COLMAP", "Text: cameras.txt, images.txt and an empty points3D.txt; the world is Blender's"),
    ("BOP", "BOP", "Files scene_camera.json and scene_gt.json of the BOP challenge, in millimetres"),
)


class Taken(NamedTuple):
    """A photo's camera in the scene, in px of the photo."""

    camera_object: bpy.types.Object
    camera: Camera
    distortion: np.ndarray  # k1 and k2, zeros where the photo was not straightened

    @property
    def path(self) -> str:
        return path_of(self.camera_object)


class PHOTOPOSE_OT_export_cameras(bpy.types.Operator):
    bl_idname = "photopose.export_cameras"
    bl_label = "Export Photo Cameras"
    bl_description = "Write the cameras of all matched photos into a folder, for other programs"

    format: EnumProperty(name="Format", items=FORMAT_ITEMS, description="Who is to read it")
    overwrite: BoolProperty(name="Overwrite", options={"SKIP_SAVE"}, description="Replace files that are there already")
    directory: StringProperty(
        name="Folder", subtype="DIR_PATH", options={"SKIP_SAVE"}, description="Where the files are written"
    )
    filter_folder: BoolProperty(default=True, options={"HIDDEN", "SKIP_SAVE"})

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        current = context.scene  # whose other objects can be many
        first = [current.camera] if current.camera else []
        possible = any(cameras.PHOTO in obj for objects in (first, current.objects) for obj in objects)
        if not possible:
            cls.poll_message_set(tip_, "No camera of the scene was matched to a photo yet")
        return possible

    def invoke(self, context: bpy.types.Context, _event: bpy.types.Event) -> set[str]:
        context.window_manager.fileselect_add(self)
        return {"RUNNING_MODAL"}

    def execute(self, context: bpy.types.Context) -> set[str]:
        names, write = WRITERS[self.format]
        folder = Path(bpy.path.abspath(self.directory))
        try:
            if not self.directory:
                raise PoseError("Choose a folder for the cameras.")
            require_packages("PIL")
            from ..pictures.saving import make_folder

            make_folder(folder)
            there = next((name for name in names if (folder / name).exists()), None)
            if there and not self.overwrite:
                raise PoseError(f"The folder has a {there} already: choose another one, or Overwrite.")
            count = write(folder, context.scene)
        except PoseError as error:
            self.report({"ERROR"}, str(error))
            return {"CANCELLED"}
        self.report(
            {"INFO"}, rpt_("{count} cameras written to {folder}").format(count=count, folder=printable(str(folder)))
        )
        return {"FINISHED"}


def taken(current: bpy.types.Scene) -> list[Taken]:
    """Of every photo's camera."""
    found = []
    for obj in current.objects:
        if obj.type == "CAMERA" and cameras.PHOTO in obj:
            known = tuple(obj.data.photo_pose.size)
            size = known if all(known) else read_photo(path_of(obj)).size
            camera = cameras.read_camera(current, obj, size)
            turn = camera.camera_to_world[:3, :3]
            if not np.allclose(turn, nearest_rotation(turn), atol=SHEARED):
                raise PoseError(f"The camera {obj.name} is mirrored or sheared, which no other program knows.")
            found.append(Taken(obj, camera, distortion_of(obj, camera.focal)))
    return found


def in_perspective(current: bpy.types.Scene, reader: str) -> list[Taken]:
    """`taken`; PoseError where one of them is orthographic, for which the reader has no words."""
    found = taken(current)
    for one in found:
        if one.camera.is_orthographic:
            name = one.camera_object.name
            raise PoseError(f"The camera {name} is orthographic, which {reader} does not know: export JSON.")
    return found


def model_of(current: bpy.types.Scene, one: Taken) -> bpy.types.Object:
    """What the camera was matched with, else the model in the middle of its photo."""
    from ..blender.models import model_in_view

    model = one.camera_object.data.photo_pose.model
    if model in current.objects[:]:
        return model
    try:
        return model_in_view(chosen_models(current), one.camera)
    except PoseError as error:
        raise PoseError(f"The camera {one.camera_object.name} sees no model.") from error


def _write_json(folder: Path, current: bpy.types.Scene) -> int:
    lines = [_described(current, one, model_of(current, one)) for one in taken(current)]
    with writing(folder / "cameras.json"):
        (folder / "cameras.json").write_text(json_text(lines, indent=1) + "\n", encoding="utf-8")
    return len(lines)


def _described(current: bpy.types.Scene, one: Taken, root: bpy.types.Object) -> dict:
    """As a line of results.jsonl."""
    from ...inference.verify.candidates import Candidate
    from ..headless.result_fields import blender_camera, described

    match, now = one.camera_object.data.photo_pose, standing(current, one.camera_object)
    sure = match.confidence if match.verified and is_sure(current, one.camera_object) else None
    score, lens = now.score if now else None, lens_of(match, one.camera.focal)
    with evaluated(root) as model:
        seen = Candidate(model.name, one.camera, score, lens.deviation, lens_by=lens.by)
        sphere, line = model.sphere, described(seen, model.sphere)
    bent = {"distortion": one.distortion.tolist()} if one.distortion.any() else {}
    size, box = list(one.camera.size), list(match.box)
    camera = blender_camera(one.camera, sphere, cameras.sensor_of(current, one.camera_object, one.camera.size))
    known = {"lines_differ": lens.lines_differ, "confidence": sure}
    return {"photo": one.path, **line, "size": size, "box": box, "camera": camera, **known, **bent}


def _write_colmap(folder: Path, current: bpy.types.Scene) -> int:
    """COLMAP looks at the pixels in the files, which EXIF may turn."""
    from ...inference.formats.colmap import PosedPhoto, write_colmap
    from ...inference.photo.image import quarter_turns

    found = in_perspective(current, "COLMAP")
    names = _names([one.path for one in found])
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice:
        raise PoseError(f"Photo '{twice}' has several cameras, of which COLMAP takes one.")
    stored = (PosedPhoto(one.camera.turned(-quarter_turns(one.path)), one.distortion) for one in found)
    write_colmap(folder, dict(zip(names, stored, strict=True)))
    return len(found)


def _write_bop(folder: Path, current: bpy.types.Scene) -> int:
    from ...inference.formats.bop import View, write_bop

    found = in_perspective(current, "BOP")
    names = _names([one.path for one in found])
    views = []
    for name, one in zip(names, found, strict=True):
        root = model_of(current, one)
        views.append(View(name, one.camera, key_of(root), *placed(root)))
    write_bop(folder, views, 1000 * current.unit_settings.scale_length)
    return len(found)


WRITERS: dict[str, tuple[Sequence[str], Callable[[Path, bpy.types.Scene], int]]] = {
    "JSON": (("cameras.json",), _write_json),
    "COLMAP": (("cameras.txt", "images.txt", "points3D.txt"), _write_colmap),
    "BOP": (("scene_camera.json", "scene_gt.json"), _write_bop),
}


def _names(paths: Sequence[str]) -> list[str]:
    """Photos by their paths below the folder that they share."""
    try:
        shared = os.path.commonpath([os.path.dirname(path) for path in paths])
    except ValueError:  # on different drives
        return list(paths)
    return [Path(path).relative_to(shared).as_posix() for path in paths]


classes = (PHOTOPOSE_OT_export_cameras,)
