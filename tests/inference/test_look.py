"""What is chosen where nobody says: in one place."""

from __future__ import annotations

import ast
from pathlib import Path

from conftest import ROOT

from photo_pose import batch
from photo_pose.inference.look import DEFAULT_CANDIDATES, DEFAULT_NETWORK, Look
from photo_pose.inference.views.view_options import ViewOptions

PRODUCT = ("batch.py", "properties.py", "inference", "operators", "panels")
DEFINED = {"inference/look.py", "inference/networks/loading.py"}  # the choice, and what the name stands for


def constants(file: Path) -> set[object]:
    tree = ast.parse(file.read_text(encoding="utf-8"))
    return {node.value for node in ast.walk(tree) if isinstance(node, ast.Constant)}


def test_the_default_network_s_name_is_written_where_it_is_chosen_and_defined() -> None:
    files = [file for name in PRODUCT for file in [ROOT / name, *(ROOT / name).rglob("*.py")] if file.is_file()]
    assert len(files) > 100
    written = {file.relative_to(ROOT).as_posix() for file in files if DEFAULT_NETWORK in constants(file)}
    assert written == DEFINED


def test_commands_look_as_everybody_does_by_default() -> None:
    photo = ["--photo", "a.jpg", "--out", "out"]
    match, which = (batch.parser(name, with_blend=False).parse_args(photo) for name in ("match", "which"))
    assert (match.candidates, match.network, which.network) == (DEFAULT_CANDIDATES, DEFAULT_NETWORK, DEFAULT_NETWORK)
    assert (match.method.upper(), Look().count) == (Look().method, DEFAULT_CANDIDATES)
    assert Look().network == ViewOptions().network == DEFAULT_NETWORK
