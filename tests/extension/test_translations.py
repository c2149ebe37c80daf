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
from photo_pose.properties import OURS  # noqa: E402
from photo_pose.translations import CONTEXTS, LOCALES, texts  # noqa: E402

MARKED = {"iface_", "n_", "rpt_", "tip_", "translate"}  # functions whose first argument is translated
INHERITED = set(bpy.types.PropertyGroup.bl_rna.properties.keys())
MADE = {"poll_message_set": 1, "report": 1}  # methods, and which argument of theirs is, where it is a text


def registered() -> Iterator[tuple[str, str]]:
    """(context, text) of names and tooltips of operators and settings, and of titles of panels."""
    for kind in ours():
        rna = rna_of(kind)
        if issubclass(kind, bpy.types.Operator):
            yield rna.translation_context, rna.name
            yield from (("*", text) for text in (rna.description, *(word for _at, word in getattr(kind, "phases", ()))))
        for prop in rna.properties:
            if (
                prop.is_hidden
                or prop.name == prop.identifier
                or prop.identifier in bpy.types.PropertyGroup.bl_rna.properties
            ):
                continue
            assert prop.translation_context in CONTEXTS, prop
            items = prop.enum_items if prop.type == "ENUM" else ()
            yield from ((prop.translation_context, named.name) for named in (prop, *items))
            yield from (("*", named.description) for named in (prop, *items))
    for kind in (kind for parent in (bpy.types.Panel, bpy.types.Menu) for kind in parent.__subclasses__()):
        if kind.__module__.startswith(f"{REPOSITORY}.photo_pose"):
            yield getattr(kind, "bl_translation_context", "*"), kind.bl_label


def modules() -> Iterator[ast.Module]:
    folders = (ROOT / folder for folder in ("operators", "panels", "inference"))
    own = ROOT / "preferences.py", ROOT / "keymaps.py"
    for file in (*own, *(file for folder in folders for file in folder.rglob("*.py"))):
        yield ast.parse(file.read_text(encoding="utf-8"), file.name)


def written() -> Iterator[tuple[str, str]]:
    """(context, text) of what code translates, or hands to Blender, which does."""
    for tree in modules():
        constants = {"OURS": ast.Constant(OURS)} | {
            node.targets[0].id: node.value
            for node in tree.body
            if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name)
        }
        for call in (node for node in ast.walk(tree) if isinstance(node, ast.Call)):
            keywords = {word.arg: word.value for word in call.keywords}
            if isinstance(call.func, ast.Name) and call.func.id in MARKED:
                given, context = call.args[:1], call.args[1:2]
            else:
                method = getattr(call.func, "attr", "")
                given = [*call.args[MADE.get(method, len(call.args)) :], *_choices(keywords.get("text"))]
                context = [keywords.get("text_ctxt", ast.Constant("Operator" if method == "operator" else "*"))]
            given, context = ([*_values(nodes, constants)] for nodes in (given, context))
            yield from ((context[0] if context else "*", text) for text in given)


def _choices(node: ast.expr | None) -> list[ast.expr]:
    """What an argument may be: a keyword that is missing is nothing, `a if b else c` both."""
    return [] if node is None else [node.body, node.orelse] if isinstance(node, ast.IfExp) else [node]


def _values(nodes: list[ast.expr], constants: dict[str, ast.expr]) -> Iterator[str]:
    for node in nodes:
        node = constants.get(node.id, node) if isinstance(node, ast.Name) else node
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield node.value


def below(kind: type) -> Iterator[type]:
    for child in kind.__subclasses__():
        yield child
        yield from below(child)


def uses() -> set[tuple[str, str]]:
    """(context, text) of all that is shown."""
    hints = (text for operator in below(ViewOperator) for text in (operator.hint, operator.elsewhere))
    named = {
        "*": (*hints, *WORDS),
        OURS: (*MODES.values(), *(text for _axis, _angle, text, _icon in TURNS)),
    }
    found = {*registered(), *written(), *((context, text) for context, words in named.items() for text in words)}
    return {(context, text) for context, text in found if any(letter.isalpha() for letter in text)}


def fields(text: str) -> list[tuple[str, str]]:
    """The placeholders, with how their values are written."""
    return sorted((name, spec) for _text, name, spec, _how in Formatter().parse(text) if name is not None)


def test_every_text_of_the_interface_is_translated_and_no_other() -> None:
    translated, words = {row[0] for row in texts()}, {text for _context, text in uses()}
    assert len(words) > 300
    assert sorted(words - translated) == []
    assert sorted(translated - words) == []


def test_no_text_is_put_together_without_being_translated() -> None:
    """Words stand in no f-string that is shown or that a setting has as its value: nobody could translate them."""
    found = []
    for tree in modules():
        keywords = [node for node in ast.walk(tree) if isinstance(node, ast.keyword)]
        getters = {word.value.id for word in keywords if word.arg == "get" and isinstance(word.value, ast.Name)}
        told = [node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef) and node.name in getters]
        shown = [word.value for word in keywords if word.arg == "text"]
        texts = (node for part in (*told, *shown) for node in ast.walk(part) if isinstance(node, ast.JoinedStr))
        parts = (part for text in texts for part in text.values if isinstance(part, ast.Constant))
        found += [part.value for part in parts if re.search("[^\\W\\d_]{3}", part.value)]
    assert found == []


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
