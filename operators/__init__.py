"""What a user can do."""

from bpy.utils import register_classes_factory

from . import (
    browse_views,
    candidates,
    clear_cache,
    contact_sheet,
    drag_box,
    edit_models,
    export_cameras,
    import_cameras,
    label_photo,
    match_photo,
    match_photos,
    perspective,
    photo_list,
    pick_object,
    project_photo,
    refine_camera,
    render_views,
    shadow_catcher,
    snapshots,
    steps,
    train_regressor,
    which_model,
)

_register_classes, _unregister_classes = register_classes_factory(
    (
        *edit_models.classes,
        *render_views.classes,
        *match_photo.classes,
        *photo_list.classes,
        *match_photos.classes,
        *contact_sheet.classes,
        *export_cameras.classes,
        *import_cameras.classes,
        *project_photo.classes,
        *shadow_catcher.classes,
        *refine_camera.classes,
        *candidates.classes,
        *snapshots.classes,
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
