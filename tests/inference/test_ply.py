"""What .ply files hold, as texts and in bytes."""

import struct

import numpy as np
import pytest

from photo_pose.inference.formats.ply import read_elements, read_header

HEADER = """ply
format {format} 1.0
comment TextureFile a picture.png
element vertex 3
property float x
property uchar red
element face {faces}
property list uchar int vertex_indices
property list uchar float texcoord
property int texnumber
end_header
"""
ROWS = [([0, 1, 2], [0, 0.5, 1, 0.25, 0.75, 0.125], 0), ([2, 1, 0, 1], [1, 1, 0, 1, 1, 0, 0, 0.5], 1)]
EMPTY = [([0, 1, 2], [], 0), ([0, 1, 2], [], 1)]


def ascii_body(rows) -> bytes:
    lines = ["0.5 10", "1.5 20", "-2 255"]
    for corners, texcoord, number in rows:
        lines.append(" ".join(map(str, [len(corners), *corners, len(texcoord), *texcoord, number])))
    return "\n".join(lines).encode()


def binary_body(rows, order: str) -> bytes:
    body = b"".join(struct.pack(f"{order}fB", *row) for row in ((0.5, 10), (1.5, 20), (-2, 255)))
    for corners, texcoord, number in rows:
        body += struct.pack(f"{order}B{len(corners)}i", len(corners), *corners)
        body += struct.pack(f"{order}B{len(texcoord)}fi", len(texcoord), *texcoord, number)
    return body


@pytest.mark.parametrize("rows", [ROWS, [ROWS[0]] * 3, [], EMPTY], ids=["uneven", "even", "none", "empty"])
@pytest.mark.parametrize("form", ["ascii", "binary_little_endian", "binary_big_endian"])
def test_values_come_as_they_were_written(tmp_path, form, rows):
    body = ascii_body(rows) if form == "ascii" else binary_body(rows, "<" if "little" in form else ">")
    path = tmp_path / "model.ply"
    path.write_bytes(HEADER.format(format=form, faces=len(rows)).encode() + body)
    header = read_header(path)
    assert header.comments == ["TextureFile a picture.png"] and header.names("vertex") == {"x", "red"}
    elements = read_elements(path, header)
    np.testing.assert_array_equal(elements["vertex"]["x"], [0.5, 1.5, -2])
    np.testing.assert_array_equal(elements["vertex"]["red"], [10, 20, 255])
    assert elements["vertex"]["red"].dtype == np.uint8 and elements["face"]["texcoord"].values.dtype == np.float32
    faces = elements["face"]
    np.testing.assert_array_equal(faces["vertex_indices"].lengths, [len(row[0]) for row in rows])
    np.testing.assert_array_equal(faces["vertex_indices"].values, [one for row in rows for one in row[0]])
    np.testing.assert_array_equal(faces["texcoord"].lengths, [len(row[1]) for row in rows])
    np.testing.assert_array_equal(faces["texcoord"].values, [one for row in rows for one in row[1]])
    np.testing.assert_array_equal(faces["texnumber"], [row[2] for row in rows])


def test_what_is_cut_off_is_refused(tmp_path):
    path = tmp_path / "model.ply"
    for form, body in (("ascii", ascii_body(ROWS)), ("binary_little_endian", binary_body(ROWS, "<"))):
        path.write_bytes(HEADER.format(format=form, faces=2).encode() + body[:-3])
        if form == "ascii":
            path.write_bytes(path.read_bytes().rsplit(b" ", 1)[0])
        with pytest.raises(ValueError):
            read_elements(path, read_header(path))
    path.write_bytes(b"ply\nformat ascii 1.0\n")
    with pytest.raises(ValueError, match="no header"):
        read_header(path)
