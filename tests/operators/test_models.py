"""What a model is: what a render shows of an object and its children."""

import time

import numpy as np
import pytest

bpy = pytest.importorskip("bpy")
bmesh = pytest.importorskip("bmesh")

from blender_state import differences, snapshot  # noqa: E402

from photo_pose.inference.errors import PoseError  # noqa: E402
from photo_pose.operators.blender.models import chosen_models, evaluated, scene_roots  # noqa: E402


def extent(root) -> np.ndarray:
    with evaluated(root) as model:
        return np.ptp(model.vertices, axis=0)


def fingerprint(root) -> str:
    bpy.context.view_layer.update()
    with evaluated(root) as model:
        return model.fingerprint


def cube(**options):
    bpy.ops.mesh.primitive_cube_add(size=2, **options)
    return bpy.context.object


def test_children_belong_to_their_root(scene):
    parent, child = cube(), cube(location=(4, 0, 0), scale=(1, 1, 3))
    child.parent = parent
    bpy.context.view_layer.update()
    assert scene_roots(scene) == [parent]
    np.testing.assert_allclose(extent(parent), [6, 2, 6])


def test_an_empty_can_be_a_root(scene):
    bpy.ops.object.empty_add()
    empty = bpy.context.object
    cube().parent = empty
    bpy.context.view_layer.update()
    assert scene_roots(scene) == [empty]


def test_modifiers_are_applied(scene):
    array = cube().modifiers.new("Array", "ARRAY")
    array.count = 3
    np.testing.assert_allclose(extent(bpy.context.object), [6, 2, 2])


def test_collection_instances(scene):
    collection = bpy.data.collections.new("Part")
    scene.collection.children.link(collection)
    part = cube(location=(1, 0, 0))
    scene.collection.objects.unlink(part)
    collection.objects.link(part)
    instance = bpy.data.objects.new("Instance", None)
    instance.instance_type, instance.instance_collection = "COLLECTION", collection
    instance.scale = (2, 1, 1)
    scene.collection.objects.link(instance)
    bpy.context.view_layer.update()
    np.testing.assert_allclose(extent(instance), [4, 2, 2])
    with evaluated(instance) as model:
        np.testing.assert_allclose(model.sphere.center, [2, 0, 0], atol=1e-6)


def test_instances_keep_their_own_meshes(scene):
    """Blender hands out all instances at one address: their meshes must not be mixed up."""
    collection = bpy.data.collections.new("Parts")
    scene.collection.children.link(collection)
    bpy.ops.mesh.primitive_cone_add(vertices=7)
    cone = bpy.context.object
    for obj in (cone, cube(), cube(location=(3, 0, 0))):
        scene.collection.objects.unlink(obj)
        collection.objects.link(obj)
    instance = bpy.data.objects.new("Instance", None)
    instance.instance_type, instance.instance_collection = "COLLECTION", collection
    scene.collection.objects.link(instance)
    bpy.context.view_layer.update()
    with evaluated(instance) as model:
        assert sorted(len(part.mesh.vertices) for part in model.parts) == [8, 8, 8]
        assert sorted(len(part.mesh.polygons) for part in model.parts) == [6, 6, 8]


def test_geometry_nodes_instances(scene):
    group = bpy.data.node_groups.new("Row", "GeometryNodeTree")
    group.interface.new_socket("Geometry", in_out="OUTPUT", socket_type="NodeSocketGeometry")
    kinds = ("GeometryNodeMeshLine", "GeometryNodeMeshCube", "GeometryNodeInstanceOnPoints", "NodeGroupOutput")
    line, box, place, output = (group.nodes.new(kind) for kind in kinds)
    line.inputs["Count"].default_value, line.inputs["Offset"].default_value = 4, (0, 0, 2)
    group.links.new(line.outputs[0], place.inputs["Points"])
    group.links.new(box.outputs[0], place.inputs["Instance"])
    group.links.new(place.outputs[0], output.inputs[0])
    obj = cube()
    obj.modifiers.new("Row", "NODES").node_group = group
    bpy.context.view_layer.update()
    np.testing.assert_allclose(extent(obj), [1, 1, 7], atol=1e-6)


def test_textures_and_shape_keys_survive(scene):
    obj = cube()
    obj.shape_key_add(name="Basis")
    tall = obj.shape_key_add(name="Tall")
    for point in tall.data:
        point.co.z *= 3
    tall.value = 1.0
    bpy.context.view_layer.update()
    keys = len(bpy.data.shape_keys)
    np.testing.assert_allclose(extent(obj), [2, 2, 6])
    with evaluated(obj) as model:
        assert model.parts[0].mesh.uv_layers.active is not None
    assert len(bpy.data.shape_keys) == keys


def test_objects_are_read_at_the_current_frame(scene):
    obj = cube()
    for frame, size in ((1, 1.0), (10, 5.0)):
        obj.scale = (size, 1, 1)
        obj.keyframe_insert("scale", frame=frame)
    for curve in obj.animation_data.action.fcurves if hasattr(obj.animation_data.action, "fcurves") else ():
        for key in curve.keyframe_points:
            key.interpolation = "LINEAR"
    scene.frame_set(10)
    np.testing.assert_allclose(extent(obj), [10, 2, 2])
    scene.frame_set(5, subframe=0.5)
    np.testing.assert_allclose(extent(obj), [6, 2, 2], rtol=1e-5)


def test_rigid_bodies_are_where_they_fell(scene):
    obj = cube(location=(0, 0, 50))
    bpy.ops.rigidbody.object_add()
    for frame in range(1, 21):
        scene.frame_set(frame)
    with evaluated(obj) as model:
        assert model.sphere.center[2] == pytest.approx(obj.matrix_world.translation.z) and model.sphere.center[2] < 48
        np.testing.assert_allclose(model.world_from_model, obj.matrix_world)


@pytest.mark.parametrize("kind", ["particles", "nodes"])
@pytest.mark.parametrize("emitter", [True, False])
def test_what_is_instanced_may_itself_be_hidden_in_renders(scene, kind, emitter):
    """As it mostly is; without the emitter only the instances show."""
    parent, source = cube(), cube(location=(50, 0, 0))
    source.hide_render = True
    if kind == "particles":
        parent.modifiers.new("Particles", "PARTICLE_SYSTEM")
        settings = parent.particle_systems[0].settings
        settings.type, settings.use_advanced_hair, settings.count = "HAIR", True, 20
        settings.render_type, settings.instance_object, settings.particle_size = "OBJECT", source, 1.0
        parent.show_instancer_for_render = emitter
    else:
        parent.modifiers.new("Nodes", "NODES").node_group = on_points(source, emitter)
    with evaluated(parent) as model:
        assert len(model.parts) == {"particles": 20, "nodes": 8}[kind] + emitter
        assert len(model.vertices) == 8 * len(model.parts)
    assert scene_roots(scene) == [parent]


def on_points(source, keep):
    """Nodes that put the object on all vertices, and keep these or not."""
    group = bpy.data.node_groups.new("Scatter", "GeometryNodeTree")
    for way in ("INPUT", "OUTPUT"):
        group.interface.new_socket("Geometry", in_out=way, socket_type="NodeSocketGeometry")
    kinds = ("NodeGroupInput", "GeometryNodeObjectInfo", "GeometryNodeInstanceOnPoints", "GeometryNodeJoinGeometry")
    start, info, place, join, end = (group.nodes.new(name) for name in (*kinds, "NodeGroupOutput"))
    info.inputs["Object"].default_value, info.inputs["As Instance"].default_value = source, True
    group.links.new(start.outputs[0], place.inputs["Points"])
    group.links.new(info.outputs["Geometry"], place.inputs["Instance"])
    for output in (place.outputs[0], *([start.outputs[0]] if keep else [])):
        group.links.new(output, join.inputs[0])
    group.links.new(join.outputs[0], end.inputs[0])
    return group


def test_text_and_curves_are_models(scene):
    bpy.ops.object.text_add()
    assert scene_roots(scene) == [bpy.context.object]
    assert extent(bpy.context.object)[0] > 1
    with evaluated(bpy.context.object) as model:
        assert len(model.parts) == 1


def test_edits_in_edit_mode_are_seen(scene):
    import bmesh

    obj = cube()
    bpy.ops.object.mode_set(mode="EDIT")
    mesh = bmesh.from_edit_mesh(obj.data)
    for vertex in mesh.verts:
        vertex.co.z *= 4
    bmesh.update_edit_mesh(obj.data)
    np.testing.assert_allclose(extent(obj), [2, 2, 8])
    assert bpy.context.mode == "EDIT_MESH"


def test_fingerprint_follows_looks_not_place(scene):
    obj = cube()
    first = fingerprint(obj)
    bpy.ops.mesh.primitive_cube_add(size=1)
    child = bpy.context.object
    child.parent = obj
    first = fingerprint(obj)
    obj.location = (123.4, -5, 6)
    assert fingerprint(obj) == first
    obj.scale = (0.001, 0.001, 0.001)
    assert fingerprint(obj) == first
    seen = {first}
    material = bpy.data.materials.new("Paint")
    material.use_nodes = True
    shader = material.node_tree.nodes["Principled BSDF"]
    texture = material.node_tree.nodes.new("ShaderNodeTexImage")
    texture.image = bpy.data.images.new("Pattern", 4, 4)

    def changes():
        obj.rotation_euler.z = 0.3
        yield
        obj.data.materials.append(material)
        yield
        shader.inputs["Base Color"].default_value = (1, 0, 0, 1)
        yield
        material.node_tree.links.new(texture.outputs["Color"], shader.inputs["Base Color"])
        yield
        texture.image.pixels[0] = 0.5
        yield
        texture.interpolation = "Closest"
        yield
        obj.data.vertices[0].co.x -= 0.1
        yield
        obj.data.uv_layers[0].data[0].uv = (0.9, 0.9)
        yield
        child.location.x += 0.1
        yield
        obj.scale.x *= 1.01

    for _change in changes():
        obj.data.update()
        assert fingerprint(obj) not in seen
        seen.add(fingerprint(obj))
    assert fingerprint(obj) not in seen


def test_slots_of_the_object_overrule_the_mesh(scene):
    obj = cube()
    obj.data.materials.append(bpy.data.materials.new("Of the mesh"))
    obj.material_slots[0].link = "OBJECT"
    obj.material_slots[0].material = bpy.data.materials.new("Of the object")
    bpy.context.view_layer.update()
    with evaluated(obj) as model:
        assert [material.name for material in model.parts[0].mesh.materials] == ["Of the object"]


@pytest.mark.parametrize("hidden", ["hide_render", "is_holdout"])
def test_hidden_models_are_refused(scene, hidden):
    obj = cube()
    setattr(obj, hidden, True)
    bpy.context.view_layer.update()
    with pytest.raises(PoseError, match='"Cube" has no faces that show in a render'), evaluated(obj):
        pass
    with pytest.raises(PoseError, match="no model"):
        chosen_models(scene)


def test_broken_geometry_is_refused(scene):
    wire, flat, broken = (cube(location=(5 * i, 0, 0)) for i in range(3))
    wire.data.clear_geometry()
    wire.data.from_pydata([(0, 0, 0), (1, 0, 0)], [(0, 1)], [])
    flat.data.vertices.foreach_set("co", [1.0] * 24)
    broken.data.vertices[0].co.x = float("nan")
    for obj, message in ((wire, "no faces"), (flat, "no size"), (broken, "not numbers")):
        obj.data.update()
        bpy.context.view_layer.update()
        meshes = len(bpy.data.meshes)
        with pytest.raises(PoseError, match=message), evaluated(obj):
            pass
        assert len(bpy.data.meshes) == meshes


def test_names_choose_models(scene):
    first, second = cube(), cube()
    assert chosen_models(scene, [second.name]) == [second]
    assert chosen_models(scene) == [first, second]
    with pytest.raises(PoseError, match='no object "Chair"'):
        chosen_models(scene, ["Chair"])


def stray(obj, place=(0, 0, 30)) -> None:
    """A vertex that no face uses."""
    obj.data.vertices.add(1)
    obj.data.vertices[-1].co = place
    obj.data.update()


@pytest.mark.parametrize("size", [0.0, 1e-3])
@pytest.mark.parametrize("place", ["in the mesh", "a child", "a child of a small model"])
def test_far_faces_that_are_next_to_nothing_do_not_count(scene, size, place):
    """Without area, or a speck; a thin part that is seen counts."""
    model = cube()
    mesh = model.data if place == "in the mesh" else bpy.data.meshes.new("Speck")
    bm = bmesh.new()
    bm.from_mesh(mesh)
    bm.faces.new([bm.verts.new((300 + x, y, 0)) for x, y in ((0, 0), (size, 0), (0, size))])
    bm.to_mesh(mesh)
    if place != "in the mesh":
        speck = bpy.data.objects.new("Speck", mesh)
        scene.collection.objects.link(speck)
        speck.parent = model
    model.scale = [0.01 if "small" in place else 1.0] * 3
    np.testing.assert_allclose(extent(model), 2 * np.array(model.scale), rtol=1e-5)
    pole = cube(location=(50, 0, 0))
    pole.scale, pole.parent = (50, 0.01, 0.01), model
    np.testing.assert_allclose(extent(model)[0] / model.scale[0], 101, rtol=1e-5)


def test_vertices_without_faces_count_nowhere(scene):
    obj = cube()
    clean = fingerprint(obj)
    stray(obj)
    obj.data.edges.add(1)
    obj.data.edges[-1].vertices = (0, 8)
    with evaluated(obj) as model:
        assert len(model.vertices) == 8
        assert model.sphere.radius == pytest.approx(3**0.5) and not model.sphere.center.any()
        assert model.fingerprint == clean


MODIFIERS = [  # type, settings; size in a render, size in the viewport
    ("ARRAY", {"count": 3, "show_viewport": False}, [6, 2, 2]),
    ("ARRAY", {"count": 3, "show_render": False}, [2, 2, 2]),
    ("MIRROR", {"show_render": False}, [2, 2, 2]),
]


@pytest.mark.parametrize(("kind", "settings", "size"), MODIFIERS)
def test_modifiers_are_those_of_a_render(scene, kind, settings, size):
    obj = cube()
    modifier = obj.modifiers.new("Modifier", kind)
    for name, value in settings.items():
        setattr(modifier, name, value)
    bpy.context.view_layer.update()
    before = snapshot()
    np.testing.assert_allclose(extent(obj), size)
    assert differences(before, snapshot()) == {}


def test_subdivision_is_that_of_a_render(scene):
    modifier = cube().modifiers.new("Subdivision", "SUBSURF")
    modifier.levels, modifier.render_levels = 0, 2
    with evaluated(bpy.context.object) as model:
        assert len(model.vertices) == 98
    scene.render.use_simplify, scene.render.simplify_subdivision_render = True, 1
    with evaluated(bpy.context.object) as model:
        assert len(model.vertices) == 26


def in_collection(scene, obj, name="Collection", parent=None):
    collection = bpy.data.collections.new(name)
    (parent or scene.collection).children.link(collection)
    for holder in obj.users_collection:
        holder.objects.unlink(obj)
    collection.objects.link(obj)
    return bpy.context.view_layer.layer_collection.children[name] if parent is None else collection


def hide_in_viewports(obj, _collection) -> None:
    obj.hide_viewport = True


def hide_by_the_eye(obj, _collection) -> None:
    obj.hide_set(True)


def hide_collection_in_viewports(_obj, collection) -> None:
    collection.collection.hide_viewport = True


def hide_collection_by_the_eye(_obj, collection) -> None:
    collection.hide_viewport = True


@pytest.mark.parametrize(
    "hide", [hide_in_viewports, hide_by_the_eye, hide_collection_in_viewports, hide_collection_by_the_eye]
)
def test_what_only_the_viewport_hides_is_there(scene, hide):
    parent, child = cube(), cube(location=(4, 0, 0))
    child.parent = parent
    hide(child, in_collection(scene, child))
    alone = cube(location=(0, 9, 0))
    hide(alone, in_collection(scene, alone, "Other"))
    bpy.context.view_layer.update()
    before = snapshot()
    np.testing.assert_allclose(extent(parent), [6, 2, 2])
    assert scene_roots(scene, [parent, alone]) == [parent, alone]
    assert differences(before, snapshot()) == {}


def exclude(_obj, collection) -> None:
    collection.exclude = True


def hide_collection(_obj, collection) -> None:
    collection.collection.hide_render = True


def hold_out(_obj, collection) -> None:
    collection.holdout = True


def only_reflect(_obj, collection) -> None:
    collection.indirect_only = True


def hide_from_camera(obj, _collection) -> None:
    obj.visible_camera = False


def hide_object(obj, _collection) -> None:
    obj.hide_render = True


@pytest.mark.parametrize("hide", [exclude, hide_collection, hold_out, only_reflect, hide_from_camera, hide_object])
def test_what_renders_do_not_show_is_not_there(scene, hide):
    parent, child = cube(), cube(location=(4, 0, 0))
    child.parent = parent
    hide(child, in_collection(scene, child))
    alone = cube(location=(0, 9, 0))
    hide(alone, in_collection(scene, alone, "Other"))
    bpy.context.view_layer.update()
    np.testing.assert_allclose(extent(parent), [2, 2, 2])
    assert scene_roots(scene) == [parent]
    with pytest.raises(PoseError, match='"Cube.002" has no faces that show in a render'), evaluated(alone):
        pass


@pytest.mark.parametrize(("hide", "why"), [(exclude, "excluded from the view layer"), (hide_object, "the camera icon")])
def test_what_hides_a_listed_model_is_told(scene, hide, why):
    alone = cube()
    hide(alone, in_collection(scene, alone))
    scene.photo_pose.models.add().object = alone
    with pytest.raises(PoseError, match=f'"Cube" has no faces that show in a render: .*{why}'):
        with evaluated(*chosen_models(scene)):
            pass


@pytest.mark.parametrize("hide", [hide_by_the_eye, hide_collection_by_the_eye])
def test_where_the_eye_hides_all_models_nothing_was_put_aside(scene, hide):
    alone = cube()
    hide(alone, in_collection(scene, alone))
    assert scene_roots(scene) == chosen_models(scene) == [alone]


def test_instances_show_the_members_that_renders_show(scene):
    library = bpy.data.collections.new("Library")
    outer = cube()
    seen, unseen, nested = cube(location=(3, 0, 0)), cube(location=(0, 5, 0)), cube(location=(0, 0, 7))
    for obj in (outer, seen, unseen):
        scene.collection.objects.unlink(obj)
        library.objects.link(obj)
    seen.hide_viewport, unseen.hide_render = True, True
    in_collection(scene, nested, "Nested", library).hide_render = True
    instance = bpy.data.objects.new("Instance", None)
    instance.instance_type, instance.instance_collection = "COLLECTION", library
    scene.collection.objects.link(instance)
    np.testing.assert_allclose(extent(instance), [5, 2, 2])
    assert scene_roots(scene) == [instance]


@pytest.mark.parametrize("render", [True, False])
def test_instancers_show_themselves_as_in_renders(scene, render):
    parent, child = cube(), cube(location=(0, 0, 0))
    parent.scale = (3, 3, 3)
    child.parent = parent
    parent.instance_type = "VERTS"
    parent.show_instancer_for_render, parent.show_instancer_for_viewport = render, not render
    with evaluated(parent) as model:
        assert len(model.parts) == 8 + render


def test_a_large_scene_does_not_slow_down_its_models(scene):
    """A model's time must not depend on what else there is."""
    mesh = cube().data
    others = [bpy.data.objects.new("Other", mesh) for _number in range(3000)]
    for obj in others:
        scene.collection.objects.link(obj)
    bpy.context.view_layer.update()
    began = time.perf_counter()
    for obj in others[:5]:
        extent(obj)
    assert (time.perf_counter() - began) / 5 < 0.5


class Painted:
    """A cube with a material of a texture on its UV map, and what can be changed of it."""

    def __init__(self):
        self.obj = cube()
        self.material = bpy.data.materials.new("Paint")
        self.material.use_nodes = True
        self.obj.data.materials.append(self.material)
        self.tree = self.material.node_tree
        self.shader = next(node for node in self.tree.nodes if node.type == "BSDF_PRINCIPLED")

    def node(self, kind: str, output: str = "Color", **settings) -> bpy.types.Node:
        """A new one that colours the shader."""
        node = self.tree.nodes.new(f"ShaderNode{kind}")
        for name, value in settings.items():
            setattr(node, name, value)
        self.tree.links.new(node.outputs[output], self.shader.inputs["Base Color"])
        return node

    def texture(self, image=None, by: bpy.types.Node | None = None, output: str = "UV") -> bpy.types.Node:
        node = self.node("TexImage", image=image or bpy.data.images.new("Image", 4, 4))
        if by:
            self.tree.links.new(by.outputs[output], node.inputs["Vector"])
        return node

    def changed(self, *changes) -> list[bool]:
        """Whether each of the changes gives another fingerprint than before it."""
        prints = [fingerprint(self.obj)]
        for change in changes:
            change()
            self.obj.data.update()
            prints.append(fingerprint(self.obj))
        return [one != other for one, other in zip(prints, prints[1:], strict=False)]


@pytest.fixture
def painted(scene):
    return Painted()


def test_sharp_edges_and_custom_normals_change_the_fingerprint(painted):
    mesh = painted.obj.data
    mesh.shade_smooth()
    up = [(0, 0, 1.0)] * len(mesh.loops)

    def sharpen():
        mesh.edges[0].use_edge_sharp = True

    assert painted.changed(sharpen, lambda: mesh.normals_split_custom_set(up)) == [True, True]


def picture(path, value: float):
    image = bpy.data.images.new("Picture", 8, 8)
    image.pixels.foreach_set([value] * 256)
    image.filepath_raw, image.file_format = str(path), "PNG"
    image.save()
    bpy.data.images.remove(image)


def test_a_repainted_tile_changes_the_fingerprint(painted, tmp_path):
    for tile in (1001, 1002, 1011):
        picture(tmp_path / f"tile.{tile}.png", 0.5)
    image = bpy.data.images.load(str(tmp_path / "tile.1001.png"))
    image.source, image.filepath = "TILED", str(tmp_path / "tile.<UDIM>.png")
    for tile in (1002, 1011):
        if image.tiles.get(tile) is None:
            image.tiles.new(tile)
    painted.texture(image)

    def repaint():
        pixels = np.full(len(image.pixels), 0.25, np.float32)
        image.pixels.foreach_set(pixels)

    changes = painted.changed(
        lambda: picture(tmp_path / "tile.1011.png", 0.7),
        lambda: picture(tmp_path / "tile.1002.png", 0.7),
        repaint,
        lambda: picture(tmp_path / "tile.1005.png", 0.7),  # which the image does not have
    )
    assert changes == [True, True, True, False]


def test_a_repainted_packed_image_changes_the_fingerprint(painted):
    image = bpy.data.images.new("Image", 4, 4)
    image.pack()
    painted.texture(image)
    assert painted.changed(lambda: image.pixels.foreach_set(np.full(64, 0.3, np.float32))) == [True]


@pytest.mark.parametrize("tiled", [False, True])
def test_what_is_packed_is_in_the_fingerprint(painted, tmp_path, tiled):
    for tile in (1001, 1002):
        picture(tmp_path / f"tile.{tile}.png", 0.5)
    image = bpy.data.images.load(str(tmp_path / "tile.1001.png"))
    if tiled:
        image.source, image.filepath = "TILED", str(tmp_path / "tile.<UDIM>.png")
        image.tiles.new(1002) if image.tiles.get(1002) is None else None
    painted.texture(image)

    def pack_another():
        picture(tmp_path / ("tile.1002.png" if tiled else "tile.1001.png"), 0.7)
        image.unpack(method="REMOVE")
        image.reload()
        image.pack()

    image.pack()
    assert not image.is_dirty and len(image.packed_files) == 1 + tiled
    assert painted.changed(pack_another, lambda: picture(tmp_path / "tile.1001.png", 0.8)) == [True, False]


def test_the_frame_of_a_sequence_is_in_the_fingerprint(painted, scene, tmp_path):
    for frame in range(1, 5):
        picture(tmp_path / f"film_{frame:03d}.png", frame / 10)
    image = bpy.data.images.load(str(tmp_path / "film_001.png"))
    image.source = "SEQUENCE"
    user = painted.texture(image).image_user
    user.frame_duration, user.use_auto_refresh = 4, True
    scene.frame_set(2)

    def shift():
        user.frame_offset = 1

    changes = painted.changed(
        lambda: picture(tmp_path / "film_002.png", 0.9),
        lambda: picture(tmp_path / "film_004.png", 0.9),  # another frame's
        lambda: scene.frame_set(3),
        shift,
    )
    assert changes == [True, False, True, True]


def test_what_texture_coordinates_point_to_is_in_the_fingerprint(painted):
    bpy.ops.object.empty_add(location=(1, 2, 3))
    empty = bpy.context.object
    outside = painted.node("TexCoord", "Object", object=empty)
    painted.texture(None, outside, "Object")

    def move_both():
        for obj in (painted.obj, empty):
            obj.location.x += 16

    def move_it():
        empty.location.x += 0.1

    def rename():
        empty.name = "Renamed"

    assert painted.changed(move_it, move_both, rename) == [True, False, False]


def test_what_is_in_node_groups_is_in_the_fingerprint(painted):
    group = bpy.data.node_groups.new("Group", "ShaderNodeTree")
    group.interface.new_socket("Color", in_out="OUTPUT", socket_type="NodeSocketColor")
    colour, output = group.nodes.new("ShaderNodeRGB"), group.nodes.new("NodeGroupOutput")
    group.links.new(colour.outputs[0], output.inputs[0])
    painted.node("Group", 0, node_tree=group)

    def repaint():
        colour.outputs[0].default_value = (0, 1, 0, 1)

    def rename():
        group.name, colour.name, painted.material.name = "Other", "Other", "Other"

    assert painted.changed(repaint, rename) == [True, False]


def test_drivers_are_in_the_fingerprint(painted, scene):
    curve = painted.shader.inputs["Roughness"].driver_add("default_value")
    curve.driver.expression = "frame / 100"
    assert painted.changed(lambda: scene.frame_set(40), lambda: None) == [True, False]


def test_named_layers_are_in_the_fingerprint(painted):
    mesh = painted.obj.data
    other = mesh.uv_layers.new(name="Other")
    other.data[0].uv = (0.3, 0.4)
    node = painted.node("UVMap", "UV", uv_map="UVMap")
    painted.texture(None, node)

    def name_another():
        node.uv_map = "Other"

    def swap():
        first, second = mesh.uv_layers
        first.name, second.name = "Third", "UVMap"
        mesh.uv_layers[0].name = "Other"

    def rename():
        mesh.uv_layers["Other"].name = "Renamed"
        node.uv_map = "Renamed"

    assert painted.changed(name_another, swap, rename) == [True, True, False]


def test_colour_attributes_are_in_the_fingerprint(painted):
    mesh = painted.obj.data
    for number, name in enumerate(("First", "Second", "Unused")):
        mesh.color_attributes.new(name, "FLOAT_COLOR", "POINT").data[0].color = (number, 0, 0, 1)
    node = painted.node("Attribute", attribute_name="First")
    mesh.color_attributes.render_color_index = 0

    def name_another():
        node.attribute_name = "Second"

    def repaint():
        mesh.color_attributes["Second"].data[1].color = (0.5, 0.5, 0, 1)

    def repaint_unused():
        mesh.color_attributes["Unused"].data[1].color = (0.5, 0.5, 0, 1)

    assert painted.changed(name_another, repaint, repaint_unused) == [True, True, False]


def test_names_and_what_shows_nowhere_are_not_in_the_fingerprint(painted):
    child = cube(location=(0.3, 0.7, 2.123))
    child.parent = painted.obj
    texture = painted.texture()

    def rename():
        for block in (painted.obj, painted.obj.data, painted.material, texture, texture.image, child):
            block.name = f"Another {block.name}"

    def move():
        painted.obj.location = (123.4, -57.89, 6.7)

    def add_unused():
        painted.obj.data.materials.append(bpy.data.materials.new("On no face"))
        painted.tree.nodes.new("ShaderNodeTexNoise")
        stray(painted.obj)

    def arrange():
        texture.location, texture.label, texture.use_custom_color = (5, 5), "Here", True

    assert painted.changed(rename, move, add_unused, arrange) == [False] * 4


def test_every_kind_of_node_has_a_fingerprint(painted):
    kinds = [name for name in dir(bpy.types) if name.startswith("ShaderNode") and name not in {"ShaderNode"}]
    end = next(node for node in painted.tree.nodes if node.type == "OUTPUT_MATERIAL")
    prints = set()
    for kind in kinds:
        try:
            node = painted.tree.nodes.new(kind)
        except RuntimeError:  # a base of others
            continue
        if node.outputs:
            painted.tree.links.new(node.outputs[0], end.inputs["Surface"])
            prints.add(fingerprint(painted.obj))
    assert len(prints) > 80


def test_what_the_eye_hides_is_a_model_only_where_it_is_asked_for(scene):
    """A render shows it, but whoever wants all models of the scene has put it aside."""
    bpy.ops.mesh.primitive_cube_add()
    seen = bpy.context.object
    bpy.ops.mesh.primitive_cube_add(location=(3, 0, 0))
    aside = bpy.context.object
    aside.hide_set(True)
    assert scene_roots(scene) == chosen_models(scene) == [seen]
    assert scene_roots(scene, [aside]) == chosen_models(scene, [aside.name]) == [aside]
    scene.photo_pose.models.add().object = aside
    assert chosen_models(scene) == [aside]


def test_a_scene_that_renders_a_movie_is_read_too(scene):
    obj = cube()
    image = scene.render.image_settings
    if "media_type" in image.bl_rna.properties:  # Blender 5
        image.media_type = "VIDEO"
    image.file_format = "FFMPEG"
    assert scene_roots(scene) == [obj]


def test_what_is_in_collections_with_closed_eyes_only_is_put_aside(scene):
    """Inner ones too; a model of which only a part is there is not."""
    aside, both, parent, part = (cube(location=(3 * number, 0, 0)) for number in range(4))
    part.parent = parent
    layer = in_collection(scene, aside)
    inner = bpy.data.collections.new("Inner")
    layer.collection.children.link(inner)
    layer.collection.objects.unlink(aside)
    inner.objects.link(aside)
    layer.collection.objects.link(both)
    scene.collection.objects.unlink(part)
    layer.collection.objects.link(part)
    layer.hide_viewport = True
    assert scene_roots(scene) == [both, parent]
    np.testing.assert_allclose(extent(parent), [11, 2, 2])
