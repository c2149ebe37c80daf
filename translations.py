"""The interface in German, Simplified Chinese and Spanish; sentences that explain an error stay English."""

from __future__ import annotations

from pathlib import Path

import bpy

LOCALES = ("de_DE", "zh_HANS", "es")
CONTEXTS = ("*", "Operator", "Photo Pose")  # in the first two a word of Blender's own comes before ours


def texts() -> list[list[str]]:
    """(English, one for each locale) of every message of translations.txt, where "#" begins a heading."""
    blocks = Path(__file__).with_suffix(".txt").read_text(encoding="utf-8").strip().split("\n\n")
    return [block.split("\n") for block in blocks if not block.startswith("#")]


def register() -> None:
    rows = texts()
    table = {
        locale: {(context, row[0]): row[number] for row in rows if row[number:] for context in CONTEXTS}
        for number, locale in enumerate(LOCALES, 1)
    }  # a text without its line in a language is English in that
    bpy.app.translations.register(__package__, table)


def unregister() -> None:
    bpy.app.translations.unregister(__package__)
