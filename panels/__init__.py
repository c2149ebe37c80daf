"""What the user sees."""

from bpy.utils import register_classes_factory

from . import (
    candidates_panel,
    chessboard_panel,
    compare_panel,
    handover_panel,
    library_panel,
    menus,
    models_panel,
    photo_panel,
    photos_panel,
    presets_panel,
    refine_panel,
    result_panel,
    training_views_panel,
    which_model_panel,
)

# Panels stand in the order in which they are registered: in that of the work, and below what is rarer.
SECTIONS = (
    presets_panel,
    models_panel,
    photo_panel,
    compare_panel,
    candidates_panel,
    result_panel,
    photos_panel,
    refine_panel,
    chessboard_panel,
    which_model_panel,
    library_panel,
    training_views_panel,
    handover_panel,
    menus,
)
_register_classes, _unregister_classes = register_classes_factory([one for some in SECTIONS for one in some.classes])


def register() -> None:
    _register_classes()
    menus.add_to_menus()


def unregister() -> None:
    menus.remove_from_menus()
    _unregister_classes()
