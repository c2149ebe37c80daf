"""Model files as models: what a render of them shows, colours and textures too, is what is taken."""

import struct

import numpy as np
import pytest

bpy = pytest.importorskip("bpy")

from blend_files import collection, cube, extent, fresh, names, saved  # noqa: E402
from blender_state import differences, snapshot  # noqa: E402
from PIL import Image  # noqa: E402

from photo_pose.inference.errors import PoseError  # noqa: E402
from photo_pose.inference.geometry import Camera, look_at  # noqa: E402
from photo_pose.operators.blender.models import evaluated, scene_roots  # noqa: E402
from photo_pose.operators.models.import_materials import painted  # noqa: E402
from photo_pose.operators.models.model_files import import_models  # noqa: E402
from photo_pose.operators.pictures.rendering import studio  # noqa: E402

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
        ([f"int {name}" for name in CHANNELS], BYTES),
        ([f"ushort {name}" for name in CHANNELS], BYTES),
        ([f"ushort {name}" for name in CHANNELS], "{} {} {}".format(*(257 * value for value in ORANGE))),
    ],
    ids=["bytes", "floats", "floats to 255", "diffuse", "rgb", "alpha", "integers", "shorts", "shorts to 65535"],
)
def test_colors_of_vertices_are_shown(scene, tmp_path, kinds, row):
    assert_colors(taken(ply(tmp_path / "a.ply", kinds, row)), ORANGE)


def test_dark_colors_stay_dark(scene, tmp_path):
    path = ply(tmp_path / "a.ply", [f"uchar diffuse_{name}" for name in CHANNELS], "0 1 2")
    assert_colors(taken(path), (0, 1, 2), tolerance=45)  # the gloss of white light


def test_colors_of_faces_are_shown(scene, tmp_path):
    face = [f"uchar {name}" for name in CHANNELS]
    assert_colors(taken(ply(tmp_path / "a.ply", face=face, face_row=BYTES)), ORANGE)


def test_colors_of_faces_are_shown_where_all_vertices_have_the_same(scene, tmp_path):
    """As MeshLab writes them: the one not used is white."""
    kinds = [f"uchar {name}" for name in CHANNELS]
    assert_colors(taken(ply(tmp_path / "a.ply", kinds, "255 255 255", kinds, BYTES)), ORANGE)


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


@pytest.mark.parametrize(
    "comment",
    [r"TextureFile C:\Users\me\halves.png", "TextureFile /home/me/halves.png", "TextureFile textures/halves.png"]
    + ['TextureFile "halves.png"', "TextureFile\thalves.png", "texturefile: halves.png"],
)
def test_a_texture_of_another_computer_is_found_beside_the_file(scene, tmp_path, comment):
    halves(tmp_path / "halves.png")
    assert_colors(taken(ply(tmp_path / "a.ply", ["float s", "float t"], "{u} {v}", comments=[comment])), ORANGE, GREEN)


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


def test_without_its_texture_the_colors_are_shown(scene, tmp_path):
    kinds = [*(f"uchar {name}" for name in CHANNELS), "float texture_u", "float texture_v"]
    path = ply(tmp_path / "a.ply", kinds, BYTES + " {u} {v}", comments=["TextureFile gone.png"])
    assert_colors(taken(path), ORANGE, tolerance=40)


def test_colors_of_an_obj_without_material_are_shown(scene, tmp_path):
    for name, row in (("a.obj", PARTS), ("b.obj", BYTES)):
        lines = [f"v {x} {z} {-y} {row}" for x, y, z in PLACES]  # the importer turns Y up to Z up
        (tmp_path / name).write_text("\n".join([*lines, "f 1 2 3 4"]))
        assert_colors(taken(tmp_path / name), ORANGE)


def obj(path, *words, color=""):
    """A square with UV coordinates."""
    lines = [f"v {x} {z} {-y} {color}" for x, y, z in PLACES]  # the importer turns Y up to Z up
    lines += ["vt 0 0", "vt 1 0", "vt 1 1", "vt 0 1"]
    path.write_text("\n".join([*words, *lines, "usemtl paint", "f 1/1 2/2 3/3 4/4", ""]))
    return path


@pytest.mark.parametrize("row", [PARTS, BYTES])
@pytest.mark.parametrize("words", [(), ("mtllib gone.mtl",), ("mtllib other.mtl",)], ids=["none", "gone", "other"])
def test_colors_of_an_obj_are_shown_where_its_material_is_nowhere(scene, tmp_path, words, row):
    (tmp_path / "other.mtl").write_text("newmtl varnish\nKd 0 0 1\n")
    mine = bpy.data.materials.new("paint")
    assert_colors(taken(obj(tmp_path / "a.obj", *words, color=row)), ORANGE, tolerance=45)
    assert [one for one in bpy.data.materials if one.name.startswith("paint")] == [mine]


def test_a_missing_mtl_is_told(scene, tmp_path):
    (root,) = import_models(scene, obj(tmp_path / "a.obj", "mtllib gone.mtl"))
    with evaluated(root) as model:
        assert model.lacking == ("gone.mtl",)


@pytest.mark.parametrize(
    "picture", [r"in here\halves.png", r"in here\Halves.PNG", r"D:\me\beside.png", r"b\beside.png", "BESIDE.png"]
)
def test_pictures_of_an_obj_are_found_whichever_computer_made_it(scene, tmp_path, picture):
    (tmp_path / "in here").mkdir()
    halves(tmp_path / "in here/halves.png")
    halves(tmp_path / "beside.png")
    (tmp_path / "a.mtl").write_text(f"newmtl paint\nmap_Kd {picture}\n")
    assert_colors(taken(obj(tmp_path / "a.obj", "mtllib a.mtl", color=PARTS)), ORANGE, GREEN)


def test_materials_of_an_obj_stay_whatever_their_names(scene, tmp_path):
    """Long ones, and such as the scene has, for which Blender takes others."""
    for name in ("paint", "a" * 80, "paint"):
        path = obj(tmp_path / "a.obj", "mtllib a.mtl", "mtllib gone.mtl", color=PARTS)
        path.write_text(path.read_text().replace("usemtl paint", f"usemtl {name}"))
        (tmp_path / "a.mtl").write_text(f"newmtl {name}\nKd 0 0.8 0\n")
        left, _right = sides(taken(path))
        assert left[1] > left[0] + 100


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


def test_a_blend_brings_what_its_scene_renders(scene, tmp_path):
    cube("chair")
    cube("off only in views").hide_viewport = True
    cube("no render").hide_render = True
    cube("eye").hide_set(True)
    cube("in a shown one", collection("shown"))
    for name, hidden in (("excluded", "exclude"), ("closed eye", "hide_viewport"), ("no camera", "hide_render")):
        group = collection(name)
        cube(f"in {name}", group)
        if hidden == "hide_render":
            group.hide_render = True
        else:
            setattr(bpy.context.view_layer.layer_collection.children[name], hidden, True)
    bpy.data.scenes.new("A further one").collection.objects.link(bpy.data.objects.new("elsewhere", bpy.data.meshes[0]))
    bpy.data.texts.new("notes").use_fake_user = True
    scene.world = bpy.data.worlds.new("sky")
    scene.collection.objects.link(bpy.data.objects.new("lamp", bpy.data.lights.new("lamp", "SUN")))
    path = saved(tmp_path / "a.blend")
    before = set(bpy.data.user_map())
    assert names(path) == ["chair", "in a shown one", "off only in views"]
    brought = set(bpy.data.user_map()) - before
    assert {type(block) for block in brought} == {bpy.types.Object, bpy.types.Mesh} and len(brought) == 6
    assert len(bpy.data.libraries) == 0


def test_parts_come_with_their_model_though_an_eye_hides_them(scene, tmp_path):
    """As a render shows them, and as they are matched where the file is open."""
    chair = cube("chair")
    cube("seat", location=(2, 0, 0)).parent = chair
    cube("back", collection("back"), location=(0, 3, 0)).parent = chair
    aside = cube("put aside")
    cube("its part").parent = aside
    for obj in (aside, aside.children[0], chair.children[0]):
        obj.hide_set(True)
    bpy.context.view_layer.layer_collection.children["back"].hide_viewport = True
    (root,) = scene_roots(scene)
    size = extent(root)
    path = saved(tmp_path / "a.blend")
    (root,) = import_models(bpy.context.scene, path)
    np.testing.assert_allclose([extent(root), size], [[4, 5, 2]] * 2)


def test_a_rig_that_the_eye_hides_moves_its_model(scene, tmp_path):
    rig = bpy.data.objects.new("rig", bpy.data.armatures.new("rig"))
    scene.collection.objects.link(rig)
    cube("body").parent = rig
    rig.scale = (1, 2, 3)
    rig.hide_set(True)
    assert scene_roots(scene) == [rig]
    path = saved(tmp_path / "a.blend")
    (root,) = import_models(bpy.context.scene, path)
    np.testing.assert_allclose(extent(root), [2, 4, 6])


def test_an_included_collection_in_an_excluded_one(scene, tmp_path):
    outer, inner = collection("outer"), bpy.data.collections.new("inner")
    outer.children.link(inner)
    cube("not this", outer)
    cube("this", inner)
    layer = bpy.context.view_layer.layer_collection.children["outer"]
    layer.exclude = True
    layer.children["inner"].exclude = False
    assert names(saved(tmp_path / "a.blend")) == ["this"]


def test_the_scene_that_was_open_is_taken(scene, tmp_path):
    for number, name in enumerate("abc"):
        other = bpy.data.scenes.new(name)
        other.collection.objects.link(bpy.data.objects.new(f"of {name}", cube(f"mesh {number}").data))
    bpy.context.window.scene = bpy.data.scenes["b"]
    assert names(saved(tmp_path / "a.blend")) == ["of b"]


def test_what_models_need_goes_on_working(scene, tmp_path):
    """A cutter, a rig, a parent and an instanced collection that the file's scene does not render."""
    hidden = collection("hidden")
    cutter = cube("cutter", hidden, location=(1, 0, 0))
    table = cube("table")
    cut = table.modifiers.new("Cut", "BOOLEAN")
    cut.object, cut.operation, cut.solver = cutter, "DIFFERENCE", "EXACT"
    holder = cube("holder", hidden, location=(10, 0, 0))
    cube("child").parent = holder
    bpy.ops.object.armature_add()
    rig = bpy.context.object
    scene.collection.objects.unlink(rig)
    hidden.objects.link(rig)
    rig.pose.bones[0].custom_shape = cube("widget", hidden)
    rig.pose.bones[0].scale = (3, 1, 1)
    arm = cube("arm", location=(0, 20, 0))
    arm.vertex_groups.new(name="Bone").add(range(8), 1.0, "REPLACE")
    arm.modifiers.new("Rig", "ARMATURE").object = rig
    driver = table.driver_add("location", 2).driver
    driver.type, driver.expression = "SCRIPTED", "frames"
    variable = driver.variables.new()
    variable.name, variable.type = "frames", "CONTEXT_PROP"
    instanced = bpy.data.collections.new("instanced")
    cube("wheel", instanced, scale=(1, 1, 2))
    wheel = bpy.data.objects.new("wheels", None)
    wheel.instance_type, wheel.instance_collection, wheel.location = "COLLECTION", instanced, (0, -9, 0)
    scene.collection.objects.link(wheel)
    bpy.context.view_layer.layer_collection.children["hidden"].exclude = True
    path = saved(tmp_path / "a.blend")
    roots = {root.name: root for root in import_models(bpy.context.scene, path)}
    assert sorted(roots) == ["arm", "holder", "table", "wheels"]
    np.testing.assert_allclose(extent(roots["table"]), [1, 2, 2], atol=1e-5)
    np.testing.assert_allclose(extent(roots["holder"]), [2, 2, 2], atol=1e-5)  # of its child alone
    np.testing.assert_allclose(extent(roots["arm"]), [6, 2, 2], atol=1e-5)
    np.testing.assert_allclose(extent(roots["wheels"]), [2, 2, 4], atol=1e-5)
    with evaluated(roots["holder"]) as model:
        np.testing.assert_allclose(model.sphere.center, [10, 0, 0], atol=1e-5)
    assert not {"cutter", "widget", "wheel"} & {obj.name for obj in bpy.context.scene.objects}


def test_materials_pictures_and_movements_come_along(scene, tmp_path):
    halves(tmp_path / "halves.png")
    chair = cube("chair")
    material = painted("paint", image=bpy.data.images.load(str(tmp_path / "halves.png")))
    material.node_tree.nodes.new("ShaderNodeGroup").node_tree = bpy.data.node_groups.new("group", "ShaderNodeTree")
    chair.data.materials.append(material)
    chair.shape_key_add(name="Basis")
    tall = chair.shape_key_add(name="Tall")
    tall.data[0].co.z, tall.value = -5, 1.0
    chair.keyframe_insert("location", frame=1)
    cube("other").data.materials.append(bpy.data.materials.new("of the other"))
    bpy.data.objects["other"].hide_render = True
    path = saved(tmp_path / "a.blend")
    (root,) = import_models(bpy.context.scene, path)
    np.testing.assert_allclose(extent(root), [2, 2, 6], atol=1e-5)
    kinds = ("images", "materials", "node_groups", "shape_keys", "actions", "meshes", "objects")
    assert {kind: len(getattr(bpy.data, kind)) for kind in kinds} == dict.fromkeys(kinds, 1)
    assert [node.image.name for node in root.data.materials[0].node_tree.nodes if node.type == "TEX_IMAGE"] == [
        "halves.png"
    ]


def test_models_that_look_at_their_scene_do_not_keep_it(scene, tmp_path):
    driver = cube("chair").driver_add("scale", 0).driver
    driver.type = "SUM"
    variable = driver.variables.new()
    variable.targets[0].id_type, variable.targets[0].id = "SCENE", scene
    variable.targets[0].data_path = "frame_current"
    path = saved(tmp_path / "a.blend")
    bpy.context.scene.frame_set(3)
    (chair,) = import_models(bpy.context.scene, path)
    assert len(bpy.data.scenes) == 1
    np.testing.assert_allclose(extent(chair), [6, 2, 2], atol=1e-5)


def test_loose_objects_of_a_file_whose_scene_shows_nothing_are_taken(scene, tmp_path):
    cube("hidden").hide_render = True
    loose = bpy.data.objects.new("without a scene", bpy.data.meshes["hidden"])
    loose.use_fake_user = True
    assert names(saved(tmp_path / "a.blend")) == ["without a scene"]


def test_objects_of_a_file_without_a_scene_are_taken(scene, tmp_path):
    bpy.data.libraries.write(str(tmp_path / "a.blend"), {cube("one"), cube("two")})
    fresh()
    assert names(tmp_path / "a.blend") == ["one", "two"]


def test_a_blend_whose_scene_shows_nothing_leaves_nothing(scene, tmp_path):
    cube("hidden").hide_render = True
    path = saved(tmp_path / "a.blend")
    before = snapshot()
    with pytest.raises(PoseError, match='"a.blend" has no faces'):
        import_models(bpy.context.scene, path)
    assert differences(before, snapshot()) == {}


def test_linked_objects_of_a_blend_stay_linked(scene, tmp_path):
    cube("wheel", scale=(1, 1, 2))
    library = saved(tmp_path / "library.blend")
    with bpy.data.libraries.load(str(library), link=True) as (_source, target):
        target.objects = ["wheel"]
    bpy.context.scene.collection.objects.link(target.objects[0])
    path = saved(tmp_path / "a.blend")
    (wheel,) = import_models(bpy.context.scene, path)
    assert wheel.library.name == "library.blend" and scene_roots(bpy.context.scene) == [wheel]
    np.testing.assert_allclose(extent(wheel), [2, 2, 4], atol=1e-5)


@pytest.mark.parametrize("kind", [".obj", ".ply", ".stl", ".fbx"])
@pytest.mark.parametrize("up", ["Y", "Z"])
def test_the_axis_that_points_up_can_be_told(scene, tmp_path, kind, up):
    """A model, exported with that axis up, stands as before; read by the other one it lies."""
    bpy.ops.mesh.primitive_cube_add()
    bpy.context.object.dimensions = 1, 2, 5
    path, exporters = tmp_path / f"tall{kind}", {".fbx": bpy.ops.export_scene.fbx}
    export = exporters.get(kind) or getattr(bpy.ops.wm, f"{kind[1:]}_export")
    axes = {"Y": {"forward_axis": "NEGATIVE_Z", "up_axis": "Y"}, "Z": {"forward_axis": "Y", "up_axis": "Z"}}[up]
    if kind == ".fbx":
        axes = {
            "axis_forward": axes["forward_axis"].replace("NEGATIVE_", "-"),
            "axis_up": up,
            "bake_space_transform": True,
        }
    export(filepath=str(path), **axes)
    bpy.ops.object.delete()
    for told, size in ((up, (1, 2, 5)), ({"Y": "Z", "Z": "Y"}[up], (1, 5, 2))):
        (root,) = import_models(scene, path, told)
        with evaluated(root) as model:
            np.testing.assert_allclose(np.ptp(model.vertices, 0), np.array(size), rtol=1e-5)
