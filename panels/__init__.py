"""What the user sees."""

from bpy.utils import register_classes_factory

from . import compare, sidebar

register, unregister = register_classes_factory((*sidebar.classes, *compare.classes))
