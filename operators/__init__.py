"""What a user can do."""

from bpy.utils import register_classes_factory

from .blender import match_record, photo_files
from .candidates import snapshots, take_candidate
from .chessboard import camera_from_chessboard
from .compare import compare_views, nudge, pin_model, switch_lines, wipe_gizmo
from .handover import distorted_lens, export_cameras, import_cameras, project_photo, render_over_photo, shadow_catcher
from .library import search_library, take_from_library, update_library
from .models import add_folder, model_list
from .photo import (
    box_gizmo,
    choose_photo,
    clear_box,
    drag_box,
    find_object,
    fit_to_render,
    match_photo,
    match_presets,
    point_and_match,
)
from .photos import match_all, photo_list, save_contact_sheet
from .refine import perspective_strength, refine_camera, score_camera
from .running import long_operator
from .support import copy_diagnostics, self_test
from .training_views import browse_views, clear_cache, render_views, train_regressor, unload_networks
from .which_model import which_model_is_it

OPERATORS = (
    model_list,
    add_folder,
    render_views,
    match_photo,
    fit_to_render,
    point_and_match,
    photo_list,
    match_all,
    save_contact_sheet,
    export_cameras,
    import_cameras,
    project_photo,
    shadow_catcher,
    render_over_photo,
    distorted_lens,
    refine_camera,
    take_candidate,
    snapshots,
    score_camera,
    perspective_strength,
    nudge,
    pin_model,
    compare_views,
    wipe_gizmo,
    switch_lines,
    choose_photo,
    drag_box,
    box_gizmo,
    find_object,
    clear_box,
    camera_from_chessboard,
    which_model_is_it,
    update_library,
    search_library,
    take_from_library,
    train_regressor,
    browse_views,
    clear_cache,
    unload_networks,
    match_presets,
    self_test,
    copy_diagnostics,
)
_register_classes, _unregister_classes = register_classes_factory([one for some in OPERATORS for one in some.classes])


def register() -> None:
    _register_classes()
    clear_cache.register()
    unload_networks.register()
    compare_views.register()
    match_record.register()
    match_photo.register()
    photo_files.register()
    long_operator.register()


def unregister() -> None:
    browse_views.stop()
    long_operator.unregister()
    match_photo.unregister()
    photo_files.unregister()
    match_record.unregister()
    compare_views.unregister()
    unload_networks.unregister()
    clear_cache.unregister()
    _unregister_classes()
