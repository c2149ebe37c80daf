"""What every operator, setting and preset of ours owes the user, whoever adds one."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

bpy = pytest.importorskip("bpy")

from conftest import IN_BLENDER, REPOSITORY, ROOT, run  # noqa: E402

from photo_pose.operators.photo.match_presets import camera_preset  # noqa: E402
from photo_pose.operators.running.long_operator import StepsOperator  # noqa: E402


def ours() -> Iterator[type]:
    """Our operators, groups of settings, and preferences."""
    for parent in (bpy.types.Operator, bpy.types.PropertyGroup, bpy.types.AddonPreferences):
        for child in parent.__subclasses__():
            if child.__module__.startswith(f"{REPOSITORY}.photo_pose") and child.is_registered:
                yield child


def rna_of(kind: type):
    """Of an operator as `bpy.ops` has it."""
    if not issubclass(kind, bpy.types.Operator):
        return kind.bl_rna
    module, name = kind.bl_idname.split(".")
    return getattr(getattr(bpy.ops, module), name).get_rna_type()


def texts() -> Iterator[tuple[str, str]]:
    """(where, description) of everything that the mouse can rest on."""
    for kind in ours():
        rna = rna_of(kind)
        if issubclass(kind, bpy.types.Operator):
            yield kind.bl_idname, rna.description
        for prop in rna.properties:
            if prop.identifier in {"rna_type", "bl_idname"} or prop.is_hidden:
                continue
            yield f"{kind.__name__}.{prop.identifier}", prop.description
            for item in prop.enum_items if prop.type == "ENUM" else ():
                yield f"{kind.__name__}.{prop.identifier} {item.identifier}", item.description


OTHERS = {"photopose.train_regressor.network", "photopose.nudge.lens"}  # with a meaning of their own
BOARD = {"columns": "board_columns", "rows": "board_rows", "square": "board_square"}


def declared(prop: bpy.types.Property) -> dict[str, object]:
    """What the user is told and may enter; None where a kind of property has no such thing."""
    fields = ("name", "description", "default", "hard_min", "hard_max", "soft_min", "soft_max", "unit")
    numbers = {field: getattr(prop, field, None) for field in fields}
    return numbers | {"items": [item.identifier for item in getattr(prop, "enum_items", ())]}


def test_a_setting_is_the_same_in_the_scene_and_in_operators() -> None:
    settings = bpy.types.Scene.bl_rna.properties["photo_pose"].fixed_type.properties
    compared, drifted = 0, []
    for kind in (kind for kind in ours() if issubclass(kind, bpy.types.Operator)):
        own = {BOARD.get(prop.identifier, prop.identifier): prop for prop in rna_of(kind).properties}
        for name in {*own} & {*settings.keys()} - {"rna_type", "name", "box"}:  # an operator's box may have been found
            if f"{kind.bl_idname}.{name}" in OTHERS:
                continue
            pair, compared = (declared(own[name]), declared(settings[name])), compared + 1
            fields = pair[0].keys() if own[name].type == settings[name].type else {"name", "description"}
            drifted += [f"{kind.bl_idname}.{name} {field}" for field in fields if pair[0][field] != pair[1][field]]
    assert compared > 30
    assert sorted(drifted) == []


def test_everything_has_a_tooltip_of_one_sentence_without_full_stop() -> None:
    found = dict(texts())
    assert len(found) > 100
    assert {where for where, text in found.items() if not text.strip()} == set()
    assert {where for where, text in found.items() if text.endswith((".", "!"))} == set()
    assert {where for where, text in found.items() if text[0] != text[0].upper()} == set()


@pytest.mark.skipif(IN_BLENDER, reason="the process is of the bpy module")
@pytest.mark.parametrize("scene", ["empty", "model"])
def test_all_panels_draw(scene: str, tmp_path: Path) -> None:
    lines = run(sys.executable, ROOT / "tests/draw_panels.py", scene, BLENDER_USER_RESOURCES=str(tmp_path)).splitlines()
    told = [line for line in lines if "no icon for icon ID" not in line]  # the background has no icons
    assert len(told) > 5 and all(line.startswith("DRAWN ") for line in told), "\n".join(told)


@pytest.mark.skipif(IN_BLENDER, reason="the process is of the bpy module")
def test_large_scenes_and_caches_do_not_slow_the_panels_down(tmp_path: Path) -> None:
    """Together, with the rows of 20 photos and what greys buttons, they take as long as with ten objects and views."""
    few, many = drawing_times(tmp_path / "few", 10, 10), drawing_times(tmp_path / "many", 10_000, 1000)
    assert len(many) > 30 and {"PHOTOPOSE_UL_photos", "PHOTOPOSE_OT_bind_markers"} < many.keys() == few.keys()
    assert sum(many.values()) < 3 * sum(few.values()), (few, many)


def drawing_times(folder: Path, objects: int, files: int) -> dict[str, float]:
    """Milliseconds by what is drawn."""
    cache = folder / "cache"
    cache.mkdir(parents=True)
    script, user = ROOT / "tests/draw_speed.py", folder / "user"
    told = run(sys.executable, script, cache, str(objects), str(files), BLENDER_USER_RESOURCES=str(user))
    return {name: float(ms) for name, ms in re.findall(r"DRAWN (\w+) ([\d.]+)", told)}


def test_greyed_operators_explain_themselves(scene) -> None:
    greyed = 0
    for kind in bpy.types.Operator.__subclasses__():
        if not kind.__module__.startswith(f"{REPOSITORY}.photo_pose"):
            continue
        module, name = kind.bl_idname.split(".")
        operator = getattr(getattr(bpy.ops, module), name)
        if not operator.poll():
            greyed += 1
            with pytest.raises(RuntimeError, match=r"poll\(\) (?!failed)\w+"):
                operator()
    assert greyed


def test_reasons_are_given_only_where_an_operator_is_greyed(scene) -> None:
    told: list[str] = []

    def watch(_frame, event: str, called) -> None:
        if event == "c_call" and called.__name__ == "poll_message_set":
            told.append(called.__name__)

    polled = [kind for kind in ours() if issubclass(kind, bpy.types.Operator) and hasattr(kind, "poll")]
    scene.camera = bpy.data.objects.new("Camera", bpy.data.cameras.new("Camera"))
    scene.photo_pose.photos.add()
    wrong, usable = [], 0
    for kind in polled:
        told.clear()
        sys.setprofile(watch)
        can = kind.poll(bpy.context)
        sys.setprofile(None)
        usable += can
        if len(told) != (not can):
            wrong.append(kind.__name__)
    assert 3 <= usable < len(polled) and wrong == []


def test_operators_and_panels_have_names_like_blender_s_own() -> None:
    for kind in ours():
        if issubclass(kind, bpy.types.Operator):
            assert kind.bl_idname.startswith("photopose."), kind
            assert kind.__name__ == "PHOTOPOSE_OT_" + kind.bl_idname.partition(".")[2]
            assert kind.bl_label and not kind.bl_label.endswith("."), kind


def test_long_work_is_never_done_again_by_adjust_last_operation() -> None:
    """That would run it in one go, without Esc; one step of undo takes it back nevertheless."""
    long = [kind for kind in ours() if issubclass(kind, StepsOperator)]
    assert len(long) >= 10
    reading = bpy.types.PHOTOPOSE_OT_import_cameras  # many photos
    assert {kind.__name__ for kind in (*long, reading) if "REGISTER" in kind.bl_options} == set()
    unchanging = {"compare", "contact_sheet", "render_views", "save_views", "self_test"}
    unchanging |= {"add_to_library", "update_library"}
    assert {kind.bl_idname.partition(".")[2] for kind in long if "UNDO" not in kind.bl_options} == unchanging


def test_a_preset_is_kept_used_and_removed(scene, monkeypatch) -> None:
    panel = bpy.types.PHOTOPOSE_PT_presets
    monkeypatch.setattr(panel, "bl_label", panel.bl_label)  # which Blender changes when a preset is used
    settings = scene.photo_pose
    settings.stands, settings.lens, settings.photo = "ANY_WAY", 85, "/photo.jpg"
    settings.method = "KNN"
    assert bpy.ops.photopose.preset_add(name="Test Shots") == {"FINISHED"}
    path = bpy.utils.preset_find("Test_Shots", "photo_pose")
    settings.stands, settings.lens, settings.photo = "AUTOMATIC", 50, "/other.jpg"
    settings.method = "MATCH"
    bpy.ops.script.execute_preset(filepath=path, menu_idname="PHOTOPOSE_PT_presets")
    assert (settings.stands, settings.lens, settings.photo) == ("ANY_WAY", 85, "/other.jpg")
    assert bpy.ops.photopose.preset_add(name="Test_Shots", remove_name=True) == {"FINISHED"}
    assert not Path(path).exists()


def test_sensors_are_those_of_blender_s_cameras(scene, tmp_path) -> None:
    presets = [path for folder in bpy.utils.preset_paths("camera") for path in Path(folder).glob("*.py")]
    assert len(presets) > 20 and all(
        {"sensor_width", "sensor_height"} <= camera_preset(path).keys() for path in presets
    )
    fullframe = next(path for path in presets if path.stem == "Fullframe")
    settings = scene.photo_pose
    settings.lens = 85
    assert bpy.ops.photopose.use_sensor(filepath=str(fullframe)) == {"FINISHED"}
    assert (settings.focal_source, settings.sensor, settings.lens) == ("LENS", 36, 85)
    phone = tmp_path / "phone.py"
    phone.write_text("import bpy\nbpy.context.camera.sensor_width = 7.0\nbpy.context.camera.lens = 4.25\n")
    bpy.ops.photopose.use_sensor(filepath=str(phone))
    assert (settings.sensor, settings.lens) == (7, 4.25)
    (tmp_path / "picture.py").write_bytes(b"\x89PNG")
    for name in ("none.py", "picture.py", "."):
        with pytest.raises(RuntimeError, match="is no camera preset"):
            bpy.ops.photopose.use_sensor(filepath=str(tmp_path / name))
