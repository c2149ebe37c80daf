"""Of several listed models the one that a photo shows is left in the view, and what the user has hidden stays so."""

import pytest

bpy = pytest.importorskip("bpy")

from photo_pose.operators.blender.shown_models import show_only  # noqa: E402


def cube(name: str, parent=None):
    bpy.ops.mesh.primitive_cube_add()
    obj = bpy.context.object
    obj.name, obj.parent = name, parent
    return obj


@pytest.fixture
def models(scene):
    """A listed table with a leg and a drawer, which the user has hidden, and a listed chair; a lamp that is not."""
    table, chair, lamp = cube("Table"), cube("Chair"), cube("Lamp")
    cube("Leg", table)
    cube("Drawer", table).hide_set(True)
    for obj in (table, chair):
        scene.photo_pose.models.add().object = obj
    return table, chair, lamp


def seen(scene) -> set[str]:
    return {obj.name for obj in scene.objects if not obj.hide_get()}


def show(scene, model) -> bool:
    return show_only(scene, bpy.context.view_layer, model)


def test_only_the_shown_model_is_left(scene, models):
    table, chair, lamp = models
    for _again in range(2):
        assert show(scene, chair) and seen(scene) == {"Chair", "Lamp"}
        assert show(scene, table) and seen(scene) == {"Table", "Leg", "Lamp"}
    assert not show(scene, lamp) and seen(scene) == {"Table", "Leg", "Chair", "Lamp"}  # which is not listed


def test_one_listed_model_hides_nothing(scene, models):
    scene.photo_pose.models.remove(1)
    assert not show(scene, models[0]) and seen(scene) == {"Table", "Leg", "Chair", "Lamp"}


def test_what_is_taken_off_the_list_comes_back(scene, models):
    show(scene, models[1])
    scene.photo_pose.active_model = 0
    assert bpy.ops.photopose.remove_model() == {"FINISHED"}
    assert seen(scene) == {"Table", "Leg", "Chair", "Lamp"} and not scene.photo_pose.hidden


def test_deleted_models_and_those_of_other_view_layers_do_no_harm(scene, models):
    table, chair, _lamp = models
    show(scene, chair)
    bpy.data.objects.remove(bpy.data.objects["Leg"])
    other = bpy.data.collections.new("Elsewhere")
    scene.collection.children.link(other)
    other.objects.link(table)
    scene.collection.objects.unlink(table)
    bpy.context.view_layer.layer_collection.children["Elsewhere"].exclude = True
    assert show(scene, table) and not chair.visible_get()
    assert not show(scene, chair) and chair.visible_get()


def test_a_click_on_a_photo_shows_its_model(scene, models):
    for model in models[:2]:
        data = bpy.data.cameras.new(model.name)
        data.photo_pose.model = model
        item = scene.photo_pose.photos.add()
        item.camera = bpy.data.objects.new(model.name, data)
        scene.collection.objects.link(item.camera)
    for index, names in ((0, {"Table", "Leg"}), (1, {"Chair"})):
        scene.photo_pose.active_photo = index
        assert {obj.name for obj in scene.objects if obj.type == "MESH" and not obj.hide_get()} == names | {"Lamp"}
