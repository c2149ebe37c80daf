"""The list of models: what belongs together is one, and nothing is moved by that."""

import numpy as np
import pytest

bpy = pytest.importorskip("bpy")

from mathutils import Matrix  # noqa: E402

from photo_pose.inference.errors import PoseError  # noqa: E402
from photo_pose.inference.geometry import Camera, Sphere, intrinsics, look_at, rotation_from_vector  # noqa: E402
from photo_pose.inference.steps import finish  # noqa: E402
from photo_pose.inference.views.view_options import ViewOptions  # noqa: E402
from photo_pose.operators.blender.models import chosen_models  # noqa: E402
from photo_pose.operators.blender.result_text import lies  # noqa: E402
from photo_pose.operators.models.model_list import belong_together  # noqa: E402
from photo_pose.operators.pictures.model_targets import prepare  # noqa: E402

HERE = Matrix()
AWAY = Matrix.Translation((3, 1, 0))


def cube(name: str, place: Matrix = HERE, parent=None, collection=None) -> bpy.types.Object:
    bpy.ops.mesh.primitive_cube_add(size=1)
    obj = bpy.context.object
    obj.name, obj.matrix_world, obj.parent = name, place, parent
    if collection:
        obj.users_collection[0].objects.unlink(obj)
        collection.objects.link(obj)
    bpy.context.view_layer.update()
    return obj


def select(*objects) -> None:
    bpy.ops.object.select_all(action="DESELECT")
    for obj in objects:
        obj.select_set(True)


def listed(scene) -> list:
    return [item.object for item in scene.photo_pose.models]


def imported(path) -> list:
    """Blender's own import of a file of four boxes."""
    text = ""
    for number, x in enumerate((0, 1, 2, 3)):
        corners = [(x, 0, 0), (x + 1, 0, 0), (x, 1, 0), (x, 0, 1)]
        text += f"o chair_{number}\n" + "".join("v {} {} {}\n".format(*corner) for corner in corners)
        text += "".join(f"f {' '.join(str(4 * number + i) for i in face)}\n" for face in ((1, 2, 3), (1, 2, 4)))
    path.write_text(text)
    bpy.ops.wm.obj_import(filepath=str(path))
    return bpy.context.selected_objects


def test_the_parts_of_a_file_are_one_model(scene, tmp_path):
    parts = imported(tmp_path / "chair.obj")
    before = [np.array(part.matrix_world) for part in parts]
    cube("Other", AWAY)
    select(*parts)
    assert bpy.ops.photopose.add_models() == {"FINISHED"}
    (root,) = listed(scene)
    assert root.name == "chair" and root.type == "EMPTY" and set(root.children) == set(parts)
    np.testing.assert_array_equal(before, [np.array(part.matrix_world) for part in parts])


def test_several_models_stay_several_unless_they_are_to_be_one(scene):
    table, lamp = cube("Table"), cube("Lamp", AWAY)
    select(table, lamp)
    assert bpy.ops.photopose.add_models() == {"FINISHED"} and set(listed(scene)) == {table, lamp}
    assert bpy.ops.photopose.add_models(as_one=True) == {"FINISHED"}
    (root,) = listed(scene)
    assert set(root.children) == {table, lamp} and lamp.matrix_world == AWAY


@pytest.mark.parametrize(
    ("names", "told"), [(("Chair_seat", "Chair_leg"), "Chair"), (("Chair1", "Cushion"), "Chair1.001")]
)
def test_one_model_of_parts_is_named_after_what_their_names_share(scene, names, told):
    select(cube(names[0]), cube(names[1], AWAY))
    bpy.ops.photopose.add_models(as_one=True)
    assert [root.name for root in listed(scene)] == [told]


def test_parts_that_shall_be_several_are(scene, tmp_path):
    parts = imported(tmp_path / "chair.obj")
    assert bpy.ops.photopose.add_models(as_one=False) == {"FINISHED"}
    assert set(listed(scene)) == set(parts) and not any(part.parent for part in parts)


def test_all_that_a_parent_holds_is_the_parent(scene):
    bpy.ops.object.empty_add()
    parent = bpy.context.object
    parts = [cube("Seat", AWAY, parent), cube("Leg", Matrix.Translation((0, 0, 2)), parent)]
    select(*parts)
    assert bpy.ops.photopose.add_models() == {"FINISHED"} and listed(scene) == [parent]


@pytest.mark.parametrize("alone", [False, True])
def test_a_collection_that_sets_parts_apart_is_one_model(scene, alone):
    """One with all there is says nothing."""
    collection = bpy.data.collections.new("Chair")
    scene.collection.children.link(collection)
    parts = [cube("Seat", collection=collection), cube("Leg", AWAY, collection=collection)]
    if not alone:
        cube("Table", Matrix.Translation((0, 9, 0)))
    select(*parts)
    bpy.ops.photopose.add_models()
    assert set(listed(scene)) == set(parts) if alone else [one.name for one in listed(scene)] == ["Chair"]


def test_some_children_of_several_parents_keep_their_places(scene):
    """The parents turn and scale; so nothing but a matrix keeps them."""
    first, second = cube("First", Matrix.Scale(2, 4, (1, 0, 0))), cube("Second", Matrix.Rotation(1, 4, "X"))
    parts = [cube("One", AWAY, first), cube("Two", AWAY, first), cube("Three", AWAY, second)]
    before = [np.array(part.matrix_world) for part in parts[1:]]
    select(*parts[1:])
    assert bpy.ops.photopose.add_models(as_one=True) == {"FINISHED"}
    np.testing.assert_allclose([np.array(part.matrix_world) for part in parts[1:]], before, atol=1e-6)


def test_linked_objects_are_added_each_by_itself(scene, tmp_path):
    cube("Seat")
    cube("Leg")
    bpy.ops.wm.save_as_mainfile(filepath=str(tmp_path / "library.blend"))
    bpy.ops.wm.read_homefile(use_factory_startup=True, use_empty=True)
    with bpy.data.libraries.load(str(tmp_path / "library.blend"), link=True) as (source, target):
        target.objects = source.objects
    for obj in target.objects:
        bpy.context.scene.collection.objects.link(obj)
    select(*target.objects)
    assert bpy.ops.photopose.add_models() == {"FINISHED"}
    assert set(listed(bpy.context.scene)) == set(target.objects)
    with pytest.raises(RuntimeError, match=r'^Error: "\w+" is linked from another file'):
        bpy.ops.photopose.add_models(as_one=True)
    assert set(listed(bpy.context.scene)) == set(target.objects)


def test_what_was_imported_before_something_else_was_done_is_asked_about(scene, tmp_path):
    """Blender keeps the last operator only of whoever uses its interface."""
    assert not belong_together(bpy.context, [cube("One"), cube("Two", AWAY)])
    assert belong_together(bpy.context, imported(tmp_path / "chair.obj"))


def test_a_deleted_model_is_told_and_nothing_else_is_taken(scene):
    chair, table, other = cube("Chair"), cube("Table", AWAY), cube("Other", Matrix.Translation((0, 9, 0)))
    for obj in (chair, table):
        scene.photo_pose.models.add().object = obj
    select(chair)
    bpy.ops.object.delete()
    warned = []
    assert [item.present for item in scene.photo_pose.models] == [False, True]
    assert chosen_models(scene, warn=warned.append) == [table]
    assert warned == ['Model "Chair" of the list is not in the scene any more and is left out']
    bpy.data.objects.remove(table)
    with pytest.raises(PoseError, match="None of the listed models is in the scene any more"):
        chosen_models(scene)
    for _ in range(2):
        assert bpy.ops.photopose.remove_model() == {"FINISHED"}
    assert chosen_models(scene) == [other]


@pytest.mark.parametrize("mirrored", ["all", "part", "none"])
def test_a_mirrored_model_is_told_once(scene, tmp_path, mirrored):
    """A part of something symmetric is mirrored on purpose."""
    bpy.ops.mesh.primitive_monkey_add()
    monkey, warned = bpy.context.object, []
    part = cube("Part", AWAY, monkey)
    (monkey if mirrored == "all" else part).scale.x = 1 if mirrored == "none" else -1
    bpy.context.view_layer.update()
    finish(prepare([monkey], ViewOptions(subdivisions=0), tmp_path, warned.append))
    told = 'Model "Suzanne" is mirrored: make its scale positive, if the photo shows it the other way round'
    assert warned == [told] * (mirrored == "all")


def test_a_model_that_lies_is_told_from_one_that_stands():
    """By level photos of a model that was read with another axis up, and of one that was read right; from above and
    from below of a lying one its photos look as those of a standing one from its sides."""
    sphere = Sphere(np.zeros(3), 1.0)
    for turn in [(0, 0, 0), (np.pi / 2, 0, 0), (-np.pi / 2, 0, 0), (0, np.pi / 2, 0), (np.pi, 0, 0)]:
        fallen = np.eye(4)
        fallen[:3, :3] = rotation_from_vector(np.array(turn, float))
        told = []
        for azimuth in np.radians(np.arange(0, 360, 45)):
            position = 5 * np.array([np.cos(azimuth), np.sin(azimuth), 0.3])
            camera = Camera(intrinsics(400, (320, 240)), fallen @ look_at(position, np.zeros(3), 0.1), (320, 240))
            told.append(lies(camera, sphere))
        assert sum(told) == 0 if not any(turn) else sum(told) >= 5
