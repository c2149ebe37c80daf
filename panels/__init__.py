"""What the user sees."""

from bpy.utils import register_classes_factory

from . import handover, photos, sidebar

_register_classes, _unregister_classes = register_classes_factory(
    (*sidebar.classes, *photos.classes, *handover.classes)
)


def register() -> None:
    _register_classes()
    handover.add_to_menus()


def unregister() -> None:
    handover.remove_from_menus()
    _unregister_classes()
