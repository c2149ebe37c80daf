"""Textures that cannot be read: light grey instead of magenta, a word to the user, and the user's data untouched."""

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

bpy = pytest.importorskip("bpy")

from blender_state import differences, snapshot  # noqa: E402
from PIL import Image  # noqa: E402

from photo_pose.inference.geometry import Camera, look_at  # noqa: E402
from photo_pose.operators.blender.models import evaluated  # noqa: E402
from photo_pose.operators.models.model_files import import_models  # noqa: E402
from photo_pose.operators.pictures import gpu_drawing  # noqa: E402
from photo_pose.operators.pictures.rendering import studio  # noqa: E402

ROOT = Path(__file__).resolve().parents[2]
GREEN = (20, 200, 60)
ABOVE = Camera(
    np.array([[90, 0, 40], [0, 90, 40], [0, 0, 1.0]]), look_at(np.array([0, -0.01, 3]), np.zeros(3)), (80, 80)
)


def sides(root):
    """Mean colours of the left and the right half of a model from above, and the textures that it lacks."""
    bpy.context.view_layer.update()
    with evaluated(root) as model, studio(model, samples=8) as render:
        rgba = render(ABOVE).rgba
        lacking = model.lacking
    assert (rgba[..., 3] > 250).mean() > 0.2
    return [half[half[..., 3] > 250][:, :3].mean(0) for half in (rgba[:, :40], rgba[:, 40:])], lacking


def assert_grey(color):
    assert np.ptp(color) < 3 and 200 < color.mean() < 245


def assert_green(color):
    np.testing.assert_allclose(color, GREEN, atol=45)


def picture(path, color=GREEN):
    Image.fromarray(np.full((8, 8, 3), color, np.uint8)).save(path)
    return path


def missing(path="gone.png"):
    image = bpy.data.images.new("Picture", 4, 4)
    image.source, image.filepath = "FILE", str(path)
    return image


def textured(image, socket="Base Color"):
    """A plane of 2 x 2; gives it and its material's node of the image."""
    bpy.ops.mesh.primitive_plane_add()
    material = bpy.data.materials.new("Paper")
    material.use_nodes = True
    tree = material.node_tree
    node = tree.nodes.new("ShaderNodeTexImage")
    node.image = image
    tree.links.new(node.outputs["Color"], tree.nodes["Principled BSDF"].inputs[socket])
    bpy.context.object.data.materials.append(material)
    return bpy.context.object, node


def test_a_missing_texture_is_light_grey_and_nothing_of_the_user_changes(scene, tmp_path):
    plane, _node = textured(missing(tmp_path / "gone.png"))
    before = snapshot()
    colors, lacking = sides(plane)
    assert differences(before, snapshot()) == {}
    for color in colors:
        assert_grey(color)
    assert lacking == ("gone.png",)


def test_a_file_that_is_no_picture_and_none_at_all(scene, tmp_path):
    (tmp_path / "pointer.png").write_text("version https://git-lfs.github.com/spec/v1")
    for image, name in ((bpy.data.images.load(str(tmp_path / "pointer.png")), "pointer.png"), (None, "no image")):
        colors, lacking = sides(textured(image)[0])
        assert_grey(colors[0])
        assert lacking == (name,)


def test_textures_that_are_there_stay(scene, tmp_path):
    """In their file, packed, made or painted in Blender; and one that nothing shows may be missing."""
    packed = bpy.data.images.load(str(picture(tmp_path / "packed.png")))
    packed.pack()
    made, painted = bpy.data.images.new("Made", 4, 4), bpy.data.images.new("Painted", 4, 4)
    for image in (made, painted):
        image.pixels.foreach_set(np.tile(np.float32([*(value / 255 for value in GREEN), 1]), 16))
    (tmp_path / "packed.png").unlink()
    for image in (bpy.data.images.load(str(picture(tmp_path / "a.png"))), packed, made, painted):
        plane, node = textured(image)
        node.id_data.nodes.new("ShaderNodeTexImage").image = missing()
        colors, lacking = sides(plane)
        assert lacking == ()
        assert_green(colors[0])
    if bpy.app.version < (5, 0, 0):  # from there on all materials have nodes
        plane, node = textured(missing())
        plane.data.materials[0].use_nodes = False
        assert sides(plane)[1] == ()


def test_only_colors_become_grey(scene, tmp_path):
    """A missing relief or transparency is left out, and the paint stays as it is."""
    for socket in ("Alpha", "Normal", "Roughness"):
        plane, node = textured(missing(), socket)
        tree = node.id_data
        tree.nodes["Principled BSDF"].inputs["Base Color"].default_value = (0.01, 0.6, 0.04, 1)
        if socket == "Normal":
            relief = tree.nodes.new("ShaderNodeNormalMap")
            tree.links.new(node.outputs["Color"], relief.inputs["Color"])
            tree.links.new(relief.outputs["Normal"], tree.nodes["Principled BSDF"].inputs["Normal"])
        colors, lacking = sides(plane)
        assert_green(colors[0])
        assert lacking == ("gone.png",)


def test_textures_in_groups_of_groups(scene):
    plane, node = textured(missing())
    tree = node.id_data
    inner, outer = (bpy.data.node_groups.new(name, "ShaderNodeTree") for name in ("Inner", "Outer"))
    for group in (inner, outer):
        group.interface.new_socket("Color", in_out="OUTPUT", socket_type="NodeSocketColor")
    image = inner.nodes.new("ShaderNodeTexImage")
    image.image = missing("deep.png")
    inner.links.new(image.outputs["Color"], inner.nodes.new("NodeGroupOutput").inputs["Color"])
    for owner, group in ((outer, inner), (tree, outer)):
        used = owner.nodes.new("ShaderNodeGroup")
        used.node_tree = group
        target = tree.nodes["Principled BSDF"].inputs["Base Color"]
        if owner is outer:
            target = outer.nodes.new("NodeGroupOutput").inputs["Color"]
        owner.links.new(used.outputs["Color"], target)
    before = snapshot()
    colors, lacking = sides(plane)
    assert_grey(colors[0])
    assert lacking == ("deep.png",) and image.image.filepath == "deep.png"
    assert differences(before, snapshot()) == {}


@pytest.mark.parametrize("listed", [True, False])
def test_missing_tiles_are_grey_and_the_others_stay(scene, tmp_path, listed):
    image = bpy.data.images.load(str(picture(tmp_path / "skin.1001.png")))
    image.source, image.filepath = "TILED", str(tmp_path / "skin.<UDIM>.png")
    if listed:
        image.tiles.new(1002)
    plane, _node = textured(image)
    for corner in plane.data.uv_layers[0].data:
        corner.uv.x = 2 * corner.uv.x
    plane.data.update()
    if not listed:  # two faces, one in each tile
        plane.data.clear_geometry()
        places = [(x, y, 0) for y in (-1, 1) for x in (-1, 0, 1)]
        plane.data.from_pydata(places, [], [(0, 1, 4, 3), (1, 2, 5, 4)])
        layer = plane.data.uv_layers.new()
        for loop, corner in zip(plane.data.loops, layer.data, strict=True):
            x, y, _z = places[loop.vertex_index]
            corner.uv = (x + 1, (y + 1) / 2)
    before = snapshot()
    (left, right), lacking = sides(plane)
    assert_green(left)
    assert_grey(right)
    assert lacking == ("skin.1002.png",)
    assert differences(before, snapshot()) == {}


def test_all_tiles_missing(scene, tmp_path):
    image = missing(tmp_path / "skin.<UDIM>.png")
    image.source = "TILED"
    colors, lacking = sides(textured(image)[0])
    assert_grey(colors[0])
    assert lacking == ("skin.1001.png",)


def square(folder, texture="gone.png"):
    (folder / "a.mtl").write_text(f"newmtl paper\nKd 0.8 0.1 0.1\nmap_Kd {texture}\n")
    lines = [f"v {x} 0 {-y}" for x, y in ((-1, -1), (1, -1), (1, 1), (-1, 1))]
    lines = ["mtllib a.mtl", *lines, "vt 0 0", "vt 1 0", "vt 1 1", "vt 0 1", "usemtl paper", "f 1/1 2/2 3/3 4/4"]
    (folder / "a.obj").write_text("\n".join(lines))
    return folder / "a.obj"


def textured_ply(folder):
    lines = ["ply", "format ascii 1.0", "comment TextureFile gone.png", "element vertex 4"]
    lines += [f"property float {name}" for name in ("x", "y", "z", "s", "t")]
    lines += ["element face 1", "property list uchar int vertex_indices", "end_header"]
    lines += ["-1 -1 0 0 0", "1 -1 0 1 0", "1 1 0 1 1", "-1 1 0 0 1", "4 0 1 2 3"]
    (folder / "a.ply").write_text("\n".join(lines) + "\n")
    return folder / "a.ply"


def exported(folder, kind):
    plane, _node = textured(bpy.data.images.load(str(picture(folder / "gone.png"))))
    path = folder / f"a.{kind}"
    if kind == "gltf":
        bpy.ops.export_scene.gltf(filepath=str(path), export_format="GLTF_SEPARATE")
    else:
        bpy.ops.export_scene.fbx(filepath=str(path))
    bpy.data.objects.remove(plane)
    (folder / "gone.png").unlink()
    bpy.ops.wm.read_homefile(use_factory_startup=True, use_empty=True)
    return path


@pytest.mark.parametrize("kind", ["obj", "ply", "gltf", "fbx"])
def test_imported_models_without_their_texture(scene, tmp_path, kind):
    path = {"obj": square, "ply": textured_ply}.get(kind, lambda folder: exported(folder, kind))(tmp_path)
    (root,) = import_models(bpy.context.scene, path)
    colors, lacking = sides(root)
    assert_grey(colors[0])
    assert lacking == ("gone.png",)


def test_the_cache_knows_whether_the_texture_was_there(scene, tmp_path):
    plane, node = textured(missing(tmp_path / "late.png"))
    seen = []
    for _time in range(2):
        with evaluated(plane) as model:
            seen.append(model.fingerprint)
    picture(tmp_path / "late.png")
    node.image.reload()
    with evaluated(plane) as model:
        assert seen[0] == seen[1] != model.fingerprint


@pytest.mark.skipif(not gpu_drawing.available(), reason="nothing can be drawn here")
def test_drawn_as_it_is_rendered(scene):
    plane, _node = textured(missing())
    with evaluated(plane) as model, gpu_drawing.drawing(model) as draw:
        assert gpu_drawing.drawable(model)
        rgba = draw(ABOVE).rgba
    assert_grey(rgba[rgba[..., 3] > 250][:, :3].mean(0))


def test_the_user_is_told(scene, tmp_path, capfd):
    textured(missing())
    bpy.ops.photopose.save_views(directory=str(tmp_path), subdivisions=0)
    sentence = 'Model "Plane" is shown in light grey where it lacks textures: gone.png.'
    assert f"Warning: {sentence}" in "".join(capfd.readouterr())


def test_headless_says_so_once_and_goes_on(tmp_path):
    path = square(tmp_path)
    path.write_text(path.read_text() + "\nv 0 1 0\nf 1/1 2/2 5/3\n")
    photo = Image.new("RGB", (32, 32), "white")
    photo.paste(GREEN, (6, 6, 26, 26))
    photo.save(tmp_path / "photo.png")
    command = [
        sys.executable,
        str(ROOT / "batch.py"),
        "--cache",
        "cache",
        "--views",
        "17",
        "--box",
        "4",
        "4",
        "28",
        "28",
    ]
    command += ["--no-refine", "--focal", "36", "--model", "a.obj", "--photo", "photo.png", "--out", "out"]
    environment = {**os.environ, "BLENDER_USER_RESOURCES": str(tmp_path / "blender")}
    done = subprocess.run(
        command, cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=300, check=False
    )
    (result,) = (json.loads(line) for line in (tmp_path / "out/results.jsonl").read_text().splitlines())
    assert (done.returncode, result["status"]) == (0, "ok"), done.stderr
    told = 'photo_pose: Model "a" is shown in light grey where it lacks textures: gone.png.'
    assert done.stderr.splitlines() == [told]
