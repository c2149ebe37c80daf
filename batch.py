"""Photo Pose without a user interface: matches cameras to photos and writes them to a folder.

blender -b scene.blend --python batch.py -- ARGS      in Blender
blender -b scene.blend --command photo_pose ARGS      in Blender with the extension enabled
python batch.py [--blend scene.blend] ARGS            with the bpy module

The first word of ARGS may be another command, such as which, label or train: `label --help` tells its arguments.
"""

from __future__ import annotations

import argparse
import importlib
import importlib.util
import sys
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

USAGE_ERROR = 2


class UsageError(Exception):
    """Wrong arguments; its text is one sentence."""


def positive(text: str) -> int:
    """A whole number from 1, for argparse."""
    number = int(text)
    if number < 1:
        raise ValueError
    return number


def natural(text: str) -> int:
    """A whole number from 0, for argparse."""
    number = int(text)
    if number < 0:
        raise ValueError
    return number


class Parser(argparse.ArgumentParser):
    def error(self, message: str) -> None:
        raise UsageError(f"{message[:1].upper()}{message[1:]}.")


def parser(name: str, with_blend: bool) -> argparse.ArgumentParser:
    """The arguments of a command."""
    command = COMMANDS[name]
    epilog = f"The first word may be a command: {', '.join(COMMANDS)}; each has its own --help."
    parser = Parser(prog=f"photo_pose {name}", description=command.description, epilog=epilog, allow_abbrev=False)
    if with_blend:
        parser.add_argument("--blend", type=Path, metavar="FILE", help="scene to work in; default: an empty one")
    if command.out:
        parser.add_argument("--out", type=Path, required=True, metavar=command.out)
    command.arguments(parser)
    return parser


def match_arguments(parser: argparse.ArgumentParser) -> None:
    """Other people's scripts rely on them."""
    from .inference.look import DEFAULT_CANDIDATES, DEFAULT_NETWORK

    photo_arguments(parser)
    parser.add_argument(
        "--network",
        default=DEFAULT_NETWORK,
        metavar="NAME",
        help=f"{DEFAULT_NETWORK} (default); with --method knn also inception_v3[:LAYER]; or what names the direction "
        "at once, with --method vote together with the views: regressor, regressor_lite0, FILE.npz",
    )
    parser.add_argument("--download", action="store_true", help="fetch torchvision's weights of inception_v3")
    parser.add_argument(
        "--method",
        choices=("match", "vote", "knn"),
        default="match",
        help="vote: the photo shows none of the models but something like them (of several chairs match finds that "
        "by itself, in a given box); knn: the paper's recipe",
    )
    parser.add_argument("--candidates", type=positive, default=DEFAULT_CANDIDATES, metavar="N")
    parser.add_argument("--no-refine", dest="refine", action="store_false")
    parser.add_argument("--render", action="store_true", help="also render the scene from each camera")
    contact_sheet_argument(parser)
    slice_argument(parser, "photos, into results.A-B.jsonl, which `gather` puts together")
    host_arguments(parser)
    what = "do not match photos again that were matched from the same files, with the same settings and version"
    parser.add_argument("--resume", action="store_true", help=what)


def prepare_arguments(parser: argparse.ArgumentParser) -> None:
    from .inference.look import DEFAULT_NETWORK

    model_arguments(parser)
    parser.add_argument("--network", default=DEFAULT_NETWORK, metavar="NAME", help="as for matching")
    view_arguments(parser)
    slice_argument(parser, "model files, or of the scene's models")
    host_arguments(parser)
    machine_arguments(parser)


def library_arguments(parser: argparse.ArgumentParser) -> None:
    what = "model files, and folders with all below them; default: those that the library was made of"
    parser.add_argument("--model", type=Path, nargs="+", default=[], metavar="FILE", help=what)
    what = "take the models of these files and folders out of the library, whether they are there or not"
    parser.add_argument("--forget", type=Path, nargs="+", default=[], metavar="FILE", help=what)
    up_axis_argument(parser)
    views = "at least so many training views of each model; default 209; of a library that is there: as it has"
    parser.add_argument("--views", type=positive, metavar="N", help=views)
    seen = "where the models are seen from; full: things that lie or hang in any way; default upper"
    parser.add_argument("--sphere", choices=("upper", "full"), help=seen)
    slice_argument(parser, "model files; a last run without it gathers them for the search")
    host_arguments(parser)
    parser.add_argument("--quiet", action="store_true", help="no progress, and no line a model, on a terminal")
    machine_arguments(parser)


def farm_arguments(parser: argparse.ArgumentParser) -> None:
    size = "of a step are a task; default %(default)s"
    parser.add_argument("--photos-per-task", type=positive, default=50, metavar="N", help=f"so many photos {size}")
    parser.add_argument("--models-per-task", type=positive, default=20, metavar="N", help=f"so many model files {size}")
    what = "match, prepare or library, with its own arguments"
    parser.add_argument("job", nargs=argparse.REMAINDER, metavar="COMMAND ...", help=what)


def gather_arguments(parser: argparse.ArgumentParser) -> None:
    model_arguments(parser)
    photo_list_arguments(parser)
    contact_sheet_argument(parser)
    exit_argument(parser)


def which_arguments(parser: argparse.ArgumentParser) -> None:
    from .inference.look import DEFAULT_NETWORK

    what = "look among the models of this library, which the command library has made; no others then"
    parser.add_argument("--library", type=Path, metavar="DIR", help=what)
    photo_arguments(parser)
    parser.add_argument(
        "--network",
        default=DEFAULT_NETWORK,
        metavar="NAME",
        help=f"whose features tell the models apart: {DEFAULT_NETWORK} (default), which regressors stand for too",
    )


def photo_arguments(parser: argparse.ArgumentParser) -> None:
    """Photos, models and how they are looked at."""
    model_arguments(parser)
    photo_list_arguments(parser)
    parser.add_argument(
        "--box",
        type=float,
        nargs=4,
        metavar=("L", "T", "R", "B"),
        help="px in the upright photo; default: what stands out",
    )
    parser.add_argument("--mask", type=Path, metavar="FILE", help="white where the object is")
    lens_arguments(parser, orthographic=True)
    view_arguments(parser)
    machine_arguments(parser)


def photo_list_arguments(parser: argparse.ArgumentParser) -> None:
    photos = parser.add_mutually_exclusive_group(required=True)
    photos.add_argument("--photo", type=Path, nargs="+", metavar="FILE")
    photos.add_argument("--jobs", type=Path, metavar="FILE.jsonl", help="one line of JSON a photo, instead of --photo")


def contact_sheet_argument(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--contact-sheet", action="store_true", help="also one picture of all photos and overlays")


def slice_argument(parser: argparse.ArgumentParser, things: str) -> None:
    parser.add_argument("--slice", metavar="A-B", help=f"only these, counted from 0, of the {things}")


def host_arguments(parser: argparse.ArgumentParser) -> None:
    """How the host of a farm is answered."""
    exit_argument(parser)
    how = "tell the host of a farm how far it is, on stdout: openjd, as Open Job Description wants it"
    parser.add_argument("--progress", choices=("openjd",), help=how)


def exit_argument(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--exit-zero", action="store_true", help="exit status 0 also when some failed, and are named")


def view_arguments(parser: argparse.ArgumentParser) -> None:
    """Training views: which, and where they are kept."""
    parser.add_argument(
        "--views", type=positive, metavar="N", help="at least so many training views; default 209 or 386"
    )
    stands = parser.add_mutually_exclusive_group()
    stands.add_argument(
        "--stands",
        choices=("automatic", "upright", "any_way"),
        help="how the object stands: on a floor before a level camera, in any way, or found out (default)",
    )
    stands.add_argument("--upright", dest="stands", action="store_const", const="upright", help="--stands upright")
    stands.add_argument("--any-roll", dest="stands", action="store_const", const="any_way", help="--stands any_way")
    parser.add_argument("--sphere", choices=("upper", "full"), help="where it is seen from; default: by --stands")
    parser.add_argument("--cache", type=Path, metavar="DIR", help="of the training views")
    parser.add_argument("--quiet", action="store_true", help="no progress, and no line a photo, on a terminal")


def model_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--model", type=Path, nargs="+", metavar="FILE", help="import these; default: the scene's models"
    )
    up_axis_argument(parser)
    parser.add_argument("--object", nargs="+", metavar="NAME", help="only these models of the scene")


def up_axis_argument(parser: argparse.ArgumentParser) -> None:
    up = "which axis points up in the files; default: y in .obj and .fbx, z in .ply and .stl"
    parser.add_argument("--up-axis", type=str.upper, choices=("Y", "Z"), default="", metavar="{y,z}", help=up)


def machine_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--threads", type=positive, metavar="N")
    from .inference.networks.backends import DEVICES

    device = "what runs the networks: numpy, or PyTorch's cpu, cuda or mps; default: that of the preferences, else auto"
    parser.add_argument("--device", choices=DEVICES, help=device)


def lens_arguments(parser: argparse.ArgumentParser, orthographic: bool = False) -> None:
    """orthographic: whether pictures may have no perspective."""
    focal = parser.add_mutually_exclusive_group()
    focal.add_argument(
        "--focal", type=float, metavar="PX", help="default: EXIF's where they fit the picture, else estimated"
    )
    focal.add_argument("--lens", type=float, metavar="MM")
    if orthographic:
        focal.add_argument("--orthographic", action="store_true", help="no perspective, as in drawings and catalogues")
    parser.add_argument(
        "--sensor", type=float, default=36.0, metavar="MM", help="along the photo's longer side; default 36"
    )
    parser.add_argument("--principal-point", type=float, nargs=2, metavar=("X", "Y"), help="px; default: the centre")


def label_arguments(parser: argparse.ArgumentParser) -> None:
    board = "inner corners of the chessboard in a row, and rows of them"
    parser.add_argument("--corners", type=int, nargs=2, required=True, metavar=("COLUMNS", "ROWS"), help=board)
    parser.add_argument("--square", type=float, required=True, metavar="MM", help="side of a square")
    parser.add_argument("--board-photo", type=Path, metavar="FILE", help="with the board")
    parser.add_argument("--photo", type=Path, nargs="+", metavar="FILE", help="from the same place, without it")
    parser.add_argument("--board", metavar="NAME", help="object that stands for it; default: the world's XY plane")
    parser.add_argument("--calibrate", type=Path, nargs="+", metavar="FILE", help="photos of it that tell the lens")
    lens_arguments(parser)


def train_arguments(parser: argparse.ArgumentParser) -> None:
    model_arguments(parser)
    parser.add_argument("--network", choices=("regressor", "regressor_lite0"), default="regressor_lite0")
    parser.add_argument("--sphere", choices=("upper", "full"), default="upper", help="where the models are seen from")
    parser.add_argument("--views", type=positive, default=300, metavar="N", help="of each model; default 300")
    parser.add_argument("--epochs", type=positive, default=20, metavar="N", help="at most; default 20")
    parser.add_argument("--backgrounds", type=Path, metavar="DIR", help="photos; default: made-up patterns")
    parser.add_argument("--seed", type=natural, default=0, metavar="N", help="the same seed, the same network")
    parser.add_argument("--resume", action="store_true", help="go on where the same training was stopped")
    machine_arguments(parser)


class Command(NamedTuple):
    """arguments adds to a parser what the module's `run` asks for; needs: packages that Blender does not bring.

    out: what it writes, "" where that has a place of its own.
    """

    module: str
    arguments: Callable[[argparse.ArgumentParser], None]
    description: str
    needs: tuple[str, ...] = ("PIL", "torch")
    out: str = "DIR"


COMMANDS = {
    "match": Command("match_command", match_arguments, "Match cameras to photos."),
    "prepare": Command("prepare_command", prepare_arguments, "Render training views, and keep them.", out=""),
    "gather": Command("gather_command", gather_arguments, "Put the results of slices together.", ("PIL",)),
    "library": Command("library_command", library_arguments, "Make a library of models to search, or update it."),
    "farm": Command("farm_command", farm_arguments, "Write a job for a render farm.", ("PIL",)),
    "which": Command("which_command", which_arguments, "Find out which model each photo shows."),
    "label": Command("label_command", label_arguments, "Find cameras of photos by a chessboard.", ("PIL",)),
    "train": Command("train_command", train_arguments, "Train a network on models.", out="FILE.npz"),
}


def main(argv: list[str], with_blend: bool = False) -> int:
    """Runs a command in the scene that is open, or that of --blend, where there is such an option.

    Gives the exit status: 0 all photos went well, 1 some failed or it was stopped, 2 bad usage.
    """
    from .inference.errors import PoseError
    from .operators.running.python_packages import require_packages
    from .preferences import preferred

    name, *rest = argv if argv and argv[0] in COMMANDS else ["match", *argv]
    try:
        options = parser(name, with_blend).parse_args(rest)
        if name == "farm":
            options.parsers = {step: parser(step, with_blend) for step in ("prepare", "match", "library", "gather")}
        if getattr(options, "device", "") is None:
            options.device = preferred().device
        require_packages(*COMMANDS[name].needs, device=getattr(options, "device", ""))
        return importlib.import_module(f".operators.headless.{COMMANDS[name].module}", __package__).run(options)
    except SystemExit as stop:  # --help
        return int(stop.code or 0)
    except (UsageError, PoseError) as error:
        print(f"photo_pose: {error}", file=sys.stderr)
        return USAGE_ERROR


def start(argv: list[str], with_blend: bool = False) -> int:
    """`main` in the .blend that Blender was told to open, else in an empty scene: never in its start-up scene."""
    import bpy

    from .operators.running.quiet_blender import quiet

    if not bpy.data.filepath:
        with quiet():
            bpy.ops.wm.read_homefile(use_factory_startup=True, use_empty=True)
    return main(argv, with_blend)


def _package() -> str:
    """Loads this folder as a package, for a script has none, and gives its name."""
    name = "photo_pose"
    if name not in sys.modules:
        root = Path(__file__).resolve().parent
        spec = importlib.util.spec_from_file_location(
            name, root / "__init__.py", submodule_search_locations=[str(root)]
        )
        sys.modules[name] = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(sys.modules[name])
    return name


def _script() -> int:
    import bpy

    module = importlib.import_module(f"{_package()}.batch")
    if not bpy.app.binary_path:  # the bpy module
        return module.start(sys.argv[1:], with_blend=True)
    return module.start(sys.argv[sys.argv.index("--") + 1 :] if "--" in sys.argv else [])


if __name__ == "__main__":
    try:
        status = _script()
    except Exception:  # Blender would end with status 0
        traceback.print_exc()
        status = 1
    sys.stdout.flush()
    sys.stderr.flush()
    sys.exit(status)
