"""The models of a library: which files it has, what of them is a model, what is told of it, and looking at one of
them without touching the scene."""

import json

import numpy as np
import pytest

bpy = pytest.importorskip("bpy")

from blend_files import collection, cube, extent, fresh, names, saved  # noqa: E402
from blender_state import differences, snapshot  # noqa: E402
from PIL import Image  # noqa: E402

from photo_pose.inference.errors import PoseError  # noqa: E402
from photo_pose.inference.geometry import Camera, look_at  # noqa: E402
from photo_pose.operators.blender.models import evaluated, scene_roots  # noqa: E402
from photo_pose.operators.models.borrowed_models import all_borrowed, appended, borrowed  # noqa: E402
from photo_pose.operators.models.import_materials import painted  # noqa: E402
from photo_pose.operators.models.licences import Licence, licence_of  # noqa: E402
from photo_pose.operators.models.model_files import import_models, model_files  # noqa: E402
from photo_pose.operators.models.source_files import files_of  # noqa: E402
from photo_pose.operators.pictures.model_targets import model_renderer  # noqa: E402

KINDS = ("obj", "ply", "stl", "glb", "gltf", "fbx", "usda", "usdc", "usdz", "blend")
SIZE = (2, 4, 6)  # of the chair
FRONT = Camera(
    np.array([[90, 0, 40], [0, 90, 40], [0, 0, 1.0]]), look_at(np.array([0, -3.0, 0]), np.zeros(3)), (80, 80)
)


def chair(picture):
    """Moved by a rig, with a texture; beside it a camera and lights, which are no part of it."""
    Image.fromarray(np.full((8, 8, 3), (200, 60, 20), np.uint8)).save(picture)
    wood = painted("Wood", image=bpy.data.images.load(str(picture)))
    bpy.ops.object.armature_add()
    rig = bpy.context.object
    seat = cube("Chair")
    seat.data.materials.append(wood)
    seat.parent = rig
    seat.vertex_groups.new(name="Bone").add(range(8), 1.0, "REPLACE")
    seat.modifiers.new("Rig", "ARMATURE").object = rig
    for vertex in seat.data.vertices:
        vertex.co = (np.array(vertex.co) * SIZE / 2).tolist()
    scene = bpy.context.scene
    for data in (bpy.data.lights.new("Lamp", "SUN"), bpy.data.cameras.new("Camera")):
        scene.collection.objects.link(bpy.data.objects.new(data.name, data))
    scene.world = bpy.data.worlds.new("World")
    return seat


def write(path):
    """The scene's file of that kind."""
    kind, name = path.suffix[1:], str(path)
    if kind == "blend":
        bpy.ops.wm.save_as_mainfile(filepath=name, copy=True)
    elif kind == "fbx":
        bpy.ops.export_scene.fbx(filepath=name, path_mode="RELATIVE")
    elif kind in {"glb", "gltf"}:
        bpy.ops.export_scene.gltf(filepath=name, export_format={"glb": "GLB", "gltf": "GLTF_SEPARATE"}[kind])
    else:
        getattr(bpy.ops.wm, "usd_export" if kind.startswith("usd") else f"{kind}_export")(filepath=name)


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    """The chair as a file of each kind, in a folder of its own."""
    folder = tmp_path_factory.mktemp("files")
    fresh()
    chair(folder / "wood.png")
    for kind in KINDS:
        (folder / kind).mkdir()
        write(folder / kind / f"chair.{kind}")
    return {kind: folder / kind / f"chair.{kind}" for kind in KINDS}


@pytest.fixture
def busy():
    """A scene in which somebody is at work: much of it is not as in a new file."""
    bpy.ops.wm.read_homefile(use_factory_startup=True)
    scene, window = bpy.context.scene, bpy.context.window
    bpy.data.objects["Cube"].name = bpy.data.meshes["Cube"].name = "Chair"
    bpy.data.materials[0].name = "Wood"
    scene.render.fps, scene.render.engine, scene.frame_current = 30, "CYCLES", 7
    scene.unit_settings.scale_length = 0.01
    window.view_layer = scene.view_layers.new("Mine")
    collection("Hidden", hide_render=True)
    layer = bpy.context.view_layer
    layer.active_layer_collection = layer.layer_collection.children["Hidden"]
    for space in shown_spaces():
        space.region_3d.view_perspective = "CAMERA"
    bpy.context.view_layer.objects.active = bpy.data.objects["Chair"]
    bpy.data.objects["Chair"].select_set(True)
    return scene


def shown_spaces():
    return [area.spaces.active for area in bpy.context.screen.areas if area.type == "VIEW_3D"]


def state():
    """All of Blender's data, and what its windows show."""
    told = snapshot()
    told.pop("images[Viewer Node].has_data", None)  # any render makes it
    window = bpy.context.window
    told["window"] = window.scene.name, window.view_layer.name
    told["views"] = [(space.region_3d.view_perspective, space.camera) for space in shown_spaces()]
    told["active collection"] = bpy.context.view_layer.active_layer_collection.name
    return told


def imported_by_the_user(scene, path):
    """Into a collection that renders show."""
    bpy.ops.object.mode_set(mode="OBJECT")
    bpy.context.view_layer.active_layer_collection = bpy.context.view_layer.layer_collection
    return import_models(scene, path)


@pytest.mark.parametrize("mode", ["OBJECT", "EDIT"])
@pytest.mark.parametrize("kind", KINDS)
def test_a_borrowed_model_is_as_imported_and_leaves_the_scene_as_it_was(files, busy, kind, mode):
    bpy.ops.object.mode_set(mode=mode)
    before = state()
    with borrowed(files[kind]) as root:
        meanwhile = differences(before, state())
        with evaluated(root) as model, model_renderer() as render:
            size, name = np.ptp(model.vertices, axis=0), model.name
            rgba = render(name)(FRONT).rgba
    assert differences(before, state()) == {}
    red, _green, blue, opaque = rgba[40, 40].astype(int)
    assert opaque == 255 and (red > blue + 60) == (kind not in {"ply", "stl"})  # which have no wood
    ours = {key for key in meanwhile if key.split(".")[0] in before}
    assert not {key for key in ours if "Photo Pose" not in key and not key.endswith(".users")}, ours
    (imported,) = imported_by_the_user(busy, files[kind])
    np.testing.assert_allclose(size, extent(imported), rtol=1e-5)
    assert name == imported.name


@pytest.mark.parametrize("kind", KINDS)
def test_the_chair_stands_upright_whatever_the_kind(scene, files, kind):
    (root,) = import_models(scene, files[kind])
    np.testing.assert_allclose(extent(root), SIZE, rtol=1e-4)


@pytest.mark.parametrize("kind", KINDS)
def test_an_appended_model_is_as_imported(files, busy, kind):
    before = state()
    (imported,) = imported_by_the_user(busy, files[kind])
    wanted, size = differences(before, state()), extent(imported)
    bpy.ops.wm.read_homefile(use_factory_startup=True)
    busy_again = bpy.context.scene
    busy_again.unit_settings.scale_length = 0.01
    before = state()
    root = appended(busy_again, files[kind])
    changed = differences(before, state())
    np.testing.assert_allclose(extent(root), size, rtol=1e-5)
    assert root.users_scene == (busy_again,) and len(bpy.data.scenes) == 1
    assert scene_roots(busy_again, [root]) == [root]
    assert {key.split("[")[0] for key in changed} <= {key.split("[")[0] for key in wanted} | {"scenes", "collections"}
    assert not {key for key in ("active", "selected", "mode", "window", "views") if key in changed}


@pytest.mark.parametrize("kind", KINDS)
def test_a_file_that_cannot_be_read_is_one_sentence_and_leaves_nothing(files, busy, tmp_path, kind):
    bad = tmp_path / f"bad.{kind}"
    bad.write_bytes(files[kind].read_bytes()[:200] if kind != "obj" else b"v 0 0 0\n")
    before = state()
    for read in (lambda: appended(busy, bad), lambda: borrowed(bad).__enter__(), lambda: import_models(busy, bad)):
        with pytest.raises(PoseError, match='^Model file "bad') as told:
            read()
        assert str(told.value).count(".") == 2 and "\n" not in str(told.value)
        if read.__code__.co_names[0] != "import_models":
            assert differences(before, state()) == {}


@pytest.mark.parametrize("data", [b"", b"# nothing\n", bytes(100)])
@pytest.mark.parametrize("kind", KINDS)
def test_a_file_with_nothing_in_it_is_one_sentence(busy, tmp_path, kind, data):
    path = tmp_path / f"bad.{kind}"
    path.write_bytes(data)
    before = state()
    with pytest.raises(PoseError, match='^Model file "bad'), borrowed(path):
        pass
    assert differences(before, state()) == {}


def test_a_file_with_nothing_in_it_leaves_the_mesh_that_is_at_work(busy, tmp_path):
    """Whose colours count to 255, and whose material no file defines."""
    colors = bpy.context.object.data.color_attributes.new("Paint", "FLOAT_COLOR", "POINT")
    colors.data.foreach_set("color_srgb", [200.0, 100.0, 50.0, 1.0] * len(colors.data))
    first = colors.data[0].color[:]
    (tmp_path / "a.obj").write_text("mtllib gone.mtl\n")
    with pytest.raises(PoseError, match='^Model file "a.obj" has no faces'):
        import_models(busy, tmp_path / "a.obj")
    assert bpy.context.object.data.color_attributes[0].data[0].color[:] == first


def test_after_dozens_of_imports_blender_has_what_it_had(files, busy):
    before, blocks = state(), set(bpy.data.user_map())
    for _round in range(4):
        for path in files.values():
            with borrowed(path):
                pass
    assert set(bpy.data.user_map()) == blocks and differences(before, state()) == {}


def test_an_error_while_a_model_is_borrowed_leaves_nothing(files, busy):
    before = state()
    with pytest.raises(ZeroDivisionError), borrowed(files["glb"]) as root, evaluated(root):
        raise ZeroDivisionError
    assert differences(before, state()) == {}


def test_what_the_user_deletes_or_adds_meanwhile_is_theirs(files, busy):
    blocks = set(bpy.data.user_map())
    with borrowed(files["obj"]) as root:
        bpy.data.objects.remove(bpy.data.objects["Chair"])
        bpy.data.meshes.new("Of the user")
        bpy.data.objects.remove(root)
    assert {block.name for block in set(bpy.data.user_map()) - blocks} == {"Of the user"}


def test_a_model_of_the_current_scene_is_evaluated_there(scene):
    """Though it is in another one, too."""
    other = bpy.data.scenes.new("Other")
    wheel = cube("Wheel")
    other.collection.objects.link(wheel)
    driver = wheel.driver_add("scale", 0).driver
    driver.type, driver.expression = "SCRIPTED", "frame"
    scene.frame_set(3)
    other.frame_current = 4
    np.testing.assert_allclose(extent(wheel), [6, 2, 2])
    scene.collection.objects.unlink(wheel)
    np.testing.assert_allclose(extent(wheel), [8, 2, 2])


def library(path):
    """A .blend with two chairs and a table laid out in its scene, a lamp and things that are no models."""
    scene = fresh()
    table = collection("Table")
    top, leg = cube("Top", table, scale=(1, 1, 0.5)), cube("Leg", table, location=(0, 0, -3))
    top.data.materials.append(bpy.data.materials.new("Oak"))
    red, blue = cube("Red", location=(9, 0, 0)), cube("Blue", location=(-9, 0, 0))
    back = cube("Back", location=(0, 0, 2))
    back.parent = red
    red.data.materials.append(bpy.data.materials.new("Paint"))
    cube("Floor", scale=(50, 50, 0.1))
    lamp = bpy.data.objects.new("Lamp", bpy.data.lights.new("Lamp", "SUN"))
    scene.collection.objects.link(lamp)
    for asset in (table, top, leg, red, back, blue, lamp, bpy.data.materials["Oak"], bpy.data.worlds.new("Sky")):
        asset.asset_mark()
    bpy.data.node_groups.new("Tree", "ShaderNodeTree").asset_mark()
    for asset, author in ((table, "Ann"), (red, "Rob")):
        data = asset.asset_data
        data.author, data.license, data.copyright, data.description = author, "CC0", f"2026 {author}", asset.name
    return saved(path)


def test_each_marked_object_and_collection_is_one_model(scene, tmp_path):
    """Its parts, marked or not, come with it; what is marked but no model, and the scene's other things, do not."""
    path = library(tmp_path / "a.blend")
    before = set(bpy.data.user_map())
    roots = {root.name: root for root in import_models(bpy.context.scene, path)}
    assert sorted(roots) == ["Blue", "Red", "Table"]
    np.testing.assert_allclose(extent(roots["Table"]), [2, 2, 4.5], atol=1e-5)
    np.testing.assert_allclose(extent(roots["Red"]), [2, 2, 4], atol=1e-5)
    assert roots["Red"].data.materials[0].name == "Paint"
    assert sorted(obj.name for obj in bpy.context.scene.objects) == ["Back", "Blue", "Red", "Table"]
    brought = sorted(f"{type(block).__name__} {block.name}" for block in set(bpy.data.user_map()) - before)
    assert brought == sorted(
        ["Collection Table", "Material Oak", "Material Paint"]
        + [f"Object {name}" for name in ("Back", "Blue", "Leg", "Red", "Table", "Top")]
        + [f"Mesh {name}" for name in ("Back", "Blue", "Leg", "Red", "Top")]
    )


def test_marked_things_without_faces_leave_what_the_scene_renders(scene, tmp_path):
    table = cube("Table")
    lamp = bpy.data.objects.new("Lamp", bpy.data.lights.new("Lamp", "SUN"))
    scene.collection.objects.link(lamp)
    lamp.parent = table
    lamp.asset_mark()
    collection("Empty").asset_mark()
    path = saved(tmp_path / "a.blend")
    assert names(path) == ["Table"] and len(bpy.data.collections) == 0
    np.testing.assert_allclose(extent(bpy.data.objects["Table"]), [2, 2, 2])


def test_marked_objects_stand_where_parents_hold_them_that_are_not_marked(scene, tmp_path):
    shelf = cube("Shelf", location=(0, 0, 5))
    for number, name in enumerate(("Cup", "Bowl")):
        cube(name, location=(number, 0, 1)).parent = shelf
        bpy.data.objects[name].asset_mark()
    path = saved(tmp_path / "a.blend")
    assert names(path) == ["Bowl", "Cup"]
    with evaluated(bpy.data.objects["Cup"]) as model:
        np.testing.assert_allclose(model.sphere.center, [0, 0, 6], atol=1e-5)
    fresh()
    bowl = appended(bpy.context.scene, path)
    assert bowl.name == "Bowl" and sorted(obj.name for obj in bpy.context.scene.objects) == ["Bowl", "Shelf"]
    with evaluated(bowl) as model:
        np.testing.assert_allclose(model.sphere.center, [1, 0, 6], atol=1e-5)
    assert scene_roots(bpy.context.scene) == [bpy.data.objects["Shelf"]]
    assert bpy.data.objects["Shelf"].hide_render


def test_collections_in_marked_collections_come_once(scene, tmp_path):
    outer, inner = collection("Outer"), bpy.data.collections.new("Inner")
    outer.children.link(inner)
    cube("One", outer, location=(4, 0, 0))
    cube("Two", inner)
    for group in (outer, inner):
        group.asset_mark()
    bpy.context.view_layer.layer_collection.children["Outer"].exclude = True
    path = saved(tmp_path / "a.blend")
    (root,) = import_models(bpy.context.scene, path)
    assert root.name == "Outer" and root.instance_collection.name == "Outer"
    np.testing.assert_allclose(extent(root), [6, 2, 2], atol=1e-5)


def test_one_model_of_a_library_is_appended_without_the_others(scene, tmp_path):
    path = library(tmp_path / "a.blend")
    with all_borrowed(path) as roots:
        order = [root.name for root in roots]
    assert sorted(order) == ["Blue", "Red", "Table"]
    for number, name in enumerate(order):
        scene = fresh()
        root = appended(scene, path, number=number)
        assert root.name == name
        assert {obj.name for obj in scene.objects} == {name} | ({"Back"} if name == "Red" else set())
        assert len(bpy.data.materials) == (name != "Blue") and len(bpy.data.scenes) == 1
        assert len(bpy.data.libraries) == 0
    scene = fresh()
    before = snapshot()
    for number in (-1, len(order)):
        with pytest.raises(PoseError, match='^Model file "a.blend" has 3 models, and no number'):
            appended(scene, path, number=number)
    assert differences(before, snapshot()) == {}


def test_the_number_of_a_model_is_the_same_where_its_name_is_taken(scene, tmp_path):
    """The models of a file are numbered by their names in it."""
    path = library(tmp_path / "a.blend")
    for name in ("Blue", "Table"):
        cube(name)
    assert [borrowed_name(path, number) for number in range(3)] == ["Blue.001", "Red", "Table.001"]


def borrowed_name(path, number):
    with borrowed(path, number=number) as root:
        return root.name


def test_an_appended_model_that_looks_at_its_scene_looks_at_the_users(scene, tmp_path):
    driver = cube("Chair").driver_add("scale", 0).driver
    driver.type = "SUM"
    variable = driver.variables.new()
    variable.targets[0].id_type, variable.targets[0].id = "SCENE", scene
    variable.targets[0].data_path = "frame_current"
    cube("Other")
    path = saved(tmp_path / "a.blend")
    scene = bpy.context.scene
    scene.frame_set(3)
    with borrowed(path) as root:
        np.testing.assert_allclose(extent(root), [6, 2, 2], atol=1e-5)
    root = appended(scene, path)
    assert len(bpy.data.scenes) == 1 and [obj.name for obj in scene.objects] == ["Chair"]
    scene.frame_set(2)
    np.testing.assert_allclose(extent(root), [4, 2, 2], atol=1e-5)


def test_licences_of_assets(scene, tmp_path):
    path = library(tmp_path / "a.blend")
    (tmp_path / "LICENSE").write_text("do what you like")
    with all_borrowed(path) as roots:
        found = {root.name: licence_of(path, [root]) for root in roots}
    assert found == {
        "Table": Licence("Ann", "CC0", "2026 Ann", "Table"),
        "Red": Licence("Rob", "CC0", "2026 Rob", "Red"),
        "Blue": Licence("", "LICENSE", "", ""),
    }


@pytest.mark.parametrize("kind", ["glb", "gltf"])
def test_licences_of_gltf(files, tmp_path, kind):
    """As Sketchfab writes them, and as others do."""
    path = tmp_path / f"a.{kind}"
    extras = {"author": "Ann (https://a.nn)", "license": "CC-BY-4.0 (http://c.c)", "title": "Chair", "source": "x.y"}
    for asset, wanted in (
        ({"extras": extras}, Licence(extras["author"], extras["license"], "", "Chair, x.y")),
        ({"copyright": "2026 Ann", "extras": {"author": 7, "title": None}}, Licence(copyright="2026 Ann")),
        ({"extras": ["CC0"]}, Licence()),
        ("2.0", Licence()),
    ):
        path.write_bytes(with_asset(files[kind].read_bytes(), asset))
        assert licence_of(path, []) == wanted
    (tmp_path / "copying.TXT").touch()
    assert licence_of(path, []) == Licence(licence="copying.TXT")


def with_asset(data, asset):
    """A glTF file with another `asset`."""
    binary = data.startswith(b"glTF")
    length = int.from_bytes(data[12:16], "little")
    text = json.dumps(json.loads(data[20 : 20 + length] if binary else data) | {"asset": asset}).encode()
    return data[:12] + len(text).to_bytes(4, "little") + data[16:20] + text + data[20 + length :] if binary else text


DAMAGED = (b"", b"glTF", b"glTF" + b"\xff" * 30, b"[" * 100_000, b'{"asset": "\xff"}', b"7")


@pytest.mark.parametrize("kind", ["glb", "gltf", "obj", "blend"])
def test_damaged_and_missing_files_have_no_licence(tmp_path, kind):
    path = tmp_path / f"a.{kind}"
    assert licence_of(path, []) == Licence() and files_of(path, []) == [path]
    for data in DAMAGED:
        path.write_bytes(data)
        assert licence_of(path, []) == Licence() and files_of(path, []) == [path]
    assert licence_of(tmp_path / "none/at/all.glb", []) == Licence()


@pytest.mark.parametrize("name", ["LICENSE", "Licence", "COPYING", "license.txt", "LICENSE.md"])
def test_a_licence_beside_the_model(tmp_path, name):
    for other in ("license_plate.obj", "licensed.txt", "unlicense", name):
        (tmp_path / other).touch()
    assert licence_of(tmp_path / "a.stl", []) == Licence(licence=name)


@pytest.mark.parametrize("kind", KINDS)
def test_files_of_a_model(scene, files, kind):
    path = files[kind]
    folder = path.parent
    wood = folder.parent / "wood.png"
    beside = {
        **dict.fromkeys(("fbx", "blend"), [wood]),
        "obj": [folder / "chair.mtl", wood],
        "gltf": [folder / "chair.bin", folder / "wood.png"],
        **dict.fromkeys(("usda", "usdc"), [folder / "textures/wood.png"]),
    }
    assert files_of(path, import_models(scene, path)) == [path, *sorted(beside.get(kind, []))]


def test_packed_images_are_no_files_of_a_model(scene, tmp_path):
    chair(tmp_path / "wood.png")
    bpy.data.images["wood.png"].pack()
    path = saved(tmp_path / "a.blend")
    assert files_of(path, import_models(bpy.context.scene, path)) == [path]


def test_files_that_a_blend_links_are_among_those_of_its_models(scene, tmp_path):
    cube("Wheel")
    parts = saved(tmp_path / "parts.blend")
    with bpy.data.libraries.load(str(parts), link=True) as (_source, target):
        target.objects = ["Wheel"]
    bpy.context.scene.collection.objects.link(target.objects[0])
    path = saved(tmp_path / "a.blend")
    with borrowed(path) as root:
        assert files_of(path, [root]) == [path, parts]
    assert len(bpy.data.libraries) == 0


def test_a_librarys_files_are_found_in_all_its_folders(scene, tmp_path):
    wanted = ["z.obj", "b/a.glb", "b/c/x.USDZ", "b/c/y.stl", "d e/q.blend"]
    others = ["b/notes.txt", "b/x.blend1", ".hidden/a.obj", "b/._a.glb", "d e/.a.obj", "none/a.txt"]
    for name in (*wanted, *others):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    (tmp_path / "b/c/back").symlink_to(tmp_path, target_is_directory=True)
    (tmp_path / "b/self").symlink_to(tmp_path / "b/self")
    bpy.ops.wm.save_as_mainfile(filepath=str(tmp_path / "b/open.blend"))
    assert model_files(tmp_path, deep=True) == [tmp_path / name for name in wanted]
    assert model_files(tmp_path) == [tmp_path / "z.obj"]
    assert model_files(tmp_path / "b/a.glb", deep=True) == [tmp_path / "b/a.glb"]
    with pytest.raises(PoseError, match="has no model files"):
        model_files(tmp_path / "none", deep=True)


WALLS = """#usda 1.0
(
    defaultPrim = "World"
    upAxis = "{up}"
    metersPerUnit = 0.01
)
def Xform "World"
{{
    def Xform "Left" (
        instanceable = true
        references = @./part.usda@
    )
    {{
        double3 xformOp:translate = (-200, 0, 0)
        uniform token[] xformOpOrder = ["xformOp:translate"]
    }}
    def Xform "Right" (
        instanceable = true
        references = @./part.usda@
    )
    {{
        double3 xformOp:translate = (200, 0, 0)
        uniform token[] xformOpOrder = ["xformOp:translate"]
    }}
    def Camera "Camera" {{}}
    def DomeLight "Sky" {{}}
    def SphereLight "Lamp" {{}}
}}
"""
WALL = """#usda 1.0
(
    defaultPrim = "Part"
    upAxis = "{up}"
    metersPerUnit = 0.01
)
def Xform "Part"
{{
    def Mesh "Wall"
    {{
        int[] faceVertexCounts = [4]
        int[] faceVertexIndices = [0, 1, 2, 3]
        point3f[] points = [{points}]
    }}
}}
"""


@pytest.mark.parametrize("told", ["", "Y", "Z"])
@pytest.mark.parametrize("up", ["Y", "Z"])
def test_usd_stands_as_it_says_in_metres_and_without_lights(scene, tmp_path, up, told):
    """A wall of 1 m x 5 m, twice: what the user says of the axis that points up does not turn it."""
    tall = [(-50, 0), (50, 0), (50, 500), (-50, 500)]
    points = ", ".join(f"({x}, {y}, 0)" if up == "Y" else f"({x}, 0, {y})" for x, y in tall)
    (tmp_path / "a.usda").write_text(WALLS.format(up=up))
    (tmp_path / "part.usda").write_text(WALL.format(up=up, points=points))
    (root,) = import_models(scene, tmp_path / "a.usda", told)
    np.testing.assert_allclose(extent(root), [5, 0, 5], atol=1e-4)
    assert {obj.type for obj in scene.objects} <= {"MESH", "EMPTY"} and root.name == "a"
    assert not {obj.name for obj in bpy.data.objects} & {"Camera", "Sky", "Lamp"}
    assert scene.world is None and len(bpy.data.worlds) == len(bpy.data.lights) == 0


def test_importers_leave_the_scenes_frame_rate_and_add_no_collections(scene, files):
    scene.render.fps, scene.render.fps_base = 30, 1.001
    for path in files.values():
        import_models(scene, path)
    assert scene.render.fps == 30 and scene.render.fps_base == pytest.approx(1.001)
    assert not [group.name for group in bpy.data.collections]
