"""Settings on Scene.photo_pose and matches on Camera.photo_pose: the state that operators and panels share."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import bpy
import bpy.utils.previews
import numpy as np
from bpy.props import (
    BoolProperty,
    CollectionProperty,
    EnumProperty,
    FloatProperty,
    FloatVectorProperty,
    IntProperty,
    IntVectorProperty,
    PointerProperty,
    StringProperty,
)

from .inference.errors import PoseError
from .inference.look import ANY_WAY, AUTOMATIC, DEFAULT_NETWORK, UPRIGHT
from .inference.networks.registry import DIRECTION_NETWORK
from .inference.photo.focal_length import EXIF, LINES, OBJECT

if TYPE_CHECKING:
    from PIL import Image

# Of paths that may be relative to the .blend, which Blender 4.5 and newer wants to be told
RELATIVE = {"PATH_SUPPORTS_BLEND_RELATIVE"} if bpy.app.version >= (4, 5, 0) else set()
# The context of words by which Blender's own translations mean something else; Blender keeps no copy of the string
OURS = "Photo Pose"
STANDS_ITEMS = (
    (AUTOMATIC, "Automatic", "Upright, and where that is doubtful in any way; the first time that needs more views"),
    (UPRIGHT, "Upright", "The object stands on a floor and is seen from the side or from above, by a level camera"),
    (ANY_WAY, "Any Way", "The object may lie on any face and be seen from anywhere; the photo may be turned"),
)
BACKGROUND_ITEMS = (
    ("WHITE", "White", "White, the light even from all sides, as in the paper"),
    ("TRANSPARENT", "Transparent", "No background; saved pictures have an alpha channel"),
    ("HDRI", "Sky", "Lit by and in front of one of Blender's own studio skies"),
)
CROP_ITEMS = (
    ("SQUARE", "Square", "A square around the object, as the network sees it"),
    ("OBJECT", "Object", "The object's own box"),
    ("NONE", "None", "The whole picture; the object has the same size in every view's frame"),
)
FOCAL_ITEMS = (
    ("PHOTO", "Photo", "What the photo's EXIF data say where they fit the picture, else estimated from it"),
    ("CAMERA", "Active Camera", "The lens of the active camera"),
    ("LENS", "Lens", "The typed focal length and sensor size"),
    ("ORTHO", "Orthographic", "None: a picture without perspective, as of catalogues, isometric games, CAD drawings"),
)
METHOD_ITEMS = (
    ("MATCH", "Match", "Compare the photo with all views at all rolls, then align the best ones"),
    (
        "VOTE",
        "Like the Models",
        "The photo shows none of the models but something like them: the direction on which their views agree, and a "
        "network that names directions where one is set or knows such models, for models that all face the same way",
    ),
    ("KNN", "Nearest Views", "The paper's recipe: the mean of the two most similar views, for comparison"),
)
LENS_ITEMS = (
    (EXIF, "EXIF Data", "What the camera wrote into the photo's file"),
    (OBJECT, "Object's Perspective", "How much smaller the model's farther parts are seen"),
    (LINES, "Photo's Lines", "Where upright and level lines around the object meet"),
)
STATE_ITEMS = (
    ("NONE", "Not Matched", "Nobody has matched it yet"),
    ("MATCHED", "Matched", "Its camera was found"),
    ("FAILED", "Failed", "No camera was found; the message says why"),
)

# Single settings of the scene that operators have, too; those that belong together are classes below
METHOD = EnumProperty(name="Method", translation_context=OURS, items=METHOD_ITEMS, description="How the pose is found")
CROP = EnumProperty(
    name="Crop", translation_context=OURS, items=CROP_ITEMS, description="Part of the picture that is saved"
)
RENDER_SIZE = BoolProperty(name="Set Render Size", description="Make the render as large as the photo")
SHARED_LENS = BoolProperty(
    name="Shared Lens",
    description="All photos were taken with one lens: its focal length is found from all of them together, and all "
    "cameras get it",
)
SHARED_SHIFT = BoolProperty(
    name="Shared Shift",
    description="With a shared lens: its shift is found, too, for photos that were all cropped alike",
)
SHARED_DISTORTION = BoolProperty(
    name="Shared Distortion",
    description="With a shared lens: its distortion is found, too, and the photos are shown straightened",
)
BOARD_PHOTO = StringProperty(
    name="Board Photo",
    subtype="FILE_PATH",
    options=RELATIVE,
    description="From where the photo was taken, with a chessboard in it",
)
BOARD_COLUMNS = IntProperty(
    name="Columns", translation_context=OURS, default=9, min=3, description="Inner corners in a row of the chessboard"
)
BOARD_ROWS = IntProperty(name="Rows", default=6, min=3, description="Rows of inner corners of the chessboard")
BOARD_SQUARE = FloatProperty(name="Square", default=0.025, min=0, unit="LENGTH", description="Side of a square")
# What the scene points to and operators, which cannot, call by its name
BOARD = {"name": "Board", "description": "Stands for the chessboard; default: the world's XY plane"}
COLLECTION = {"name": "Collection", "description": "Rank its models only; default: the list, or all"}
LIBRARY = StringProperty(
    name="Library",
    subtype="DIR_PATH",
    options=RELATIVE,
    description="Folder of a library: models with their training views, to be searched by a photo",
)
BOX_FOUND = BoolProperty(name="Box Found", description="Nobody gave the box: the object is looked for again")

_pictures: list[bpy.utils.previews.ImagePreviewCollection] = []  # one, while the extension is enabled


def picture_of(item: PhotoPoseCandidate | PhotoPoseLibraryAnswer) -> bpy.types.ImagePreview | None:
    """Its picture, which is unpacked when it is first asked for; None where there is none."""
    (pictures,), text = _pictures, item.picture
    if text and text not in pictures:
        try:
            from .inference.photo.picture_text import from_text

            _draw(from_text(text), pictures.new(text))
        except (ImportError, PoseError):  # without Pillow, or in a damaged file; panels must be drawn nevertheless
            return None
    return pictures[text] if text else None


def _draw(picture: Image.Image, icon: bpy.types.ImagePreview) -> None:
    rows = np.array(picture.convert("RGBA"), np.float32)[::-1] / 255  # Blender's begin at the bottom
    icon.image_size = picture.size
    icon.image_pixels_float.foreach_set(rows.ravel())


def _icon(item: PhotoPoseCandidate | PhotoPoseLibraryAnswer) -> int:
    picture = picture_of(item)
    return picture.icon_id if picture else 0


class StandsProperty:
    """How the object stands, and so from where models are seen: settings of the scene and of operators, as all classes
    up to LockProperties."""

    stands: EnumProperty(
        name="Stands", translation_context=OURS, items=STANDS_ITEMS, description="How the object stands in the photo"
    )


class ViewProperties(StandsProperty):
    """Which training views."""

    subdivisions: IntProperty(
        name="Subdivisions",
        default=3,
        min=0,
        max=4,
        description="Fineness of the view sphere; 3 gives 209 views from above",
    )


class PictureProperties(ViewProperties):
    """Which training views, to be seen by people."""

    background: EnumProperty(name="Background", items=BACKGROUND_ITEMS, description="Behind the model")


class LensProperties:
    """Where a photo's lens is known from. Scripts that give impossible numbers are told so, hence no hard limits."""

    focal_source: EnumProperty(
        name="Focal Length", translation_context=OURS, items=FOCAL_ITEMS, description="Where the lens is known from"
    )
    lens: FloatProperty(
        name="Lens",
        translation_context=OURS,
        default=50,
        soft_min=1,
        soft_max=5000,
        unit="CAMERA",
        description="Focal length in millimetres",
    )
    sensor: FloatProperty(
        name="Sensor",
        default=36,
        soft_min=1,
        soft_max=1000,
        unit="CAMERA",
        description="Longer side of the sensor in millimetres",
    )


class LookProperties(LensProperties, ViewProperties):
    """How photos are looked at, besides the method."""

    network: StringProperty(
        name="Network",
        description="What looks at the photo: efficientnet_lite0 compares it with training views; "
        "regressor_lite0 names the direction of chairs at once, as does a .npz file that Train Regressor has written",
        default=DEFAULT_NETWORK,
        search=lambda _self, _context, _text: (DEFAULT_NETWORK, DIRECTION_NETWORK),
        search_options={"SUGGESTION"},
    )


class LockProperties:
    """What Refine Camera leaves as it is: settings of the scene and of the operator."""

    lock_rotation: BoolProperty(name="Rotation", description="Keep the camera's rotation")
    lock_position: BoolProperty(name="Position", description="Keep the place where the camera stands")
    lock_roll: BoolProperty(name="Roll", translation_context=OURS, description="Keep the camera as level as it is")
    lock_lens: BoolProperty(name="Lens", translation_context=OURS, default=True, description="Keep the focal length")
    lock_principal_point: BoolProperty(
        name="Shift",
        translation_context=OURS,
        default=True,
        description="Keep the lens shift; free it for a photo that was cropped",
    )
    lock_distortion: BoolProperty(
        name="Distortion",
        translation_context=OURS,
        default=True,
        description="Keep the lens's distortion; free it where straight lines are bent, as by phones and action cameras"
        ": the photo is then shown straightened",
    )


class KnownBox:
    """Of what has a box: the one that somebody gave, for the next match; zeros where there is none or it was found."""

    @property
    def known_box(self) -> tuple[float, ...]:
        return (0.0, 0.0, 0.0, 0.0) if self.box_found else tuple(self.box)


def _is_in(scene: bpy.types.Scene, obj: bpy.types.Object | None) -> bool:
    """Drawing asks for it: of all objects of the scene only where no view layer knows this one."""
    if obj is None:
        return False
    known = (obj.visible_get(view_layer=layer) or obj.hide_get(view_layer=layer) for layer in scene.view_layers)
    return any(known) or obj in scene.objects[:]


def _model_present(item: PhotoPoseModel) -> bool:
    return _is_in(item.id_data, item.object)


class PhotoPoseModel(bpy.types.PropertyGroup):
    """A model to be matched: a root object with its children, or a collection instance."""

    object: PointerProperty(name="Model", type=bpy.types.Object, description="Its root object")
    present: BoolProperty(name="Present", get=_model_present, options={"HIDDEN"}, description="It is in the scene")


class AnswerProperties:
    """How a model that the photo may show would be seen there."""

    score: FloatProperty(name="Score", description="How well a rendering of the model agrees with the photo")
    verified: BoolProperty(name="Verified", description="It was rendered; the others look less like the photo")
    likely: BoolProperty(
        name="Likely", description="Its rendering agrees with the photo as that of the very object does"
    )
    azimuth: FloatProperty(name="Azimuth", subtype="ANGLE", description="Where it is seen from; 0 is its front")
    elevation: FloatProperty(name="Elevation", subtype="ANGLE", description="How far it is seen from above")


class PhotoPoseAnswer(AnswerProperties, bpy.types.PropertyGroup):
    """A model of the scene that the photo may show."""

    object: PointerProperty(name="Model", type=bpy.types.Object, description="Its root object")


class PhotoPoseLibraryAnswer(AnswerProperties, bpy.types.PropertyGroup):
    """A model of a library that the photo may show; its name is the model's."""

    file: StringProperty(name="File", description="Its model file, as the library names it")
    number: IntProperty(name="Number", min=0, description="Which of the file's models it is, from 0")
    up: StringProperty(name="Up", options={"HIDDEN"})  # as `import_models` is told it
    licence: StringProperty(name="Licence", description="Who made it and what may be done with it, as its source says")
    likeness: FloatProperty(name="Likeness", description="How much the photo looks like its training views")
    picture: StringProperty(name="Picture", options={"HIDDEN"})  # as text: so it is there when the library is not
    icon: IntProperty(name="Icon", get=_icon, description="The model's thumbnail; 0 where there is none")


class PhotoPoseCandidate(bpy.types.PropertyGroup):
    """One pose of a photo's camera, found or kept by the user under a name."""

    model: PointerProperty(name="Model", type=bpy.types.Object, description="What the camera sees")
    matrix: FloatVectorProperty(name="Matrix", size=16, description="The camera's world matrix, row by row")
    focal: FloatProperty(name="Focal Length", description="Pixels of the photo; orthographic: of a unit")
    orthographic: BoolProperty(name="Orthographic", description="The photo shows no perspective")
    principal_point: FloatVectorProperty(
        name="Principal Point", translation_context=OURS, size=2, description="Pixels of the photo"
    )
    azimuth: FloatProperty(name="Azimuth", subtype="ANGLE", description="Counter-clockwise from the front view")
    elevation: FloatProperty(name="Elevation", subtype="ANGLE", description="Above the horizon")
    roll: FloatProperty(
        name="Roll", translation_context=OURS, subtype="ANGLE", description="Of the camera about its line of sight"
    )
    score: FloatProperty(name="Score", description="How well a rendering of the model agrees with the photo")
    lens_deviation: FloatProperty(
        name="Lens Deviation",
        description="Uncertainty of the focal length, as a part of it; 0: it was given, 0.45: a guess",
    )
    distortion: FloatVectorProperty(
        name="Distortion", translation_context=OURS, size=2, description="Coefficients k1 and k2 of Brown's model"
    )
    distortion_deviation: FloatProperty(name="Distortion Deviation", description="Uncertainty of k1")
    lens_by: EnumProperty(
        name="Lens From", items=LENS_ITEMS, options={"ENUM_FLAG"}, description="What tells the focal length"
    )
    lines_differ: BoolProperty(name="Lines Differ", description="The photo's lines tell another focal length")
    equivalent: BoolProperty(name="Looks the Same", description="From here the model looks as in the best candidate")
    picture: StringProperty(name="Picture", options={"HIDDEN"})  # as text: so it is saved, copied, appended and undone
    icon: IntProperty(name="Icon", get=_icon, description="The photo with the model over it; 0 where it was not drawn")


class PhotoPoseLine(bpy.types.PropertyGroup):
    """A straight line of a photo."""

    ends: FloatVectorProperty(name="Ends", size=4, description="Where it starts and ends: x, y, x, y, pixels")


class PhotoPosePin(bpy.types.PropertyGroup):
    """A point of a model, and where it belongs in a photo."""

    model: PointerProperty(name="Model", type=bpy.types.Object, description="What the camera sees")
    point: FloatVectorProperty(name="Point", size=3, description="On the model, in its bounding sphere")
    target: FloatVectorProperty(name="Target", size=2, description="Pixels of the photo")


def _taken(match: PhotoPoseMatch) -> int:
    return match.taken


def _take_candidate(match: PhotoPoseMatch, index: int) -> None:
    """Lists and scripts set it, for the active camera; the operator writes down what it has taken."""
    scene = bpy.context.scene
    if match.candidates and scene.camera and scene.camera.data == match.id_data:
        try:
            bpy.ops.photopose.take_candidate(index=index)
        except RuntimeError as error:  # Blender would only print it, where nobody looks
            scene.photo_pose.result = str(error).removeprefix("Error: ").strip()


class PhotoPoseMatch(bpy.types.PropertyGroup):
    """What is known of a camera that was matched to a photo."""

    photo: StringProperty(name="Photo", subtype="FILE_PATH", options=RELATIVE, description="Path of the photo")
    size: IntVectorProperty(name="Size", size=2, description="Width and height of the photo in pixels")
    sensor: FloatProperty(
        name="Sensor", default=36, unit="CAMERA", description="Longer side of the sensor in millimetres"
    )
    box: FloatVectorProperty(
        name="Box",
        translation_context=OURS,
        size=4,
        description="Left, top, right and bottom of the object in pixels",
    )
    box_found: BOX_FOUND
    model: PointerProperty(name="Model", type=bpy.types.Object, description="What the camera sees")
    score: FloatProperty(name="Score", description="Of the best candidate, also when the camera was moved since")
    confidence: FloatProperty(
        name="Confidence", subtype="FACTOR", min=0, max=1, description="Probability that the best candidate is right"
    )
    verified: BoolProperty(
        name="Verified", default=True, description="Whether the confidence is known; that of nearest views is not"
    )
    why: StringProperty(name="Why", description="Why the confidence is low")
    candidates: CollectionProperty(type=PhotoPoseCandidate, description="All answers, best first")
    distortion: FloatVectorProperty(
        name="Distortion",
        translation_context=OURS,
        size=2,
        description="Coefficients k1 and k2 of Brown's model by which the photo is straightened; zeros: it is not",
    )
    distortion_deviation: FloatProperty(name="Distortion Deviation", description="Uncertainty of k1")
    distortion_focal: FloatProperty(
        name="Distortion Focal Length", description="Pixels of the photo; what k1 and k2 are in units of"
    )
    taken: IntProperty(name="Taken", min=0, options={"HIDDEN"})
    active_candidate: IntProperty(
        name="Active Candidate",
        min=0,
        get=_taken,
        set=_take_candidate,
        description="The candidate that the camera was given",
    )
    without_lines: CollectionProperty(
        name="Without Lines",
        type=PhotoPoseLine,
        description="Lines of the photo that were switched off: they tell nothing of its lens",
    )
    pins: CollectionProperty(
        name="Pins",
        type=PhotoPosePin,
        description="Points of the model that were dragged to where the photo shows them",
    )
    snapshots: CollectionProperty(type=PhotoPoseCandidate, description="Poses to go back to")
    adjusted: PointerProperty(
        type=PhotoPoseCandidate, description="The pose in which the camera was last scored after the match"
    )


def _camera_present(item: PhotoPosePhoto) -> bool:
    return _is_in(item.id_data, item.camera)


class PhotoPosePhoto(KnownBox, bpy.types.PropertyGroup):
    """One of several photos of an object, with a camera of its own; its name is the file's."""

    path: StringProperty(name="Photo", subtype="FILE_PATH", options=RELATIVE, description="Path of the photo")
    box: FloatVectorProperty(
        name="Box",
        translation_context=OURS,
        size=4,
        description="Left, top, right and bottom of the object in pixels",
    )
    box_found: BOX_FOUND
    camera: PointerProperty(name="Camera", type=bpy.types.Object, description="The photo's own camera")
    present: BoolProperty(
        name="Present", get=_camera_present, options={"HIDDEN"}, description="Its camera is in the scene"
    )
    state: EnumProperty(name="State", items=STATE_ITEMS, description="How far matching has come")
    message: StringProperty(name="Message", description="What was found, or why nothing was")


def _forget_result(settings: PhotoPoseSettings, _context: bpy.types.Context) -> None:
    """What was told is about the active camera's photo, and about no other."""
    camera = settings.id_data.camera
    told_of = camera.data.photo_pose.photo if camera and camera.type == "CAMERA" else ""
    if not _same(settings.photo, told_of):
        settings.result = ""


def _same(one: str, other: str) -> bool:
    """Whether they are paths of one photo."""
    return os.path.abspath(bpy.path.abspath(one)) == os.path.abspath(bpy.path.abspath(other))


def _show_photo(settings: PhotoPoseSettings, _context: bpy.types.Context) -> None:
    """The photo that is chosen in the list becomes the current one, its camera the active one."""
    if settings.active_photo < len(settings.photos):
        item, scene = settings.photos[settings.active_photo], settings.id_data
        found = item.box_found  # which the next line resets
        settings.photo, settings.box = item.path, item.box
        settings.box_found = found
        if item.camera in scene.objects[:]:
            scene.camera = item.camera
            if bpy.ops.photopose.show_model.poll():
                bpy.ops.photopose.show_model()
        settings.result = item.message if item.state == "MATCHED" else ""


def _take_box(settings: PhotoPoseSettings, context: bpy.types.Context) -> None:
    """Whoever sets the box gives it; what was found is marked after that."""
    settings.box_found = False
    _keep_box(settings, context)


def _keep_box(settings: PhotoPoseSettings, _context: bpy.types.Context) -> None:
    """The current photo's box stays with it in the list."""
    if settings.active_photo < len(settings.photos):
        item = settings.photos[settings.active_photo]
        if _same(item.path, settings.photo):
            item.box, item.box_found = settings.box, settings.box_found


class PhotoPoseSettings(KnownBox, LookProperties, PictureProperties, LockProperties, bpy.types.PropertyGroup):
    """What the panels show and the operators start from."""

    models: CollectionProperty(name="Models", type=PhotoPoseModel, description="What photos are matched with")
    active_model: IntProperty(name="Active Model", min=0, description="Line of the list of models")
    hidden: CollectionProperty(
        name="Hidden", type=PhotoPoseModel, description="Objects of other models that matches have hidden"
    )

    crop: CROP

    photo: StringProperty(
        name="Photo",
        update=_forget_result,
        description="Picture of the object: a file, or the name of an image of this .blend",
    )
    box: FloatVectorProperty(
        name="Box",
        translation_context=OURS,
        size=4,
        precision=0,
        min=-1e6,
        max=1e6,
        update=_take_box,
        description="Left, top, right and bottom of the object in the photo, in pixels; all zero: it is looked for",
    )
    box_found: BoolProperty(
        name="Box Found", update=_keep_box, description="Nobody gave the box: the object is looked for again"
    )
    method: METHOD
    use_photo_size: RENDER_SIZE

    photos: CollectionProperty(name="Photos", type=PhotoPosePhoto, description="Photos of the object, a camera each")
    active_photo: IntProperty(
        name="Active Photo", min=0, update=_show_photo, description="Its photo, box and camera become the current ones"
    )
    shared_lens: SHARED_LENS
    shared_shift: SHARED_SHIFT
    shared_distortion: SHARED_DISTORTION

    board_photo: BOARD_PHOTO
    board_columns: BOARD_COLUMNS
    board_rows: BOARD_ROWS
    board_square: BOARD_SQUARE
    board: PointerProperty(type=bpy.types.Object, **BOARD)

    collection: PointerProperty(type=bpy.types.Collection, **COLLECTION)
    answers: CollectionProperty(name="Answers", type=PhotoPoseAnswer, description="Models, the likeliest first")
    active_answer: IntProperty(name="Active Answer", min=0, description="Line of the list of answers")

    library: LIBRARY
    searched: StringProperty(name="Searched", options={"HIDDEN"})  # the library that the next answers are of
    searched_photo: StringProperty(name="Searched Photo", options={"HIDDEN"})  # which they are for
    library_answers: CollectionProperty(
        name="Library Answers", type=PhotoPoseLibraryAnswer, description="Models of a library, the likeliest first"
    )

    result: StringProperty(name="Result", description="What the last match found")


class PhotoPoseStatus(bpy.types.PropertyGroup):
    """What is being done at the moment; no stage: nothing."""

    stage: StringProperty(name="Stage", description="What is being done")
    detail: StringProperty(name="Detail", description="How much of it is done, and the time left where that is known")
    progress: FloatProperty(name="Progress", subtype="FACTOR", min=0, max=1, description="How much of it is done")
    self_test: StringProperty(name="Self-Test", description="What the last self-test has found")
    self_test_passed: BoolProperty(name="Self-Test Passed", description="Whether that is as it should be")


classes = (
    *(PhotoPoseModel, PhotoPoseAnswer, PhotoPoseLibraryAnswer, PhotoPoseCandidate, PhotoPoseLine, PhotoPosePin),
    *(PhotoPoseMatch, PhotoPosePhoto, PhotoPoseSettings, PhotoPoseStatus),
)
_register_classes, _unregister_classes = bpy.utils.register_classes_factory(classes)


def register() -> None:
    _register_classes()
    bpy.types.Scene.photo_pose = PointerProperty(type=PhotoPoseSettings)
    bpy.types.Camera.photo_pose = PointerProperty(type=PhotoPoseMatch)
    bpy.types.WindowManager.photo_pose = PointerProperty(type=PhotoPoseStatus)
    _pictures.append(bpy.utils.previews.new())


def unregister() -> None:
    bpy.utils.previews.remove(_pictures.pop())
    del bpy.types.WindowManager.photo_pose
    del bpy.types.Camera.photo_pose
    del bpy.types.Scene.photo_pose
    _unregister_classes()
