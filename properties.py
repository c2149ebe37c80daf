"""Settings on Scene.photo_pose: the one state that operators and panels share."""

from __future__ import annotations

import bpy
from bpy.props import (
    BoolProperty,
    CollectionProperty,
    EnumProperty,
    FloatProperty,
    FloatVectorProperty,
    IntProperty,
    PointerProperty,
    StringProperty,
)

from .inference.names import REGRESSORS

SPHERE_ITEMS = (
    ("UPPER", "Upper Half", "The object stands on a floor and is seen from the side or from above"),
    ("FULL", "Full", "The object may lie on any face and be seen from anywhere"),
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
    ("PHOTO", "Photo", "What the photo's EXIF data say, else estimated from the picture"),
    ("CAMERA", "Active Camera", "The lens of the active camera"),
    ("LENS", "Lens", "The typed focal length and sensor size"),
)
METHOD_ITEMS = (
    ("MATCH", "Match", "Compare the photo with all views at all rolls, then align the best ones"),
    ("KNN", "Nearest Views", "The paper's recipe: the mean of the two most similar views, for comparison"),
)
NETWORK_SEARCH = {
    "name": "Network",
    "description": "What looks at the photo: efficientnet_lite0 compares it with training views; regressor and "
    "regressor_lite0 name the direction of chairs at once, as does a .npz file that Train Regressor has written",
    "default": "efficientnet_lite0",
    "search": lambda _self, _context, _text: ("efficientnet_lite0", *REGRESSORS),
    "search_options": {"SUGGESTION"},
}


class LockProperties:
    """What Refine Camera leaves as it is: settings of the scene and of the operator."""

    lock_rotation: BoolProperty(name="Rotation", description="Keep the camera's rotation")
    lock_position: BoolProperty(name="Position", description="Keep the place where the camera stands")
    lock_roll: BoolProperty(name="Roll", description="Keep the camera as level as it is")
    lock_lens: BoolProperty(name="Lens", default=True, description="Keep the focal length")
    lock_principal_point: BoolProperty(
        name="Shift", default=True, description="Keep the lens shift; free it for a photo that was cropped"
    )


class PhotoPoseModel(bpy.types.PropertyGroup):
    """A model to be matched: a root object with its children, or a collection instance."""

    object: PointerProperty(name="Model", type=bpy.types.Object, description="Its root object")


class PhotoPoseAnswer(bpy.types.PropertyGroup):
    """A model that the photo may show, and how it would be seen."""

    object: PointerProperty(name="Model", type=bpy.types.Object, description="Its root object")
    score: FloatProperty(name="Score", description="How well a rendering of the model agrees with the photo")
    verified: BoolProperty(name="Verified", description="It was rendered; the others look less like the photo")
    azimuth: FloatProperty(name="Azimuth", subtype="ANGLE", description="Where it is seen from; 0 is its front")
    elevation: FloatProperty(name="Elevation", subtype="ANGLE", description="How far it is seen from above")


class PhotoPoseSettings(LockProperties, bpy.types.PropertyGroup):
    """What the panels show and the operators start from."""

    models: CollectionProperty(name="Models", type=PhotoPoseModel, description="What photos are matched with")
    active_model: IntProperty(name="Active Model", description="Line of the list of models")

    sphere: EnumProperty(name="View Sphere", items=SPHERE_ITEMS, description="Where the object is seen from")
    subdivisions: IntProperty(
        name="Subdivisions",
        default=3,
        min=0,
        max=4,
        description="Fineness of the view sphere; 3 gives 209 views",
    )
    background: EnumProperty(name="Background", items=BACKGROUND_ITEMS, description="Behind the model")
    crop: EnumProperty(name="Crop", items=CROP_ITEMS, description="Part of the picture that is saved")

    photo: StringProperty(name="Photo", subtype="FILE_PATH", description="Picture of the object")
    box: FloatVectorProperty(
        name="Box",
        size=4,
        precision=0,
        min=-1e6,
        max=1e6,
        description="Left, top, right and bottom of the object in the photo, in pixels; all zero: it is looked for",
    )
    focal_source: EnumProperty(name="Focal Length", items=FOCAL_ITEMS, description="Where the lens is known from")
    lens: FloatProperty(name="Lens", default=50, min=1, max=5000, unit="CAMERA", description="Focal length")
    sensor: FloatProperty(
        name="Sensor",
        default=36,
        min=1,
        max=1000,
        unit="CAMERA",
        description="Size of the sensor's longer side",
    )
    any_roll: BoolProperty(name="Any Roll", description="The photo may be turned, or the object may lie on its side")
    network: StringProperty(**NETWORK_SEARCH)
    use_photo_size: BoolProperty(name="Set Render Size", description="Make the render as large as the photo")

    board_photo: StringProperty(
        name="Board Photo", subtype="FILE_PATH", description="From where the photo was taken, with a chessboard in it"
    )
    board_columns: IntProperty(name="Columns", default=9, min=3, description="Inner corners in a row of the chessboard")
    board_rows: IntProperty(name="Rows", default=6, min=3, description="Rows of inner corners of the chessboard")
    board_square: FloatProperty(name="Square", default=0.025, min=0, unit="LENGTH", description="Side of a square")
    board: PointerProperty(
        name="Board", type=bpy.types.Object, description="Stands for the chessboard; default: the world's XY plane"
    )

    collection: PointerProperty(
        name="Collection",
        type=bpy.types.Collection,
        description="Rank its models only; default: the list, or all",
    )
    answers: CollectionProperty(name="Answers", type=PhotoPoseAnswer, description="Models, the likeliest first")
    active_answer: IntProperty(name="Active Answer", description="Line of the list of answers")

    result: StringProperty(name="Result", description="What the last match found")


classes = (PhotoPoseModel, PhotoPoseAnswer, PhotoPoseSettings)
_register_classes, _unregister_classes = bpy.utils.register_classes_factory(classes)


def register() -> None:
    _register_classes()
    bpy.types.Scene.photo_pose = PointerProperty(type=PhotoPoseSettings)


def unregister() -> None:
    del bpy.types.Scene.photo_pose
    _unregister_classes()
