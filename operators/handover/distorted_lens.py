"""The operator that renders through the photo's own lens, so that a render lies on the photo as it was taken."""

from __future__ import annotations

import bpy
from bpy.app.translations import pgettext_rpt as rpt_
from bpy.app.translations import pgettext_tip as tip_

from ...inference.errors import PoseError
from ..blender import cameras
from ..blender.match_record import distortion_of, photo_of
from ..blender.photo_files import path_of, read_photo
from ..running.long_operator import require_packages

NAME = "Photo Pose Lens.osl"  # of the text in the .blend file
SHIFT = "photo_pose_shift"  # custom property of cameras: what the lens had before
# Cycles asks for the ray of each place in the frame, 0 to 1 from its lower left corner. Focal lengths and the principal
# point are in the frame's sides; the radius before distortion by Newton's method, as photos are straightened
SHADER = """\
shader photo_pose_lens(
    float focal_x = 1.0,
    float focal_y = 1.0,
    float middle_x = 0.5,
    float middle_y = 0.5,
    float k1 = 0.0,
    float k2 = 0.0,
    output point position = 0.0,
    output vector direction = 0.0,
    output color throughput = 1.0)
{
    point place = camera_shader_raster_position();
    vector shown = vector((place.x - middle_x) / focal_x, (place.y - middle_y) / focal_y, 0.0);
    float wanted = length(shown), radius = wanted;
    for (int step = 0; step < 20; step++) {
        float square = radius * radius;
        float slope = 1.0 + square * (3.0 * k1 + square * 5.0 * k2);
        if (slope < 0.05) {  // beyond where the lens folds its picture over
            throughput = color(0.0);
            return;
        }
        radius -= (radius * (1.0 + square * (k1 + square * k2)) - wanted) / slope;
    }
    if (wanted > 0.0)
        shown *= radius / wanted;
    direction = normalize(vector(shown.x, shown.y, 1.0));
}
"""


class PHOTOPOSE_OT_distorted_lens(bpy.types.Operator):
    bl_idname = "photopose.distorted_lens"
    bl_label = "Distorted Lens"
    bl_description = (
        "Let Cycles render through the photo's own lens, with the distortion that Refine Camera has found, so that the "
        "render lies on the photo as it was taken; again: through a lens without distortion"
    )
    bl_options = {"REGISTER", "UNDO"}

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        camera = context.scene.camera
        possible = bool(camera and camera.type == "CAMERA" and any(camera.data.photo_pose.distortion))
        if not possible:
            cls.poll_message_set(tip_, "No distortion was found of the active camera's lens")
        return possible

    def execute(self, context: bpy.types.Context) -> set[str]:
        current, camera_object = context.scene, context.scene.camera
        try:
            require_packages("PIL")
            if camera_object.data.type == "CUSTOM":
                _straighten(camera_object.data)
                cameras.show_photo(camera_object, photo_of(current, camera_object))
            else:
                _bend(current, cameras.active_camera(current))
        except PoseError as error:
            self.report({"ERROR"}, str(error))
            return {"CANCELLED"}
        if camera_object.data.type == "CUSTOM" and current.render.engine != "CYCLES":
            self.report({"WARNING"}, rpt_("Only Cycles renders the distortion: make it the render engine"))
        return {"FINISHED"}


def _bend(current: bpy.types.Scene, camera_object: bpy.types.Object) -> None:
    """Gives the camera its photo's lens; PoseError where this Blender cannot."""
    data = camera_object.data
    if not hasattr(data, "custom_shader"):
        raise PoseError("Distorted lenses need Blender 4.5 or newer.")
    photo = read_photo(path_of(camera_object))
    focal = cameras.read_camera(current, camera_object, photo.size).focal
    frame = cameras.read_camera(current, camera_object)  # of another size than the photo, perhaps
    (fx, _, cx), (_, fy, cy), _ = frame.K.tolist()
    width, height = frame.size
    k1, k2 = distortion_of(camera_object, focal).tolist()
    _compile(current, data)
    values = {"focal_x": fx / width, "focal_y": fy / height, "middle_x": cx / width, "middle_y": 1 - cy / height}
    for name, value in (values | {"k1": k1, "k2": k2}).items():
        data.cycles_custom[name] = value
    data[SHIFT] = data.shift_x, data.shift_y
    data.shift_x = data.shift_y = 0.0  # Cycles would move the frame by other units than a perspective camera's
    cameras.show_photo(camera_object, photo)


def _straighten(data: bpy.types.Camera) -> None:
    data.type = "PERSP"
    data.shift_x, data.shift_y = data.pop(SHIFT, (0.0, 0.0))


def _compile(current: bpy.types.Scene, data: bpy.types.Camera) -> None:
    """Gives the camera the shader; PoseError where this Blender cannot compile it."""
    engine, kept = current.render.engine, NAME in bpy.data.texts
    try:
        current.render.engine = "CYCLES"  # which compiles it then and there
        data.type, data.custom_mode = "CUSTOM", "INTERNAL"
        data.custom_shader = _shader()
    except TypeError as error:
        raise PoseError("Distorted lenses need Cycles: enable that add-on first.") from error
    finally:
        current.render.engine = engine
    if not data.custom_bytecode:
        text, data.custom_shader, data.type = data.custom_shader, None, "PERSP"
        if not kept:
            bpy.data.texts.remove(text)
        raise PoseError("This Blender cannot compile OSL, which distorted lenses need.")


def _shader() -> bpy.types.Text:
    """In the file, once for all cameras."""
    text = next((text for text in bpy.data.texts if text.name == NAME and not text.library), None)
    text = text or bpy.data.texts.new(NAME)
    if text.as_string() != SHADER:
        text.from_string(SHADER)
    return text


classes = (PHOTOPOSE_OT_distorted_lens,)
