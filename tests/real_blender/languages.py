"""Runs in a Blender that has the extension: prints which of our texts it does not show in which of our languages."""

from __future__ import annotations

import json
import sys

import bpy

OURS = "Photo Pose"  # the context of texts in which Blender has no words of its own

translations = next(module for name, module in sys.modules.items() if name.endswith(".photo_pose.translations"))
lacking = {}
for number, locale in enumerate(translations.LOCALES, 1):
    bpy.context.preferences.view.language = locale
    rows = translations.texts()
    lacking[locale] = [
        row[0] for row in rows if bpy.app.translations.pgettext(row[0], OURS) not in row[number : number + 1]
    ]
print("LANGUAGES", json.dumps(lacking))
