"""What a user can do."""

from bpy.utils import register_classes_factory

from . import drag_box, edit_models, match_photo, render_views

register, unregister = register_classes_factory(
    (*edit_models.classes, *render_views.classes, *match_photo.classes, *drag_box.classes)
)
