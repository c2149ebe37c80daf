"""The studio: renders are where cameras say, and the user's scene never changes."""

from contextlib import nullcontext

import numpy as np
import pytest

bpy = pytest.importorskip("bpy")

from blender_state import differences, snapshot  # noqa: E402

from photo_pose.inference.errors import PoseError  # noqa: E402
from photo_pose.inference.geometry import Box, Camera, look_at  # noqa: E402
from photo_pose.inference.steps import finish  # noqa: E402
from photo_pose.inference.views.crops import template_view  # noqa: E402
from photo_pose.inference.views.view_options import ViewOptions
from photo_pose.operators.blender.models import evaluated  # noqa: E402
from photo_pose.operators.pictures.rendered_views import model_templates, save_views  # noqa: E402
from photo_pose.operators.pictures.rendering import studio  # noqa: E402

VIEW = Camera(
    np.array([[260, 0, 90], [0, 260, 60], [0, 0, 1.0]]),
    look_at(np.array([1, -2.5, 1.2]), np.zeros(3)),
    (160, 120),
)
FEW = ViewOptions(subdivisions=0)


@pytest.fixture
def busy_scene(scene):
    """A scene with a selection, an edited object, animation, odd render settings and units."""
    bpy.ops.mesh.primitive_monkey_add(location=(3, 1, 2), rotation=(0.2, 0.4, 0.6))
    monkey = bpy.context.object
    monkey.scale = (1, 2, 0.5)
    monkey.modifiers.new("Subdivision", "SUBSURF").levels = 1
    monkey.data.materials.append(_material("Red", (0.8, 0.02, 0.02, 1)))
    monkey.keyframe_insert("location", frame=1)
    bpy.ops.mesh.primitive_cube_add(location=(-3, 0, 0))
    scene.frame_set(7)
    scene.render.resolution_x, scene.render.resolution_percentage = 333, 50
    scene.render.filepath = "//kept"
    scene.unit_settings.system = "IMPERIAL"
    bpy.ops.object.mode_set(mode="EDIT")
    bpy.context.view_layer.update()
    return scene


def _material(name: str, color: tuple[float, float, float, float]):
    material = bpy.data.materials.new(name)
    material.use_nodes = True
    material.node_tree.nodes["Principled BSDF"].inputs["Base Color"].default_value = color
    return material


@pytest.mark.parametrize("background", ["WHITE", "TRANSPARENT", "HDRI"])
def test_points_project_onto_their_pixels(scene, background):
    bpy.ops.mesh.primitive_monkey_add(location=(3, 1, 2))
    with evaluated(bpy.context.object) as model, studio(model, background) as render:
        view = render(VIEW)
    solid = view.rgba[..., 3] == 255
    assert 0.05 < solid.mean() < 0.9
    rows, columns = np.nonzero(solid)
    error = VIEW.project(view.points[solid]) - np.stack([columns + 0.5, rows + 0.5], -1)
    assert np.abs(error).max() < 0.01
    corner = view.rgb[0, 0]
    assert (corner == 255).all() if background != "HDRI" else np.ptp(view.rgb[0].astype(int)) > 5


def test_materials_and_modifiers_are_rendered(busy_scene):
    with evaluated(bpy.data.objects["Suzanne"]) as model, studio(model) as render:
        assert len(model.vertices) > 1500  # one level of subdivision
        view = render(VIEW)
    red = view.rgb[view.rgba[..., 3] == 255].astype(int)
    assert np.median(red[:, 0] - red[:, 1]) > 60


def _run(work: str, scene, folder) -> None:
    with evaluated(scene.objects["Suzanne"]) as model:
        if work == "templates":
            finish(model_templates(model, FEW, folder))
        elif work == "pictures":
            finish(save_views(model, FEW._replace(background="HDRI"), "OBJECT", folder))
        elif work == "cancelled":
            steps = model_templates(model, FEW, folder)
            next(steps)
            steps.close()
        elif work == "failing":
            with studio(model) as render:
                render(VIEW)
                raise PoseError("stop")


@pytest.mark.parametrize("work", ["templates", "pictures", "cancelled", "failing"])
def test_nothing_of_the_scene_changes(busy_scene, tmp_path, work):
    before = snapshot()
    with pytest.raises(PoseError, match="stop") if work == "failing" else nullcontext():
        _run(work, busy_scene, tmp_path)
    assert differences(before, snapshot()) == {}


def test_the_snapshot_notices_changes(busy_scene):
    before = snapshot()
    busy_scene.render.resolution_x += 1
    bpy.data.meshes.new("left over")
    assert {"scenes[Scene].render.resolution_x", "meshes[left over].name"} <= differences(before, snapshot()).keys()


def test_cache_is_used_and_mends_itself(scene, tmp_path):
    bpy.ops.mesh.primitive_monkey_add()
    with evaluated(bpy.context.object) as model:
        made = finish(model_templates(model, FEW, tmp_path))
        (path,) = tmp_path.glob("*.npz")
        assert list(model_templates(model, FEW, tmp_path)) == []  # no step: nothing was rendered
        whole = path.read_bytes()
        for damaged in (
            b"",
            b"not a cache file",
            whole[: len(whole) // 2],
            whole[:5000] + b"x" * 50 + whole[5050:],
        ):
            path.write_bytes(damaged)
            again = finish(model_templates(model, FEW, tmp_path))
            np.testing.assert_array_equal(again.features, made.features)
            assert list(model_templates(model, FEW, tmp_path)) == []


def test_a_foreign_file_in_the_cache_is_replaced(scene, tmp_path):
    for location in ((0, 0, 0), (0, 0, 1)):
        bpy.ops.mesh.primitive_cube_add(location=location)
    first, second = scene.objects
    second.data.vertices[0].co.x -= 1
    with evaluated(first) as model:
        finish(model_templates(model, FEW, tmp_path))
        (path,) = tmp_path.glob("*.npz")
    with evaluated(second) as model:
        made = finish(model_templates(model, FEW, tmp_path))
        (other,) = set(tmp_path.glob("*.npz")) - {path}
        other.write_bytes(path.read_bytes())
        np.testing.assert_array_equal(finish(model_templates(model, FEW, tmp_path)).points, made.points)


def test_template_view_holds_the_model(scene):
    bpy.ops.mesh.primitive_cone_add(location=(9, 9, 9), rotation=(1, 2, 3))
    with evaluated(bpy.context.object) as model, studio(model) as render:
        outline = (model.vertices - model.sphere.center) / model.sphere.radius
        view = template_view(np.array([0.48, -0.6, 0.64]), outline)
        alpha = render(view).rgba[..., 3]
    rows, columns = np.nonzero(alpha > 127)
    box = Box.around(view.project(outline))
    assert (columns.min(), rows.min(), columns.max() + 1, rows.max() + 1) == pytest.approx(tuple(box), abs=1.5)


def users_work(folder) -> dict[str, bpy.types.ID]:
    """What somebody else opens and adds meanwhile."""
    blank = bpy.data.images.new("Blank", 4, 4)
    blank.filepath_raw, blank.file_format = str(folder / "opened.png"), "PNG"
    blank.save()
    mesh = bpy.data.meshes.new("Mesh of the user")
    made = {
        "opened": bpy.data.images.load(blank.filepath_raw),
        "mesh": mesh,
        "object": bpy.data.objects.new("Object of the user", mesh),
        "material": bpy.data.materials.new("Material of the user"),
        "world": bpy.data.worlds.new("World of the user"),
    }
    bpy.context.scene.collection.objects.link(made["object"])
    return made


def end(steps, how: str) -> None:
    if how == "end":
        finish(steps)
    elif how == "Esc":
        steps.close()
    else:
        with pytest.raises(ZeroDivisionError):
            steps.throw(ZeroDivisionError())


@pytest.mark.parametrize("how", ["end", "Esc", "error"])
@pytest.mark.parametrize("background", ["WHITE", "HDRI"])
def test_what_the_user_adds_meanwhile_stays(busy_scene, tmp_path, background, how):
    blocks = set(bpy.data.user_map())
    with evaluated(busy_scene.objects["Suzanne"]) as model:
        steps = save_views(model, FEW._replace(background=background), "OBJECT", tmp_path)
        next(steps)
        added = users_work(tmp_path)
        end(steps, how)
    assert {name: block.name for name, block in added.items()}  # a removed one has no name
    left = set(bpy.data.user_map()) - blocks
    assert left == {*added.values(), bpy.data.images["Blank"]}


def test_what_the_user_removes_meanwhile_is_no_matter(busy_scene, tmp_path):
    before = snapshot()
    with evaluated(busy_scene.objects["Suzanne"]) as model, studio(model) as render:
        render(VIEW)
        bpy.data.objects.remove(bpy.data.objects["Photo Pose Part"])
        bpy.data.worlds.remove(bpy.data.worlds["Photo Pose World"])
    assert differences(before, snapshot()) == {}


def test_a_render_of_the_user_stays(busy_scene):
    busy_scene.render.engine = "CYCLES"
    busy_scene.cycles.samples, busy_scene.render.resolution_percentage = 1, 3
    busy_scene.camera = bpy.data.objects.new("Camera", bpy.data.cameras.new("Camera"))
    with evaluated(busy_scene.objects["Suzanne"]) as model, studio(model) as render:
        render(VIEW)
        assert "Render Result" not in bpy.data.images
        bpy.ops.render.render()
        render(VIEW)
    assert "Render Result" in bpy.data.images


def glowing(output: str, kind: str, **settings):
    """A material that glows in the colour of a node's output."""
    material = bpy.data.materials.new("Glow")
    material.use_nodes = True
    nodes, links = material.node_tree.nodes, material.node_tree.links
    source, glow = nodes.new(f"ShaderNode{kind}"), nodes.new("ShaderNodeEmission")
    for name, value in settings.items():
        setattr(source, name, value)
    links.new(source.outputs[output], glow.inputs["Color"])
    links.new(glow.outputs[0], next(node for node in nodes if node.type == "OUTPUT_MATERIAL").inputs["Surface"])
    return material


def in_group(material):
    """The same with its nodes' source in a group."""
    group = bpy.data.node_groups.new("Group", "ShaderNodeTree")
    group.interface.new_socket("Vector", in_out="OUTPUT", socket_type="NodeSocketVector")
    tree = material.node_tree
    old = next(node for node in tree.nodes if node.type == "TEX_COORD")
    source, end = group.nodes.new("ShaderNodeTexCoord"), group.nodes.new("NodeGroupOutput")
    source.object = old.object
    group.links.new(source.outputs["Object"], end.inputs[0])
    holder = tree.nodes.new("ShaderNodeGroup")
    holder.node_tree = group
    tree.links.new(holder.outputs[0], old.outputs["Object"].links[0].to_socket)
    return material


def shown(linear):
    """What a picture has of linear light: 0 to 255."""
    linear = linear.clip(0, 1)
    return 255 * np.where(linear < 0.0031308, 12.92 * linear, 1.055 * linear ** (1 / 2.4) - 0.055)


@pytest.mark.parametrize("hidden", [False, True])
@pytest.mark.parametrize("place", [lambda material: material, in_group])
def test_coordinates_of_another_object_are_where_it_is(scene, place, hidden):
    """Though it be hidden, as Blender does not bring it up to date then."""
    bpy.ops.object.empty_add()
    empty = bpy.context.object
    empty.hide_viewport = empty.hide_render = hidden
    bpy.context.view_layer.update()
    empty.location, empty.scale = (2, 0, 1), (2, 2, 2)
    bpy.ops.mesh.primitive_cube_add(location=(3, 1, 2))
    cube = bpy.context.object
    cube.data.materials.append(place(glowing("Object", "TexCoord", object=empty)))
    bpy.context.view_layer.update()
    before = snapshot()
    with evaluated(cube) as model, studio(model) as render:
        view = render(VIEW)
        world = view.points * model.sphere.radius + model.sphere.center
    assert differences(before, snapshot()) == {}
    solid = view.rgba[..., 3] == 255
    expected = shown((world[solid] - [2, 0, 1]) / 2)
    assert np.abs(view.rgba[solid][:, :3] - expected).mean() < 3  # of two samples in a pixel


def test_the_color_of_objects_is_rendered(scene):
    bpy.ops.mesh.primitive_cube_add()
    cube = bpy.context.object
    cube.data.materials.append(glowing("Color", "ObjectInfo"))
    prints = set()
    for color in ((1, 0, 0, 1), (0, 1, 0, 1)):
        cube.color = color
        with evaluated(cube) as model, studio(model) as render:
            view = render(VIEW)
            prints.add(model.fingerprint)
        assert (np.median(view.rgba[view.rgba[..., 3] == 255], 0) == np.multiply(color, 255)).all()
    assert len(prints) == 2


def test_what_a_scaled_parent_shears_is_rendered_sheared(scene):
    """Mirrored, too; and so is the object whose coordinates a material takes."""
    parent, target = (bpy.data.objects.new(name, None) for name in ("Parent", "Target"))
    bpy.ops.mesh.primitive_cube_add(size=1.2, rotation=(0.4, 0.3, 0.8))
    cube = bpy.context.object
    cube.parent = target.parent = parent
    cube.data.materials.append(glowing("Object", "TexCoord", object=target))
    target.rotation_euler, parent.scale = (0.2, 0.5, 0.7), (-0.5, 2, 1)
    for empty in (parent, target):
        scene.collection.objects.link(empty)
    bpy.context.view_layer.update()
    with evaluated(parent) as model, studio(model) as render:
        sphere = model.sphere
        points = (model.vertices - sphere.center) / sphere.radius
        camera = template_view(np.array([0.3, -0.8, 0.52]), points)
        view, corners = render(camera), camera.project(points)
    rows, columns = np.nonzero(view.rgba[..., 3] > 128)
    found = [[columns.min(), rows.min()], [columns.max() + 1, rows.max() + 1]]
    np.testing.assert_allclose(found, [corners.min(0), corners.max(0)], atol=1)
    solid = view.rgba[..., 3] == 255
    world = np.column_stack([view.points[solid] * sphere.radius + sphere.center, np.ones(solid.sum())])
    expected = shown((world @ np.array(target.matrix_world.inverted()).T)[:, :3])
    assert np.abs(view.rgba[solid][:, :3] - expected).mean() < 3
