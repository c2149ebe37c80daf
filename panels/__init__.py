"""What the user sees."""

from bpy.utils import register_classes_factory

from .sidebar import classes

register, unregister = register_classes_factory(classes)
