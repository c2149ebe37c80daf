"""What the user sees."""

from bpy.utils import register_classes_factory

from . import presets, sidebar

register, unregister = register_classes_factory((*presets.classes, *sidebar.classes))
