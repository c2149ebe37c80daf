"""Drawing shows what Cycles shows, leaves the user's scene alone, and never takes Blender down."""

import sys

import numpy as np
import pytest

bpy = pytest.importorskip("bpy")

from blender_state import differences, snapshot  # noqa: E402
from conftest import ROOT, run  # noqa: E402

from photo_pose.inference.geometry import Box, Camera, intrinsics, look_at  # noqa: E402
from photo_pose.operators.blender.models import evaluated  # noqa: E402
from photo_pose.operators.pictures.gpu_drawing import available, drawable, drawing  # noqa: E402
from photo_pose.operators.pictures.rendering import studio  # noqa: E402

STRAIGHT = Camera(intrinsics(180, (160, 120)), look_at(np.array([1, -2.5, 1.2]), np.zeros(3)), (160, 120))
CORNER = STRAIGHT.windowed(Box(20, 10, 100, 70), (160, 120))  # the principal point far from the middle
needs_gpu = pytest.mark.skipif(not available(), reason="Blender finds no OpenGL here")


def material(name: str, color: tuple[float, ...] = (0.8, 0.8, 0.8), **values: float) -> bpy.types.Material:
    made = bpy.data.materials.new(name)
    made.use_nodes = True
    principled = made.node_tree.nodes["Principled BSDF"]
    principled.inputs["Base Color"].default_value = (*color, 1)
    for socket, value in values.items():
        principled.inputs[socket.replace("_", " ")].default_value = value
    return made


def colored_by(made: bpy.types.Material, kind: str) -> bpy.types.Node:
    """A new node of this kind in front of the material's base colour."""
    node = made.node_tree.nodes.new(kind)
    made.node_tree.links.new(node.outputs["Color"], made.node_tree.nodes["Principled BSDF"].inputs["Base Color"])
    return node


def picture() -> bpy.types.Image:
    """Eight by eight fields: red grows to the right, green upwards."""
    image = bpy.data.images.new("Fields", 64, 64)
    red, green = np.meshgrid(np.repeat(np.linspace(0, 1, 8), 8), np.repeat(np.linspace(0, 1, 8), 8))
    image.pixels.foreach_set(np.stack([red, green, 0.3 + 0 * red, 1 + 0 * red], -1).astype(np.float32).ravel())
    return image


@pytest.fixture
def model_root(scene):
    """A textured cube with one black face, a dull monkey far beside it and two instances of a plain disc."""
    bpy.ops.mesh.primitive_cube_add(size=2, location=(10, 4, 2), rotation=(0.1, 0.2, 0.5))
    cube = bpy.context.object
    for made in material("Fields"), material("Black", (0, 0, 0)), material("Unused"):
        cube.data.materials.append(made)
    for made in cube.data.materials[0], cube.data.materials[2]:
        colored_by(made, "ShaderNodeTexImage").image = picture()
    cube.data.polygons[0].material_index = 1
    bpy.ops.mesh.primitive_monkey_add(location=(2.2, 0, 0))
    monkey = bpy.context.object
    monkey.data.materials.append(material("Dull", (0.7, 0.1, 0.05), Roughness=0.9))
    disc = bpy.data.collections.new("Disc")
    bpy.ops.mesh.primitive_cylinder_add(radius=0.8, depth=0.2)
    disc.objects.link(bpy.context.object)
    bpy.context.collection.objects.unlink(bpy.context.object)
    instances = [bpy.data.objects.new("Instance", None) for _ in range(2)]
    for place, instance in zip((1.3, -1.3), instances, strict=True):
        instance.instance_type, instance.instance_collection = "COLLECTION", disc
        instance.location = (0, 0, place)
        scene.collection.objects.link(instance)
    for child in (monkey, *instances):
        child.parent = cube
    bpy.context.view_layer.update()
    return cube


@needs_gpu
@pytest.mark.parametrize("camera", [STRAIGHT, CORNER], ids=["straight", "corner"])
def test_looks_like_cycles(model_root, camera):
    with evaluated(model_root) as model, studio(model, samples=64) as render, drawing(model) as draw:
        assert drawable(model)
        expected, drawn = render(camera), draw(camera)
    masks = [view.rgba[..., 3] > 128 for view in (expected, drawn)]
    assert 0.1 < masks[0].mean() < 0.9
    assert (masks[0] & masks[1]).sum() / (masks[0] | masks[1]).sum() > 0.98
    assert np.abs(drawn.rgba[..., 3].astype(int) - expected.rgba[..., 3]).mean() < 2
    inside = (expected.rgba[..., 3] == 255) & (drawn.rgba[..., 3] == 255)
    distance = np.linalg.norm(drawn.points - expected.points, axis=-1)[inside]
    assert np.median(distance) < 1e-4 and (distance > 1e-3).mean() < 0.005  # Cycles decides edges by chance
    color = np.abs(drawn.rgba[..., :3].astype(int) - expected.rgba[..., :3])[inside]
    assert color.mean() < 6 and np.median(color) <= 4
    assert (drawn.rgb[0, 0] == 255).all()


@needs_gpu
def test_points_are_seen_at_the_middle_of_their_pixels(model_root):
    with evaluated(model_root) as model, drawing(model) as draw:
        for camera in (STRAIGHT, CORNER, STRAIGHT.windowed(Box(0, 0, 160, 120), (40, 30))):
            view = draw(camera)
            rows, columns = np.nonzero(view.rgba[..., 3] == 255)
            error = camera.project(view.points[rows, columns]) - np.stack([columns + 0.5, rows + 0.5], -1)
            assert len(rows) > 100 and np.abs(error).max() < 0.01


@needs_gpu
def test_drawing_again_gives_the_same(model_root):
    """Nothing of one drawing shows in the next."""
    with evaluated(model_root) as model:
        views = []
        for _ in range(3):
            with drawing(model) as draw:
                views.append(draw(STRAIGHT).rgba)
    assert views[0].any()
    np.testing.assert_array_equal(views, views[:1] * 3)


@needs_gpu
def test_colour_attributes_multiply(scene):
    bpy.ops.mesh.primitive_plane_add(size=2)
    plane = bpy.context.object
    plane.data.color_attributes.new("Half", "FLOAT_COLOR", "POINT").data.foreach_set("color", [0.5, 0.2, 0.1, 1] * 4)
    made = material("Tinted", **{"Specular_IOR_Level": 0})
    plane.data.materials.append(made)
    mix = made.node_tree.nodes.new("ShaderNodeMix")
    mix.data_type, mix.blend_type = "RGBA", "MULTIPLY"
    factor, first, second = (socket for socket in mix.inputs if socket.enabled)
    factor.default_value, first.default_value = 1, (0.5, 0.5, 0.5, 1)
    attribute = made.node_tree.nodes.new("ShaderNodeVertexColor")
    attribute.layer_name = "Half"
    result = next(socket for socket in mix.outputs if socket.enabled)
    made.node_tree.links.new(attribute.outputs["Color"], second)
    made.node_tree.links.new(result, made.node_tree.nodes["Principled BSDF"].inputs["Base Color"])
    above = Camera(intrinsics(20, (16, 16)), look_at(np.array([0, 0, 3.0]), np.zeros(3)), (16, 16))
    with evaluated(plane) as model, studio(model, samples=64) as render, drawing(model) as draw:
        expected, drawn = render(above).rgba[8, 8], draw(above).rgba[8, 8]
    np.testing.assert_allclose(drawn.astype(int), expected, atol=2)


@pytest.mark.parametrize(
    ("change", "possible"),
    [
        (lambda made: None, True),
        (lambda made: colored_by(made, "ShaderNodeRGB"), True),
        (lambda made: colored_by(made, "ShaderNodeTexNoise"), False),
        (lambda made: colored_by(made, "ShaderNodeTexImage"), True),  # without an image: it is light grey
        (lambda made: setattr(made.node_tree.nodes["Principled BSDF"].inputs["Alpha"], "default_value", 0.5), False),
        (lambda made: made.node_tree.nodes.remove(made.node_tree.nodes["Principled BSDF"]), False),
    ],
)
def test_what_can_be_drawn(scene, change, possible):
    bpy.ops.mesh.primitive_plane_add()
    bpy.context.object.data.materials.append(material("Some"))
    change(bpy.context.object.data.materials[0])
    with evaluated(bpy.context.object) as model:
        assert drawable(model) == possible


@needs_gpu
def test_nothing_of_the_scene_changes(model_root):
    bpy.ops.object.select_all(action="DESELECT")
    before = snapshot()
    with evaluated(model_root) as model, drawing(model) as draw:
        draw(STRAIGHT)
    available.__wrapped__()  # a second time
    assert differences(before, snapshot()) == {}


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="EGL is Linux's")
@pytest.mark.parametrize(
    "broken",
    [
        {"__EGL_VENDOR_LIBRARY_FILENAMES": "/nowhere.json"},  # no driver
        {"LIBGL_DRIVERS_PATH": "/nowhere", "GBM_BACKENDS_PATH": "/nowhere"},  # one that does not open
        {"MESA_GL_VERSION_OVERRIDE": "3.3"},  # one too old for Blender
    ],
    ids=["none", "broken", "old"],
)
def test_without_opengl_blender_lives_on(broken, tmp_path):
    """Each of these ends a process that starts Blender's gpu module (SIGABRT)."""
    script = tmp_path / "script.py"
    script.write_text(
        f"import sys; sys.path.insert(0, {str(ROOT / 'tests')!r})\n"
        "import conftest; conftest.enable_extension()\n"
        "from photo_pose.operators.pictures.gpu_drawing import available\n"
        "print('available:', available())\n"
        "import bpy; bpy.ops.preferences.addon_disable(module=conftest.REPOSITORY + '.photo_pose')\n"
    )
    blender = [bpy.app.binary_path, "-b", "--factory-startup", "--python-exit-code", "1", "--python"]
    command = [*(blender if bpy.app.binary_path else [sys.executable]), script]
    assert "available: False" in run(*command, BLENDER_USER_RESOURCES=str(tmp_path / "user"), **broken)


def test_a_material_that_no_face_has_keeps_nothing_from_being_drawn(scene):
    bpy.ops.mesh.primitive_cube_add()
    mesh = bpy.context.object.data
    for one in (material("Plain"), material("Glass", Transmission_Weight=1)):
        mesh.materials.append(one)
    for slot, possible in ((0, True), (1, False)):
        mesh.polygons[0].material_index = slot
        with evaluated(bpy.context.object) as model:
            assert drawable(model) == possible
