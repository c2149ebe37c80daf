"""What a user can do."""

from bpy.utils import register_classes_factory

from . import (
    browse_views,
    candidates,
    clear_cache,
    compare,
    contact_sheet,
    diagnostics,
    drag_box,
    edit_models,
    export_cameras,
    import_cameras,
    label_photo,
    match_photo,
    match_photos,
    nudge,
    perspective,
    photo_list,
    pick_object,
    pin_model,
    presets,
    project_photo,
    refine_camera,
    render_views,
    score_camera,
    self_test,
    shadow_catcher,
    snapshots,
    standing,
    steps,
    train_regressor,
    which_model,
)

OPERATORS = (
    edit_models,
    render_views,
    match_photo,
    photo_list,
    match_photos,
    contact_sheet,
    export_cameras,
    import_cameras,
    project_photo,
    shadow_catcher,
    refine_camera,
    candidates,
    snapshots,
    score_camera,
    perspective,
    nudge,
    pin_model,
    compare,
    drag_box,
    pick_object,
    label_photo,
    which_model,
    train_regressor,
    browse_views,
    clear_cache,
    presets,
    self_test,
    diagnostics,
)
_register_classes, _unregister_classes = register_classes_factory([one for some in OPERATORS for one in some.classes])


def register() -> None:
    _register_classes()
    clear_cache.register()
    compare.register()
    standing.register()
    steps.register()


def unregister() -> None:
    browse_views.stop()
    steps.unregister()
    standing.unregister()
    compare.unregister()
    clear_cache.unregister()
    _unregister_classes()
