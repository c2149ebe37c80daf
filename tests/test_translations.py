"""Translations: of texts that the interface has, complete, and shown when the user's language is theirs."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

bpy = pytest.importorskip("bpy")

from test_manners import ours, rna_of  # noqa: E402

from photo_pose.translations import LOCALES, TEXTS  # noqa: E402

ROOT = Path(__file__).resolve().parents[1]


def shown() -> Iterator[str]:
    """Names and tooltips of operators and settings."""
    for kind in ours():
        rna = rna_of(kind)
        yield from (rna.name, rna.description)
        for prop in rna.properties:
            yield from (prop.name, prop.description)
            for item in prop.enum_items if prop.type == "ENUM" else ():
                yield from (item.name, item.description)


def test_every_text_is_one_of_the_interface_in_all_languages() -> None:
    panels = "".join(file.read_text(encoding="utf-8") for file in (ROOT / "panels").glob("*.py"))
    known = set(shown())
    assert [row[0] for row in TEXTS if row[0] not in known and f'"{row[0]}"' not in panels] == []
    assert len({row[0] for row in TEXTS}) == len(TEXTS)
    assert all(len(row) == 1 + len(LOCALES) and all(row) for row in TEXTS)


@pytest.mark.parametrize(("locale", "words"), [*zip(LOCALES, TEXTS[0][1:], strict=True)])
def test_the_language_of_the_interface_is_the_user_s(locale: str, words: str) -> None:
    view = bpy.context.preferences.view
    kept = view.language, view.use_translate_interface
    try:
        view.language, view.use_translate_interface = locale, True
    except TypeError:
        pytest.skip("this Blender has English only")
    try:
        assert bpy.app.translations.pgettext_iface("Match Camera to Photo", "Operator") == words
    finally:
        view.language, view.use_translate_interface = kept
