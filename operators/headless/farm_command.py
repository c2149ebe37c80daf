"""The headless command `farm`: writes a job for a render farm that matches, prepares or makes a library, in many tasks.

An Open Job Description bundle, as AWS Deadline Cloud submits it, and a job type for Flamenco, of the same steps: their
tasks are commands with --slice, and `gather` or a last `library` without it, started as this one was. What differs
between machines, such as paths, is a parameter of the job, so that its host can map it.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import bpy

from ...inference.errors import PoseError, printable
from ...inference.files import writing
from ...inference.formats.strict_json import json_text
from ...inference.formats.yaml_text import yaml_text
from ..library.update import begun, found_in
from ..pictures.saving import make_folder
from .jobs import Job, read_jobs
from .library_command import asked_views
from .output import open_scene
from .prepare_command import units_of
from .slices import text_of
from .terminal import to_stderr

TASK_SECONDS = 300  # which a host may aim at when it cuts; a task starts in some seconds
MOST_PATHS = 40  # of the 50 parameters that an OpenJD job may have
OWN = {"help", "slice", "resume", "exit_zero", "progress", "quiet"}  # options that a task does not get from the user
FLAMENCO = """// A job type for Flamenco: put this file into the folder "scripts" beside Flamenco Manager.
// Photo Pose's command `farm` wrote it for one job, whose files are the defaults of its settings.

const JOB_TYPE = @JOB_TYPE@;

const STEPS = @STEPS@;

function compileJob(job) {
    let before = [];
    for (const step of STEPS) {
        const slices = step.things
            ? frameChunker(job.settings[step.things], job.settings[step.things + "PerTask"])
            : [""];
        before = slices.map((slice) => addTask(job, step, slice, before));
    }
}

function addTask(job, step, slice, before) {
    const words = step.words.map((word) => word.replace(/\\{\\{Param\\.(\\w+)\\}\\}/g, (_, key) => job.settings[key]));
    const task = author.Task(slice ? `${step.name} ${slice}` : step.name, "blender");
    task.addCommand(author.Command("exec", {
        exe: job.settings.Executable,
        args: slice ? words.concat(["--slice", slice]) : words,
    }));
    for (const other of before) {
        task.addDependency(other);
    }
    job.addTask(task);
    return task;
}
"""


# What is cut into slices, and whose models they are: model files where the command makes or prepares them
JOBS = {"match": ("prepare", "match", "gather"), "prepare": ("prepare",), "library": ("library", "library")}
SLICED = {"prepare": "Models", "library": "Models", "match": "Photos"}


class Step(NamedTuple):
    """What a task starts; things: what the step is cut into slices of, a parameter, "" where it is one task."""

    command: str
    name: str
    words: list[str]
    things: str = ""


class Parameter(NamedTuple):
    """Of the job; flow: which way a path's files go, IN, OUT or INOUT."""

    name: str
    value: str | int
    is_folder: bool = False
    flow: str = ""


class Parameters(dict[str, Parameter]):
    """By their names."""

    def refer(self, *fields: Any) -> str:
        """What stands for the parameter with these fields in a task's words."""
        self[fields[0]] = Parameter(*fields)
        return f"{{{{Param.{fields[0]}}}}}"

    def path(self, name: str, path: Path, made: bool = False) -> str:
        """The same of a path; made: of a folder that the job makes, or adds to."""
        path = Path(os.path.abspath(path))
        flow = "IN" if not made else "INOUT" if path.is_dir() else "OUT"
        return self.refer(name, str(path), made or path.is_dir(), flow)


def run(options: argparse.Namespace) -> int:
    """0; PoseError where the job could not begin."""
    given, jobs = _asked(options)
    sizes = {"Models": (_models(given, options.job[0]), options.models_per_task)}
    sizes |= {"Photos": (len(jobs), options.photos_per_task)} if jobs else {}
    parameters = Parameters()
    steps: list[Step] = []
    for command in JOBS[options.job[0]]:
        last = any(step.command == command for step in steps)
        steps.append(_step(command, options.parsers[command], given, parameters, last))
    for things, (count, size) in sizes.items():
        parameters.refer(things, text_of(range(count)))
        parameters.refer(f"{things}PerTask", size)
    if sum(bool(one.flow) for one in parameters.values()) > MOST_PATHS:
        raise PoseError(f"A farm's job has room for {MOST_PATHS} paths: give --model a folder of models.")
    _write(options.out, given, jobs, steps, parameters)
    told = ", ".join(f"{count} {things.lower()} in tasks of {size}" for things, (count, size) in sizes.items())
    print(printable(f"{options.out}: {told}."))
    return 0


def _asked(options: argparse.Namespace) -> tuple[argparse.Namespace, list[Job]]:
    """What the farm is to do, as its command understands it, in the scene that this works in; and the photos."""
    name, *words = options.job or [""]
    if name not in JOBS:
        raise PoseError("Say what the farm is to do, match, prepare or library, and then that command's own arguments.")
    given = options.parsers[name].parse_args(words)
    for path in given.model or []:
        if not path.exists():  # every task would say so
            raise PoseError(f'Model file "{path}" does not exist.')
    open_scene(given)
    make_folder(options.out)
    jobs = read_jobs(given) if name == "match" else []
    if jobs:
        given.cache = given.cache or given.out / "training_views"
        given.jobs, given.photo = given.jobs or _jobs_file(jobs, options.out), None
    if name == "library":
        if not given.model:
            raise PoseError("Say where the library's models are, with --model: machines may call that otherwise.")
        given.cache = None
        begun(given.out, asked_views(given), given.model)  # what is wrong with it, every task would say
    elif not given.cache:
        raise PoseError("Give prepare a --cache that every machine of the farm reaches.")
    return given, jobs


def _models(given: argparse.Namespace, name: str) -> int:
    """How many models, or model files, there are for the tasks that make or prepare them."""
    return len(found_in(given.out, given.model, to_stderr) if name == "library" else units_of(given))


def _jobs_file(jobs: Sequence[Job], folder: Path) -> Path:
    """The photos as a jobs file: a job has no room for thousands of them."""
    path = folder / "photos.jsonl"
    with writing(path):
        path.write_text("".join(json_text({"photo": _beside(job["photo"], folder)}) + "\n" for job in jobs))
    return path


def _beside(path: Path, folder: Path) -> str:
    """Relative to the folder, so that it holds wherever both are; on another drive it cannot be."""
    try:
        return Path(os.path.relpath(path, folder)).as_posix()
    except ValueError:
        return Path(os.path.abspath(path)).as_posix()


def _step(
    command: str, parser: argparse.ArgumentParser, given: argparse.Namespace, parameters: Parameters, last: bool
) -> Step:
    """A step that starts the command with as much of what the user has given as it knows; last: after all slices."""
    own = ["--progress", "openjd"] if command in SLICED else []
    own += ["--resume"] if command == "match" else []
    words = [*_program(parameters), command, *_words(parser, given, parameters), "--exit-zero", *own]
    return Step(command, "Gather" if last else command.title(), words, "" if last else SLICED.get(command, ""))


def _program(parameters: Parameters) -> list[str]:
    """What starts a command, up to its name, as this one was started; the first word is the parameter Executable."""
    extension = Path(__file__).resolve().parents[2]
    if not bpy.app.binary_path:  # the bpy module
        parameters.refer("Executable", sys.executable)
        return [f"{parameters.path('Extension', extension)}/batch.py"]
    parameters.refer("Executable", "blender")
    scene = [parameters.path("Blend", Path(bpy.data.filepath))] if bpy.data.filepath else []
    if __package__.startswith("bl_ext."):
        return ["-b", *scene, "--command", "photo_pose"]
    return ["-b", *scene, "--python", f"{parameters.path('Extension', extension)}/batch.py", "--"]


def _words(parser: argparse.ArgumentParser, given: argparse.Namespace, parameters: Parameters) -> list[str]:
    """The options that the parser knows, with those values that are not its defaults."""
    words: list[str] = []
    known = OWN.copy()
    for action in parser._actions:
        value = getattr(given, action.dest, None)
        if action.dest in known or value is None or value == action.default:
            continue
        known.add(action.dest)  # several options may set it
        words.append(action.option_strings[0])
        values = value if isinstance(value, list) else [value]
        for number, one in enumerate(values, 1):
            name = f"{action.dest.title()}{number if len(values) > 1 else ''}".replace("_", "")
            if isinstance(one, Path) or (action.dest == "network" and Path(one).is_file()):
                words.append(parameters.path(name, Path(one), action.dest in ("out", "cache")))
            elif action.nargs != 0:  # else the option says all
                words.append(str(one))
    return words


def _write(
    folder: Path, given: argparse.Namespace, jobs: Sequence[Job], steps: Sequence[Step], parameters: Parameters
) -> None:
    paths = [one for one in parameters.values() if one.flow]
    files = {
        "template.yaml": yaml_text(_template(steps, parameters)),
        "parameter_values.yaml": yaml_text(
            {"parameterValues": [{"name": one.name, "value": printable(one.value)} for one in paths]}
        ),
        "asset_references.yaml": yaml_text(_asset_references(given, jobs)),
        "photo_pose.js": _flamenco(steps, parameters),
    }
    for name, text in files.items():
        with writing(folder / name):
            (folder / name).write_text(text, encoding="utf-8")


def _template(steps: Sequence[Step], parameters: Parameters) -> dict[str, Any]:
    """Of Open Job Description."""
    definitions = []
    for name, value, is_folder, flow in parameters.values():
        if flow:
            kind = {"objectType": "DIRECTORY" if is_folder else "FILE", "dataFlow": flow}
            definitions.append({"name": name, "type": "PATH", **kind})
        else:
            definitions.append({"name": name, "type": "INT" if isinstance(value, int) else "STRING", "default": value})
    described, before = [], ""
    for step in steps:
        described.append(_described(step, before))
        before = step.name
    return {
        "specificationVersion": "jobtemplate-2023-09",
        "extensions": ["TASK_CHUNKING"],
        "name": "Photo Pose",
        "parameterDefinitions": definitions,
        "steps": described,
    }


def _described(step: Step, before: str) -> dict[str, Any]:
    described: dict[str, Any] = {"name": step.name}
    words = step.words
    if before:
        described["dependencies"] = [{"dependsOn": before}]
    if step.things:
        size = {"defaultTaskCount": f"{{{{Param.{step.things}PerTask}}}}", "targetRuntimeSeconds": TASK_SECONDS}
        chunks = {"chunks": {**size, "rangeConstraint": "CONTIGUOUS"}}
        cut = {"name": "Slice", "type": "CHUNK[INT]", "range": f"{{{{Param.{step.things}}}}}", **chunks}
        described["parameterSpace"] = {"taskParameterDefinitions": [cut]}
        words = [*words, "--slice", "{{Task.Param.Slice}}"]
    described["script"] = {"actions": {"onRun": {"command": "{{Param.Executable}}", "args": words}}}
    return described


def _asset_references(given: argparse.Namespace, jobs: Sequence[Job]) -> dict[str, Any]:
    """What a farm without a shared disk has to bring along, beside the paths that are parameters."""
    named = [job[key] for job in jobs for key in ("photo", "mask") if job[key]]
    named += bpy.utils.blend_paths(absolute=True)
    files = {printable(os.path.abspath(path)) for path in named if Path(path).is_file()}
    beside = {os.path.abspath(path.parent) for path in given.model or [] if path.is_file()}  # where its materials lie
    made = [os.path.abspath(path) for path in (getattr(given, "out", None), given.cache) if path]
    inputs = {"filenames": sorted(files), "directories": sorted(map(printable, beside))}
    outputs = {"directories": [*map(printable, made)]}
    return {"assetReferences": {"inputs": inputs, "outputs": outputs, "referencedPaths": []}}


def _flamenco(steps: Sequence[Step], parameters: Parameters) -> str:
    settings = []
    for name, value, is_folder, flow in parameters.values():
        kind = {"type": "int32" if isinstance(value, int) else "string"}
        kind |= {"subtype": "dir_path" if is_folder else "file_path"} if flow else {}
        default = "{blender}" if (name, value) == ("Executable", "blender") else value
        settings.append({"key": name, **kind, "required": True, "default": default})
    written = {
        "JOB_TYPE": {"label": "Photo Pose", "settings": settings},
        "STEPS": [{"name": one.name, "words": one.words, "things": one.things} for one in steps],
    }
    text = FLAMENCO
    for name, value in written.items():
        text = text.replace(f"@{name}@", json_text(value, indent=4))
    return text
