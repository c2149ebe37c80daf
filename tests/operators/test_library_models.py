"""The models of a library: which files it has, what of them is a model, what is told of it, and looking at one of
them without touching the scene."""

import numpy as np
import pytest

bpy = pytest.importorskip("bpy")

from blend_files import collection, cube, extent, fresh  # noqa: E402
from blender_state import differences, snapshot  # noqa: E402
from PIL import Image  # noqa: E402

from photo_pose.inference.errors import PoseError  # noqa: E402
from photo_pose.inference.geometry import Camera, look_at  # noqa: E402
from photo_pose.operators.blender.models import evaluated, scene_roots  # noqa: E402
from photo_pose.operators.models.borrowed_models import appended, borrowed  # noqa: E402
from photo_pose.operators.models.import_materials import painted  # noqa: E402
from photo_pose.operators.models.model_files import import_models  # noqa: E402
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
    hidden = collection("Hidden")
    layer = bpy.context.view_layer
    layer.active_layer_collection = layer.layer_collection.children["Hidden"]
    hidden.hide_render = layer.active_layer_collection.exclude = True
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
    bpy.ops.object.mode_set(mode="OBJECT")
    (imported,) = import_models(busy, files[kind])
    np.testing.assert_allclose(size, extent(imported), rtol=1e-5)
    assert name == imported.name


@pytest.mark.parametrize("kind", KINDS)
def test_the_chair_stands_upright_whatever_the_kind(scene, files, kind):
    (root,) = import_models(scene, files[kind])
    np.testing.assert_allclose(extent(root), SIZE, rtol=1e-4)


@pytest.mark.parametrize("kind", KINDS)
def test_an_appended_model_is_as_imported(files, busy, kind):
    before = state()
    (imported,) = import_models(busy, files[kind])
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
