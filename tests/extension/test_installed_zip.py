"""The zip in a Blender that has nothing but its own packages: installed, unpacked by Blender, used, removed again."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import venv
import zipfile
from collections.abc import Callable
from importlib import metadata
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("bpy")

from conftest import IN_BLENDER, ROOT
from packages import package

sys.path.append(str(ROOT / "tests/real_blender"))

from looks import view_error

pytestmark = pytest.mark.skipif(IN_BLENDER, reason="Blender's own Python cannot be started without its packages")

BROUGHT = "13.0.0"  # the Pillow in the zip
OTHER = "10.4.0"  # the oldest that is there for Python 3.11 and 3.13
UNPACKED = "/extensions/.local/lib/"  # where Blender puts what wheels bring
INSTALL = "install(sys.argv[2]); remember(); tell(enabled=enabled(), pillow=pillow())"
AGAIN = "tell(enabled=enabled(), pillow=pillow())"  # Blender started again
TOO_OLD = r'Photo Pose needs Pillow [\d.]+ or newer, but finds 9\.0\.0 in ".*"; .*\.'
MANIFEST = """
schema_version = "1.0.0"
id = "other"
version = "1.0.0"
name = "Other"
tagline = "Brings a Pillow of its own"
maintainer = "Somebody"
type = "add-on"
blender_version_min = "4.2.0"
license = ["SPDX:GPL-3.0-or-later"]
wheels = ["./wheels/{wheel}"]
"""


def brought_by(package: str, known: frozenset[str] = frozenset()) -> set[Path]:
    """What pip installs with a package, as files and folders of site-packages."""
    try:
        found = metadata.distribution(package)
    except metadata.PackageNotFoundError:  # for other systems, say
        return set()
    names = {file.parts[0] for file in found.files or ()} or (found.read_text("top_level.txt") or package).split()
    paths = {Path(found.locate_file(name)) for name in {*names} - {"..", "__pycache__"}}
    wanted = {re.match(r"[\w.-]+", line)[0] for line in found.requires or () if "extra ==" not in line} - known
    return paths.union(*(brought_by(name, known | wanted | {package}) for name in wanted))


class Bare:
    """A Python with nothing but the bpy package and what that asks for, and user folders of its own."""

    def __init__(self, folder: Path) -> None:
        venv.create(folder / "venv", symlinks=True)
        self.user = folder / "user"
        self.python = folder / "venv/bin/python"
        (self.site_packages,) = folder.glob("venv/lib/python*/site-packages")
        for path in brought_by("bpy"):
            (self.site_packages / path.name).symlink_to(path)

    def run(self, *command: str | Path, status: int = 0) -> str:
        environment = os.environ | {"BLENDER_USER_RESOURCES": str(self.user), "PYTHONDONTWRITEBYTECODE": "1"}
        environment.pop("PYTHONPATH", None)
        words = [self.python, *command]
        done = subprocess.run(words, env=environment, capture_output=True, text=True, timeout=600, check=False)
        assert done.returncode == status, done.stdout + done.stderr
        return done.stdout + done.stderr

    def told(self, code: str, *arguments: str | Path) -> dict[str, Any]:
        """What code tells in tests/bare_blender.py, and all else that was printed."""
        output = self.run(ROOT / "tests/bare_blender.py", code, *arguments)
        told = [json.loads(line[5:]) for line in output.splitlines() if line.startswith("TOLD ")]
        return {"printed": output} | {key: value for values in told for key, value in values.items()}


@pytest.fixture
def bare(tmp_path: Path) -> Bare:
    return Bare(tmp_path)


@pytest.fixture(scope="session")
def other_wheel() -> Path:
    """Pillow OTHER for this Python."""
    folder = ROOT / "build/wheels/other"
    name = f"pillow-{OTHER}-cp{sys.version_info.major}{sys.version_info.minor}-*.whl"
    if not [*folder.glob(name)]:
        download = ["-m", "pip", "download", "--quiet", "--no-deps", "--only-binary", ":all:", "--dest", folder]
        subprocess.run([sys.executable, *download, f"pillow=={OTHER}"], check=True, capture_output=True)
    return next(folder.glob(name))


@pytest.fixture
def other_extension(tmp_path: Path, other_wheel: Path) -> Callable[[str], Path]:
    """One that brings that wheel; what it does when it is enabled."""

    def zipped(code: str) -> Path:
        path = tmp_path / "other-1.0.0.zip"
        with zipfile.ZipFile(path, "w") as file:
            file.writestr("blender_manifest.toml", MANIFEST.format(wheel=other_wheel.name))
            file.writestr("__init__.py", f"def register():\n    {code}\n\n\ndef unregister():\n    pass\n")
            file.write(other_wheel, f"wheels/{other_wheel.name}")
        return path

    return zipped


def unpack(wheel: Path, folder: Path) -> None:
    with zipfile.ZipFile(wheel) as file:
        file.extractall(folder)


def is_brought(told: dict[str, Any], version: str = BROUGHT) -> bool:
    return told["enabled"] and told["pillow"].startswith(f"{version} ") and UNPACKED in told["pillow"]


def test_nothing_but_blender_s_own_is_there(bare: Bare) -> None:
    names = "torch", "PIL", "numpy"
    told = bare.told(f"from importlib.util import find_spec\nfor n in {names}: tell(**{{n: bool(find_spec(n))}})")
    assert [told[name] for name in names] == [False, False, True]


def test_blender_unpacks_pillow_and_takes_all_of_it_away_again(bare: Bare, small_zip: Path) -> None:
    code = f"""
files_before, registered_before = files(), registered()
def left(): return sorted(registered() - registered_before)
{INSTALL}
tell(unpacked=[path.name for path in EXTENSIONS.glob(".local/lib/*/site-packages/*")])
bpy.ops.preferences.addon_disable(module=PHOTO_POSE)
tell(disabled=left())
bpy.ops.preferences.addon_enable(module=PHOTO_POSE)
uninstall()
remember()
tell(uninstalled=left(), files=sorted({{*files()}} - {{*files_before}}))
"""
    told = bare.told(code, small_zip)
    assert is_brought(told)
    assert {name.partition("-")[0] for name in told["unpacked"]} <= {"PIL", "pillow", "pillow.libs"}
    for state in ("disabled", "uninstalled"):  # the folder stays on the path, for other extensions
        assert [entry for entry in told[state] if not entry.endswith("site-packages")] == []
    assert told["files"] == []
    after = bare.told(
        "import importlib.util as u; tell(enabled=enabled(), files=files(), pil=bool(u.find_spec('PIL')))"
    )
    assert (after["enabled"], after["files"], after["pil"]) == (False, [], False)


def test_a_blender_that_is_started_again_still_has_pillow(bare: Bare, small_zip: Path) -> None:
    assert is_brought(bare.told(INSTALL, small_zip))
    assert is_brought(bare.told(AGAIN))


REFUSED = """
try:
    install(sys.argv[2])
    error = ""
except RuntimeError as failed:
    error = str(failed)
remember()
tell(error=error, enabled=enabled())
"""


def test_wheels_for_another_python_are_refused_in_one_sentence(
    bare: Bare, extension_zip: Path, other_wheel: Path, tool: list[str | Path], tmp_path: Path
) -> None:
    wheel = tmp_path / "pillow-13.0.0-cp399-cp399-any.whl"
    wheel.write_bytes(other_wheel.read_bytes())
    told = bare.told(REFUSED, package(extension_zip, [wheel], tmp_path / "out", tool))
    assert re.search(r"This Python version \(3\.\d+\) isn't compatible with \(3\.99\)", told["error"] + told["printed"])
    assert "Traceback" not in told["error"] and not told["enabled"]


def test_half_a_zip_is_refused_in_one_sentence(bare: Bare, small_zip: Path, tmp_path: Path) -> None:
    half = tmp_path / small_zip.name
    half.write_bytes(small_zip.read_bytes()[: 1 << 20])
    told = bare.told(REFUSED, half)
    assert "Error extracting archive: File is not a zip file" in told["printed"]
    assert "Traceback" not in told["printed"] and not told["enabled"]


def test_where_wheels_cannot_be_unpacked_one_sentence_says_so(bare: Bare, small_zip: Path) -> None:
    """A file is where their folder should be: that even root cannot write, as users cannot in a read-only folder."""
    (bare.user / "extensions").mkdir(parents=True)
    (bare.user / "extensions/.local").write_text("")
    told = bare.told(REFUSED, small_zip)
    assert "Not a directory" in told["error"] and len(told["error"].splitlines()) <= 1
    (bare.user / "extensions/.local").unlink()
    assert is_brought(bare.told(f"{REFUSED}\ntell(pillow=pillow())", small_zip))


def test_another_pillow_in_site_packages_is_used_until_blender_starts_again(
    bare: Bare, small_zip: Path, other_wheel: Path
) -> None:
    unpack(other_wheel, bare.site_packages)
    told = bare.told(INSTALL, small_zip)
    assert told["enabled"] and re.match(rf"{OTHER} .*venv|{BROUGHT} ", told["pillow"])
    assert is_brought(bare.told(AGAIN))


def test_too_old_a_pillow_in_site_packages_is_told_or_not_used(bare: Bare, small_zip: Path) -> None:
    (bare.site_packages / "PIL").mkdir()
    (bare.site_packages / "PIL/__init__.py").write_text("__version__ = '9.0.0'\n")
    told = bare.told(INSTALL, small_zip)
    assert is_brought(told) or re.fullmatch(TOO_OLD, told["pillow"])
    assert is_brought(bare.told(AGAIN))


def test_a_newer_pillow_in_site_packages_is_as_good(
    bare: Bare, small_zip: Path, extension_zip: Path, other_wheel: Path, tool: list[str | Path], tmp_path: Path
) -> None:
    """Of a Photo Pose that brings the other one."""
    wheels = tmp_path / "wheels"
    unpack(small_zip, wheels)
    tag = f"cp{sys.version_info.major}{sys.version_info.minor}-manylinux"
    (newer,) = wheels.glob(f"wheels/*{tag}*.whl")
    unpack(newer, bare.site_packages)
    told = bare.told(INSTALL, package(extension_zip, [other_wheel], tmp_path / "out", tool))
    assert told["enabled"] and re.match(rf"{BROUGHT} .*venv|{OTHER} ", told["pillow"])


@pytest.mark.parametrize("first", ["other", "photo_pose"])
def test_two_extensions_with_pillows_share_the_newer_one(
    bare: Bare, small_zip: Path, other_extension: Callable[[str], Path], first: str
) -> None:
    both = [other_extension("pass"), small_zip]
    installed = [f"install(sys.argv[{number}])" for number in (2, 3)]
    order = installed if first == "other" else installed[::-1]
    assert is_brought(bare.told(f"{'; '.join(order)}; remember(); {AGAIN}", *both))
    assert is_brought(bare.told(AGAIN))
    told = bare.told("uninstall(); remember(); tell(enabled=enabled())")
    left = bare.told("import PIL; tell(version=PIL.__version__, files=files())")
    assert not told["enabled"] and left["version"] == OTHER
    assert not [name for name in left["files"] if "photo_pose" in name]


def test_photo_pose_keeps_its_pillow_when_the_other_extension_goes(
    bare: Bare, small_zip: Path, other_extension: Callable[[str], Path]
) -> None:
    bare.told("install(sys.argv[2]); install(sys.argv[3]); remember()", other_extension("pass"), small_zip)
    assert is_brought(bare.told(f"uninstall('other'); remember(); {AGAIN}"))
    assert is_brought(bare.told(AGAIN))


def test_an_extension_that_uses_its_pillow_meanwhile_is_no_hindrance_after_a_new_start(
    bare: Bare, small_zip: Path, other_extension: Callable[[str], Path]
) -> None:
    bare.told("install(sys.argv[2]); install(sys.argv[3]); remember()", other_extension("import PIL.Image"), small_zip)
    assert is_brought(bare.told(AGAIN))


def test_an_extension_that_uses_another_pillow_right_now_is_no_hindrance_or_one_sentence(
    bare: Bare, small_zip: Path, other_extension: Callable[[str], Path]
) -> None:
    """Blender changes the files of a package that is loaded: half of it is the one, half of it the other version."""
    install = "install(sys.argv[2]); install(sys.argv[3])"
    told = bare.told(f"{install}; {AGAIN}", other_extension("import PIL.Image"), small_zip)
    assert re.match(rf"{OTHER} |{BROUGHT} ", told["pillow"]) or told["pillow"].endswith("restart Blender.")


@pytest.fixture(scope="module")
def truck(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """A scene with a model, a photo of it, and what is true of that."""
    folder = tmp_path_factory.mktemp("truck")
    code = "import runpy\nscript = sys.argv[2]\nsys.argv = ['', '--', sys.argv[3]]\nrunpy.run_path(script)"
    Bare(folder).told(code, ROOT / "tests/real_blender/truck.py", folder)
    truth = json.loads((folder / "truth.json").read_text())
    return {"scene": folder / "scene.blend", "photo": ROOT / "tests/real_blender/photo.jpg", "truth": truth}


GOOD = 10.0  # degrees
TORCH = {
    "missing": None,
    "damaged": "raise ImportError('DLL load failed while importing _C')",
    "too old": "__version__ = '1.13.1'\ndef from_numpy(array): return array\ndef set_num_threads(count): pass",
}


@pytest.mark.parametrize("torch", TORCH)
def test_a_photo_is_matched_without_a_window_and_without_pytorch(
    bare: Bare, small_zip: Path, truck: dict[str, Any], tmp_path: Path, torch: str
) -> None:
    bare.told(INSTALL, small_zip)
    if TORCH[torch]:
        (bare.site_packages / "torch").mkdir()
        (bare.site_packages / "torch/__init__.py").write_text(TORCH[torch])
    command = bare.user / "extensions/user_default/photo_pose/batch.py"
    box = [f"{edge:.1f}" for edge in truck["truth"]["box"]]
    given = ["--blend", truck["scene"], "--photo", truck["photo"], "--box", *box, "--views", "50"]
    printed = bare.run(command, *given, "--cache", tmp_path / "cache", "--out", tmp_path / "out")
    (line,) = map(json.loads, (tmp_path / "out/results.jsonl").read_text().splitlines())
    assert line["status"] == "ok" and "Traceback" not in printed
    assert view_error(sum(line["camera"]["matrix_world"], []), truck["truth"]) < GOOD


def test_operators_match_refine_and_test_themselves_without_pytorch(
    bare: Bare, small_zip: Path, truck: dict[str, Any]
) -> None:
    code = """
install(sys.argv[2])
bpy.ops.wm.open_mainfile(filepath=sys.argv[3])
def matrix(): return [*sum((tuple(row) for row in bpy.context.scene.camera.matrix_world), ())]
tell(match=bpy.ops.photopose.match_photo(filepath=sys.argv[4], box=json.loads(sys.argv[5]), subdivisions=1))
tell(matched=matrix(), result=bpy.context.scene.photo_pose.result)
bpy.context.scene.camera.location.x += 0.1
tell(refine=bpy.ops.photopose.refine_camera(subdivisions=1), refined=matrix())
tell(test=bpy.ops.photopose.self_test(), torch="torch" in sys.modules)
uninstall()
tell(left=[name for name in registered() if "photo" in name.lower()])
"""
    told = bare.told(code, small_zip, truck["scene"], truck["photo"], json.dumps(truck["truth"]["box"]))
    assert [told[work] for work in ("match", "refine", "test")] == ["{'FINISHED'}"] * 3, told
    assert view_error(told["matched"], truck["truth"]) < GOOD and view_error(told["refined"], truck["truth"]) < GOOD
    assert "Self-test passed" in told["printed"] and not told["torch"]
    assert told["left"] == []
