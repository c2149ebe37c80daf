"""What a user can do."""

from bpy.utils import register_classes_factory

from . import (
    browse_views,
    clear_cache,
    drag_box,
    edit_models,
    label_photo,
    match_photo,
    perspective,
    pick_object,
    refine_camera,
    render_views,
    steps,
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
        *browse_views.classes,
        *clear_cache.classes,
    )
)


def register() -> None:
    _register_classes()
    clear_cache.register()
    steps.register()


def unregister() -> None:
    browse_views.stop()
    steps.unregister()
    clear_cache.unregister()
    _unregister_classes()
