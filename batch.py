"""Photo Pose without a user interface: matches cameras to photos and writes them to a folder.

blender -b scene.blend --python batch.py -- ARGS      in Blender
blender -b scene.blend --command photo_pose ARGS      in Blender with the extension enabled
python batch.py [--blend scene.blend] ARGS            with the bpy module

With the word train before ARGS it trains a network on models instead: `batch.py train --help`.
"""

from __future__ import annotations

import argparse
import importlib.util
import sys
import traceback
from pathlib import Path

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


def parser(with_blend: bool) -> argparse.ArgumentParser:
    """The arguments of DESIGN.md's headless contract, which other people's scripts rely on."""
    epilog = 'With "train" as the first word a network is trained on models instead: see train --help.'
    parser = Parser(prog="photo_pose", description="Match cameras to photos.", epilog=epilog, allow_abbrev=False)
    _add_models(parser, with_blend)
    photos = parser.add_mutually_exclusive_group(required=True)
    photos.add_argument("--photo", type=Path, nargs="+", metavar="FILE")
    photos.add_argument("--jobs", type=Path, metavar="FILE.jsonl", help="one line of JSON a photo, instead of --photo")
    parser.add_argument("--out", type=Path, required=True, metavar="DIR")
    parser.add_argument(
        "--box",
        type=float,
        nargs=4,
        metavar=("L", "T", "R", "B"),
        help="px in the upright photo; default: what stands out",
    )
    parser.add_argument("--mask", type=Path, metavar="FILE", help="white where the object is")
    parser.add_argument("--focal", type=float, metavar="PX", help="default: EXIF's, else estimated from the picture")
    parser.add_argument("--lens", type=float, metavar="MM")
    parser.add_argument(
        "--sensor", type=float, default=36.0, metavar="MM", help="along the photo's longer side; default 36"
    )
    parser.add_argument("--principal-point", type=float, nargs=2, metavar=("X", "Y"), help="px; default: the centre")
    parser.add_argument(
        "--network",
        default="efficientnet_lite0",
        metavar="NAME",
        help="efficientnet_lite0 (default); with --method knn also inception_v3[:LAYER]; or what names the direction "
        "at once: regressor, regressor_lite0, FILE.npz",
    )
    parser.add_argument("--download", action="store_true", help="fetch torchvision's weights of inception_v3")
    parser.add_argument("--method", choices=("match", "knn"), default="match")
    parser.add_argument(
        "--views", type=positive, metavar="N", help="at least so many training views; default 209 or 386"
    )
    parser.add_argument("--sphere", choices=("upper", "full"), default="upper", help="where the object is seen from")
    roll = parser.add_mutually_exclusive_group()
    roll.add_argument("--upright", dest="any_roll", action="store_false", help="the camera is about level (default)")
    roll.add_argument("--any-roll", dest="any_roll", action="store_true")
    parser.add_argument("--candidates", type=positive, default=6, metavar="N")
    parser.add_argument("--cache", type=Path, metavar="DIR", help="of the training views")
    parser.add_argument("--no-refine", dest="refine", action="store_false")
    parser.add_argument("--render", action="store_true", help="also render the scene from each camera")
    _add_machine(parser)
    return parser


def trainer(with_blend: bool) -> argparse.ArgumentParser:
    """The arguments after the word train."""
    parser = Parser(prog="photo_pose train", description="Train a network on models.", allow_abbrev=False)
    _add_models(parser, with_blend)
    parser.add_argument("--out", type=Path, required=True, metavar="FILE.npz", help="the network, for --network")
    parser.add_argument("--network", choices=("regressor", "regressor_lite0"), default="regressor_lite0")
    parser.add_argument("--sphere", choices=("upper", "full"), default="upper", help="where the models are seen from")
    parser.add_argument("--views", type=positive, default=300, metavar="N", help="of each model; default 300")
    parser.add_argument("--epochs", type=positive, default=20, metavar="N", help="at most; default 20")
    parser.add_argument("--backgrounds", type=Path, metavar="DIR", help="photos; default: made-up patterns")
    parser.add_argument("--seed", type=natural, default=0, metavar="N", help="the same seed, the same network")
    parser.add_argument("--resume", action="store_true", help="go on where the same training was stopped")
    _add_machine(parser)
    return parser


def _add_models(parser: argparse.ArgumentParser, with_blend: bool) -> None:
    if with_blend:
        parser.add_argument("--blend", type=Path, metavar="FILE", help="scene to work in; default: an empty one")
    parser.add_argument(
        "--model", type=Path, nargs="+", metavar="FILE", help="import these; default: the scene's models"
    )
    parser.add_argument("--object", nargs="+", metavar="NAME", help="only these models of the scene")


def _add_machine(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--threads", type=positive, metavar="N")
    parser.add_argument("--device", choices=("auto", "cpu", "cuda", "mps"), default="auto")


def main(argv: list[str], with_blend: bool = False) -> int:
    """Runs the command; gives the exit status: 0 all photos matched, 1 some failed or stopped, 2 bad usage."""
    from .inference.errors import PoseError
    from .operators.steps import require_packages

    try:
        training = argv[:1] == ["train"]
        options = trainer(with_blend).parse_args(argv[1:]) if training else parser(with_blend).parse_args(argv)
        require_packages()
        if training:
            from .operators.headless_training import run
        else:
            from .operators.headless import run
        return run(options)
    except SystemExit as stop:  # --help
        return int(stop.code or 0)
    except (UsageError, PoseError) as error:
        print(f"photo_pose: {error}", file=sys.stderr)
        return USAGE_ERROR


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
        return module.main(sys.argv[1:], with_blend=True)
    return module.main(sys.argv[sys.argv.index("--") + 1 :] if "--" in sys.argv else [])


if __name__ == "__main__":
    try:
        status = _script()
    except Exception:  # Blender would end with status 0
        traceback.print_exc()
        status = 1
    sys.stdout.flush()
    sys.stderr.flush()
    sys.exit(status)
