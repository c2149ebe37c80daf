"""Calls all our operators, or those named, at random in all kinds of scenes: `tests/monkey.py SECONDS SEED [NAME ...]`.

A call may finish, or refuse with one sentence; a refusal leaves the scene as it was, and nothing leaves data behind.
"""

from __future__ import annotations

import argparse
import faulthandler
import io
import math
import os
import re
import sys
import tempfile
import threading
import time
import traceback
from collections.abc import Callable, Sequence
from contextlib import redirect_stderr
from pathlib import Path
from random import Random

os.environ.setdefault("BLENDER_USER_RESOURCES", tempfile.mkdtemp(prefix="photo_pose_monkey_"))

import bpy
from blender_state import differences, snapshot
from conftest import enable_extension
from monkey_acts import act, box, make_files, new_file, photo

RARE = {  # how often those are called that take long, when their turn comes
    **dict.fromkeys(
        ("match_photo", "match_photos", "which_model", "refine_camera", "score_camera", "render_views", "save_views"),
        0.15,
    ),
    **dict.fromkeys(("add_to_library", "update_library", "search_library", "take_from_library"), 0.15),
    **dict.fromkeys(("self_test", "train_regressor", "propose_box"), 0.05),
}
REFUSED = 0.2  # how often those that are greyed
OFTEN = 0.5  # how often what a user does comes between
# The active camera; what it shared it owns now, and other objects may be its children
# What is hidden is not selected, and what comes back is evaluated anew
HIDES = r"selected|active|scene\.photo_pose\.hidden|objects\.(dimensions|matrix_)"
MOVES = rf"camera\.|lens\.|new cameras|scene\.photo_pose\.result|objects\.matrix_world|{HIDES}"
TAKES = rf"{MOVES}|new (objects|images)|images\.|scene\.(camera|objects|photo_pose\.)"  # a camera for a photo
MAY_CHANGE = {  # parts of the file, by operators that finish; all others nothing
    ("remove_model",): rf"scene\.photo_pose\.(models|active_model)|{HIDES}",
    ("add_models", "add_scene_models"): rf"scene\.(objects|photo_pose\.(models|active_model))|{HIDES}"
    r"|objects\.(parent|matrix_)|collections\.|new objects",  # what becomes one model gets a parent
    ("choose_photo", "clear_box", "point_and_match"): r"scene\.photo_pose\.(photo|box|result)",
    ("show_model",): HIDES,
    ("fit_to_render",): r"(camera|lens|cameras)\.",
    ("render_over_photo",): r"(camera|lens|cameras|images)\.|(new|lost) (images|node_groups)"
    r"|scene\.(use_nodes|node_tree|compositing|view_settings|render)",
    ("add_photos", "remove_photo"): rf"scene\.(camera|photo_pose\.)|{HIDES}",
    ("propose_box", "which_model", "search_library", "train_regressor", "use_sensor"): r"scene\.photo_pose\.",
    ("bind_markers",): r"scene\.(timeline_markers|camera)",  # which markers choose from now on
    ("add_folder",): r"new \w+|collections\.|scenes?\.objects|scene\.photo_pose\.models",  # scenes share collections
    ("shadow_catcher",): r"(new|lost) (objects|meshes|materials)|scene\.(objects|render\.film_transparent)"
    r"|\w+\.photo_pose\.model$|selected|active|collections\."  # where the plane was perhaps put
    r"|\w+\.(parent$|matrix_|photo_pose_adjusted$)"  # and what was perhaps put under it
    r"|mode$|brushes\.",  # and that it was perhaps painted on
    ("project_photo",): r"(objects|meshes|materials|images|camera)\.|new (materials|images)",
    ("nudge", "perspective_strength", "take_candidate", "next_candidate", "turn_candidate", "take_snapshot"): MOVES,
    ("score_camera",): r"lens\.photo_pose\.adjusted|scene\.photo_pose\.result",
    ("add_snapshot", "remove_snapshot"): r"lens\.photo_pose\.snapshots",
    ("import_cameras", "match_photos"): rf"{TAKES}|(objects|cameras)\.",  # of all photos
    ("match_photo", "label_photo"): rf"{TAKES}|scene\.render\.(resolution|pixel_aspect)",
    ("refine_camera",): TAKES,
    ("take_from_library",): rf"{TAKES}|scene\.render\.(resolution|pixel_aspect)|new \w+|collections\.|scenes?\.objects",
}
PYTHON = re.compile(r"Traceback|\w+Error\b|Exception|NoneType|object at 0x|bpy_struct|StructRNA")
CEILING = {"subdivisions": 1, "views": 20, "epochs": 1, "seed": 3, "index": 4, "columns": 9, "rows": 6}


class FaultError(Exception):
    """What must not happen."""


def operator(name: str) -> Callable[..., set[str]]:
    return getattr(bpy.ops.photopose, name)


def properties(random: Random, name: str, folder: Path) -> dict[str, object]:
    """Some of the operator's, with sensible and with hostile values."""
    rna = operator(name).get_rna_type()
    given = {}
    for prop in rna.properties:
        must = prop.identifier in {*CEILING, "filepath", "directory"}
        if prop.identifier != "rna_type" and (must or random.random() < 0.5):
            given[prop.identifier] = value(random, prop, folder)
    return {key: one for key, one in given.items() if one is not None}


def value(random: Random, prop: bpy.types.Property, folder: Path) -> object:
    name = prop.identifier
    if prop.type == "BOOLEAN":
        return random.random() < 0.5
    if prop.type == "ENUM":
        return random.choice(prop.enum_items).identifier
    if prop.type == "INT":
        high = min(prop.hard_max, CEILING.get(name, 1000))
        return random.randint(min(max(prop.hard_min, -2), high), high)
    if name == "box":
        return box(random)
    if prop.type == "FLOAT":
        numbers = [prop.default, 1.0, math.pi, -1.0, 0.0, 1e9, math.nan, math.inf]
        chosen = [random.choice(numbers[: 3 if random.random() < 0.6 else None]) for _ in range(prop.array_length or 1)]
        return chosen if prop.is_array else chosen[0]
    if prop.type == "COLLECTION":
        return [{"name": Path(photo(random, folder)).name} for _ in range(random.randrange(4))]
    return text(random, name, folder)


def text(random: Random, name: str, folder: Path) -> str:
    if name == "filepath":
        others = ["images.txt", "bad.fspy", "models/flat.obj", "net.npz", "sheet.png", "none/sheet.png"]
        return photo(random, folder) if random.random() < 0.6 else str(folder / random.choice(others))
    if name in {"directory", "backgrounds"}:
        return str(folder / random.choice(["", "models", "broken", "out", "none/none", "text.png"]))
    if name == "library":
        return (
            str(folder / random.choice([*["library"] * 6, "models", "none/none", "text.png"]))
            if random.random() < 0.9
            else ""
        )
    if name == "network":
        bad = str(folder / "text.png")
        return random.choice(["efficientnet_lite0"] * 8 + ["regressor_lite0", "nonsense", "", "none.npz", bad])
    if name == "board_photo":
        return photo(random, folder)
    known = [block.name for block in (*bpy.data.objects, *bpy.data.collections)]
    return random.choice([*known, "", "", "nonsense"])


def state() -> dict[str, str]:
    """Of the scene, in text so that NaN is NaN; edits in Edit Mode are taken in, as any reader of a mesh does."""
    for obj in bpy.context.scene.objects:
        obj.update_from_editmode()
    for layer in (layer for scene in bpy.data.scenes for layer in scene.view_layers):
        layer.update()
    with quiet(errors_too=True):  # Blender warns of its own properties
        seen = snapshot()
    loaded = ("].has_data", "].pixels", "].size")  # of files that were written anew, whenever Blender reads them again
    return {key: repr(value) for key, value in seen.items() if not key.endswith(loaded)}


def orphans() -> set[str]:
    kinds = (prop for prop in bpy.data.bl_rna.properties if prop.type == "COLLECTION")
    blocks = (block for prop in kinds for block in getattr(bpy.data, prop.identifier))
    return {repr(block) for block in blocks if not block.users}


def subjects() -> dict[str, str]:
    """What may change of the scene has a name of its own: its active camera and itself."""
    scene = bpy.context.scene
    found = {f"scenes[{scene.name_full}]": "scene"}
    if scene.camera:
        found[f"objects[{scene.camera.name_full}]"] = "camera"
        if scene.camera.type == "CAMERA":
            found[f"cameras[{scene.camera.data.name_full}]"] = "lens"
    return found


def what(key: str, before: dict[str, str], after: dict[str, str], names: dict[str, str]) -> str | None:
    """The part of the file that a changed key stands for; None for numbers of users."""
    block, bracket, field = key.rpartition("].")
    block, kind = f"{block}]", key.partition("[")[0]
    if not bracket or field == "users":
        return None if bracket else key
    if f"{block}.name" not in before:
        return f"new {kind}"
    if f"{block}.name" not in after:
        return f"lost {kind}"
    return f"{names.get(block, kind)}.{field}"


def sound(camera: bpy.types.Object | None) -> bool:
    return not camera or all(math.isfinite(number) for row in camera.matrix_basis for number in row)


def left_behind() -> list[str]:
    """What only operators that run may have."""
    blocks = [
        block for kind in ("scenes", "worlds", "cameras", "meshes", "objects") for block in getattr(bpy.data, kind)
    ]
    ours = [block.name for block in blocks if re.match("Photo Pose (?!Monkey)", block.name)]  # that one is an act's
    threads = [thread.name for thread in threading.enumerate() if thread.name.startswith("Photo Pose")]
    stage = bpy.context.window_manager.photo_pose.stage
    return [*ours, *threads, *([stage] if stage else [])]


def judge(name: str, given: dict[str, object]) -> str:
    """Calls the operator; tells how that ended, Fault where it may not end so."""
    before, loose, refusal, told = state(), orphans(), "", io.StringIO()
    names = subjects()
    try:
        with redirect_stderr(told):
            result = operator(name)(**given)
    except RuntimeError as error:
        result, refusal = {"CANCELLED"}, str(error).strip()
    if refusal and (PYTHON.search(refusal) or "\n" in refusal or not re.search(r"[.\w)\"'!]$", refusal)):
        raise FaultError(f"is no sentence for users: {refusal}")
    if "Traceback" in told.getvalue():
        raise FaultError(f"printed {told.getvalue()}")
    after = state()
    changed = differences(before, after)
    if result == {"CANCELLED"} and changed:
        raise FaultError(f"refused ({refusal}) and changed {dict(list(changed.items())[:8])}")
    touched = {what(key, before, after, names | subjects()) for key in changed} - {None}
    allowed = next((parts for some, parts in MAY_CHANGE.items() if name in some), "nothing")
    if result == {"FINISHED"} and (more := [part for part in touched if not re.match(allowed, part)]):
        raise FaultError(f"changed {more}")
    if result == {"FINISHED"} and not sound(bpy.context.scene.camera):
        raise FaultError("put the camera nowhere")
    if result not in ({"FINISHED"}, {"CANCELLED"}):
        raise FaultError(f"returned {result}")
    if new := orphans() - loose:
        raise FaultError(f"left without users {new}")
    if some := left_behind():
        raise FaultError(f"left behind {some}")
    return refusal or str(result)


def go(seconds: float, seed: int, turns: int, names: Sequence[str], folder: Path) -> int:
    """The number of different faults, within this time and number of turns."""
    random, faults, ends, number = Random(seed), set(), {}, 0
    end = time.monotonic() + seconds
    make_files(folder)
    new_file(random, folder)
    while time.monotonic() < end and number < turns:
        number += 1
        try:
            told = io.StringIO()
            with redirect_stderr(told):
                while random.random() < OFTEN:
                    print(f"{number:5} {act(random, folder)}", flush=True)
            if "Traceback" in told.getvalue():
                raise FaultError(f"An act printed {told.getvalue()}")
            name = random.choice(names)
            if random.random() > RARE.get(name, 1.0) or (random.random() > REFUSED and not operator(name).poll()):
                continue
            given = properties(random, name, folder)
            print(f"{number:5} bpy.ops.photopose.{name}(**{given})", flush=True)
            began = time.monotonic()
            how = judge(name, given)
            ends[name, how[:1]] = ends.get((name, how[:1]), 0) + 1
            print(f"{number:5} -> {how} ({time.monotonic() - began:.1f} s)", flush=True)
        except FaultError as fault:
            print(f"{number:5} FAULT {fault}", flush=True)
            faults.add((name, str(fault)[:60]))
            new_file(random, folder)
        except Exception:
            print(f"{number:5} BROKEN", flush=True)
            traceback.print_exc(file=sys.stdout)
            raise
    finished = {name for name, how in ends if how == "{"}
    print(f"Seed {seed}: {sum(ends.values())} calls of {len({name for name, _ in ends})} operators")
    print("never finished:", sorted(set(names) - finished))
    print(f"{len(faults)} faults", flush=True)
    return len(faults)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("seconds", type=float)
    parser.add_argument("seed", type=int, help="the same one does the same again")
    parser.add_argument("names", nargs="*", help="operators, such as nudge; default: all")
    parser.add_argument("--turns", type=int, default=sys.maxsize, help="at most so many calls")
    options = parser.parse_args()
    names = options.names or sorted(dir(bpy.ops.photopose))
    with tempfile.TemporaryDirectory(prefix="photo_pose_monkey_") as folder:
        return min(go(options.seconds, options.seed, options.turns, names, Path(folder)), 1)


if __name__ == "__main__":
    faulthandler.enable(os.dup(2))
    enable_extension()
    from photo_pose.operators.running.quiet_blender import quiet

    status = 1
    try:
        status = main()
    finally:
        sys.stdout.flush()
        os._exit(status)  # the bpy module can hang or crash when Python ends
