"""Files are whole or not there at all, and one sentence says why one cannot be written."""

import platform
from pathlib import Path

import pytest
from full_disk import full_disk

from photo_pose.inference.errors import PoseError
from photo_pose.inference.files import replacing, writing


def put(path: Path, content: bytes) -> None:
    with writing(path), replacing(path) as file:
        file.write(content)


def test_a_file_is_replaced_when_the_new_one_is_whole(tmp_path: Path):
    path = tmp_path / "folder" / "a.npz"
    put(path, b"old")
    with replacing(path) as file:
        file.write(b"new")
        file.flush()
        assert path.read_bytes() == b"old"
    assert path.read_bytes() == b"new" and list(path.parent.iterdir()) == [path]


def test_two_machines_with_one_process_number_do_not_meet_in_a_shared_folder(tmp_path: Path, monkeypatch):
    path = tmp_path / "a.npz"
    monkeypatch.setattr(platform, "node", lambda: "render-1.studio")
    with replacing(path) as first:
        first.write(b"first")
        monkeypatch.setattr(platform, "node", lambda: "render-2.studio")
        put(path, b"second")
        assert path.read_bytes() == b"second"
    assert path.read_bytes() == b"first" and list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("error", [KeyboardInterrupt, OSError, ZeroDivisionError])
def test_an_interruption_leaves_the_old_file_and_nothing_else(tmp_path: Path, error: type[BaseException]):
    path = tmp_path / "a.npz"
    put(path, b"old")
    with pytest.raises(error), replacing(path) as file:
        file.write(b"half")
        raise error
    assert path.read_bytes() == b"old" and list(tmp_path.iterdir()) == [path]


def test_a_full_disk_is_told_and_leaves_the_old_file(tmp_path: Path):
    path = tmp_path / "a.npz"
    put(path, b"old")
    with full_disk(1000), pytest.raises(PoseError, match=rf'^"{path}" cannot be written \(File too large\)\.$'):
        put(path, bytes(5000))
    assert path.read_bytes() == b"old" and list(tmp_path.iterdir()) == [path]


def test_a_folder_that_is_a_file_is_told(tmp_path: Path):
    (tmp_path / "file").touch()
    with pytest.raises(PoseError, match=r'b\.npz" cannot be written \((Not a directory|File exists)\)\.$'):
        put(tmp_path / "file" / "b.npz", b"")
    with pytest.raises(PoseError, match=r'The folder ".*file", is full \(Not a directory\)\.$'):
        with writing(tmp_path / "file", 'The folder "{path}", is full ({reason}).'):
            (tmp_path / "file" / "c").touch()


def test_a_reason_that_has_no_number_is_told_too(tmp_path: Path):
    with pytest.raises(PoseError, match=r"\(no such mode\)\.$"), writing(tmp_path / "{a}.png"):
        raise OSError("no such mode")
    with pytest.raises(ZeroDivisionError), writing(tmp_path):
        raise ZeroDivisionError
