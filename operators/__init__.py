"""What a user can do."""

from bpy.utils import register_classes_factory

from . import (
    compare,
    drag_box,
    edit_models,
    label_photo,
    match_photo,
    nudge,
    perspective,
    pick_object,
    pin_model,
    refine_camera,
    render_views,
    train_regressor,
    which_model,
)

_register_classes, _unregister_classes = register_classes_factory(
    (
        *edit_models.classes,
        *render_views.classes,
        *match_photo.classes,
        *refine_camera.classes,
        *perspective.classes,
        *drag_box.classes,
        *pick_object.classes,
        *label_photo.classes,
        *which_model.classes,
        *train_regressor.classes,
        *compare.classes,
        *nudge.classes,
        *pin_model.classes,
    )
)


def register() -> None:
    _register_classes()
    compare.register()


def unregister() -> None:
    compare.unregister()
    _unregister_classes()
