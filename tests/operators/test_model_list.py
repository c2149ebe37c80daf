"""The list of models: what belongs together is one, and nothing is moved by that."""

import numpy as np
import pytest

bpy = pytest.importorskip("bpy")

from mathutils import Matrix  # noqa: E402

from photo_pose.operators.models.model_list import belong_together  # noqa: E402

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
