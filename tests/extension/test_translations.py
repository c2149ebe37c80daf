"""Translations: of every text that the interface has, and of no other; shown when the user's language is theirs."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from string import Formatter

import pytest

bpy = pytest.importorskip("bpy")

from conftest import REPOSITORY, ROOT  # noqa: E402
from test_manners import ours, rna_of  # noqa: E402

from photo_pose.operators.compare.nudge import MODES  # noqa: E402
from photo_pose.operators.pictures.camera_view import ViewOperator  # noqa: E402
from photo_pose.panels.candidates_panel import TURNS, WORDS  # noqa: E402
from photo_pose.translations import CONTEXTS, LOCALES, texts  # noqa: E402

MARKED = {"iface_", "rpt_", "tip_", "translate"}  # functions whose first argument is translated
INHERITED = set(bpy.types.PropertyGroup.bl_rna.properties.keys())
MADE = {"poll_message_set": 1, "report": 1}  # methods, and which argument of theirs is, where it is a text


def registered() -> Iterator[str]:
    """Names and tooltips of operators and settings, titles of panels."""
    for kind in ours():
        rna = rna_of(kind)
        if issubclass(kind, bpy.types.Operator):
            yield from (rna.name, rna.description, *(word for _start, word in getattr(kind, "phases", ())))
        for prop in rna.properties:
            if (
                prop.is_hidden
                or prop.name == prop.identifier
                or prop.identifier in bpy.types.PropertyGroup.bl_rna.properties
            ):
                continue
            assert prop.translation_context in CONTEXTS, prop
            yield from (prop.name, prop.description)
            for item in prop.enum_items if prop.type == "ENUM" else ():
                yield from (item.name, item.description)
    for kind in (kind for parent in (bpy.types.Panel, bpy.types.Menu) for kind in parent.__subclasses__()):
        if kind.__module__.startswith(f"{REPOSITORY}.photo_pose"):
            yield kind.bl_label


def written() -> Iterator[str]:
    """Texts that code translates, or hands to Blender, which does."""
    folders = (ROOT / folder for folder in ("operators", "panels", "inference"))
    own = ROOT / "preferences.py", ROOT / "keymaps.py"
    for file in (*own, *(file for folder in folders for file in folder.rglob("*.py"))):
        tree = ast.parse(file.read_text(encoding="utf-8"))
        constants = {
            node.targets[0].id: node.value
            for node in tree.body
            if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name)
        }
        for call in (node for node in ast.walk(tree) if isinstance(node, ast.Call)):
            if isinstance(call.func, ast.Name) and call.func.id in MARKED:
                given = call.args[:1]
            else:
                first = MADE.get(getattr(call.func, "attr", ""), len(call.args))
                given = [*call.args[first:], *(word.value for word in call.keywords if word.arg == "text")]
            for node in given:
                node = constants.get(node.id, node) if isinstance(node, ast.Name) else node
                if isinstance(node, ast.Constant) and isinstance(node.value, str):
                    yield node.value


def below(kind: type) -> Iterator[type]:
    for child in kind.__subclasses__():
        yield child
        yield from below(child)


def shown() -> set[str]:
    turns = (text for _axis, angles in TURNS for _angle, text, _icon in angles)
    hints = (text for operator in below(ViewOperator) for text in (operator.hint, operator.elsewhere))
    words = {*hints, *MODES.values(), *WORDS, *turns, *registered(), *written()}
    return {word for word in words if any(letter.isalpha() for letter in word)}


def fields(text: str) -> list[tuple[str, str]]:
    """The placeholders, with how their values are written."""
    return sorted((name, spec) for _text, name, spec, _how in Formatter().parse(text) if name is not None)


def test_every_text_of_the_interface_is_translated_and_no_other() -> None:
    translated, words = {row[0] for row in texts()}, shown()
    assert len(words) > 300
    assert sorted(words - translated) == []
    assert sorted(translated - words) == []


def test_every_translation_is_complete_and_has_the_same_placeholders() -> None:
    rows = texts()
    assert [row[0] for row in rows if len(row) != 1 + len(LOCALES) or not all(row)] == []
    assert len({row[0] for row in rows}) == len(rows)
    assert [text for row in rows for text in row[1:] if fields(text) != fields(row[0])] == []
    assert [text for row in rows for text in row[1:] if text.endswith(".") and row[0][-1] not in ".:"] == []


def test_no_node_is_asked_for_by_its_name_which_blender_translates() -> None:
    code = {file.name: file.read_text(encoding="utf-8") for file in (ROOT / "operators").rglob("*.py")}
    assert [name for name, text in code.items() if re.search(r"nodes(\[|\.get\()\"", text)] == []


@pytest.mark.parametrize(("locale", "words"), [*zip(LOCALES, texts()[0][1:], strict=True)])
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
