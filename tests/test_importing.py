"""Model files as models: what a render of them shows, colours and textures too, is what is taken."""

import struct

import numpy as np
import pytest

bpy = pytest.importorskip("bpy")

from PIL import Image  # noqa: E402

from photo_pose.inference.geometry import Camera, look_at  # noqa: E402
from photo_pose.operators.importing import import_models  # noqa: E402
from photo_pose.operators.models import evaluated  # noqa: E402
from photo_pose.operators.rendering import studio  # noqa: E402

ORANGE, GREEN, WHITE = (230, 120, 20), (20, 200, 60), (255, 255, 255)
PLACES = ((-1, -1, 0), (1, -1, 0), (1, 1, 0), (-1, 1, 0))  # of a square
ABOVE = Camera(
    np.array([[90, 0, 40], [0, 90, 40], [0, 0, 1.0]]), look_at(np.array([0, -0.01, 3]), np.zeros(3)), (80, 80)
)


def ply(path, vertex=(), vertex_row="", face=(), face_row="", comments=(), faces=("4 0 1 2 3",)):
    """A square, in ascii; properties and their values come after those of the places and the corners."""
    lines = ["ply", "format ascii 1.0", *(f"comment {text}" for text in comments), "element vertex 4"]
    lines += [f"property {text}" for text in ("float x", "float y", "float z", *vertex)]
    lines += [f"element face {len(faces)}", "property list uchar int vertex_indices"]
    lines += [*(f"property {text}" for text in face), "end_header"]
    lines += [" ".join(map(str, place)) + f" {vertex_row}".format(u=(place[0] + 1) / 2, v=(place[1] + 1) / 2)
              for place in PLACES]  # fmt: skip
    path.write_text("\n".join([*lines, *(f"{corners} {face_row}" for corners in faces)]) + "\n")
    return path


def halves(path):
    """A picture, orange on the left and green on the right."""
    picture = np.full((16, 16, 3), GREEN, np.uint8)
    picture[:, :8] = ORANGE
    Image.fromarray(picture).save(path)


def taken(path):
    """What a studio shows of the only model of a file, from above: (H, W, 4) uint8."""
    (root,) = import_models(bpy.context.scene, path)
    return seen(root)


def seen(root):
    with evaluated(root) as model, studio(model, samples=8) as render:
        return render(ABOVE).rgba


def sides(rgba):
    """Mean colours of the left and the right half of what is seen: two of (3,)."""
    assert (rgba[..., 3] > 250).mean() > 0.2
    halves = rgba[:, :40], rgba[:, 40:]
    return [half[half[..., 3] > 250][:, :3].mean(0) for half in halves]


def assert_colors(rgba, left, right=None, tolerance=25):
    for found, wanted in zip(sides(rgba), (left, right or left), strict=True):
        np.testing.assert_allclose(found, wanted, atol=tolerance)


CHANNELS = ("red", "green", "blue")
BYTES = "{} {} {}".format(*ORANGE)
PARTS = "{} {} {}".format(*(value / 255 for value in ORANGE))


@pytest.mark.parametrize(
    ("kinds", "row"),
    [
        ([f"uchar {name}" for name in CHANNELS], BYTES),
        ([f"float {name}" for name in CHANNELS], PARTS),
        ([f"float {name}" for name in CHANNELS], BYTES),
        ([f"uchar diffuse_{name}" for name in CHANNELS], BYTES),
        ([f"float {name}" for name in "rgb"], PARTS),
        ([f"uchar {name}" for name in (*CHANNELS, "alpha")], f"{BYTES} 0"),
    ],
    ids=["bytes", "floats", "floats to 255", "diffuse", "rgb", "alpha"],
)
def test_colors_of_vertices_are_shown(scene, tmp_path, kinds, row):
    assert_colors(taken(ply(tmp_path / "a.ply", kinds, row)), ORANGE)


def test_colors_of_faces_are_shown(scene, tmp_path):
    face = [f"uchar {name}" for name in CHANNELS]
    assert_colors(taken(ply(tmp_path / "a.ply", face=face, face_row=BYTES)), ORANGE)


def test_a_binary_file_and_its_text_look_the_same(scene, tmp_path):
    kinds = [f"uchar diffuse_{name}" for name in CHANNELS]
    text = ply(tmp_path / "a.ply", kinds, BYTES).read_text()
    header = text[: text.index("end_header") + len("end_header\n")].replace("ascii", "binary_big_endian").encode()
    body = b"".join(struct.pack(">3f3B", *place, *ORANGE) for place in PLACES) + struct.pack(">B4i", 4, 0, 1, 2, 3)
    (tmp_path / "b.ply").write_bytes(header + body)
    assert_colors(taken(tmp_path / "b.ply"), ORANGE)


@pytest.mark.parametrize("names", ["st", "uv", ("texture_u", "texture_v")])
def test_the_texture_of_the_comment_lies_on_the_vertices_coordinates(scene, tmp_path, names):
    halves(tmp_path / "two halves.png")
    path = ply(
        tmp_path / "a.ply", [f"float {name}" for name in names], "{u} {v}", comments=["TextureFile two halves.png"]
    )
    assert_colors(taken(path), ORANGE, GREEN)


def test_the_texture_lies_on_the_faces_coordinates(scene, tmp_path):
    """Left and right changed; the faces that Blender drops do not shift those of the others."""
    halves(tmp_path / "halves.png")
    coordinates = "8 1 0 0 0 0 1 1 1"
    path = ply(
        tmp_path / "a.ply",
        face=["list uchar float texcoord"],
        face_row=coordinates,
        comments=["made up", "TextureFile halves.png"],
        faces=("4 0 0 0 1", "4 0 1 2 3"),
    )
    assert_colors(taken(path), GREEN, ORANGE)


def test_several_textures(scene, tmp_path):
    for name, color in (("one.png", ORANGE), ("two.png", GREEN)):
        Image.fromarray(np.full((4, 4, 3), color, np.uint8)).save(tmp_path / name)
    text = ply(
        tmp_path / "a.ply",
        face=["list uchar float texcoord", "int texnumber"],
        comments=["TextureFile one.png", "TextureFile two.png"],
        faces=("3 0 1 3 6 0 0 0 0 0 0 0", "3 1 2 3 6 0 0 0 0 0 0 1"),
    )
    rgba = taken(text)
    left, right = rgba[55, 25, :3].astype(int), rgba[25, 55, :3].astype(int)
    np.testing.assert_allclose(left, ORANGE, atol=30)
    np.testing.assert_allclose(right, GREEN, atol=30)


def test_texture_overrules_the_vertices_colors(scene, tmp_path):
    halves(tmp_path / "halves.png")
    kinds = [*(f"uchar {name}" for name in CHANNELS), "float texture_u", "float texture_v"]
    path = ply(tmp_path / "a.ply", kinds, "0 0 255 {u} {v}", comments=["TextureFile halves.png"])
    assert_colors(taken(path), ORANGE, GREEN)


def test_colors_of_an_obj_without_material_are_shown(scene, tmp_path):
    for name, row in (("a.obj", PARTS), ("b.obj", BYTES)):
        lines = [f"v {x} {z} {-y} {row}" for x, y, z in PLACES]  # the importer turns Y up to Z up
        (tmp_path / name).write_text("\n".join([*lines, "f 1 2 3 4"]))
        assert_colors(taken(tmp_path / name), ORANGE)


@pytest.mark.parametrize("kind", ["glb", "fbx"])
def test_colors_of_other_kinds_without_material_are_shown(scene, tmp_path, kind):
    bpy.ops.mesh.primitive_plane_add()
    colors = bpy.context.object.data.color_attributes.new("Paint", "BYTE_COLOR", "CORNER")
    colors.data.foreach_set("color_srgb", [*(value / 255 for value in ORANGE), 1.0] * 4)
    path = str(tmp_path / f"a.{kind}")
    if kind == "glb":
        bpy.ops.export_scene.gltf(
            filepath=path, export_vertex_color="ACTIVE", export_active_vertex_color_when_no_material=True
        )
    else:
        bpy.ops.export_scene.fbx(filepath=path, axis_up="Z", axis_forward="Y")
    bpy.data.objects.remove(bpy.context.object)
    assert_colors(taken(tmp_path / f"a.{kind}"), ORANGE, tolerance=45)  # some materials are glossy


def test_a_material_decides_over_colors(scene, tmp_path):
    (tmp_path / "a.mtl").write_text("newmtl plain\nKd 1 1 1\n")
    lines = [f"v {x} {z} {-y} {PARTS}" for x, y, z in PLACES]
    (tmp_path / "a.obj").write_text("\n".join(["mtllib a.mtl", *lines, "usemtl plain", "f 1 2 3 4"]))
    assert_colors(taken(tmp_path / "a.obj"), WHITE)
