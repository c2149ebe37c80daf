"""What the user sees."""

from bpy.utils import register_classes_factory

from . import photos, sidebar

register, unregister = register_classes_factory((*sidebar.classes, *photos.classes))
