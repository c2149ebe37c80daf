"""The operator that takes cameras from other programs as start poses."""

from __future__ import annotations

import io
from pathlib import Path
from typing import TYPE_CHECKING

import bpy
import numpy as np
from bpy.app.translations import pgettext_rpt as rpt_
from bpy.props import StringProperty

from ...inference.errors import PoseError, printable
from ...inference.files import writing
from ...inference.geometry import Box, Camera
from ..blender import cameras
from ..blender.match_record import show_straight
from ..blender.photo_files import located
from ..photos import photo_list
from ..pictures.camera_view import frame_camera
from ..running.long_operator import require_packages

if TYPE_CHECKING:
    from ...inference.formats.colmap import PosedPhoto
    from ...inference.photo.image import Photo

NOWHERE = "None of the photos is in the folder of images.txt, or in a folder 'images' at or above it."
SAME_SHAPE = 0.01  # difference in log aspect up to which a photo is the same picture at another size


class PHOTOPOSE_OT_import_cameras(bpy.types.Operator):
    bl_idname = "photopose.import_cameras"
    bl_label = "Import Start Cameras"
    bl_description = (
        "Set up a photo's camera from an fSpy project, whose picture is saved beside it, or cameras from COLMAP's "
        "images.txt, photos without their lens's distortion beside them; Refine Camera then lays the model on the photo"
    )
    bl_options = {"UNDO"}  # without REGISTER: Adjust Last Operation would read and straighten all photos again

    filepath: StringProperty(
        name="File", subtype="FILE_PATH", options={"SKIP_SAVE"}, description="A .fspy file, or COLMAP's images.txt"
    )
    filter_glob: StringProperty(default="*.fspy;images.txt", options={"HIDDEN", "SKIP_SAVE"})

    def invoke(self, context: bpy.types.Context, _event: bpy.types.Event) -> set[str]:
        if self.filepath:  # which was dropped on a 3D view
            return self.execute(context)
        context.window_manager.fileselect_add(self)
        return {"RUNNING_MODAL"}

    def execute(self, context: bpy.types.Context) -> set[str]:
        path = Path(bpy.path.abspath(self.filepath))
        try:
            if not self.filepath:
                raise PoseError("Choose an fSpy project or COLMAP's images.txt.")
            require_packages("PIL")
            found, remark = read_cameras(path)
            for photo_path, camera in found.items():
                set_up(context.scene, photo_path, camera, path.name)
        except PoseError as error:
            self.report({"ERROR"}, str(error))
            return {"CANCELLED"}
        frame_camera(context)
        told = rpt_("{count} cameras set up.").format(count=len(found))
        self.report({"WARNING"} if remark else {"INFO"}, f"{told} {remark}".strip())
        return {"FINISHED"}


class PHOTOPOSE_FH_fspy(bpy.types.FileHandler):
    """In scenes with something that the camera of a project can see; fSpy's own importer may offer itself beside it."""

    bl_idname = "PHOTOPOSE_FH_fspy"
    bl_label = "fSpy Start Camera"
    bl_import_operator = "photopose.import_cameras"
    bl_file_extensions = ".fspy"

    @classmethod
    def poll_drop(cls, context: bpy.types.Context) -> bool:
        in_view = context.area is not None and context.area.type == "VIEW_3D"
        return in_view and any(obj.type not in {"CAMERA", "LIGHT"} for obj in context.scene.objects)


def read_cameras(path: Path) -> tuple[dict[str, Camera], str]:
    """The file's cameras by absolute paths of their photos, in those photos' pixels, and what the user should know."""
    from ...inference.photo.image import load_photo

    if path.suffix.lower() == ".fspy":
        from ...inference.formats.fspy import read_fspy

        project = read_fspy(path)
        photo = _saved_picture(path, project.picture)
        return {str(photo): _fitted(project.camera, load_photo(photo))[0]}, ""
    if path.name != "images.txt":
        raise PoseError(f"'{path.name}' is neither an fSpy project nor COLMAP's images.txt.")
    from ...inference.formats.colmap import read_colmap

    shots = read_colmap(path.parent)
    photos = {name: _photo_of(path.parent, name) for name in shots}
    found, bends, failed = {}, [], []
    for name in [name for name, photo in photos.items() if photo]:
        try:
            photo, camera, bend = _straight(photos[name], shots[name])
        except PoseError as error:  # the others are good
            failed.append(str(error))
            continue
        found[str(photo)] = camera
        bends += [bend] if bend else []
    if not found:
        raise PoseError((failed or [NOWHERE])[0])
    remarks = failed[:1]
    if None in photos.values():
        remarks.append(rpt_("{count} photos were not found.").format(count=list(photos.values()).count(None)))
    if bends:
        told = rpt_("Distortion of up to {most:.0f} px was taken out of {count} photos, in files beside them.")
        remarks.append(told.format(most=max(bends), count=len(bends)))
    return found, " ".join(remarks)


def set_up(current: bpy.types.Scene, path: str, camera: Camera, source: str) -> None:
    """The photo's own camera, and its place in the list of photos."""
    from ...inference.photo.image import load_photo

    photo = load_photo(path)
    camera_object = cameras.camera_for_photo(current, path, take_active=False)
    cameras.write_camera(current, camera_object, camera)
    show_straight(camera_object, photo, camera)
    match = camera_object.data.photo_pose
    match.photo, match.size = camera_object[cameras.PHOTO], photo.size
    settings = current.photo_pose
    index = next((i for i, item in enumerate(settings.photos) if located(item.path) == path), len(settings.photos))
    item = settings.photos[index] if index < len(settings.photos) else photo_list.add(current, path)
    item.camera, item.state = camera_object, "NONE"
    item.message = rpt_("Start pose of {file}, Refine Camera improves it").format(file=printable(source))
    settings.active_photo = index


def _saved_picture(project: Path, picture: bytes) -> Path:
    """The photo inside a project as a file beside it."""
    from PIL import Image, UnidentifiedImageError

    try:
        with Image.open(io.BytesIO(picture)) as image:
            kind = {"JPEG": ".jpg"}.get(image.format, f".{image.format.lower()}")
    except UnidentifiedImageError as error:
        raise PoseError(f"'{project.name}' has no picture inside.") from error
    return _saved(project.resolve().with_name(f"{project.stem}_photo{kind}"), picture)


def _straight(path: Path, shot: PosedPhoto) -> tuple[Path, Camera, float]:
    """A photo without its lens's distortion, its camera, and by how many px at most it was bent.

    Where that can be noticed it is a file beside the photo, else the photo itself, and 0.
    """
    from ...inference.photo.distortion import NOTICED, displacement, straightened, turned
    from ...inference.photo.image import load_photo

    photo = load_photo(path)
    camera, quarters = _fitted(shot.camera, photo)
    distortion = turned(shot.distortion, quarters)
    bend = displacement(camera.K, distortion, photo.size)
    if bend <= NOTICED:
        return path, camera, 0.0
    file, image = io.BytesIO(), straightened(photo, camera.K, distortion).image
    image.save(file, "JPEG", quality=95, subsampling=0)
    path = _saved(path.with_name(f"{path.stem}_undistorted.jpg"), file.getvalue())
    return path, camera.windowed(Box(0, 0, *camera.size), image.size), bend


def _saved(path: Path, picture: bytes) -> Path:
    with writing(path):
        if not path.exists():
            path.write_bytes(picture)
        elif path.read_bytes() != picture:
            raise PoseError(f"'{path.name}' is in the way of a picture that has to be saved there: rename it.")
    return path


def _photo_of(folder: Path, name: str) -> Path | None:
    """Where COLMAP's image of this name is: projects keep images/ beside or above sparse/0/."""
    above = (folder, *folder.resolve().parents[:2])
    places = [place for one in above for place in (one / name, one / "images" / name)]
    return next((place.resolve() for place in places if place.is_file()), None)


def _fitted(camera: Camera, photo: Photo) -> tuple[Camera, int]:
    """The camera in pixels of the photo, which may have been resized since, and the quarters by which it was turned.

    COLMAP and fSpy look at the pixels in the file, so their cameras are turned with them as EXIF says. Where only the
    turned photo has the camera's shape, it was made by a program that looks at EXIF data, too.
    """
    from ...inference.photo.image import quarter_turns

    for quarters in (quarter_turns(photo.path), 0):
        turned = camera.turned(quarters)
        if abs(np.log(np.divide(*turned.size) / np.divide(*photo.size))) <= SAME_SHAPE:
            return turned.windowed(Box(0, 0, *turned.size), photo.size), quarters
    raise PoseError(f"Photo '{photo.path.name}' has another shape than its camera.")


classes = (PHOTOPOSE_OT_import_cameras, PHOTOPOSE_FH_fspy)
