"""Words of the interface: Blender's own where it has them, and none so long that it is cut off."""

from __future__ import annotations

import os
from gettext import GNUTranslations, NullTranslations
from pathlib import Path

import pytest

bpy = pytest.importorskip("bpy")

import blf  # noqa: E402
from test_translations import uses  # noqa: E402

from photo_pose.translations import LOCALES, texts  # noqa: E402

BLENDER_ROOT = os.environ.get("BLENDER_ROOT", Path.home() / ".cache/photo_pose/blender-root")  # of `make blender-root`
OTHERWISE = {  # what Blender's word means in one language or more
    "Box": "a solid; ours is drawn on a photo",
    "Columns": "German: one column",
    "Crop": "to cut; ours is what is left",
    "Distortion": "German: distortion of any kind, not of a lens",
    "Edges": "Chinese: those of a mesh; ours are those of a picture",
    "Fit": "to fit; ours is how well",
    "Flip": "German: too long for the sidebar",
    "Lens": "German: a piece of glass",
    "Lines": "German: those of a text",
    "Match": "German: a match that was found; ours is the act, one word with Match Camera to Photo",
    "Metal": "German: the material; ours is Apple's name",
    "Orbit": "Chinese: to scroll",
    "Pan": "German: the balance of a sound",
    "Principal Point": "German: the point about which things turn",
    "Refine": "Chinese: to improve; ours is one word with Refine Camera",
    "Roll": "Chinese: to twist",
    "Set Render Size": "Spanish: too long for the sidebar",
    "Shift": "German: the key; ours is a lens's",
    "Wipe": "German: a wire",
}
NAME = 24  # letters of an English text that is a name rather than a sentence
LONG = {"Log Level"}  # in Blender's own words


class Nothing(NullTranslations):
    """What a catalogue says of texts that it does not have."""

    def gettext(self, message: str) -> str:
        return ""

    def pgettext(self, context: str, message: str) -> str:
        return ""


def blenders(locale: str) -> GNUTranslations:
    """Blender's own catalogue of a language; the bpy package comes without."""
    folder = Path(BLENDER_ROOT, "usr/share/locale")
    names = (folder / name / "LC_MESSAGES/blender.mo" for name in (locale, locale.partition("_")[0]))
    file = next((file for file in names if file.is_file()), None)
    if file is None:
        pytest.skip("no Blender with languages: `make blender-root` brings one")
    with file.open("rb") as opened:
        catalogue = GNUTranslations(opened)
    catalogue.add_fallback(Nothing())
    return catalogue


def compared(locale: str) -> list[tuple[str, str, str, dict[str, str]]]:
    """(context, text, ours, Blender's by context) of all texts that Blender has, too."""
    catalogue, number = blenders(locale), 1 + LOCALES.index(locale)
    ours = {row[0]: row[number] for row in texts() if row[number:]}
    found = []
    for context, text in sorted(uses()):
        words = {"*": catalogue.gettext(text), "Operator": catalogue.pgettext("Operator", text)}
        found += [(context, text, ours[text], words)] if text in ours and any(words.values()) else []
    return found


@pytest.mark.parametrize("locale", LOCALES)
def test_no_word_of_ours_is_hidden_by_another_of_blender_s(locale: str) -> None:
    """Blender looks into its own catalogue first: in our context it finds nothing there."""
    shared = compared(locale)
    assert len(shared) > 60
    assert [
        (text, word, words[context])
        for context, text, word, words in shared
        if words.get(context, "") not in ("", word)
    ] == []


def test_words_are_blender_s_where_they_mean_the_same() -> None:
    differing = {text for locale in LOCALES for _, text, word, words in compared(locale) if word not in words.values()}
    assert differing == OTHERWISE.keys()


def test_names_are_about_as_wide_in_every_language() -> None:
    """In pixels of Blender's own font at normal size; where English and German fit, a fifth part and 20 px more do."""
    blf.size(0, 11)
    names = [row for row in texts() if len(row[0]) <= NAME and row[0][0].isupper()]
    assert len(names) > 150
    too_wide = set()
    for name, *translated in names:
        english, german, *others = (blf.dimensions(0, text)[0] for text in (name, *translated))
        too_wide |= {name} if max(others) > 1.2 * max(english, german) + 20 else set()
    assert too_wide == LONG
