"""What the user sees."""

from bpy.utils import register_classes_factory

from . import candidates, gallery, handover, photos, sidebar

# The children of a panel stand in the order in which they are registered
first = sidebar.classes.index(sidebar.VIEW3D_PT_photo_pose) + 1
_register_classes, _unregister_classes = register_classes_factory(
    (
        *sidebar.classes[:first],
        *photos.classes,
        *candidates.classes,
        *sidebar.classes[first:],
        *gallery.classes,
        *handover.classes,
    )
)


def register() -> None:
    _register_classes()
    handover.add_to_menus()


def unregister() -> None:
    handover.remove_from_menus()
    _unregister_classes()
