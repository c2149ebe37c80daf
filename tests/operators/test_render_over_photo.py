"""Renders over the photo: the photo comes out as it is, in its place, and all is taken back to what it was."""

import numpy as np
import pytest

bpy = pytest.importorskip("bpy")
pytest.importorskip("PIL")

from blender_state import differences, snapshot  # noqa: E402
from PIL import Image  # noqa: E402

from photo_pose.inference.geometry import Camera, intrinsics, look_at  # noqa: E402
from photo_pose.inference.photo.image import load_photo  # noqa: E402
from photo_pose.operators.blender import cameras  # noqa: E402

SIZE = (160, 120)
SHAPES = {  # resolution x, y, percentage, pixel aspect x, y
    "the photo's": (160, 120, 100, 1, 1),
    "wide": (320, 120, 100, 1, 1),
    "tall": (160, 200, 100, 1, 1),
    "larger, at half": (640, 480, 50, 1, 1),
    "wide pixels": (160, 120, 100, 1.6, 1),
    "tall pixels, wide": (320, 120, 50, 1, 1.5),
}
EXACT = 1.01 if bpy.app.version >= (4, 4) else 2.1  # of 255: older compositors scale by half a pixel beside


def colours() -> np.ndarray:
    """(H, W, 3): every hue, bright and dark, that changes little from pixel to pixel."""
    x, y = np.meshgrid((np.arange(160) + 0.5) / 160, (np.arange(120) + 0.5) / 120)
    return np.stack([255 * x, 255 * y, 127.5 + 127.5 * np.cos(np.pi * (x + y))], -1).round().astype(np.uint8)


@pytest.fixture
def photo(scene, tmp_path):
    """Of a cube, whose camera is in the scene."""
    Image.fromarray(colours()).save(tmp_path / "photo.png")
    bpy.ops.mesh.primitive_cube_add(size=1)
    taken = Camera(intrinsics(200, SIZE), look_at(np.array([2.0, -3, 2]), np.array([0.3, 0, 0])), SIZE)
    camera = cameras.camera_for_photo(scene, tmp_path / "photo.png")
    cameras.write_camera(scene, camera, taken)
    cameras.show_photo(camera, load_photo(tmp_path / "photo.png"))
    scene.render.engine, scene.cycles.samples, scene.cycles.use_denoising = "CYCLES", 1, False
    scene.render.dither_intensity = 0
    scene.view_settings.view_transform, scene.view_settings.exposure = "AgX", 0.7
    return tmp_path / "photo.png"


def set_shape(scene, name: str) -> None:
    render = scene.render
    render.resolution_x, render.resolution_y, render.resolution_percentage = SHAPES[name][:3]
    render.pixel_aspect_x, render.pixel_aspect_y = SHAPES[name][3:]


def rendered(scene, folder) -> np.ndarray:
    """(H, W, 4) 0..255."""
    settings = scene.render.image_settings
    settings.file_format, settings.color_mode = "PNG", "RGBA"
    scene.render.filepath = str(folder / "render.png")
    bpy.ops.render.render(write_still=True)
    return np.asarray(Image.open(folder / "render.png")).astype(int)


def in_frame(scene) -> tuple[np.ndarray, np.ndarray]:
    """What the frame shows of the photo when that is as large as fits, and where it does."""
    (width, height), render = cameras._frame_size(scene), scene.render
    scale = min(width * render.pixel_aspect_x / SIZE[0], height * render.pixel_aspect_y / SIZE[1])
    x, y = np.meshgrid(np.arange(width) + 0.5 - width / 2, np.arange(height) + 0.5 - height / 2)
    at = np.stack([x * render.pixel_aspect_x, y * render.pixel_aspect_y], -1) / scale + np.divide(SIZE, 2)
    (u, v), within = np.moveaxis(at / SIZE, -1, 0), ((at > 2) & (at < np.array(SIZE) - 2)).all(-1)
    return np.stack([255 * u, 255 * v, 127.5 + 127.5 * np.cos(np.pi * (u + v))], -1), within


@pytest.mark.parametrize("shape", SHAPES)
def test_the_photo_comes_out_as_it_is(scene, photo, tmp_path, shape):
    set_shape(scene, shape)
    alone = rendered(scene, tmp_path)
    assert bpy.ops.photopose.render_over_photo() == {"FINISHED"} and cameras.fits_render(scene, scene.camera)
    over = rendered(scene, tmp_path)
    expected, within = in_frame(scene)
    bpy.data.objects["Cube"].hide_render = True
    without = rendered(scene, tmp_path)
    assert within.mean() > 0.3
    np.testing.assert_allclose(without[within][:, :3], expected[within], atol=EXACT)
    assert (without[within][:, 3] == 255).all() and alone.shape == over.shape
    covered = (over != without).any(-1)
    assert 0.02 < covered[within].mean() < 0.5  # by the model
    np.testing.assert_array_equal(over[~covered], without[~covered])


def changes(before: dict[str, object]) -> set[str]:
    """Besides what Blender itself keeps of any compositor."""
    own = "images[Viewer Node]", "scenes[Scene].users"
    return {key for key in differences(before, snapshot()) if not key.startswith(own)}


def tree_of(scene) -> bpy.types.NodeTree | None:
    return scene.node_tree if hasattr(scene, "node_tree") else scene.compositing_node_group


def with_nodes(scene) -> bpy.types.NodeTree:
    """The user's own: what is rendered, blurred by a node of that name."""
    if hasattr(scene, "node_tree"):
        scene.use_nodes = True
        tree = scene.node_tree
        tree.nodes.clear()
        output = tree.nodes.new("CompositorNodeComposite")
    else:
        tree = scene.compositing_node_group = bpy.data.node_groups.new("Own", "CompositorNodeTree")
        tree.interface.new_socket("Image", in_out="OUTPUT", socket_type="NodeSocketColor")
        output = tree.nodes.new("NodeGroupOutput")
    layers, blur = tree.nodes.new("CompositorNodeRLayers"), tree.nodes.new("CompositorNodeBlur")
    blur.name = "Own Blur"
    tree.links.new(layers.outputs[0], blur.inputs[0])
    tree.links.new(blur.outputs[0], output.inputs[0])
    return tree


def links(tree) -> set[tuple[str, str]]:
    return {(link.from_node.name, link.to_node.name) for link in tree.links}


def test_pressed_again_all_is_as_it_was(scene, photo):
    """But for the nodes that Blender before 5 gives every scene that has any, which are not used."""
    before = snapshot()
    assert bpy.ops.photopose.render_over_photo() == {"FINISHED"}
    assert scene.view_settings.view_transform == "Standard" and scene.render.film_transparent
    assert bpy.ops.photopose.render_over_photo() == {"FINISHED"}
    assert {key for key in changes(before) if "node_tree" not in key} == set()


@pytest.mark.parametrize("used", [True, False])
def test_the_user_s_own_nodes_stay(scene, photo, used):
    """And do nothing where they did nothing before."""
    tree = with_nodes(scene)
    if not used:
        if not hasattr(scene, "node_tree"):
            pytest.skip("Blender 5 always uses them")
        scene.use_nodes = False
    before = snapshot()
    bpy.ops.photopose.render_over_photo()
    assert ("Own Blur" in {one for one, _other in links(tree) if _other != "Own Blur"}) == used
    bpy.ops.photopose.render_over_photo()
    assert changes(before) == set()
    bpy.ops.photopose.render_over_photo()
    if used:  # and what is put behind them meanwhile
        glare = tree.nodes.new("CompositorNodeGlare")
        for link in [link for link in tree.links if link.from_node.name == "Own Blur"]:
            tree.links.new(glare.outputs[0], link.to_socket)
        tree.links.new(tree.nodes["Own Blur"].outputs[0], glare.inputs[0])
        bpy.ops.photopose.render_over_photo()
        assert ("Own Blur", glare.name) in links(tree) and len(tree.nodes) == 4
        assert any(one == glare.name for one, _other in links(tree))


def laid(scene) -> set[str]:
    tree = tree_of(scene)
    return {node.image.name for node in tree.nodes if node.type == "IMAGE"} if tree else set()


def test_the_photo_is_the_active_camera_s(scene, photo, tmp_path):
    """Pressed again for another camera, it takes that one's."""
    Image.fromarray(255 - colours()).save(tmp_path / "other.png")
    bpy.ops.photopose.render_over_photo()
    other = cameras.camera_for_photo(scene, tmp_path / "other.png")
    cameras.show_photo(other, load_photo(tmp_path / "other.png"))
    for images in ({"other.png"}, set()):
        bpy.ops.photopose.render_over_photo()
        assert laid(scene) == images
    assert scene.view_settings.view_transform == "AgX" and not scene.render.film_transparent


def test_where_no_photo_is_shown_nothing_is_changed_but_taken_back(scene, photo):
    (slot,) = scene.camera.data.background_images
    slot.show_background_image = False
    before = snapshot()
    with pytest.raises(RuntimeError, match="shows no photo: match it again"):
        bpy.ops.photopose.render_over_photo()
    assert changes(before) == set()
    slot.show_background_image = True
    bpy.ops.photopose.render_over_photo()
    slot.show_background_image = False
    assert bpy.ops.photopose.render_over_photo() == {"FINISHED"} and laid(scene) == set()
    assert scene.view_settings.exposure == pytest.approx(0.7)


@pytest.mark.parametrize("first", ["shadow_catcher", "render_over_photo"])
def test_the_film_is_transparent_as_long_as_something_needs_it(scene, photo, first):
    names = ["shadow_catcher", "render_over_photo"]
    presses = [first, *(name for name in names if name != first), first, *(name for name in names if name != first)]
    seen = []
    for name in presses:
        getattr(bpy.ops.photopose, name)()
        seen.append(scene.render.film_transparent)
    assert seen == [True, True, True, False]


def test_shadows_fall_on_the_photo(scene, photo, tmp_path):
    set_shape(scene, "the photo's")
    bpy.ops.object.light_add(type="SUN", rotation=(0.9, 0, 2.2))  # from behind
    bpy.context.object.data.energy, scene.cycles.samples = 3, 4
    bpy.ops.photopose.render_over_photo()
    without = rendered(scene, tmp_path)
    bpy.ops.photopose.shadow_catcher()
    darker = (without - rendered(scene, tmp_path))[..., :3].min(-1) > 10
    assert 0.01 < darker.mean() < 0.4
