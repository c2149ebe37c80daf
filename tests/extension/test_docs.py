"""The commands and tables of the README and docs/ are those of the program."""

from __future__ import annotations

import ast
import re
import shlex
from collections.abc import Iterator

import pytest
from conftest import ROOT

from photo_pose.batch import COMMANDS, parser

PAGES = ("README.md", "docs/scripting.md", "docs/when-it-fails.md", "docs/manual.md", "docs/farm.md")
START = re.compile(r".*((?<!--)python batch\.py|--python batch\.py --|--command photo_pose) ")


def page(name: str) -> str:
    return (ROOT / name).read_text(encoding="utf-8")


def commands() -> Iterator[list[str]]:
    """The arguments of every command line that pages show, such as `    python batch.py which --out ...`."""
    for line in (line for name in PAGES for line in page(name).splitlines() if line.startswith("    ")):
        if (start := START.match(line)) and "ARGS" not in line:
            yield shlex.split(line[start.end() :], comments=True)


def options(command: str) -> set[str]:
    return {word for action in parser(command, True)._actions for word in action.option_strings} - {"-h", "--help"}


@pytest.mark.parametrize("words", [*commands()], ids=" ".join)
def test_every_command_is_right(words: list[str]) -> None:
    name, *rest = words if words[0] in COMMANDS else ["match", *words]
    assert vars(parser(name, True).parse_args(rest))


def test_the_pages_show_all_commands() -> None:
    assert {words[0] for words in commands()} >= {"which", "label", "train", "prepare", "gather", "farm"}


def test_every_argument_is_explained() -> None:
    explained = set(re.findall(r"--[a-z][a-z-]+", page("docs/scripting.md")))
    assert set().union(*map(options, ("match", "prepare", "gather", "farm"))) - explained == set()
    assert explained <= {"--python", "--command", "--help"}.union(*map(options, COMMANDS))


def test_python_examples_name_what_there_is() -> None:
    bpy = pytest.importorskip("bpy")
    blocks = re.findall(r"(?:^    .*\n|^\n)+", page("docs/scripting.md"), re.MULTILINE)
    examples = ["\n".join(line[4:] for line in block.splitlines()) for block in blocks if "import " in block]
    assert len(examples) == 3
    match = bpy.types.Camera.bl_rna.properties["photo_pose"].fixed_type.properties.keys()
    for tree in map(ast.parse, examples):
        for node in ast.walk(tree):
            if isinstance(node, ast.Call) and "bpy.ops.photopose." in ast.unparse(node.func):
                given = getattr(bpy.ops.photopose, node.func.attr).get_rna_type().properties.keys()
                assert {word.arg for word in node.keywords} <= set(given)
            if isinstance(node, ast.Attribute) and ast.unparse(node.value) == "match" and node.attr != "model":
                assert node.attr in match
