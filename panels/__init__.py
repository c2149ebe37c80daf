"""What the user sees."""

from bpy.utils import register_classes_factory

from . import (
    candidates_panel,
    compare_panel,
    handover_panel,
    menus,
    photo_panel,
    photos_panel,
    presets_panel,
    sidebar,
    training_views_panel,
)

# The children of a panel stand in the order in which they are registered: in that of the work.
first = sidebar.classes.index(photo_panel.VIEW3D_PT_photo_pose_method) + 1
_register_classes, _unregister_classes = register_classes_factory(
    (
        *presets_panel.classes,
        *sidebar.classes[:first],
        *candidates_panel.classes,
        *compare_panel.classes,
        *photos_panel.classes,
        *sidebar.classes[first:],
        *training_views_panel.classes,
        *handover_panel.classes,
        *menus.classes,
    )
)


def register() -> None:
    _register_classes()
    handover_panel.add_to_menus()
    menus.add_to_menus()


def unregister() -> None:
    menus.remove_from_menus()
    handover_panel.remove_from_menus()
    _unregister_classes()
