"""What the user sees."""

from bpy.utils import register_classes_factory

from . import candidates, compare, gallery, handover, menus, photos, presets, sidebar

# The children of a panel stand in the order in which they are registered: in that of the work.
first = sidebar.classes.index(sidebar.VIEW3D_PT_photo_pose_method) + 1
_register_classes, _unregister_classes = register_classes_factory(
    (
        *presets.classes,
        *sidebar.classes[:first],
        *candidates.classes,
        *compare.classes,
        *photos.classes,
        *sidebar.classes[first:],
        *gallery.classes,
        *handover.classes,
        *menus.classes,
    )
)


def register() -> None:
    _register_classes()
    handover.add_to_menus()
    menus.add_to_menus()


def unregister() -> None:
    menus.remove_from_menus()
    handover.remove_from_menus()
    _unregister_classes()
