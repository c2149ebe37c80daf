"""What a user can do."""

from bpy.utils import register_classes_factory

from . import (
    diagnostics,
    drag_box,
    edit_models,
    label_photo,
    match_photo,
    perspective,
    pick_object,
    presets,
    refine_camera,
    render_views,
    self_test,
    train_regressor,
    which_model,
)

register, unregister = register_classes_factory(
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
        *presets.classes,
        *self_test.classes,
        *diagnostics.classes,
    )
)
