"""What users do between our operators, and the files that they have: each act takes a random.Random and a folder."""

from __future__ import annotations

from pathlib import Path
from random import Random

import bpy
import numpy as np
from PIL import Image

NAMES = ("Cube", "Größe 中文", "x" * 63, "a/b", "Photo Pose Monkey", "Camera", "  ", "Shot")


def make_files(folder: Path) -> None:
    """Photos, fit and unfit, models, and files of other programs, good and damaged."""
    noise = np.random.default_rng(0)
    for name, size in (("room.png", (96, 64)), ("tall.jpg", (60, 80)), ("wide.png", (600, 40)), ("tiny.png", (3, 3))):
        rows = noise.integers(0, 256, (size[1], size[0], 3), np.uint8)
        rows[size[1] // 4 : -size[1] // 4, size[0] // 4 : -size[0] // 4] = 40
        Image.fromarray(rows).save(folder / name)
    turned = Image.Exif()
    turned[0x0112] = 6
    Image.open(folder / "tall.jpg").save(folder / "turned.jpg", exif=turned)
    clear = Image.open(folder / "room.png").convert("RGBA")
    clear.putalpha(0)
    clear.save(folder / "clear.png")
    (folder / "cut.jpg").write_bytes((folder / "tall.jpg").read_bytes()[:300])
    (folder / "text.png").write_text("no picture")
    (folder / "empty.jpg").touch()
    (folder / "folder.jpg").mkdir()
    (folder / "models").mkdir()
    (folder / "models" / "flat.obj").write_text("v 0 0 0\nv 1 0 0\nv 0 1 0\nf 1 2 3\n")
    (folder / "broken").mkdir()
    (folder / "broken" / "good.obj").write_text("v 0 0 0\nv 1 0 0\nv 0 1 0\nf 1 2 3\n")
    (folder / "broken" / "none.ply").write_text("ply\n")
    (folder / "images.txt").write_text("1 1 0 0 0 0 0 0 1 room.png\n\n")
    (folder / "cameras.txt").write_text("1 PINHOLE 96 64 80 80 48 32\n")
    (folder / "bad.fspy").write_bytes(b"fspy")


def act(random: Random, folder: Path) -> str:
    """One act of a user, and what it is called."""
    chosen = random.choice(ACTS)
    try:
        chosen(random, folder)
    except (AttributeError, RuntimeError) as error:
        return f"{chosen.__name__}, which Blender refused: {error}"
    return chosen.__name__


def objects(random: Random, kind: str = "") -> bpy.types.Object | None:
    """One of them, of this kind if there is one."""
    found = [obj for obj in bpy.context.scene.objects if kind in ("", obj.type)]
    return random.choice(found) if found else None


def to_object_mode() -> None:
    if bpy.context.mode != "OBJECT" and bpy.ops.object.mode_set.poll():
        bpy.ops.object.mode_set(mode="OBJECT")


def add_model(random: Random, _folder: Path) -> None:
    to_object_mode()
    add = random.choice(["cube", "cone", "monkey", "plane"])
    place = [random.uniform(-2, 2) for _axis in range(3)]
    getattr(bpy.ops.mesh, f"primitive_{add}_add")(location=place)


def add_something(random: Random, _folder: Path) -> None:
    """Without faces, or not a mesh."""
    kind = random.choice(["mesh", "empty", "light", "text", "curve", "lattice", "points"])
    data = {
        "mesh": lambda: bpy.data.meshes.new("Bare"),
        "empty": lambda: None,
        "light": lambda: bpy.data.lights.new("Light", "SUN"),
        "text": lambda: bpy.data.curves.new("Text", "FONT"),
        "curve": lambda: bpy.data.curves.new("Curve", "CURVE"),
        "lattice": lambda: bpy.data.lattices.new("Lattice"),
        "points": lambda: bpy.data.pointclouds.new("Points"),
    }[kind]()
    bpy.context.scene.collection.objects.link(bpy.data.objects.new(kind, data))


def add_odd_mesh(random: Random, _folder: Path) -> None:
    mesh = bpy.data.meshes.new("Odd")
    far = random.choice([float("nan"), float("inf"), 1e30, 1e-30, 0.0])
    mesh.from_pydata([(0, 0, 0), (far, 0, 0), (0, far, 0)], [], [(0, 1, 2)])
    bpy.context.scene.collection.objects.link(bpy.data.objects.new("Odd", mesh))


def add_instance(random: Random, _folder: Path) -> None:
    collection = bpy.data.collections.new("Parts")
    child = objects(random, "MESH")
    if child and not child.parent:
        collection.objects.link(child)
    instance = bpy.data.objects.new("Instance", None)
    instance.instance_type, instance.instance_collection = "COLLECTION", collection
    bpy.context.scene.collection.objects.link(instance)


def add_camera(random: Random, _folder: Path) -> None:
    camera = bpy.data.objects.new("Camera", bpy.data.cameras.new("Camera"))
    camera.location = (random.uniform(-1, 1), -6, random.uniform(-1, 2))
    camera.rotation_euler = (1.5, 0, 0)
    bpy.context.scene.collection.objects.link(camera)
    bpy.context.scene.camera = camera


def change_camera(random: Random, _folder: Path) -> None:
    camera = objects(random, "CAMERA")
    if camera is None:
        return
    change = random.randrange(9)
    if change == 0:
        camera.data.type = random.choice(["ORTHO", "PANO", "PERSP"])
    elif change == 1:
        camera.constraints.new("TRACK_TO").target = objects(random)
    elif change == 2:
        camera.keyframe_insert("location")
    elif change == 3:
        camera.hide_set(True) if camera.visible_get() else camera.hide_set(False)
    elif change == 4:
        camera.scale = random.choice([(0, 0, 0), (1, -2, 1), (1e-9, 1, 1)])
    elif change == 5:
        camera.parent = objects(random, "EMPTY")
    elif change == 6:
        camera.data.shift_x, camera.data.sensor_fit = random.uniform(-2, 2), random.choice(["AUTO", "VERTICAL"])
    elif change == 7:
        camera.data.lens = random.choice([1, 50, 5000])
    else:
        other = objects(random, "CAMERA")
        camera.data = other.data


def choose_camera(random: Random, _folder: Path) -> None:
    """Blender lets any object be the camera, or none."""
    bpy.context.scene.camera = random.choice([objects(random, "CAMERA"), objects(random), None])


def move_something(random: Random, _folder: Path) -> None:
    obj = objects(random)
    if obj:
        obj.location = [random.choice([0, 1, 1e7, -3]) for _axis in range(3)]
        obj.scale = random.choice([(1, 1, 1), (0, 0, 0), (1e-8, 1, 1), (-1, 2, 3)])


def nest(random: Random, _folder: Path) -> None:
    child, parent = objects(random), objects(random)
    if child and parent and child != parent and parent not in child.children_recursive:
        child.parent = parent if child not in _ancestors(parent) else None


def _ancestors(obj: bpy.types.Object) -> list[bpy.types.Object]:
    return [obj.parent, *_ancestors(obj.parent)] if obj.parent else []


def select(random: Random, _folder: Path) -> None:
    to_object_mode()
    shown = [obj for obj in bpy.context.view_layer.objects if obj and obj.visible_get()]
    for obj in shown:
        obj.select_set(random.random() < 0.4)
    bpy.context.view_layer.objects.active = random.choice([*shown, None])


def change_mode(random: Random, _folder: Path) -> None:
    if bpy.ops.object.mode_set.poll():
        modes = {"MESH": ["EDIT", "SCULPT", "WEIGHT_PAINT", "OBJECT"]}.get(bpy.context.object.type, ["OBJECT"])
        bpy.ops.object.mode_set(mode=random.choice(modes))


def hide(random: Random, _folder: Path) -> None:
    obj = objects(random)
    if obj:
        obj.hide_render, obj.hide_viewport = random.random() < 0.5, random.random() < 0.5


def delete(random: Random, _folder: Path) -> None:
    obj = objects(random)
    if obj:
        to_object_mode()
        bpy.data.objects.remove(obj)


def delete_data(random: Random, _folder: Path) -> None:
    to_object_mode()
    blocks = [*bpy.data.meshes, *bpy.data.cameras, *bpy.data.images, *bpy.data.materials, *bpy.data.collections]
    if blocks:
        bpy.data.batch_remove([random.choice(blocks)])


def rename(random: Random, _folder: Path) -> None:
    obj = objects(random)
    if obj:
        obj.name = random.choice(NAMES)
        if obj.data:
            obj.data.name = random.choice(NAMES)


def add_modifier(random: Random, _folder: Path) -> None:
    obj = objects(random, "MESH")
    if obj:
        kind = random.choice(["SUBSURF", "ARRAY", "DECIMATE", "WIREFRAME", "NODES", "SOLIDIFY", "MASK"])
        modifier = obj.modifiers.new("Modifier", kind)
        if kind == "SUBSURF":
            modifier.levels = modifier.render_levels = 1


def change_render(random: Random, _folder: Path) -> None:
    render = bpy.context.scene.render
    render.resolution_x, render.resolution_y = random.choice([(1920, 1080), (4, 4), (100, 3000), (64, 64)])
    render.resolution_percentage = random.choice([100, 50, 1])
    render.pixel_aspect_x = random.choice([1, 2, 200])
    render.film_transparent = random.random() < 0.5
    bpy.context.scene.unit_settings.scale_length = random.choice([1, 0.001, 1000])
    bpy.context.scene.frame_set(random.randrange(50))


def other_scene(random: Random, _folder: Path) -> None:
    to_object_mode()
    if len(bpy.data.scenes) > 3:
        bpy.data.scenes.remove(random.choice(bpy.data.scenes))
    elif random.random() < 0.5:
        kinds = ["NEW", "LINK_COPY", "FULL_COPY"]  # two of EMPTY, and reading their settings, crash Blender 4.5
        bpy.ops.scene.new(type=random.choice(kinds))
    else:
        bpy.context.window.scene = random.choice(bpy.data.scenes)


def change_settings(random: Random, folder: Path) -> None:
    """As the panel and scripts can."""
    settings = bpy.context.scene.photo_pose
    settings.photo = photo(random, folder)
    settings.box = box(random)
    settings.focal_source = random.choice(["PHOTO", "CAMERA", "LENS", "ORTHO"])
    settings.active_photo, settings.active_model, settings.active_answer = (random.randrange(4) for _ in range(3))
    settings.board = objects(random)
    settings.collection = random.choice([*bpy.data.collections, None])
    settings.library = str(folder / random.choice(["library", "models"]))
    settings.subdivisions, settings.stands = random.randrange(2), random.choice(["AUTOMATIC", "UPRIGHT", "ANY_WAY"])
    if settings.models and random.random() < 0.3:
        random.choice(settings.models).object = objects(random)


def choose_in_lists(random: Random, _folder: Path) -> None:
    """A line of the lists of candidates and photos."""
    camera = objects(random, "CAMERA")
    if camera:
        camera.data.photo_pose.active_candidate = random.randrange(8)
    bpy.context.scene.photo_pose.active_photo = random.randrange(6)


def match_before(random: Random, folder: Path) -> None:
    """A camera that was matched to a photo, in a moment and to anything."""
    bpy.ops.photopose.import_cameras(filepath=str(folder / "images.txt"))
    camera = bpy.context.scene.camera
    match = camera.data.photo_pose
    match.model, match.score, match.box = objects(random, "MESH"), 0.5, box(random)
    for _number in range(random.randrange(4)):
        item = match.candidates.add()
        item.model, item.matrix = objects(random, "MESH"), np.ravel(camera.matrix_world)
        item.focal, item.principal_point = random.choice([80, 0]), (48, 32)


def change_match(random: Random, _folder: Path) -> None:
    """As scripts and broken files can."""
    camera = objects(random, "CAMERA")
    if camera and camera.data.photo_pose.photo:
        match = camera.data.photo_pose
        if random.random() < 0.5:
            match.model = random.choice([objects(random), None])
        elif match.candidates:
            random.choice(match.candidates).model = random.choice([objects(random), None])


def change_photo(random: Random, folder: Path) -> None:
    """The file is gone, or back, or another picture."""
    room, tall = folder / "room.png", folder / "tall.jpg"
    if random.random() < 0.3 and tall.exists():
        tall.unlink()
    else:
        size = random.choice([(60, 80), (96, 64)])
        Image.effect_noise(size, 50).convert("RGB").save(tall)
        Image.effect_noise((96, 64), 50).convert("RGB").save(room)


def save_and_load(random: Random, folder: Path) -> None:
    to_object_mode()
    bpy.ops.wm.save_as_mainfile(filepath=str(folder / "monkey.blend"), compress=random.random() < 0.5)
    bpy.ops.wm.open_mainfile(filepath=str(folder / "monkey.blend"))


def link_from_file(random: Random, folder: Path) -> None:
    """Objects of another file, which cannot be changed."""
    path = folder / "library.blend"
    if not path.exists():
        bpy.data.libraries.write(str(path), {obj for obj in bpy.context.scene.objects if not obj.library})
    with bpy.data.libraries.load(str(path), link=True) as (source, target):
        target.objects = source.objects
    for obj in target.objects:
        if obj and obj.name not in bpy.context.scene.collection.objects:
            bpy.context.scene.collection.objects.link(obj)
            if obj.type == "CAMERA" and random.random() < 0.5:
                bpy.context.scene.camera = obj


def new_file(random: Random, _folder: Path) -> None:
    bpy.ops.wm.read_homefile(use_factory_startup=True, use_empty=random.random() < 0.3)


def photo(random: Random, folder: Path) -> str:
    """The path of a photo, mostly a good one."""
    files = sorted(path for path in folder.iterdir() if path.suffix in {".jpg", ".png"})
    odd = [*map(str, files), "", "//room.png", str(folder / "none.jpg"), str(folder / ("x" * 300)), str(folder)]
    return str(folder / "room.png") if random.random() < 0.6 else random.choice(odd)


def box(random: Random) -> tuple[float, ...]:
    """Mostly a good one."""
    nan, inf = float("nan"), float("inf")
    odd = ((0, 0, 0, 0), (nan, 0, 5, 5), (5, 5, 5, 5), (90, 60, 10, 4), (-1e6, -1e6, 1e6, 1e6), (0, 0, inf, inf))
    return (24, 16, 72, 48) if random.random() < 0.5 else random.choice(odd)


ACTS = (
    *(add_model, add_model, add_model, add_something, add_odd_mesh, add_instance, add_camera, add_camera),
    *(change_camera, choose_camera, move_something, nest, select, select, change_mode, hide, delete, delete_data),
    *(rename, add_modifier, change_render, other_scene, change_settings, change_settings, choose_in_lists),
    *(
        choose_in_lists,
        match_before,
        match_before,
        match_before,
        match_before,
        change_match,
        change_photo,
        save_and_load,
        link_from_file,
        new_file,
    ),
)
