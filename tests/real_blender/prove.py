"""Proves in a real Blender with a window that the extension does what its manual says; `make test-blender` runs it.

It builds and installs the zip, runs the commands without a window, then uses mouse and keyboard as a newcomer would.
Pictures of the screen, and what Blender printed, stay in the folder; what fails is told in one sentence each.
"""

from __future__ import annotations

import argparse
import json
import shutil
import sys
import time
from importlib.util import find_spec
from pathlib import Path

from blender import Blender, ProofError, check, failures

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
OUT = ROOT / "build/test-blender"
ADD_ON = "extensions/user_default/photo_pose"
CACHE = "extensions/.user/user_default/photo_pose/cache"  # as the window's
DEBIAN = "apt install blender python3-torch python3-pil xvfb xdotool tkdnd"


def require_programs(executable: str) -> None:
    for program in (executable, "Xvfb", "xdotool", "wish"):
        if not shutil.which(program):
            raise ProofError(f"The proof needs {program}, which is not there; on Debian 13: {DEBIAN}.")
    for package in ("numpy", "PIL"):
        if not find_spec(package):
            raise ProofError(f"The proof needs {package} in {sys.executable}; on Debian 13: {DEBIAN}.")


def install(blender: Blender, archive: Path | None) -> None:
    """The zip, as users do; in folders that nobody has used before. Without one, what the repository holds, for a
    Blender that has the packages itself."""
    print("Installing", flush=True)
    has = [name for name in ("torch", "PIL") if imports(blender, name)]
    print(f"  Its own packages: {', '.join(has) or 'neither PyTorch nor Pillow'}")
    if not archive:
        check("PIL" in has, f"{blender.executable} imports Pillow; on Debian 13: {DEBIAN}")
        blender.run("--command", "extension", "build", "--source-dir", ROOT, "--output-dir", blender.folder)
        (archive,) = blender.folder.glob("photo_pose-*.zip")
    blender.run("--command", "extension", "install-file", "-r", "user_default", "-e", archive)
    check((blender.folder / "user" / ADD_ON / "__init__.py").exists(), "the zip is installed")


def imports(blender: Blender, name: str) -> bool:
    """An empty folder of that name, which Python takes for a package, does not count."""
    found = f"import importlib.util, {name}; assert importlib.util.find_spec('{name}').origin"
    try:
        blender.run("-b", "--factory-startup", "--python-exit-code", 9, "--python-expr", found)
    except ProofError:
        return False
    return True


def build_truck(blender: Blender) -> dict:
    """The scene; returns what is true of its photo."""
    script = HERE / "truck.py"
    blender.run("-b", "--factory-startup", "--python-exit-code", 9, "--python", script, "--", blender.folder)
    return json.loads((blender.folder / "truth.json").read_text())


def prove_languages(blender: Blender) -> None:
    """Whether the application knows our languages by the names that we give them."""
    print("Languages", flush=True)
    printed = blender.run("-b", "--python-exit-code", 9, "--python", HERE / "languages.py")
    said = next(line for line in printed.splitlines() if line.startswith("LANGUAGES "))
    for language, lacking in json.loads(said.removeprefix("LANGUAGES ")).items():
        check(not lacking, f"texts that are lacking in {language}: {', '.join(lacking[:3]) or 'none'}")


def prove_commands(blender: Blender, truth: dict) -> None:
    """The two forms of the command without a window."""
    from looks import view_error
    from read_only import prove_read_only

    print("Without a window", flush=True)
    scene, photo, folder = blender.folder / "scene.blend", HERE / "photo.jpg", blender.folder
    box = ["--box", *(f"{edge:.1f}" for edge in truth["box"])]
    look = ["--views", 50, "--cache", folder / "user" / CACHE, *box]
    script = folder / "user" / ADD_ON / "batch.py"
    german = "import bpy; bpy.context.preferences.view.language = 'de_DE'"  # Blender's own new data have German names
    words = ["-b", scene, "--python-expr", german, "--python", script]
    blender.run(*words, "--", "--photo", photo, *look, "--out", folder / "script")
    both = ["--photo", photo, folder / "missing.jpg", "--out", folder / "command"]
    blender.run("-b", scene, "--command", "photo_pose", *both, *look, status=1)
    for name, statuses in (("script", ["ok"]), ("command", ["ok", "error"])):
        lines = [json.loads(line) for line in (folder / name / "results.jsonl").read_text().splitlines()]
        check([line["status"] for line in lines] == statuses, f"results of the {name} say {', '.join(statuses)}")
        off = view_error(sum(lines[0]["camera"]["matrix_world"], []), truth)
        check(off < 10, f"the {name} finds the view, {off:.1f} degrees off")
        check((folder / name / "photo_overlay.png").exists(), f"the {name} writes an overlay picture")
    prove_slices(blender, scene, [photo, folder / "missing.jpg"], look)
    prove_empty_scene(blender, ["--photo", photo, "--model", scene, "--method", "knn", *look])
    prove_read_only(blender, ["--photo", photo, "--views", 10, "--no-refine", *box])


def prove_slices(blender: Blender, scene: Path, photos: list[Path], look: list[object]) -> None:
    """Two photos, the second of which there is not, matched one by one as on two machines, and put together."""
    out, command = blender.folder / "sliced", ["-b", scene, "--command", "photo_pose"]
    given = ["--photo", *photos, "--out", out]
    for number in range(2):
        blender.run(*command, "match", *given, *look, "--method", "knn", "--slice", number, "--exit-zero")
    blender.run(*command, "gather", *given, status=1)
    lines = [json.loads(line)["status"] for line in (out / "results.jsonl").read_text().splitlines()]
    check(lines == ["ok", "error"] and (out / "matched.blend").is_file(), "slices are put together")


def prove_empty_scene(blender: Blender, look: list[object]) -> None:
    """Without a .blend the command works in no start-up scene; look: its arguments, among them a model."""
    out = blender.folder / "empty"
    blender.run("-b", "--command", "photo_pose", "--out", out, *look)
    names = "import bpy; print('OBJECTS', *(obj.name for obj in bpy.data.objects if obj.type == 'MESH'))"
    printed = blender.run("-b", out / "matched.blend", "--python-expr", names)
    (objects,) = [line.split()[1:] for line in printed.splitlines() if line.startswith("OBJECTS")]
    check(bool(objects) and "Cube" not in objects, f"without a .blend there is the model alone: {', '.join(objects)}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--blender", default="blender", metavar="EXECUTABLE")
    parser.add_argument("--pictures", type=Path, metavar="FOLDER", help="write the manual's pictures there")
    parser.add_argument("--zip", type=Path, metavar="FILE", help="of the extension; else one is built without Pillow")
    options = parser.parse_args()
    began = time.monotonic()
    try:
        require_programs(options.blender)
        shutil.rmtree(OUT, ignore_errors=True)
        OUT.mkdir(parents=True)
        blender = Blender(options.blender, OUT)
        install(blender, options.zip)
        truth = build_truck(blender)
        prove_languages(blender)
        prove_commands(blender, truth)
        from pictures import write_pictures
        from workflow import prove_window

        state = prove_window(blender, truth)
        if options.pictures:
            write_pictures(OUT, state, truth["size"], options.pictures)
    except ProofError as failure:
        check(False, str(failure))
    print(f"{time.monotonic() - began:.0f} s, pictures in {OUT}")
    for sentence in failures:
        print(f"FAILED: {sentence}", file=sys.stderr)
    sys.exit(bool(failures))


if __name__ == "__main__":
    main()
