"""What the user sees."""

from bpy.utils import register_classes_factory

from . import candidates, sidebar

# The children of a panel stand in the order in which they are registered
first = sidebar.classes.index(sidebar.VIEW3D_PT_photo_pose) + 1
register, unregister = register_classes_factory(
    (*sidebar.classes[:first], *candidates.classes, *sidebar.classes[first:])
)
