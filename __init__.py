"""Photo Pose: sets the camera so that a 3D model lies on a photo of it."""

from __future__ import annotations

_commands: list[object] = []


def _run_batch(argv: list[str]) -> int:
    """`blender -b scene.blend --command photo_pose ARGS`: the same as batch.py, which is loaded only now."""
    from .batch import start

    return start(argv)


# Blender is imported here and not above, so that inference/ can be used and tested without it.
def register() -> None:
    import bpy

    from . import keymaps, operators, panels, preferences, properties, translations
    from .operators.running import log
    from .operators.running.python_packages import find_packages

    translations.register()
    preferences.register()
    find_packages()
    log.register()
    properties.register()
    operators.register()
    panels.register()
    keymaps.register()
    _commands.append(bpy.utils.register_cli_command("photo_pose", _run_batch))


def unregister() -> None:
    import bpy

    from . import keymaps, operators, panels, preferences, properties, translations
    from .operators.running import log
    from .operators.running.python_packages import forget_folder

    bpy.utils.unregister_cli_command(_commands.pop())
    keymaps.unregister()
    panels.unregister()
    operators.unregister()
    properties.unregister()
    log.unregister()
    preferences.unregister()
    translations.unregister()
    forget_folder()
